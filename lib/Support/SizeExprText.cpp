// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text form of size expressions (a recursive-descent parser with a depth limit, since texts come
// from files), their postfix form, and evaluation with every overflow and division by zero checked.

#include "SizeExprImpl.h"

#include <array>

namespace cameo {

namespace {

using Op = SizeExpr::Op;

struct OpInfo {
  Op op;
  std::string_view name;
  unsigned arity;
};

constexpr std::array<OpInfo, 14> opTable{{
    {Op::Add, "", 2},         {Op::Mul, "mul", 2}, {Op::FloorDiv, "floordiv", 2},
    {Op::Mod, "mod", 2},      {Op::Min, "min", 2}, {Op::Max, "max", 2},
    {Op::Eq, "eq", 2},        {Op::Ne, "ne", 2},   {Op::Lt, "lt", 2},
    {Op::Le, "le", 2},        {Op::And, "and", 2}, {Op::Or, "or", 2},
    {Op::Not, "not", 1},      {Op::Select, "select", 3},
}};

class Parser {
public:
  Parser(std::string_view text) : text(text) {}

  std::optional<SizeExpr> parseAll(std::string *error) {
    std::optional<SizeExpr> result = parseSum();
    skipSpace();
    if (result && pos != text.size()) {
      fail("unexpected text");
      result.reset();
    }
    if (!result && error)
      *error = message + " at character " + std::to_string(pos + 1) + " of '" +
               std::string(text.substr(0, 200)) + "'";
    return result;
  }

private:
  static constexpr int maxDepth = 200;

  std::nullopt_t fail(const char *what) {
    if (message.empty())
      message = what;
    return std::nullopt;
  }
  void skipSpace() {
    while (pos < text.size() && (text[pos] == ' ' || text[pos] == '\t'))
      ++pos;
  }
  bool accept(char c) {
    skipSpace();
    if (pos < text.size() && text[pos] == c)
      return ++pos, true;
    return false;
  }

  std::optional<SizeExpr> parseSum() {
    if (++depth > maxDepth)
      return fail("expression nested too deeply");
    std::optional<SizeExpr> sum = parseSigned(accept('-'));
    while (sum) {
      bool minus = accept('-');
      if (!minus && !accept('+'))
        break;
      std::optional<SizeExpr> next = parseSigned(minus);
      if (!next)
        return next;
      sum = *sum + *next;
    }
    --depth;
    return sum;
  }

  std::optional<SizeExpr> parseSigned(bool negative) {
    minusBefore = negative;
    absorbMinus = false;
    std::optional<SizeExpr> result = parseProduct();
    return result && negative && !absorbMinus ? -*result : result;
  }

  std::optional<SizeExpr> parseProduct() {
    std::optional<SizeExpr> result = parsePrimary();
    minusBefore = false;
    while (result && accept('*')) {
      std::optional<SizeExpr> next = parsePrimary();
      if (!next)
        return next;
      result = *result * *next;
    }
    return result;
  }

  std::optional<SizeExpr> parsePrimary() {
    skipSpace();
    if (pos >= text.size())
      return fail("expression expected");
    char c = text[pos];
    if (c >= '0' && c <= '9')
      return parseNumber();
    if (c == '(') {
      ++pos;
      std::optional<SizeExpr> inner = parseSum();
      if (inner && !accept(')'))
        return fail("')' expected");
      return inner;
    }
    if (c == '`')
      return parseQuoted();
    return parseNameOrCall();
  }

  std::optional<SizeExpr> parseNumber() {
    uint64_t value = 0;
    while (pos < text.size() && text[pos] >= '0' && text[pos] <= '9')
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, uint64_t(text[pos++] - '0'), &value))
        return fail("number too large");
    if (value > uint64_t(INT64_MAX)) {
      // The magnitude of INT64_MIN exists only behind a minus sign, which it then absorbs.
      absorbMinus = value == uint64_t(1) << 63 && minusBefore;
      if (!absorbMinus)
        return fail("number too large");
      return SizeExpr(INT64_MIN);
    }
    return SizeExpr(int64_t(value));
  }

  std::optional<SizeExpr> parseQuoted() {
    std::string name;
    for (++pos; pos < text.size() && text[pos] != '`'; ++pos) {
      if (text[pos] == '\\' && pos + 1 < text.size())
        ++pos;
      name += text[pos];
    }
    if (!accept('`'))
      return fail("closing '`' expected");
    return SizeExpr::symbol(name);
  }

