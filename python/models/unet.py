# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A small UNet with group normalization, a time embedding and one attention block, as diffusion models have.
import math

import numpy as np

from .builder import Builder
from .vision import conv


def unet(depth=3, width=32, dtype="f32", seed=0, opset=17, image_size=32, channels=3):
    """A small diffusion UNet: `depth` resolutions, `width` channels at the first, twice as many at each next."""
    if width % 8:
        raise ValueError(f"unet width {width}: a multiple of 8 (group normalization has 8 groups)")
    b = Builder("unet", dtype, seed, opset)
    time_width = width * 4

    def group_norm(x, count, groups=8):
        # As exporters write it: groups become channels of an instance normalization, then back.
        folded = b.op("Reshape", x, b.constant([0, groups, -1]))
        ones = b.scalar(np.ones(groups)), b.scalar(np.zeros(groups))
        normal = b.op("Reshape", b.op("InstanceNormalization", folded, *ones, epsilon=1e-5), b.op("Shape", x))
        scaled = b.op("Mul", normal, b.near("weight", [count, 1, 1], 1.0))
        return b.op("Add", scaled, b.near("bias", [count, 1, 1], 0.0))

    def residual(x, time, inputs, outputs):
        skip = x
        with b.scope("norm1"):
            x = b.silu(group_norm(x, inputs))
        with b.scope("conv1"):
            x = conv(b, x, inputs, outputs, 3)
        with b.scope("time"):
            t = b.op("Gemm", b.silu(time), b.weight("weight", [outputs, time_width], time_width),
                     b.near("bias", [outputs], 0.0), transB=1)
        x = b.op("Add", x, b.op("Unsqueeze", b.op("Unsqueeze", t, b.constant([2])), b.constant([3])))
        with b.scope("norm2"):
            x = b.silu(group_norm(x, outputs))
        with b.scope("conv2"):
            x = conv(b, x, outputs, outputs, 3, gain=0.7)
        if inputs != outputs:
            with b.scope("skip"):
                skip = conv(b, skip, inputs, outputs, 1, gain=1.0)
        return b.op("Add", x, skip)

    def attention(x, count):
        batch, height, wide = b.size(x, 0), b.size(x, 2), b.size(x, 3)
        skip = x
        with b.scope("norm"):
            x = group_norm(x, count)
        flat = b.op("Transpose", b.reshape(x, batch, count, -1), perm=[0, 2, 1])
        with b.scope("qkv"):
            q, k, v = b.op("Split", b.linear(flat, count, 3 * count), b.constant([count] * 3), axis=2, outputs=3)
        scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 2, 1]))
        weights = b.op("Softmax", b.op("Mul", scores, b.scalar(count ** -0.5)), axis=-1)
        with b.scope("out"):
            mixed = b.linear(b.op("MatMul", weights, v), count, count)
        image = b.reshape(b.op("Transpose", mixed, perm=[0, 2, 1]), batch, count, height, wide)
        return b.op("Add", image, skip)

    x = b.input("sample", ["batch", channels, image_size, image_size])
    step = b.input("timestep", ["batch"])
    with b.scope("time_embedding"):
        half = width // 2
        frequencies = np.exp(-math.log(10000) * np.arange(half) / half)[None]
        angle = b.op("Mul", b.op("Unsqueeze", step, b.constant([1])), b.scalar(frequencies))
        time = b.op("Concat", b.op("Sin", angle), b.op("Cos", angle), axis=-1)
        time = b.op("Gemm", time, b.weight("weight", [time_width, width], width),
                    b.near("bias", [time_width], 0.0), transB=1)
    with b.scope("conv_in"):
        x = conv(b, x, channels, width, 3, gain=1.0)
    skips, count = [], width
    for level in range(depth):
        outputs = width << level
        with b.scope(f"down.{level}"):
            x = residual(x, time, count, outputs)
        skips.append((x, outputs))
        count = outputs
        if level + 1 < depth:
            with b.scope(f"down.{level}.pool"):
                x = conv(b, x, count, count, 3, 2, gain=1.0)
    with b.scope("middle"):
        x = attention(x, count)
    for level in reversed(range(depth)):
        skip, outputs = skips[level]
        with b.scope(f"up.{level}"):
            x = residual(b.op("Concat", x, skip, axis=1), time, count + outputs, outputs)
        count = outputs
        if level:
            with b.scope(f"up.{level}.resize"):
                # To the size of the skip that comes next, whatever rounding went on below.
                target = b.op("Concat", b.op("Slice", b.op("Shape", x), b.constant([0]), b.constant([2])),
                              b.op("Slice", b.op("Shape", skips[level - 1][0]), b.constant([2]), b.constant([4])),
                              axis=0)
                x = b.op("Resize", x, "", "", target, mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric")
                x = conv(b, x, count, count, 3, gain=1.0)
    with b.scope("norm_out"):
        x = b.silu(group_norm(x, count))
    with b.scope("conv_out"):
        x = conv(b, x, count, channels, 3, gain=1.0)
    b.output(x, "output", ["batch", channels, image_size, image_size])
    return b.model()
