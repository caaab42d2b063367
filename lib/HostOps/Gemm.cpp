// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocked for the caches: a strip of C columns stays while blocks of B (packed in panels of 8
// columns) and of A (panels of 4 rows) stream through a 4 x 8 register tile. On processors with
// AVX2 the same code is compiled for it too and chosen at run time; multiplication and addition
// stay separate roundings, so that both give the same bits.
#include "Gemm.h"

#include <algorithm>

namespace cameo::host {
namespace {

constexpr int64_t kRows = 4, kColumns = 8, kDepth = 256, kBlockM = 64, kStrip = 512;

using Tile = double[kRows][kColumns];

/// c += a b over `depth` steps; a in steps of kRows, b in steps of kColumns.
__attribute__((always_inline)) inline void tileBody(const double *a, const double *b, int64_t depth,
                                                    Tile &c) {
  typedef double Vector __attribute__((vector_size(32), aligned(8)));
  Vector sum[kRows][2] = {};
  for (int64_t p = 0; p < depth; ++p, a += kRows, b += kColumns) {
    Vector low = *reinterpret_cast<const Vector *>(b);
    Vector high = *reinterpret_cast<const Vector *>(b + 4);
    for (int64_t i = 0; i < kRows; ++i) {
      Vector factor = {a[i], a[i], a[i], a[i]};
      sum[i][0] += factor * low;
      sum[i][1] += factor * high;
    }
  }
  for (int64_t i = 0; i < kRows; ++i) {
    *reinterpret_cast<Vector *>(&c[i][0]) += sum[i][0];
    *reinterpret_cast<Vector *>(&c[i][4]) += sum[i][1];
  }
}

void tileBase(const double *a, const double *b, int64_t depth, Tile &c) {
  tileBody(a, b, depth, c);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void tileAvx2(const double *a, const double *b, int64_t depth,
                                              Tile &c) {
  tileBody(a, b, depth, c);
}
#endif

using TileFunction = void (*)(const double *, const double *, int64_t, Tile &);

TileFunction chooseTile() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    return tileAvx2;
#endif
  return tileBase;
}

int64_t roundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

/// Row-major (outer x inner) to panels of `unit` outer (or inner, `transposed`) positions,
/// zero-filled.
void packRows(const double *from, int64_t rows, int64_t depth, double *to) {
  for (int64_t i = 0; i < rows; i += kRows, to += kRows * depth)
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t p = 0; p < depth; ++p)
        to[p * kRows + r] = i + r < rows ? from[(i + r) * depth + p] : 0;
}

void packColumns(const double *from, int64_t depth, int64_t columns, double *to) {
  for (int64_t j = 0; j < columns; j += kColumns, to += kColumns * depth) {
    int64_t here = std::min(kColumns, columns - j);
    for (int64_t p = 0; p < depth; ++p)
      for (int64_t c = 0; c < kColumns; ++c)
        to[p * kColumns + c] = c < here ? from[p * columns + j + c] : 0;
  }
}

} // namespace

void multiply(const GemmProblem &problem) {
  static const TileFunction tile = chooseTile();
  int64_t strip = std::min(problem.n, kStrip), rowsRounded = roundUp(problem.m, kRows);
  int64_t stripRounded = roundUp(strip, kColumns), block = std::min(rowsRounded, kBlockM);
  std::vector<double> c(size_t(problem.m * stripRounded));
  std::vector<double> raw(size_t(kDepth * std::max(stripRounded, block)));
  std::vector<double> b(size_t(kDepth * stripRounded)), a(size_t(kDepth * block));
  for (int64_t j = 0; j < problem.n; j += strip) {
    int64_t columns = std::min(strip, problem.n - j);
    std::fill(c.begin(), c.end(), 0.0);
    for (int64_t p = 0; p < problem.k; p += kDepth) {
      int64_t depth = std::min(kDepth, problem.k - p);
      problem.loadB(p, depth, j, columns, raw.data());
      packColumns(raw.data(), depth, columns, b.data());
      for (int64_t i = 0; i < problem.m; i += block) {
        int64_t rows = std::min(block, problem.m - i);
        problem.loadA(i, rows, p, depth, raw.data());
        packRows(raw.data(), rows, depth, a.data());
        for (int64_t jj = 0; jj < columns; jj += kColumns)
          for (int64_t ii = 0; ii < rows; ii += kRows) {
            Tile sums = {};
            tile(&a[size_t(ii * depth)], &b[size_t(jj * depth)], depth, sums);
            for (int64_t r = 0; r < std::min(kRows, rows - ii); ++r)
              for (int64_t s = 0; s < kColumns; ++s)
                c[size_t((i + ii + r) * stripRounded + jj + s)] += sums[r][s];
          }
      }
    }
    for (int64_t i = 0; i < problem.m; ++i)
      problem.store(i, j, columns, &c[size_t(i * stripRounded)]);
  }
}

} // namespace cameo::host
