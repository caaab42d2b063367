# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The verbs compile, check, inspect, run, bench, list-ops and their help: what they print and leave behind when
# all is well, and the exit code of each refusal (docs/cli.md).
import json
import re

import numpy as np
import onnx
import pytest
import small

VERBS = ["compile", "check", "inspect", "run", "verify", "bench", "list-ops", "conformance"]


def status(cameo, *arguments):
    result = cameo(*arguments, check=False)
    assert (result.returncode == 0) or result.stderr, "a failure says why"
    return result.returncode


# --- help and usage ------------------------------------------------------------------------------

def test_help_names_every_verb_and_nothing_of_llvm(cameo):
    text = cameo("--help").stdout
    for verb in VERBS:
        assert f"  {verb} " in text
    assert "--x86-" not in text and len(text.splitlines()) < 40
    assert "LLVM" in cameo("--version").stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help_by_group(cameo, verb):
    text = cameo(verb, "--help").stdout
    assert f"USAGE: cameo {verb}" in text
    groups = [group for group in ("Input:", "Output:", "Execution and limits:") if group in text]
    assert groups and len(text.splitlines()) < 80
    for verb_with_limits in ("compile", "check", "inspect", "run", "verify", "bench"):
        if verb == verb_with_limits:
            assert "--time-limit" in text and "--memory-limit" in text


def test_usage_errors(cameo, model, bundle):
    assert status(cameo, "frobnicate") == 1
    assert status(cameo) == 1
    assert status(cameo, "compile") == 1
    assert status(cameo, "compile", model, "--frob") == 1
    assert status(cameo, "compile", model, "--stop-after", "frob") == 1
    assert status(cameo, "compile", model, "--target", "sm_75") == 1
    assert status(cameo, "compile", model, "--weights=frob") == 1
    assert status(cameo, "compile", model, "--shape", "x") == 1
    assert status(cameo, "compile", model, "--shape", "x=3xq") == 1
    assert status(cameo, "run", bundle, "--checks", "some") == 1
    assert status(cameo, "run", bundle, "--schedule", "fair") == 1
    assert status(cameo, "run", bundle, "--copies", "never") == 1
    assert status(cameo, "run", bundle, "--device", "evaluator") == 1
    assert status(cameo, "run", model, "--device", "evaluator", "--strict") == 1
    assert status(cameo, "bench", bundle, "--percentile", "101") == 1


# --- compile and check ---------------------------------------------------------------------------

def test_compile_writes_beside_the_model(cameo, tmp_path):
    path = small.perceptron(tmp_path / "m.onnx")
    assert cameo("compile", path).stdout == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.cameo", "m.onnx"]
    first = (tmp_path / "m.cameo").read_bytes()
    cameo("compile", path)
    assert (tmp_path / "m.cameo").read_bytes() == first  # the same bytes each time


def test_compile_dry_run_and_stages(cameo, model, tmp_path):
    output = cameo("compile", model, "-o", tmp_path / "no.cameo", "--dry-run").stdout
    assert output.startswith("would write ") and list(tmp_path.iterdir()) == []
    assert "graph.matmul" in cameo("compile", model, "--stop-after", "import").stdout
    assert "kernel.launch" in cameo("compile", model, "--stop-after", "partition").stdout
    assert ".entry" in cameo("compile", model, "--stop-after", "ptx").stdout
    cameo("compile", model, "--dump-dir", tmp_path / "dump", "-o", tmp_path / "m.cameo")
    assert [p.name for p in sorted((tmp_path / "dump").iterdir())] == [
        "0-import.mlir", "1-graph.mlir", "2-partition.mlir", "3-schedule.mlir", "4-stage.mlir", "5-emit.mlir",
        "sm_80.ptx"]


def test_compile_refusals(cameo, model, tmp_path):
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)))
    assert status(cameo, "compile", tmp_path / "noise.onnx") == 3
    assert status(cameo, "compile", tmp_path / "absent.onnx") == 9
    assert status(cameo, "compile", tmp_path) == 9
    assert status(cameo, "compile", model, "-o", tmp_path / "absent" / "m.cameo") == 9
    assert status(cameo, "compile", model, "--shape", "z=3x6", "-o", tmp_path / "m.cameo") == 3
    assert [p.name for p in tmp_path.iterdir()] == ["noise.onnx"]


