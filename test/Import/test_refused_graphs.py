# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Graphs: names, order, types, opsets; all problems at once.
import onnx
import pytest
from hostile import F, I64, RAW, info, model, node, relu, tensor
from onnx import TensorProto, helper


def hidden_outer():
    body = helper.make_graph([node("Relu", ["x"], ["x2"]), node("Neg", ["x2"], ["x"])], "b", [],
                             [info("x")])
    return model([helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)],
                 [info("x"), info("c", (), TensorProto.BOOL)])


def hidden_by_input():
    body = helper.make_graph([node("Identity", ["go"], ["on"]), node("Neg", ["a"], ["b"])], "b",
                             [info("i", (), I64), info("go", (), TensorProto.BOOL), info("a")],
                             [info("on", (), TensorProto.BOOL), info("b")])
    return model([node("Relu", ["x"], ["a"]), helper.make_node("Loop", ["n", "", "a"], ["y"], body=body)],
                 [info("x"), info("n", (), I64)])


def untyped_input():
    m = relu()
    m.graph.input[0].ClearField("type")
    return m


def sequence_input():
    m = relu()
    m.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", F, [2]))
    return m


GRAPHS = {
    "duplicate output": (model([node("Relu", outputs=["y"]), node("Neg", outputs=["y"])]), "E0301"),
    "output is an input": (model([node("Relu", outputs=["x"]), node("Neg")]), "E0301"),
    "duplicate input": (model([node("Relu")], [info("x"), info("x")]), "E0301"),
    "duplicate initializer": (model([node("Relu")], initializers=[
        tensor(raw_data=RAW), tensor(raw_data=RAW)]), "E0301"),
    "cycle": (model([node("Add", ("x", "b"), ("a",)), node("Add", ("x", "a"), ("b",)),
                     node("Relu", ("b",))]), "E0302"),
    "own input": (model([node("Add", ("x", "y"), ("y",))]), "E0302"),
    "undefined input": (model([node("Add", ("x", "ghost"))]), "E0303"),
    "hidden outer value": (hidden_outer(), "E0304"),
    "hidden by a body's input": (hidden_by_input(), "E0304"),
    "undefined output": (model([node("Relu", outputs=["z"])]), "E0305"),
    "no outputs": (model([node("Relu")], outputs=[]), "E0305"),
    "empty op_type": (model([node("")]), "E0306"),
    "domain not imported": (model([helper.make_node("Gelu", ["x"], ["y"], domain="com.x")]), "E0307"),
    "no opset": (model([node("Relu")], imports=[helper.make_opsetid("ai.onnx.ml", 3)]), "E0307"),
    "duplicate import": (model([node("Relu")], imports=[helper.make_opsetid("", 21),
                                                        helper.make_opsetid("ai.onnx", 21)]), "E0309"),
    "opset of the future": (model([node("Relu")], opset=99), "E0310"),
    "input without type": (untyped_input(), "E0311"),
    "input is a sequence": (sequence_input(), "E0312"),
    "negative input size": (model([node("Relu")], [info("x", (-2, 3))]), "E0313"),
    "input without name": (model([node("Relu")], [info("x"), info("")]), "E0314"),
    "type of the output": (model([node("Relu")], outputs=[info("y", dtype=I64)]), "E0316"),
    "rank of the output": (model([node("Relu")], outputs=[info("y", (6,))]), "E0316"),
    "unknown operator": (model([node("RequantShift")]), "E0601"),
    "operator of a later opset": (model([node("Gelu")], opset=19), "E0602"),
    "removed operator": (model([node("Upsample", ("x", "s"))], opset=13, initializers=[
        tensor((2,), name="s", float_data=[1, 1])]), "E0606"),
    "foreign domain": (model([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")],
                             imports=[helper.make_opsetid("", 21),
                                      helper.make_opsetid("com.microsoft", 1)]), "E0808"),
    "too many inputs": (model([node("Relu", ("x", "x"))]), "E0603"),
    "required input absent": (model([node("Add", ("x", ""))]), "E0603"),
    "types differ": (model([node("Add", ("x", "z"))], [info("x"), info("z", dtype=I64)]), "E0605"),
    "type not allowed": (model([node("Relu")], [info("x", dtype=TensorProto.BOOL)],
                               [info("y", dtype=TensorProto.BOOL)]), "E0604"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_graph(check, case):
    m, code = GRAPHS[case]
    status, problems = check(m)
    assert status in (2, 3) and code in problems, problems


def test_no_opset_at_all(check):
    m = relu()
    del m.opset_import[:]
    assert "E0308" in check(m)[1]


def test_all_problems_at_once(check):
    m = model([node("Foo", ("x",), ("a",)), node("Gelu", ("a",), ("b",)), node("Add", ("b", "ghost"))],
              opset=19)
    problems = check(m)[1]
    assert {"E0601", "E0602", "E0303"} <= problems.keys()
    assert problems["E0602"]["operator"] == "Gelu" and problems["E0602"]["index"] == 1


def test_unused_imports_are_fine(check):
    assert check(model([node("Relu")], imports=[helper.make_opsetid("", 21), helper.make_opsetid(
        "org.pytorch.aten", 1)])) == (0, {})


def test_unsorted_graph(check):
    nodes = [node("Neg", ("b",)), node("Abs", ("a",), ("b",)), node("Relu", ("x",), ("a",))]
    assert check(model(nodes)) == (0, {})
