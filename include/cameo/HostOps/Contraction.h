// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums of products: matrix products, convolutions and their integer forms, einsum. Floats of every
// width multiply and add in double, and round once to the result's type; integers are exact and
// wrap.
#pragma once

#include "cameo/HostOps/HostTensor.h"

namespace cameo::host {

/// numpy.matmul: vectors are promoted, outer dimensions broadcast. One element type.
Result<HostTensor> matmul(const HostTensor &a, const HostTensor &b, bool transposeA = false,
                          bool transposeB = false);
/// alpha * A' B' + beta * C; c absent or broadcasting to the result.
Result<HostTensor> gemm(const HostTensor &a, const HostTensor &b, const HostTensor &c, double alpha,
                        double beta, bool transposeA, bool transposeB);
/// (a - aZero) (b - bZero) in i32. Zero points: absent, one element, or one a row of a / column of
/// b.
Result<HostTensor> matmulInteger(const HostTensor &a, const HostTensor &b, const HostTensor &aZero,
                                 const HostTensor &bZero);

/// Empty lists stand for 1 (strides, dilations) or 0 (pads, all begins then all ends).
struct ConvParams {
  Dims strides, pads, dilations;
  int64_t groups = 1;
};
/// x (N, C, spatial…), w (M, C / groups, window…), bias (M) or absent; any spatial rank from 1. Also
/// integers of up to 32 bits, exact as long as sums stay below 2^53.
Result<HostTensor> conv(const HostTensor &x, const HostTensor &w, const HostTensor &bias,
                        const ConvParams &params);
/// (x - xZero) * (w - wZero) in i32; xZero one element, wZero one element or one a channel (M).
/// Padding contributes nothing.
Result<HostTensor> convInteger(const HostTensor &x, const HostTensor &w, const HostTensor &xZero,
                               const HostTensor &wZero, const ConvParams &params);
/// The adjoint of conv in x: w (C, M / groups, window…); pads may be negative.
Result<HostTensor> convTranspose(const HostTensor &x, const HostTensor &w, const HostTensor &bias,
                                 const ConvParams &params, const Dims &outputPadding);

/// Any number of operands, `...` and repeated labels as in numpy.einsum.
Result<HostTensor> einsum(const std::string &equation, const std::vector<HostTensor> &xs);
/// Determinants of square matrices (the two innermost dimensions).
Result<HostTensor> determinant(const HostTensor &x);

} // namespace cameo::host
