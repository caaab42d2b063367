// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Building canonical size expressions: polynomial arithmetic, and folding of calls. Products are
// multiplied out up to a limit, above which they stay as they are (an opaque `mul` of two sums), so
// that a hostile model cannot make an expression explode.

#include "SizeExprImpl.h"

#include <algorithm>

namespace cameo {

namespace {

constexpr size_t maxTerms = 64;

bool lessFactors(const std::vector<SizeAtomRef> &a, const std::vector<SizeAtomRef> &b) {
  if (a.size() != b.size())
    return a.size() > b.size(); // higher degrees first, the constant last
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i]->text != b[i]->text)
      return a[i]->text < b[i]->text;
  return false;
}

bool sameFactors(const std::vector<SizeAtomRef> &a, const std::vector<SizeAtomRef> &b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](const auto &x, const auto &y) {
                                              return x->text == y->text;
                                            });
}

std::string polynomialText(const std::vector<SizeTerm> &terms) {
  if (terms.empty())
    return "0";
  std::string text;
  for (const SizeTerm &term : terms) {
    if (text.empty())
      text = term.coefficient < 0 ? "-" + termText(term, true) : termText(term, true);
    else
      text += (term.coefficient < 0 ? "-" : "+") + termText(term, true);
  }
  return text;
}

SizeExpr multiply(const SizeExpr &a, const SizeExpr &b) {
  const auto &ta = termsOf(a), &tb = termsOf(b);
  if (ta.size() > 1 && tb.size() > 1 && ta.size() * tb.size() > maxTerms) {
    std::vector<SizeExpr> args{a, b};
    std::sort(args.begin(), args.end());
    return SizeExprAccess::call(SizeExpr::Op::Mul, std::move(args));
  }
  std::vector<SizeTerm> terms;
  terms.reserve(ta.size() * tb.size());
  for (const SizeTerm &x : ta)
    for (const SizeTerm &y : tb) {
      SizeTerm term;
      if (__builtin_mul_overflow(x.coefficient, y.coefficient, &term.coefficient))
        return SizeExpr::overflow();
      std::merge(x.factors.begin(), x.factors.end(), y.factors.begin(), y.factors.end(),
                 std::back_inserter(term.factors),
                 [](const SizeAtomRef &p, const SizeAtomRef &q) { return p->text < q->text; });
      terms.push_back(std::move(term));
    }
  return SizeExprAccess::fromTerms(std::move(terms));
}

/// Splits `a` into quotient*b + rest, term by term; exact whatever the symbols are.
std::pair<SizeExpr, SizeExpr> splitMultiples(const SizeExpr &a, const SizeExpr &b) {
  if (auto q = exactQuotient(a, b))
    return {*q, 0};
  SizeExpr quotient = 0, rest = 0;
  for (const SizeTerm &term : termsOf(a)) {
    SizeExpr single = SizeExprAccess::fromTerms({term});
    if (auto q = exactQuotient(single, b))
      quotient += *q;
    else
      rest += single;
  }
  // A constant left over still has its whole part: floordiv(x*4 + 7, 4) = x + 1 + floordiv(3, 4).
  if (auto c = b.asConstant(); c && *c > 0) {
    const auto &terms = termsOf(rest);
    if (!terms.empty() && terms.back().factors.empty()) {
      int64_t value = terms.back().coefficient;
      int64_t whole = value / *c - (value % *c < 0);
      quotient += SizeExpr(whole);
      rest = rest - SizeExpr(whole) * b;
    }
  }
  return {quotient, rest};
}

bool isPositiveMonomial(const SizeExpr &e) {
  const SizeTerm *term = asSingleTerm(e);
  return term && term->coefficient > 0 &&
         std::all_of(term->factors.begin(), term->factors.end(),
                     [](const SizeAtomRef &f) { return f->op == SizeExpr::Op::Symbol; });
}

/// The only factor, when `e` is exactly a call of `op`.
const SizeAtom *asCall(const SizeExpr &e, SizeExpr::Op op) {
  const SizeTerm *term = asSingleTerm(e);
  if (!term || term->coefficient != 1 || term->factors.size() != 1 || term->factors[0]->op != op)
    return nullptr;
  return term->factors[0].get();
}

