# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Small models with one kind of fault each, in two nodes (the second, if asked, inside a branch), and the same
# models without it (no fault changes a shape): what must be refused by name of every node at fault, and what must compile.
from onnx import TensorProto, helper

FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL


def _tensor(name, dims, value=0.5):
    count = 1
    for dim in dims:
        count *= dim
    return helper.make_tensor(name, FLOAT, dims, [value] * count)


def _model(node, opset, initializers=(), in_branch=False):
    """z = node(relu(x)) + node(relu(x)); in_branch: the second one only if a condition says so."""
    value = helper.make_tensor_value_info
    dims = ["batch", 4, 1, 4]
    nodes = [helper.make_node("Relu", ["x"], ["r"], name="innocent"), node("first_node", "r", "first")]
    inputs = [value("x", FLOAT, dims)]
    if in_branch:
        then = helper.make_graph([node("second_node", "r", "then_out")], "then", [], [value("then_out", FLOAT, None)])
        other = helper.make_graph([helper.make_node("Identity", ["r"], ["else_out"], name="keep")], "else", [],
                                  [value("else_out", FLOAT, None)])
        nodes.append(helper.make_node("If", ["condition"], ["second"], name="choose", then_branch=then, else_branch=other))
        inputs.append(value("condition", BOOL, []))
    else:
        nodes.append(node("second_node", "r", "second"))
    nodes.append(helper.make_node("Add", ["first", "second"], ["z"], name="sum"))
    graph = helper.make_graph(nodes, "fault", inputs, [value("z", FLOAT, dims)], list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def opset_too_old(faulty, in_branch=False):
    """LayerNormalization came in opset 17."""
    return _model(lambda name, x, y: helper.make_node("LayerNormalization", [x, "scale"], [y], name=name),
                  16 if faulty else 17, [_tensor("scale", [4])], in_branch)


def attribute_of_another_version(faulty, in_branch=False):
    """axes of ReduceSum became an input in opset 13."""
    return _model(lambda name, x, y: helper.make_node("ReduceSum", [x], [y], name=name, axes=[2], keepdims=1),
                  13 if faulty else 12, in_branch=in_branch)


def removed_operator(faulty, in_branch=False):
    """Upsample ended with opset 10."""
    scales = helper.make_tensor("scales", FLOAT, [4], [1, 1, 1, 1])
    return _model(lambda name, x, y: helper.make_node("Upsample", [x, "scales"], [y], name=name, mode="nearest"),
                  10 if faulty else 9, [scales], in_branch)


def unknown_operator(faulty, in_branch=False):
    """No version of ONNX has Frobnicate."""
    return _model(lambda name, x, y: helper.make_node("Frobnicate" if faulty else "Sigmoid", [x], [y], name=name),
                  17, in_branch=in_branch)


def domain_not_imported(faulty, in_branch=False):
    """A node of a domain that the model does not import."""
    domain = "com.microsoft" if faulty else ""
    return _model(lambda name, x, y: helper.make_node("Gelu", [x], [y], name=name, domain=domain),
                  20, in_branch=in_branch)


def shapes_of_weights(faulty, in_branch=False):
    """The weight has five rows where the input has four columns."""
    return _model(lambda name, x, y: helper.make_node("MatMul", [x, "weight"], [y], name=name), 17,
                  [_tensor("weight", [5 if faulty else 4, 4])], in_branch)


FAULTS = {function.__name__: function for function in (
    opset_too_old, attribute_of_another_version, removed_operator, unknown_operator, domain_not_imported,
    shapes_of_weights)}
FAULTY_NODES = {"first_node", "second_node"}
