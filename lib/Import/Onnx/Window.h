// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The window attributes that convolutions and poolings share: defaults, lengths, and `auto_pad`
// turned into explicit pads. SAME padding depends on the size; where that is symbolic and the stride
// is not 1, the pads are expressions and the operand is padded by an op of its own.
#pragma once

#include "NodeBuilder.h"

namespace cameo::importer {

struct Window {
  Sizes kernel;
  Ints strides, dilations, pads; ///< pads: begin…, end…
  Value x;                               ///< the operand, padded already where pads are symbolic
  int64_t spatial() const { return static_cast<int64_t>(kernel.size()); }
};

/// Reads the attributes for an operand (N, C, spatial…) in input `i` and this kernel. `padValue` is
/// what symbolic SAME padding puts outside (null: such padding is refused).
std::optional<Window> readWindow(NodeBuilder &b, unsigned i, llvm::ArrayRef<SizeExpr> kernel,
                                 std::optional<double> padValue, bool ceilMode = false);

} // namespace cameo::importer
