# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels in Numba for CUDA.
import math

from numba import cuda, float32, int32


def tiled_matmul(a, b, c):
    """Tiles of 16 in shared memory, bounds checked by hand."""
    left = cuda.shared.array((16, 17), float32)
    right = cuda.shared.array((16, 17), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    row, column = cuda.blockIdx.y * 16 + ty, cuda.blockIdx.x * 16 + tx
    total = float32(0)
    for k in range(0, a.shape[1], 16):
        left[ty, tx] = a[row, k + tx] if row < a.shape[0] and k + tx < a.shape[1] else float32(0)
        right[ty, tx] = b[k + ty, column] if k + ty < b.shape[0] and column < b.shape[1] else float32(0)
        cuda.syncthreads()
        for i in range(16):
            total += left[ty, i] * right[i, tx]
        cuda.syncthreads()
    if row < c.shape[0] and column < c.shape[1]:
        c[row, column] = total


def shared_histogram(x, bins):
    mine = cuda.shared.array(64, int32)
    for i in range(cuda.threadIdx.x, 64, cuda.blockDim.x):
        mine[i] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        cuda.atomic.add(mine, x[i] % 64, 1)
    cuda.syncthreads()
    for i in range(cuda.threadIdx.x, 64, cuda.blockDim.x):
        cuda.atomic.add(bins, i, mine[i])


def warp_sums(x, y):
    """Shuffles and a vote; the most of all by an atomic maximum of f64."""
    i = cuda.grid(1)
    lane = cuda.laneid
    v = x[i] if i < x.size else 0.0
    for k in (16, 8, 4, 2, 1):
        v += cuda.shfl_down_sync(0xFFFFFFFF, v, k)
    many = cuda.ballot_sync(0xFFFFFFFF, i < x.size)
    if lane == 0:
        cuda.atomic.add(y, 0, v)
        cuda.atomic.max(y, 1, v)
        cuda.atomic.add(y, 2, float(cuda.popc(many)))


def escape_times(y, x0, y0, step):
    """Loops of different lengths beside each other."""
    i, j = cuda.grid(2)
    if i < y.shape[0] and j < y.shape[1]:
        cx, cy = x0 + step * j, y0 + step * i
        zx = zy = 0.0
        n = 0
        while n < 50 and zx * zx + zy * zy <= 4.0:
            zx, zy = zx * zx - zy * zy + cx, 2.0 * zx * zy + cy
            n += 1
        y[i, j] = n


def bodies(position, acceleration):
    i = cuda.grid(1)
    if i < position.shape[0]:
        ax = ay = float32(0)
        for j in range(position.shape[0]):
            dx = position[j, 0] - position[i, 0]
            dy = position[j, 1] - position[i, 1]
            inverse = float32(1) / math.sqrt(dx * dx + dy * dy + float32(0.01))
            ax += dx * inverse * inverse * inverse
            ay += dy * inverse * inverse * inverse
        acceleration[i, 0] = ax
        acceleration[i, 1] = ay
