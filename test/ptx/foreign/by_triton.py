# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The kernels of the corpus that Triton compiles: sources/triton_*.py.
import importlib
import os
import sys

import numpy as np

from launches import EXACT, NULL, Kernel, close, floats, ints, listed, numpy_type, out, scalar, tensor_map, zeros

I32, F16, F32 = "int32", "float16", "float32"
POINTERS = {"float16": "*fp16", "float32": "*fp32", "float64": "*fp64", "bfloat16": "*bf16", "int32": "*i32", "int8": "*i8",
            "float8_e4m3fn": "*fp8e4nv", "float8_e5m2": "*fp8e5"}
CAUSES = {"buffer": lambda arg: POINTERS[arg["dtype"]], "scalar": lambda arg: {"int32": "i32", "float32": "fp32"}[arg["dtype"]]}


def kernels():
    yield from rows()
    yield from rows_between_blocks()
    yield from products()
    yield from products_by_tensor_maps()
    yield from attention()
    yield from gluon()


def kernel(name, exercises, grid, args, reference, how=EXACT, *, arch="sm_80", module="triton_kernels", source=None,
           constants=None, warps=4, stages=3, aligned=(), scratch_bytes=None, **more):
    return Kernel(name, exercises, grid, [32 * (warps + more.pop("more_warps", 0))], args, reference, how, arch=arch, module=module,
                  source=source or name, constants=constants or {}, warps=warps, stages=stages, aligned=aligned,
                  scratch_bytes=scratch_bytes, **more)


def wide(x):
    return x.astype(np.float64)


