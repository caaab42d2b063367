# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels in Triton over rows and elements: random numbers, locks between blocks, look-back, conversions, gathers.
import triton
import triton.language as tl


@triton.jit
def dropout(x, y, n, keep, seed, B: tl.constexpr):
    o = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + o, mask=o < n)
    tl.store(y + o, tl.where(tl.rand(seed, o) < keep, v / keep, 0.0), mask=o < n)


@triton.jit
def norm_backward(x, dy, w, dx, dw, locks, counts, n, eps, GROUPS: tl.constexpr, B: tl.constexpr):
    """RMS norm. Rows add their gradients of w to one of GROUPS partial sums, behind a spin lock."""
    r = tl.program_id(0)
    o = tl.arange(0, B)
    m = o < n
    v = tl.load(x + r * n + o, mask=m, other=0.0)
    g = tl.load(dy + r * n + o, mask=m, other=0.0)
    scale = 1 / tl.sqrt(tl.sum(v * v, 0) / n + eps)
    h = v * scale
    gw = g * tl.load(w + o, mask=m, other=0.0)
    tl.store(dx + r * n + o, (gw - h * (tl.sum(h * gw, 0) / n)) * scale, mask=m)
    lock = locks + r % GROUPS
    sums = dw + r % GROUPS * n + o
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    part = g * h
    if tl.load(counts + r % GROUPS) == 0:
        tl.atomic_xchg(counts + r % GROUPS, 1)
    else:
        part += tl.load(sums, mask=m)
    tl.store(sums, part, mask=m)
    tl.debug_barrier()
    tl.atomic_xchg(lock, 0)


@triton.jit
def cross_entropy(x, targets, loss, dx, n, B: tl.constexpr):
    r = tl.program_id(0)
    target = tl.load(targets + r)
    most = -float("inf")
    total = 0.0
    for first in range(0, n, B):
        o = first + tl.arange(0, B)
        v = tl.load(x + r * n + o, mask=o < n, other=-float("inf")).to(tl.float32)
        now = tl.maximum(most, tl.max(v, 0))
        total = total * tl.exp(most - now) + tl.sum(tl.exp(v - now), 0)
        most = now
    tl.store(loss + r, most + tl.log(total) - tl.load(x + r * n + target).to(tl.float32))
    for first in range(0, n, B):
        o = first + tl.arange(0, B)
        v = tl.load(x + r * n + o, mask=o < n, other=-float("inf")).to(tl.float32)
        tl.store(dx + r * n + o, tl.exp(v - most) / total - tl.where(o == target, 1.0, 0.0), mask=o < n)


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def chained_scan(x, y, states, totals, ticket, n, B: tl.constexpr):
    """A scan across blocks: each takes a ticket, waits for the total of the one before, and publishes its own."""
    mine = tl.atomic_add(ticket, 1)
    o = mine * B + tl.arange(0, B)
    v = tl.load(x + o, mask=o < n, other=0)
    total = tl.sum(v, 0)
    before = tl.zeros((), tl.int32)
    if mine > 0:
        while tl.atomic_add(states + mine - 1, 0, sem="acquire") == 0:
            pass
        before = tl.load(totals + mine - 1)
    tl.store(totals + mine, before + total)
    tl.debug_barrier()
    tl.atomic_xchg(states + mine, 1, sem="release")
    tl.store(y + o, before + tl.associative_scan(v, 0, add), mask=o < n)


@triton.jit
def embedding_backward(tokens, dy, dw, n, B: tl.constexpr):
    """Atomic additions of bf16, several rows of which meet."""
    token = tl.load(tokens + tl.program_id(0))
    o = tl.arange(0, B)
    tl.atomic_add(dw + token * n + o, tl.load(dy + tl.program_id(0) * n + o, mask=o < n), mask=o < n)


@triton.jit
def quantize(x, y, scales, n, B: tl.constexpr):
    """A scale for each row, then e4m3."""
    r = tl.program_id(0)
    o = tl.arange(0, B)
    v = tl.load(x + r * n + o, mask=o < n, other=0.0).to(tl.float32)
    scale = tl.div_rn(tl.max(tl.abs(v), 0), 448.0)
    tl.store(scales + r, scale)
    tl.store(y + r * n + o, tl.div_rn(v, tl.zeros_like(v) + scale).to(tl.float8e4nv), mask=o < n)


@triton.jit
def transpose(x, y, M, N, B: tl.constexpr):
    om = tl.program_id(0) * B + tl.arange(0, B)
    on = tl.program_id(1) * B + tl.arange(0, B)
    v = tl.load(x + om[:, None] * N + on[None, :], mask=(om[:, None] < M) & (on[None, :] < N))
    tl.store(y + on[:, None] * M + om[None, :], tl.trans(v), mask=(om[None, :] < M) & (on[:, None] < N))


@triton.jit
def topk(x, y, n, K: tl.constexpr, B: tl.constexpr):
    r = tl.program_id(0)
    o = tl.arange(0, B)
    v = tl.load(x + r * n + o, mask=o < n, other=-float("inf"))
    tl.store(y + r * K + tl.arange(0, K), tl.topk(v, K))


@triton.jit
def combine(a, x, b, y):
    return a * b, x * b + y


@triton.jit
def recurrence(a, x, y, T, C, BT: tl.constexpr, BC: tl.constexpr):
    """y[t] = a[t] y[t-1] + x[t] in each channel, as a scan of pairs along the first axis."""
    t = tl.arange(0, BT)
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = (t[:, None] < T) & (c[None, :] < C)
    decay = tl.load(a + t[:, None] * C + c[None, :], mask=inside, other=1.0)
    value = tl.load(x + t[:, None] * C + c[None, :], mask=inside, other=0.0)
    _, state = tl.associative_scan((decay, value), 0, combine)
    tl.store(y + t[:, None] * C + c[None, :], state, mask=inside)


@triton.jit
def look_up(table, rows, y, N, R: tl.constexpr, C: tl.constexpr):
    """tl.gather within a tile: a permutation of rows for each column."""
    r = tl.arange(0, R)
    c = tl.program_id(0) * C + tl.arange(0, C)
    places = r[:, None] * N + c[None, :]
    v = tl.load(table + places, mask=c[None, :] < N, other=0.0)
    which = tl.load(rows + places, mask=c[None, :] < N, other=0)
    tl.store(y + places, tl.gather(v, which, 0), mask=c[None, :] < N)


@triton.jit
def last_block_sums(x, parts, y, arrived, n, B: tl.constexpr):
    """Each block leaves a partial sum; the last to arrive adds them up, in order."""
    p = tl.program_id(0)
    o = p * B + tl.arange(0, B)
    tl.store(parts + p, tl.sum(tl.load(x + o, mask=o < n, other=0.0), 0))
    tl.debug_barrier()
    if tl.atomic_add(arrived, 1, sem="acq_rel") == tl.num_programs(0) - 1:
        q = tl.arange(0, B)
        tl.store(y, tl.sum(tl.load(parts + q, mask=q < tl.num_programs(0), other=0.0), 0))
