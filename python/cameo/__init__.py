# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cameo: ONNX models as PTX kernels, on a GPU or on a PTX machine.

    import cameo
    cameo.compile("model.onnx", "model.cameo")
    session = cameo.Session("model.cameo")
    outputs = session.run(None, {"x": array})

`Session` has the shape of ONNX Runtime's InferenceSession. Arrays are NumPy's or anything with
`__dlpack__`; results are NumPy arrays (which have `__dlpack__` too). Failures are exceptions derived from
`CameoError`, whose `code` is the exit code of the tool `cameo`.
"""
from ._compile import compile  # noqa: A004 (the name users look for)
from ._errors import (CameoError, DeviceError, FindingError, InputError, Interrupted, InternalError,
                      InvalidError, ResourceError, TimeLimitError, UnsupportedError, UsageError)

# What needs the extension is imported when it is asked for: compiling and the reference engines do not.
_LATER = {"Port": "_session", "Session": "_session", "cuda_device_count": "_runtime", "version": "_runtime"}

__all__ = ["CameoError", "DeviceError", "FindingError", "InputError", "InternalError", "Interrupted",
           "InvalidError", "Port", "ResourceError", "Session", "TimeLimitError", "UnsupportedError",
           "UsageError", "compile", "cuda_device_count", "version"]


def __getattr__(name):
    if name == "__version__":
        return __getattr__("version")()
    if name not in _LATER:
        raise AttributeError(f"module 'cameo' has no attribute '{name}'")
    from importlib import import_module
    return getattr(import_module("." + _LATER[name], __name__), name)
