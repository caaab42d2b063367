# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# More kernels that nvcc compiles: what people bring. Look-back and locks by hand, libcu++'s synchronisation, groups
# of lanes, CUB's smaller parts, roles of warps by named barriers and mbarriers, and arithmetic at its edges.
import numpy as np

from by_nvcc import compile, wide  # noqa: F401 (regenerate.py calls compile)
from launches import EXACT, Kernel, buffer, close, derived, floats, ints, out, scalar, scratch, tensor_map, zeros

I32, U32, I64, F16, F32, F64, BF16 = "int32", "uint32", "int64", "float16", "float32", "float64", "bfloat16"
PREFIX = {"mode": "multiset_prefix"}


def kernels():
    yield from between_blocks()
    yield from groups_of_lanes()
    yield from roles()
    yield from clusters_and_copies()
    yield from arithmetic()


def sizes(*values):
    return [scalar(I32, value) for value in values]


def filled(name, shape, value):
    return buffer(name, "scratch", I32, shape, type="int", seed=0, lo=value, hi=value)


def between_blocks():
    together = dict(together="needs_all_blocks_co_resident")
    yield Kernel("look_back", "look-back by hand: volatile flags, __threadfence", [5], [256],
                 [ints("x", I32, [1200], 501, -99, 99), out("y", I32, [1200]), zeros("states", I32, [5, 3], role="scratch"),
                  zeros("ticket", U32, [1], role="scratch"), *sizes(1200)], lambda v: np.cumsum(v.x), arch="sm_75", **together)
    n = 150
    yield Kernel("hash_lists", "lists pushed by compare and swap, a lock that lanes of a warp take", [2], [96],
                 [ints("keys", I32, [n], 502, 0, 250), scratch("nodes", I32, [n, 2]), filled("heads", [16], -1), zeros("used", I32, [1]),
                  filled("table", [512], -1), zeros("count", I32, [512], role="scratch"), zeros("lock", I32, [1]),
                  zeros("sum", I64, [1]), zeros("most", I32, [1]), *sizes(n)],
                 lambda v: {"sum": [eighth(v).sum()], "most": [eighth(v).max(initial=0)], "used": [n], "lock": [0]}, arch="sm_80", **together)
    yield Kernel("latch_semaphore", "libcu++: latch, semaphore, atomic wait, floating and compare-exchange loops", [3], [128],
                 [ints("x", I32, [12], 503, -99, 99), out("y", I32, [12]), zeros("sum", F64, [1]), zeros("packed", "uint64", [1]),
                  zeros("most", I32, [1]), zeros("peak", I32, [1]), *sizes(12)], latch_semaphore, arch="sm_80")
    yield Kernel("gradient", "conjugate gradients in a cooperative grid: grid.sync(), atomics of f64", [3], [64],
                 [floats("b", F64, [250], 504), *(out(name, F64, [250]) for name in "xrpq"), out("sums", F64, [13]), *sizes(250, 6)],
                 gradient, close(1e-9, 1e-9), arch="sm_80", together="cooperative")


def eighth(v):
    """The keys that are added behind the lock."""
    return v.keys[v.keys % 8 == 0]


def latch_semaphore(v):
    y = []
    for four in v.x.reshape(3, 4).tolist():
        chain = 1
        for warp in range(4):
            chain = chain * 2 + warp
            y.append(chain + sum(four))
    return {"y": y, "sum": [32.0 * v.x.sum()], "packed": [(384 << 32) + 192], "most": [max(v.x.max(), 0)], "peak": [0]}


def gradient(v):
    x, r, p, sums = np.zeros(250), v.b.copy(), v.b.copy(), [v.b @ v.b]
    for _ in range(6):
        q = 2.5 * p - np.pad(p, (1, 0))[:-1] - np.pad(p, (0, 1))[1:]
        alpha = sums[-1] / (p @ q)
        x, r = x + alpha * p, r - alpha * q
        sums += [p @ q, r @ r]
        p = r + sums[-1] / sums[-3] * p
    return {"x": x, "r": r, "p": p, "q": q, "sums": sums}


