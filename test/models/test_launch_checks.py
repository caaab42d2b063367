# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What a bundle cannot know before it sees sizes, the launch checks: each model here is right for some sizes,
# which agree with ONNX Runtime, and wrong for others, which are refused with the node's name before anything
# runs. Among them are conditions of operators that are taken apart while compiling, and of a branch that
# sizes choose: they hold only where it runs.
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from models.inputs import write_data_set

F32, I64 = TensorProto.FLOAT, TensorProto.INT64


def value(name, shape, kind=F32):
    return helper.make_tensor_value_info(name, kind, shape)


def integers(name, *values):
    return helper.make_tensor(name, I64, [len(values)], values)


def model_of(nodes, inputs, outputs, initializers=(), opset=17):
    graph = helper.make_graph(nodes, "test", inputs, [value(o, None, kind) for o, kind in outputs], list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def single(op, inputs, outputs=("y",), initializers=(), opset=17, **attributes):
    names = [i.name for i in inputs] + [i.name for i in initializers]
    return model_of([helper.make_node(op, names, list(outputs), f"the {op}", **attributes)], inputs,
                    [(o, I64 if o == "positions" else F32) for o in outputs], initializers, opset)


def expand_like():
    nodes = [helper.make_node("Shape", ["w"], ["s"]), helper.make_node("Expand", ["x", "s"], ["y"], "the Expand")]
    return model_of(nodes, [value("x", ["A", "B"]), value("w", ["C", "D"])], [("y", F32)])


def branch_of_large_ones():
    """Rows of four where there are more than four elements, else the elements."""
    def branch(name, shape):
        return helper.make_graph([helper.make_node("Reshape", ["x", shape], [name + "0"], f"reshape {name}"),
                                  helper.make_node("ReduceSum", [name + "0", "last"], [name], keepdims=0)],
                                 name, [], [value(name, [None])])
    nodes = [helper.make_node("Size", ["x"], ["n"]), helper.make_node("Greater", ["n", "four"], ["large"]),
             helper.make_node("If", ["large"], ["z"], then_branch=branch("t", "rows"), else_branch=branch("e", "flat")),
             helper.make_node("ReduceSum", ["z"], ["y"], keepdims=0)]
    return model_of(nodes, [value("x", ["N"])], [("y", F32)],
                    [helper.make_tensor("four", I64, [], [4]), integers("rows", -1, 4), integers("flat", 1, -1),
                     integers("last", 0)])


def sizes(*shapes):
    return {name: shape for name, shape in zip("xw", shapes)}


# The model, sizes that fit, sizes that do not, and what the refusal says.
CASES = {
    "expand": (expand_like(), sizes((1, 3), (4, 1)), sizes((2, 3), (5, 3)), "do not broadcast"),
    "split": (single("Split", [value("x", ["N"])], ("y", "z"), [integers("parts", 2, 3)]),
              sizes((5,)), sizes((6,)), "sum of the parts"),
    "equal split": (single("Split", [value("x", ["N"])], ("y", "z")), sizes((6,)), sizes((5,)), "equal parts"),
    "top k": (single("TopK", [value("x", ["N"])], ("y", "positions"), [integers("k", 3)]),
              sizes((4,)), sizes((2,)), "k = 3"),
    "pad of nothing": (single("Pad", [value("x", ["N"])], initializers=[integers("pads", 1, 1)], mode="edge"),
                       sizes((2,)), sizes((0,)), "no element to repeat"),
    "row two": (single("Gather", [value("x", ["N", 3])], initializers=[helper.make_tensor("i", I64, [], [2])]),
                sizes((3, 3)), sizes((2, 3)), "the index 2 is outside a dimension of size N"),
    "last rows": (single("Gather", [value("x", ["N", "M"])], initializers=[helper.make_tensor("i", I64, [1, 1], [-2])],
                         axis=1), sizes((3, 2)), sizes((3, 1)), "the index -2 is outside a dimension of size M"),
    "branch": (branch_of_large_ones(), sizes((8,)), sizes((6,)), "numbers of elements differ"),
    "other branch": (branch_of_large_ones(), sizes((3,)), None, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_sizes_are_checked_before_the_launch(cameo, tmp_path, name):
    model, good, bad, message = CASES[name]
    path, bundle = tmp_path / "model.onnx", tmp_path / "model.cameo"
    onnx.save_model(model, path)
    cameo("compile", path, "-o", bundle)

    def run(shapes, **more):
        inputs = {key: np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
                  for key, shape in shapes.items()}
        write_data_set(inputs, tmp_path / "data")
        given = [f"--input={key}=@{tmp_path}/data/input_{i}.pb" for i, key in enumerate(inputs)]
        return inputs, cameo("run", bundle, "--device", "sim", *given, "--output-dir", tmp_path / "out", **more)

    inputs, _ = run(good)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for output, want in zip(model.graph.output, session.run(None, inputs), strict=True):
        np.testing.assert_allclose(np.load(tmp_path / "out" / f"{output.name}.npy"), want, rtol=1e-6)
    if bad:
        _, result = run(bad, check=False)
        assert result.returncode == 8 and message in result.stderr and "node '" in result.stderr, result.stderr


def test_a_control_operand_that_does_not_fit(cameo, tmp_path):
    """k is read by the host, so that it is checked as sizes are."""
    model = single("TopK", [value("x", ["N"]), value("k", [1], I64)], ("y", "positions"))
    path, bundle = tmp_path / "model.onnx", tmp_path / "model.cameo"
    onnx.save_model(model, path)
    cameo("compile", path, "-o", bundle)
    x = np.arange(4, dtype=np.float32)
    for k, said in ((4, ""), (0, ""), (5, "node 'the TopK'"), (-1, "k[0]")):
        write_data_set({"x": x, "k": np.array([k])}, tmp_path / "data")
        result = cameo("run", bundle, "--device", "sim", f"--input=x=@{tmp_path}/data/input_0.pb",
                       f"--input=k=@{tmp_path}/data/input_1.pb", "--output-dir", tmp_path / "out", check=False)
        assert result.returncode == (8 if said else 0) and said in result.stderr, (k, result.stderr)
        if not said:
            np.testing.assert_array_equal(np.load(tmp_path / "out" / "y.npy"), x[::-1][:k])
