# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Models made for tests and benches, so that the repository holds no binary ones. FAMILIES maps a name to
# the function that builds it; TINY holds, for each, options that make it small enough for a unit test.
from .builder import DTYPES, Builder, save
from .digits import trained_digits
from .mamba import mamba
from .transformers import bert, gpt, vit
from .unet import unet
from .vision import mobilenet, resnet

FAMILIES = {
    "bert": bert, "digits": trained_digits, "gpt": gpt, "mamba": mamba, "mobilenet": mobilenet, "resnet": resnet,
    "unet": unet, "vit": vit,
}

TINY = {
    "bert": dict(depth=2, width=32, heads=4, vocabulary=97, positions=64),
    "digits": dict(epochs=1),
    "gpt": dict(depth=2, width=32, heads=4, vocabulary=101, positions=64),
    "mamba": dict(width=16, state=4),
    "mobilenet": dict(depth=6, width=0.25, image_size=48, classes=10),
    "resnet": dict(depth=14, width=8, image_size=48, classes=10),
    "unet": dict(depth=2, width=16, image_size=16),
    "vit": dict(depth=2, width=32, heads=4, image_size=32, patch=8, classes=10),
}

__all__ = ["DTYPES", "FAMILIES", "TINY", "Builder", "save"]
