# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A bundle with code for several targets: each has variants of its own, chosen for it. What was planned holds for the
# machine code that ptxas makes (blocks on a multiprocessor); the PTX machine runs the code that is asked for, and
# every target's code computes the same within the bound of f32.
import json
import random
import re
import shutil
import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper

TARGETS = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_120"]
KINDS = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16}


@pytest.fixture(scope="module")
def sass(source_dir):
    sys.path.insert(0, str(source_dir / "bench" / "sass"))
    import sass
    return sass


def product(kind, path, sides=("M", "N", "K")):
    m, n, k = sides
    info = [helper.make_tensor_value_info(name, KINDS[kind], shape) for name, shape in
            (("a", [m, k]), ("b", [k, n]), ("c", [m, n]))]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", info[:2], info[2:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


@pytest.fixture(scope="module")
def compiled(cameo, tmp_path_factory):
    """report(kind, precision): the bundle's path and, for each target, its kernels by the name of their variant."""
    folder, made = tmp_path_factory.mktemp("targets"), {}

    def report(kind, precision="fma"):
        if (kind, precision) not in made:
            bundle = folder / f"{kind}-{precision}.cameo"
            cameo("compile", product(kind, folder / f"{kind}.onnx"), "-o", bundle, f"--target={','.join(TARGETS)}",
                  f"--precision={precision}")
            targets = json.loads(cameo("inspect", bundle, "--json").stdout)["targets"]
            made[kind, precision] = bundle, {
                target: {re.sub(r"gemm_[0-9a-f]+_", "", kernel["kernel"]): kernel for kernel in kernels}
                for target, kernels in targets.items()}
        return made[kind, precision]

    return report


def engine(kernel):
    return re.search(r"engine = (\w+)", kernel["predicted"]["schedule"])[1]


def test_every_target_has_variants_of_its_own(cameo, compiled):
    bundle, targets = compiled("f16")
    assert list(targets) == sorted(TARGETS)
    # Two blocks of 128 threads fit everywhere; where a multiprocessor has 164 KB or more, with tiles twice as deep.
    roomy, narrow = ("tile = [128, 128, 64]", "stages = 2", 1 << 16), ("tile = [128, 128, 32]", "stages = 3", 3 << 14)
    for target in TARGETS:
        tile, stages, shared = roomy if target in ("sm_80", "sm_90a") else narrow
        large = targets[target]["large"]
        assert tile in large["predicted"]["schedule"] and stages in large["predicted"]["schedule"], (target, large)
        assert large["shared_bytes"] == shared and large["predicted"]["blocks_per_multiprocessor"] == 2, (target, large)
    # The large tile waits for enough blocks for the multiprocessors of this target.
    multiprocessors = {"sm_80": 108, "sm_86": 84, "sm_89": 144, "sm_90a": 132, "sm_120": 188}
    for target in TARGETS:
        assert f"le({multiprocessors[target]}," in targets[target]["large"]["guard"], targets[target]["large"]["guard"]
    text = cameo("inspect", bundle).stdout
    assert re.findall(r"^(sm_\w+): (\d+) kernels:$", text, re.M) == [(t, "4") for t in TARGETS]


@pytest.mark.parametrize("besides, depth", [("", 32), ("sm_90a", 32), ("sm_120", 32), ("sm_86", 64)])
def test_portable_code_keeps_to_what_all_its_devices_have(besides, depth, cameo, tmp_path):
    # A device takes the newest code that it runs: with code for sm_86, no device of 100 KB takes the portable one.
    path = product("f16", tmp_path / "m.onnx", (4096, 4096, 4096))
    text = cameo("compile", path, "--stop-after", "schedule", *([f"--target={besides}"] if besides else [])).stdout
    portable = next(line for line in text.splitlines() if "kernel.variant @large" in line and "kernel.target" not in line)
    assert f"tile = [128, 128, {depth}]" in portable, portable


