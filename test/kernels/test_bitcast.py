# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# BitCast between all element types of one width on the PTX machine: random bits, NaNs of every payload
# among them, arrive as they are.
import cameo
import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, save_model

WIDTHS = {
    64: ["double", "int64", "uint64"],
    32: ["float", "int32", "uint32"],
    16: ["float16", "bfloat16", "int16", "uint16"],
    8: ["int8", "uint8", "bool", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0"],
    4: ["int4", "uint4", "float4e2m1"],
    2: ["int2", "uint2"],
}
NUMPY = {"double": "float64", "float": "float32", "float8e4m3fn": "float8_e4m3fn", "float8e4m3fnuz": "float8_e4m3fnuz",
         "float8e5m2": "float8_e5m2", "float8e5m2fnuz": "float8_e5m2fnuz", "float8e8m0": "float8_e8m0fnu",
         "float4e2m1": "float4_e2m1fn"}


def dtype_of(name):
    name = NUMPY.get(name, name)
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def number(name):
    return getattr(TensorProto, name.upper())


def codes_of(array, width):
    """The bits of every element, whatever its type; elements below a byte have one each in NumPy."""
    raw = array.view(f"u{array.dtype.itemsize}")
    return raw & (2 ** width - 1) if width < 8 else raw


def draw(rng, name, width):
    if name == "bool":
        return rng.integers(0, 2, [3, 41]).astype(bool)
    codes = rng.integers(0, 2 ** width, [3, 41], dtype=np.uint64, endpoint=False).astype(f"u{max(width, 8) // 8}")
    if name in ("int4", "int2"):
        sign = 2 ** (width - 1)
        return ((codes.astype(np.int8) ^ sign) - sign).astype(dtype_of(name))
    return codes.view(dtype_of(name))


@pytest.mark.parametrize("width", WIDTHS)
def test_bits_arrive(width, seed, tmp_path):
    rng = np.random.default_rng([seed, width])
    pairs = [(a, b) for a in WIDTHS[width] for b in WIDTHS[width]]
    names = {n: f"x_{n}" for n in WIDTHS[width]}
    nodes = [helper.make_node("BitCast", [names[a]], [f"{a}_{b}"], to=number(b)) for a, b in pairs]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(names[n], number(n), ["m", "n"]) for n in names],
                              [helper.make_tensor_value_info(f"{a}_{b}", number(b), ["m", "n"]) for a, b in pairs])
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26)]), tmp_path / "m.onnx")
    cameo.compile(tmp_path / "m.onnx", tmp_path / "m.cameo")
    feeds = {names[n]: draw(rng, n, width) for n in names}
    results = cameo.Session(tmp_path / "m.cameo", device="sim").run(None, feeds)
    for (a, b), got in zip(pairs, results):
        want = codes_of(feeds[names[a]], width)
        assert got.dtype == dtype_of(b)
        # Of the bytes only 0 and 1 are booleans; others are true.
        np.testing.assert_array_equal(codes_of(got, width), want != 0 if b == "bool" else want, err_msg=f"{a} to {b}")


def test_bits_among_arithmetic(tmp_path):
    """Fused: the sign of a float flipped as an integer."""
    nodes = [helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node("BitCast", ["s"], ["i"], to=TensorProto.INT32),
             helper.make_node("BitwiseXor", ["i", "mask"], ["j"]), helper.make_node("BitCast", ["j"], ["y"], to=TensorProto.FLOAT)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
                              [helper.make_tensor("mask", TensorProto.INT32, [], [-2 ** 31])])
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26)]), tmp_path / "m.onnx")
    cameo.compile(tmp_path / "m.onnx", tmp_path / "m.cameo")
    x = np.linspace(-3, 3, 77, dtype=np.float32)
    np.testing.assert_array_equal(cameo.Session(tmp_path / "m.cameo", device="sim").run(None, {"x": x})[0], -x * x)
