// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Families of rows that are built from other operators' graph ops; see Table.h.
#pragma once

#include "NodeBuilder.h"

#include <set>

namespace cameo::importer {

llvm::ArrayRef<OpRow> determinantRows();
llvm::ArrayRef<OpRow> loopRows();
llvm::ArrayRef<OpRow> recurrentRows();
llvm::ArrayRef<OpRow> sampleRows();
llvm::ArrayRef<OpRow> selectionRows();
llvm::ArrayRef<OpRow> spectralRows();
llvm::ArrayRef<OpRow> suppressionRows();

/// The one element of `count`, which a kernel computes, as a symbol that the host reads.
SizeExpr readCount(NodeBuilder &b, mlir::Value count);
/// Positions of the elements of a vector of booleans that are set, ascending, and their number.
mlir::Value chosenPositions(NodeBuilder &b, mlir::Value flags, SizeExpr &count);

/// Symbols of numbers that a kernel counts and the host reads begin so; they have no value before.
constexpr llvm::StringLiteral countPrefix = "count of ";
/// And those of iterations of a loop, within its body.
constexpr llvm::StringLiteral iterationPrefix = "iteration of ";
/// Whether an expression has no value before the launch.
inline bool isKnownLate(const SizeExpr &size) {
  std::set<std::string> names;
  size.collectSymbols(names);
  return llvm::any_of(names, [](llvm::StringRef name) {
    return name.starts_with(countPrefix) || name.starts_with(iterationPrefix);
  });
}

} // namespace cameo::importer
