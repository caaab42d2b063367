# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The kernels of the corpus that the CUTLASS Python DSL compiles: sources/cutlass_*.py. Shapes are known when it compiles.
import importlib
import os
import re
import sys

import numpy as np

from launches import EXACT, Kernel, close, floats, ints, out, scalar, tensor_map, zeros

F16, F32 = "float16", "float32"
FLAG = scalar("uint8", 0)  # the accumulate flag of an atom, which the kernel sets itself


def wide(x):
    return x.astype(np.float64)


def kernels():
    yield from rows()
    yield from products()


def kernel(name, exercises, grid, buffers, reference, how=EXACT, *, args=None, module="cutlass_ampere", arch="sm_80", block=128,
           function=None, make=None, **more):
    """`buffers` are what the function is compiled for, in order; `args` what its kernel gets, if that is something else."""
    return Kernel(name, exercises, grid, [block], args or buffers, reference, how, arch=arch, module=module, function=function or name,
                  make=make, shapes=buffers, buffers=buffers if args else (), **more)


def gelu(v):
    x = wide(v.x) + v.bias
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def soft(v):
    e = np.exp(wide(v.x) - wide(v.x).max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def rms(v):
    return wide(v.x) / np.sqrt((wide(v.x)**2).mean(1, keepdims=True) + 1e-5) * v.w


def rows():
    for arch in ("sm_80", "sm_90a"):
        end = arch[2:]
        yield kernel("cute_gelu" + end, "elements in tiles with predicates, tanh", [9],
                     [floats("x", F16, [37, 130], 200, -4.0, 4.0), floats("bias", F32, [130], 201), out("y", F32, [37, 130])], gelu,
                     close(1e-4, 1e-5), function="gelu", arch=arch)
        yield kernel("cute_rms_norm" + end, "reduction of a block: shuffles, shared memory", [5],
                     [floats("x", F16, [5, 300], 202, -2.0, 2.0), floats("w", F32, [300], 203), out("y", F32, [5, 300])], rms,
                     close(1e-5, 1e-6), function="rms_norm", arch=arch)
    yield kernel("cute_online_softmax", "reduction of a warp: pairs by butterfly shuffles", [2],
                 [floats("x", F16, [6, 300], 204, -6.0, 6.0), out("y", F32, [6, 300])], soft, close(1e-5, 1e-7),
                 function="online_softmax")
    yield kernel("cute_column_sums", "a padded tile in shared memory, float atomics", [2, 3],
                 [floats("x", F32, [70, 45], 205), zeros("y", F32, [45])], lambda v: wide(v.x).sum(0), close(1e-5, 1e-4),
                 function="column_sums")


def product(v):
    return wide(v.a) @ wide(v.b).T


def make_product(**options):
    """The DSL's types are named, so that definitions need no DSL."""
    def make(module, cutlass):
        return module.Product(**{key: getattr(cutlass, value) if isinstance(value, str) else value for key, value in options.items()})
    return make


def products():
    m, n, k = 72, 90, 256
    for label, dtype, cutlass_type in (("f16", F16, "Float16"), ("bf16", "bfloat16", "BFloat16")):
        yield kernel(f"cute_matmul_{label}_80", f"mma.sync {label}, ldmatrix, cp.async in three stages, swizzled tiles", [2, 2],
                     [floats("a", dtype, [m, k], 210), floats("b", dtype, [n, k], 211), out("c", F32, [m, n])], product,
                     close(1e-5, 1e-4), make=make_product(dtype=cutlass_type))
    rough, exact = close(1e-3, 1e-3), close(1e-5, 1e-4)
    yield hopper("cute_matmul_f16_90", "wgmma f16, a ring of three stages by tensor maps, stmatrix, tensor store", F16, (72, 80, 520),
                 (64, 64, 64), 3, rough)
    yield hopper("cute_matmul_specialised", "a loading warp beside two warpgroups that multiply: setmaxnreg, one wgmma group in flight",
                 F16, (136, 80, 584), (128, 64, 64), 4, rough, groups=2, specialised=True)
    yield hopper("cute_matmul_wide", "wgmma n128, warp specialised, f32 results stored in two boxes", "bfloat16", (72, 136, 456), (64, 128, 64), 3,
                 exact, result=F32, specialised=True)
    yield hopper("cute_matmul_e4m3", "wgmma e4m3, warp specialised", "float8_e4m3fn", (72, 80, 928), (64, 64, 128), 3, exact, result=F32,
                 specialised=True)
    yield hopper("cute_matmul_s8", "wgmma s8, exact", "int8", (72, 80, 464), (64, 64, 64), 3, EXACT, result="int32", sums="Int32")
    yield hopper("cute_matmul_cluster", "a cluster of two: multicast of B, remote arrivals, warp specialised", F16, (136, 80, 584),
                 (64, 64, 64), 3, rough, cluster=(2, 1), specialised=True)
    yield hopper("cute_matmul_cluster_square", "a cluster of four: multicast of A and B", F16, (72, 80, 456), (64, 64, 64), 3, rough,
                 cluster=(2, 2), specialised=True)


TYPES = {"float16": "Float16", "float32": "Float32", "bfloat16": "BFloat16", "float8_e4m3fn": "Float8E4M3FN", "int8": "Int8", "int32": "Int32"}


def hopper(name, exercises, dtype, sizes, tile, stages, how, result=F16, groups=1, specialised=False, cluster=(1, 1), sums="Float32"):
    m, n, k = sizes
    bm, bn, bk = tile
    draws = (lambda *a: ints(*a, -20, 20)) if dtype == "int8" else floats
    a, b, c = draws("a", dtype, [m, k], 212), draws("b", dtype, [n, k], 213), out("c", result, [m, n])
    inner = {F16: 64, F32: 32, "int32": 32}[result]  # 128 bytes
    shared = tensor_map(a, [bm // cluster[1], bk], "128B" if bk * a_bytes(dtype) >= 128 else "64B")
    args = [shared, tensor_map(b, [bn // cluster[0], bk], shared["swizzle"]), tensor_map(c, [bm, min(bn, inner)], "128B"), FLAG]
    grid = [-(-(-(-size // tile)) // of) * of for size, tile, of in ((m, bm, cluster[0]), (n, bn, cluster[1]))]
    make = make_product(dtype=TYPES[dtype], result=TYPES[result], tile=tile, stages=stages, groups=groups, cluster=cluster,
                        specialised=specialised, sums=sums)
    return kernel(name, exercises, grid, [a, b, c], product, how, args=args, module="cutlass_hopper", arch="sm_90a",
                  block=128 * (groups + specialised), make=make, cluster=list(cluster) if cluster != (1, 1) else None)


def a_bytes(dtype):
    return {F16: 2, "bfloat16": 2, "float8_e4m3fn": 1, "int8": 1}[dtype]


def compile(kernel, options, folder):
    """As by_nvcc.compile."""
    os.environ["CUTE_DSL_KEEP"] = "ptx"
    os.environ["CUTE_DSL_DUMP_DIR"] = str(options.scratch)
    os.environ["CUTE_DSL_ARCH"] = kernel.arch
    sys.path.insert(0, str(folder / "sources"))
    import importlib.metadata as metadata

    import cutlass
    import cutlass.cute as cute
    from cutlass.cute.runtime import make_fake_compact_tensor
    build = kernel.build
    module = importlib.import_module(build.module)
    function = build.make(module, cutlass) if build.make else getattr(module, build.function)
    shapes = [make_fake_compact_tensor(getattr(cutlass, TYPES[b["dtype"]]), tuple(b["shape"]),
                                       stride_order=tuple(range(len(b["shape"])))[::-1], assumed_align=16) for b in build.shapes]
    compiled = cute.compile(function, *shapes, options=f"--gpu-arch {kernel.arch}")
    what = build.function if not build.make else type(function).__name__
    settings = {key: str(value) for key, value in vars(function).items() if key in (
        "dtype", "result", "tile", "stages", "groups", "cluster", "specialised", "sums")} if build.make else {}
    return compiled.__ptx__, {
        "source": f"sources/{build.module}.py", "compiler": "CUTLASS DSL " + metadata.version("nvidia-cutlass-dsl"),
        "command": f"{what} {settings} for {[(b['dtype'], b['shape']) for b in build.shapes]}, {kernel.arch}"}, shared_bytes(compiled), []


def shared_bytes(compiled):
    """The dynamic shared memory of the launch, out of the host's part in MLIR: a field of its launch configuration."""
    text = str(compiled.ir_module)
    config = r"struct<\(array<3 x i32>, array<3 x i32>, i64, ptr, ptr, i32\)>"
    field = re.search(rf"(%\d+) = llvm.getelementptr %\d+\[0, 2\] : \(!llvm.ptr\) -> !llvm.ptr, !llvm.{config}", text)[1]
    value = re.search(rf"llvm.store (%\w+), {field} : i64", text)[1]
    return int(re.search(rf"{value} = llvm.mlir.constant\((\d+) : i64\)", text)[1])