def soft(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normal(v):
    d = wide(v.x) - wide(v.x).mean(1, keepdims=True)
    return d / np.sqrt((d * d).mean(1, keepdims=True) + 1e-5) * v.w + v.b


def extremes(v):
    groups = [v.x[i::8] for i in range(8)]
    return {"most": [max(g.max(), 0) for g in groups], "least": [min(g.min(), 0) for g in groups]}


def rows():
    for arch in ("sm_80", "sm_90"):
        yield kernel("softmax" + arch[2:], "softmax: shuffles, shared memory", [5],
                     [floats("x", F16, [5, 300], 20, -6.0, 6.0), out("y", F32, [5, 300]), scalar(I32, 300)],
                     lambda v: soft(wide(v.x)), close(1e-5, 1e-7), arch=arch, source="softmax", constants=dict(B=512))
    yield kernel("layer_norm", "layer norm", [3],
                 [floats("x", F32, [3, 200], 21, -2.0, 5.0), floats("w", F32, [200], 22), floats("b", F32, [200], 23),
                  out("y", F32, [3, 200]), scalar(I32, 200), scalar(F32, 1e-5)], normal, close(1e-5, 1e-5), constants=dict(B=256))
    yield kernel("scan", "associative scan of a block", [2], [ints("x", I32, [2, 512], 26, -1000, 1000), out("y", I32, [2, 512])],
                 lambda v: np.cumsum(v.x, 1), constants=dict(B=512))
    yield kernel("sort", "bitonic sort", [2], [floats("x", F32, [2, 256], 27), out("y", F32, [2, 256])],
                 lambda v: np.sort(v.x, 1), constants=dict(B=256))
    yield kernel("histogram", "histogram in shared memory, atomics", [3],
                 [ints("x", I32, [3, 512], 28, 0, 63), zeros("y", I32, [64])],
                 lambda v: np.bincount(v.x.reshape(-1), minlength=64), constants=dict(B=512, N=64))
    yield kernel("argmax", "reduction of pairs", [3], [floats("x", F32, [3, 512], 29), out("y", I32, [3])],
                 lambda v: v.x.argmax(1), arch="sm_90", constants=dict(B=512))
    yield kernel("extremes", "atomic max and min", [4],
                 [ints("x", I32, [1000], 30, -100000, 100000), zeros("most", I32, [8]), zeros("least", I32, [8]), scalar(I32, 1000)],
                 extremes, constants=dict(B=256))
    yield kernel("cross_entropy", "online softmax over several tiles, with its gradient", [5],
                 [floats("x", F16, [5, 333], 31, -4.0, 4.0), ints("targets", I32, [5], 32, 0, 332), out("loss", F32, [5]),
                  out("dx", F32, [5, 333]), scalar(I32, 333)], entropy, close(1e-5, 1e-6), module="triton_rows",
                 constants=dict(B=128))
    for arch in ("sm_80", "sm_90"):
        yield kernel("dropout" + arch[2:], "Philox random numbers: wide integer products", [3],
                     [floats("x", F32, [700], 33), out("y", F32, [700]), scalar(I32, 700), scalar(F32, 0.75), scalar(I32, 1234)],
                     lambda v: np.where(philox_uniform(1234, 700) < np.float32(0.75), v.x / np.float32(0.75), 0),
                     close(1e-6, 0), arch=arch, module="triton_rows", source="dropout", constants=dict(B=256))
    yield kernel("quantize", "row maxima, conversion to e4m3", [3],
                 [floats("x", F16, [3, 300], 34, -8.0, 8.0), out("y", "float8_e4m3fn", [3, 300]), out("scales", F32, [3]),
                  scalar(I32, 300)], quantized, arch="sm_90", module="triton_rows", constants=dict(B=512))
    yield kernel("transpose", "layout conversion through shared memory", [2, 2],
                 [ints("x", "int8", [45, 70], 35, -128, 127), out("y", "int8", [70, 45]), scalar(I32, 45), scalar(I32, 70)],
                 lambda v: v.x.T, module="triton_rows", constants=dict(B=64))
    yield kernel("topk", "partial bitonic sort", [3], [floats("x", F32, [3, 200], 36), out("y", F32, [3, 16]), scalar(I32, 200)],
                 lambda v: -np.sort(-v.x, 1)[:, :16], arch="sm_90", module="triton_rows", constants=dict(K=16, B=256))
    yield kernel("recurrence", "scan of pairs along the first axis", [3],
                 [floats("a", F32, [50, 40], 37), floats("x", F32, [50, 40], 38), out("y", F32, [50, 40]), scalar(I32, 50),
                  scalar(I32, 40)], recurrence, close(1e-5, 1e-5), module="triton_rows", constants=dict(BT=64, BC=16))
    yield kernel("look_up", "gather within a tile", [3],
                 [floats("table", F32, [32, 40], 39), ints("rows", I32, [32, 40], 40, 0, 31), out("y", F32, [32, 40]), scalar(I32, 40)],
                 lambda v: np.take_along_axis(v.table, v.rows, 0), module="triton_rows", constants=dict(R=32, C=16))


def entropy(v):
    p = soft(wide(v.x))
    places = np.arange(len(p)), v.targets
    gradient = p.copy()
    gradient[places] -= 1
    return {"loss": -np.log(p[places]), "dx": gradient}


def philox_uniform(seed, n):
    """The uniform numbers of tl.rand: Philox 4x32-10 of the counter (offset, 0, 0, 0), its first word."""
    mask = np.uint64(0xFFFFFFFF)
    c = [np.arange(n, dtype=np.uint64), *(np.zeros(n, np.uint64) for _ in range(3))]
    k0, k1 = np.uint64(seed), np.uint64(0)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ k0, b & mask, (a >> np.uint64(32)) ^ c[3] ^ k1, a & mask]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
    word = c[0].astype(np.uint32).view(np.int32).astype(np.int64)
    return (np.where(word < 0, -word - 1, word).astype(np.float32) * np.float32(4.6566127342e-10)).astype(np.float32)


def quantized(v):
    x = v.x.astype(np.float32)
    scale = np.abs(x).max(1) / np.float32(448)
    return {"scales": scale, "y": (x / scale[:, None]).astype(numpy_type("float8_e4m3fn"))}


def recurrence(v):
    y, state = [], np.zeros(v.x.shape[1])
    for a, x in zip(wide(v.a), wide(v.x)):
        state = a * state + x
        y.append(state)
    return np.array(y)


