// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Window.h.
#include "Window.h"

using namespace cameo;
using namespace cameo::importer;

namespace {

/// An attribute with one entry a spatial dimension (or two, for pads), or its default.
std::optional<Ints> list(NodeBuilder &b, llvm::StringRef name, size_t length, int64_t otherwise) {
  std::optional<Ints> values = b.integers(name);
  if (!values || values->empty())
    return Ints(length, otherwise);
  if (values->size() == length)
    return values;
  (void)b.fail("E0505", "attribute \"" + name + "\" has " + llvm::Twine(values->size()) +
                            " entries, " + llvm::Twine(length) + " expected");
  return std::nullopt;
}

} // namespace

std::optional<Window> importer::readWindow(NodeBuilder &b, unsigned i,
                                           llvm::ArrayRef<SizeExpr> kernel,
                                           std::optional<double> padValue, bool ceilMode) {
  size_t spatial = kernel.size();
  if (b.rank(i) != static_cast<int64_t>(spatial) + 2) {
    (void)b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(i)) + ", the window " +
                              llvm::Twine(spatial) + " dimensions");
    return std::nullopt;
  }
  auto strides = list(b, "strides", spatial, 1), dilations = list(b, "dilations", spatial, 1),
       pads = list(b, "pads", 2 * spatial, 0);
  if (!strides || !dilations || !pads)
    return std::nullopt;
  Window w{Sizes(kernel), *strides, *dilations, *pads, b.in(i)};
  std::string mode = b.string("auto_pad", "NOTSET");
  if (mode == "NOTSET")
    return w;
  w.pads.assign(2 * spatial, 0);
  if (mode == "VALID")
    return w;
  Sizes lo(b.rank(i), SizeExpr(0)), hi = lo;
  bool symbolic = false;
  for (size_t d = 0; d < spatial; ++d) {
    SizeExpr in = b.size(i, static_cast<int64_t>(d) + 2);
    int64_t stride = w.strides[d];
    SizeExpr extent = (kernel[d] - 1) * w.dilations[d] + 1;
    // (ceil(in / stride) - 1) * stride + extent - in, at least 0.
    SizeExpr total = stride == 1
                         ? max(extent - 1, 0)
                         : max((ceilDiv(in, stride) - 1) * SizeExpr(stride) + extent - in, 0);
    SizeExpr half = floorDiv(total, 2), rest = total - half;
    bool upper = mode == "SAME_UPPER";
    lo[d + 2] = upper ? half : rest;
    hi[d + 2] = upper ? rest : half;
    std::optional<int64_t> l = lo[d + 2].asConstant(), h = hi[d + 2].asConstant();
    symbolic |= !l || !h;
    w.pads[d] = l.value_or(0);
    w.pads[d + spatial] = h.value_or(0);
  }
  if (!symbolic)
    return w;
  if (!padValue) {
    (void)b.fail("E0804", "auto_pad is " + mode + " with strides above 1 over a dynamic size",
                 "explicit pads, or a static size");
    return std::nullopt;
  }
  w.pads.assign(2 * spatial, 0);
  Value outside = *padValue == 0 ? Value() : b.splat(b.elementType(i), *padValue);
  w.x = b.pad(graph::PadMode::Constant, w.x, outside, lo, hi);
  if (!w.x)
    return std::nullopt;
  return w;
}
