# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels in Triton as language models have them: paged decoding, experts, weights of 4 bits, state spaces, scaled
# products of fp8, reductions by tensor stores.
import triton
import triton.language as tl


@triton.jit
def decode_split(q, k, v, table, lengths, parts, lse, scale, pages, D: tl.constexpr, PAGE: tl.constexpr, BN: tl.constexpr, SPLITS: tl.constexpr,
                 H: tl.constexpr):
    """Decoding attention over a paged cache, a part of the keys for each block; heads that share keys are rows of a product."""
    s, split = tl.program_id(0), tl.program_id(1)
    length = tl.load(lengths + s)
    per = tl.cdiv(length, SPLITS)
    begin, end = split * per, tl.minimum(split * per + per, length)
    h, d = tl.arange(0, 16), tl.arange(0, D)
    query = tl.load(q + (s * H + h[:, None]) * D + d[None, :], mask=h[:, None] < H, other=0.0)
    acc = tl.zeros((16, D), tl.float32)
    most = tl.zeros((16,), tl.float32) - float("inf")
    total = tl.zeros((16,), tl.float32)
    if end > begin:
        for first in range(begin, end, BN):
            o = first + tl.arange(0, BN)
            page = tl.load(table + s * pages + o // PAGE, mask=o < end, other=0)
            row = page * PAGE + o % PAGE
            keys = tl.load(k + row[None, :] * D + d[:, None], mask=o[None, :] < end, other=0.0)
            qk = tl.dot(query, keys) * scale
            qk = tl.where(o[None, :] < end, qk, -float("inf"))
            now = tl.maximum(most, tl.max(qk, 1))
            p = tl.exp(qk - now[:, None])
            fade = tl.exp(most - now)
            values = tl.load(v + row[:, None] * D + d[None, :], mask=o[:, None] < end, other=0.0)
            acc = acc * fade[:, None] + tl.dot(p.to(values.dtype), values)
            total = total * fade + tl.sum(p, 1)
            most = now
        at = (s * SPLITS + split) * H + h
        tl.store(parts + at[:, None] * D + d[None, :], acc / total[:, None], mask=h[:, None] < H)
        tl.store(lse + at, most + tl.log(total), mask=h < H)


@triton.jit
def experts(a, b, c, weights, sorted_ids, owners, total, N, K, tokens, TOP: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
            GROUP: tl.constexpr):
    """A product for each expert: rows of A gathered by sorted tokens, tiles of one expert, grouped for the cache."""
    pid = tl.program_id(0)
    blocks_m, blocks_n = tl.cdiv(tl.load(total), BM), tl.cdiv(N, BN)
    in_group = GROUP * blocks_n
    first_m = pid // in_group * GROUP
    size = min(blocks_m - first_m, GROUP)
    if pid >= blocks_m * blocks_n:
        return
    pm = first_m + pid % in_group % size
    pn = pid % in_group // size
    ids = tl.load(sorted_ids + pm * BM + tl.arange(0, BM))
    inside = ids < tokens
    expert = tl.load(owners + pm).to(tl.int64)
    n, k = pn * BN + tl.arange(0, BN), tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for first in range(0, K, BK):
        x = tl.load(a + ids[:, None] // TOP * K + first + k[None, :], mask=inside[:, None] & (first + k[None, :] < K), other=0.0)
        w = tl.load(b + expert * N * K + n[None, :] * K + first + k[:, None], mask=(n[None, :] < N) & (first + k[:, None] < K), other=0.0)
        acc = tl.dot(x, w, acc)
    acc *= tl.load(weights + ids, mask=inside, other=0.0)[:, None]
    tl.store(c + ids[:, None] * N + n[None, :], acc.to(tl.bfloat16), mask=inside[:, None] & (n[None, :] < N))


@triton.jit
def int4_matmul(a, q, scales, zeros, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    """Weights of 4 bits, two a byte along K, unpacked by interleave; a scale and a zero point for each group of K."""
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for first in range(0, K, BK):
        k = first + tl.arange(0, BK)
        x = tl.load(a + m[:, None] * K + k[None, :], mask=(m[:, None] < M) & (k[None, :] < K), other=0.0)
        half = first // 2 + tl.arange(0, BK // 2)
        packed = tl.load(q + n[:, None] * (K // 2) + half[None, :], mask=(n[:, None] < N) & (half[None, :] < K // 2), other=0)
        w = tl.interleave(packed & 15, packed >> 4 & 15)
        g = first // GROUP
        s = tl.load(scales + n * (K // GROUP) + g, mask=n < N, other=0.0)
        z = tl.load(zeros + n * (K // GROUP) + g, mask=n < N, other=0)
        w = ((w.to(tl.int32) - z[:, None]).to(tl.float16) * s[:, None]).to(tl.float16)
        acc = tl.dot(x, tl.trans(w), acc)
    tl.store(c + m[:, None] * N + n[None, :], acc, mask=(m[:, None] < M) & (n[None, :] < N))


@triton.jit
def block_fp8(a, b, c, sa, sb, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """e4m3 with a scale for each row and block of K of A, and for each block of B."""
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for i in range(0, tl.cdiv(K, BK)):
        x = tl.load(a + m[:, None] * K + i * BK + k[None, :], mask=m[:, None] < M, other=0.0)
        y = tl.load(b + n[None, :] * K + i * BK + k[:, None], mask=n[None, :] < N, other=0.0)
        x_scale = tl.load(sa + m * (K // BK) + i, mask=m < M, other=0.0)
        y_scale = tl.load(sb + n // BN * (K // BK) + i, mask=n < N, other=0.0)
        acc += tl.dot(x, y) * x_scale[:, None] * y_scale[None, :]
    tl.store(c + m[:, None] * N + n[None, :], acc.to(tl.bfloat16), mask=(m[:, None] < M) & (n[None, :] < N))


@triton.jit
def state_update(state, x, dt, A, B, C, D, y, dim, N: tl.constexpr, BD: tl.constexpr):
    """One step of a selective state space, the state in place."""
    s = tl.program_id(1)
    d, n = tl.program_id(0) * BD + tl.arange(0, BD), tl.arange(0, N)
    m = d < dim
    at = state + (s * dim + d[:, None]) * N + n[None, :]
    h = tl.load(at, mask=m[:, None], other=0.0)
    v = tl.load(x + s * dim + d, mask=m, other=0.0)
    t = tl.load(dt + s * dim + d, mask=m, other=0.0)
    t = tl.where(t <= 20.0, tl.log(1 + tl.exp(t)), t)
    a = tl.load(A + d[:, None] * N + n[None, :], mask=m[:, None], other=0.0)
    h = h * tl.exp(a * t[:, None]) + tl.load(B + s * N + n)[None, :] * t[:, None] * v[:, None]
    tl.store(at, h, mask=m[:, None])
    tl.store(y + s * dim + d, tl.sum(h * tl.load(C + s * N + n)[None, :], 1) + v * tl.load(D + d, mask=m, other=0.0), mask=m)


@triton.jit
def add_by_map(x, y, T, B: tl.constexpr, C: tl.constexpr):
    """Tiles added to others by the reduction of a tensor store; several blocks meet in one tile."""
    t = tl.program_id(0)
    v = x.load([t * B, 0])
    y.atomic_add([t * B % T, 0], v * 2)
