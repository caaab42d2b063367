# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# docs/results holds what long runs measured; each file must be as new as the code it covers.
import importlib.util
import json
import shutil
import subprocess

import pytest


def load(path):
    spec = importlib.util.spec_from_file_location("results", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_committed_results_are_as_new_as_their_code(source_dir):
    assert list(load(source_dir / "scripts" / "results.py").outdated()) == []


@pytest.fixture
def results(source_dir, tmp_path):
    """The script in a small repository of its own."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "lib").mkdir()
    shutil.copy(source_dir / "scripts" / "results.py", tmp_path / "scripts")
    (tmp_path / "lib" / "a.cpp").write_text("int a;\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "c"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return load(tmp_path / "scripts" / "results.py")


def test_a_result_holds_until_what_it_covers_changes(results):
    path = results.record("speed", {"seconds": 1}, covers=["lib"], command="measure", minutes=1.25, seed=7)
    assert json.loads(path.read_text())["figures"] == {"seconds": 1}
    assert list(results.outdated()) == []
    (results.SOURCE / "lib" / "a.cpp").write_text("int b;\n")
    ((topic, reason),) = results.outdated()
    assert topic == "speed" and "measure" in reason


def test_refuses_what_is_not_committed_or_not_there(results):
    (results.SOURCE / "lib" / "a.cpp").write_text("int b;\n")
    with pytest.raises(ValueError, match="commit"):
        results.record("speed", {}, covers=["lib"], command="measure", minutes=1)
    with pytest.raises(ValueError, match="no tracked file"):
        results.record("speed", {}, covers=["nowhere"], command="measure", minutes=1)


def test_an_incomplete_result_is_named(results):
    results.FOLDER.mkdir(parents=True)
    (results.FOLDER / "old.json").write_text('{"topic": "old", "counts": {}}')
    ((topic, reason),) = results.outdated()
    assert topic == "old" and "covers" in reason
