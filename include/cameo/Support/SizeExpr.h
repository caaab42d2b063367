// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes that are unknown until launch have to keep their identity from the model's input to the
// kernel's argument: "the same N" must be recognised wherever it appears, and index arithmetic over
// such sizes must simplify as it does over constants. A SizeExpr is an immutable integer expression
// over named symbols in canonical form: a polynomial with integer coefficients whose atoms are
// symbols or calls (floordiv, mod, min, max, comparisons, select). Two expressions are equal exactly
// when their canonical texts are equal; the text is what IR attributes and bundles carry.
//
// Overflow of a coefficient yields the absorbing expression `overflow()`, which never evaluates.
// Nothing here depends on LLVM: the runtime evaluates the same expressions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cameo {

class SizeExpr {
public:
  /// The operations of the text form and of the postfix form. `Add` and `Mul` are n-ary sums and
  /// products of the polynomial; comparisons and logic give 0 or 1; division rounds towards minus
  /// infinity and `Mod` has the divisor's sign.
  enum class Op : uint8_t {
    Constant,
    Symbol,
    Add,
    Mul,
    FloorDiv,
    Mod,
    Min,
    Max,
    Eq,
    Ne,
    Lt,
    Le,
    And,
    Or,
    Not,
    Select,
    Overflow,
  };

  /// One instruction of the postfix form: `Constant` pushes `value`, `Symbol` pushes the value of
  /// `name`; all others pop their operands (Not 1, Select 3, the rest 2) and push one result.
  struct Instruction {
    Op op;
    int64_t value = 0;
    std::string name = {};
  };

  /// Upper bounds (exclusive) of symbols that are coordinates: 0 <= symbol < bound.
  using Ranges = std::map<std::string, SizeExpr>;

  SizeExpr() : SizeExpr(int64_t(0)) {}
  SizeExpr(int64_t value); // implicit: sizes mix with literals everywhere
  SizeExpr(int value) : SizeExpr(int64_t(value)) {}
  static SizeExpr symbol(std::string_view name);
  static SizeExpr overflow();

  /// Parses the text form; on failure returns nothing and sets `error`.
  static std::optional<SizeExpr> parse(std::string_view text, std::string *error = nullptr);
  /// The canonical text.
  const std::string &str() const;

  std::optional<int64_t> asConstant() const;
  bool isConstant(int64_t value) const { return asConstant() == value; }
  /// The name, when the expression is exactly one symbol.
  std::optional<std::string> asSymbol() const;
  bool isOverflow() const;

  friend SizeExpr operator+(const SizeExpr &a, const SizeExpr &b);
  friend SizeExpr operator-(const SizeExpr &a, const SizeExpr &b);
  friend SizeExpr operator*(const SizeExpr &a, const SizeExpr &b);
  SizeExpr &operator+=(const SizeExpr &b) { return *this = *this + b; }
  SizeExpr &operator*=(const SizeExpr &b) { return *this = *this * b; }
  friend bool operator==(const SizeExpr &a, const SizeExpr &b) { return a.str() == b.str(); }
  friend bool operator!=(const SizeExpr &a, const SizeExpr &b) { return !(a == b); }
  friend bool operator<(const SizeExpr &a, const SizeExpr &b) { return a.str() < b.str(); }

  /// Builds `op` over `args`, folded and simplified (never `Constant`, `Symbol`).
  static SizeExpr make(Op op, std::vector<SizeExpr> args);

  void collectSymbols(std::set<std::string> &names) const;
  bool mentions(std::string_view name) const;
  SizeExpr substitute(const std::map<std::string, SizeExpr> &values) const;

  /// Simplifies divisions and remainders knowing that the symbols of `ranges` are coordinates below
  /// their bounds and that every other symbol is at least 1 (an index exists only where no extent
  /// is zero), except symbols named `x[k]`: contents of control operands, which are any integer. Recombines `floordiv(x,b)*b + mod(x,b)` to `x`.
  SizeExpr simplify(const Ranges &ranges) const;

  /// The coefficient c and rest r with *this == c*symbol + r and neither mentioning the symbol;
  /// nothing when the expression is not linear in it.
  struct Linear {
    std::shared_ptr<SizeExpr> coefficient, rest;
  };
  std::optional<Linear> linearIn(std::string_view name) const;

  /// True when provably lower <= *this under the same assumptions as `simplify`.
  bool provablyNonNegative(const Ranges &ranges) const;
  bool provablyLess(const SizeExpr &bound, const Ranges &ranges) const;
  /// True when `divisor` divides every value of the expression, whatever the symbols are.
  bool divisibleBy(int64_t divisor) const;

  /// The polynomial, term by term: what code generation walks. A factor is a symbol (`name`) or a
  /// call of `op` on `args`; `expr` is the factor itself. The sum over no terms is 0.
  struct Factor {
    Op op;
    std::string name;
    std::vector<SizeExpr> args;
    std::shared_ptr<SizeExpr> expr;
  };
  struct Term {
    int64_t coefficient;
    std::vector<Factor> factors;
  };
  std::vector<Term> terms() const;

  std::vector<Instruction> postfix() const;

  using Lookup = std::function<std::optional<int64_t>(std::string_view)>;
  /// The value, or nothing on an unknown symbol, overflow or division by zero (`error` says which).
  /// A failure in the branch of a select that is not taken does not count.
  std::optional<int64_t> evaluate(const Lookup &lookup, std::string *error = nullptr) const;

  struct Impl;

private:
  explicit SizeExpr(std::shared_ptr<const Impl> impl) : impl(std::move(impl)) {}
  std::shared_ptr<const Impl> impl;
  friend struct SizeExprAccess;
};

SizeExpr operator+(const SizeExpr &a, const SizeExpr &b);
SizeExpr operator-(const SizeExpr &a, const SizeExpr &b);
SizeExpr operator*(const SizeExpr &a, const SizeExpr &b);
inline SizeExpr operator-(const SizeExpr &a) { return SizeExpr(0) - a; }

SizeExpr floorDiv(const SizeExpr &a, const SizeExpr &b);
SizeExpr ceilDiv(const SizeExpr &a, const SizeExpr &b);
SizeExpr mod(const SizeExpr &a, const SizeExpr &b);
SizeExpr min(const SizeExpr &a, const SizeExpr &b);
SizeExpr max(const SizeExpr &a, const SizeExpr &b);
SizeExpr eq(const SizeExpr &a, const SizeExpr &b);
SizeExpr ne(const SizeExpr &a, const SizeExpr &b);
SizeExpr lt(const SizeExpr &a, const SizeExpr &b);
SizeExpr le(const SizeExpr &a, const SizeExpr &b);
SizeExpr logicalAnd(const SizeExpr &a, const SizeExpr &b);
SizeExpr logicalOr(const SizeExpr &a, const SizeExpr &b);
SizeExpr logicalNot(const SizeExpr &a);
SizeExpr select(const SizeExpr &condition, const SizeExpr &a, const SizeExpr &b);
/// The product of all sizes (1 for none).
SizeExpr product(const std::vector<SizeExpr> &sizes);

/// Integer semantics shared by folding, the runtime and tests. Nothing on overflow or division by 0.
std::optional<int64_t> applySizeOp(SizeExpr::Op op, const int64_t *args);
/// Operands popped by the postfix form of `op`.
unsigned sizeOpArity(SizeExpr::Op op);
/// The function name in the text form, or "" for operators.
std::string_view sizeOpName(SizeExpr::Op op);

} // namespace cameo
