# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The kernels of the corpus that Numba compiles: sources/numba_kernels.py. An array is seven arguments and more: two
# objects that are not used here, counts, the pointer, sizes and strides.
import importlib
import os
import sys

import numpy as np

from launches import EXACT, Kernel, close, floats, ints, numpy_type, out, scalar, zeros

F32, F64 = "float32", "float64"
TYPES = {"float32": "float32", "float64": "float64", "int32": "int32"}


def array(entry):
    size = numpy_type(entry["dtype"]).itemsize
    shape = entry["shape"]
    strides = [int(np.prod(shape[i + 1:])) * size for i in range(len(shape))]
    whole = lambda value: scalar("int64", value)
    return [whole(0), whole(0), whole(int(np.prod(shape))), whole(size), entry, *map(whole, shape), *map(whole, strides)]


def kernel(name, exercises, grid, block, arguments, reference, how=EXACT, arch="sm_80"):
    args = [arg for entry in arguments for arg in (array(entry) if entry["kind"] == "buffer" else [entry])]
    return Kernel(name, exercises, grid, block, args, reference, how, arch=arch, arguments=arguments)


def wide(x):
    return x.astype(np.float64)


def kernels():
    yield kernel("tiled_matmul", "tiles in shared memory, syncthreads", [3, 3], [16, 16],
                 [floats("a", F32, [37, 53], 300), floats("b", F32, [53, 41], 301), out("c", F32, [37, 41])],
                 lambda v: wide(v.a) @ wide(v.b), close(1e-5, 1e-4))
    yield kernel("shared_histogram", "atomics in shared and global memory", [3], [96],
                 [ints("x", "int32", [1000], 302, 0, 5000), zeros("bins", "int32", [64])], lambda v: np.bincount(v.x % 64, minlength=64))
    yield kernel("warp_sums", "shuffles of f64, votes, atomics of f64", [3], [128],
                 [floats("x", F64, [300], 303), zeros("y", F64, [3])], warp_sums, close(1e-12, 1e-12), arch="sm_90")
    yield kernel("escape_times", "loops that end at different times", [2, 3], [8, 16],
                 [out("y", "int32", [13, 45]), scalar(F64, -2.0), scalar(F64, -1.2), scalar(F64, 0.0625)], escape_times)
    yield kernel("bodies", "square roots and divisions of f32", [2], [64],
                 [floats("position", F32, [100, 2], 304), out("acceleration", F32, [100, 2])], bodies, close(1e-3, 1e-3))


def warp_sums(v):
    parts = np.pad(v.x, (0, 84)).reshape(12, 32).sum(1)
    return [parts.sum(), max(parts.max(), 0), 300]


def escape_times(v):
    y = np.zeros((13, 45), np.int32)
    for i in range(13):
        for j in range(45):
            c, z, n = complex(-2.0 + 0.0625 * j, -1.2 + 0.0625 * i), 0j, 0
            while n < 50 and abs(z) <= 2.0:
                z, n = z * z + c, n + 1
            y[i, j] = n
    return y


def bodies(v):
    d = wide(v.position)[None] - wide(v.position)[:, None]
    return (d / ((d * d).sum(2, keepdims=True) + 0.01) ** 1.5).sum(1)


def compile(kernel, options, folder):
    """As by_nvcc.compile."""
    os.environ.setdefault("CUDA_HOME", options.toolkit)
    sys.path.insert(0, str(folder / "sources"))
    import importlib.metadata as metadata

    import numba
    from numba import cuda
    sources = importlib.import_module("numba_kernels")
    types = [getattr(numba, TYPES[e["dtype"]]) for e in kernel.build.arguments]
    types = [numba.types.Array(t, len(e["shape"]), "C") if e["kind"] == "buffer" else t for t, e in zip(types, kernel.build.arguments)]
    text, _ = cuda.compile_ptx(getattr(sources, kernel.name), tuple(types), cc=(int(kernel.arch[3:4]), 0))
    return text, {"source": "sources/numba_kernels.py", "compiler": "Numba CUDA " + metadata.version("numba-cuda"),
                  "command": f"compile_ptx {kernel.name}({', '.join(map(str, types))}), {kernel.arch}"}, 0, []
