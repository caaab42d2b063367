// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The canonical form behind SizeExpr, shared by its three files. A polynomial is a sorted list of
// terms; a term is a coefficient and a sorted list of atoms; an atom is a symbol or a call whose
// arguments are canonical themselves. Sorting is by text, so that equal expressions print equally.
#pragma once

#include "cameo/Support/SizeExpr.h"

namespace cameo {

struct SizeAtom {
  SizeExpr::Op op; ///< Symbol, or a call
  std::string text;
  std::string name;           ///< of a symbol
  std::vector<SizeExpr> args; ///< of a call
};
using SizeAtomRef = std::shared_ptr<const SizeAtom>;

struct SizeTerm {
  int64_t coefficient;
  std::vector<SizeAtomRef> factors; ///< sorted by text; empty for the constant term
};

struct SizeExpr::Impl {
  std::vector<SizeTerm> terms; ///< sorted; no zero coefficients; empty means 0
  std::string text;
  bool overflow = false;
};

struct SizeExprAccess {
  static const SizeExpr::Impl &get(const SizeExpr &e) { return *e.impl; }
  static SizeExpr wrap(std::shared_ptr<const SizeExpr::Impl> impl) {
    return SizeExpr(std::move(impl));
  }
  /// Sorts, merges and names the terms.
  static SizeExpr fromTerms(std::vector<SizeTerm> terms);
  static SizeExpr fromAtom(SizeAtomRef atom);
  static SizeExpr call(SizeExpr::Op op, std::vector<SizeExpr> args);
};

inline const std::vector<SizeTerm> &termsOf(const SizeExpr &e) {
  return SizeExprAccess::get(e).terms;
}

/// The expression as one coefficient times atoms, when it has a single term.
const SizeTerm *asSingleTerm(const SizeExpr &e);
/// a / b when `a` is a multiple of `b` as polynomials.
std::optional<SizeExpr> exactQuotient(const SizeExpr &a, const SizeExpr &b);
std::string termText(const SizeTerm &term, bool magnitudeOnly);

} // namespace cameo
