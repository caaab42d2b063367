# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The kernels of the corpus that nvcc compiles: sources/*.cu.
import re
import subprocess

import numpy as np

from launches import (EXACT, NULL, Kernel, buffer, close, derived, floats, im2col_map, ints, listed, out, scalar, tensor_map,
                      zeros)

FLAGS = ["-std=c++17", "-O3"]


def kernels():
    yield from first_kernels()
    yield from kernels_of_warps_and_blocks()
    yield from kernels_of_grids()
    yield from cub_kernels()
    yield from clusters()
    yield from tensor_kernels()


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
                 lambda v: v.a.astype(np.float64) @ v.b.astype(np.float64).T, close(1e-5, 1e-4), arch="sm_80")
    yield Kernel("tiles", "cooperative groups: reduce and scans of tiles of 16", [2], [128],
                 [ints("x", i32, [2, 8, 16], 10, -1000, 1000), out("y", i32, [2, 8, 16])],
                 lambda v: v.x.sum(2, keepdims=True) + 2 * np.cumsum(v.x, 2) - v.x, arch="sm_80")


def wide(x):
    return x.astype(np.float64)


def kernels_of_warps_and_blocks():
    i32, f32 = "int32", "float32"
    n = 300
    yield Kernel("warp_sets", "match, ballot, redux, shuffles; coalesced groups", [3], [128],
                 [ints("x", i32, [n], 101, 0, 1000), out("count", i32, [n]), out("sum", i32, [n]), out("most", i32, [n]),
                  out("odd", i32, [n]), zeros("room", i32, [2]), scalar(i32, n)], warp_sets,
                 {"count": EXACT, "sum": EXACT, "most": EXACT, "room": EXACT, "odd": {"mode": "multiset_prefix"}}, arch="sm_80")
    yield Kernel("packed_math", "f16x2, bf16x2, dp4a, dp2a, prmt, shf, brev, clz, popc", [3], [128],
                 [floats("h", "float16", [n, 2], 102, -4.0, 4.0), floats("b", "bfloat16", [n, 2], 103, -2.0, 2.0),
                  ints("p", i32, [n], 104, -2**30, 2**30), ints("q", i32, [n], 105, -2**30, 2**30), out("y", "float16", [n, 2]),
                  out("z", "bfloat16", [n, 2]), out("d", i32, [n]), out("bits", "uint32", [n]), scalar(i32, n)], packed_math,
                 {"y": close(1e-3, 1e-3), "z": close(1e-2, 1e-2), "d": EXACT, "bits": EXACT}, arch="sm_80")
    yield Kernel("wide_math", "64 and 128 bits, division, f64, roundings of conversions; calls", [3], [128],
                 [ints("a", "uint64", [n], 106, 0, 2**31 - 1, scale=2**32), ints("b", "uint64", [n], 107, 64, 2**31 - 1, scale=2**32), out("y", "uint64", [n, 4]),
                  out("f", "float64", [n]), scalar(i32, n)], wide_math, {"y": EXACT, "f": close(1e-14, 1e-14)}, arch="sm_80")
    m, n, k = 45, 70, 53
    yield Kernel("sgemm", "f32 without tensor cores, two tiles in shared memory", [3, 2], [64],
                 [floats("a", f32, [m, k], 108), floats("b", f32, [k, n], 109), out("c", f32, [m, n]),
                  *(scalar(i32, s) for s in (m, n, k))], lambda v: wide(v.a) @ wide(v.b), close(1e-5, 1e-4), arch="sm_80")
    depth = 64
    kinds = (("t", f32, 16, 16, f32), ("b", "bfloat16", 32, 8, f32), ("i", "int8", 8, 32, i32), ("d", "float64", 8, 8, "float64"))
    inputs, outputs = [], []
    for at, (name, dtype, rows, columns, result) in enumerate(kinds):
        draws = (lambda *a: ints(*a, -100, 100)) if dtype == "int8" else floats
        inputs += [draws(name + "a", dtype, [rows, depth], 110 + 2 * at), draws(name + "b", dtype, [columns, depth], 111 + 2 * at)]
        outputs.append(out(name, result, [rows, columns]))
    yield Kernel("wmma_types", "wmma tf32, bf16, s8, f64", [1], [128], [*inputs, *outputs, scalar(i32, depth)],
                 lambda v: {name: wide(vars(v)[name + "a"]) @ wide(vars(v)[name + "b"]).T for name, *_ in kinds},
                 {"t": close(2e-3, 2e-2), "b": close(1e-5, 1e-4), "i": EXACT, "d": close(1e-13, 1e-13)}, arch="sm_80")
    yield Kernel("group_copies", "cooperative groups: memcpy_async, wait_prior", [2], [128],
                 [floats("x", f32, [2, 9, 256], 118), out("y", f32, [2, 128]), scalar(i32, 9)], group_copies, close(1e-5, 1e-5),
                 arch="sm_80")
    yield Kernel("fft", "sines and cosines with a slow path in local memory, shared memory", [3], [128],
                 [floats("x", f32, [3, 256, 2], 119), out("y", f32, [3, 256, 2])],
                 lambda v: np.fft.fft(wide(v.x) @ [1, 1j]).view(np.float64), close(1e-4, 1e-4), arch="sm_80")
    yield Kernel("graph_search", "atomic compare and swap, queues in shared memory, a loop that data end", [1], [64],
                 [listed("first", i32, np.arange(0, 201 * 3, 3).tolist()), ints("next", i32, [600], 120, 0, 199),
                  buffer("depth", "inout", i32, [200], type="int", seed=0, lo=-1, hi=-1), scalar(i32, 17)], graph_search, arch="sm_80")
    yield Kernel("virtual_calls", "recursion, calls with structures, local memory", [2], [64],
                 [derived("tree", i32, [63, 2]), ints("roots", i32, [100], 121, 0, 62), out("y", "int64", [100]), scalar(i32, 100)],
                 virtual_calls, derive=lambda v: {"tree": TREE}, arch="sm_80")


