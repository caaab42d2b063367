# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Shapes and control operands: what shape inference has to refuse, and what stays an op because it is large.
import pytest
from hostile import F, I64, info, model, node, tensor, ints
from onnx import helper


def shaped(op, values, x=(2, 3), extra=(), **attributes):
    inputs = ["x"] + [f"c{i}" for i in range(len(values))]
    out = helper.make_tensor_value_info("y", F, None)
    return model([node(op, inputs, **attributes)], [info("x", x)], [out],
                 initializers=[ints(f"c{i}", v) for i, v in enumerate(values)])


SHAPES = {
    "reshape count": (shaped("Reshape", [[7]]), "E0701"),
    "reshape two -1": (shaped("Reshape", [[-1, -1]]), "E0702"),
    "reshape -2": (shaped("Reshape", [[-2]]), "E0702"),
    "reshape 0 beyond": (shaped("Reshape", [[2, 3, 0]]), "E0702"),
    "reshape -1 and 0": (shaped("Reshape", [[0, -1]], allowzero=1), "E0702"),
    "expand": (shaped("Expand", [[4]]), "E0701"),
    "expand negative": (shaped("Expand", [[-1, 2, 3]]), "E0702"),
    "tile count": (shaped("Tile", [[2]]), "E0702"),
    "tile negative": (shaped("Tile", [[-1, 1]]), "E0702"),
    "tile bomb": (shaped("Tile", [[1 << 40, 1 << 40]]), "E0702"),
    "pad count": (shaped("Pad", [[1, 1]]), "E0702"),
    "pad below zero": (shaped("Pad", [[0, -9, 0, 0]]), "E0701"),
    "slice step 0": (shaped("Slice", [[0], [1], [0], [0]]), "E0702"),
    "slice lengths": (shaped("Slice", [[0, 0], [1]]), "E0702"),
    "slice axis": (shaped("Slice", [[0], [1], [5]]), "E0505"),
    "unsqueeze twice": (shaped("Unsqueeze", [[0, 0]]), "E0505"),
    "squeeze not 1": (shaped("Squeeze", [[0]]), "E0701"),
    "gather out of range": (shaped("Gather", [[2]]), "E0702"),
    "topk negative": (shaped("TopK", [[-1]]), "E0603"),
    "matmul": (model([node("MatMul", ("x", "z"))], [info("x"), info("z")]), "E0701"),
    "broadcast": (model([node("Add", ("x", "z"))], [info("x"), info("z", (4,))]), "E0701"),
    "concat": (model([node("Concat", ("x", "z"), axis=0)], [info("x"), info("z", (2, 4))]), "E0701"),
    "split": (shaped("Split", [[1, 2]], axis=0), "E0702"),
    "split sum": (shaped("Split", [[3]], axis=0), "E0701"),
    "conv channels": (model([node("Conv", ("x", "w"))], [info("x", (1, 3, 8, 8)),
                                                         info("w", (4, 2, 3, 3))]), "E0701"),
    "constant of shape bomb": (model([node("ConstantOfShape", ("c",))], [], [
        info("y", (1,))], initializers=[ints("c", [1 << 40, 1 << 40])]), "E0702"),
    "constant of negative shape": (model([node("ConstantOfShape", ("c",))], [], [
        info("y", (1,))], initializers=[ints("c", [-1])]), "E0702"),
    "range without end": (model([node("Range", ("a", "b", "c"))], [], [info("y", (1,), I64)],
                                initializers=[tensor((), I64, n, int64_data=[v])
                                              for n, v in (("a", 0), ("b", 5), ("c", 0))]), "E0702"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shape(check, case):
    m, code = SHAPES[case]
    status, problems = check(m)
    assert status == 3 and code in problems, problems


def constant(name, value):
    return tensor((1,), F, name, float_data=[value])


BOMBS = {
    "expand": (node("Expand", ("v", "c")), [ints("c", [1 << 20, 1 << 12])]),
    "tile": (node("Tile", ("v", "c")), [ints("c", [1 << 32])]),
    "pad": (node("Pad", ("v", "c")), [ints("c", [1 << 31, 1 << 31])]),
    "resize": (helper.make_node("Resize", ["v", "", "", "c"], ["y"]), [ints("c", [1 << 32])]),
}


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_of_constants_are_not_folded(check, case):
    """A constant of one element that would fold to gigabytes: legal, and it stays an op."""
    bomb, sizes = BOMBS[case]
    m = model([bomb], [], [helper.make_tensor_value_info("y", F, None)],
              initializers=[constant("v", 1.0), *sizes])
    assert check(m) == (0, {})


def test_sizes_that_overflow(check):
    for op in ("Expand", "Tile"):
        assert "E0702" in check(shaped(op, [[1 << 40, 1 << 40]], x=(1, 1)))[1], op
    status, problems = check(shaped("Pad", [[1 << 62, 0, 1 << 62, 0]]))
    assert status == 3 and problems.keys() == {"E0702"}


def test_symbols_that_conflict(check):
    """Two names for what has to be one size are compared at launch; a name and a number that cannot meet
    are refused where both are known."""
    y = helper.make_tensor_value_info("y", F, None)
    add = [node("Add", ("x", "z"))]
    assert check(model(add, [info("x", ("N", 3)), info("z", ("M", 3))], [y])) == (0, {})
    assert "E0701" in check(model(add, [info("x", ("N", 3)), info("z", ("N", 4))], [y]))[1]
    m = model([node("MatMul", ("x", "z"))], [info("x", ("N", 3)), info("z", (4, "N"))], [y])
    assert "E0701" in check(m)[1]


def test_huge_values_stay_ops(check):
    """Above the cap a value is legal and is not folded; a splat costs nothing."""
    big = [1 << 20, 1 << 12]
    m = model([node("ConstantOfShape", ("c",))], [], [info("y", big)], initializers=[ints("c", big)])
    assert check(m) == (0, {})
    scalars = [tensor((), I64, n, int64_data=[v]) for n, v in (("a", 0), ("b", 1 << 40), ("c", 1))]
    m = model([node("Range", ("a", "b", "c"))], [], [info("y", (1 << 40,), I64)],
              initializers=scalars)
    assert check(m) == (0, {})


def test_a_size_that_is_data_is_refused(check):
    m = model([node("Abs", ("s",), ("t",)), node("Cast", ("t",), ("u",), to=I64),
               node("Reshape", ("x", "u"))], [info("x"), info("s", (2,))])
    status, problems = check(m)
    assert status == 2 and problems["E0806"]["operator"] == "Reshape"


def test_a_size_that_is_an_input_is_read(check):
    y = helper.make_tensor_value_info("y", F, None)
    assert check(model([node("Reshape", ("x", "s"))], [info("x"), info("s", (2,), I64)], [y])) == (0, {})
