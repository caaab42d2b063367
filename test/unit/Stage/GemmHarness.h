// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs contractions on the PTX machine: writes a reference body of the gemm family as text, compiles it
// to PTX (every variant), launches each variant whose guard holds, and compares with a product in double
// precision within 2 (K + 8) u sum |a||b|.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cameo::test {

enum class Run { First, Second, Neither }; ///< which of an operand's two matrix dimensions memory has contiguous
enum class Element { F32, F64, I32, F16, BF16 };

/// What is compiled once.
struct GemmProgram {
  Element element = Element::F32;
  Run a = Run::Second, b = Run::Second; ///< a is m x k, b is k x n
  bool gatherB = false;                 ///< b is a guarded computed view (rows shifted by one, zero before)
  bool epilogue = false;                ///< + bias[n], then relu, then + residual[m,n]
  std::string f32 = "";                 ///< the engine of f32: "tf32x3", "tf32"; empty: fma
};

/// What is run: sizes, and how many elements lie between rows beyond what is needed.
struct GemmSizes {
  int64_t b0 = 1, b1 = 1, m = 1, n = 1, k = 1;
  int64_t gap = 0;          ///< added to every pitch
  int64_t offset = 0;       ///< elements before the first one of each operand
  bool broadcastB = false;  ///< batch strides of b are 0
};

struct GemmReport {
  std::string error;                 ///< empty: everything agrees
  std::vector<std::string> variants; ///< that ran
  uint64_t instructions = 0, fma = 0;
};

class CompiledGemm {
public:
  /// `error` is set where compiling fails.
  static std::unique_ptr<CompiledGemm> compile(const GemmProgram &program, std::string &error);
  virtual ~CompiledGemm() = default;
  virtual GemmReport run(const GemmSizes &sizes, unsigned seed) = 0;
  virtual const std::string &ptx() const = 0;
};

} // namespace cameo::test