SizeExpr makeFloorDiv(const SizeExpr &a, const SizeExpr &b) {
  if (b.isConstant(1))
    return a;
  if (b.isConstant(0))
    return SizeExprAccess::call(SizeExpr::Op::FloorDiv, {a, b}); // an error when evaluated
  auto [quotient, rest] = splitMultiples(a, b);
  if (rest.isConstant(0))
    return quotient;
  if (auto x = rest.asConstant(), y = b.asConstant(); x && y)
    return quotient + SizeExpr(*x / *y - ((*x % *y != 0) && ((*x < 0) != (*y < 0))));
  if (const SizeAtom *inner = asCall(rest, SizeExpr::Op::FloorDiv))
    if (isPositiveMonomial(inner->args[1]) && isPositiveMonomial(b))
      return quotient + makeFloorDiv(inner->args[0], inner->args[1] * b);
  return quotient + SizeExprAccess::call(SizeExpr::Op::FloorDiv, {rest, b});
}

SizeExpr makeMod(const SizeExpr &a, const SizeExpr &b) {
  if (b.isConstant(1))
    return 0;
  if (b.isConstant(0))
    return SizeExprAccess::call(SizeExpr::Op::Mod, {a, b});
  SizeExpr rest = splitMultiples(a, b).second;
  if (rest.isConstant(0))
    return 0;
  if (auto x = rest.asConstant(), y = b.asConstant(); x && y) {
    int64_t args[] = {*x, *y};
    if (auto value = applySizeOp(SizeExpr::Op::Mod, args))
      return *value;
  }
  if (const SizeAtom *inner = asCall(rest, SizeExpr::Op::Mod))
    if (exactQuotient(inner->args[1], b) && isPositiveMonomial(inner->args[1]) &&
        isPositiveMonomial(b))
      return makeMod(inner->args[0], b);
  return SizeExprAccess::call(SizeExpr::Op::Mod, {rest, b});
}

SizeExpr makeComparison(SizeExpr::Op op, const SizeExpr &a, const SizeExpr &b) {
  // Compare the difference, so that N+1 < N folds whatever N is.
  if (auto d = (a - b).asConstant()) {
    switch (op) {
    case SizeExpr::Op::Eq: return *d == 0;
    case SizeExpr::Op::Ne: return *d != 0;
    case SizeExpr::Op::Lt: return *d < 0;
    default: return *d <= 0;
    }
  }
  bool symmetric = op == SizeExpr::Op::Eq || op == SizeExpr::Op::Ne;
  return symmetric && b < a ? SizeExprAccess::call(op, {b, a}) : SizeExprAccess::call(op, {a, b});
}

SizeExpr makeMinMax(SizeExpr::Op op, const SizeExpr &a, const SizeExpr &b) {
  if (auto d = (a - b).asConstant())
    return (op == SizeExpr::Op::Min) == (*d <= 0) ? a : b;
  return b < a ? SizeExprAccess::call(op, {b, a}) : SizeExprAccess::call(op, {a, b});
}

SizeExpr makeLogic(SizeExpr::Op op, const SizeExpr &a, const SizeExpr &b) {
  bool isAnd = op == SizeExpr::Op::And;
  if (auto x = a.asConstant())
    return (*x != 0) == isAnd ? ne(b, 0) : SizeExpr(!isAnd);
  if (auto y = b.asConstant())
    return (*y != 0) == isAnd ? ne(a, 0) : SizeExpr(!isAnd);
  if (a == b)
    return ne(a, 0);
  return b < a ? SizeExprAccess::call(op, {b, a}) : SizeExprAccess::call(op, {a, b});
}

bool isBoolean(const SizeExpr &e) {
  for (auto op : {SizeExpr::Op::Eq, SizeExpr::Op::Ne, SizeExpr::Op::Lt, SizeExpr::Op::Le,
                  SizeExpr::Op::And, SizeExpr::Op::Or, SizeExpr::Op::Not})
    if (asCall(e, op))
      return true;
  return e.isConstant(0) || e.isConstant(1);
}

} // namespace

std::string termText(const SizeTerm &term, bool magnitudeOnly) {
  uint64_t magnitude =
      term.coefficient < 0 ? 0 - uint64_t(term.coefficient) : uint64_t(term.coefficient);
  std::string text = !magnitudeOnly && term.coefficient < 0 ? "-" : "";
  if (magnitude != 1 || term.factors.empty())
    text += std::to_string(magnitude) + (term.factors.empty() ? "" : "*");
  for (size_t i = 0; i < term.factors.size(); ++i)
    text += (i ? "*" : "") + term.factors[i]->text;
  return text;
}

