# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels in Triton. regenerate.py says with which types and constants each is compiled.
import triton
import triton.language as tl


@triton.jit
def softmax(x, y, n, B: tl.constexpr):
    r = tl.program_id(0)
    o = tl.arange(0, B)
    v = tl.load(x + r * n + o, mask=o < n, other=-float("inf")).to(tl.float32)
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + r * n + o, e / tl.sum(e, 0), mask=o < n)


@triton.jit
def layer_norm(x, w, b, y, n, eps, B: tl.constexpr):
    r = tl.program_id(0)
    o = tl.arange(0, B)
    m = o < n
    v = tl.load(x + r * n + o, mask=m, other=0.0)
    mean = tl.sum(v, 0) / n
    d = tl.where(m, v - mean, 0.0)
    scale = 1 / tl.sqrt(tl.sum(d * d, 0) / n + eps)
    tl.store(y + r * n + o, d * scale * tl.load(w + o, mask=m) + tl.load(b + o, mask=m), mask=m)


@triton.jit
def matmul(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    om = tl.program_id(0) * BM + tl.arange(0, BM)
    on = tl.program_id(1) * BN + tl.arange(0, BN)
    ok = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, K, BK):
        x = tl.load(a + om[:, None] * K + (k + ok)[None, :], mask=(om[:, None] < M) & ((k + ok)[None, :] < K), other=0.0)
        y = tl.load(b + (k + ok)[:, None] * N + on[None, :], mask=((k + ok)[:, None] < K) & (on[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
    tl.store(c + om[:, None] * N + on[None, :], acc, mask=(om[:, None] < M) & (on[None, :] < N))


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def scan(x, y, B: tl.constexpr):
    o = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y + o, tl.associative_scan(tl.load(x + o), 0, add))


@triton.jit
def sort(x, y, B: tl.constexpr):
    o = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y + o, tl.sort(tl.load(x + o)))


@triton.jit
def histogram(x, y, B: tl.constexpr, N: tl.constexpr):
    o = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(y + tl.arange(0, N), tl.histogram(tl.load(x + o), N))


@triton.jit
def argmax(x, y, B: tl.constexpr):
    r = tl.program_id(0)
    tl.store(y + r, tl.argmax(tl.load(x + r * B + tl.arange(0, B)), 0))


@triton.jit
def extremes(x, most, least, n, B: tl.constexpr):
    o = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + o, mask=o < n, other=0)
    tl.atomic_max(most + o % 8, v, mask=o < n)
    tl.atomic_min(least + o % 8, v, mask=o < n)