@pytest.mark.parametrize("kind, precision", [("f16", "fma"), ("f32", "auto")])
def test_as_many_blocks_as_planned(kind, precision, cameo, compiled, sass, source_dir, tmp_path):
    def tool(name):
        beside = source_dir / "build" / "venv" / "bin" / name
        return str(beside) if beside.exists() else shutil.which(name)

    bundle, targets = compiled(kind, precision)
    text = cameo("inspect", bundle, "--ptx").stdout
    modules = {re.search(r"^\.target (\w+)", part, re.M)[1]: ".version" + part
               for part in re.split(r"^\.version", text, flags=re.M)[1:]}
    for target in TARGETS:
        (tmp_path / "module.ptx").write_text(modules[target])
        kernels = sass.assemble(tmp_path / "module.ptx", target, tmp_path / "module.cubin", tool)
        for kernel in targets[target].values():
            code, planned = kernels[kernel["kernel"]], kernel["predicted"]["blocks_per_multiprocessor"]
            blocks, _ = code.occupancy(target, kernel["threads"], kernel["shared_bytes"])
            assert blocks >= planned >= 1, (target, kernel, code.registers)
            assert code.spills == 0, (target, kernel)


def test_f32_takes_the_faster_exact_engine(compiled):
    _, targets = compiled("f32", "auto")
    chosen = {target: {engine(kernel) for kernel in targets[target].values()} for target in TARGETS}
    assert chosen == {"sm_80": {"tf32x3"}, "sm_86": {"fma"}, "sm_89": {"fma"}, "sm_90a": {"tf32x3"}, "sm_120": {"fma"}}
    for target in TARGETS:
        predicted = targets[target]["large"]["predicted"]
        faster = min(("fma", "tf32x3"), key=lambda name: predicted[f"clocks_{name}"])
        assert chosen[target] == {faster} == {predicted["faster_exact_f32"]}
    # Without being asked, fma everywhere; the prediction says what would be faster.
    _, targets = compiled("f32")
    assert {engine(kernel) for kernels in targets.values() for kernel in kernels.values()} == {"fma"}
    assert targets["sm_80"]["large"]["predicted"]["faster_exact_f32"] == "tf32x3"


def test_sim_runs_the_code_of_the_target(cameo, tmp_path):
    # 9 x 10 tiles of 128: enough for the 84 multiprocessors of sm_86, not for the 108 of sm_80.
    path = product("f16", tmp_path / "m.onnx", (9 * 128, 10 * 128, 16))
    for device, variant in (("sim", "small"), ("sim:sm_86", "large"), ("sim:sm_120", "small")):
        cameo("bench", path, "--device", device, "--json", tmp_path / "counts.json")
        (kernel,) = json.loads((tmp_path / "counts.json").read_text())["kernels"]
        assert kernel["kernel"].endswith("_" + variant), (device, kernel["kernel"])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind, precision", [("f16", "fma"), ("f32", "auto")])
def test_every_target_computes_within_the_bound(target, kind, precision, compiled, tmp_path, seed):
    cameo_package = pytest.importorskip("cameo")
    import numpy as np
    generator = random.Random(f"{seed} {target} {kind}")
    session = cameo_package.Session(compiled(kind, precision)[0], device=f"sim:{target}", host_threads=1)
    # Odd sizes; nothing along k; more tiles of k than stages; whole chunks, which other variants copy.
    drawn = [(generator.randint(1, 150), generator.randint(1, 150), generator.randint(1, 300)) for _ in range(3)]
    for m, n, k in [*drawn, (generator.randint(1, 9), 65, 0), (64, 72, 32 * generator.randint(9, 12)), (129, 8, 64)]:
        draw = np.random.default_rng([seed, m, n, k])
        a, b = (draw.standard_normal(shape).astype("float32" if kind == "f32" else "float16") for shape in ((m, k), (k, n)))
        (c,) = session.run(None, {"a": a, "b": b})
        a, b = a.astype("float64"), b.astype("float64")
        exact, magnitude = a @ b, abs(a) @ abs(b)
        ulp = np.spacing(abs(exact).astype(c.dtype)).astype("float64")
        assert (abs(c - exact) <= 2 * (k + 8) * 2.0**-24 * magnitude + ulp).all(), (m, n, k)


def test_a_target_that_the_bundle_lacks(cameo, bundle):
    result = cameo("run", bundle, "--device", "sim:sm_86", check=False)
    assert result.returncode == 1 and "only for sm_80" in result.stderr, result.stderr
    result = cameo("run", bundle, "--device", "sim:sm_70", check=False)
    assert result.returncode == 1 and "unknown target" in result.stderr
