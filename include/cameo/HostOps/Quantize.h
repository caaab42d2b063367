// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between real numbers and scaled integers or small floats. A scale of one element serves the
// tensor; a vector runs along `axis`; one of the operand's rank is blocked: `blockSize` elements
// along `axis` share each. Zero points have the scale's sizes, or are absent.
#pragma once

#include "cameo/HostOps/HostTensor.h"

namespace cameo::host {

struct QuantizeParams {
  int64_t axis = 1, blockSize = 0;
  bool saturate = true;               ///< for 8-bit floats; integers always saturate
  DType precision = DType::undefined; ///< of the division; undefined: the scale's type
};
/// round(x / scale) + zero point, half to even, as `type`.
Result<HostTensor> quantize(const HostTensor &x, const HostTensor &scale,
                            const HostTensor &zeroPoint, DType type, const QuantizeParams &params);
/// (x - zero point) * scale as `type`, rounded once.
Result<HostTensor> dequantize(const HostTensor &x, const HostTensor &scale,
                              const HostTensor &zeroPoint, DType type,
                              const QuantizeParams &params);

struct DynamicallyQuantized {
  HostTensor y, scale, zeroPoint; ///< u8, f32, u8
};
/// u8 over the range of x, widened to hold 0; arithmetic in f32 as ONNX writes it.
Result<DynamicallyQuantized> dynamicQuantize(const HostTensor &x);

} // namespace cameo::host
