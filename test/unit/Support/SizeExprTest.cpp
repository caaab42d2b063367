// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Canonical forms, simplification under coordinate bounds, and a random check that neither changes
// the value: expressions are drawn, evaluated as drawn, and compared with their canonical,
// re-parsed and simplified forms.

#include "cameo/Support/SizeExpr.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

using namespace cameo;

namespace {

SizeExpr sym(const char *name) { return SizeExpr::symbol(name); }

SizeExpr parsed(const std::string &text) {
  std::string error;
  auto e = SizeExpr::parse(text, &error);
  EXPECT_TRUE(e) << error;
  return e.value_or(SizeExpr(-12345));
}

TEST(SizeExpr, EqualExpressionsPrintEqually) {
  SizeExpr n = sym("N"), h = sym("H");
  EXPECT_EQ((n + h) * (n - h), n * n - h * h);
  EXPECT_EQ((n * 3 * h).str(), (h * n * 3).str());
  EXPECT_EQ((n - n).str(), "0");
  EXPECT_EQ((2 * n + 1).str(), "2*N+1");
  EXPECT_EQ(parsed("1+N+N"), 2 * n + 1);
}

TEST(SizeExpr, DivisionTakesOutMultiples) {
  SizeExpr n = sym("N"), h = sym("H");
  EXPECT_EQ(floorDiv(n * h + 3, n), h + floorDiv(3, n));
  EXPECT_EQ(floorDiv(4 * n + 7, 4), n + 1);
  EXPECT_EQ(mod(4 * n + 7, 4), SizeExpr(3));
  EXPECT_EQ(floorDiv((n + 1) * (h + 2), n + 1), h + 2);
  EXPECT_EQ(floorDiv(floorDiv(n, 2), 3), floorDiv(n, 6));
  EXPECT_EQ(floorDiv(-7, 2), SizeExpr(-4));
  EXPECT_EQ(mod(-7, 2), SizeExpr(1));
}

TEST(SizeExpr, ComparisonsFoldOnDifferences) {
  SizeExpr n = sym("N");
  EXPECT_TRUE(lt(n, n + 1).isConstant(1));
  EXPECT_TRUE(eq(n, n + 1).isConstant(0));
  EXPECT_EQ(min(n, n + 2), n);
  EXPECT_EQ(select(eq(n, n), n, 0), n);
}

TEST(SizeExpr, RowMajorDigitsComeBack) {
  SizeExpr h = sym("H"), w = sym("W"), n = sym("N");
  SizeExpr i = sym("i"), j = sym("j"), k = sym("k"), l = sym("l");
  SizeExpr::Ranges ranges{{"i", h}, {"j", w}, {"k", n}};
  SizeExpr linear = k * h * w + i * w + j;
  EXPECT_EQ(floorDiv(linear, h * w).simplify(ranges), k);
  EXPECT_EQ(mod(linear, w).simplify(ranges), j);
  EXPECT_EQ(mod(floorDiv(linear, w), h).simplify(ranges), i);
  SizeExpr::Ranges flat{{"l", n * h * w}};
  SizeExpr a = floorDiv(l, h * w), b = mod(floorDiv(l, w), h), c = mod(l, w);
  EXPECT_EQ((a * h * w + b * w + c).simplify(flat), l);
  EXPECT_EQ((b * w + c).simplify(flat), mod(l, h * w));
}

TEST(SizeExpr, BoundsAreNotInvented) {
  SizeExpr h = sym("H"), w = sym("W"), i = sym("i");
  SizeExpr::Ranges ranges{{"i", h}};
  EXPECT_NE(mod(i, w).simplify(ranges), i);
  EXPECT_NE(mod(i + 1, h).simplify(ranges), i + 1);
  // Contents of a control operand may be negative.
  EXPECT_FALSE(sym("starts[0]").provablyNonNegative({}));
  EXPECT_FALSE((-sym("starts[0]")).provablyLess(1, {}));
  EXPECT_TRUE((h - 1 - i).provablyNonNegative(ranges));
}

TEST(SizeExpr, TextRoundTripsAndRefuses) {
  for (const char *text : {"0", "-9223372036854775808", "N", "`x.0`*3-1", "select(eq(`s[0]`,-1),N,`s[0]`)",
                           "max(A,min(B,3))", "not(lt(A,B))", "overflow()", "ceildiv(N,4)"})
    EXPECT_EQ(parsed(parsed(text).str()), parsed(text)) << text;
  for (const char *bad : {"", "1+", "f(1)", "min(1)", "(1", "9223372036854775808", "1 2", "`x", "*3"})
    EXPECT_FALSE(SizeExpr::parse(bad)) << bad;
  EXPECT_FALSE(SizeExpr::parse(std::string(100000, '(')));
}

TEST(SizeExpr, OverflowIsAbsorbedAndNeverEvaluates) {
  SizeExpr big = int64_t(1) << 62;
  EXPECT_TRUE((big * sym("N") * 4).isOverflow());
  EXPECT_TRUE((big + big).isOverflow());
  std::string error;
  EXPECT_FALSE((sym("N") * sym("N")).evaluate([](auto) { return int64_t(1) << 40; }, &error));
  EXPECT_NE(error.find("overflow"), std::string::npos);
  EXPECT_FALSE(sym("M").evaluate([](auto) { return std::nullopt; }, &error));
  EXPECT_NE(error.find("unknown size 'M'"), std::string::npos);
}

TEST(SizeExpr, UntakenBranchMayFail) {
  SizeExpr s = sym("s[0]"), n = sym("N");
  SizeExpr e = select(eq(s, 0), n, floorDiv(n, s));
  EXPECT_EQ(e.evaluate([](std::string_view name) { return name == "N" ? 7 : 0; }), 7);
}

TEST(SizeExpr, LinearParts) {
  SizeExpr d = sym("d"), n = sym("N");
  auto linear = (d * n * 2 + n + 1).linearIn("d");
  ASSERT_TRUE(linear);
  EXPECT_EQ(*linear->coefficient, 2 * n);
  EXPECT_EQ(*linear->rest, n + 1);
  EXPECT_FALSE((d * d).linearIn("d"));
  EXPECT_FALSE(mod(d, n).linearIn("d"));
}

/// Draws an expression and its value at once, so that the reference never sees the canonical form.
struct Drawn {
  SizeExpr expr;
  std::optional<int64_t> value;
};

Drawn draw(std::mt19937 &rng, const std::map<std::string, int64_t> &values, int depth) {
  using Op = SizeExpr::Op;
  if (depth == 0 || rng() % 4 == 0) {
    if (rng() % 3 == 0) {
      int64_t c = int64_t(rng() % 13) - 4;
      return {c, c};
    }
    auto it = std::next(values.begin(), long(rng() % values.size()));
    return {SizeExpr::symbol(it->first), it->second};
  }
  static const Op ops[] = {Op::Add, Op::Add, Op::Mul, Op::Mul, Op::FloorDiv, Op::Mod, Op::Min,
                           Op::Max, Op::Eq,  Op::Lt,  Op::Le,  Op::Select,   Op::And, Op::Not};
  Op op = ops[rng() % std::size(ops)];
  std::vector<SizeExpr> args;
  int64_t plain[3] = {0, 0, 0};
  bool ok = true;
  for (unsigned i = 0; i < sizeOpArity(op); ++i) {
    Drawn arg = draw(rng, values, depth - 1);
    args.push_back(arg.expr);
    ok &= arg.value.has_value();
    plain[i] = arg.value.value_or(0);
  }
  return {SizeExpr::make(op, args), ok ? applySizeOp(op, plain) : std::nullopt};
}

TEST(SizeExpr, CanonicalFormsKeepTheValue) {
  const char *seedText = std::getenv("CAMEO_TEST_SEED");
  unsigned seed = seedText ? unsigned(std::strtoul(seedText, nullptr, 0)) : 1;
  std::mt19937 rng(seed);
  int compared = 0;
  for (int round = 0; round < 20000; ++round) {
    std::map<std::string, int64_t> values;
    for (const char *name : {"N", "H", "W"})
      values[name] = 1 + int64_t(rng() % 9);
    SizeExpr::Ranges ranges{{"i", sym("H")}, {"j", sym("W")}, {"k", sym("N") * sym("H")}};
    values["i"] = int64_t(rng() % unsigned(values["H"]));
    values["j"] = int64_t(rng() % unsigned(values["W"]));
    values["k"] = int64_t(rng() % unsigned(values["N"] * values["H"]));
    Drawn drawn = draw(rng, values, 4);
    if (!drawn.value)
      continue;
    auto lookup = [&](std::string_view name) -> std::optional<int64_t> {
      return values.at(std::string(name));
    };
    SizeExpr simple = drawn.expr.simplify(ranges);
    ASSERT_EQ(drawn.expr.evaluate(lookup), drawn.value) << drawn.expr.str() << " seed " << seed;
    ASSERT_EQ(simple.evaluate(lookup), drawn.value)
        << drawn.expr.str() << " became " << simple.str() << " seed " << seed;
    ASSERT_EQ(parsed(simple.str()), simple) << simple.str();
    ++compared;
  }
  EXPECT_GT(compared, 10000);
}

} // namespace
