# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What random problems found, each as small as it gets.
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import cameo

F, I = TensorProto.FLOAT, TensorProto.INT64


@pytest.fixture
def session(tmp_path):
    """session(node, {input: (type, dims)}, [types of the outputs]) of a model with one node."""
    def make(node, inputs, outputs):
        graph = helper.make_graph(
            [node], "g", [helper.make_tensor_value_info(n, t, d) for n, (t, d) in inputs.items()],
            [helper.make_tensor_value_info(n, t, None) for n, t in zip(node.output, outputs)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
        onnx.save_model(model, tmp_path / "model.onnx")
        return cameo.Session(cameo.compile(tmp_path / "model.onnx", tmp_path / "model.cameo"), device="sim")
    return make


@pytest.mark.parametrize("names", [("d0", "m"), ("k", "d0"), ("d1", "b0"), ("=7", "n"), ("~0", "~d0")], ids="".join)
def test_dimensions_may_have_any_name(session, names):
    """Coordinates of kernels had names that a model's dimensions can have, and were taken for those."""
    a, b = names
    x = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    run = session(helper.make_node("MatMul", ["x", "y"], ["z"]), {"x": (F, [a, b]), "y": (F, [b, "q"])}, [F])
    np.testing.assert_allclose(run.run(None, {"x": x, "y": x.T})[0], x @ x.T, rtol=1e-5)
    run = session(helper.make_node("ReduceSum", ["x"], ["z"], keepdims=0), {"x": (F, [a, b])}, [F])
    np.testing.assert_allclose(run.run(None, {"x": x})[0], x.sum(), rtol=1e-5)
    run = session(helper.make_node("Add", ["x", "y"], ["z"]), {"x": (F, [a, b]), "y": (F, [a, 1])}, [F])
    np.testing.assert_array_equal(run.run(None, {"x": x, "y": x[:, :1]})[0], x + x[:, :1])


def test_hardmax_of_nothing(session):
    """arg_reduce refuses an empty axis, and hardmax was made of one."""
    run = session(helper.make_node("Hardmax", ["x"], ["y"], axis=1), {"x": (F, ["N", "C"])}, [F])
    (y,) = run.run(None, {"x": np.zeros((3, 0), np.float32)})
    assert y.shape == (3, 0)
    (y,) = run.run(None, {"x": np.array([[1, 5, 5]], np.float32)})
    np.testing.assert_array_equal(y, [[0, 1, 0]])


def test_gemm_takes_c_whose_fit_is_known_at_launch(session):
    """C's sizes have other names than the product's: that they fit is a launch check, not a refusal."""
    inputs = {"a": (F, ["M", "K"]), "b": (F, ["K", "N"]), "c": (F, ["P", "Q"])}
    run = session(helper.make_node("Gemm", ["a", "b", "c"], ["y"]), inputs, [F])
    a, b = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    for shape in [(2, 4), (1, 4), (2, 1), (1, 1)]:
        c = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        np.testing.assert_array_equal(run.run(None, {"a": a, "b": b, "c": c})[0], 3 + c + np.zeros((2, 4)))
    for shape in [(3, 4), (2, 3), (0, 4)]:
        with pytest.raises(cameo.InputError):
            run.run(None, {"a": a, "b": b, "c": np.zeros(shape, np.float32)})
    with pytest.raises(cameo.InputError):  # C broadcasts to the product, never the product to C
        run.run(None, {"a": a[:1], "b": b, "c": np.zeros((2, 4), np.float32)})


def test_equal_maxima_in_column_major_order(session):
    """The first in row-major order wins; only how its position is told depends on storage_order."""
    node = helper.make_node("MaxPool", ["x"], ["y", "at"], kernel_shape=[2, 2], storage_order=1)
    run = session(node, {"x": (F, [1, 1, 2, "W"])}, [F, I])
    x = np.array([[[[0, 7, 1], [7, 0, 7]]]], np.float32)
    y, at = run.run(None, {"x": x})
    np.testing.assert_array_equal(y, [[[[7, 7]]]])
    np.testing.assert_array_equal(at, [[[[2, 2]]]])  # (0, 1), not (1, 0) or (1, 2)
