# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Every family of the generator, small: compiled once, run on the PTX machine at several sizes from that one
# bundle, and compared with ONNX Runtime. Bounds as for whole networks: fp32 1e-3 of the largest value,
# f16 cosine 0.9999 or better.
import numpy as np
import onnx
import onnxruntime
import pytest

import models
from models.inputs import random_inputs, write_data_set

SIZES = [{}, {"batch": 1, "sequence": 1, "past": 0}, {"batch": 3, "sequence": 13, "past": 31}]
# Traced; the recurrence as a Scan has a test of its own below.
OPTIONS = {"mamba": {"form": "unrolled", "sequence": 5}}
GENERATED = sorted(set(models.FAMILIES) - {"digits"})
# In f16, one with convolutions and one with products; the others take a minute together.
QUICK_IN_F16 = ("gpt", "mobilenet")
CASES = [pytest.param(family, dtype, id=f"{family}-{dtype}",
                      marks=[pytest.mark.full] if dtype == "f16" and family not in QUICK_IN_F16 else [])
         for family in GENERATED for dtype in ("f32", "f16")]


def build(family, dtype):
    return models.FAMILIES[family](**{**models.TINY[family], **OPTIONS.get(family, {}), "dtype": dtype})


def reference(model, inputs):
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
    return dict(zip([output.name for output in model.graph.output], session.run(None, inputs)))


def assert_close(name, got, want, dtype):
    assert got.shape == want.shape and got.dtype == want.dtype, name
    got, want = got.astype(np.float64).ravel(), want.astype(np.float64).ravel()
    if want.size == 0:
        return
    if dtype == "f32":
        assert np.abs(got - want).max() <= 1e-3 * np.abs(want).max(), name
    else:
        assert got @ want / (np.linalg.norm(got) * np.linalg.norm(want)) >= 0.9999, name


@pytest.mark.parametrize("family, dtype", CASES)
def test_one_bundle_serves_all_sizes(cameo, family, dtype, tmp_path):
    model = build(family, dtype)
    path, bundle = tmp_path / "model.onnx", tmp_path / "model.cameo"
    onnx.save_model(model, path)
    cameo("compile", path, "-o", bundle)
    dynamic = {dim.dim_param for value in model.graph.input for dim in value.type.tensor_type.shape.dim}
    for number, sizes in enumerate(SIZES):
        inputs = random_inputs(model, {name: size for name, size in sizes.items() if name in dynamic}, seed=number)
        data, results = tmp_path / f"data{number}", tmp_path / f"results{number}"
        write_data_set(inputs, data)
        given = [f"--input={name}=@{data}/input_{index}.pb" for index, name in enumerate(inputs)]
        cameo("run", bundle, "--device", "sim", *given, "--output-dir", results)
        for name, want in reference(model, inputs).items():
            assert_close(f"{name} at {sizes}", np.load(results / f"{name}.npy"), want, dtype)


@pytest.mark.slow
def test_recurrence_as_a_scan(cameo, tmp_path):
    model = models.FAMILIES["mamba"](**models.TINY["mamba"])
    inputs = random_inputs(model, {}, seed=0)
    onnx.save_model(model, tmp_path / "model.onnx")
    write_data_set(inputs, tmp_path / "data")
    given = [f"--input={name}=@{tmp_path}/data/input_{index}.pb" for index, name in enumerate(inputs)]
    cameo("run", tmp_path / "model.onnx", "--device", "sim", *given, "--output-dir", tmp_path / "results")
    for name, want in reference(model, inputs).items():
        assert_close(name, np.load(tmp_path / "results" / f"{name}.npy"), want, "f32")
