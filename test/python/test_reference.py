# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The engines behind `cameo verify --ref`: both give the outputs in the model's order, by name.
import re

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import models
from cameo import reference
from models.inputs import random_inputs, write_data_set


@pytest.mark.parametrize("engine", ["ort", "onnx-reference"])
def test_engine_writes_outputs(engine, tmp_path):
    model = models.FAMILIES["gpt"](**models.TINY["gpt"])
    onnx.save_model(model, tmp_path / "model.onnx")
    write_data_set(random_inputs(model), tmp_path / "data")
    reference.main([engine, str(tmp_path / "model.onnx"), str(tmp_path / "data")])
    for index, output in enumerate(model.graph.output):
        tensor = onnx.TensorProto.FromString((tmp_path / "data" / f"output_{index}.pb").read_bytes())
        assert tensor.name == output.name
        assert np.isfinite(numpy_helper.to_array(tensor)).all()


def test_says_what_the_engine_cannot_run(tmp_path, capsys):
    node = onnx.helper.make_node("Frobnicate", ["x"], ["y"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "g", [value("x", 1, [2])], [value("y", 1, [2])])
    onnx.save_model(onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 20)]), tmp_path / "model.onnx")
    with pytest.raises(SystemExit) as end:
        reference.main(["ort", str(tmp_path / "model.onnx"), str(tmp_path)])
    assert end.value.code == 1 and re.search("(?s)ort: .*Frobnicate", capsys.readouterr().err)
