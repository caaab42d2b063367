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


def report(path, draws, broken=""):
    """A JUnit report of two random problems, as pytest writes it."""
    cases = "".join(f'<testcase name="test_random_problems[rows-{name}]"><properties>'
                    + "".join(f'<property name="{key}" value="{value}"/>'
                              for key, value in (("family", "rows"), ("draws", count), ("kernels", 8)))
                    + f"</properties>{broken}</testcase>" for name, count in (("sum", draws), ("max", 200)))
    path.write_text(f'<testsuites><testsuite time="90">{cases}<testcase name="test_other"/></testsuite></testsuites>')
    return path


def test_random_problems_are_counted_by_family(results, tmp_path):
    results.PROBLEMS_COVER = ["lib"]
    written = json.loads(results.record_problems(report(tmp_path / "r.xml", 300), seed=7).read_text())
    assert written["figures"] == {"rows": {"problems": 2, "draws": 500, "kernels": 16}}
    assert written["minutes"] == 1.5 and written["seed"] == 7
    with pytest.raises(ValueError, match="fewer than 500 draws of rows"):
        results.record_problems(report(tmp_path / "r.xml", 299), seed=7)
    with pytest.raises(ValueError, match="did not pass"):
        results.record_problems(report(tmp_path / "r.xml", 300, "<failure/>"), seed=7)
