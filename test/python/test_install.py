# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What `cmake --install` leaves serves an application: find_package(Cameo), the C header in C, the C++
# header in C++17, and a run on `sim` from the installed libraries alone.
import os
import pathlib
import subprocess
import sys

import onnx
import pytest

FROZEN = pathlib.Path(__file__).resolve().parents[1] / "bundle" / "v1.0.cameo"

CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(application LANGUAGES C CXX)
find_package(Cameo REQUIRED)
add_executable(in_c main.c)
add_executable(in_cpp main.cpp)
target_compile_features(in_c PRIVATE c_std_99)
target_compile_features(in_cpp PRIVATE cxx_std_17)
target_compile_options(in_c PRIVATE -Wall -Wextra -Werror -pedantic)
target_compile_options(in_cpp PRIVATE -Wall -Wextra -Werror -fno-exceptions)
target_link_libraries(in_c PRIVATE Cameo::CameoRuntime)
target_link_libraries(in_cpp PRIVATE Cameo::CameoRuntime)
"""

IN_C = r"""
#include "cameo/Runtime/cameo.h"
#include <stdio.h>
int main(int argc, char **argv) {
  cameo_bundle *bundle = NULL;
  cameo_session *session = NULL;
  cameo_error *error = NULL;
  cameo_session_options options;
  const float a[4] = {1, 2, 3, 4};
  const int64_t dims[1] = {4};
  cameo_tensor in[2] = {{sizeof(cameo_tensor), 1, 1, CAMEO_HOST_MEMORY, 0, dims, NULL, (void *)a, 16}};
  const void *data = NULL;
  cameo_status status;
  in[1] = in[0];
  cameo_session_options_init(&options, sizeof options);
  options.device = CAMEO_SIM;
  status = argc < 2 ? CAMEO_USAGE : cameo_bundle_open(argv[1], &bundle, &error);
  if (!status) status = cameo_session_create(bundle, &options, &session, &error);
  cameo_bundle_destroy(bundle); /* the session keeps it alive */
  if (!status) status = cameo_session_run(session, in, 2, NULL, 0, &error);
  if (!status) status = cameo_session_output_data(session, 0, &data, &error);
  if (status) fprintf(stderr, "%s\n", cameo_error_message(error));
  else printf("%g %g %g %g\n", ((const float *)data)[0], ((const float *)data)[1], ((const float *)data)[2],
              ((const float *)data)[3]);
  cameo_error_destroy(error);
  cameo_session_destroy(session);
  return (int)status;
}
"""

IN_CPP = r"""
#include "cameo/Runtime/cameo.hpp"
#include <cstdio>
using namespace cameo::runtime;
int main(int, char **argv) {
  auto bundle = Bundle::open(argv[1]);
  if (!bundle)
    return std::fprintf(stderr, "%s\n", bundle.error().message().c_str()), bundle.error().status();
  auto session = bundle->createSession(CAMEO_SIM);
  if (!session)
    return std::fprintf(stderr, "%s\n", session.error().message().c_str()), session.error().status();
  const float a[4] = {1, 2, 3, 4};
  if (auto status = session->run({Tensor::of(a, {4}), Tensor::of(a, {4})}); !status)
    return std::fprintf(stderr, "%s\n", status.error().message().c_str()), status.error().status();
  for (float value : *session->outputData<float>(0))
    std::printf("%g ", value);
}
"""


def run(*command, **more):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.mark.slow
def test_an_application_builds_against_an_installation_and_runs(build_dir, tmp_path):
    prefix, source = tmp_path / "prefix", tmp_path / "source"
    run("cmake", "--install", build_dir, "--prefix", prefix)
    source.mkdir()
    (source / "CMakeLists.txt").write_text(CMAKE)
    (source / "main.c").write_text(IN_C)
    (source / "main.cpp").write_text(IN_CPP)
    run("cmake", "-G", "Ninja", "-S", source, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    for program in ("in_c", "in_cpp"):
        output = run(tmp_path / "build" / program, FROZEN, env=environment)
        assert [float(word) for word in output.split()] == [3, -8, 1.5, 24]
    installed_tool(prefix, tmp_path, environment)


def installed_tool(prefix, folder, environment):
    """Compiles, runs, and finds the module of its references beside itself."""
    node = onnx.helper.make_node("Softmax", ["x"], ["y"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "g", [value("x", 1, ["N", 7])], [value("y", 1, ["N", 7])])
    onnx.save_model(onnx.helper.make_model(graph, ir_version=9, opset_imports=[onnx.helper.make_opsetid("", 20)]),
                    folder / "m.onnx")
    environment = {**environment, "CAMEO_PYTHON": sys.executable}
    environment.pop("PYTHONPATH", None)
    tool = prefix / "bin" / "cameo"
    run(tool, "compile", folder / "m.onnx", env=environment, cwd=folder)
    run(tool, "run", folder / "m.cameo", "--device", "sim", env=environment, cwd=folder)
    assert "y: ok" in run(tool, "verify", folder / "m.onnx", "--device", "sim", "--ref", "ort", env=environment, cwd=folder)
