# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Small models with one kind of fault each, in two nodes (one of them inside a branch of an If), and the
# same models without it (no fault changes a shape): what must be refused by name of every node at fault, and what must compile.
from onnx import TensorProto, helper

FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL


def _tensor(name, dims, value=0.5):
    count = 1
    for dim in dims:
        count *= dim
    return helper.make_tensor(name, FLOAT, dims, [value] * count)


def _model(node, opset, initializers=(), domains=()):
    """y = node(relu(x)); then z = y or node(y), as a condition says. node(name, x, y) makes the node."""
    value = helper.make_tensor_value_info
    then = helper.make_graph([node("branch_node", "y", "then_out")], "then", [], [value("then_out", FLOAT, None)])
    other = helper.make_graph([helper.make_node("Identity", ["y"], ["else_out"], name="keep")], "else", [],
                              [value("else_out", FLOAT, None)])
    nodes = [helper.make_node("Relu", ["x"], ["r"], name="innocent"), node("main_node", "r", "y"),
             helper.make_node("If", ["condition"], ["z"], name="choose", then_branch=then, else_branch=other)]
    graph = helper.make_graph(nodes, "fault", [value("x", FLOAT, ["batch", 4, 1, 4]), value("condition", BOOL, [])],
                              [value("z", FLOAT, ["batch", 4, 1, 4])], list(initializers))
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, 1) for domain in domains]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def opset_too_old(faulty):
    """LayerNormalization came in opset 17."""
    return _model(lambda name, x, y: helper.make_node("LayerNormalization", [x, "scale"], [y], name=name),
                  16 if faulty else 17, [_tensor("scale", [4])])


def attribute_of_another_version(faulty):
    """axes of ReduceSum became an input in opset 13."""
    return _model(lambda name, x, y: helper.make_node("ReduceSum", [x], [y], name=name, axes=[2], keepdims=1),
                  13 if faulty else 12)


def removed_operator(faulty):
    """Upsample ended with opset 10."""
    scales = helper.make_tensor("scales", FLOAT, [4], [1, 1, 1, 1])
    return _model(lambda name, x, y: helper.make_node("Upsample", [x, "scales"], [y], name=name, mode="nearest"),
                  10 if faulty else 9, [scales])


def unknown_operator(faulty):
    """No version of ONNX has Frobnicate."""
    return _model(lambda name, x, y: helper.make_node("Frobnicate" if faulty else "Sigmoid", [x], [y], name=name), 17)


def domain_not_imported(faulty):
    """A node of a domain that the model does not import."""
    domain = "com.microsoft" if faulty else ""
    return _model(lambda name, x, y: helper.make_node("Gelu", [x], [y], name=name, domain=domain), 20)


def shapes_of_weights(faulty):
    """The weight has five rows where the input has four columns."""
    return _model(lambda name, x, y: helper.make_node("MatMul", [x, "weight"], [y], name=name), 17,
                  [_tensor("weight", [5 if faulty else 4, 4])])


FAULTS = {function.__name__: function for function in (
    opset_too_old, attribute_of_another_version, removed_operator, unknown_operator, domain_not_imported,
    shapes_of_weights)}
FAULTY_NODES = ("main_node", "branch_node")
