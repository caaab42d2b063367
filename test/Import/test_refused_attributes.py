# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Attributes: of a wrong type or value, missing, doubled; and legal values that are not supported.
import onnx
import pytest
from hostile import info, model, node
from onnx import helper


def with_attribute(m, **changes):
    a = m.graph.node[0].attribute.add()
    for key, value in changes.items():
        getattr(a, key).extend(value) if isinstance(value, list) else setattr(a, key, value)
    return m


POOL = dict(inputs=[info("x", (1, 1, 8, 8))], outputs=[info("y", (1, 1, 4, 4))])
CONV = dict(inputs=[info("x", (1, 4, 8, 8)), info("w", (4, 4, 3, 3))],
            outputs=[info("y", (1, 4, 6, 6))])
INT, INTS, FLOAT = (onnx.AttributeProto.INT, onnx.AttributeProto.INTS, onnx.AttributeProto.FLOAT)
ATTRIBUTES = {
    "unknown": (model([node("Relu", slope=1.0)]), "E0501"),
    "of another version": (model([node("Squeeze", axes=[0])], [info("x", (1, 3))], [
        info("y", (3,))], opset=17), "E0501"),
    "wrong type": (model([node("LeakyRelu", alpha=1)]), "E0502"),
    "missing": (model([node("Cast")]), "E0503"),
    "twice": (with_attribute(model([node("LeakyRelu", alpha=0.1)]), name="alpha", type=FLOAT, f=1.0),
              "E0504"),
    "two values": (with_attribute(model([node("LeakyRelu")]), name="alpha", type=FLOAT, f=1.0, i=3),
                   "E0506"),
    "NaN": (model([node("LeakyRelu", alpha=float("nan"))]), "E0505"),
    "infinite": (model([node("LeakyRelu", alpha=float("inf"))]), "E0505"),
    "axis": (model([node("Softmax", axis=2)]), "E0505"),
    "axis below": (model([node("Softmax", axis=-3)]), "E0505"),
    "duplicate axes": (model([node("ReduceSum", axes=[0, 0])], opset=11), "E0505"),
    "same axis twice": (model([node("ReduceMax", axes=[0, -2])], opset=11), "E0505"),
    "perm": (model([node("Transpose", perm=[0, 0])]), "E0505"),
    "perm rank": (model([node("Transpose", perm=[0, 2, 1])]), "E0505"),
    "stride 0": (model([node("MaxPool", kernel_shape=[2, 2], strides=[0, 2])], **POOL), "E0505"),
    "negative dilation": (model([node("MaxPool", kernel_shape=[2, 2], dilations=[-1, 1])], **POOL),
                          "E0505"),
    "negative pad": (model([node("MaxPool", kernel_shape=[2, 2], pads=[-1, 0, 0, 0])], **POOL),
                     "E0505"),
    "pads length": (model([node("MaxPool", kernel_shape=[2, 2], pads=[1, 1])], **POOL), "E0505"),
    "kernel 0": (model([node("MaxPool", kernel_shape=[0, 2])], **POOL), "E0505"),
    "group 0": (model([node("Conv", ("x", "w"), group=0)], **CONV), "E0505"),
    "group": (model([node("Conv", ("x", "w"), group=3)], **CONV), "E0701"),
    "kernel_shape of others": (model([node("Conv", ("x", "w"), kernel_shape=[5, 5])], **CONV),
                               "E0701"),
    "auto_pad": (model([node("Conv", ("x", "w"), auto_pad="SOME")], **CONV), "E0505"),
    "keepdims": (model([node("ReduceMean", keepdims=2)], opset=13), "E0505"),
    "blocksize 0": (model([node("DepthToSpace", blocksize=0)], [info("x", (1, 4, 2, 2))]), "E0505"),
    "direction": (model([node("BitShift", ("x", "x"), direction="UP")], [info("x", dtype=2)],
                        [info("y", dtype=2)]), "E0505"),
    "reference outside functions": (with_attribute(model([node("LeakyRelu")]), name="alpha",
                                                   type=FLOAT, ref_attr_name="a"), "E0403"),
    "einsum": (model([node("Einsum", equation="ij,jk->ik")]), "E0505"),
    "two constants": (model([helper.make_node("Constant", [], ["y"], value_int=1, value_float=1.0)]),
                      "E0505"),
}


@pytest.mark.parametrize("case", ATTRIBUTES)
def test_attribute(check, case):
    m, code = ATTRIBUTES[case]
    status, problems = check(m)
    assert status == 3 and code in problems, problems


def test_unsupported_attribute_values_are_told_apart(check):
    m = model([node("BatchNormalization", ("x", "s", "b", "m", "v"), ("y",), training_mode=1)],
              [info("x", (2, 3))] + [info(n, (3,)) for n in "sbmv"])
    status, problems = check(m)
    assert status == 2 and "training_mode is 0" in problems["E0804"]["supported"]
