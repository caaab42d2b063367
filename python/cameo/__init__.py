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
from ._runtime import cuda_device_count, version
from ._session import Port, Session

__version__ = version()
__all__ = ["CameoError", "DeviceError", "FindingError", "InputError", "InternalError", "Interrupted",
           "InvalidError", "Port", "ResourceError", "Session", "TimeLimitError", "UnsupportedError",
           "UsageError", "compile", "cuda_device_count", "version"]
