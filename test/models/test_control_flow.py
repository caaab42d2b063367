# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Branches, loops and recurrent layers through the whole compiler, on the PTX machine, against ONNX Runtime:
# conditions and trip counts that are inputs and that are computed, values that change places, rows that are
# collected, sequences of different lengths. And what is refused: shapes that depend on data.
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from models.inputs import write_data_set

F32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, array):
    return onnx.numpy_helper.from_array(np.asarray(array), name)


def model_of(nodes, inputs, outputs, initializers=(), opset=17):
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def branch(name, *nodes):
    return helper.make_graph(list(nodes), name, [], [value(nodes[-1].output[0], F32, None)])


def if_model(nested):
    """y = relu(x) or -x (or, nested, sqrt(|x|)); chosen by sum(x) > 0."""
    inner = helper.make_node("If", ["big"], ["deep"], name="inner",
                             then_branch=branch("t2", helper.make_node("Abs", ["x"], ["a"]),
                                                helper.make_node("Sqrt", ["a"], ["s"])),
                             else_branch=branch("e2", helper.make_node("Relu", ["x"], ["r2"])))
    then = branch("then", inner) if nested else branch("then", helper.make_node("Relu", ["x"], ["r"]))
    nodes = [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
             helper.make_node("Greater", ["sum", "zero"], ["flag"]),
             helper.make_node("Greater", ["sum", "ten"], ["big"]),
             helper.make_node("If", ["flag"], ["z"], name="outer", then_branch=then,
                              else_branch=branch("else", helper.make_node("Neg", ["x"], ["n"]))),
             helper.make_node("Add", ["z", "x"], ["y"])]
    return model_of(nodes, [value("x", F32, ["batch", 3])], [value("y", F32, ["batch", 3])],
                    [constant("zero", np.float32(0)), constant("ten", np.float32(10))])


def loop_model(condition):
    """a, b = b, a + b in each round; rows of a are collected where the number of rounds is known."""
    body = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Identity", ["b"], ["next"])]
    results = [value("go", BOOL, []), value("next", F32, ["batch", 2]), value("sum", F32, ["batch", 2])]
    if condition:
        body += [helper.make_node("ReduceMax", ["sum"], ["top"], keepdims=0),
                 helper.make_node("Less", ["top", "limit"], ["go"])]
    else:
        body += [helper.make_node("Identity", ["cond"], ["go"]), helper.make_node("Identity", ["a"], ["row"])]
        results.append(value("row", F32, ["batch", 2]))
    graph = helper.make_graph(body, "body", [value("i", I64, []), value("cond", BOOL, []),
                                             value("a", F32, ["batch", 2]), value("b", F32, ["batch", 2])], results)
    outputs = ["p", "q"] + ([] if condition else ["rows"])
    node = helper.make_node("Loop", ["", "true"] + ["x", "w"] if condition else ["trips", ""] + ["x", "w"],
                            outputs, body=graph)
    inputs = [value("x", F32, ["batch", 2]), value("w", F32, ["batch", 2])]
    if not condition:
        inputs.append(value("trips", I64, []))
    return model_of([node], inputs, [value(name, F32, None) for name in outputs],
                    [constant("true", np.bool_(True)), constant("limit", np.float32(100))])


def recurrent_model(op, gates, direction, lengths, dtype=F32):
    count, hidden, features = 2 if direction == "bidirectional" else 1, 3, 4
    rng = np.random.default_rng(1)
    kind = helper.tensor_dtype_to_np_dtype(dtype)
    weights = [constant(name, (rng.standard_normal(shape) * 0.5).astype(kind)) for name, shape in
               [("W", (count, gates * hidden, features)), ("R", (count, gates * hidden, hidden)),
                ("B", (count, 2 * gates * hidden))]]
    names = ["x", "W", "R", "B", "lengths" if lengths else "", "h0"]
    node = helper.make_node(op, names, ["y", "last"], hidden_size=hidden, direction=direction)
    inputs = [value("x", dtype, ["sequence", "batch", features]), value("h0", dtype, [count, "batch", hidden])]
    if lengths:
        inputs.append(value("lengths", TensorProto.INT32, ["batch"]))
    return model_of([node], inputs, [value("y", dtype, None), value("last", dtype, None)], weights)


def check(cameo, tmp_path, model, *data_sets):
    """One bundle, several data sets."""
    path, bundle = tmp_path / "model.onnx", tmp_path / "model.cameo"
    onnx.save_model(model, path)
    cameo("compile", path, "-o", bundle)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
    for number, inputs in enumerate(data_sets):
        data, results = tmp_path / f"data{number}", tmp_path / f"results{number}"
        write_data_set(inputs, data)
        given = [f"--input={name}=@{data}/input_{index}.pb" for index, name in enumerate(inputs)]
        cameo("run", bundle, "--device", "sim", *given, "--output-dir", results)
        for output, want in zip(model.graph.output, session.run(None, inputs), strict=True):
            got = np.load(results / f"{output.name}.npy")
            assert got.dtype == want.dtype and got.size == want.size, output.name
            if want.size == 0:
                continue  # ONNX Runtime has no sizes for rows that no round made
            assert got.shape == want.shape, output.name
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6, err_msg=output.name)


