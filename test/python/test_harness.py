# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The harness itself: what it must not let pass. A crash without a report, a skip that nobody allowed, a
# skipped ptxas test, an empty run, a warning.
import re
import subprocess
import sys

import pytest

CASE = '<testcase classname="suite" name="{}">{}</testcase>'


def write_report(folder, *cases):
    folder.mkdir(exist_ok=True)
    body = "".join(CASE.format(name, inner) for name, inner in cases)
    (folder / "report.xml").write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")


def summarize(source_dir, folder, allowed=""):
    folder.mkdir(exist_ok=True)
    skips = folder / "skips.txt"
    skips.write_text(allowed)
    return subprocess.run([sys.executable, source_dir / "scripts" / "summarize.py", folder, skips],
                          capture_output=True, text=True)


def last_line(result):
    return result.stdout.splitlines()[-1]


def test_all_passed(source_dir, tmp_path):
    write_report(tmp_path, ("a", ""), ("b", ""))
    result = summarize(source_dir, tmp_path)
    assert (result.returncode, last_line(result)) == (0, "2 passed, 0 failed, 0 skipped")


@pytest.mark.parametrize("inner", ['<failure message="no"/>', '<error message="no"/>'])
def test_failure(source_dir, tmp_path, inner):
    write_report(tmp_path, ("a", ""), ("b", inner))
    result = summarize(source_dir, tmp_path)
    assert (result.returncode, last_line(result)) == (1, "1 passed, 1 failed, 0 skipped")
    assert "FAILED   report: suite.b: no" in result.stdout


def test_allowed_skip_is_listed_with_its_reason(source_dir, tmp_path):
    write_report(tmp_path, ("a", ""), ("cuda_copy", '<skipped message="no device"/>'))
    result = summarize(source_dir, tmp_path, "# comment\n*cuda*   # needs a device\n")
    assert (result.returncode, last_line(result)) == (0, "1 passed, 0 failed, 1 skipped")
    assert "skipped  report: suite.cuda_copy: no device" in result.stdout


@pytest.mark.parametrize("name, message, allowed", [
    ("other", "slow", "*cuda*"), ("spills_ptxas", "missing", "*spills*"), ("spills", "Missing: ptxas", "*")])
def test_other_skips_fail(source_dir, tmp_path, name, message, allowed):
    write_report(tmp_path, ("a", ""), (name, f'<skipped message="{message}"/>'))
    result = summarize(source_dir, tmp_path, allowed)
    assert (result.returncode, last_line(result)) == (1, "1 passed, 1 failed, 0 skipped")


def test_empty_and_unreadable_runs_fail(source_dir, tmp_path):
    assert summarize(source_dir, tmp_path / "empty").returncode == 1
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "report.xml").write_text("<testsuites><testca")
    result = summarize(source_dir, tmp_path / "broken")
    assert (result.returncode, last_line(result)) == (1, "0 passed, 1 failed, 0 skipped")


@pytest.mark.parametrize("body, failures", [
    ("kill -SEGV $$", 1), ("exit 3", 1),
    ('echo "<testsuites failures=\\"0\\"><testcase/></testsuites>" > "${1#--gtest_output=xml:}"', 0),
    ('echo "<testsuites failures=\\"0\\"><testcase/></testsuites>" > "${1#--gtest_output=xml:}"; exit 1', 1)])
def test_unit_program_without_a_true_report_is_a_failure(source_dir, tmp_path, body, failures):
    program = tmp_path / "Program"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    (tmp_path / "out").mkdir()
    subprocess.run([sys.executable, source_dir / "scripts" / "run_unit.py", tmp_path / "out", program], check=True,
                   capture_output=True)
    assert len(re.findall("<failure", (tmp_path / "out" / "Program.xml").read_text())) == failures


def test_a_warning_is_a_failure(source_dir, tmp_path):
    (tmp_path / "build.log").write_text("[1/2] x.cpp\nx.cpp:3:1: \x1b[35mwarning: \x1b[0munused variable 'a'\n")
    subprocess.run([sys.executable, source_dir / "scripts" / "check_warnings.py", tmp_path / "build.log",
                    tmp_path / "report.xml"], check=True, capture_output=True)
    assert "unused variable" in (tmp_path / "report.xml").read_text()
    assert summarize(source_dir, tmp_path).returncode == 1
