# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# `pip install .` gives a package that compiles and runs a model, without this checkout on any path. It builds
# everything once more (another folder, another precompiled header), so only --full runs it; what it would install
# is tested by default, from this build.
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import models
from models.inputs import random_inputs

PROGRAM = """
import sys, numpy, cameo
folder = sys.argv[1]
cameo.compile(folder + "/model.onnx", folder + "/model.cameo")
session = cameo.Session(folder + "/model.cameo")
image = numpy.load(folder + "/image.npy")
logits = session.run(None, {"image": image})[0]
numpy.save(folder + "/logits.npy", logits)

class Capsule:  # what is not NumPy's comes in by DLPack, and goes out by it
    def __dlpack__(self, **more):
        return image.__dlpack__(**more)
    def __dlpack_device__(self):
        return image.__dlpack_device__()

again = session.run(None, {"image": Capsule()})[0]
assert numpy.array_equal(numpy.from_dlpack(again), logits)
print(cameo.__file__)
"""


def compiles_and_runs(site, tmp_path):
    model = models.FAMILIES["digits"](**models.TINY["digits"])
    onnx.save_model(model, tmp_path / "model.onnx")
    inputs = random_inputs(model, {"batch": 5})
    np.save(tmp_path / "image.npy", inputs["image"])
    environment = {**os.environ, "PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}
    result = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], capture_output=True, text=True, cwd=tmp_path,
                            env=environment)
    assert result.returncode == 0, result.stderr
    assert str(site) in result.stdout
    want = onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)[0]
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), want, rtol=1e-3, atol=1e-3 * np.abs(want).max())


def test_what_is_installed_is_a_working_package(source_dir, build_dir, tmp_path):
    """The component that the wheel is made of, and the package's sources."""
    site = tmp_path / "site"
    subprocess.run(["cmake", "--install", build_dir, "--component", "python", "--prefix", site], check=True,
                   capture_output=True)
    for source in (source_dir / "python" / "cameo").glob("*.py"):
        shutil.copy(source, site / "cameo")
    compiles_and_runs(site, tmp_path)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_pip_install_gives_a_working_package(source_dir, tmp_path):
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--target", site,
                    source_dir], check=True)
    compiles_and_runs(site, tmp_path)
