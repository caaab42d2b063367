// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values of all symbols and expressions of a bundle during a run. Everything that follows from
// the inputs is computed once per signature; a step that sets a symbol recomputes what mentions it.
#pragma once

#include "cameo/Bundle/Bundle.h"

namespace cameo::rt {

/// What never changes about a bundle's expressions and buffers; shared by all its sessions.
struct ProgramFacts {
  explicit ProgramFacts(const BundleDesc &desc);

  std::vector<std::vector<ExprId>> exprsOfSymbol; ///< only of symbols that steps set
  std::vector<BufferId> base;                     ///< of each buffer, aliases followed
  std::vector<bool> late;       ///< of each expression: needs a symbol that a step sets
  std::vector<BufferId> inputBuffer, outputBuffer; ///< of each port; kNone: the input is not used
  /// Of each step: temporaries whose live interval ends there.
  std::vector<std::vector<BufferId>> endingAt;
  std::vector<uint32_t> lateChecks; ///< those that have to wait for a step
  bool isStatic = true; ///< only launches, copies, fills: what a CUDA graph can hold
};

/// Where a buffer lies: a range of its base buffer.
struct Range {
  BufferId base = 0;
  uint64_t offset = 0, bytes = 0;
};

class Values {
public:
  Values(const BundleDesc &desc, const ProgramFacts &facts)
      : desc(&desc), facts(&facts), symbols(desc.symbols.size()) {}

  /// Sets a symbol; `refresh` recomputes the expressions that mention it.
  void set(SymbolId symbol, int64_t value, bool refresh);
  /// Computes all expressions.
  void evaluateAll();

  std::optional<int64_t> symbol(SymbolId id) const { return symbols[id]; }
  std::optional<int64_t> expr(ExprId id) const { return exprs[id]; }
  /// An expression that has to be known and in [least, most]; `what` is for the message.
  Result<int64_t> need(ExprId id, int64_t least, int64_t most, const char *what) const;
  /// A size in bytes; `none` for kNone.
  Result<uint64_t> bytes(ExprId id, uint64_t none, const char *what) const;

  /// Where `buffer` lies now. Aliases are checked against what they are part of.
  Result<Range> range(BufferId buffer) const;
  /// A step's region: a range within its buffer, `bytes` kNone: the rest of it.
  Result<Range> range(const bundle::Region &region) const;
  /// The dimensions of a port; of an input as far as they follow from symbols.
  Result<std::vector<int64_t>> dims(const bundle::Port &port) const;

private:
  const BundleDesc *desc;
  const ProgramFacts *facts;
  std::vector<std::optional<int64_t>> symbols, exprs;
};

/// Bytes of a tensor of `dims`; nothing on overflow.
std::optional<uint64_t> tensorBytes(DType type, const std::vector<int64_t> &dims);
std::string dimsText(const std::vector<int64_t> &dims);

} // namespace cameo::rt
