# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# One fault at a time: a small model with it is refused, with every node at fault named, and compiles without.
import json

import onnx
import pytest

from models.faults import FAULTS, FAULTY_NODES


@pytest.mark.parametrize("in_branch", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_refused_by_name(cameo, tmp_path, fault, in_branch):
    path = tmp_path / "model.onnx"
    onnx.save_model(FAULTS[fault](True, in_branch), path)
    result = cameo("check", path, "--json", check=False)
    assert result.returncode in (2, 3), result.stdout + result.stderr
    problems = json.loads(result.stdout)["problems"]
    # A branch with a problem may make its If one, too; nobody else is accused.
    named = {problem["node"] for problem in problems if problem["operator"]}
    assert FAULTY_NODES <= named <= FAULTY_NODES | ({"choose"} if in_branch else set())
    assert all(problem["code"].startswith("E") and problem["message"] for problem in problems)
    result = cameo("compile", path, "-o", tmp_path / "out.cameo", check=False)
    assert result.returncode in (2, 3)
    assert not (tmp_path / "out.cameo").exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_compiles_without_the_fault(cameo, tmp_path, fault):
    path = tmp_path / "model.onnx"
    onnx.save_model(FAULTS[fault](False), path)
    cameo("compile", path, "-o", tmp_path / "out.cameo")
    assert (tmp_path / "out.cameo").stat().st_size > 0