def unsupported(path):
    nodes = [onnx.helper.make_node("StringNormalizer", ["x"], ["y"], "strings")]
    return small.save(nodes, [small.value("x", [2], onnx.TensorProto.STRING)],
                      [small.value("y", [2], onnx.TensorProto.STRING)], [], path)


def test_check_says_what_compile_will(cameo, model, tmp_path):
    assert "can be compiled" in cameo("check", model).stdout
    path = unsupported(tmp_path / "m.onnx")
    for verb in ("check", "compile"):
        result = cameo(verb, path, "--json", check=False)
        assert result.returncode == 2
        report = json.loads(result.stdout)
        assert report["problems"] and all(p["code"] and p["message"] for p in report["problems"])
    assert json.loads(cameo("check", model, "--json").stdout)["problems"] == []


def test_list_ops(cameo):
    text = cameo("list-ops").stdout
    assert re.search(r"^\S*\s*Conv\b", text, re.M) and len(text.splitlines()) > 200


# --- inspect -------------------------------------------------------------------------------------

def test_inspect_a_bundle_and_a_model(cameo, model, bundle):
    for path in (bundle, model):
        text = cameo("inspect", path).stdout
        assert "input x: float[N, 6]" in text.replace("float32", "float").replace("f32", "float"), text
        assert "3 weights, 392 bytes" in text or "weights, " in text
        assert "of them launches" in text and re.search(r"^sm_80: \d+ kernels:$", text, re.M), text
        assert ".entry" in cameo("inspect", path, "--ptx").stdout


def test_inspect_fusion_explains_every_edge(cameo, bundle):
    report = json.loads(cameo("inspect", bundle, "--json").stdout)
    edges = {(edge["from"], edge["to"]) for edge in report["edges"]}
    # Launches form a chain here: each but the last is read by the next.
    assert edges == {(i, i + 1) for i in range(len(report["launches"]) - 1)} and edges
    assert all(edge["because"] for edge in report["edges"])
    text = cameo("inspect", bundle, "--fusion").stdout
    assert f"{len(edges)} edges between launches:" in text
    assert len(re.findall(r"^ *\d+ -> \d+: \S", text, re.M)) == len(edges)


def test_inspect_refusals(cameo, model, tmp_path):
    (tmp_path / "bad.cameo").write_bytes(model.read_bytes())
    assert status(cameo, "inspect", tmp_path / "bad.cameo") == 3
    assert status(cameo, "inspect", tmp_path / "absent.cameo") == 9
    assert status(cameo, "inspect", tmp_path / "absent.onnx") == 9
    assert status(cameo, "inspect", unsupported(tmp_path / "m.onnx")) == 2


# --- run -----------------------------------------------------------------------------------------

def test_run_a_model_and_a_bundle(cameo, model, bundle, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 6), np.float32))
    results = []
    for path, device in ((bundle, "sim"), (model, "sim"), (model, "evaluator")):
        folder = tmp_path / f"{path.suffix}{device}"
        output = cameo("run", path, "--device", device, f"--input=x=@{tmp_path}/x.npy", "--output-dir", folder).stdout
        assert output.startswith("y: ")
        results.append(np.load(folder / "y.npy"))
        assert results[-1].shape == (3, 5)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_allclose(results[0], results[2], rtol=1e-5)


def test_run_draws_inputs_from_the_seed(cameo, bundle):
    one, again, other = (cameo("run", bundle, "--device", "sim", "--seed", seed).stdout for seed in (5, 5, 6))
    assert one == again != other


def test_run_strict(cameo, model, bundle, tmp_path):
    cameo("run", bundle, "--device", "sim", "--strict")
    # A shape that arrives as an input is a control operand, which strict allows.
    nodes = [onnx.helper.make_node("Reshape", ["x", "s"], ["y"], "reshape")]
    path = small.save(nodes, [small.value("x", [2, 6]), small.value("s", [2], onnx.TensorProto.INT64)],
                      [small.value("y", None)], [], tmp_path / "m.onnx")
    np.save(tmp_path / "s.npy", np.array([3, 4]))
    output = cameo("run", path, "--device", "sim", "--strict", f"--input=s=@{tmp_path}/s.npy").stdout
    assert re.search(r"y: \S*\[3, ?4\]", output), output


