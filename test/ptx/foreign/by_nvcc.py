# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The kernels of the corpus that nvcc compiles: sources/*.cu.
import re
import subprocess

import numpy as np

from launches import Kernel, close, floats, ints, listed, out, scalar, zeros

FLAGS = ["-std=c++17", "-O3"]


def kernels():
    yield from first_kernels()


def first_kernels():
    i32 = "int32"
    at = np.arange(4128)
    yield Kernel("add_one", "bulk copies both ways, proxy fence, cuda::barrier", [4], [128],
                 [ints("data", i32, [4128], 1, -1000, 1000, role="inout"), scalar(i32, 16)],
                 lambda v: v.data + ((at >= 16) & (at < 16 + 4096)), arch="sm_90")
    x = ints("in", i32, [9, 256], 2, -1000, 1000)
    yield Kernel("piped", "cuda::pipeline with memcpy_async, two stages", [1], [128], [x, out("out", i32, [128]), scalar(i32, 9)],
                 lambda v: vars(v)["in"].sum(0)[np.arange(128) * 7 % 256], arch="sm_80")
    x = ints("in", i32, [9, 64], 3, -1000, 1000)
    for arch in ("sm_80", "sm_90"):
        yield Kernel("ready_filled" + arch[2:], "cuda::barrier: producer and consumer warps", [1], [128],
                     [x, out("out", i32, [64]), scalar(i32, 9)], lambda v: vars(v)["in"].sum(0)[::-1], arch=arch,
                     source="ready_filled.cu")
    yield Kernel("block_scan", "CUB BlockScan", [1], [128], [ints("x", i32, [512], 4, -1000, 1000), out("y", i32, [512])],
                 lambda v: np.cumsum(v.x), arch="sm_80")
    yield Kernel("block_sort", "CUB BlockRadixSort", [1], [128], [floats("x", "float32", [512], 5, role="inout")],
                 lambda v: np.sort(v.x), arch="sm_80")
    yield Kernel("block_reduce", "CUB BlockReduce", [3], [256],
                 [floats("x", "float32", [3, 256], 6), out("y", "float32", [3])], lambda v: v.x.min(1), arch="sm_80")
    yield Kernel("block_histogram", "CUB BlockHistogram, atomics to global memory", [4], [128],
                 [ints("x", "uint8", [4, 512], 7, 0, 255), zeros("h", i32, [256])],
                 lambda v: np.bincount(v.x.reshape(-1), minlength=256), arch="sm_80")
    yield Kernel("wmma", "wmma f16", [1], [32], [floats("a", "float16", [16, 64], 8), floats("b", "float16", [16, 64], 9),
                                               out("c", "float32", [16, 16]), scalar(i32, 64)],
                 lambda v: v.a.astype(np.float64) @ v.b.astype(np.float64).T, close(1e-5, 1e-5), arch="sm_80")
    yield Kernel("tiles", "cooperative groups: reduce and scans of tiles of 16", [2], [128],
                 [ints("x", i32, [2, 8, 16], 10, -1000, 1000), out("y", i32, [2, 8, 16])],
                 lambda v: v.x.sum(2, keepdims=True) + 2 * np.cumsum(v.x, 2) - v.x, arch="sm_80")


def compile(kernel, options, folder):
    """The PTX, what to say of it, its bytes of dynamic shared memory, and arguments that it adds."""
    build = kernel.build
    source = getattr(build, "source", kernel.name + ".cu")
    flags = ["-ptx", f"-arch={kernel.arch}", *FLAGS, *getattr(build, "flags", [])]
    target = folder / "generated.ptx"
    subprocess.run([options.nvcc, *flags, str(folder / "sources" / source), "-o", str(target)], check=True)
    text = without_ids(target.read_text())
    target.unlink()
    version = subprocess.run([options.nvcc, "--version"], check=True, capture_output=True, text=True).stdout
    return text, {"source": f"sources/{source}", "compiler": "nvcc " + re.search(r"V([\d.]+)", version)[1],
                  "command": " ".join(["nvcc", *flags, source])}, getattr(build, "shared", 0), []


def without_ids(text):
    """nvcc puts numbers made of the path of the source into names of file scope."""
    ids = set(re.findall(r"_INTERNAL_([0-9a-f]{8})_", text)) | set(re.findall(r"_cu_([0-9a-f]{8})", text))
    for number in ids:
        text = text.replace(number, "00000000")
    return text
