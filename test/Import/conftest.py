# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# How the tests of this folder import a model: in a process of its own, under limits of memory and time, so
# that a crash, a hang or a gigabyte is a failure and not the end of the run.
import json
import subprocess

import pytest
from hostile import limits


@pytest.fixture
def check(build_dir, tmp_path):
    """Imports bytes or a model; returns (exit code, the problems by code)."""

    def run(model, *flags, name="m.onnx"):
        path = tmp_path / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        result = subprocess.run([build_dir / "bin" / "cameo-import", "--json", *flags, path],
                                capture_output=True, text=True, timeout=60, preexec_fn=limits)
        assert result.returncode in (0, 2, 3, 9), (result.returncode, result.stderr[-500:])
        problems = json.loads(result.stdout)["problems"]
        return result.returncode, {p["code"]: p for p in problems}

    return run
