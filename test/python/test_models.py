# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The model generator: every family at its tiny size is legal ONNX, runs in ONNX Runtime at two batch sizes
# with values of sensible magnitude, and shows the forms that exporters write.
import collections

import numpy as np
import onnx
import onnxruntime
import pytest

import models
from models import digits
from models.__main__ import main
from models.inputs import random_inputs

GENERATED = sorted(set(models.FAMILIES) - {"digits"})


def build(family, **options):
    return models.FAMILIES[family](**{**models.TINY[family], **options})


def run(model, inputs):
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
    return session.run(None, inputs)


def operators(model):
    return collections.Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("family", GENERATED)
@pytest.mark.parametrize("dtype, opset", [("f32", 17), ("f16", 17), ("bf16", 22)])
def test_is_legal(family, dtype, opset):
    onnx.checker.check_model(build(family, dtype=dtype, opset=opset), full_check=True)


@pytest.mark.parametrize("family", GENERATED)
@pytest.mark.parametrize("opset", [13, 17, 18, 22])
def test_is_legal_at_opset(family, opset):
    onnx.checker.check_model(build(family, opset=opset), full_check=True)


@pytest.mark.parametrize("family", GENERATED)
@pytest.mark.parametrize("batch", [1, 3])
def test_runs_with_values_near_one(family, batch):
    model = build(family)
    for output in run(model, random_inputs(model, {"batch": batch})):
        assert output.shape[0] == batch
        assert np.isfinite(output).all()
        assert 0.01 < float(np.sqrt(np.mean(output ** 2))) < 30


@pytest.mark.parametrize("family", ["bert", "gpt", "resnet", "vit", "unet", "mobilenet"])
def test_half_agrees_with_single(family):
    single, half = build(family), build(family, dtype="f16")
    inputs = random_inputs(single)
    halves = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in inputs.items()}
    if family == "unet":
        # Whole steps up to 1000 are exact in both; sines of others differ by the rounding of the angle.
        inputs["timestep"] = np.array([3, 5], np.float32)
        halves["timestep"] = inputs["timestep"].astype(np.float16)
    for want, got in zip(run(single, inputs), run(half, halves)):
        want, got = want.ravel(), got.astype(np.float32).ravel()
        assert want @ got / np.linalg.norm(want) / np.linalg.norm(got) > 0.999


def test_depth_keeps_the_weights_of_shallower_models():
    shallow, deep = (
        {t.name: t for t in build("bert", depth=depth).graph.initializer} for depth in (1, 2))
    assert set(shallow) < set(deep)
    assert all(shallow[name] == deep[name] for name in shallow)


def test_seed_changes_the_weights():
    first, second = build("resnet", seed=0), build("resnet", seed=1)
    assert first.graph.initializer[0] != second.graph.initializer[0]
    assert build("resnet", seed=1) == second


def test_written_as_exporters_do():
    bert = operators(build("bert"))
    assert "LayerNormalization" not in bert and "Gelu" not in bert
    assert bert["Erf"] == 2 and bert["Sqrt"] == 5
    assert bert["Shape"] > 10 and bert["Concat"] == 8
    gpt = operators(build("gpt"))
    assert gpt["Range"] == 1 and gpt["Tanh"] == 2 and gpt["Where"] == 2
    assert operators(build("resnet"))["BatchNormalization"] == 0
    assert operators(build("resnet", batch_norms=True))["BatchNormalization"] == 17


def test_kv_cache_continues_a_sequence():
    model = build("gpt")
    whole = random_inputs(model, {"batch": 2, "sequence": 6, "past": 0})
    names = [output.name for output in model.graph.output]
    want = run(model, whole)[0]
    first = dict(zip(names, run(model, {**whole, "input_ids": whole["input_ids"][:, :4]})))
    past = {name.replace("present", "past_key_values"): value for name, value in first.items() if name != "logits"}
    got = run(model, {"input_ids": whole["input_ids"][:, 4:], **past})[0]
    np.testing.assert_allclose(got, want[:, 4:], rtol=1e-4, atol=1e-4)


def test_mamba_forms_agree():
    scan, unrolled = build("mamba"), build("mamba", form="unrolled", sequence=5)
    inputs = random_inputs(scan, {"sequence": 5})
    np.testing.assert_allclose(run(scan, inputs)[0], run(unrolled, inputs)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family, options, text", [
    ("resnet", dict(depth=7), "resnet depth 7"), ("bert", dict(heads=5), "no multiple of 5 heads"),
    ("vit", dict(dtype="f64"), "dtype 'f64'"), ("unet", dict(opset=12), "opset 12"),
    ("vit", dict(dtype="bf16"), "Conv takes bf16 from opset 22"),
    ("mamba", dict(form="unrolled"), "needs a sequence length"), ("mobilenet", dict(depth=0), "depth 0")])
def test_refuses(family, options, text):
    with pytest.raises(ValueError, match=text):
        build(family, **options)


def test_command_line_writes_external_data_and_inputs(tmp_path):
    path = tmp_path / "model.onnx"
    main(["vit", "--tiny", "-o", str(path), "--external-data", "--data", str(tmp_path / "data"), "--sizes", "batch=3"])
    assert (tmp_path / "model.onnx.data").stat().st_size > path.stat().st_size
    onnx.checker.check_model(str(path), full_check=True)
    inputs = {"pixel_values": np.load(tmp_path / "data" / "pixel_values.npy")}
    assert onnxruntime.InferenceSession(str(path)).run(None, inputs)[0].shape == (3, 10)


def test_digits_learns_in_seconds_and_repeats():
    layers = digits.train(epochs=3)
    _, _, images, labels = digits.load()
    assert digits.accuracy(digits.forward(layers, images), labels) > 0.8
    model = digits.to_onnx(layers)
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(run(model, {"image": images})[0], digits.forward(layers, images), rtol=1e-4, atol=1e-4)
    assert digits.to_onnx(digits.train(epochs=3)) == model


@pytest.mark.slow
def test_digits_reaches_97_percent():
    _, _, images, labels = digits.load()
    assert digits.accuracy(digits.forward(digits.train(), images), labels) >= 0.97
