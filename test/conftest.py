# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What every Python test may ask for: this build's tools, the seed of the run, the level of the run, and
# the folder of real models if one was given. Levels deselect (quick < default < full); they never skip.
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

# Before NumPy is loaded: worker processes share the cores already, and spinning threads would fight.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SOURCE = pathlib.Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--build", default=str(SOURCE / "build" / "release"), help="the build to test")
    parser.addoption("--models", default=None, help="a folder of real models (accept/, reject/)")
    parser.addoption("--level", default=os.environ.get("CAMEO_TEST_LEVEL", "default"),
                     choices=("quick", "default", "full"))


def python_path(config):
    """The built package `cameo` (its extension lies in the build folder), then the generator `models`."""
    return [os.path.join(config.getoption("--build"), "python"), str(SOURCE / "python")]


def pytest_configure(config):
    sys.path[:0] = python_path(config)


def pytest_ignore_collect(collection_path, config):
    """Without a folder of real models there is nothing to collect, and nothing that counts as skipped."""
    if collection_path.name == "test_real_models.py" and not config.getoption("--models"):
        return True
    return None


def pytest_collection_modifyitems(config, items):
    level = config.getoption("--level")
    left_out = {"quick": {"slow", "full"}, "default": {"full"}, "full": set()}[level]
    dropped = [item for item in items if left_out & {mark.name for mark in item.iter_markers()}]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in set(dropped)]


@pytest.fixture(scope="session")
def source_dir():
    return SOURCE


@pytest.fixture(scope="session")
def build_dir(request):
    return pathlib.Path(request.config.getoption("--build"))


@pytest.fixture(scope="session")
def seed():
    """The run's seed: from the commit under scripts/test, so that a failure can be repeated."""
    return int(os.environ.get("CAMEO_TEST_SEED", "1"))


@pytest.fixture(scope="session")
def models_dir(request):
    """The folder given with --models; tests that need it are parametrised over its contents."""
    folder = request.config.getoption("--models")
    return pathlib.Path(folder) if folder else None


def _tool(build, name, folder="bin"):
    path = build / folder / name
    if not path.exists():
        pytest.fail(f"{name} is not built: {path}")
    return str(path)


@pytest.fixture(scope="session")
def cameo(build_dir, request):
    """Runs `cameo ARGS...` and returns the completed process, text captured."""
    tool = _tool(build_dir, "cameo")
    # For --ref ort and onnx-reference, which run in this interpreter.
    environment = {**os.environ, "CAMEO_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(python_path(request.config))}

    def run(*arguments, check=True, timeout=300, **more):
        result = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True,
                                timeout=timeout, **{"env": environment, **more})
        if check and result.returncode != 0:
            pytest.fail(f"cameo {' '.join(map(str, arguments))}: exit {result.returncode}\n"
                        f"{result.stdout}{result.stderr}")
        return result

    return run


@pytest.fixture(scope="session")
def cameo_opt(build_dir):
    return _tool(build_dir, "cameo-opt")


@pytest.fixture(scope="session")
def driver(build_dir):
    """The path of a program that serves one library to tests (test/drivers in the build folder)."""
    return lambda name: _tool(build_dir, name, "test/drivers")


@pytest.fixture(scope="session")
def ptxas():
    """ptxas from the virtual environment or PATH. Missing is a failure: setup installs it."""
    beside = SOURCE / "build" / "venv" / "bin" / "ptxas"
    found = str(beside) if beside.exists() else shutil.which("ptxas")
    if not found:
        pytest.fail("ptxas is missing: run scripts/setup")
    return found
