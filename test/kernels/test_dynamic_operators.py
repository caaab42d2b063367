# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Operators whose sizes, axes or windows are all known at launch only: one bundle a case, run at several
# sizes on the PTX machine, against ONNX's reference.
import cameo
import numpy as np
import pytest
from onnx import TensorProto, helper, save_model
from onnx.reference import ReferenceEvaluator

TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64, np.dtype(np.int8): TensorProto.INT8}


def floats(*shapes):
    return lambda rng: [rng.uniform(-1, 1, s).astype(np.float32) for s in shapes]


def bytes_(*shapes):
    return lambda rng: [rng.integers(-9, 9, s).astype(np.int8) for s in shapes]


def steered(shape, *numbers):
    """An operand, and integers that steer."""
    return lambda rng: floats(shape)(rng) + [np.array(n, np.int64) for n in numbers]


def mel(*numbers):
    return lambda rng: [np.array(n, np.int64) for n in numbers[:3]] + [np.array(n, np.float32) for n in numbers[3:]]


def convolution(n, c, m, groups, image, window):
    return floats((n, c, *image), (m, c // groups, *window))


def transposed(n, c, m, groups, image, window):
    return floats((n, c, *image), (c, m // groups, *window))


def recurrent(steps, batch, size, hidden, gates=1):
    return floats((steps, batch, size), (1, gates * hidden, size), (1, gates * hidden, hidden), (1, 2 * gates * hidden))


SUM_ROWS = helper.make_graph(
    [helper.make_node("Add", ["s", "r"], ["t"]), helper.make_node("Identity", ["t"], ["y"])], "body",
    [helper.make_tensor_value_info("s", TensorProto.FLOAT, None), helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
    [helper.make_tensor_value_info("t", TensorProto.FLOAT, None), helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])

# Name: operator, attributes, opset, results, and what it is run on. Ranks stay, everything else changes.
CASES = {
    "Det": ("Det", {}, 22, 1, [floats((3, 4, 4)), floats((2, 1, 1)), floats((1, 9, 9)), floats((0, 3, 3))]),
    "Det of one matrix": ("Det", {}, 22, 1, [floats((5, 5)), floats((2, 2))]),
    "AffineGrid 2d": ("AffineGrid", {"align_corners": 0}, 20, 1, [
        steered((2, 2, 3), [2, 3, 4, 5]), steered((1, 2, 3), [1, 1, 1, 7])]),
    "AffineGrid 2d, corners": ("AffineGrid", {"align_corners": 1}, 20, 1, [
        steered((2, 2, 3), [2, 3, 4, 5]), steered((3, 2, 3), [3, 1, 2, 9])]),
    "AffineGrid 3d": ("AffineGrid", {"align_corners": 1}, 20, 1, [
        steered((2, 3, 4), [2, 1, 3, 4, 5]), steered((1, 3, 4), [1, 2, 2, 2, 3])]),
    "MelWeightMatrix": ("MelWeightMatrix", {}, 17, 1, [
        mel(8, 16, 8192, 0, 4096), mel(20, 128, 16000, 30, 7700), mel(3, 63, 22050, 500, 9000)]),
    "DFT": ("DFT", {}, 20, 1, [
        lambda rng: floats((2, 6, 5, 1))(rng) + [np.array(n, np.int64) for n in (6, 1)],
        lambda rng: floats((2, 6, 5, 2))(rng) + [np.array(n, np.int64) for n in (9, 1)],
        lambda rng: floats((3, 4, 7, 1))(rng) + [np.array(n, np.int64) for n in (5, 2)],
        lambda rng: floats((3, 4, 7, 2))(rng) + [np.array(n, np.int64) for n in (3, -4)]]),
    "DFT, real": ("DFT", {"onesided": 1}, 20, 1, [
        lambda rng: floats((2, 6, 5, 1))(rng) + [np.array(n, np.int64) for n in (6, 1)],
        lambda rng: floats((3, 4, 7, 1))(rng) + [np.array(n, np.int64) for n in (4, -2)]]),
    "DFT, inverse": ("DFT", {"inverse": 1}, 20, 1, [
        lambda rng: floats((2, 6, 5, 2))(rng) + [np.array(n, np.int64) for n in (6, 1)],
        lambda rng: floats((3, 4, 7, 2))(rng) + [np.array(n, np.int64) for n in (7, 2)]]),
    "Conv": ("Conv", {}, 22, 1, [convolution(2, 3, 4, 1, (7, 8), (3, 3)), convolution(1, 2, 5, 1, (5, 9), (1, 4))]),
    "Conv, strides and pads": ("Conv", {"strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2], "group": 2}, 22, 1, [
        convolution(2, 4, 6, 2, (9, 8), (3, 3)), convolution(1, 2, 4, 2, (6, 11), (2, 5))]),
    "Conv, each channel": ("Conv", {"group": 3}, 22, 1, [
        convolution(1, 3, 3, 3, (7, 8), (3, 3)), convolution(2, 3, 6, 3, (5, 9), (2, 4))]),
    "Conv, same size": ("Conv", {"auto_pad": "SAME_UPPER"}, 22, 1, [
        convolution(2, 3, 4, 1, (7, 8), (3, 3)), convolution(1, 2, 5, 1, (5, 9), (2, 5))]),
    "ConvTranspose": ("ConvTranspose", {"strides": [2, 1], "pads": [1, 0, 0, 1]}, 22, 1, [
        transposed(2, 3, 4, 1, (4, 5), (3, 3)), transposed(1, 2, 5, 1, (3, 6), (2, 4))]),
    "ConvInteger": ("ConvInteger", {"pads": [1, 1, 1, 1]}, 10, 1, [
        bytes_((2, 3, 7, 8), (4, 3, 3, 3)), bytes_((1, 2, 5, 9), (5, 2, 2, 4))]),
    "RNN": ("RNN", {"hidden_size": 4}, 22, 2, [recurrent(5, 2, 3, 4), recurrent(1, 1, 6, 4), recurrent(3, 4, 1, 4)]),
    "Scan": ("Scan", {"body": SUM_ROWS, "num_scan_inputs": 1}, 22, 2, [floats((3,), (4, 3)), floats((5,), (1, 5)), floats((1,), (6, 1))]),
}


@pytest.mark.parametrize("case", CASES)
def test_at_several_sizes(case, seed, tmp_path):
    op, attributes, opset, count, draws = CASES[case]
    rng = np.random.default_rng(seed)
    first = draws[0](rng)
    steering = {"AffineGrid": 1, "DFT": 1, "MelWeightMatrix": 0}.get(op)
    infos = []
    for i, x in enumerate(first):
        fixed = (steering is not None and i >= steering) or op == "AffineGrid"
        dims = x.shape if fixed else [f"x{i}_{d}" for d in range(x.ndim)]
        infos.append(helper.make_tensor_value_info(f"x{i}", TYPES[x.dtype], dims if op != "AffineGrid" or i else ["n", *x.shape[1:]]))
    if op == "Conv" and "group" in attributes and attributes["group"] == 3:  # the channels of a group are known
        infos[1] = helper.make_tensor_value_info("x1", TensorProto.FLOAT, ["m", 1, "kh", "kw"])
    names = [i.name for i in infos]
    outputs = [f"y{i}" for i in range(count)]
    result = TensorProto.INT32 if op == "ConvInteger" else TensorProto.FLOAT
    graph = helper.make_graph([helper.make_node(op, names, outputs, **attributes)], "g", infos,
                              [helper.make_tensor_value_info(o, result, None) for o in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    save_model(model, tmp_path / "m.onnx")
    cameo.compile(tmp_path / "m.onnx", tmp_path / "m.cameo")
    session = cameo.Session(tmp_path / "m.cameo", device="sim")
    for values in [first] + [draw(rng) for draw in draws[1:]]:
        feeds = dict(zip(names, values))
        for got, want in zip(session.run(None, feeds), ReferenceEvaluator(model).run(None, feeds)):
            assert got.shape == want.shape, [v.shape for v in values]
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5, err_msg=str([v.shape for v in values]))


def test_carried_sizes_that_change_are_refused_at_launch(tmp_path):
    """A Scan's state keeps its sizes; here only a launch shows whether it does."""
    infos = [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["n"]), helper.make_tensor_value_info("x1", TensorProto.FLOAT, ["k", "m"])]
    graph = helper.make_graph([helper.make_node("Scan", ["x0", "x1"], ["y0", "y1"], body=SUM_ROWS, num_scan_inputs=1)], "g", infos,
                              [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in ("y0", "y1")])
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10), tmp_path / "m.onnx")
    cameo.compile(tmp_path / "m.onnx", tmp_path / "m.cameo")
    session = cameo.Session(tmp_path / "m.cameo", device="sim")
    with pytest.raises(cameo.InputError):  # the first round would make five of one
        session.run(None, {"x0": np.zeros(1, np.float32), "x1": np.zeros((3, 5), np.float32)})
