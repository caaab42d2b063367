# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiling: the tool `cameo`, found beside this package, in its build tree, or on PATH."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from ._errors import DeviceError, UsageError, make


def _tool():
    package = pathlib.Path(__file__).resolve().parent
    for place in (package / "bin", package.parent.parent / "bin"):  # installed; build tree
        if (place / "cameo").is_file():
            return str(place / "cameo")
    found = shutil.which("cameo")
    if not found:
        raise DeviceError("the compiler is not installed: no program 'cameo' beside the package or on PATH", 7)
    return found


def _flags(options):
    """precision="tf32" is --precision=tf32, strict=True is --strict, a list repeats the flag."""
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        if value is True:
            yield flag
        elif isinstance(value, (list, tuple)):
            yield from (f"{flag}={item}" for item in value)
        elif value not in (None, False):
            yield f"{flag}={value}"


def compile(model, output=None, **options):  # noqa: A001
    """Compiles an ONNX file (a path, or a ModelProto) to a bundle and returns the bundle's path.

    `output` defaults to the model's name with the suffix .cameo. `options` are the flags of
    `cameo compile`, with underscores: compile("m.onnx", shape=["x=1x3x224x224"], precision="tf32").
    """
    with tempfile.TemporaryDirectory() as folder:
        if hasattr(model, "SerializeToString"):
            if output is None:
                raise UsageError("a model in memory needs the argument 'output'", 1)
            path = os.path.join(folder, "model.onnx")
            with open(path, "wb") as file:
                file.write(model.SerializeToString())
        else:
            path = os.fspath(model)
        target = os.fspath(output) if output is not None else str(pathlib.Path(path).with_suffix(".cameo"))
        result = subprocess.run([_tool(), "compile", path, "-o", target, *_flags(options)],
                                capture_output=True, text=True, check=False)
    if result.returncode != 0:
        code = result.returncode if result.returncode > 0 else 6
        raise make(code, (result.stderr or result.stdout).strip() or f"cameo compile ended with {code}")
    return target