def rows_between_blocks():
    apart = dict(module="triton_rows", together="needs_all_blocks_co_resident")
    yield kernel("norm_backward", "spin locks between blocks: atomic cas and exchange", [7],
                 [floats("x", F32, [7, 100], 41), floats("dy", F32, [7, 100], 42), floats("w", F32, [100], 43),
                  out("dx", F32, [7, 100]), out("dw", F32, [2, 100]), zeros("locks", I32, [2]), zeros("counts", I32, [2]),
                  scalar(I32, 100), scalar(F32, 1e-5)], norm_backward, close(1e-4, 1e-5), constants=dict(GROUPS=2, B=128), **apart)
    yield kernel("chained_scan", "scan across blocks: tickets, acquire and release", [6],
                 [ints("x", I32, [700], 44, -1000, 1000), out("y", I32, [700]), zeros("states", I32, [6]), out("totals", I32, [6]),
                  zeros("ticket", I32, [1]), scalar(I32, 700)],
                 lambda v: {"y": np.cumsum(v.x), "states": np.ones(6), "totals": np.cumsum(np.pad(v.x, (0, 68)).reshape(6, 128).sum(1)),
                            "ticket": [6]}, constants=dict(B=128), **apart)
    for arch in ("sm_80", "sm_90"):
        yield kernel("embedding_backward" + arch[2:], "atomic additions of bf16", [9],
                     [ints("tokens", I32, [9], 45, 0, 3), ints("dy", "bfloat16", [9, 50], 46, -8, 8),
                      zeros("dw", "bfloat16", [4, 50]), scalar(I32, 50)],
                     lambda v: np.array([v.dy[v.tokens == t].astype(np.int64).sum(0) for t in range(4)]), arch=arch,
                     module="triton_rows", source="embedding_backward", constants=dict(B=64))
    yield kernel("last_block_sums", "the last block to arrive reads what all wrote", [5],
                 [floats("x", F32, [600], 47), out("parts", F32, [5]), out("y", F32, [1]), zeros("arrived", I32, [1]),
                  scalar(I32, 600)], last_block_sums, close(1e-5, 1e-5), module="triton_rows", constants=dict(B=128))


def norm_backward(v):
    x, dy, n = wide(v.x), wide(v.dy), v.x.shape[1]
    scale = 1 / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)
    h, gw = x * scale, dy * v.w
    return {"dx": (gw - h * (h * gw).sum(1, keepdims=True) / n) * scale,
            "dw": [(dy * h)[g::2].sum(0) for g in range(2)], "locks": [0, 0], "counts": [1, 1]}


def last_block_sums(v):
    parts = np.pad(wide(v.x), (0, 40)).reshape(5, 128).sum(1)
    return {"parts": parts, "y": [parts.sum()], "arrived": [5]}


def product(v):
    return wide(v.a) @ wide(v.b)


def product_transposed(v):
    return wide(v.a) @ wide(v.b).T