const SizeTerm *asSingleTerm(const SizeExpr &e) {
  const auto &terms = termsOf(e);
  return terms.size() == 1 ? &terms[0] : nullptr;
}

SizeExpr SizeExprAccess::fromTerms(std::vector<SizeTerm> terms) {
  std::sort(terms.begin(), terms.end(), [](const SizeTerm &a, const SizeTerm &b) {
    return lessFactors(a.factors, b.factors);
  });
  auto impl = std::make_shared<SizeExpr::Impl>();
  for (SizeTerm &term : terms) {
    if (!impl->terms.empty() && sameFactors(impl->terms.back().factors, term.factors)) {
      if (__builtin_add_overflow(impl->terms.back().coefficient, term.coefficient,
                                 &impl->terms.back().coefficient))
        return SizeExpr::overflow();
    } else {
      if (!impl->terms.empty() && impl->terms.back().coefficient == 0)
        impl->terms.pop_back();
      impl->terms.push_back(std::move(term));
    }
  }
  if (!impl->terms.empty() && impl->terms.back().coefficient == 0)
    impl->terms.pop_back();
  impl->text = polynomialText(impl->terms);
  return wrap(std::move(impl));
}

SizeExpr SizeExprAccess::fromAtom(SizeAtomRef atom) {
  return fromTerms({SizeTerm{1, {std::move(atom)}}});
}

SizeExpr SizeExprAccess::call(SizeExpr::Op op, std::vector<SizeExpr> args) {
  auto atom = std::make_shared<SizeAtom>();
  atom->op = op;
  atom->text = std::string(sizeOpName(op)) + "(";
  for (size_t i = 0; i < args.size(); ++i)
    atom->text += (i ? "," : "") + args[i].str();
  atom->text += ")";
  atom->args = std::move(args);
  return fromAtom(std::move(atom));
}

std::optional<SizeExpr> exactQuotient(const SizeExpr &a, const SizeExpr &b) {
  const auto &divisor = termsOf(b);
  if (divisor.empty() || a.isOverflow() || b.isOverflow())
    return std::nullopt;
  SizeExpr rest = a, quotient = 0;
  for (size_t steps = 0; !termsOf(rest).empty(); ++steps) {
    if (steps > maxTerms)
      return std::nullopt;
    const SizeTerm &lead = termsOf(rest)[0], &by = divisor[0];
    if (lead.coefficient % by.coefficient != 0)
      return std::nullopt;
    SizeTerm term{lead.coefficient / by.coefficient, lead.factors};
    for (const SizeAtomRef &factor : by.factors) {
      auto it = std::find_if(term.factors.begin(), term.factors.end(),
                             [&](const SizeAtomRef &f) { return f->text == factor->text; });
      if (it == term.factors.end())
        return std::nullopt;
      term.factors.erase(it);
    }
    SizeExpr part = SizeExprAccess::fromTerms({term});
    quotient += part;
    rest = rest - part * b;
    if (rest.isOverflow())
      return std::nullopt;
  }
  return quotient;
}

SizeExpr::SizeExpr(int64_t value) {
  auto impl = std::make_shared<Impl>();
  if (value != 0)
    impl->terms.push_back({value, {}});
  impl->text = std::to_string(value);
  this->impl = std::move(impl);
}

SizeExpr SizeExpr::symbol(std::string_view name) {
  auto atom = std::make_shared<SizeAtom>();
  atom->op = Op::Symbol;
  atom->name = name;
  bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
  for (char c : name)
    plain &= c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (plain) {
    atom->text = name;
  } else {
    atom->text = "`";
    for (char c : name)
      atom->text += c == '`' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    atom->text += "`";
  }
  return SizeExprAccess::fromAtom(std::move(atom));
}

SizeExpr SizeExpr::overflow() {
  auto impl = std::make_shared<Impl>();
  impl->overflow = true;
  impl->text = "overflow()";
  return SizeExpr(std::move(impl));
}

const std::string &SizeExpr::str() const { return impl->text; }
bool SizeExpr::isOverflow() const { return impl->overflow; }

