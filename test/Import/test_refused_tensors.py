# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Tensors whose sizes, fields or element types contradict each other, wherever a model may hold one.
import pytest
from hostile import I64, RAW, info, model, node, relu, with_tensor, tensor
from onnx import TensorProto, helper

TENSORS = {
    "negative dim": (tensor((-3,), raw_data=RAW), "E0101"),
    "overflow": (tensor((1 << 33, 1 << 33), raw_data=RAW), "E0102"),
    "overflow to a small number": (tensor((1 << 32, 1 << 32, 3), raw_data=RAW), "E0102"),
    "bits overflow": (tensor((1 << 61,), raw_data=RAW), "E0102"),
    "raw too short": (tensor(raw_data=RAW[:11]), "E0103"),
    "raw too long": (tensor(raw_data=RAW + b"\0"), "E0103"),
    "large raw too long": (tensor((300,), raw_data=b"\0" * 1204), "E0103"),
    "no data": (tensor(), "E0103"),
    "typed too short": (tensor(float_data=[1, 2]), "E0103"),
    "typed and raw": (tensor(raw_data=RAW, float_data=[1, 2, 3]), "E0104"),
    "two typed fields": (tensor(float_data=[1, 2, 3], int32_data=[1]), "E0104"),
    "wrong typed field": (tensor(int32_data=[1, 2, 3]), "E0105"),
    "undefined type": (tensor(dtype=0, raw_data=RAW), "E0106"),
    "unknown type": (tensor(dtype=77, raw_data=RAW), "E0106"),
    "string with raw": (tensor(dtype=TensorProto.STRING, raw_data=RAW), "E0108"),
    "int8 out of range": (tensor(dtype=TensorProto.INT8, int32_data=[1, 2, 300]), "E0109"),
    "bool is 2": (tensor(dtype=TensorProto.BOOL, int32_data=[1, 0, 2]), "E0109"),
    "raw bool is 2": (tensor(dtype=TensorProto.BOOL, raw_data=b"\1\0\2"), "E0109"),
    "odd int4 too short": (tensor((5,), TensorProto.INT4, raw_data=b"\0\0"), "E0103"),
    "odd int4 too long": (tensor((5,), TensorProto.INT4, raw_data=b"\0\0\0\0"), "E0103"),
    "odd fp4": (tensor((3,), TensorProto.FLOAT4E2M1, raw_data=b"\0"), "E0103"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensor(check, case):
    t, code = TENSORS[case]
    assert code in check(with_tensor(t))[1]
    # The same tensor as an attribute, in a subgraph, and in training_info goes through the same check.
    assert code in check(model([helper.make_node("Constant", [], ["y"], value=t)]))[1]
    m = relu()
    m.training_info.add().algorithm.initializer.append(t)
    assert code in check(m)[1]


def test_segments_are_refused(check):
    t = tensor(raw_data=RAW)
    t.segment.begin, t.segment.end = 0, 3
    assert "E0107" in check(with_tensor(t))[1]


@pytest.mark.parametrize("dtype", [v for v in TensorProto.DataType.values()])
def test_every_element_type(check, dtype):
    """Accepted, or refused as unsupported: no element type is taken for another."""
    unsupported = {TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.COMPLEX128, 27, 28}
    m = model([node("Identity")], [info("x", dtype=dtype)], [info("y", dtype=dtype)])
    status, problems = check(m)
    if dtype == TensorProto.UNDEFINED:
        assert "E0106" in problems
    elif dtype in unsupported:
        assert status == 2 and "E0803" in problems
    else:
        assert status == 0, problems


def test_sparse_initializer(check):
    m = model([node("Add", ("x", "w"))])
    sparse = m.graph.sparse_initializer.add()
    sparse.values.CopyFrom(tensor((2,), raw_data=RAW[:8]))
    sparse.indices.CopyFrom(tensor((2,), I64, "i", raw_data=b"\0" * 15))
    sparse.dims.append(3)
    assert "E0103" in check(m)[1]
