# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A small model and its bundle, made once; and a run that a test may interrupt.
import json
import os
import signal
import subprocess
import time

import pytest
import small


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return small.perceptron(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="session")
def bundle(cameo, model):
    cameo("compile", model, "-o", model.with_suffix(".cameo"))
    return model.with_suffix(".cameo")


@pytest.fixture
def start(build_dir, tmp_path):
    """Starts `cameo ARGS...` with a temporary folder of its own; `process.end(SIGNAL)` gives (status, seconds,
    stderr) and fails if anything is left in that folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    started = []

    def run(*arguments):
        process = subprocess.Popen([build_dir / "bin" / "cameo", *map(str, arguments)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)})
        started.append(process)

        def end(sent=None):
            begin = time.monotonic()
            if sent is not None:
                process.send_signal(sent)
            _, errors = process.communicate(timeout=120)
            seconds = time.monotonic() - begin
            assert list(scratch.iterdir()) == [], "something was left behind"
            return process.returncode, seconds, errors

        process.end = end
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture
def sim(cameo, tmp_path):
    """Runs PTX with a launch (a dict, or bytes) and flags; the exit status is the caller's to judge."""
    def run(ptx, launch, *flags, **more):
        (tmp_path / "kernel.ptx").write_text(ptx)
        data = launch if isinstance(launch, bytes) else json.dumps(launch).encode()
        (tmp_path / "launch.json").write_bytes(data)
        return cameo("sim", tmp_path / "kernel.ptx", "--launch", tmp_path / "launch.json", *flags, check=False, **more)
    return run
