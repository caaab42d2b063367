# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What `cmake --install` puts down works somewhere else: the tools start, an application finds the package,
# compiles against the C interface in C and C++, and links the runtime; and the runtime needs nothing but
# the C and C++ libraries.
import os
import re
import subprocess

import pytest

pytestmark = pytest.mark.slow

SYSTEM_LIBRARIES = re.compile(r"^(linux-vdso|ld-linux-x86-64|lib(c|m|dl|pthread|rt|gcc_s|stdc\+\+))\.so\b")

CONSUMER = """
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(Cameo 0.1 REQUIRED CONFIG)
add_executable(in-c main.c)
add_executable(in-cpp main.cpp)
target_link_libraries(in-c PRIVATE Cameo::CameoRuntime)
target_link_libraries(in-cpp PRIVATE Cameo::CameoRuntime)
"""

PROGRAM = """
#include <cameo/Runtime/cameo.h>
#include <stdio.h>
int main(void) { printf("%s\\n", cameo_version()); return 0; }
"""


def run(*command, **more):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def prefix(build_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", build_dir, "--prefix", folder)
    return folder


def needed(path):
    """The shared libraries that the loader brings in for `path`, by file name."""
    return [line.split()[0].rsplit("/", 1)[-1] for line in run("ldd", path).splitlines() if line.strip()]


def test_tools_start(prefix):
    assert "ONNX" in run(prefix / "bin" / "cameo", "--help")
    assert "-pass-pipeline" in run(prefix / "bin" / "cameo-opt", "--help")


def test_runtime_needs_the_system_alone(prefix):
    libraries = sorted((prefix / "lib").rglob("lib*.so"))
    assert any("cameo-runtime" in path.name for path in libraries)
    for path in libraries:
        extra = [name for name in needed(path) if not SYSTEM_LIBRARIES.match(name) and "cameo" not in name]
        assert not extra, f"{path.name} needs {extra}"


def test_an_application_builds_and_runs(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER)
    (tmp_path / "main.c").write_text(PROGRAM)
    (tmp_path / "main.cpp").write_text(PROGRAM)
    run("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    for program in ("in-c", "in-cpp"):
        assert re.match(r"\d+\.\d+", run(tmp_path / "build" / program, env={**os.environ, "LC_ALL": "C"}))


def test_no_private_headers_are_installed(prefix):
    headers = {path.relative_to(prefix / "include").parts[1] for path in (prefix / "include").rglob("*.h")}
    assert headers == {"Runtime", "Ptx"}
