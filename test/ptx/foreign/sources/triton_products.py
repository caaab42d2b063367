# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Matrix products and attention in Triton: what becomes mma.sync for sm_80 and wgmma for sm_90, fed by loads through
# pointers (cp.async) or by tensor descriptors (tensor maps; made by the host, or by the kernel itself).
import triton
import triton.language as tl


@triton.jit
def matmul_typed(a, b, c, M, N, K, ACC: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    om = tl.program_id(0) * BM + tl.arange(0, BM)
    on = tl.program_id(1) * BN + tl.arange(0, BN)
    ok = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=ACC)
    for k in range(0, K, BK):
        x = tl.load(a + om[:, None] * K + (k + ok)[None, :], mask=(om[:, None] < M) & ((k + ok)[None, :] < K), other=0.0)
        y = tl.load(b + (k + ok)[:, None] * N + on[None, :], mask=((k + ok)[:, None] < K) & (on[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc, out_dtype=ACC)
    tl.store(c + om[:, None] * N + on[None, :], acc.to(c.dtype.element_ty), mask=(om[:, None] < M) & (on[None, :] < N))


@triton.jit
def matmul_transposed(a, b, c, M, N, K, ACC: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """b is stored as N x K: what 8-bit types need."""
    om = tl.program_id(0) * BM + tl.arange(0, BM)
    on = tl.program_id(1) * BN + tl.arange(0, BN)
    ok = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=ACC)
    for k in range(0, K, BK):
        inside = (k + ok) < K
        x = tl.load(a + om[:, None] * K + (k + ok)[None, :], mask=(om[:, None] < M) & inside[None, :], other=0.0)
        y = tl.load(b + on[None, :] * K + (k + ok)[:, None], mask=inside[:, None] & (on[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc, out_dtype=ACC)
    tl.store(c + om[:, None] * N + on[None, :], acc, mask=(om[:, None] < M) & (on[None, :] < N))


@triton.jit
def matmul_tensor_maps(a, b, c, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Descriptors come from the host: each is a tensor map of 128 bytes, then sizes and strides."""
    m = tl.program_id(0) * BM
    n = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, K, BK):
        acc = tl.dot(a.load([m, k]), b.load([k, n]), acc)
    c.store([m, n], acc.to(tl.float16))


@triton.jit
def matmul_persistent(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Descriptors made by the kernel; each block takes several tiles."""
    da = tl.make_tensor_descriptor(a, shape=[M, K], strides=[K, 1], block_shape=[BM, BK])
    db = tl.make_tensor_descriptor(b, shape=[K, N], strides=[N, 1], block_shape=[BK, BN])
    dc = tl.make_tensor_descriptor(c, shape=[M, N], strides=[N, 1], block_shape=[BM, BN])
    columns = tl.cdiv(N, BN)
    for tile in range(tl.program_id(0), tl.cdiv(M, BM) * columns, tl.num_programs(0)):
        m = tile // columns * BM
        n = tile % columns * BN
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for k in range(0, K, BK):
            acc = tl.dot(da.load([m, k]), db.load([k, n]), acc)
        dc.store([m, n], acc.to(tl.float16))


@triton.jit
def split_k(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLITS: tl.constexpr):
    om = tl.program_id(0) * BM + tl.arange(0, BM)
    on = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(tl.program_id(2) * BK, K, BK * SPLITS):
        ok = k + tl.arange(0, BK)
        x = tl.load(a + om[:, None] * K + ok[None, :], mask=(om[:, None] < M) & (ok[None, :] < K), other=0.0)
        y = tl.load(b + ok[:, None] * N + on[None, :], mask=(ok[:, None] < K) & (on[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
    tl.atomic_add(c + om[:, None] * N + on[None, :], acc, mask=(om[:, None] < M) & (on[None, :] < N))


@triton.jit
def split_k_locked(a, b, c, locks, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLITS: tl.constexpr):
    """Parts of a tile are added one after the other, in order: a semaphore for each tile."""
    om = tl.program_id(0) * BM + tl.arange(0, BM)
    on = tl.program_id(1) * BN + tl.arange(0, BN)
    part = tl.program_id(2)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(part * BK, K, BK * SPLITS):
        ok = k + tl.arange(0, BK)
        x = tl.load(a + om[:, None] * K + ok[None, :], mask=(om[:, None] < M) & (ok[None, :] < K), other=0.0)
        y = tl.load(b + ok[:, None] * N + on[None, :], mask=(ok[:, None] < K) & (on[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
    inside = (om[:, None] < M) & (on[None, :] < N)
    places = c + om[:, None] * N + on[None, :]
    lock = locks + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)
    while tl.atomic_add(lock, 0, sem="acquire") != part:
        pass
    tl.debug_barrier()
    if part > 0:
        acc += tl.load(places, mask=inside, other=0.0)
    tl.store(places, acc, mask=inside)
    tl.debug_barrier()
    tl.atomic_add(lock, 1, sem="release")


@triton.jit
def grouped_gemm(a, b, c, sizes, N, K, GROUPS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Rows of a belong to groups with a matrix b each; tiles are dealt to blocks across all groups."""
    tile = tl.program_id(0)
    columns = tl.cdiv(N, BN)
    first_tile = 0
    first_row = 0
    for g in range(GROUPS):
        rows = tl.load(sizes + g)
        tiles = tl.cdiv(rows, BM) * columns
        while tile < first_tile + tiles:
            om = (tile - first_tile) // columns * BM + tl.arange(0, BM)
            on = (tile - first_tile) % columns * BN + tl.arange(0, BN)
            acc = tl.zeros((BM, BN), dtype=tl.float32)
            for k in range(0, K, BK):
                ok = k + tl.arange(0, BK)
                x = tl.load(a + (first_row + om)[:, None] * K + ok[None, :], mask=(om[:, None] < rows) & (ok[None, :] < K),
                            other=0.0)
                y = tl.load(b + g * K * N + ok[:, None] * N + on[None, :], mask=(ok[:, None] < K) & (on[None, :] < N),
                            other=0.0)
                acc = tl.dot(x, y, acc)
            tl.store(c + (first_row + om)[:, None] * N + on[None, :], acc, mask=(om[:, None] < rows) & (on[None, :] < N))
            tile += tl.num_programs(0)
        first_tile += tiles
        first_row += rows


@triton.jit
def convolution(x, w, y, H, W, C, O, P, Q, R: tl.constexpr, S: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
                BK: tl.constexpr):
    """NHWC, stride 2, padding 1, as a product whose left side is gathered."""
    om = tl.program_id(0) * BM + tl.arange(0, BM)
    on = tl.program_id(1) * BN + tl.arange(0, BN)
    image, p, q = om // (P * Q), om // Q % P, om % Q
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for r in range(R):
        for s in range(S):
            h = p * 2 + r - 1
            v = q * 2 + s - 1
            inside = (om < P * Q) & (h >= 0) & (h < H) & (v >= 0) & (v < W)
            for c in range(0, C, BK):
                oc = c + tl.arange(0, BK)
                a = tl.load(x + ((image * H + h) * W + v)[:, None] * C + oc[None, :], mask=inside[:, None] & (oc[None, :] < C),
                            other=0.0)
                b = tl.load(w + ((r * S + s) * C + oc)[:, None] * O + on[None, :], mask=(oc[:, None] < C) & (on[None, :] < O),
                            other=0.0)
                acc = tl.dot(a, b, acc)
    tl.store(y + om[:, None] * O + on[None, :], acc, mask=(om[:, None] < P * Q) & (on[None, :] < O))


@triton.jit
def flash_forward(q, k, v, o, lse, T, scale, CAUSAL: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    head = tl.program_id(1) * T
    om = tl.program_id(0) * BM + tl.arange(0, BM)
    od = tl.arange(0, D)
    rows = om < T
    left = tl.load(q + (head + om)[:, None] * D + od[None, :], mask=rows[:, None], other=0.0)
    most = tl.full((BM,), -1e30, tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    end = tl.minimum(T, (tl.program_id(0) + 1) * BM) if CAUSAL else T
    for first in range(0, end, BN):
        on = first + tl.arange(0, BN)
        keys = tl.load(k + (head + on)[:, None] * D + od[None, :], mask=(on < T)[:, None], other=0.0)
        seen = (on < T)[None, :]
        if CAUSAL:
            seen = seen & (om[:, None] >= on[None, :])
        s = tl.where(seen, tl.dot(left, tl.trans(keys)) * (scale * 1.4426950408889634), -1e30)
        now = tl.maximum(most, tl.max(s, 1))
        p = tl.exp2(s - now[:, None])
        shrink = tl.exp2(most - now)
        total = total * shrink + tl.sum(p, 1)
        values = tl.load(v + (head + on)[:, None] * D + od[None, :], mask=(on < T)[:, None], other=0.0)
        acc = tl.dot(p.to(values.dtype), values, acc * shrink[:, None])
        most = now
    tl.store(o + (head + om)[:, None] * D + od[None, :], acc / total[:, None], mask=rows[:, None])
    tl.store(lse + head + om, (most + tl.log2(total)) / 1.4426950408889634, mask=rows)


@triton.jit
def flash_tensor_maps(q, k, v, o, T, scale, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """One head; descriptors come from the host."""
    m = tl.program_id(0) * BM
    left = q.load([m, 0])
    most = tl.full((BM,), -1e30, tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for first in range(0, T, BN):
        on = first + tl.arange(0, BN)
        s = tl.dot(left, tl.trans(k.load([first, 0]))) * (scale * 1.4426950408889634)
        s = tl.where((on < T)[None, :], s, -1e30)
        now = tl.maximum(most, tl.max(s, 1))
        p = tl.exp2(s - now[:, None])
        shrink = tl.exp2(most - now)
        total = total * shrink + tl.sum(p, 1)
        acc = tl.dot(p.to(tl.float16), v.load([first, 0]), acc * shrink[:, None])
        most = now
    o.store([m, 0], (acc / total[:, None]).to(tl.float16))


@triton.jit
def flash_backward(q, k, v, do, lse, delta, dq, dk, dv, T, scale, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """A block owns keys and values; the gradients of queries are added to by all blocks."""
    on = tl.program_id(0) * BN + tl.arange(0, BN)
    od = tl.arange(0, D)
    columns = (on < T)[:, None]
    keys = tl.load(k + on[:, None] * D + od[None, :], mask=columns, other=0.0)
    values = tl.load(v + on[:, None] * D + od[None, :], mask=columns, other=0.0)
    grad_k = tl.zeros((BN, D), tl.float32)
    grad_v = tl.zeros((BN, D), tl.float32)
    for first in range(0, T, BM):
        om = first + tl.arange(0, BM)
        rows = om < T
        left = tl.load(q + om[:, None] * D + od[None, :], mask=rows[:, None], other=0.0)
        grad = tl.load(do + om[:, None] * D + od[None, :], mask=rows[:, None], other=0.0)
        s = tl.dot(left, tl.trans(keys)) * scale
        p = tl.where(rows[:, None] & (on < T)[None, :], tl.exp(s - tl.load(lse + om, mask=rows, other=0.0)[:, None]), 0.0)
        grad_v = tl.dot(tl.trans(p.to(tl.float16)), grad, grad_v)
        dp = tl.dot(grad, tl.trans(values))
        ds = (p * (dp - tl.load(delta + om, mask=rows, other=0.0)[:, None]) * scale).to(tl.float16)
        grad_k = tl.dot(tl.trans(ds), left, grad_k)
        tl.atomic_add(dq + om[:, None] * D + od[None, :], tl.dot(ds, keys), mask=rows[:, None])
    tl.store(dk + on[:, None] * D + od[None, :], grad_k, mask=columns)
    tl.store(dv + on[:, None] * D + od[None, :], grad_v, mask=columns)
