// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the two halves of validation share: the description, and the first fault found.
#pragma once

#include "Format.h"
#include "PtxSignature.h"

namespace cameo {

/// Elements that sizes are read from and written to.
inline bool isSizeType(DType type) {
  return (isInteger(type) && !isPacked(type)) || type == DType::boolean;
}
/// Reals enter as fixed-point numbers (Support/FixedPoint.h).
inline bool isRealSizeType(DType type) {
  return type == DType::f16 || type == DType::bf16 || type == DType::f32 || type == DType::f64;
}

class Validator {
public:
  explicit Validator(const BundleDesc &desc) : desc(desc) {}
  Status run();

private:
  // Validate.cpp: tables
  void symbols();
  void expressions();
  void ports();
  void buffers();
  void weights();
  void modules();
  void kernels();
  // ValidateSteps.cpp: the program
  void steps();
  void walk(uint32_t begin, uint32_t end, unsigned depth);
  void structured(uint32_t index, uint32_t end, unsigned depth);
  void step(uint32_t index, const bundle::Launch &launch);
  void step(uint32_t index, const bundle::Copy &copy);
  void step(uint32_t index, const bundle::Fill &fill);
  void step(uint32_t index, const bundle::ReadSymbols &read);
  void step(uint32_t index, const bundle::WriteSizes &write);
  void step(uint32_t index, const bundle::HostOp &host);
  void step(uint32_t, const bundle::If &) {}
  void step(uint32_t, const bundle::Loop &) {}
  void argument(uint32_t index, const bundle::Argument &argument);
  void variant(uint32_t index, const bundle::Launch &launch, const bundle::Variant &variant,
               uint32_t module);
  void use(uint32_t index, BufferId buffer, bool writes);
  void region(uint32_t index, const bundle::Region &region, bool writes);
  void tensor(uint32_t index, const bundle::HostTensor &tensor, bool writes);
  void loopIntervals(uint32_t index, uint32_t bodyEnd);

  void fail(std::string message) {
    if (why.empty())
      why = std::move(message);
  }
  /// Fails unless `condition`; `what` is only looked at then.
  template <class... Parts> bool demand(bool condition, Parts &&...parts) {
    if (!condition)
      fail((text(parts) + ...));
    return condition;
  }
  static std::string text(const char *part) { return part; }
  static std::string text(const std::string &part) { return part; }
  template <class T>
    requires std::is_integral_v<T>
  static std::string text(T part) {
    return std::to_string(part);
  }

  void needExpr(ExprId id, const std::string &where) {
    demand(id < desc.exprs.size(), where, " refers to expression ", id, ", which does not exist");
  }
  void needExprOrNone(ExprId id, const std::string &where) {
    if (id != kNone)
      needExpr(id, where);
  }
  bool failed() const { return !why.empty(); }

  const BundleDesc &desc;
  std::string why;
  std::vector<std::map<std::string, PtxEntry, std::less<>>> entriesOfImage; ///< of all PTX images
  std::vector<std::pair<uint32_t, uint32_t>> imagesOfModule; ///< range in entriesOfImage
  std::vector<BufferId> base; ///< what each buffer is part of, aliases followed
};

inline bool isPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }
inline constexpr uint32_t kMaxAlignment = 1 << 20;

} // namespace cameo
