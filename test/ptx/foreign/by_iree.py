# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The kernels of the corpus that IREE compiles: sources/*.mlir, functions on tensors; one of its kernels computes each.
import importlib.metadata as metadata
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from launches import Kernel, close, floats, out

F16, F32 = "float16", "float32"


def wide(x):
    return x.astype(np.float64)


def kernels():
    yield Kernel("product", "mma.sync f16 with padded tiles in shared memory", [3], [128],
                 [floats("a", F16, [40, 96], 400), floats("b", F16, [96, 72], 401), out("c", F32, [40, 72])],
                 lambda v: wide(v.a) @ wide(v.b), close(1e-5, 1e-4), arch="sm_80", shared=8192)
    yield Kernel("row_softmax", "loops over rows, exponentials by polynomials", [1], [32],
                 [floats("x", F32, [6, 300], 402, -4.0, 4.0), out("y", F32, [6, 300])], softmax, close(1e-5, 1e-7), arch="sm_80")
    yield Kernel("convolution_f32", "convolution without tensor cores, sizes known to the compiler", [99], [32],
                 [floats("x", F32, [1, 14, 13, 16], 403), floats("w", F32, [3, 3, 16, 24], 404), out("y", F32, [1, 12, 11, 24])],
                 convolution, close(1e-5, 1e-4), arch="sm_80")


def softmax(v):
    e = np.exp(wide(v.x) - wide(v.x).max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def convolution(v):
    return sum(wide(v.x)[:, r:r + 12, s:s + 11] @ wide(v.w)[r, s] for r in range(3) for s in range(3))


def compile(kernel, options, folder):
    """As by_nvcc.compile."""
    version = metadata.version("iree-base-compiler")
    flags = ["--iree-hal-target-backends=cuda", f"--iree-cuda-target={kernel.arch}"]
    tool = pathlib.Path(sys.executable).parent / "iree-compile"
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([tool, *flags, f"--iree-hal-dump-executable-files-to={scratch}", folder / "sources" / f"{kernel.name}.mlir",
                        "-o", f"{scratch}/module.vmfb"], check=True)
        text, = [path.read_text() for path in pathlib.Path(scratch).glob("*.ptx")]
    return text, {"source": f"sources/{kernel.name}.mlir", "compiler": "IREE " + version,
                  "command": " ".join(["iree-compile", *flags, f"{kernel.name}.mlir"])}, getattr(kernel.build, "shared", 0), []
