# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Quantization parameters, and the option --shape.
from hostile import F, info, model, node, tensor
from onnx import TensorProto


def quantize(scale, zero=None, x=(4, 6), **attributes):
    inputs = ("x", "s", "z") if zero is not None else ("x", "s")
    return model([node("QuantizeLinear", inputs, **attributes)], [info("x", x)],
                 [info("y", x, TensorProto.UINT8)],
                 initializers=[scale] + ([zero] if zero is not None else []))


def test_quantization(check):
    def scale(values, dims=None):
        return tensor((len(values),) if dims is None else dims, F, "s", float_data=values)

    def zero(count, dtype=TensorProto.UINT8):
        return tensor((count,), dtype, "z", int32_data=[0] * count)

    assert check(quantize(scale([0.5], ()))) == (0, {})
    assert check(quantize(scale([0.5] * 6), zero(6), axis=1)) == (0, {})
    assert "E0703" in check(quantize(scale([float("nan")], ())))[1]
    status, problems = check(quantize(scale([0.0], ())))
    assert status == 0 and "W0002" in problems
    assert "E0701" in check(quantize(scale([0.5] * 5), axis=1))[1]
    assert "E0703" in check(quantize(scale([0.5] * 6), zero(5), axis=1))[1]
    assert "E0505" in check(quantize(scale([0.5] * 6), zero(6), axis=2))[1]
    assert "E0701" in check(quantize(scale([0.5] * 4 * 4, (4, 4)), axis=1, block_size=2))[1]
    bad = tensor((6,), TensorProto.UINT8, "z", int32_data=[256] * 6)
    assert "E0109" in check(quantize(scale([0.5] * 6), bad, axis=1))[1]


def test_shape_option(check):
    m = model([node("Relu")], [info("x", ("N", 3))], [info("y", ("N", 3))])
    assert check(m, "--shape", "x=5x3") == (0, {})
    for flag in ("x=5x4", "x=5", "z=5x3"):
        assert "E0315" in check(m, "--shape", flag)[1], flag