def warp_sets(v):
    count, total, most = (np.zeros(len(v.x), np.int64) for _ in range(3))
    for first in range(0, len(v.x), 32):
        warp = v.x[first:first + 32].astype(np.int64)
        for i, x in enumerate(warp):
            same = warp % 5 == x % 5
            count[first + i], total[first + i] = same[:i].sum(), warp[same].sum()
            most[first + i] = warp.max() - warp.min() + warp[0]
    odd = v.x[v.x % 2 == 1]
    return {"count": count, "sum": total, "most": most, "odd": np.sort(odd), "room": [len(odd), odd.sum()]}


def packed_math(v):
    h, b = wide(v.h), v.b
    p, q = v.p.view(np.uint32).astype(np.uint64), v.q.view(np.uint32).astype(np.uint64)
    left, right = (x.view(np.int8).reshape(-1, 4).astype(np.int64) for x in (v.p, v.q))
    halves = v.p.view(np.int16).reshape(-1, 2).astype(np.int64)
    dots = (left * right).sum(1) + 7 + (halves * right[:, :2]).sum(1)
    both = p | q << np.uint64(32)
    byte = lambda i: both >> np.uint64(8 * i) & np.uint64(255)
    permuted = byte(1) | byte(4) << np.uint64(8) | byte(5) << np.uint64(16) | byte(2) << np.uint64(24)
    funnel = both << np.uint64(11) >> np.uint64(32)
    text = [f"{x:032b}" for x in p.tolist()]
    reverse = np.array([int(t[::-1], 2) for t in text])
    leading = np.array([32 - (x | 1).bit_length() for x in p.tolist()])
    ones = np.array([t.count("1") for t in text])
    first = np.array([(x & -x).bit_length() for x in p.tolist()])
    mask = 0xFFFFFFFF
    bits = ((permuted.astype(np.int64) & mask) ^ (funnel.astype(np.int64) & mask) ^ (reverse + leading * ones + first & mask)) & mask
    square = wide((wide(b) * wide(b)).astype(b.dtype))
    return {"y": h * 0.5 + np.maximum(h, -h), "z": square + np.minimum(wide(b), 0.25), "d": dots, "bits": bits}


