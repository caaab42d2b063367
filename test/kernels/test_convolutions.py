# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Convolutions with channels last, counted: what their kernels move through global and shared memory against
# what the tiling needs, how many kernels a network has in each type, and that its results agree. Shapes are
# drawn; numbers are the random problems' business (test/problems, family convolution-last).
import json
import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import models

TILE = 64  # of both sides, for images that are too small to fill a device with larger ones


def convolution(path, shape, outputs, window, stride, pad, groups, dtype):
    """A convolution between the transposes of a model whose channels come last."""
    n, h, w, c = shape
    kind = {"f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}[dtype]
    weights = np.arange(outputs * c // groups * window * window, dtype=np.uint16).tobytes()  # any but one number
    nodes = [helper.make_node("Transpose", ["x"], ["first"], perm=[0, 3, 1, 2]),
             helper.make_node("Conv", ["first", "w"], ["y"], kernel_shape=[window] * 2, strides=[stride] * 2,
                              pads=[pad] * 4, group=groups),
             helper.make_node("Transpose", ["y"], ["last"], perm=[0, 2, 3, 1])]
    graph = helper.make_graph(nodes, "convolution", [helper.make_tensor_value_info("x", kind, list(shape))],
                              [helper.make_tensor_value_info("last", kind, None)],
                              [helper.make_tensor("w", kind, [outputs, c // groups, window, window], weights, raw=True)])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def image_bytes(shape, window, stride, pad, depth):
    """Bytes of the image that the taps of all positions touch, each once a tap: what lies outside costs nothing."""
    n, h, w, _ = shape

    def inside(size):
        positions = (size + 2 * pad - window) // stride + 1
        return [sum(0 <= o * stride + t - pad < size for t in range(window)) for o in range(positions)]
    return n * sum(inside(h)) * sum(inside(w)) * depth * 2


def kernels_of(cameo, path, *options):
    cameo("bench", path, "--device", "sim", "--check", "none", "--iterations", 1, "--warm-up", 0,
          "--json", path.with_suffix(".json"), *options)
    return json.loads(path.with_suffix(".json").read_text())["kernels"]


def cases(count):
    generator = random.Random(5)
    for _ in range(count):
        window, stride = generator.choice([(1, 1), (1, 2), (3, 1), (3, 2), (5, 1), (7, 2)])
        groups = generator.choice([1, 1, 2])
        yield (generator.choice([1, 2, 3]), generator.randint(8, 20), generator.randint(8, 20), 64 * groups), \
            TILE * groups * generator.choice([1, 2]), window, stride, generator.choice([0, window // 2]), groups, \
            generator.choice(["f16", "bf16"])


@pytest.mark.parametrize("shape, outputs, window, stride, pad, groups, dtype", list(cases(4)))
def test_memory(cameo, tmp_path, shape, outputs, window, stride, pad, groups, dtype):
    convolution(tmp_path / "c.onnx", shape, outputs, window, stride, pad, groups, dtype)
    (kernel,) = kernels_of(cameo, tmp_path / "c.onnx")
    counts = kernel["counts"]
    depth = shape[3] // groups
    height, width = ((size + 2 * pad - window) // stride + 1 for size in shape[1:3])
    rows = shape[0] * height * width
    columns, blocks = outputs // groups // TILE, -(-rows // TILE)
    # Each block reads its rows of the image and its columns of the weights once; rows past the last one are
    # copies of it.
    least = groups * columns * (image_bytes(shape, window, stride, pad, depth) + blocks * TILE * window * window * depth * 2)
    past = groups * columns * (blocks * TILE - rows) * window * window * depth * 2
    assert least <= counts["async_copy_bytes"] + counts["global_load_bytes"] <= least + past
    assert counts["global_load_bytes"] == 0  # everything came by cp.async
    assert counts["global_store_bytes"] == rows * outputs * 2
    # A warp of 32 x 32 sums reads four 8x8 matrices at a time: no bank is asked twice.
    assert counts["shared_load_wavefronts"] == 2 * counts["mma_instructions"]
    assert counts["shared_store_wavefronts"] == 0


@pytest.mark.parametrize("family", ["resnet", "mobilenet", "unet"])
def test_networks(cameo, tmp_path, family):
    """In f16 a network has no more kernels than in f32, whose convolutions keep their channels first."""
    launches = {}
    for dtype in ("f32", "f16"):
        onnx.save_model(models.FAMILIES[family](**{**models.TINY[family], "dtype": dtype}), tmp_path / "m.onnx")
        launches[dtype] = sum(kernel["launches"] for kernel in kernels_of(cameo, tmp_path / "m.onnx"))
    assert 0 < launches["f16"] <= launches["f32"]
