// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How two tensors differ, and whether that is within the bound of their element type. The bounds are
// docs/numerics.md's table; nothing loosens them locally.
#pragma once

#include "cameo/HostOps/HostTensor.h"

#include <string>

namespace cameo::tool {

/// |a - e| may be absolute + relative |e|, where `absolute` is at least `ofLargest` of the output's largest
/// finite |e|: what cancels in a sum leaves an error of the size of its terms.
struct Tolerance {
  double relative = 0, absolute = 0, ofLargest = 0;
};
/// The bound for whole networks of an element type: exact for integers and booleans.
Tolerance toleranceOf(DType dtype);

struct Difference {
  bool comparable = true; ///< same element type and sizes; if not, `reason`
  std::string reason;
  int64_t elements = 0, wrong = 0;    ///< elements, and those outside of the tolerance
  double maxAbsolute = 0, meanAbsolute = 0;
  double maxRelative = 0;             ///< |a - e| / max|e|
  double cosine = 1;                  ///< 1 for tensors of zeros
  int64_t worst = -1;                 ///< row-major position of the largest difference in tolerances
  double worstRatio = 0;              ///< that difference over what the tolerance allows there
  double worstActual = 0, worstExpected = 0;
  bool matches() const { return comparable && wrong == 0; }
};

/// Element by element: |a - e| <= absolute + relative * |e|; NaN equals NaN, infinities equal
/// themselves. Complex numbers compare as pairs.
Difference compare(const host::HostTensor &actual, const host::HostTensor &expected,
                   Tolerance tolerance);

/// "float32[2,3]", for messages.
std::string describe(const host::HostTensor &tensor);
/// "[1, 2]": row-major position `position` of a tensor of these sizes.
std::string positionText(const host::Dims &dims, int64_t position);
/// "3 of 12 elements differ; the worst at [1, 2]: 0.5 instead of 0.25", where some are outside of the tolerance.
std::string worstText(const Difference &difference, const host::Dims &dims);

} // namespace cameo::tool