def wide_math(v):
    mask = 2**64 - 1
    y, f = [], []
    for u, w in zip(v.a.tolist(), v.b.tolist()):
        u, w = u ^ u >> 29, w ^ w >> 30 | 1
        product = u * w + u
        y.append([product >> 64 ^ product & mask, u // w + u % (w >> 40 | 1),
                  u // (w >> 33), 0])
        y[-1][2] = (y[-1][2] + (u * w >> 64) + (u >> (w & 63)) + (u << (u & 63))) & mask
        y[-1][3] = int(np.float64(u >> 1) if int(np.float64(u >> 1)) >= u >> 1 else np.nextafter(np.float64(u >> 1), np.inf))
        y[-1][3] += int(np.float32(u >> 20))
        d = u * 1e-15
        f.append((d * d + np.sqrt(abs(d))) / (1 + d * d) + np.floor(d) - np.fmod(d, 3.0))
    return {"y": np.array(y, dtype=np.uint64), "f": f}


def group_copies(v):
    total = np.zeros((2, 128))
    for tile in wide(v.x).transpose(1, 0, 2):
        total = total * 0.5 + tile[:, np.arange(128) * 3 % 256]
    return total


def graph_search(v):
    depth, level = np.full(200, -1), [17]
    depth[17] = 0
    while level:
        reached = []
        for node in level:
            for other in v.next[v.first[node]:v.first[node + 1]]:
                if depth[other] < 0:
                    depth[other] = depth[node] + 1
                    reached.append(other)
        level = reached
    return {"depth": depth}


TREE = np.array([[2 * i + 1 if 2 * i + 1 < 63 and i % 5 else -1, 2 * i + 2 if 2 * i + 2 < 63 and i % 7 else -1] for i in range(63)])


def virtual_calls(v):
    def depth_of(node):
        return 0 if node < 0 else 1 + max(depth_of(TREE[node][0]), depth_of(TREE[node][1]))
    y = []
    for i, root in enumerate(v.roots.tolist()):
        a, b, depth = root, i, depth_of(root)
        for k in range(depth):
            a, b = b + k, a ^ k
        y.append(int(a * 2.5) - b + depth)
    return y


def kernels_of_grids():
    i32, f32 = "int32", "float32"
    n = 1000
    yield Kernel("fence_reduction", "threadfence reduction: the last block adds what all left", [5], [128],
                 [floats("x", f32, [n], 130), out("sums", f32, [5]), out("y", f32, [1]), zeros("count", "uint32", [1]), scalar(i32, n)],
                 fence_reduction, close(1e-5, 1e-5), arch="sm_80")
    yield Kernel("ticket_lock", "cuda::atomic_ref of block and device scope: a ticket lock, a flag", [4], [64],
                 [zeros("next", "uint32", [1]), zeros("serving", "uint32", [1]), zeros("sum", i32, [1]), zeros("order", i32, [4]),
                  scalar(i32, 3)], ticket_lock, arch="sm_80", together="needs_all_blocks_co_resident")
    yield Kernel("grid_jacobi", "a cooperative grid: grid.sync()", [3], [64],
                 [floats("a", f32, [500], 131, role="inout"), out("b", f32, [500]), scalar(i32, 500), scalar(i32, 4)], jacobi,
                 close(1e-5, 1e-6), arch="sm_80", together="cooperative")
    yield Kernel("dependent", "griddepcontrol: programmatic dependent launch", [3], [128],
                 [ints("x", i32, [300], 132, -1000, 1000), out("y", i32, [300]), scalar(i32, 300)], lambda v: v.x * 2 + 1, arch="sm_90")


def fence_reduction(v):
    sums = np.array([sum(wide(v.x[first:first + 128]).sum() for first in range(b * 128, 1000, 640)) for b in range(5)])
    return {"sums": sums, "y": [sums.sum()], "count": [0]}


def ticket_lock(v):
    total = 0
    for _ in range(12):
        total = total * 3 % 10007 + 1
    return {"next": [12], "serving": [12], "sum": [total], "order": [3] * 4}


def jacobi(v):
    a, b = wide(v.a), None
    for step in range(4):
        padded = np.pad(a if step % 2 == 0 else b, 1)
        new = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
        a, b = (a, new) if step % 2 == 0 else (new, b)
    return {"a": a, "b": b}


EMPTY = scalar("uint8", 0)  # an object without members


def tile_states(tiles):
    """CUB's state of a look-back: 32 tiles out of bounds, then tiles that nobody has begun."""
    return listed("states", "uint32", [[0, 0]] * 32 + [[99, 0]] * tiles, role="scratch")


def cub_kernels():
    i32, u32 = "int32", "uint32"
    n, tile = 10000, 3840
    yield Kernel("device_scan", "CUB DeviceScan: decoupled look-back", [-(-n // tile)], [320],
                 [ints("x", i32, [n], 140, -1000, 1000), out("y", i32, [n]), tile_states(-(-n // tile)), scalar(i32, 0), EMPTY, EMPTY,
                  scalar(i32, n)], lambda v: np.cumsum(v.x), arch="sm_80", entry="DeviceScanKernel", together="needs_all_blocks_co_resident")
    n, tile = 7000, 3200
    yield Kernel("device_select", "CUB DeviceSelect: decoupled look-back, compaction", [-(-n // tile)], [320],
                 [ints("x", i32, [n], 141, -1000, 1000), ints("flags", "int8", [n], 142, 0, 1), out("y", i32, [n]), out("count", i32, [1]),
                  tile_states(-(-n // tile)), EMPTY, EMPTY, scalar(i32, n), scalar(i32, -(-n // tile)),
                  scalar("uint64", [0x101, n, 0, 0, 0]), scalar("uint64", 0)],
                 lambda v: {"y": v.x[v.flags > 0], "count": [(v.flags > 0).sum()]},
                 {"y": {"mode": "multiset_prefix"}, "count": EXACT}, arch="sm_80", entry="DeviceSelectSweepKernel",
                 together="needs_all_blocks_co_resident")
    n = 3000
    yield Kernel("device_reduce", "CUB DeviceReduce, one block", [1], [256],
                 [floats("x", "float32", [n], 143), out("y", "float32", [1]), scalar(i32, n), EMPTY, scalar("float32", -3.0), EMPTY],
                 lambda v: v.x.max(), arch="sm_80", entry="DeviceReduceSingleTileKernel")
    n = 2500
    yield Kernel("radix_histogram", "CUB DeviceRadixSort: digit counts of all passes", [2], [128],
                 [zeros("bins", u32, [4, 256]), ints("keys", u32, [n], 144, 0, 2**31 - 1), scalar(i32, n), scalar(i32, 0), scalar(i32, 32), EMPTY],
                 radix_histogram, arch="sm_80",
                 source="device_radix_sort.cu", entry="DeviceRadixSortHistogramKernel")
    n, tile = 20000, 8064
    tiles = -(-n // tile)
    yield Kernel("radix_onesweep", "CUB DeviceRadixSort onesweep: match, look-back for each digit, dynamic tiles", [tiles], [384],
                 [zeros("lookback", i32, [tiles, 256], role="scratch"), zeros("counters", i32, [1], role="scratch"), NULL,
                  derived("bins", i32, [256]), out("sorted", u32, [n]), ints("keys", u32, [n], 145, 0, 2**31 - 1), out("y", i32, [n]),
                  ints("x", i32, [n], 146, -1000, 1000), scalar(i32, n), scalar(i32, 8), scalar(i32, 8), EMPTY], onesweep,
                 derive=lambda v: {"bins": np.cumsum(np.bincount(v.keys >> 8 & 255, minlength=256)) - np.bincount(v.keys >> 8 & 255, minlength=256)},
                 arch="sm_80", source="device_radix_sort.cu", entry="DeviceRadixSortOnesweepKernel", together="needs_all_blocks_co_resident")
    yield Kernel("device_segmented_reduce", "CUB DeviceSegmentedReduce", [5], [256],
                 [ints("x", i32, [2000], 147, -1000, 1000), out("y", i32, [5]), listed("begins", i32, [0, 3, 700, 700, 1999]),
                  listed("ends", i32, [3, 700, 700, 1999, 2000]), EMPTY, scalar(i32, 0)],
                 lambda v: [v.x[b:e].sum() for b, e in zip(v.begins, v.ends)], arch="sm_80", entry="DeviceSegmentedReduceKernel")


def radix_histogram(v):
    """What lies beyond the keys in the last tile of 2048 counts as the largest digit: nothing comes after it."""
    bins = np.array([np.bincount(v.keys >> 8 * p & 255, minlength=256) for p in range(4)])
    bins[:, 255] += -len(v.keys) % 2048
    return bins


def onesweep(v):
    order = np.argsort(v.keys >> 8 & 255, kind="stable")
    return {"sorted": v.keys[order], "y": v.x[order]}


def clusters():
    i32 = "int32"
    yield Kernel("cluster_histogram", "a cluster: atomics to distributed shared memory", [4], [128],
                 [ints("x", i32, [1000], 150, 0, 99), zeros("bins", i32, [100]), scalar(i32, 1000), scalar(i32, 100)],
                 lambda v: np.bincount(v.x, minlength=100), arch="sm_90a", cluster=[2, 1, 1], shared=200)
    yield Kernel("cluster_ring", "a cluster of four: loads of distributed shared memory", [8], [128],
                 [ints("x", "float32", [1000], 151, -1000, 1000), out("y", "float32", [1000]), scalar(i32, 1000)], ring, arch="sm_90a",
                 cluster=[4, 1, 1])
    yield Kernel("cluster_pass", "st.async, remote arrivals, acquire at cluster scope", [4], [128],
                 [ints("x", i32, [7, 2, 2, 128], 152, -1000, 1000), out("y", i32, [2, 2, 128]), scalar(i32, 7)],
                 lambda v: (v.x[:, :, ::-1, ::-1] * np.arange(1, 8)[:, None, None, None]).sum(0), arch="sm_90a", cluster=[2, 1, 1])
    yield Kernel("cluster_bulk", "bulk copies between the shared memories of a cluster", [4], [128],
                 [ints("x", i32, [2, 2, 256], 153, -1000, 1000), out("y", i32, [2, 2, 256])], lambda v: v.x[:, ::-1, ::-1] * 3, arch="sm_90a",
                 cluster=[2, 1, 1])
    yield Kernel("cluster_multicast", "bulk copies with multicast, slots freed by both blocks", [2], [128],
                 [ints("x", i32, [7, 256], 154, -1000, 1000), out("y", i32, [2, 128]), scalar(i32, 7)],
                 lambda v: [v.x.sum(0)[(np.arange(128) * 5 + r) % 256] for r in range(2)], arch="sm_90a", cluster=[2, 1, 1])


def tensor_kernels():
    m, n, k = 72, 40, 472
    a, b = floats("a", "bfloat16", [m, k], 160), floats("b", "bfloat16", [n, k], 161)
    yield Kernel("inline_wgmma", "wgmma bf16 and tensor maps by inline PTX, a loading warp, three stages", [2, 2], [160],
                 [tensor_map(a, [64, 64], "128B"), tensor_map(b, [32, 64], "128B"), out("c", "float32", [m, n]),
                  *(scalar("int32", s) for s in (m, n, k))], lambda v: wide(v.a) @ wide(v.b).T, close(1e-5, 1e-4), arch="sm_90a",
                 buffers=[a, b], shared=36912)
    x = ints("x", "float32", [2, 5, 7, 16], 162, -20, 20)
    y = ints("y", "float32", [70, 16], 163, -20, 20, role="inout")
    yield Kernel("inline_im2col", "tensor copies in im2col mode, a tensor reduction", [3], [64],
                 [im2col_map(x, (-1, -1), (-1, -1), 16, 32), tensor_map(y, [32, 16], "none"), ints("w", "float32", [9], 164, -9, 9),
                  scalar("int32", 7), scalar("int32", 5)], window_sums, arch="sm_90a", buffers=[x, y])


def window_sums(v):
    x = np.pad(v.x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return {"y": v.y + sum(v.w[3 * r + s] * x[:, r:r + 5, s:s + 7] for r in range(3) for s in range(3)).reshape(70, 16)}


def ring(v):
    x = np.pad(v.x, (0, 24)).reshape(2, 4, 128)
    y = [[sum(np.roll(x[c, (r + k) % 4], -k) for k in range(4)) for r in range(4)] for c in range(2)]
    return np.reshape(y, -1)[:1000]


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
