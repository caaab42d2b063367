# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Real models, from the folder given with --models (none are in the repository). accept/: each compiles, runs
# on the PTX machine and agrees with its reference vectors, or with ONNX Runtime where it has none. reject/:
# each is refused, under another name, with a diagnostic that names every node at fault. Models that
# cannot pass are listed with their reason in not_yet.txt; one that begins to pass must leave the list.
import fnmatch
import json
import pathlib
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

HERE = pathlib.Path(__file__).parent
# Longer than half a minute on two idle cores.
LONG = ("light_vgg19", "mobilenetv2_qdq_int8", "tbefn_180x320")


def not_yet(name):
    """The reason why a model does not pass, from not_yet.txt, or None."""
    for line in (HERE / "not_yet.txt").read_text().splitlines():
        pattern, _, reason = line.partition("#")
        if pattern.strip() and fnmatch.fnmatch(name, pattern.strip()):
            return reason.strip()
    return None


def pytest_generate_tests(metafunc):
    folder = metafunc.config.getoption("--models")
    for kind in ("accept", "reject"):
        if kind not in metafunc.fixturenames:
            continue
        parameters = []
        for path in sorted(pathlib.Path(folder, kind).rglob("*.onnx")):
            marks, reason = [pytest.mark.full if path.stem in LONG else pytest.mark.slow], not_yet(path.stem)
            if reason:
                marks.append(pytest.mark.xfail(reason=reason, strict=True))
            parameters.append(pytest.param(path, id=path.stem, marks=marks))
        metafunc.parametrize(kind, parameters)


def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from all_nodes(inner)


def redraw_weights(path, target, seed):
    """Replaces the constant weights (ConstantOfShape) by normal ones, scaled by their fan-in."""
    model = onnx.load(path)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    random, kept = np.random.default_rng(seed), []
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in shapes:
            kept.append(node)
            continue
        shape = shapes[node.input[0]].tolist()
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        values = random.standard_normal(shape, np.float32) * np.sqrt(2 / fan_in)
        if len(shape) == 1:
            values = random.uniform(0.5, 1.5, shape)  # variances and scales stay positive
        model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    show_logits(model.graph)
    onnx.save_model(model, target)


def show_logits(graph):
    """Makes outputs of what a last softmax reads: with random weights it saturates, and would hide errors."""
    for output in list(graph.output):
        for node in graph.node:
            if node.op_type == "Softmax" and output.name in node.output:
                graph.output.add(name=node.input[0]).type.CopyFrom(output.type)


def vectors_are_sound(path):
    """The vectors come from ONNX's reference evaluator, which errs twice: it takes BatchNormalization of opsets
    9 to 13 with an explicit momentum for training (with one output it is inference), and it joins the values
    that a Loop scans along their first dimension instead of a new one."""
    model = onnx.load(path, load_external_data=False)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    training = any(node.op_type == "BatchNormalization" and any(a.name == "momentum" for a in node.attribute)
                   for node in all_nodes(model.graph))
    scans = any(node.op_type == "Loop" and len(node.output) > max(len(node.input) - 2, 0)
                for node in all_nodes(model.graph))
    return not (9 <= opset < 14 and training) and not scans


def test_accepts(cameo, accept, tmp_path, seed):
    arguments = ["--ref", "ort", "--seed", 1]
    if accept.stem.startswith("light_"):
        redraw_weights(accept, tmp_path / accept.name, seed)
        accept = tmp_path / accept.name
    else:
        for folder in (f"{accept.stem}.refgen", f"{accept.stem}.vectors"):
            data = accept.with_name(folder) / "test_data_set_0"
            if data.is_dir() and list(data.glob("output_*.pb")):
                sound = folder.endswith(".vectors") or vectors_are_sound(accept)
                arguments = ["--ref", "data" if sound else "ort", "--data", data]
                break
    cameo("verify", accept, "--device", "sim", *arguments, timeout=540)


# Operators whose every occurrence is at fault, by the model's name; None where any node may be named.
FAULTY_OPERATORS = {
    "cct_1_32": {"LayerNormalization", "com.microsoft.Gelu"},
    "sleepconvit": {"Squeeze", "com.microsoft.Gelu"},
    "mlperf_tiny_ic_int8": {"RequantShift"},
    "mlperf_tiny_kws_int8": {"RequantShift"},
    "fns_candy": {"Crop", "ImageScaler", "Affine"},
    "tiny_gpt2_beamsearch": {"LayerNormalization", "com.microsoft.*"},
    "bert_squad_dyn": None,
    "bert_squad_fp16": None,
}


def test_rejects(cameo, reject, tmp_path):
    renamed = tmp_path / "model_under_another_name.onnx"
    shutil.copy(reject, renamed)
    result = cameo("check", renamed, "--json", check=False, timeout=60)
    assert result.returncode in (2, 3), result.stdout + result.stderr
    problems = json.loads(result.stdout)["problems"]
    named = [problem for problem in problems if problem["operator"]]
    assert named
    operators = FAULTY_OPERATORS[reject.stem]
    for node in all_nodes(onnx.load(reject).graph):
        operator = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        if operators and any(fnmatch.fnmatch(operator, pattern) for pattern in operators):
            assert any(problem["node"] == node.name and problem["operator"] == node.op_type for problem in named), \
                f"{operator} {node.name!r} is not named"
    result = cameo("compile", renamed, "-o", tmp_path / "out.cameo", check=False, timeout=60)
    assert result.returncode in (2, 3)
    assert not (tmp_path / "out.cameo").exists()
