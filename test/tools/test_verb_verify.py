# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cameo verify: every reference, node by node, and what it says when numbers, data or the reference's packages
# are not as they should be.
import re
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import models
from models.inputs import random_inputs, write_data_set

NUMBERS = r"max error \S+, mean \S+, cosine \S+"


@pytest.mark.parametrize("reference", ["evaluator", "ort", "onnx-reference"])
def test_each_reference(cameo, model, reference):
    output = cameo("verify", model, "--device", "sim", "--ref", reference).stdout
    assert re.fullmatch(rf"y: ok, 5 elements, {NUMBERS}\n", output), output


@pytest.mark.parametrize("reference", ["evaluator", "ort", "onnx-reference"])
def test_every_node(cameo, model, reference):
    lines = cameo("verify", model, "--device", "sim", "--ref", reference, "--per-node").stdout.splitlines()
    for line, (node, value) in zip(lines, [("first", "h0"), ("bias", "h1"), ("act", "h2"), ("second", "h3"),
                                           ("soft", "y")], strict=False):
        assert re.fullmatch(rf"node '{node}', value '{value}': ok, f32\[1, \d\], {NUMBERS}, bound \S+", line), line
    assert lines[5:] == ["no node departs: 5 values"]


def test_the_first_node_that_departs_is_named(cameo, tmp_path):
    """A tolerance of nothing: sums in another order depart, integers and moves before them do not."""
    random = np.random.default_rng(1)
    nodes = [onnx.helper.make_node("Transpose", ["x"], ["t"], "turn"),
             onnx.helper.make_node("Relu", ["t"], ["r"], "exact"),
             onnx.helper.make_node("Exp", ["r"], ["e"], "inexact"),
             onnx.helper.make_node("ReduceSum", ["e"], ["s"], "sum"),
             onnx.helper.make_node("Sqrt", ["s"], ["y"], "last")]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(nodes, "g", [value("x", 1, [64, 33])], [value("y", 1, [1, 1])])
    onnx.save_model(onnx.helper.make_model(graph, ir_version=9, opset_imports=[onnx.helper.make_opsetid("", 20)]),
                    tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", random.standard_normal((64, 33)).astype(np.float32))
    result = cameo("verify", tmp_path / "m.onnx", "--device", "sim", "--ref", "ort", "--per-node", "--rtol", "0",
                   "--atol", "0", f"--input=x=@{tmp_path}/x.npy", check=False)
    assert result.returncode == 4, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert "node 'turn', value 't': ok" in lines[0] and "node 'exact', value 'r': ok" in lines[1]
    assert lines[-1].startswith("first that departs: node 'inexact', value 'e'; ")


@pytest.mark.parametrize("family", ["vit", "gpt"])
def test_every_node_of_a_network(cameo, family, tmp_path):
    network = models.FAMILIES[family](**models.TINY[family])
    onnx.save_model(network, tmp_path / "m.onnx")
    output = cameo("verify", tmp_path / "m.onnx", "--device", "sim", "--ref", "evaluator", "--per-node").stdout
    assert "\nno node departs: " in output and output.count(": ok, ") > 30, output


@pytest.fixture
def data(model, tmp_path):
    """Two data sets with ONNX Runtime's outputs."""
    import onnxruntime

    network = onnx.load(model)
    session = onnxruntime.InferenceSession(network.SerializeToString())
    for number, batch in enumerate((2, 7)):
        folder = tmp_path / "data" / f"test_data_set_{number}"
        inputs = random_inputs(network, {"N": batch})
        write_data_set(inputs, folder)
        tensor = numpy_helper.from_array(session.run(None, inputs)[0], "y")
        (folder / "output_0.pb").write_bytes(tensor.SerializeToString())
    return tmp_path / "data"


def test_data(cameo, model, data):
    lines = cameo("verify", model, "--device", "sim", "--data", data).stdout.splitlines()
    assert [line.split(",")[:2] for line in lines] == [["test_data_set_0 y: ok", " 10 elements"],
                                                       ["test_data_set_1 y: ok", " 35 elements"]]
    assert len(cameo("verify", model, "--device", "sim", "--data", data / "test_data_set_1").stdout.splitlines()) == 1
    cameo("verify", model, "--device", "sim", "--data", data, "--ref", "evaluator", "--per-node")


def test_data_that_is_wrong(cameo, model, data):
    path = data / "test_data_set_1" / "output_0.pb"
    tensor = numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())).copy()
    tensor[3, 2] += 0.5
    path.write_bytes(numpy_helper.from_array(tensor, "y").SerializeToString())
    result = cameo("verify", model, "--device", "sim", "--data", data, check=False)
    assert result.returncode == 4
    assert "test_data_set_0 y: ok" in result.stdout
    assert "test_data_set_1 y: DIFFERS" in result.stdout and "1 of 35 elements differ; the worst at [3, 2]: " in result.stdout
    path.write_bytes(path.read_bytes()[:-7])
    assert cameo("verify", model, "--device", "sim", "--data", data, check=False).returncode == 8


def test_refusals(cameo, model, tmp_path):
    def status(*arguments):
        result = cameo("verify", model, "--device", "sim", *arguments, check=False)
        assert result.stderr.startswith(("error: ", "cameo: ")), result.stderr
        return result.returncode

    assert status("--ref", "torch") == 1
    assert status("--ref", "data") == 8
    assert status("--ref", "data", "--per-node") == 1
    assert status("--data", tmp_path / "absent") == 8
    assert status("--input=z=@x.npy") == 8
    assert status("--device", "tpu") == 1
    assert "is not a folder" in cameo("verify", model, "--data", tmp_path / "absent", check=False).stderr
    result = cameo("verify", "any.cameo", check=False)
    assert result.returncode == 1 and "not a bundle" in result.stderr


def test_a_python_that_is_not_there(cameo, model):
    result = cameo("verify", model, "--device", "sim", "--ref", "ort", "--python", "no-such-python", check=False)
    assert result.returncode == 9 and "no program 'no-such-python'" in result.stderr


def test_a_python_without_packages(cameo, model, tmp_path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)
    result = cameo("verify", model, "--device", "sim", "--ref", "ort", "--python", bare, check=False)
    assert result.returncode == 9 and "lacks a package" in result.stderr and "No module named" in result.stderr


def test_a_model_that_the_reference_cannot_run(cameo, tmp_path):
    """ONNX Runtime has no kernel for a product of bfloat16."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([onnx.helper.make_node("Softplus", ["x"], ["y"])], "g",
                                   [value("x", onnx.TensorProto.BFLOAT16, [4])],
                                   [value("y", onnx.TensorProto.BFLOAT16, [4])])
    onnx.save_model(onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 22)]),
                    tmp_path / "m.onnx")
    result = cameo("verify", tmp_path / "m.onnx", "--device", "sim", "--ref", "ort", check=False)
    assert result.returncode == 2 and "cannot run this model" in result.stderr, result.stderr
    cameo("verify", tmp_path / "m.onnx", "--device", "sim", "--ref", "evaluator")
