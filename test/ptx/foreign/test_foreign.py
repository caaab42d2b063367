# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels that other compilers made (regenerate.py): all checks, all five schedules, the numbers of NumPy, and no
# finding. A mutilated one has to be noticed, or the checks did not run.
import json
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
KERNELS = sorted(path.parent.name for path in HERE.glob("*/launch.json"))


@pytest.mark.parametrize("name", KERNELS)
def test_results_under_every_schedule(cameo, name, seed):
    result = cameo("sim", HERE / name / "kernel.ptx", "--launch", HERE / name / "launch.json", "--schedule", "all",
                   "--runs", "3", "--seed", str(seed), "--json", check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr
    assert result.stderr == "" and len(json.loads(result.stdout)["runs"]) == 15


def test_the_stored_ptx_is_that_of_the_recipes():
    subprocess.run([sys.executable, HERE / "regenerate.py", "--check"], check=True)
    for name in KERNELS:
        recipe = json.loads((HERE / name / "recipe.json").read_text())
        assert {"source", "compiler", "command", "licence", "sha256"} <= recipe.keys()
        assert (HERE / recipe["source"]).exists()
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) < 5 << 20


# What is taken out, and what then has to be said: exit codes of findings, or 4 for wrong numbers.
MUTANTS = {
    "piped": (r"mbarrier\.arrive\.\S+\s+%rd\d+,\s+\[%r\d+\]", {20, 21, 22, 23, 25}),
    "add_one": (r"cp\.async\.bulk\.wait_group", {22}),
    "matmul_f16": (r"cp\.async\.wait_group", {22}),
    "block_scan": (r"bar(rier)?\.sync", {4, 20, 21}),
    "sort": (r"shfl\.sync", {4, 20}),
    "argmax": (r"selp", {4, 20}),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutilated_kernel_is_noticed(cameo, tmp_path, name):
    pattern, codes = MUTANTS[name]
    text, count = re.subn(rf"(?m)^(\s*)((@!?%p\d+ )?{pattern}.*;.*)$", r"\1// \2", (HERE / name / "kernel.ptx").read_text())
    assert count
    (tmp_path / "kernel.ptx").write_text(text)
    result = cameo("sim", tmp_path / "kernel.ptx", "--launch", HERE / name / "launch.json", "--schedule", "all",
                   "--time-limit", "60", check=False)
    assert result.returncode in codes, result.stdout[-2000:] + result.stderr
