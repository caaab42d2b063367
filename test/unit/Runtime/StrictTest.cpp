// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A strict session: kernels, control flow, control operands and shape arithmetic pass; every other host
// step is refused before anything runs, with the step at fault.

#include "RuntimeTest.h"

using namespace cameo;
using namespace cameo::test;

namespace {

using Kind = bundle::Buffer::Kind;

/// The error of a strict session, or "" where there is none.
std::string strictly(const BundleDesc &desc) {
  OpenedBundle opened(desc);
  Options options(CAMEO_SIM);
  auto lax = opened.bundle->createSession(options);
  EXPECT_TRUE(bool(lax)) << lax.error().message();
  options.strict = 1;
  auto session = opened.bundle->createSession(options);
  if (session)
    return "";
  EXPECT_EQ(session.error().status(), CAMEO_UNSUPPORTED);
  return session.error().message();
}

/// addBundle with `steps` before its launch; buffer 3 is an input of 65 integers, buffer 4 a temporary.
BundleDesc withSteps(std::vector<bundle::Step> steps) {
  BundleDesc desc = addBundle();
  desc.inputs.push_back({"k", DType::i64, {desc.expr(65)}});
  addBuffer(desc, Kind::input, 2, 65 * 8);
  addBuffer(desc, Kind::temporary, 0, 65 * 8, 0, uint32_t(steps.size()));
  for (auto &step : steps)
    if (auto *read = std::get_if<bundle::ReadSymbols>(&step))
      for (size_t i = 0; i < read->symbols.size(); ++i)
        read->symbols[i] = desc.symbol("s" + std::to_string(i), bundle::Symbol::Source::step);
  desc.steps.insert(desc.steps.begin(), steps.begin(), steps.end());
  return desc;
}

bundle::ReadSymbols read(BufferId buffer, size_t count) {
  return {buffer, DType::i64, 0, std::vector<SymbolId>(count)};
}

bundle::WriteSizes write(size_t count, BufferId buffer = 4) {
  return {buffer, DType::i64, std::vector<ExprId>(count, 0)};
}

TEST(Strict, KernelsAlonePass) {
  EXPECT_EQ(strictly(addBundle()), "");
  std::vector<float> w = {1, 2, 3};
  EXPECT_EQ(strictly(twoKernelBundle(w)), "");
}

TEST(Strict, ControlOperandsAndShapeArithmeticPass) {
  EXPECT_EQ(strictly(withSteps({read(3, 64)})), "");
  EXPECT_EQ(strictly(withSteps({write(64), read(4, 2)})), "");
}

TEST(Strict, MoreThan64ElementsAreRefused) {
  EXPECT_NE(strictly(withSteps({read(3, 65)})).find("step 0 reads 65 sizes"), std::string::npos);
  EXPECT_NE(strictly(withSteps({write(65)})).find("step 0 computes 65 integers"), std::string::npos);
}

TEST(Strict, DataThatTheHostMakesIsRefused) {
  BundleDesc desc = withSteps({});
  // The integers become an operand of the kernel.
  desc.buffers[4].lastStep = 1;
  desc.steps.insert(desc.steps.begin(), write(2));
  std::get<bundle::Launch>(desc.steps[1]).arguments[0].buffer = 4;
  EXPECT_NE(strictly(desc).find("step 0 computes integers that are used as data"), std::string::npos);
}

TEST(Strict, SizesThatAKernelComputesAreRefused) {
  EXPECT_NE(strictly(withSteps({bundle::Fill{{4, kNone, kNone}, 1, 0}, read(4, 2)})).find("step 1 reads sizes that a kernel"),
            std::string::npos);
}

TEST(Strict, CopiesToTemporariesPass) {
  EXPECT_EQ(strictly(withSteps({bundle::Copy{{4, kNone, kNone}, {3, kNone, kNone}}})), "");
}

TEST(Strict, FillsAndCopiesToResultsAreRefusedAllAtOnce) {
  BundleDesc desc = withSteps({bundle::Fill{{4, kNone, kNone}, 1, 0}, bundle::Copy{{2, kNone, kNone}, {3, kNone, kNone}}});
  std::string why = strictly(desc);
  EXPECT_NE(why.find("step 0 fills memory"), std::string::npos) << why;
  EXPECT_NE(why.find("step 1 copies data"), std::string::npos) << why;
}

} // namespace
