# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The demo's model: a small convolutional network, trained here with NumPy alone on the handwritten digits
# that scikit-learn carries (1,797 images of 8 x 8, values 0 to 16). A quarter of the images is held out.
# Training takes seconds and is deterministic: one seed, fixed order, no dropout. The batch is dynamic.
import numpy as np
from sklearn.datasets import load_digits

from .builder import Builder

CHANNELS, CLASSES, HELD_OUT = (16, 32), 10, 449


def load():
    """Images as float32 [n, 1, 8, 8] in 0..1 and labels; (train images, train labels, held-out ...)."""
    digits = load_digits()
    order = np.random.default_rng(7).permutation(len(digits.target))
    images = (digits.images[order, None] / 16).astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    return images[HELD_OUT:], labels[HELD_OUT:], images[:HELD_OUT], labels[:HELD_OUT]


def windows(x):
    """[n, c, h, w] -> [n, h, w, c * 9]: the 3 x 3 window around every pixel, zero outside."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(*view.shape[:1], *x.shape[2:], -1)


class Conv:
    """3 x 3 convolution, ReLU, 2 x 2 max pooling; weights as a matrix [c * 9, outputs]."""

    def __init__(self, random, inputs, outputs):
        self.weight = (random.standard_normal((inputs * 9, outputs)) * np.sqrt(2 / (inputs * 9))).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.inputs = inputs

    def forward(self, x):
        self.patches = windows(x)
        y = np.maximum(self.patches @ self.weight + self.bias, 0)
        n, h, w, c = y.shape
        tiles = y.reshape(n, h // 2, 2, w // 2, 2, c)
        self.active, pooled = y > 0, tiles.max(axis=(2, 4))
        # Of equal maxima each gets its share of the gradient.
        chosen = tiles == pooled[:, :, None, :, None]
        self.share = chosen / chosen.sum(axis=(2, 4), keepdims=True)
        return pooled.transpose(0, 3, 1, 2)

    def backward(self, gradient):
        spread = self.share * gradient.transpose(0, 2, 3, 1)[:, :, None, :, None]
        flat = (spread.reshape(self.active.shape) * self.active).astype(np.float32)
        rows = flat.reshape(-1, flat.shape[-1])
        gradients = [self.patches.reshape(len(rows), -1).T @ rows, rows.sum(0)]
        # The input's gradient is the convolution with the kernel turned around.
        kernel = self.weight.reshape(self.inputs, 9, -1)[:, ::-1].transpose(2, 1, 0).reshape(-1, self.inputs)
        back = windows(flat.transpose(0, 3, 1, 2))
        n, h, w, _ = back.shape
        return (back.reshape(n * h * w, -1) @ kernel).reshape(n, h, w, -1).transpose(0, 3, 1, 2), gradients

    def parameters(self):
        return [self.weight, self.bias]

    def onnx_weight(self):
        return self.weight.T.reshape(-1, self.inputs, 3, 3)


class Linear:
    def __init__(self, random, inputs, outputs):
        self.weight = (random.standard_normal((inputs, outputs)) * np.sqrt(1 / inputs)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x):
        self.shape, self.flat = x.shape, x.reshape(len(x), -1)
        return self.flat @ self.weight + self.bias

    def backward(self, gradient):
        return (gradient @ self.weight.T).reshape(self.shape), [self.flat.T @ gradient, gradient.sum(0)]

    def parameters(self):
        return [self.weight, self.bias]


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def train(epochs=24, batch=64, seed=1, report=None):
    """Returns the trained layers. Adam with a cosine schedule; `report` gets (epoch, mean loss)."""
    images, labels, _, _ = load()
    random = np.random.default_rng(seed)
    layers = [Conv(random, 1, CHANNELS[0]), Conv(random, *CHANNELS), Linear(random, CHANNELS[1] * 4, CLASSES)]
    parameters = [p for layer in layers for p in layer.parameters()]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    steps_per_epoch, step = len(images) // batch, 0
    for epoch in range(epochs):
        order, total = random.permutation(len(images)), 0.0
        for start in range(0, steps_per_epoch * batch, batch):
            chosen = order[start:start + batch]
            logits = forward(layers, images[chosen])
            logits -= logits.max(1, keepdims=True)
            probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            picked = probability[np.arange(batch), labels[chosen]]
            total -= float(np.log(picked + 1e-9).mean())
            gradient = probability
            gradient[np.arange(batch), labels[chosen]] -= 1
            gradient, gradients = gradient / batch, []
            for layer in reversed(layers):
                gradient, own = layer.backward(gradient)
                gradients = own + gradients
            step += 1
            rate = 3e-3 * 0.5 * (1 + np.cos(np.pi * step / (steps_per_epoch * epochs)))
            for p, g, m, v in zip(parameters, gradients, first, second):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= rate * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.999 ** step)) + 1e-8)
        if report:
            report(epoch, total / steps_per_epoch)
    return layers


def accuracy(logits, labels):
    return float((np.argmax(logits, 1) == labels).mean())


def to_onnx(layers, opset=17):
    """The trained network with a dynamic batch, logits out."""
    b = Builder("digits", "f32", 0, opset)
    x = b.input("image", ["batch", 1, 8, 8])
    *convolutions, last = layers
    for index, layer in enumerate(convolutions):
        with b.scope(f"conv{index + 1}"):
            x = b.op("Conv", x, b.tensor("weight", layer.onnx_weight()), b.tensor("bias", layer.bias),
                     kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, dilations=[1, 1], group=1)
            x = b.op("MaxPool", b.op("Relu", x), kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)
    with b.scope("fc"):
        x = b.op("Gemm", b.op("Flatten", x, axis=1), b.tensor("weight", last.weight.T), b.tensor("bias", last.bias),
                 alpha=1.0, beta=1.0, transB=1)
    b.output(x, "logits", ["batch", CLASSES])
    return b.model()


def trained_digits(seed=1, opset=17, epochs=24):
    """Trains the demo's network on handwritten digits and writes it."""
    return to_onnx(train(epochs=epochs, seed=seed), opset)
