# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Exact counts of products on the matrix engine, by the PTX machine, at sizes drawn at random: no two lanes of a load
# from shared memory meet in a bank (128 bytes a pass), every multiply-add is one of mma.sync, the operands are
# read from global memory once for each tile that they meet, and the sectors that results are stored to are filled by one
# access each. Operands lie either way round.
import json
import random

import onnx
import pytest
from onnx import TensorProto, helper

KINDS = {"f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16, "s8": TensorProto.INT8, "f64": TensorProto.DOUBLE}
# Bytes of an element; sides of the large tile (chosen when it fills 108 multiprocessors) and of the small one.
BYTES = {"f16": 2, "bf16": 2, "s8": 1, "f64": 8}
TILES = {"f16": (128, 64), "bf16": (128, 64), "s8": (128, 64), "f64": (64, 32)}


def model(kind, sides, turned, path):
    """a (m x k) times b (k x n), each stored as it is or as its transpose."""
    m, n, k = sides
    element, result = KINDS[kind], TensorProto.INT32 if kind == "s8" else KINDS[kind]
    shapes, nodes, names = [[m, k], [k, n]], [], []
    for name, shape, turn in zip("ab", shapes, turned):
        names.append(name + "t" if turn else name)
        if turn:
            shape.reverse()
            nodes.append(helper.make_node("Transpose", [name], [name + "t"], perm=[1, 0]))
    nodes.append(helper.make_node("MatMulInteger" if kind == "s8" else "MatMul", names, ["c"]))
    inputs = [helper.make_tensor_value_info(name, element, shape) for name, shape in zip("ab", shapes)]
    graph = helper.make_graph(nodes, "product", inputs, [helper.make_tensor_value_info("c", result, [m, n])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["small", "large"])
@pytest.mark.parametrize("kind", KINDS)
def test_main_loops_by_count(kind, large, cameo, tmp_path, seed):
    generator = random.Random(f"{seed} {kind} {large}")
    tile = TILES[kind][0 if large else 1]
    # Whole chunks of 16 bytes, whole tiles or not.
    blocks = [generator.randint(11, 12), 10] if large else [generator.randint(2, 3), generator.randint(1, 4)]
    m, n = (tile * count - 16 * generator.randint(0, 1) for count in blocks)
    k = 16 * generator.randint(5, 9)
    turned = [generator.random() < 0.5, generator.random() < 0.5]
    model(kind, (m, n, k), turned, tmp_path / "m.onnx")
    cameo("bench", tmp_path / "m.onnx", "--device", "sim", "--json", tmp_path / "counts.json")
    (kernel,) = json.loads((tmp_path / "counts.json").read_text())["kernels"]
    counts, what = kernel["counts"], f"{m} x {n} x {k}, turned {turned}"
    assert counts["shared_load_wavefronts"] * 128 == counts["shared_load_bytes"] > 0, what
    assert counts["mma_fma"] >= m * n * k and counts["fma"] == 0, what
    copied = (blocks[0] * blocks[1] * 2 * tile) * k * BYTES[kind]
    assert counts["async_copy_bytes"] <= 1.05 * copied, what
    stored = m * n * (4 if kind == "s8" else BYTES[kind])
    assert counts["global_store_bytes"] == stored >= 0.95 * 32 * counts["global_store_sectors"], what
