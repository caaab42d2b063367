// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one matrix product of HostOps: C (M x N) = A (M x K) B (K x N) in double, for operands that
// exist only as functions which fill a block (a stored matrix, an unfolded image, integers less a
// zero point). Sums of at most 2^53 are exact, which covers 8-bit integers of any length in
// practice.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace cameo::host {

struct GemmProblem {
  int64_t m, n, k;
  /// Fills `to`, row-major, with rows [i, i + rows) and columns [p, p + depth) of A.
  std::function<void(int64_t i, int64_t rows, int64_t p, int64_t depth, double *to)> loadA;
  /// Fills `to`, row-major, with rows [p, p + depth) and columns [j, j + columns) of B.
  std::function<void(int64_t p, int64_t depth, int64_t j, int64_t columns, double *to)> loadB;
  /// Takes row i, columns [j, j + columns) of the finished C.
  std::function<void(int64_t i, int64_t j, int64_t columns, const double *values)> store;
};

void multiply(const GemmProblem &problem);

} // namespace cameo::host