def matmul(name, exercises, dtype, sizes, tile, seed, how, result=F32, transposed=False, reference=None, **more):
    m, n, k = sizes
    bm, bn, bk = tile
    draws = (lambda *a: ints(*a, -20, 20)) if dtype == "int8" else (lambda *a: floats(*a))
    args = [draws("a", dtype, [m, k], seed), draws("b", dtype, [n, k] if transposed else [k, n], seed + 1), out("c", result, [m, n]),
            scalar(I32, m), scalar(I32, n), scalar(I32, k)]
    return kernel(name, exercises, [-(-m // bm), -(-n // bn)], args, reference or (product_transposed if transposed else product), how,
                  constants=dict(BM=bm, BN=bn, BK=bk, **more.pop("constants", {})), **more)


def products():
    exact, rough, tf32 = close(1e-5, 1e-4), close(2e-3, 2e-2), close(2e-3, 2e-2)
    first = dict(source="matmul")
    yield matmul("matmul_f16", "mma f16, cp.async in three stages", F16, (48, 64, 112), (32, 32, 16), 24, exact, aligned=range(6), **first)
    yield matmul("matmul_f16_odd", "mma f16, sizes that no tile divides", F16, (33, 45, 118), (32, 32, 16), 24, exact, aligned=range(3), **first)
    yield matmul("matmul_f32", "mma tf32", F32, (32, 48, 112), (32, 32, 16), 24, tf32, aligned=range(6), **first)
    # 64 x 64 tiles: mma.sync for sm_80, wgmma for sm_90.
    for arch, unit in (("sm_80", "mma.sync"), ("sm_90", "wgmma")):
        more = dict(arch=arch, module="triton_products", aligned=range(6), source="matmul_typed")
        each = (("bf16", "bfloat16", "float32", exact), ("tf32", "float32", "float32", tf32), ("f16_acc", "float16", "float16", rough))
        for label, dtype, result, how in each:
            yield matmul(f"matmul_{label}{arch[2:]}", f"{unit} {label.replace('_', ' with a sum in ').replace('acc', 'f16')}, three stages",
                         dtype, (80, 96, 240), (64, 64, 32), 50, how, result, constants=dict(ACC=f"tl.{result}"), **more)
        more["source"] = "matmul_transposed"
        yield matmul(f"matmul_s8{arch[2:]}", f"{unit} s8, exact", "int8", (80, 96, 464), (64, 64, 64), 52, EXACT, I32, True,
                     constants=dict(ACC="tl.int32"), **more)
    hopper = dict(arch="sm_90", module="triton_products", aligned=range(6))
    yield matmul("matmul_f16_90", "wgmma f16 of two warpgroups, cp.async in four stages", F16, (144, 80, 304), (128, 64, 32), 54,
                 exact, constants=dict(ACC="tl.float32"), source="matmul_typed", warps=8, stages=4, **hopper)
    for label, dtype in (("e4m3", "float8_e4m3fn"), ("e5m2", "float8_e5m2")):
        yield matmul(f"matmul_{label}_90", f"wgmma {label}", dtype, (80, 96, 464), (64, 64, 64), 56, exact, F32, True,
                     constants=dict(ACC="tl.float32"), source="matmul_transposed", **hopper)
    yield matmul("matmul_f64_80", "mma f64", "float64", (48, 48, 112), (32, 32, 16), 58, close(1e-13, 1e-13), "float64",
                 constants=dict(ACC="tl.float64"), module="triton_products", source="matmul_typed", aligned=range(6))
    yield from products_of_many_blocks()


def products_of_many_blocks():
    exact = close(1e-5, 1e-4)
    for arch in ("sm_80", "sm_90"):
        more = dict(arch=arch, module="triton_products")
        m, n, k = 40, 56, 680
        args = [floats("a", F16, [m, k], 60), floats("b", F16, [k, n], 61)]
        sizes = [scalar(I32, m), scalar(I32, n), scalar(I32, k)]
        constants = dict(BM=32, BN=32, BK=32, SPLITS=3)
        yield kernel("split_k" + arch[2:], "parts of a product added by atomics", [2, 2, 3], [*args, zeros("c", F32, [m, n]), *sizes],
                     product, exact, source="split_k", constants=constants, aligned=range(3), **more)
        yield kernel("split_k_locked" + arch[2:], "parts of a product added in turn: acquire, release, block barriers", [2, 2, 3],
                     [*args, out("c", F32, [m, n]), zeros("locks", I32, [4]), *sizes],
                     lambda v: {"c": product(v), "locks": [3] * 4}, exact, source="split_k_locked", constants=constants,
                     together="needs_all_blocks_co_resident", **more)
        bm = 32 if arch == "sm_80" else 64
        sizes = [40, 5, 70]
        yield kernel("grouped_gemm" + arch[2:], "groups of several sizes, tiles dealt to blocks", [4],
                     [floats("a", F16, [115, 232], 62), floats("b", F16, [3, 232, 40], 63), out("c", F32, [115, 40]),
                      listed("sizes", I32, sizes), scalar(I32, 40), scalar(I32, 232)], grouped, exact, source="grouped_gemm",
                     constants=dict(GROUPS=3, BM=bm, BN=32, BK=32), **more)
        yield kernel("convolution" + arch[2:], "convolution of stride 2 as a gathered product", [1, 2],
                     [floats("x", F16, [1, 13, 11, 116], 64), floats("w", F16, [3, 3, 116, 40], 65), out("y", F32, [1, 7, 6, 40]),
                      *(scalar(I32, s) for s in (13, 11, 116, 40, 7, 6))], convolution, exact, source="convolution",
                     constants=dict(R=3, S=3, BM=64, BN=32, BK=16), **more)


def grouped(v):
    rows, parts = 0, []
    for b, size in zip(wide(v.b), v.sizes):
        parts.append(wide(v.a)[rows:rows + size] @ b)
        rows += size
    return np.concatenate(parts)


def convolution(v):
    x, w = np.pad(wide(v.x), ((0, 0), (1, 1), (1, 1), (0, 0))), wide(v.w)
    return sum(x[:, r:r + 13:2, s:s + 11:2] @ w[r, s] for r in range(3) for s in range(3))


SWIZZLES = {0: "none", 1: "32B", 2: "64B", 3: "128B"}


def products_by_tensor_maps():
    rough = close(1e-3, 1e-3)
    m, n, k = 80, 96, 584
    for name, bk, stages in (("matmul_tensor_maps", 64, 3), ("matmul_tensor_maps_narrow", 32, 4)):
        buffers = [floats("a", F16, [m, k], 66), floats("b", F16, [k, n], 67), out("c", F16, [m, n])]
        maps = [(buffers[0], [64, bk], {32: "64B", 64: "128B"}[bk]), (buffers[1], [bk, 64], "128B"), (buffers[2], [64, 64], "128B")]
        yield by_maps(name, f"wgmma f16 fed by tensor maps, {stages} stages, mbarriers", [2, 2], buffers, maps,
                      [scalar(I32, k)], product, rough, source="matmul_tensor_maps", stages=stages,
                      constants=dict(BM=64, BN=64, BK=bk))
    yield kernel("matmul_persistent", "tensor maps made by the kernel (tensormap.replace), several tiles a block", [3],
                 [floats("a", F16, [m, k], 68), floats("b", F16, [k, n], 69), out("c", F16, [m, n]),
                  *(scalar(I32, s) for s in (m, n, k))], product, rough, arch="sm_90", module="triton_products",
                 constants=dict(BM=64, BN=64, BK=32), aligned=range(6), scratch_bytes=3)


def by_maps(name, exercises, grid, buffers, maps, scalars, reference, how, *, module="triton_products", **more):
    """A kernel whose first parameters are descriptors of the host; in Gluon these say how they lie in shared memory."""
    layout = ",NVMMASharedLayout(128,16)" if module == "gluon_kernels" else ""
    args = []
    for over, box, swizzle in maps:
        shape = over["shape"]
        args += [tensor_map(over, box, swizzle), *(scalar(I32, s) for s in shape), scalar("int64", shape[1]), scalar("int64", 1)]
    descriptors = [f"tensordesc<fp16{box}{layout}>".replace(" ", "") for _, box, _ in maps]
    return kernel(name, exercises, grid, [*args, *scalars], reference, how, arch="sm_90", module=module,
                  buffers=buffers, descriptors=descriptors, swizzles=[s for _, _, s in maps], scalars=scalars, **more)


def attend(q, k, v, scale, causal=False):
    s = wide(q) @ np.swapaxes(wide(k), -1, -2) * scale
    if causal:
        s = np.where(np.tri(s.shape[-2], s.shape[-1], dtype=bool), s, -np.inf)
    most = s.max(-1, keepdims=True)
    e = np.exp(s - most)
    total = e.sum(-1, keepdims=True)
    return {"o": e / total @ wide(v), "lse": (most + np.log(total))[..., 0]}


def attention():
    how = close(2e-3, 2e-3)
    for arch, unit in (("sm_80", "mma.sync"), ("sm_90", "wgmma with A in registers")):
        for causal in (False, True):
            t = 230
            yield kernel(f"flash_{'causal' if causal else 'forward'}{arch[2:]}", f"attention of two heads by {unit}", [4, 2],
                         [floats("q", F16, [2, t, 32], 70, -2.0, 2.0), floats("k", F16, [2, t, 32], 71, -2.0, 2.0),
                          floats("v", F16, [2, t, 32], 72), out("o", F32, [2, t, 32]), out("lse", F32, [2, t]), scalar(I32, t),
                          scalar(F32, 0.25)], lambda v, causal=causal: attend(v.q, v.k, v.v, 0.25, causal), how, arch=arch,
                         module="triton_products", source="flash_forward",
                         constants=dict(CAUSAL=causal, D=32, BM=64, BN=32))
        t, tile = (230, 32) if arch == "sm_80" else (430, 64)
        yield kernel("flash_backward" + arch[2:], f"attention backward by {unit}, gradients of queries by atomics", [-(-t // tile)],
                     [floats("q", F16, [t, 32], 73), floats("k", F16, [t, 32], 74), floats("v", F16, [t, 32], 75),
                      floats("do", F16, [t, 32], 76), floats("lse", F32, [t], 77, 3.9, 4.3), floats("delta", F32, [t], 78),
                      zeros("dq", F32, [t, 32]), out("dk", F32, [t, 32]), out("dv", F32, [t, 32]), scalar(I32, t),
                      scalar(F32, 0.25)], backward, close(5e-3, 5e-3), arch=arch, module="triton_products",
                     source="flash_backward", constants=dict(D=32, BM=tile, BN=tile))
    t = 230
    buffers = [floats("q", F16, [t, 64], 79, -2.0, 2.0), floats("k", F16, [t, 64], 80), floats("v", F16, [t, 64], 81), out("o", F16, [t, 64])]
    maps = [(buffers[0], [64, 64], "128B"), (buffers[1], [32, 64], "128B"), (buffers[2], [32, 64], "128B"), (buffers[3], [64, 64], "128B")]
    yield by_maps("flash_tensor_maps", "attention by wgmma, keys and values by tensor maps", [4], buffers, maps,
                  [scalar(I32, t), scalar(F32, 0.125)], lambda v: {"o": attend(v.q, v.k, v.v, 0.125)["o"]}, how,
                  constants=dict(D=64, BM=64, BN=32))


def backward(v):
    """From the kernel's own inputs: lse and delta need not be those of a forward pass."""
    q, k, grad = wide(v.q), wide(v.k), wide(v.do)
    p = np.exp(q @ k.T * 0.25 - wide(v.lse)[:, None])
    ds = p * (grad @ wide(v.v).T - wide(v.delta)[:, None]) * 0.25
    return {"dq": ds @ k, "dk": ds.T @ q, "dv": p.T @ grad}


def gluon():
    """Gluon's kernels: the same compiler from further down."""
    m, n, k = 80, 72, 520
    buffers = [floats("a", F16, [m, k], 85), floats("b", F16, [n, k], 86), out("c", F16, [m, n])]
    yield by_maps("gluon_matmul", "wgmma f16, a partition of warps that loads by tensor maps: setmaxnreg, named barriers", [2, 2], buffers,
                  [(buffer, [64, 64], "128B") for buffer in buffers], [scalar(I32, k)], product_transposed, close(1e-3, 1e-3),
                  module="gluon_kernels", more_warps=4, constants=dict(BM=64, BN=64, BK=64, STAGES=3))
    yield kernel("gluon_weighted_sums", "cp.async that arrives on mbarriers, three stages", [2],
                 [floats("x", F32, [8000], 87), out("y", F32, [1024]), scalar(I32, 8000)], weighted_sums, close(1e-5, 1e-5),
                 module="gluon_kernels", constants=dict(B=512, STAGES=3, TILES=8))


def weighted_sums(v):
    total = np.zeros((2, 512))
    for tile in np.pad(wide(v.x), (0, 192)).reshape(2, 8, 512).transpose(1, 0, 2):
        total = total * 0.5 + tile
    return total


def signature_of(kernel, function):
    """Each parameter's type; descriptors stand for all the arguments that they become."""
    names = [name for name in function.arg_names if name not in kernel.build.constants]
    descriptors = getattr(kernel.build, "descriptors", [])
    plain = kernel.build.scalars if descriptors else kernel.args
    causes = [*descriptors, *(CAUSES[arg["kind"]](arg) for arg in plain)]
    assert len(names) == len(causes), (kernel.name, names, causes)
    return dict(zip(names, causes)) | {name: "constexpr" for name in kernel.build.constants}


def compile(kernel, options, folder):
    """As by_nvcc.compile."""
    os.environ["TRITON_DISABLE_LINE_INFO"] = "1"  # paths of one machine
    os.environ["TRITON_DEFAULT_FP_FUSION"] = "1"
    sys.path.insert(0, str(folder / "sources"))
    import triton
    import triton.language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    build = kernel.build
    function = getattr(importlib.import_module(build.module), build.source)
    signature = signature_of(kernel, function)
    constants = {name: getattr(tl, value[3:]) if isinstance(value, str) else value for name, value in build.constants.items()}
    attributes = {(i,): [["tt.divisibility", 16]] for i in build.aligned}
    if build.module == "gluon_kernels":
        from triton.experimental.gluon._runtime import GluonASTSource as Source
        from triton.experimental.gluon.language import NVMMASharedLayout
        whole = repr(NVMMASharedLayout(128, 16, rank=2))
        signature = {name: cause.replace("NVMMASharedLayout(128,16)", whole) for name, cause in signature.items()}
    else:
        Source = ASTSource
    compiled = triton.compile(Source(function, signature, constexprs=constants, attrs=attributes),
                              target=GPUTarget("cuda", int(kernel.arch[3:]), 32),
                              options={"num_warps": build.warps, "num_stages": build.stages})
    metadata = compiled.metadata
    swizzles = [SWIZZLES[entry["swizzle"]] for entry in getattr(metadata, "tensordesc_meta", None) or []]
    assert swizzles == getattr(build, "swizzles", []), (kernel.name, swizzles)
    blocks = int(np.prod(kernel.grid))
    scratch_bytes = metadata.global_scratch_size * blocks
    memory = NULL | {"bytes": scratch_bytes, "align": metadata.global_scratch_align} if scratch_bytes else NULL
    return compiled.asm["ptx"], {
        "source": f"sources/{build.module}.py", "compiler": "Triton " + triton.__version__,
        "command": f"{function.__name__}: {signature}, {build.constants}, multiples of 16: {list(build.aligned)}, "
                   f"{build.warps} warps, {build.stages} stages, {kernel.arch}"}, metadata.shared, [memory, NULL]
