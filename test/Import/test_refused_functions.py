# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Local functions: recursion, arity, absent attributes, and expansion that explodes.
import onnx
from hostile import model, node
from onnx import helper

OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]


def function(name, nodes, attributes=(), inputs=("p",), outputs=("q",)):
    return helper.make_function("local", name, list(inputs), list(outputs), nodes, OPSETS,
                                list(attributes))


def call(name, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(name, list(inputs), list(outputs), domain="local", **attributes)


def chain(length):
    """f0 is a Relu; f(i+1) calls f(i) twice."""
    functions = [function("f0", [node("Relu", ("p",), ("q",))])]
    for i in range(length):
        functions.append(function(f"f{i + 1}", [call(f"f{i}", ("p",), ("t",)),
                                                call(f"f{i}", ("t",), ("q",))]))
    return model([call(f"f{length}")], imports=OPSETS, functions=functions)


def test_functions(check):
    leaky = function("leaky", [helper.make_node("LeakyRelu", ["p"], ["q"])], ["slope"])
    leaky.node[0].attribute.add(name="alpha", ref_attr_name="slope",
                                type=onnx.AttributeProto.FLOAT)
    assert check(model([call("leaky", slope=0.5)], imports=OPSETS, functions=[leaky])) == (0, {})
    assert check(chain(4)) == (0, {})
    assert "E0402" in check(model([call("leaky", other=1.0)], imports=OPSETS, functions=[leaky]))[1]
    assert "E0402" in check(model([call("leaky", ("x", "x"))], imports=OPSETS, functions=[leaky]))[1]
    assert "E0405" in check(model([call("leaky")], imports=OPSETS, functions=[leaky, leaky]))[1]
    leaky.node[0].attribute[0].ref_attr_name = "absent"
    assert "E0403" in check(model([call("leaky")], imports=OPSETS, functions=[leaky]))[1]


def test_recursion(check):
    itself = function("f", [call("f", ("p",), ("q",))])
    assert "E0401" in check(model([call("f")], imports=OPSETS, functions=[itself]))[1]
    pair = [function("f", [call("g", ("p",), ("q",))]), function("g", [call("f", ("p",), ("q",))])]
    assert "E0401" in check(model([call("f")], imports=OPSETS, functions=pair))[1]
    assert "E0401" in check(model([node("Relu")], imports=OPSETS, functions=[itself]))[1]


def test_expansion_is_counted_before_it_is_done(check):
    status, problems = check(chain(40))
    assert status == 9 and "E0404" in problems
    assert "E0404" in check(chain(6), "--max-nodes", "50")[1]


def test_deep_calls(check):
    functions = [function("f0", [node("Relu", ("p",), ("q",))])]
    for i in range(3000):
        functions.append(function(f"f{i + 1}", [call(f"f{i}", ("p",), ("q",))]))
    assert "E0404" in check(model([call("f3000")], imports=OPSETS, functions=functions))[1]