def test_run_refusals(cameo, bundle, tmp_path):
    def given(array, name="x"):
        np.save(tmp_path / "a.npy", array)
        return status(cameo, "run", bundle, "--device", "sim", f"--input={name}=@{tmp_path}/a.npy",
                      "--output-dir", tmp_path / "out")

    assert given(np.ones((3, 6), np.float32)) == 0
    (tmp_path / "out" / "y.npy").unlink()
    assert given(np.ones((3, 6), np.float64)) == 8
    assert given(np.ones((3, 7), np.float32)) == 8
    assert given(np.ones(6, np.float32)) == 8
    assert given(np.ones((3, 6), np.float32), "z") == 8
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-3])
    assert status(cameo, "run", bundle, "--device", "sim", f"--input=x=@{tmp_path}/a.npy") == 8
    assert status(cameo, "run", bundle, "--device", "sim", "--input=x") == 8
    np.save(tmp_path / "a.npy", np.ones((3, 6), np.float32))
    twice = cameo("run", bundle, "--device", "sim", *[f"--input=x=@{tmp_path}/a.npy"] * 2, check=False)
    assert twice.returncode == 8 and "given twice" in twice.stderr
    assert status(cameo, "run", bundle, "--device", "sim", "--output-dir", tmp_path / "a.npy" / "x") == 9
    damaged = bytearray(bundle.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "d.cameo").write_bytes(damaged)
    assert status(cameo, "run", tmp_path / "d.cameo", "--device", "sim") == 3


# --- bench ---------------------------------------------------------------------------------------

def test_bench_counts_on_sim(cameo, bundle, tmp_path):
    result = cameo("bench", bundle, "--device", "sim", "--iterations", 2, "--percentile", "50,95", "--json",
                   tmp_path / "b.json")
    assert "2 runs, median " in result.stdout and ", 95% " in result.stdout
    assert "says nothing of any GPU" in result.stdout
    figures = json.loads((tmp_path / "b.json").read_text())
    assert figures["version"] == 1 and figures["runs"] == 2 and figures["p95_ms"] >= figures["median_ms"]
    kernels = figures["kernels"]
    assert abs(sum(kernel["share"] for kernel in kernels) - 100) < 1e-6
    products = [kernel for kernel in kernels if {"first", "second"} & set(kernel["nodes"])]
    assert products and all(kernel["flop"] > 0 and kernel["global_bytes"] > 0 for kernel in products)


def figures(text):
    """The blocks of --counts: {title: {figure: value}}."""
    blocks = {}
    for line in text.splitlines():
        if re.match(r"(kernel \S+|all kernels), \d+ launch", line):
            block = blocks.setdefault(line.split(",")[0], {})
        elif match := re.fullmatch(r" +([a-z_]+)  (\d+)", line):
            block[match[1]] = int(match[2])
    return blocks


@pytest.mark.parametrize("verb", ["run", "verify", "bench"])
def test_counts_of_each_kernel_add_up(cameo, model, verb):
    arguments = ["--iterations", "1"] if verb == "bench" else ["--ref", "evaluator"] if verb == "verify" else []
    result = cameo(verb, model, "--device", "sim", "--shape", "x=3x6", "--counts", "--schedule", "random", "--copies",
                   "random", *arguments)
    blocks = figures(result.stdout if verb == "bench" else result.stderr)
    total = blocks.pop("all kernels")
    assert len(blocks) >= 2 and total["fma"] >= 3 * 6 * 8 + 3 * 8 * 5
    assert total == {name: sum(block.get(name, 0) for block in blocks.values()) for name in total}


def test_bench_refusals(cameo, bundle, tmp_path):
    assert status(cameo, "bench", bundle, "--device", "sim", "--json", tmp_path / "absent" / "b.json") == 9
    assert status(cameo, "bench", tmp_path / "absent.cameo", "--device", "sim") == 9
    assert status(cameo, "bench", bundle, "--device", "evaluator") == 1


def test_precision_of_f32_products(cameo, tmp_path):
    """Asked for, the matrix engine multiplies f32; what is not a precision is refused."""
    from onnx import TensorProto, helper
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", info[:2], info[2:])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    for asked, products in [([], 0), (["--precision=fma"], 0), (["--precision=tf32"], 1), (["--precision=tf32x3"], 3), (["--precision=auto"], 3)]:
        text = cameo("compile", path, "--stop-after", "stage", *asked).stdout
        assert ("kernel.mma_async" in text and "mma[" in text) == (products > 0), asked
        assert ("products = 3" in text) == (products == 3), asked
    refused = cameo("compile", path, "--precision=half", check=False)
    assert refused.returncode != 0 and "fma, tf32x3, auto or tf32" in refused.stderr