def groups_of_lanes():
    n = 300
    yield Kernel("aggregated", "warp-aggregated atomics, binary and labelled partitions, votes", [3], [128],
                 [ints("x", I32, [n], 505, 0, 999), out("even", I32, [n]), zeros("counts", I32, [3]), out("parity", I32, [n]),
                  out("label", I32, [n]), *sizes(n)], aggregated,
                 {"even": PREFIX, "counts": EXACT, "parity": EXACT, "label": EXACT}, arch="sm_80")
    yield Kernel("carved", "one extern array carved into five; a block of 100 threads", [2], [100],
                 [floats("x", F32, [2, 93], 506), out("sums", F64, [2]), out("order", I32, [2, 93]), out("ranks", "int16", [2, 93]), *sizes(93)],
                 carved, {"sums": close(1e-9, 1e-9), "order": EXACT, "ranks": EXACT}, arch="sm_80", shared=1900)
    yield Kernel("radix_select", "the largest of a row by radix selection", [3], [160],
                 [floats("x", F32, [3, 700], 507), out("y", F32, [3, 20]), scratch("places", I32, [3, 20]), *sizes(700, 20)],
                 lambda v: np.sort(v.x, 1)[:, -20:].reshape(-1), PREFIX, arch="sm_80")
    yield Kernel("cub_pieces", "CUB BlockMergeSort, BlockDiscontinuity, BlockExchange, BlockRunLengthDecode, WarpReduce of 13 lanes", [1], [64],
                 [ints("x", I32, [280], 508, 0, 99), out("merged", I32, [320]), out("heads", I32, [320]), out("decoded", I32, [190]),
                  out("exchanged", I32, [320]), out("sums", I32, [2]), *sizes(280)], cub_pieces, arch="sm_80")


