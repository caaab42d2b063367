// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix products. Floats and 8-bit integers go through the blocked product in double; wider
// integers through a plain loop that wraps.
#include "cameo/HostOps/Contraction.h"

#include "Elements.h"
#include "Gemm.h"

namespace cameo::host {
namespace {

/// The two operands as batches of matrices: outer dimensions broadcast, vectors promoted.
struct Batches {
  HostTensor a, b;
  Dims outer, resultDims;
  int64_t m, n, k;
};

HostTensor swapInner(const HostTensor &x) {
  std::vector<int64_t> perm;
  for (int64_t d = 0; d < x.rank(); ++d)
    perm.push_back(d);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return x.permuted(perm);
}

Result<Batches> makeBatches(const HostTensor &a, const HostTensor &b, bool transposeA,
                            bool transposeB) {
  if (a.rank() < 1 || b.rank() < 1)
    return error("a matrix product takes tensors of rank 1 or more");
  Batches s;
  s.a = a.rank() == 1 ? a.view({1, a.dim(0)}, {0, a.stride(0)}, a.offset()) : a;
  s.b = b.rank() == 1 ? b.view({b.dim(0), 1}, {b.stride(0), 0}, b.offset()) : b;
  if (transposeA)
    s.a = swapInner(s.a);
  if (transposeB)
    s.b = swapInner(s.b);
  s.m = s.a.dim(-2);
  s.k = s.a.dim(-1);
  s.n = s.b.dim(-1);
  if (s.b.dim(-2) != s.k)
    return error("matrices " + toString(a.dims()) + " and " + toString(b.dims()) +
                 " do not multiply");
  CAMEO_TRY(outer, broadcastDims({s.a.dims().begin(), s.a.dims().end() - 2},
                                 {s.b.dims().begin(), s.b.dims().end() - 2}));
  s.outer = outer;
  auto spread = [&](HostTensor &t) -> Status {
    Dims dims = outer;
    dims.push_back(t.dim(-2));
    dims.push_back(t.dim(-1));
    CAMEO_TRY(wide, t.broadcastTo(dims));
    t = wide;
    return Status::ok();
  };
  CAMEO_CHECK(spread(s.a));
  CAMEO_CHECK(spread(s.b));
  s.resultDims = outer;
  if (a.rank() > 1)
    s.resultDims.push_back(s.m);
  if (b.rank() > 1)
    s.resultDims.push_back(s.n);
  return s;
}

/// fn(start of a, start of b, number) for every matrix of the batch.
template <class F> void forEachMatrix(const Batches &s, F &&fn) {
  if (elementCount(s.outer).value_or(0) == 0)
    return;
  Dims at(s.outer.size(), 0);
  int64_t number = 0;
  do {
    int64_t a = s.a.offset(), b = s.b.offset();
    for (size_t d = 0; d < at.size(); ++d) {
      a += at[d] * s.a.strides()[d];
      b += at[d] * s.b.strides()[d];
    }
    fn(a, b, number++);
  } while (nextIndex(at, s.outer));
}

/// A block of a strided matrix as doubles, row-major. Loads along the dimension with the smaller
/// step.
void loadBlock(const HostTensor &x, int64_t start, int64_t i, int64_t rows, int64_t j,
               int64_t columns, double *to) {
  int64_t rowStep = x.stride(-2), columnStep = x.stride(-1);
  start += i * rowStep + j * columnStep;
  if (columnStep == 1 || rowStep != 1) {
    for (int64_t r = 0; r < rows; ++r)
      loadRun(x.dtype(), x.data(), start + r * rowStep, columnStep, columns, to + r * columns);
    return;
  }
  std::vector<double> column(static_cast<size_t>(rows));
  for (int64_t c = 0; c < columns; ++c) {
    loadRun(x.dtype(), x.data(), start + c * columnStep, 1, rows, column.data());
    for (int64_t r = 0; r < rows; ++r)
      to[r * columns + c] = column[size_t(r)];
  }
}

void floatProduct(const Batches &s, HostTensor &out) {
  forEachMatrix(s, [&](int64_t a, int64_t b, int64_t number) {
    GemmProblem problem{s.m, s.n, s.k, {}, {}, {}};
    problem.loadA = [&](int64_t i, int64_t rows, int64_t p, int64_t depth, double *to) {
      loadBlock(s.a, a, i, rows, p, depth, to);
    };
    problem.loadB = [&](int64_t p, int64_t depth, int64_t j, int64_t columns, double *to) {
      loadBlock(s.b, b, p, depth, j, columns, to);
    };
    problem.store = [&](int64_t i, int64_t j, int64_t columns, const double *values) {
      storeRun(out.dtype(), out.data(), (number * s.m + i) * s.n + j, columns, values);
    };
    multiply(problem);
  });
}

/// Integers of any width, wrapping; `aZero[i]` and `bZero[j]` are subtracted first.
void integerProduct(const Batches &s, HostTensor &out, const std::vector<int64_t> &aZero,
                    const std::vector<int64_t> &bZero) {
  std::vector<uint64_t> row(size_t(s.n)), bRow(size_t(s.n)), aRow(size_t(s.k));
  std::vector<uint64_t> whole(size_t(s.k * s.n));
  forEachMatrix(s, [&](int64_t a, int64_t b, int64_t number) {
    for (int64_t p = 0; p < s.k; ++p)
      loadRun(s.b.dtype(), s.b.data(), b + p * s.b.stride(-2), s.b.stride(-1), s.n,
              &whole[size_t(p * s.n)]);
    for (int64_t i = 0; i < s.m; ++i) {
      loadRun(s.a.dtype(), s.a.data(), a + i * s.a.stride(-2), s.a.stride(-1), s.k, aRow.data());
      std::fill(row.begin(), row.end(), 0);
      for (int64_t p = 0; p < s.k; ++p) {
        uint64_t factor = aRow[size_t(p)] - uint64_t(aZero[size_t(i) % aZero.size()]);
        for (int64_t j = 0; j < s.n; ++j)
          row[size_t(j)] +=
              factor * (whole[size_t(p * s.n + j)] - uint64_t(bZero[size_t(j) % bZero.size()]));
      }
      storeRun(out.dtype(), out.data(), (number * s.m + i) * s.n, s.n, row.data());
    }
  });
}

/// One zero point, or one for each of `count` positions.
Result<std::vector<int64_t>> zeroPoints(const HostTensor &zero, int64_t count) {
  if (!zero.isPresent())
    return std::vector<int64_t>{0};
  if (zero.numElements() != 1 && zero.numElements() != count)
    return error("there is neither one zero point nor one a position");
  return loadAll<int64_t>(zero);
}

} // namespace

Result<HostTensor> matmul(const HostTensor &a, const HostTensor &b, bool transposeA,
                          bool transposeB) {
  if (a.dtype() != b.dtype() || !isReal(a.dtype()) || a.dtype() == DType::boolean)
    return error("a matrix product does not take " + quote(a.dtype()) + " and " + quote(b.dtype()));
  CAMEO_TRY(s, makeBatches(a, b, transposeA, transposeB));
  CAMEO_TRY(out, HostTensor::allocate(a.dtype(), s.resultDims));
  if (out.numElements() == 0)
    return out;
  if (isFloat(a.dtype()))
    floatProduct(s, out);
  else
    integerProduct(s, out, {0}, {0});
  return out;
}

Result<HostTensor> matmulInteger(const HostTensor &a, const HostTensor &b, const HostTensor &aZero,
                                 const HostTensor &bZero) {
  if (!isInteger(a.dtype()) || !isInteger(b.dtype()))
    return error("an integer product does not take " + quote(a.dtype()) + " and " +
                 quote(b.dtype()));
  CAMEO_TRY(s, makeBatches(a, b, false, false));
  CAMEO_TRY(rowZeros, zeroPoints(aZero, s.m));
  CAMEO_TRY(columnZeros, zeroPoints(bZero, s.n));
  CAMEO_TRY(out, HostTensor::allocate(DType::i32, s.resultDims));
  if (out.numElements() != 0)
    integerProduct(s, out, rowZeros, columnZeros);
  return out;
}

Result<HostTensor> gemm(const HostTensor &a, const HostTensor &b, const HostTensor &c, double alpha,
                        double beta, bool transposeA, bool transposeB) {
  if (a.rank() != 2 || b.rank() != 2 || a.dtype() != b.dtype() || !isReal(a.dtype()))
    return error("gemm takes two matrices of one numeric type");
  CAMEO_TRY(s, makeBatches(a, b, transposeA, transposeB));
  std::vector<double> terms;
  if (c.isPresent()) {
    CAMEO_TRY(wide, c.broadcastTo(s.resultDims));
    terms = loadAll<double>(wide);
  }
  CAMEO_TRY(out, HostTensor::allocate(a.dtype(), s.resultDims));
  if (out.numElements() == 0)
    return out;
  if (!isFloat(a.dtype())) {
    integerProduct(s, out, {0}, {0});
    std::vector<int64_t> values = loadAll<int64_t>(out);
    for (size_t i = 0; i < values.size(); ++i) // integers keep integer factors exact
      values[i] = int64_t(uint64_t(values[i]) * uint64_t(int64_t(alpha))) +
                  (terms.empty() ? 0 : int64_t(beta) * int64_t(terms[i]));
    storeRun(out.dtype(), out.data(), 0, out.numElements(), values.data());
    return out;
  }
  CAMEO_TRY(product, HostTensor::allocate(DType::f64, s.resultDims));
  floatProduct(s, product);
  double *values = product.as<double>();
  for (int64_t i = 0; i < product.numElements(); ++i)
    values[i] = alpha * values[i] + (terms.empty() ? 0 : beta * terms[size_t(i)]);
  storeRun(out.dtype(), out.data(), 0, out.numElements(), values);
  return out;
}

} // namespace cameo::host