@pytest.mark.parametrize("nested", [False, True])
def test_branches_by_data(cameo, tmp_path, nested):
    x = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)
    check(cameo, tmp_path, if_model(nested), {"x": x}, {"x": -x}, {"x": x * 20})


@pytest.mark.parametrize("trips", [0, 1, 5])
def test_loop_with_rows(cameo, tmp_path, trips):
    x = np.arange(4, dtype=np.float32).reshape(2, 2)
    check(cameo, tmp_path, loop_model(False), {"x": x, "w": x + 1, "trips": np.array(trips, np.int64)})


def test_loop_until_data_says_so(cameo, tmp_path):
    x = np.arange(4, dtype=np.float32).reshape(2, 2)
    check(cameo, tmp_path, loop_model(True), {"x": x, "w": x + 1}, {"x": x, "w": x + 99})


@pytest.mark.parametrize("op, gates", [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_recurrent_layers(cameo, tmp_path, op, gates, direction):
    rng = np.random.default_rng(0)
    directions = 2 if direction == "bidirectional" else 1
    sets = [{"x": rng.standard_normal((steps, batch, 4)).astype(np.float32),
             "h0": rng.standard_normal((directions, batch, 3)).astype(np.float32),
             "lengths": np.array(lengths, np.int32)} for steps, batch, lengths in [(4, 2, [4, 2]), (1, 1, [1])]]
    check(cameo, tmp_path, recurrent_model(op, gates, direction, True), *sets)


def test_a_loop_in_a_loop(cameo, tmp_path):
    """Round i adds x i times: the trip count is the number of the round around it, the condition its condition."""
    def body(index, *nodes, names):
        flag, carried, result = names
        return helper.make_graph([*nodes, helper.make_node("Identity", [flag], [flag + "_out"])], "body" + index,
                                 [value(index, I64, []), value(flag, BOOL, []), value(carried, F32, ["D"])],
                                 [value(flag + "_out", BOOL, []), value(result, F32, ["D"])])
    inner = body("j", helper.make_node("Add", ["a", "x"], ["a2"]), names=("go1", "a", "a2"))
    outer = body("i", helper.make_node("Loop", ["i", "go0", "h"], ["h2"], body=inner), names=("go0", "h", "h2"))
    model = model_of([helper.make_node("Loop", ["trips", "true", "x"], ["y"], body=outer)],
                     [value("x", F32, ["D"]), value("trips", I64, [])], [value("y", F32, ["D"])],
                     [constant("true", np.bool_(True))])
    check(cameo, tmp_path, model, *[{"x": np.arange(3, dtype=np.float32) + n, "trips": np.array(n, np.int64)}
                                    for n in (0, 1, 4)])


def test_a_body_may_name_its_values_like_the_results(cameo, tmp_path):
    """As exporters do; and it reads a row of a value around it by the number of the round."""
    body = helper.make_graph([helper.make_node("Gather", ["x", "i"], ["row"]),
                              helper.make_node("Add", ["row", "h"], ["next"]),
                              helper.make_node("Identity", ["next"], ["later"]),
                              helper.make_node("Identity", ["go"], ["on"])], "body",
                             [value("i", I64, []), value("go", BOOL, []), value("h", F32, None)],
                             [value("on", BOOL, []), value("next", F32, None)])
    model = model_of([helper.make_node("Gather", ["x", "zero"], ["first"]),
                      helper.make_node("Loop", ["trips", "", "first"], ["h"], body=body),
                      helper.make_node("Neg", ["h"], ["later"])],
                     [value("x", F32, ["T", "D"]), value("trips", I64, [])], [value("later", F32, None)],
                     [constant("zero", np.array(0, np.int64))])
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    check(cameo, tmp_path, model, {"x": x, "trips": np.array(4, np.int64)}, {"x": x[:2], "trips": np.array(1, np.int64)})


def test_rows_of_an_unknown_number_are_refused(cameo, tmp_path):
    model = loop_model(False)
    loop = model.graph.node[0]
    loop.input[1] = "flag"  # a condition that changes from round to round
    loop.attribute[0].g.node[-2].CopyFrom(helper.make_node("Not", ["cond"], ["go"]))
    model.graph.input.append(value("flag", BOOL, []))
    onnx.save_model(model, tmp_path / "model.onnx")
    result = cameo("compile", tmp_path / "model.onnx", "-o", tmp_path / "out.cameo", check=False)
    assert result.returncode == 2 and "E0809" in result.stderr and "Loop" in result.stderr


def test_carried_values_that_grow_are_refused(cameo, tmp_path):
    body = helper.make_graph([helper.make_node("Identity", ["cond"], ["go"]),
                              helper.make_node("Concat", ["a", "a"], ["twice"], axis=0)], "body",
                             [value("i", I64, []), value("cond", BOOL, []), value("a", F32, None)],
                             [value("go", BOOL, []), value("twice", F32, None)])
    model = model_of([helper.make_node("Loop", ["trips", "", "x"], ["y"], body=body)],
                     [value("x", F32, [2]), value("trips", I64, [])], [value("y", F32, None)])
    onnx.save_model(model, tmp_path / "model.onnx")
    result = cameo("compile", tmp_path / "model.onnx", "-o", tmp_path / "out.cameo", check=False)
    assert result.returncode == 2 and "E0809" in result.stderr


def ranks_model(by_size, *after, outputs=None):
    """z = squeeze(x, 1) or x, as exporters write `squeeze`: by whether dimension 1 is 1; or sum(x, 1) or x by data."""
    if by_size:
        flag = [helper.make_node("Shape", ["x"], ["shape"], start=1, end=2),
                helper.make_node("Equal", ["shape", "one"], ["flag"])]
        then = helper.make_node("Squeeze", ["x", "one"], ["t"])
    else:
        flag = [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
                helper.make_node("Greater", ["sum", "zero"], ["flag"])]
        then = helper.make_node("ReduceSum", ["x", "one"], ["t"], keepdims=0)
    nodes = [helper.make_node("Neg", ["x"], ["early"]), *flag,
             helper.make_node("If", ["flag"], ["z"], name="choice", then_branch=branch("then", then),
                              else_branch=branch("else", helper.make_node("Identity", ["x"], ["i"]))), *after]
    return model_of(nodes, [value("x", F32, ["batch", "n"])],
                    outputs or [value("early", F32, ["batch", "n"]), value("y", F32, [])],
                    [constant("zero", np.float32(0)), constant("one", np.array([1])),
                     constant("w", np.arange(10, dtype=np.float32).reshape(5, 2))])


MAXIMUM = [helper.make_node("Relu", ["z"], ["r"]), helper.make_node("ReduceMax", ["r"], ["y"], keepdims=0)]


@pytest.mark.parametrize("by_size", [True, False])
def test_branches_of_different_rank(cameo, tmp_path, by_size):
    """What follows is in both branches, and an output from before them stays outside."""
    data = [{"x": np.random.default_rng(n).standard_normal((3, n), np.float32) + (n == 4)} for n in (1, 4, 5)]
    check(cameo, tmp_path, ranks_model(by_size, *MAXIMUM), *data)


def test_a_branch_that_what_follows_does_not_fit(cameo, tmp_path):
    """Gemm takes matrices: the model works where the size is not 1, and the launch says so."""
    after = [helper.make_node("Gemm", ["z", "w"], ["g"], name="product"), helper.make_node("ReduceMax", ["g"], ["y"], keepdims=0)]
    model = ranks_model(True, *after)
    check(cameo, tmp_path, model, {"x": np.ones((3, 5), np.float32)})
    np.save(tmp_path / "x.npy", np.ones((3, 1), np.float32))
    result = cameo("run", tmp_path / "model.onnx", f"--input=x=@{tmp_path}/x.npy", "--device=sim",
                   f"--output-dir={tmp_path}/out", check=False)
    assert result.returncode != 0 and "choice" in result.stderr and "takes its other branch" in result.stderr


def test_outputs_whose_rank_depends_on_a_branch_are_refused(cameo, tmp_path):
    model = ranks_model(True, helper.make_node("Relu", ["z"], ["y"]), outputs=[value("y", F32, None)])
    onnx.save_model(model, tmp_path / "m.onnx")
    result = cameo("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.cameo", check=False)
    assert result.returncode == 2 and "E0809" in result.stderr and "at the outputs" in result.stderr


def test_conditions_of_a_branch_that_does_not_run(cameo, tmp_path):
    """Reshape to rows of two needs an even number of elements, where it runs."""
    nodes = [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0), helper.make_node("Greater", ["sum", "zero"], ["flag"]),
             helper.make_node("If", ["flag"], ["y"], name="choice",
                              then_branch=branch("then", helper.make_node("Reshape", ["x", "pairs"], ["p"]),
                                                 helper.make_node("ReduceMax", ["p"], ["m"], keepdims=0)),
                              else_branch=branch("else", helper.make_node("ReduceMin", ["x"], ["l"], keepdims=0)))]
    model = model_of(nodes, [value("x", F32, ["n"])], [value("y", F32, [])],
                     [constant("zero", np.float32(0)), constant("pairs", np.array([-1, 2]))])
    check(cameo, tmp_path, model, {"x": np.ones(4, np.float32)}, {"x": -np.arange(5, dtype=np.float32)})
    np.save(tmp_path / "x.npy", np.ones(5, np.float32))
    result = cameo("run", tmp_path / "model.onnx", f"--input=x=@{tmp_path}/x.npy", "--device=sim",
                   f"--output-dir={tmp_path}/out", check=False)
    assert result.returncode != 0 and "numbers of elements differ" in result.stderr
