# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# --time-limit, --memory-limit and signals: the exit code of the cause, within a second, nothing half-written.
# A second is for a machine that has one: the tests allow the scheduler a few more.
import os
import pathlib
import signal
import subprocess
import time

import pytest
import small

SOON = 5  # seconds; on two idle cores it is below 1


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def written(process):
    """Bytes that a process has given to write(2) and its kin."""
    lines = pathlib.Path(f"/proc/{process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


@pytest.mark.parametrize("verb", ["compile", "check", "inspect"])
def test_time_limit_of_compiling(cameo, model, tmp_path, verb):
    output = ["-o", tmp_path / "out.cameo"] if verb == "compile" else []
    result = cameo(verb, model, "--time-limit", "0.001", *output, check=False)
    assert result.returncode == 10 and "time limit of 0.001 s" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["run", "bench", "verify"])
def test_time_limit_of_running(start, tmp_path, verb):
    more = ["--ref", "evaluator"] if verb == "verify" else []
    process = start(verb, small.slow(tmp_path / "slow.onnx"), "--device", "sim", "--time-limit", "2", *more)
    status, seconds, errors = process.end()
    assert status == 10 and seconds < 2 + SOON and "time limit of 2.000 s" in errors


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run(start, tmp_path, sent):
    output = tmp_path / "results"
    process = start("run", small.slow(tmp_path / "slow.onnx"), "--device", "sim", "--output-dir", output)
    wait_for(lambda: any((tmp_path / "scratch").rglob("model.cameo")))  # compiled: it runs now
    time.sleep(0.3)
    status, seconds, errors = process.end(sent)
    assert status == 130 and seconds < SOON and errors == "error: interrupted\n"
    assert not output.exists() or list(output.iterdir()) == []


def test_an_interrupted_write(start, tmp_path):
    """A bundle of 20 GB is on its way when Ctrl-C comes."""
    path = small.external(tmp_path / "big.onnx", (5 << 30,))
    (tmp_path / "out").mkdir()
    process = start("compile", path, "--weights=embed", "-o", tmp_path / "out" / "big.cameo")
    wait_for(lambda: written(process) > 64 << 20)
    status, seconds, _ = process.end(signal.SIGINT)
    assert status == 130 and seconds < SOON
    assert list((tmp_path / "out").iterdir()) == []


def test_memory_limit_of_compiling(cameo, model, tmp_path):
    result = cameo("compile", model, "--memory-limit", "8M", "-o", tmp_path / "out.cameo", check=False)
    assert result.returncode == 9 and "memory limit" in result.stderr
    assert list(tmp_path.iterdir()) == []
    cameo("compile", model, "--memory-limit", "1G", "-o", tmp_path / "out.cameo")


def test_memory_limit_of_running(cameo, bundle):
    result = cameo("run", bundle, "--device", "sim", "--memory-limit", "64", check=False)
    assert result.returncode == 9 and "memory limit" in result.stderr
    cameo("run", bundle, "--device", "sim", "--memory-limit", "64M")


@pytest.mark.parametrize("flag", ["--memory-limit=0", "--memory-limit=-1", "--memory-limit=1T",
                                  "--memory-limit=99999999999G", "--time-limit=-1", "--time-limit=nan",
                                  "--time-limit=soon"])
def test_limits_that_make_no_sense(cameo, model, tmp_path, flag):
    result = cameo("compile", model, flag, "-o", tmp_path / "out.cameo", check=False)
    assert result.returncode == 1 and flag.split("=")[0].strip("-") in result.stderr


def test_progress_shows_on_a_terminal_after_two_seconds(build_dir, tmp_path):
    try:
        terminal, other = os.openpty()
    except OSError:
        pytest.skip("there are no pseudo-terminals here (/dev/pts)")
    process = subprocess.Popen([build_dir / "bin" / "cameo", "run", small.slow(tmp_path / "slow.onnx"), "--device",
                                "sim"], stdout=subprocess.PIPE, stderr=other)
    os.close(other)
    seen = b""
    try:
        while b"running on sim" not in seen:
            seen += os.read(terminal, 1000)
    finally:
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0]
        os.close(terminal)
    assert process.returncode == 130 and output == b""


def test_no_progress_without_a_terminal(start, tmp_path):
    process = start("run", small.slow(tmp_path / "slow.onnx"), "--device", "sim", "--time-limit", "4")
    assert process.end()[2] == "error: the time limit of 4.000 s passed\n"
