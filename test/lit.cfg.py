# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# lit: tests of the IR and of the command line. Tools are found on PATH under their own names (cameo,
# cameo-opt, FileCheck, not, split-file, ptxas, python3); %python, %models, %plugins and %seed are substituted.
# A test that needs a tool which setup may lack says `REQUIRES: ptxas`; scripts/test then counts it as a
# failure if that tool is missing, because ptxas tests may never be skipped there.
import os
import shutil

import lit.formats

config.name = "cameo"
config.test_format = lit.formats.ShTest(False)
config.suffixes = [".mlir", ".test", ".ptx", ".onnxtxt"]
config.excludes = ["Inputs", "unit", "python", "data", "kernels"]
config.test_source_root = os.path.join(config.cameo_source_dir, "test")
config.test_exec_root = os.path.join(config.cameo_build_dir, "test")

venv = os.path.join(config.cameo_source_dir, "build", "venv", "bin")
path = [os.path.join(config.cameo_build_dir, "bin"), venv, config.llvm_tools_dir, os.environ["PATH"]]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["PYTHONPATH"] = os.pathsep.join(
    os.path.join(folder, "python") for folder in (config.cameo_build_dir, config.cameo_source_dir))
config.environment["CAMEO_PYTHON"] = os.path.join(venv, "python")
for name in ("CAMEO_TEST_SEED", "CAMEO_TEST_LEVEL", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

python = os.path.join(venv, "python")
config.substitutions += [
    ("%python", python),
    ("%models", python + " -m models"),
    ("%plugins", os.path.join(config.cameo_build_dir, "lib")),
    ("%seed", os.environ.get("CAMEO_TEST_SEED", "1")),
]

search = config.environment["PATH"]
for tool in ("ptxas", "nvdisasm", "cuobjdump"):
    if shutil.which(tool, path=search):
        config.available_features.add(tool)
if os.path.exists("/dev/nvidiactl"):
    config.available_features.add("cuda")
if config.sanitizer:
    config.available_features.add("sanitizer")
