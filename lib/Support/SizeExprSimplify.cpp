// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Composing views leaves index arithmetic such as floordiv(i*W + j, W), where i and j are coordinates
// with known bounds. This file removes what those bounds decide: a remainder that is provably inside
// [0, divisor) vanishes from a division, and digits that a reshape took apart are put together again.
// It proves only with polynomials (substitute the largest coordinate, require every coefficient of
// the difference to be non-negative once symbols are at least 1); what it cannot prove it leaves.

#include "SizeExprImpl.h"

#include <algorithm>

namespace cameo {

namespace {

using Op = SizeExpr::Op;

SizeExpr fromTerm(const SizeTerm &term) { return SizeExprAccess::fromTerms({term}); }

/// Symbols named `input[k]` are contents of control operands: any integer. All others are extents.
bool isExtent(const std::string &name) { return name.find('[') == std::string::npos; }

bool atomNonNegative(const SizeAtom &atom, const SizeExpr::Ranges &ranges) {
  auto all = [&](size_t from) {
    return std::all_of(atom.args.begin() + from, atom.args.end(), [&](const SizeExpr &arg) {
      return arg.provablyNonNegative(ranges);
    });
  };
  switch (atom.op) {
  case Op::Symbol: return isExtent(atom.name);
  case Op::Eq:
  case Op::Ne:
  case Op::Lt:
  case Op::Le:
  case Op::And:
  case Op::Or:
  case Op::Not: return true;
  case Op::Mod: return atom.args[1].provablyNonNegative(ranges);
  case Op::Select: return all(1);
  case Op::Max:
    return atom.args[0].provablyNonNegative(ranges) || atom.args[1].provablyNonNegative(ranges);
  default: return all(0);
  }
}

bool termNonNegative(const SizeTerm &term, const SizeExpr::Ranges &ranges) {
  return term.coefficient >= 0 && std::all_of(term.factors.begin(), term.factors.end(),
                                              [&](const SizeAtomRef &factor) {
                                                return atomNonNegative(*factor, ranges);
                                              });
}

/// An upper bound of a non-negative atom, not mentioning coordinates if that can be had.
SizeExpr atomUpperBound(const SizeAtomRef &atom, const SizeExpr::Ranges &ranges);

SizeExpr upperBound(const SizeExpr &e, const SizeExpr::Ranges &ranges) {
  SizeExpr bound = 0;
  for (const SizeTerm &term : termsOf(e)) {
    bool signedFactors = !termNonNegative({1, term.factors}, ranges);
    if (signedFactors) {
      bound += fromTerm(term); // nothing is known: the final test will refuse it
      continue;
    }
    if (term.coefficient < 0) {
      // At most 0 as soon as one factor may vanish; a product of sizes stays as it is.
      bool mayVanish = std::any_of(
          term.factors.begin(), term.factors.end(), [&](const SizeAtomRef &factor) {
            return factor->op != Op::Symbol || ranges.count(factor->name);
          });
      if (!mayVanish)
        bound += fromTerm(term);
      continue;
    }
    SizeExpr part = fromTerm({term.coefficient, {}});
    for (const SizeAtomRef &factor : term.factors)
      part *= atomUpperBound(factor, ranges);
    bound += part;
  }
  return bound;
}

SizeExpr atomUpperBound(const SizeAtomRef &atom, const SizeExpr::Ranges &ranges) {
  if (atom->op == Op::Symbol) {
    auto range = ranges.find(atom->name);
    return range == ranges.end() ? SizeExprAccess::fromAtom(atom) : range->second - 1;
  }
  if (atom->op == Op::Mod && atom->args[1].provablyNonNegative(ranges))
    return upperBound(atom->args[1], ranges) - 1;
  if (atom->op == Op::FloorDiv && atom->args[0].provablyNonNegative(ranges)) {
    const SizeExpr &divisor = atom->args[1];
    bool fixed = true;
    for (const auto &[name, bound] : ranges)
      fixed &= !divisor.mentions(name);
    if (fixed)
      return floorDiv(upperBound(atom->args[0], ranges), divisor);
  }
  return SizeExprAccess::fromAtom(atom);
}

/// Non-negative for all extents >= 1: every coefficient is, after replacing each by 1 + itself.
bool nonNegativeForSizes(const SizeExpr &e, const SizeExpr::Ranges &ranges) {
  if (e.isOverflow())
    return false;
  std::set<std::string> names;
  e.collectSymbols(names);
  std::map<std::string, SizeExpr> shifted;
  for (const std::string &name : names)
    if (isExtent(name) && !ranges.count(name))
      shifted.emplace(name, SizeExpr::symbol(name) + 1);
  SizeExpr moved = e.substitute(shifted);
  const auto &terms = termsOf(moved);
  return !moved.isOverflow() && std::all_of(terms.begin(), terms.end(), [&](const SizeTerm &term) {
    return termNonNegative(term, ranges);
  });
}

/// floordiv(a, b) or mod(a, b), with the part of `a` that provably stays inside [0, b) split off.
SizeExpr simplifyDivision(Op op, const SizeExpr &a, const SizeExpr &b,
                          const SizeExpr::Ranges &ranges) {
  SizeExpr plain = SizeExpr::make(op, {a, b});
  SizeExpr multiples = 0, rest = 0;
  for (const SizeTerm &term : termsOf(a)) {
    SizeExpr single = fromTerm(term);
    (exactQuotient(single, b) ? multiples : rest) += single;
  }
  bool whole = rest.provablyNonNegative(ranges) && rest.provablyLess(b, ranges);
  if (whole)
    return op == Op::Mod ? rest : *exactQuotient(multiples, b);
  return plain;
}

/// Replaces cofactor*(b*floordiv(x,b) + mod(x,b)) by cofactor*x, and
/// cofactor*(b*mod(floordiv(x,b),c) + mod(x,b)) by cofactor*mod(x,b*c).
SizeExpr recombineDigits(const SizeExpr &e) {
  for (const SizeTerm &term : termsOf(e))
    for (size_t k = 0; k < term.factors.size(); ++k) {
      const SizeAtom &digit = *term.factors[k];
      if (digit.op != Op::Mod)
        continue;
      SizeTerm cofactorTerm = term;
      cofactorTerm.factors.erase(cofactorTerm.factors.begin() + long(k));
      SizeExpr cofactor = fromTerm(cofactorTerm);
      const SizeExpr &x = digit.args[0], &b = digit.args[1];
      SizeExpr without = e - fromTerm(term);
      auto shorter = [&](const SizeExpr &candidate) {
        return !candidate.isOverflow() && termsOf(candidate).size() < termsOf(e).size();
      };
      SizeExpr high = floorDiv(x, b);
      SizeExpr joined = without - cofactor * b * high + cofactor * x;
      if (shorter(joined))
        return recombineDigits(joined);
      for (const SizeTerm &other : termsOf(e))
        for (const SizeAtomRef &next : other.factors)
          if (next->op == Op::Mod && next->args[0] == high) {
            const SizeExpr &c = next->args[1];
            SizeExpr merged = without - cofactor * b * mod(high, c) + cofactor * mod(x, b * c);
            if (shorter(merged))
              return recombineDigits(merged);
          }
    }
  return e;
}

} // namespace

void SizeExpr::collectSymbols(std::set<std::string> &names) const {
  for (const SizeTerm &term : impl->terms)
    for (const SizeAtomRef &factor : term.factors) {
      if (factor->op == Op::Symbol)
        names.insert(factor->name);
      for (const SizeExpr &arg : factor->args)
        arg.collectSymbols(names);
    }
}

bool SizeExpr::mentions(std::string_view name) const {
  for (const SizeTerm &term : impl->terms)
    for (const SizeAtomRef &factor : term.factors)
      if (factor->op == Op::Symbol ? factor->name == name
                                   : std::any_of(factor->args.begin(), factor->args.end(),
                                                 [&](const SizeExpr &arg) {
                                                   return arg.mentions(name);
                                                 }))
        return true;
  return false;
}

SizeExpr SizeExpr::substitute(const std::map<std::string, SizeExpr> &values) const {
  if (isOverflow())
    return *this;
  SizeExpr result = 0;
  for (const SizeTerm &term : impl->terms) {
    SizeExpr part = term.coefficient;
    for (const SizeAtomRef &factor : term.factors) {
      if (factor->op == Op::Symbol) {
        auto value = values.find(factor->name);
        part *= value == values.end() ? SizeExprAccess::fromAtom(factor) : value->second;
        continue;
      }
      std::vector<SizeExpr> args;
      for (const SizeExpr &arg : factor->args)
        args.push_back(arg.substitute(values));
      part *= make(factor->op, std::move(args));
    }
    result += part;
  }
  return result;
}

SizeExpr SizeExpr::simplify(const Ranges &ranges) const {
  if (isOverflow())
    return *this;
  SizeExpr result = 0;
  for (const SizeTerm &term : impl->terms) {
    SizeExpr part = term.coefficient;
    for (const SizeAtomRef &factor : term.factors) {
      if (factor->op == Op::Symbol) {
        auto range = ranges.find(factor->name);
        bool onlyZero = range != ranges.end() && range->second.isConstant(1);
        part *= onlyZero ? SizeExpr(0) : SizeExprAccess::fromAtom(factor);
        continue;
      }
      std::vector<SizeExpr> args;
      for (const SizeExpr &arg : factor->args)
        args.push_back(arg.simplify(ranges));
      if (factor->op == Op::FloorDiv || factor->op == Op::Mod)
        part *= simplifyDivision(factor->op, args[0], args[1], ranges);
      else if (factor->op == Op::Lt && args[0].provablyLess(args[1], ranges))
        part *= 1;
      else if (factor->op == Op::Le && args[0].provablyLess(args[1] + 1, ranges))
        part *= 1;
      else
        part *= make(factor->op, std::move(args));
    }
    result += part;
  }
  return recombineDigits(result);
}

bool SizeExpr::provablyNonNegative(const Ranges &ranges) const {
  if (isOverflow())
    return false;
  return std::all_of(impl->terms.begin(), impl->terms.end(),
                     [&](const SizeTerm &term) { return termNonNegative(term, ranges); }) ||
         nonNegativeForSizes(-upperBound(-*this, ranges), ranges);
}

bool SizeExpr::provablyLess(const SizeExpr &bound, const Ranges &ranges) const {
  return nonNegativeForSizes(bound - 1 - upperBound(*this, ranges), ranges);
}

std::optional<SizeExpr::Linear> SizeExpr::linearIn(std::string_view name) const {
  SizeExpr coefficient = 0, rest = 0;
  if (isOverflow())
    return std::nullopt;
  for (const SizeTerm &term : impl->terms) {
    SizeTerm cofactor{term.coefficient, {}};
    unsigned power = 0;
    for (const SizeAtomRef &factor : term.factors) {
      if (factor->op == Op::Symbol && factor->name == name) {
        ++power;
        continue;
      }
      if (SizeExprAccess::fromAtom(factor).mentions(name))
        return std::nullopt;
      cofactor.factors.push_back(factor);
    }
    if (power > 1)
      return std::nullopt;
    (power ? coefficient : rest) += fromTerm(cofactor);
  }
  return Linear{std::make_shared<SizeExpr>(coefficient), std::make_shared<SizeExpr>(rest)};
}

bool SizeExpr::divisibleBy(int64_t divisor) const {
  return divisor != 0 && !isOverflow() &&
         std::all_of(impl->terms.begin(), impl->terms.end(),
                     [&](const SizeTerm &term) { return term.coefficient % divisor == 0; });
}

} // namespace cameo
