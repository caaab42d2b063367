# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# More kernels that Triton compiles: sources/triton_models.py, what inference brings.
import numpy as np

from by_triton import by_maps, compile, kernel, wide  # noqa: F401 (regenerate.py calls compile)
from launches import close, derived, floats, ints, listed, out, scalar

I32, F16, F32, BF16 = "int32", "float16", "float32", "bfloat16"
LENGTHS = [75, 3, 40]


def model(name, exercises, grid, args, reference, how, **more):
    return kernel(name, exercises, grid, args, reference, how, module="triton_models", **more)


def sizes(*values):
    return [scalar(I32, value) for value in values]


def kernels():
    yield model("decode_split", "decoding over a paged cache, keys split over blocks: wgmma", [3, 3],
                [floats("q", F16, [3, 5, 64], 521, -2.0, 2.0), floats("k", F16, [240, 64], 522), floats("v", F16, [240, 64], 523),
                 ints("table", I32, [3, 10], 524, 0, 29), listed("lengths", I32, LENGTHS), out("parts", F32, [3, 3, 5, 64]),
                 out("lse", F32, [3, 3, 5]), scalar(F32, 0.125), *sizes(10)], decode, close(3e-3, 3e-3), arch="sm_90", aligned=range(3),
                constants=dict(D=64, PAGE=8, BN=16, SPLITS=3, H=5))
    yield model("experts", "a product for each expert, rows gathered by sorted tokens, four stages", [14],
                [floats("a", BF16, [20, 96], 525), floats("b", BF16, [4, 40, 96], 526), out("c", BF16, [40, 40]),
                 floats("weights", F32, [40], 527, 0.0, 1.0), derived("sorted_ids", I32, [112]), derived("owners", I32, [7]),
                 derived("total", I32, [1]), *sizes(40, 96, 40)], experts, close(1e-2, 1e-2), stages=4, derive=by_expert,
                buffers=[ints("route", I32, [20, 2], 528, 0, 3, role="scratch")], constants=dict(TOP=2, BM=16, BN=32, BK=32, GROUP=2))
    yield model("int4_matmul", "weights of 4 bits unpacked in registers", [2, 3],
                [floats("a", F16, [40, 128], 529), ints("packed", "int8", [70, 64], 530, -128, 127), floats("scales", F16, [70, 4], 531, 0.02, 0.1),
                 ints("zeros", I32, [70, 4], 532, 0, 15), out("c", F32, [40, 70]), *sizes(40, 70, 128)], int4, close(5e-3, 1e-2), arch="sm_120",
                constants=dict(BM=32, BN=32, BK=32, GROUP=32))
    yield model("state_update", "a step of a selective state space in place", [3, 2],
                [floats("state", F32, [2, 40, 16], 533, role="inout"), floats("x", F32, [2, 40], 534), floats("dt", F32, [2, 40], 535),
                 floats("A", F32, [40, 16], 536, -1.0, 0.0), floats("B", F32, [2, 16], 537), floats("C", F32, [2, 16], 538),
                 floats("D", F32, [40], 539), out("y", F32, [2, 40]), *sizes(40)], state_update, close(1e-5, 1e-5), warps=2,
                constants=dict(N=16, BD=16))
    yield model("block_fp8", "e4m3 with scales of rows and blocks: mma.sync fp8", [2, 2],
                [floats("a", "float8_e4m3fn", [80, 256], 540), floats("b", "float8_e4m3fn", [72, 256], 541), out("c", BF16, [80, 72]),
                 floats("sa", F32, [80, 4], 544, 0.5, 2.0), floats("sb", F32, [2, 4], 545, 0.5, 2.0), *sizes(80, 72, 256)], block_fp8,
                close(1e-2, 2e-2), arch="sm_89", aligned=range(8), constants=dict(BM=64, BN=64, BK=64))
    buffers = [ints("x", F16, [128, 64], 542, -9, 9), ints("y", F16, [64, 64], 543, -9, 9, role="inout")]
    yield by_maps("add_by_map", "tiles added by the reduction of a tensor store, several blocks to one", [4], buffers,
                  [(buffer, [32, 64], "128B") for buffer in buffers], sizes(64),
                  lambda v: {"y": wide(v.y) + 2 * (wide(v.x)[:64] + wide(v.x)[64:])}, close(0, 0), module="triton_models",
                  constants=dict(B=32, C=64))


def decode(v):
    parts, lse = np.zeros((3, 3, 5, 64)), np.zeros((3, 3, 5))
    for s, length in enumerate(LENGTHS):
        at = np.arange(length)
        rows, per = v.table[s, at // 8] * 8 + at % 8, -(-length // 3)
        for split in range(3):
            some = rows[split * per:split * per + per]
            e = np.exp(wide(v.q)[s] @ wide(v.k)[some].T * 0.125)
            parts[s, split] = e @ wide(v.v)[some] / e.sum(1, keepdims=True)
            lse[s, split] = np.log(e.sum(1))
    return {"parts": parts, "lse": lse}


def by_expert(v):
    ids, owners = [], []
    for expert in range(4):
        mine = np.flatnonzero(v.route.reshape(-1) == expert).tolist()
        tiles = -(-len(mine) // 16)
        ids += mine + [40] * (16 * tiles - len(mine))
        owners += [expert] * tiles
    return {"sorted_ids": np.array(ids + [40] * (112 - len(ids))), "owners": np.array(owners + [0] * (7 - len(owners))),
            "total": np.array([len(ids)])}


def experts(v):
    route = v.route.reshape(-1)
    return {"c": np.stack([wide(v.b)[route[i]] @ wide(v.a)[i // 2] * v.weights[i] for i in range(40)])}


def int4(v):
    w = wide(np.stack([v.packed & 15, v.packed >> 4 & 15], -1).reshape(70, 128))
    w = (w - np.repeat(v.zeros, 32, 1)) * np.repeat(wide(v.scales), 32, 1)
    return wide(v.a) @ wide(w.astype(np.float16)).T


def block_fp8(v):
    a = wide(v.a) * np.repeat(wide(v.sa), 64, 1)
    b = wide(v.b) * np.repeat(np.repeat(wide(v.sb), 64, 0)[:72], 64, 1)
    return {"c": a @ b.T}


def state_update(v):
    t = np.log1p(np.exp(wide(v.dt)))[..., None]
    state = wide(v.state) * np.exp(wide(v.A) * t) + wide(v.B)[:, None] * t * wide(v.x)[..., None]
    return {"state": state, "y": (state * wide(v.C)[:, None]).sum(2) + wide(v.x) * v.D}
