# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays to tensors and back.

The runtime takes addresses with ONNX type numbers. NumPy has no small floats of its own: those come as
ml_dtypes' types, if that package is there. Types below 8 bits are packed in the runtime and one element
a byte in NumPy; DLPack objects are taken as they lie, without a copy, and have to be in C order.
"""
import numpy as np

from . import _runtime
from ._errors import InputError, UnsupportedError

_NUMPY = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
          10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128"}
_SMALL = {16: "bfloat16", 17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2",
          20: "float8_e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4_e2m1fn", 24: "float8_e8m0fnu",
          25: "uint2", 26: "int2"}
_PACKED = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}
_NUMBERS = {name: number for number, name in {**_NUMPY, **_SMALL}.items()}

# DLPack: (type code, bits) to ONNX's numbers. Codes: 0 int, 1 uint, 2 float, 4 bfloat, 5 complex, 6 bool.
_DLPACK = {(2, 32): 1, (1, 8): 2, (0, 8): 3, (1, 16): 4, (0, 16): 5, (0, 32): 6, (0, 64): 7, (6, 8): 9,
           (2, 16): 10, (2, 64): 11, (1, 32): 12, (1, 64): 13, (5, 64): 14, (5, 128): 15, (4, 16): 16}
_DLPACK_HOST, _DLPACK_CUDA = (1, 3), 2


def numpy_dtype(number):
    """The NumPy type of an ONNX type number."""
    if number in _NUMPY:
        return np.dtype(_NUMPY[number])
    try:
        import ml_dtypes
        return np.dtype(getattr(ml_dtypes, _SMALL[number]))
    except (ImportError, AttributeError, KeyError):
        raise UnsupportedError(f"ONNX type {number} has no NumPy type here (is ml_dtypes installed?)", 2) from None


def type_name(number):
    return {**_NUMPY, **_SMALL}.get(number, f"type {number}")


def _pack(array, bits):
    """Elements of one byte each to packed bytes, first element in the lowest bits."""
    per_byte = 8 // bits
    raw = np.ascontiguousarray(array).view(np.uint8).reshape(-1) & ((1 << bits) - 1)
    raw = np.pad(raw, (0, -raw.size % per_byte)).reshape(-1, per_byte)
    return np.bitwise_or.reduce(raw << (np.arange(per_byte, dtype=np.uint8) * bits), axis=1).astype(np.uint8)


def _unpack(packed, bits, count, dtype):
    per_byte = 8 // bits
    raw = (packed[:, None] >> (np.arange(per_byte, dtype=np.uint8) * bits)) & ((1 << bits) - 1)
    raw = raw.reshape(-1)[:count].astype(np.uint8)
    if dtype.name.startswith("int"):  # sign extension
        sign = 1 << (bits - 1)
        return ((raw.astype(np.int8) ^ sign) - sign).astype(dtype)
    return raw.view(dtype)


def _from_numpy(name, array):
    number = _NUMBERS.get(array.dtype.name)
    if number is None:
        raise InputError(f"input '{name}' has the type {array.dtype}, which no model has", 8)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    dims = list(array.shape)
    array = _pack(array, _PACKED[number]) if number in _PACKED else np.ascontiguousarray(array)
    return array, (array.ctypes.data, array.nbytes, number, dims, False, 0)


def _from_dlpack(name, value):
    address, dims, strides, code, bits, lanes, device, index = _runtime.describe(value)
    number = _DLPACK.get((code, bits))
    if number is None or lanes != 1:
        raise InputError(f"input '{name}' has a DLPack type that no model has", 8)
    if device not in (*_DLPACK_HOST, _DLPACK_CUDA):
        raise InputError(f"input '{name}' lies on a device of DLPack type {device}", 8)
    expected, contiguous = 1, True
    for dim, stride in zip(reversed(dims), reversed(strides)):
        contiguous &= dim == 1 or stride == expected
        expected *= dim
    if not contiguous and expected:
        raise InputError(f"input '{name}' is not contiguous in C order: copy it first", 8)
    return value, (address, expected * bits // 8, number, dims, device == _DLPACK_CUDA, index)


def to_tensor(name, value):
    """(what to keep alive, what the extension takes)."""
    if not isinstance(value, np.ndarray) and hasattr(value, "__dlpack__") and not np.isscalar(value):
        return _from_dlpack(name, value)
    return _from_numpy(name, np.asarray(value))


def read_output(session, index):
    """A new NumPy array with an output of the last run."""
    number, dims, size = session.output(index)
    dtype = numpy_dtype(number)
    if number in _PACKED:
        packed = np.empty(size, np.uint8)
        session.read_output(index, packed.ctypes.data, packed.nbytes)
        count = int(np.prod(dims, dtype=np.int64))
        return _unpack(packed, _PACKED[number], count, dtype).reshape(dims)
    array = np.empty(dims, dtype)
    session.read_output(index, array.ctypes.data, array.nbytes)
    return array
