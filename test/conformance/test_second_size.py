# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# `cameo conformance --dynamic`: how another legal size of a case is found (python/cameo/second_size.py),
# and that what a bundle gives there decides on the case.
import json
import re

import numpy as np
import onnx
import pytest
from cameo import second_size
from onnx import TensorProto, helper, numpy_helper


def make_case(folder, nodes, inputs, outputs):
    """A case folder: `inputs` are (name, array), `outputs` names; the outputs' data are the reference's."""
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
             for name, value in inputs]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    model = helper.make_model(helper.make_graph(nodes, "case", infos, results),
                              opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    second_size.write(data, "input", inputs)
    values = onnx.reference.ReferenceEvaluator(model).run(None, dict(inputs))
    second_size.write(data, "output", list(zip(outputs, values)))
    return folder


def ask(folder, out, controls=()):
    out.mkdir()
    return second_size.answer({"model": str(folder / "model.onnx"), "data": str(folder / "test_data_set_0"),
                               "controls": list(controls), "out": str(out)})


def array(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_every_size_grows_and_equal_ones_stay_equal(tmp_path):
    case = make_case(tmp_path / "add", [helper.make_node("Add", ["x", "y"], ["z"])],
                     [("x", array(3, 4)), ("y", array(1, 4))], ["z"])
    answer = ask(case, tmp_path / "out")
    assert answer["outcome"] == "ok"
    assert answer["sizes"]["x"][1] == answer["sizes"]["y"][1] != 4
    read = dict(second_size.read_folder(tmp_path / "out", "input"))
    wanted = dict(second_size.read_folder(tmp_path / "out", "output"))["z"]
    np.testing.assert_allclose(read["x"] + read["y"], wanted)


def test_control_operand_follows_the_size(tmp_path):
    case = make_case(tmp_path / "reshape", [helper.make_node("Reshape", ["x", "shape"], ["z"])],
                     [("x", array(2, 3)), ("shape", np.array([3, 2]))], ["z"])
    answer = ask(case, tmp_path / "out", ["shape"])
    assert answer["outcome"] == "ok"
    assert np.prod(answer["controls"]["shape"]) == np.prod(answer["sizes"]["x"])


def test_indices_stay_inside_and_scatters_keep_theirs(tmp_path):
    node = helper.make_node("ScatterND", ["x", "i", "u"], ["z"])
    case = make_case(tmp_path / "scatter", [node],
                     [("x", array(4, 2)), ("i", np.array([[1], [3]])), ("u", array(2, 2))], ["z"])
    answer = ask(case, tmp_path / "out")
    assert answer["outcome"] == "ok" and set(answer["sizes"]) == {"x"} and answer["sizes"]["x"][1] == 2


@pytest.mark.parametrize("nodes, inputs, reason", [
    ([helper.make_node("Neg", ["x"], ["z"])], [("x", np.float32(1).reshape(()))], "no input has a size"),
    ([helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(array(5, 7))),
      helper.make_node("MatMul", ["x", "c"], ["y"]),
      helper.make_node("Constant", [], ["s"], value_ints=[7]),
      helper.make_node("Reshape", ["y", "s"], ["z"])], [("x", array(1, 5))], ""),
], ids=["scalar", "constants"])
def test_forbidden_says_why(tmp_path, nodes, inputs, reason):
    answer = ask(make_case(tmp_path / "case", nodes, inputs, ["z"]), tmp_path / "out")
    assert answer["outcome"] == "forbidden" and reason in answer["reason"] and answer["reason"]


def test_disagreeing_reference_is_told_apart(tmp_path):
    case = make_case(tmp_path / "case", [helper.make_node("Neg", ["x"], ["z"])], [("x", array(3))], ["z"])
    second_size.write(case / "test_data_set_0", "output", [("z", array(3))])
    assert ask(case, tmp_path / "out")["outcome"] == "no reference"


def test_tool_runs_the_second_size(cameo, tmp_path):
    make_case(tmp_path / "cases" / "relu", [helper.make_node("Relu", ["x"], ["z"])], [("x", array(3, 4))], ["z"])
    make_case(tmp_path / "cases" / "slice", [helper.make_node("Slice", ["x", "s", "e", "a"], ["z"])],
              [("x", array(3, 4)), ("s", np.array([1])), ("e", np.array([3])), ("a", np.array([1]))], ["z"])
    result = cameo("conformance", tmp_path / "cases", "--device", "sim", "--dynamic", "--json", tmp_path / "r.json")
    assert "2 pass" in result.stdout and "second size: 2 pass" in result.stdout
    cases = {case["name"]: case for case in json.loads((tmp_path / "r.json").read_text())["cases"]}
    assert cases["relu"]["second"]["sizes"] == {"x": [4, 5]} and not cases["relu"]["fixed"]
    assert sorted(cases["slice"]["fixed"]) == ["a.0", "e.0", "s.0"]


def test_flags_of_the_machine_reach_the_workers(cameo, tmp_path):
    make_case(tmp_path / "cases" / "relu", [helper.make_node("Relu", ["x"], ["z"])], [("x", array(3, 4))], ["z"])
    result = cameo("conformance", tmp_path / "cases", "--device", "sim", "--counts", "--schedule", "later-blocks-starved",
                   "--check", "memory", "--copies", "earliest", "--seed", "5", "--json", tmp_path / "r.json")
    assert "1 pass" in result.stdout
    (case,) = json.loads((tmp_path / "r.json").read_text())["cases"]
    assert case["counts"]["global_store_bytes"] == 4 * 3 * 4
    assert re.search(r"^ +global_store_bytes  48$", result.stdout, re.MULTILINE)
    for flag, value in (("--schedule", "fair"), ("--copies", "never"), ("--check", "some")):
        result = cameo("conformance", tmp_path / "cases", "--device", "sim", flag, value, check=False)
        assert result.returncode == 1 and value in result.stderr


def test_tool_needs_the_reference(cameo, tmp_path):
    make_case(tmp_path / "cases" / "relu", [helper.make_node("Relu", ["x"], ["z"])], [("x", array(3, 4))], ["z"])
    result = cameo("conformance", tmp_path / "cases", "--dynamic", check=False, env={"CAMEO_PYTHON": "no-such-python"})
    assert result.returncode == 8 and "CAMEO_PYTHON" in result.stderr
