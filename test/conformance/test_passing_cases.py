# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What passes stays passing: a fresh sample of the node cases listed in passing.txt (the seed is the
# commit's) has to pass on the PTX machine, strict, every byte of every output written by a kernel.
import pathlib
import random
import subprocess
import sys
import os
import json

import pytest

HERE = pathlib.Path(__file__).parent
SHARE = 0.1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def all_cases(source_dir):
    folder = source_dir / "build" / "conformance" / "cases"
    if not (folder / "tolerances.json").exists():
        subprocess.run([sys.executable, "-W", "ignore", "-m", "models.node_cases", folder], check=True,
                       env={**os.environ, "PYTHONPATH": str(source_dir / "python")})
    return folder


def passing():
    lines = (HERE / "passing.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_sample_of_passing_cases(cameo, all_cases, tmp_path, seed):
    names = passing()
    assert len(names) == len(set(names))
    sample = random.Random(seed).sample(names, max(1, round(len(names) * SHARE)))
    (tmp_path / "tolerances.json").symlink_to(all_cases / "tolerances.json")
    for name in sample:
        (tmp_path / name).symlink_to(all_cases / name)
    report = tmp_path / "report.json"
    cameo("conformance", tmp_path, "--device", "sim", "--json", report, check=False, timeout=800)
    outcomes = {case["name"]: case["outcome"] for case in json.loads(report.read_text())["cases"]}
    assert len(outcomes) == len(sample)
    assert not {name: outcome for name, outcome in outcomes.items() if outcome != "pass"}
