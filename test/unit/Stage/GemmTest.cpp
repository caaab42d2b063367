// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions of every engine on the PTX machine: awkward sizes, transposed and gapped operands,
// broadcast batches, empty k, epilogues; all sizes of one program from one compilation.
#include "GemmHarness.h"

#include "gtest/gtest.h"

#include <random>

using namespace cameo::test;

namespace {

std::unique_ptr<CompiledGemm> compileOrFail(const GemmProgram &program) {
  std::string error;
  auto compiled = CompiledGemm::compile(program, error);
  EXPECT_TRUE(compiled) << error;
  return compiled;
}

void expectAgrees(CompiledGemm &gemm, const GemmSizes &z, unsigned seed = 1) {
  GemmReport report = gemm.run(z, seed);
  EXPECT_EQ(report.error, "") << "b0 " << z.b0 << " b1 " << z.b1 << " m " << z.m << " n " << z.n << " k " << z.k << " gap " << z.gap
                              << " offset " << z.offset;
  EXPECT_FALSE(report.variants.empty());
}

const GemmSizes awkward[] = {
    {1, 1, 1, 1, 1},       {1, 1, 1, 1, 0},     {1, 1, 5, 7, 0},         {1, 1, 0, 5, 3},     {1, 1, 64, 64, 16}, {1, 1, 64, 64, 64},
    {1, 1, 65, 63, 17},    {1, 1, 7, 200, 33},  {1, 1, 130, 3, 40},      {2, 3, 17, 19, 23},  {1, 1, 100, 100, 100, 3, 1},
    {2, 1, 33, 40, 31, 5}, {1, 4, 16, 8, 24, 0, 0, true},
};

class Programs : public ::testing::TestWithParam<GemmProgram> {};

TEST_P(Programs, AgreesAtAwkwardSizes) {
  auto gemm = compileOrFail(GetParam());
  if (!gemm)
    return;
  for (const GemmSizes &sizes : awkward)
    expectAgrees(*gemm, sizes);
}

TEST_P(Programs, AgreesAtRandomSizes) {
  auto gemm = compileOrFail(GetParam());
  if (!gemm)
    return;
  std::mt19937 random(7);
  for (int i = 0; i < 12; ++i) {
    auto draw = [&](int most) { return int64_t(random() % most); };
    expectAgrees(*gemm, {draw(3) + 1, draw(3) + 1, draw(90) + 1, draw(90) + 1, draw(80), draw(9), draw(5), draw(2) == 0}, unsigned(i));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Programs,
                         ::testing::Values(GemmProgram{Element::F32}, GemmProgram{Element::F32, Run::First, Run::First},
                                           GemmProgram{Element::F32, Run::Neither, Run::Neither, false, true},
                                           GemmProgram{Element::F32, Run::Second, Run::Second, true, true},
                                           GemmProgram{Element::F64}, GemmProgram{Element::F64, Run::First, Run::First, false, true},
                                           GemmProgram{Element::F32, Run::Second, Run::Second, false, true, "tf32x3"},
                                           GemmProgram{Element::F32, Run::First, Run::First, false, false, "tf32x3"},
                                           GemmProgram{Element::F32, Run::Neither, Run::First, true, false, "tf32x3"},
                                           GemmProgram{Element::F32, Run::Second, Run::Second, false, false, "tf32"}, GemmProgram{Element::I32, Run::Second, Run::First, false, true},
                                           GemmProgram{Element::F16, Run::Second, Run::First, false, true},
                                           GemmProgram{Element::F16, Run::First, Run::Second},
                                           GemmProgram{Element::F16, Run::Second, Run::Second, true, true},
                                           GemmProgram{Element::BF16, Run::Neither, Run::Second, false, true}));

TEST(Gemm, LargeTileRunsWhereItFillsTheMachine) {
  auto gemm = compileOrFail({Element::F32});
  if (!gemm)
    return;
  GemmReport report = gemm->run({12, 9, 70, 68, 4}, 1);
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.variants.front(), "large");
}

/// The figure that decides how long a network takes on the PTX machine.
TEST(Gemm, MainLoopHasFewInstructionsPerMultiplyAdd) {
  auto gemm = compileOrFail({Element::F32, Run::Second, Run::Second});
  if (!gemm)
    return;
  GemmReport report = gemm->run({1, 1, 64, 64, 1024}, 1);
  EXPECT_EQ(report.error, "");
  EXPECT_LT(double(report.instructions) / double(report.fma), 1.4);
}

} // namespace