std::optional<int64_t> SizeExpr::asConstant() const {
  if (impl->overflow)
    return std::nullopt;
  if (impl->terms.empty())
    return 0;
  if (impl->terms.size() == 1 && impl->terms[0].factors.empty())
    return impl->terms[0].coefficient;
  return std::nullopt;
}

std::optional<std::string> SizeExpr::asSymbol() const {
  const SizeTerm *term = asSingleTerm(*this);
  if (!term || term->coefficient != 1 || term->factors.size() != 1 ||
      term->factors[0]->op != Op::Symbol)
    return std::nullopt;
  return term->factors[0]->name;
}

SizeExpr operator+(const SizeExpr &a, const SizeExpr &b) {
  if (a.isOverflow() || b.isOverflow())
    return SizeExpr::overflow();
  std::vector<SizeTerm> terms = termsOf(a);
  terms.insert(terms.end(), termsOf(b).begin(), termsOf(b).end());
  return SizeExprAccess::fromTerms(std::move(terms));
}

SizeExpr operator-(const SizeExpr &a, const SizeExpr &b) {
  if (a.isOverflow() || b.isOverflow())
    return SizeExpr::overflow();
  std::vector<SizeTerm> terms = termsOf(a);
  for (SizeTerm term : termsOf(b)) {
    if (__builtin_sub_overflow(int64_t(0), term.coefficient, &term.coefficient))
      return SizeExpr::overflow();
    terms.push_back(std::move(term));
  }
  return SizeExprAccess::fromTerms(std::move(terms));
}

SizeExpr operator*(const SizeExpr &a, const SizeExpr &b) {
  if (a.isOverflow() || b.isOverflow())
    return SizeExpr::overflow();
  return multiply(a, b);
}

SizeExpr SizeExpr::make(Op op, std::vector<SizeExpr> args) {
  for (const SizeExpr &arg : args)
    if (arg.isOverflow())
      return overflow();
  switch (op) {
  case Op::Add: return args[0] + args[1];
  case Op::Mul: return args[0] * args[1];
  case Op::FloorDiv: return makeFloorDiv(args[0], args[1]);
  case Op::Mod: return makeMod(args[0], args[1]);
  case Op::Min:
  case Op::Max: return makeMinMax(op, args[0], args[1]);
  case Op::Eq:
  case Op::Ne:
  case Op::Lt:
  case Op::Le:
    if (op == Op::Ne && args[1].isConstant(0) && isBoolean(args[0]))
      return args[0];
    return makeComparison(op, args[0], args[1]);
  case Op::And:
  case Op::Or: return makeLogic(op, args[0], args[1]);
  case Op::Not:
    if (auto c = args[0].asConstant())
      return *c == 0;
    if (const SizeAtom *inner = asCall(args[0], Op::Not))
      return ne(inner->args[0], 0);
    return SizeExprAccess::call(Op::Not, {args[0]});
  case Op::Select:
    if (auto c = args[0].asConstant())
      return *c ? args[1] : args[2];
    if (args[1] == args[2])
      return args[1];
    return SizeExprAccess::call(Op::Select, std::move(args));
  case Op::Constant:
  case Op::Symbol:
  case Op::Overflow: break;
  }
  return overflow();
}

SizeExpr floorDiv(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::FloorDiv, {a, b});
}
SizeExpr ceilDiv(const SizeExpr &a, const SizeExpr &b) { return floorDiv(a + b - 1, b); }
SizeExpr mod(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Mod, {a, b});
}
SizeExpr min(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Min, {a, b});
}
SizeExpr max(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Max, {a, b});
}
SizeExpr eq(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Eq, {a, b});
}
SizeExpr ne(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Ne, {a, b});
}
SizeExpr lt(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Lt, {a, b});
}
SizeExpr le(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Le, {a, b});
}
SizeExpr logicalAnd(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::And, {a, b});
}
SizeExpr logicalOr(const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Or, {a, b});
}
SizeExpr logicalNot(const SizeExpr &a) { return SizeExpr::make(SizeExpr::Op::Not, {a}); }
SizeExpr select(const SizeExpr &c, const SizeExpr &a, const SizeExpr &b) {
  return SizeExpr::make(SizeExpr::Op::Select, {c, a, b});
}
SizeExpr product(const std::vector<SizeExpr> &sizes) {
  SizeExpr result = 1;
  for (const SizeExpr &size : sizes)
    result *= size;
  return result;
}

} // namespace cameo