def aggregated(v):
    x = np.pad(v.x, (0, 20), constant_values=-1)
    parity, label = np.zeros(320, int), np.zeros(320, int)
    for i, value in enumerate(x):
        warp = x[i // 32 * 32:i // 32 * 32 + 32]
        before = warp[:i % 32 + 1]
        parity[i] = warp[warp & 1 == value & 1].sum()
        label[i] = before[np.fmod(before, 3) == np.fmod(value, 3)].max()
    even = v.x[v.x % 2 == 0]
    return {"even": np.sort(even), "counts": [len(even), (v.x > 500).sum(), (v.x == 7).any()], "parity": parity[:300], "label": label[:300]}


def carved(v):
    order = np.argsort(v.x, axis=1, kind="stable")
    sums = [wide(row).sum() + 1000 * (row > 0).sum() + (row == 0.5).any() + 1 for row in v.x]
    return {"sums": sums, "order": order, "ranks": np.argsort(order, 1)}


def cub_pieces(v):
    x = np.pad(v.x, (0, 40), constant_values=1 << 30)
    merged, t = np.sort(x), np.arange(64)
    return {"merged": merged, "heads": np.append(1, merged[1:] != merged[:-1]), "decoded": np.repeat(t * 10, t % 5 + 1)[:190],
            "exchanged": x, "sums": t.reshape(2, 32)[:, :13].sum(1)}


def roles():
    yield Kernel("copy_scopes", "memcpy_async of a thread, a warp and a block; cuda::pipeline of one thread", [1], [128],
                 [ints("x", I32, [896], 509, -999, 999), out("y", I32, [128]), *sizes(7)], copy_scopes, arch="sm_90")
    yield Kernel("named_barriers", "producer and consumer warps by bar.arrive and bar.sync, two buffers", [1], [160],
                 [ints("x", I32, [9, 64], 510, -99, 99), out("y", I32, [96]), *sizes(9)], named_barriers, arch="sm_80")
    yield Kernel("bulk_ring", "cuda::ptx: a ring of bulk copies, results by bulk stores and reductions", [2], [160],
                 [ints("x", F32, [2, 7, 256], 511, -99, 99), out("y", F32, [2, 7, 256]), zeros("sum", F32, [256]), *sizes(7)], bulk_ring,
                 arch="sm_90")


def copy_scopes(v):
    x, t, total = v.x.astype(np.int64), np.arange(128), 0
    for i in range(7):
        total = total + x[i * 128 + t] * (i + 1)
    for i in range(7):
        total = total ^ x[i * 128 + t // 32 + t * 5 % 96]
    return total + x[302 - t]


def named_barriers(v):
    total = 0
    for i, row in enumerate(v.x.astype(np.int64)):
        total = total * 2 + row[(np.arange(96) * 3 + i) % 64] * 3
    return total


def bulk_ring(v):
    a, b = v.x[..., :128], v.x[..., 128:]
    y = np.concatenate([a + b, a - b], -1)
    return {"y": y, "sum": y.sum((0, 1))}


def clusters_and_copies():
    yield Kernel("cluster_reduce", "a layer norm across four blocks, sums by cooperative groups in distributed shared memory", [4, 3], [128],
                 [floats("x", F32, [3, 450], 512, -2.0, 5.0), out("y", F32, [3, 450]), *sizes(450)], layer_norm, close(1e-4, 1e-5), arch="sm_90")
    x, y = ints("x", F32, [70, 100], 513, -99, 99), out("y", F32, [100, 72])
    yield Kernel("tensor_turn", "tensor maps by cuda::ptx, the swizzle worked out by hand on both sides", [4, 3], [128],
                 [tensor_map(x, [32, 32], "128B"), tensor_map(y, [32, 32], "128B")], lambda v: np.pad(v.x.T, ((0, 0), (0, 2))), arch="sm_90",
                 buffers=[x, y])


def layer_norm(v):
    d = wide(v.x) - wide(v.x).mean(1, keepdims=True)
    return d / np.sqrt((d * d).mean(1, keepdims=True) + 1e-5)


def arithmetic():
    yield Kernel("divisions", "division of 8 to 128 bits, high products, averages", [2], [64],
                 [derived("a", I64, [100]), derived("b", I64, [100]), out("y", I64, [100, 36]), *sizes(100)], divisions, arch="sm_80",
                 derive=lambda v: {name: spread(v.draws[i]) for i, name in enumerate("ab")},
                 buffers=[ints("draws", "uint64", [2, 3, 100], 514, 0, 2**31 - 1, role="scratch")])
    n = 200
    yield Kernel("halves", "half2 and bfloat162: relu, saturation, NaN, comparisons, atomics by compare and swap", [2], [128],
                 [floats("x", F16, [n, 2], 515, -3.0, 3.0), floats("b", BF16, [n, 2], 516, -2.0, 2.0), out("y", F16, [n, 8, 2]),
                  out("z", BF16, [n, 4, 2]), zeros("sum", F16, [3, 2]), zeros("bsum", BF16, [2, 2]), out("masks", U32, [n]), *sizes(n)], halves,
                 {"y": close(4e-3, 4e-3), "z": close(1e-2, 1e-2), "sum": close(1e-2, 0.1), "bsum": EXACT, "masks": EXACT}, arch="sm_80")


def spread(draws):
    """64-bit integers of all lengths and both signs."""
    high, low, by = (draws[i].astype(np.uint64) for i in range(3))
    return ((high << np.uint64(33)) ^ (low << np.uint64(3)) ^ by).view(np.int64) >> (by % np.uint64(60)).astype(np.int64)


def wrap(x, bits, signed=True):
    x &= (1 << bits) - 1
    return x - (1 << bits) if signed and x >> (bits - 1) else x


def quotient(a, b):
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def four(a, b, bits, signed):
    """Quotient, remainder, product, distance; of the types smaller than int in int."""
    a, b = wrap(a, bits, signed), wrap(b, bits, signed) or 3
    within = (lambda x: wrap(x, 32)) if bits < 32 else (lambda x: wrap(x, bits, signed))
    q = quotient(a, b)
    return [wrap(x, 64) for x in (q, a - q * b, within(a * b), within(abs(a - b)))]


def divisions(v):
    rows = []
    for u, w in zip(v.a.tolist(), v.b.tolist()):
        row = four(u >> 1, w | 1, 64, True) + four(u, w, 64, False) + four(wrap(u >> 1, 32), w | 1, 32, True) + four(u, w, 32, False)
        for bits in (16, 8):
            row += four(u, w, bits, True) + four(u, w, bits, False)
        (iu, uu), (iw, uw) = ((wrap(x, 32), wrap(x, 32, False)) for x in (u, w))
        row += [quotient(u * w, (w >> 9) * 77777 + 5), wrap(u * w, 128, False) % wrap(w | 1, 64, False),
                (u * w >> 64) + (uu * uw >> 32) + (iu * iw >> 32),
                wrap(abs(uu - uw) + 7 + (iu + iw >> 1) + (iu + iw + 1 >> 1) + wrap(u, 24) * wrap(w, 24), 32, False)]
        rows.append([wrap(x, 64) for x in row])
    return np.array(rows)


def halves(v):
    f16 = lambda x: wide(x.astype(np.float16))
    x, next_x = wide(v.x), wide(np.roll(v.x, -1, 0))
    b, next_b = wide(v.b), wide(np.roll(v.b, -1, 0))
    y = [np.maximum(x * next_x + 0.25, 0), np.clip(f16(x + next_x), 0, 1), np.exp(x), np.maximum(x, next_x), x / f16(1 + abs(next_x)),
         np.rint(f16(x * next_x)), np.tanh(x), np.stack([x[:, 0], next_x[:, 0]], 1)]
    z = [b * next_b + b, np.sqrt(abs(b)), np.minimum(b, -next_b), np.stack([b[:, 0] * 3, next_b[:, 1]], 1)]
    scaled = v.x[:, 0].astype(np.float32) * np.float32(1.0009)
    near = scaled.astype(np.float16)
    to_zero = np.where(abs(near.astype(np.float32)) > abs(scaled), np.nextafter(near, np.float16(0)), near).view(np.uint16)
    more = x > next_x
    masks = more[:, 0] * 0xFFFF + more[:, 1] * 0xFFFF0000 ^ 16 ^ to_zero.astype(np.int64) ^ np.floor(next_x[:, 0]).astype(np.int64) & 0xFFFFFFFF
    return {"y": np.stack(y, 1), "z": np.stack(z, 1), "sum": [np.rint(x)[i::3].sum(0) for i in range(3)],
            "bsum": np.full((2, 2), 100.0), "masks": masks}
