# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Failures as exceptions, one class per kind; `code` is the exit code of the tool `cameo`."""


class CameoError(Exception):
    """Any failure. `kernel` and `nodes` (ONNX node names) say what is at fault where that is known."""

    def __init__(self, message, code=6, kernel="", nodes=()):
        super().__init__(message)
        self.code, self.kernel, self.nodes = code, kernel, list(nodes)


class UsageError(CameoError):
    """A call that cannot be meant."""


class UnsupportedError(CameoError):
    """Legal, but not offered: an operator, a format version."""


class InvalidError(CameoError):
    """A damaged or hostile model or bundle."""


class InternalError(CameoError):
    """A defect of Cameo's own."""


class DeviceError(CameoError):
    """No such device."""


class InputError(CameoError, ValueError):
    """Type, rank, shape, alignment, device or values of an input."""


class ResourceError(CameoError):
    """Input/output error, or the memory limit."""


class TimeLimitError(CameoError, TimeoutError):
    """The time limit passed."""


class FindingError(CameoError):
    """The PTX machine found a defect in a kernel (code 20 to 25)."""


class Interrupted(CameoError):
    """`Session.cancel` was called."""


_CLASSES = {1: UsageError, 2: UnsupportedError, 3: InvalidError, 6: InternalError, 7: DeviceError,
            8: InputError, 9: ResourceError, 10: TimeLimitError, 130: Interrupted}


def make(code, message, kernel="", nodes=()):
    kind = FindingError if 20 <= code <= 25 else _CLASSES.get(code, CameoError)
    return kind(message, code, kernel, nodes)
