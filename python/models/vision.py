# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Convolutional networks: ResNet (batch normalization folded into the convolutions, as exporters do, or
# kept) and MobileNetV3-large (squeeze-and-excite, depthwise convolutions).
import math

from .builder import Builder

RESNET_BLOCKS = {
    10: ("basic", (1, 1, 1, 1)), 18: ("basic", (2, 2, 2, 2)), 34: ("basic", (3, 4, 6, 3)),
    14: ("bottleneck", (1, 1, 1, 1)), 26: ("bottleneck", (2, 2, 2, 2)),
    50: ("bottleneck", (3, 4, 6, 3)), 101: ("bottleneck", (3, 4, 23, 3)),
}


def conv(b, x, inputs, outputs, kernel, stride=1, groups=1, bias=True, gain=math.sqrt(2)):
    """A square convolution with "same" padding; fan-in counts one group's window."""
    fan_in = inputs // groups * kernel * kernel
    arguments = [x, b.weight("weight", [outputs, inputs // groups, kernel, kernel], fan_in, gain)]
    if bias:
        arguments.append(b.near("bias", [outputs], 0.0))
    return b.op("Conv", *arguments, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                pads=[kernel // 2] * 4, dilations=[1, 1], group=groups)


def batch_norm(b, x, channels):
    return b.op("BatchNormalization", x, b.near("weight", [channels], 1.0), b.near("bias", [channels], 0.0),
                b.near("running_mean", [channels], 0.0), b.near("running_var", [channels], 1.0),
                epsilon=1e-5, momentum=0.9)


def resnet(depth=50, width=64, dtype="f32", seed=0, opset=17, image_size=224, classes=1000,
           batch_norms=False):
    """ResNet of torchvision's shape. depth: one of RESNET_BLOCKS; width: channels of the first stage."""
    if depth not in RESNET_BLOCKS:
        raise ValueError(f"resnet depth {depth}: one of {sorted(RESNET_BLOCKS)}")
    kind, blocks = RESNET_BLOCKS[depth]
    expansion = 4 if kind == "bottleneck" else 1
    b = Builder(f"resnet{depth}", dtype, seed, opset)

    def unit(x, name, inputs, outputs, kernel, stride=1, gain=math.sqrt(2)):
        with b.scope(name):
            x = conv(b, x, inputs, outputs, kernel, stride, bias=not batch_norms, gain=gain)
        if not batch_norms:
            return x
        with b.scope(name.replace("conv", "bn")):
            return batch_norm(b, x, outputs)

    def block(x, inputs, planes, stride):
        outputs = planes * expansion
        skip = x if stride == 1 and inputs == outputs else unit(x, "downsample.conv", inputs, outputs, 1, stride, 1.0)
        # The branch is scaled down so that the sum of many blocks stays near 1.
        if kind == "bottleneck":
            x = b.op("Relu", unit(x, "conv1", inputs, planes, 1))
            x = b.op("Relu", unit(x, "conv2", planes, planes, 3, stride))
            x = unit(x, "conv3", planes, outputs, 1, gain=0.4)
        else:
            x = b.op("Relu", unit(x, "conv1", inputs, planes, 3, stride))
            x = unit(x, "conv2", planes, outputs, 3, gain=0.4)
        return b.op("Relu", b.op("Add", x, skip))

    x = b.input("input", ["batch", 3, image_size, image_size])
    x = b.op("Relu", unit(x, "conv1", 3, width, 7, 2))
    x = b.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=0)
    channels = width
    for stage, count in enumerate(blocks):
        planes = width << stage
        for index in range(count):
            with b.scope(f"layer{stage + 1}"), b.scope(str(index)):
                x = block(x, channels, planes, 2 if stage and index == 0 else 1)
            channels = planes * expansion
    x = b.op("Flatten", b.op("GlobalAveragePool", x), axis=1)
    with b.scope("fc"):
        x = b.op("Gemm", x, b.weight("weight", [classes, channels], channels), b.near("bias", [classes], 0.0),
                 alpha=1.0, beta=1.0, transB=1)
    b.output(x, "output", ["batch", classes])
    return b.model()


# Kernel, expansion, outputs, squeeze-and-excite, hard-swish, stride: MobileNetV3-large, table 1 of the paper.
MOBILENET_ROWS = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1))


def _round_to_8(channels):
    return max(8, int(channels + 4) // 8 * 8)


def mobilenet(depth=15, width=1.0, dtype="f32", seed=0, opset=17, image_size=224, classes=1000):
    """MobileNetV3-large. depth: how many of its 15 blocks; width: factor on every channel count."""
    if not 1 <= depth <= len(MOBILENET_ROWS):
        raise ValueError(f"mobilenet depth {depth}: from 1 to {len(MOBILENET_ROWS)}")
    b = Builder("mobilenet_v3", dtype, seed, opset)

    def hard_swish(x):
        if opset >= 14:
            return b.op("HardSwish", x)
        inner = b.op("Clip", b.op("Add", x, b.scalar(3)), b.scalar(0), b.scalar(6))
        return b.op("Div", b.op("Mul", x, inner), b.scalar(6))

    def excite(x, channels):
        inner = _round_to_8(channels // 4)
        s = b.op("GlobalAveragePool", x)
        with b.scope("fc1"):
            s = b.op("Relu", conv(b, s, channels, inner, 1))
        with b.scope("fc2"):
            s = conv(b, s, inner, channels, 1, gain=1.0)
        return b.op("Mul", b.op("HardSigmoid", s, alpha=1 / 6, beta=0.5), x)

    x = b.input("input", ["batch", 3, image_size, image_size])
    channels = _round_to_8(16 * width)
    with b.scope("features.0"):
        x = hard_swish(conv(b, x, 3, channels, 3, 2))
    for index, (kernel, expanded, outputs, squeeze, swish, stride) in enumerate(MOBILENET_ROWS[:depth]):
        activate = hard_swish if swish else (lambda value: b.op("Relu", value))
        expanded, outputs = _round_to_8(expanded * width), _round_to_8(outputs * width)
        skip = x
        with b.scope(f"features.{index + 1}"):
            if expanded != channels:
                with b.scope("expand"):
                    x = activate(conv(b, x, channels, expanded, 1))
            with b.scope("depthwise"):
                x = activate(conv(b, x, expanded, expanded, kernel, stride, groups=expanded))
            if squeeze:
                with b.scope("excite"):
                    x = excite(x, expanded)
            with b.scope("project"):
                x = conv(b, x, expanded, outputs, 1, gain=1.0)
            if stride == 1 and channels == outputs:
                x = b.op("Add", x, skip)
        channels = outputs
    last, hidden = channels * 6, _round_to_8(1280 * width)
    with b.scope("features.last"):
        x = hard_swish(conv(b, x, channels, last, 1))
    x = b.op("Flatten", b.op("GlobalAveragePool", x), axis=1)
    with b.scope("classifier.0"):
        x = hard_swish(b.op("Gemm", x, b.weight("weight", [hidden, last], last), b.near("bias", [hidden], 0.0),
                            transB=1))
    with b.scope("classifier.3"):
        x = b.op("Gemm", x, b.weight("weight", [classes, hidden], hidden), b.near("bias", [classes], 0.0), transB=1)
    b.output(x, "output", ["batch", classes])
    return b.model()