  std::optional<SizeExpr> parseNameOrCall() {
    size_t begin = pos;
    auto isName = [](char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    while (pos < text.size() && isName(text[pos]))
      ++pos;
    std::string_view name = text.substr(begin, pos - begin);
    if (name.empty())
      return fail("expression expected");
    if (!accept('('))
      return SizeExpr::symbol(name);
    return parseCall(name);
  }

  std::optional<SizeExpr> parseCall(std::string_view name) {
    std::vector<SizeExpr> args;
    if (!accept(')')) {
      do {
        std::optional<SizeExpr> arg = parseSum();
        if (!arg)
          return arg;
        args.push_back(*arg);
      } while (accept(','));
      if (!accept(')'))
        return fail("')' expected");
    }
    if (name == "overflow" && args.empty())
      return SizeExpr::overflow();
    if (name == "ceildiv" && args.size() == 2)
      return ceilDiv(args[0], args[1]);
    for (const OpInfo &info : opTable)
      if (info.name == name && info.arity == args.size())
        return SizeExpr::make(info.op, std::move(args));
    return fail("unknown function or wrong number of arguments");
  }

  std::string_view text;
  size_t pos = 0;
  int depth = 0;
  bool minusBefore = false, absorbMinus = false;
  std::string message;
};

void appendPostfix(const SizeExpr &e, std::vector<SizeExpr::Instruction> &code) {
  if (e.isOverflow()) {
    code.push_back({Op::Overflow});
    return;
  }
  const auto &terms = termsOf(e);
  if (terms.empty())
    code.push_back({Op::Constant, 0});
  for (size_t i = 0; i < terms.size(); ++i) {
    const SizeTerm &term = terms[i];
    bool hasCoefficient = term.coefficient != 1 || term.factors.empty();
    if (hasCoefficient)
      code.push_back({Op::Constant, term.coefficient});
    for (size_t k = 0; k < term.factors.size(); ++k) {
      const SizeAtom &atom = *term.factors[k];
      if (atom.op == Op::Symbol) {
        code.push_back({Op::Symbol, 0, atom.name});
      } else {
        for (const SizeExpr &arg : atom.args)
          appendPostfix(arg, code);
        code.push_back({atom.op});
      }
      if (k > 0 || hasCoefficient)
        code.push_back({Op::Mul});
    }
    if (i > 0)
      code.push_back({Op::Add});
  }
}

std::optional<int64_t> floorDivide(int64_t a, int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1))
    return std::nullopt;
  return a / b - ((a % b != 0) && ((a < 0) != (b < 0)));
}

} // namespace

std::string_view sizeOpName(Op op) {
  for (const OpInfo &info : opTable)
    if (info.op == op)
      return info.name;
  return op == Op::Overflow ? "overflow" : "";
}

unsigned sizeOpArity(Op op) {
  for (const OpInfo &info : opTable)
    if (info.op == op)
      return info.arity;
  return 0;
}

std::optional<int64_t> applySizeOp(Op op, const int64_t *args) {
  int64_t a = args[0], b = sizeOpArity(op) > 1 ? args[1] : 0, result;
  switch (op) {
  case Op::Add: return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  case Op::Mul: return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  case Op::FloorDiv: return floorDivide(a, b);
  case Op::Mod:
    if (b == 0)
      return std::nullopt;
    if (b == -1)
      return 0;
    result = a % b;
    return result != 0 && (result < 0) != (b < 0) ? result + b : result;
  case Op::Min: return a < b ? a : b;
  case Op::Max: return a > b ? a : b;
  case Op::Eq: return a == b;
  case Op::Ne: return a != b;
  case Op::Lt: return a < b;
  case Op::Le: return a <= b;
  case Op::And: return a != 0 && b != 0;
  case Op::Or: return a != 0 || b != 0;
  case Op::Not: return a == 0;
  case Op::Select: return a != 0 ? b : args[2];
  case Op::Constant:
  case Op::Symbol:
  case Op::Overflow: break;
  }
  return std::nullopt;
}

std::optional<SizeExpr> SizeExpr::parse(std::string_view text, std::string *error) {
  return Parser(text).parseAll(error);
}

std::vector<SizeExpr::Term> SizeExpr::terms() const {
  std::vector<Term> result;
  for (const SizeTerm &term : impl->terms) {
    Term copy{term.coefficient, {}};
    for (const SizeAtomRef &factor : term.factors)
      copy.factors.push_back({factor->op, factor->name, factor->args,
                              std::make_shared<SizeExpr>(SizeExprAccess::fromAtom(factor))});
    result.push_back(std::move(copy));
  }
  return result;
}

std::vector<SizeExpr::Instruction> SizeExpr::postfix() const {
  std::vector<Instruction> code;
  appendPostfix(*this, code);
  return code;
}

std::optional<int64_t> SizeExpr::evaluate(const Lookup &lookup, std::string *error) const {
  // A failed operation is remembered as "no value": the branch of a select that is not taken may
  // divide by zero, as in the size of a reshape whose -1 is elsewhere.
  std::vector<std::optional<int64_t>> stack;
  auto fail = [&](const std::string &why) -> std::optional<int64_t> {
    if (error)
      *error = why + " in '" + str() + "'";
    return std::nullopt;
  };
  for (const Instruction &instruction : postfix()) {
    if (instruction.op == Op::Constant) {
      stack.push_back(instruction.value);
    } else if (instruction.op == Op::Symbol) {
      std::optional<int64_t> value = lookup(instruction.name);
      if (!value)
        return fail("unknown size '" + instruction.name + "'");
      stack.push_back(*value);
    } else if (instruction.op == Op::Overflow) {
      return fail("overflow");
    } else {
      size_t arity = sizeOpArity(instruction.op);
      std::optional<int64_t> *args = stack.data() + (stack.size() - arity);
      std::optional<int64_t> value;
      if (instruction.op == Op::Select) {
        if (args[0])
          value = *args[0] ? args[1] : args[2];
      } else if (args[0] && (arity < 2 || args[1])) {
        int64_t plain[2] = {*args[0], arity > 1 ? *args[1] : 0};
        value = applySizeOp(instruction.op, plain);
      }
      stack.resize(stack.size() - arity);
      stack.push_back(value);
    }
  }
  if (!stack.back())
    return fail("overflow or division by zero");
  return stack.back();
}

} // namespace cameo
