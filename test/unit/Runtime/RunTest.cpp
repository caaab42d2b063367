// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hand-made bundles, run: symbolic sizes, temporaries, variants by size and by alignment, sizes read
// from data, structured control flow, empty tensors, bound outputs.

#include "RuntimeTest.h"

#include <cstddef>
#include <cstring>

using namespace cameo;
using namespace cameo::test;

namespace {

using Kind = bundle::Buffer::Kind;

class Run : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, Run, testing::Values(CAMEO_SIM, CAMEO_CUDA), deviceTestName);

TEST_P(Run, OneBundleServesEverySize) {
  OpenedBundle opened(addBundle());
  auto session = opened.session(GetParam());
  for (size_t n : {1, 127, 128, 129, 1000, 0, 129}) {
    std::vector<float> a = ramp(n, 1, 2), b = ramp(n, 5, -1), c = runBinary(session, a, b);
    ASSERT_EQ(c.size(), n);
    for (size_t i = 0; i < n; ++i)
      ASSERT_EQ(c[i], a[i] + b[i]) << i;
    EXPECT_EQ(session.output(0)->dims, std::vector<int64_t>{int64_t(n)});
  }
}

TEST_P(Run, TheSameSizesAgainGiveTheNewData) {
  // On cuda the second and later runs replay a graph.
  OpenedBundle opened(addBundle());
  auto session = opened.session(GetParam());
  for (int round = 0; round < 5; ++round) {
    std::vector<float> a = ramp(300, float(round), 1), b = ramp(300, 0, float(round)),
                       c = runBinary(session, a, b);
    ASSERT_EQ(c.size(), 300u);
    for (size_t i = 0; i < c.size(); ++i)
      ASSERT_EQ(c[i], a[i] + b[i]) << "round " << round;
  }
}

TEST_P(Run, TwoKernelsWithATemporaryAndAWeight) {
  std::vector<float> w = ramp(50, 2, 1);
  OpenedBundle opened(twoKernelBundle(w));
  auto session = opened.session(GetParam());
  std::vector<float> a = ramp(50, 1, 1), b = ramp(50, 0, 2), c = runBinary(session, a, b);
  ASSERT_EQ(c.size(), 50u);
  for (size_t i = 0; i < 50; ++i)
    EXPECT_EQ(c[i], (a[i] + b[i]) * w[i]);
  EXPECT_EQ(session.runInfo().arena_bytes, 200u);
  EXPECT_EQ(session.runInfo().launches, 2u);
}

TEST_P(Run, AFailedCheckNamesItsNodes) {
  std::vector<float> w = ramp(50, 2, 1), a = ramp(49, 0, 0);
  OpenedBundle opened(twoKernelBundle(w));
  auto session = opened.session(GetParam());
  auto status = session.run({vectorOf(a), vectorOf(a)});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().status(), CAMEO_BAD_INPUT);
  EXPECT_NE(status.error().message().find("w has other elements"), std::string::npos);
  EXPECT_EQ(status.error().nodes(), std::vector<std::string>{"/mul"});
}

/// Vector kernel where N is a multiple of 4 and all is aligned to 16, else the scalar one.
BundleDesc variantBundle() {
  BundleDesc desc = addBundle();
  SizeExpr n = SizeExpr::symbol("N");
  desc.modules[0].images[0].bytes += vectorKernel("add4");
  uint32_t wide = addKernel(desc, "add4", 0, {"/add"});
  auto &variants = std::get<bundle::Launch>(desc.steps[0]).variants[0];
  variants.insert(variants.begin(), {desc.expr(eq(mod(n, 4), 0)), {16, 16, 16}, wide,
                                     {desc.expr(ceilDiv(n, 512)), desc.expr(1), desc.expr(1)}, kNone, 32});
  return desc;
}

TEST_P(Run, AVariantIsChosenByItsGuard) {
  OpenedBundle opened(variantBundle());
  Options options(GetParam());
  options.profile = 1;
  auto session = opened.session(options);
  for (auto [n, variant] : {std::pair{1024, 0u}, {1023, 1u}, {4, 0u}, {5, 1u}}) {
    std::vector<float> a = ramp(size_t(n), 1, 1), c = runBinary(session, a, a);
    ASSERT_EQ(session.launches().size(), 1u);
    EXPECT_EQ(session.launches()[0].variant, variant) << n;
    ASSERT_EQ(c.size(), size_t(n));
    EXPECT_EQ(c.back(), 2 * a.back());
  }
}

TEST(Variants, AreChosenByAlignment) {
  OpenedBundle opened(variantBundle());
  for (auto [offset, variant] : {std::pair{0u, 0u}, {4u, 1u}, {16u, 0u}}) {
    Options options(CAMEO_SIM);
    options.profile = 1;
    options.input_offset = offset;
    auto session = opened.session(options);
    std::vector<float> a = ramp(64, 1, 1), c = runBinary(session, a, a);
    ASSERT_EQ(session.launches().size(), 1u);
    EXPECT_EQ(session.launches()[0].variant, variant) << offset;
    EXPECT_EQ(c.back(), 2 * a.back());
  }
}

TEST(Targets, SimRunsTheVariantsOfTheCodeThatIsAskedFor) {
  OpenedBundle opened(twoTargetBundle("sm_86"));
  std::vector<float> a = ramp(10, 1, 1);
  for (auto [target, last, variant] : {std::tuple{(const char *)nullptr, 20.0f, 0u}, {"sm_80", 20, 0}, {"sm_86", 100, 1}}) {
    Options options(CAMEO_SIM);
    options.profile = 1;
    options.target = target;
    auto session = opened.session(options);
    EXPECT_EQ(runBinary(session, a, a)[9], last);
    EXPECT_EQ(session.launches()[0].variant, variant);
  }
}

TEST(Targets, ABundleWithoutCodeForTheTargetIsRefused) {
  OpenedBundle opened(twoTargetBundle("sm_86"));
  Options options(CAMEO_SIM);
  options.target = "sm_120";
  auto created = opened.bundle->createSession(options);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().status(), CAMEO_USAGE);
  EXPECT_NE(created.error().message().find("no code for the PTX machine as sm_120, only for sm_80, sm_86"),
            std::string::npos) << created.error().message();
}

TEST_P(Run, NoVariantThatFitsIsAnErrorWithKernelAndNodes) {
  BundleDesc desc = addBundle();
  std::get<bundle::Launch>(desc.steps[0]).variants[0][0].guard = desc.expr(lt(SizeExpr::symbol("N"), 10));
  OpenedBundle opened(desc);
  auto session = opened.session(GetParam());
  std::vector<float> a = ramp(10, 0, 0);
  auto status = session.run({vectorOf(a), vectorOf(a)});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().status(), CAMEO_UNSUPPORTED);
  EXPECT_EQ(status.error().kernel(), "add");
  EXPECT_EQ(status.error().nodes(), std::vector<std::string>{"/add"});
}

/// c[0..count) = a[0..count) + b[0..count), with count read from the third input on the device.
BundleDesc countBundle() {
  BundleDesc desc = addBundle();
  SymbolId count = desc.symbol("count", bundle::Symbol::Source::step);
  SizeExpr n = SizeExpr::symbol("N"), m = SizeExpr::symbol("count");
  desc.inputs.push_back({"count", DType::i64, {}});
  BufferId source = addBuffer(desc, Kind::input, 2, 8);
  desc.outputs[0].dims = {desc.expr(m)};
  auto &launch = std::get<bundle::Launch>(desc.steps[0]);
  launch.arguments[3].expr = desc.expr(m);
  launch.variants[0][0].grid[0] = desc.expr(ceilDiv(m, 128));
  desc.buffers[2].bytes = desc.expr(m * 4);
  desc.checks.push_back({desc.expr(le(m, n)), "count exceeds the elements", {"/slice"}});
  desc.steps.insert(desc.steps.begin(), bundle::ReadSymbols{source, DType::i64, 0, {count}});
  return desc;
}

TEST_P(Run, SizesAreReadFromData) {
  OpenedBundle opened(countBundle());
  auto session = opened.session(GetParam());
  std::vector<float> a = ramp(200, 1, 1);
  for (int64_t count : {int64_t(0), int64_t(130), int64_t(200), int64_t(7)}) {
    auto status = session.run({vectorOf(a), vectorOf(a), Tensor::of(&count, {})});
    ASSERT_TRUE(bool(status)) << status.error().message();
    std::vector<float> c = *session.outputData<float>(0);
    ASSERT_EQ(c.size(), size_t(count));
    for (size_t i = 0; i < c.size(); ++i)
      EXPECT_EQ(c[i], 2 * a[i]);
  }
  int64_t wrong = 201;
  auto status = session.run({vectorOf(a), vectorOf(a), Tensor::of(&wrong, {})});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().status(), CAMEO_BAD_INPUT);
  EXPECT_EQ(status.error().nodes(), std::vector<std::string>{"/slice"});
  int64_t negative = -1;
  EXPECT_FALSE(session.run({vectorOf(a), vectorOf(a), Tensor::of(&negative, {})}));
}

/// Input elements as sizes: c = a + b where the control operand says so, else c = b.
TEST_P(Run, AnIfTakesOneBranch) {
  BundleDesc desc = addBundle();
  desc.inputs.push_back({"flag", DType::boolean, {}});
  desc.symbol("flag", bundle::Symbol::Source::inputElement, 2, 0);
  bundle::Step launch = desc.steps[0];
  desc.steps = {bundle::If{desc.expr(SizeExpr::symbol("flag")), 1, 1}, launch,
                bundle::Copy{{2, kNone, kNone}, {1, kNone, kNone}}};
  OpenedBundle opened(desc);
  auto session = opened.session(GetParam());
  std::vector<float> a = ramp(20, 1, 1), b = ramp(20, 7, 1);
  for (bool flag : {true, false, true}) {
    auto status = session.run({vectorOf(a), vectorOf(b), Tensor::of(&flag, {})});
    ASSERT_TRUE(bool(status)) << status.error().message();
    EXPECT_EQ((*session.outputData<float>(0))[3], flag ? a[3] + b[3] : b[3]);
  }
}

TEST_P(Run, ALoopRepeatsItsBody) {
  // c = 0; repeat `trips` times: t = c + a; c = t.
  BundleDesc desc = addBundle();
  SizeExpr n = SizeExpr::symbol("N");
  desc.inputs.push_back({"trips", DType::i32, {}});
  desc.symbol("trips", bundle::Symbol::Source::inputElement, 2, 0);
  SymbolId round = desc.symbol("round", bundle::Symbol::Source::step);
  BufferId t = addBuffer(desc, Kind::temporary, 0, n * 4, 2, 3);
  desc.steps = {bundle::Fill{{2, kNone, kNone}, 4, 0},
                bundle::Loop{desc.expr(SizeExpr::symbol("trips")), desc.expr(lt(SizeExpr::symbol("round"), 5)),
                             round, 2},
                binaryLaunch(desc, 0, 2, 0, t, n), bundle::Copy{{2, kNone, kNone}, {t, kNone, kNone}}};
  OpenedBundle opened(desc);
  auto session = opened.session(GetParam());
  std::vector<float> a = ramp(20, 1, 1);
  for (auto [trips, rounds] : {std::pair{3, 3}, {0, 0}, {100, 5}}) {
    auto status = session.run({vectorOf(a), vectorOf(a), Tensor::of(&trips, {})});
    ASSERT_TRUE(bool(status)) << status.error().message();
    EXPECT_EQ((*session.outputData<float>(0))[4], float(rounds) * a[4]);
  }
}

TEST_P(Run, AliasesAndSizesAsData) {
  // The output is [N, N+1] as int64, written in two halves: one by its size, one through an alias.
  BundleDesc desc;
  desc.symbol("N", bundle::Symbol::Source::inputDim, 0, 0);
  SizeExpr n = SizeExpr::symbol("N");
  desc.inputs = {{"a", DType::f32, {desc.expr(n)}}};
  desc.outputs = {{"shape", DType::i64, {desc.expr(2)}}};
  BufferId out = addBuffer(desc, Kind::output, 0, 16), half = addBuffer(desc, Kind::alias, out, 8);
  desc.buffers[half].offset = desc.expr(8);
  desc.steps = {bundle::WriteSizes{out, DType::i64, {desc.expr(n)}},
                bundle::WriteSizes{half, DType::i64, {desc.expr(n + 1)}}};
  OpenedBundle opened(desc);
  auto session = opened.session(GetParam());
  std::vector<float> a = ramp(20, 1, 1);
  auto status = session.run({vectorOf(a)});
  ASSERT_TRUE(bool(status)) << status.error().message();
  EXPECT_EQ(*session.outputData<int64_t>(0), (std::vector<int64_t>{20, 21}));
}

TEST_P(Run, BoundOutputsAreWritten) {
  OpenedBundle opened(addBundle());
  auto session = opened.session(GetParam());
  std::vector<float> a = ramp(20, 1, 1), c(20), small(19);
  auto status = session.run({vectorOf(a), vectorOf(a)}, {vectorOf(c)});
  ASSERT_TRUE(bool(status)) << status.error().message();
  EXPECT_EQ(c[19], 40);
  auto tooSmall = session.run({vectorOf(a), vectorOf(a)}, {vectorOf(small)});
  ASSERT_FALSE(tooSmall);
  EXPECT_EQ(tooSmall.error().status(), CAMEO_BAD_INPUT);
}

TEST(Written, TheSimulatorKnowsWhatKernelsWrote) {
  OpenedBundle opened(addBundle());
  auto session = opened.session(CAMEO_SIM);
  std::vector<float> a = ramp(20, 1, 1);
  runBinary(session, a, a);
  EXPECT_EQ(*session.unwritten(0), 0u);
  // The same output filled by a host step was written by no instruction.
  BundleDesc desc = addBundle();
  desc.steps = {bundle::Fill{{2, kNone, kNone}, 4, 0}};
  OpenedBundle filled(desc);
  auto other = filled.session(CAMEO_SIM);
  runBinary(other, a, a);
  EXPECT_EQ(*other.unwritten(0), 80u);
}

TEST(Findings, NameKernelNodesAndLine) {
  // The kernel believes that there is one element more than there is.
  BundleDesc desc = addBundle();
  std::get<bundle::Launch>(desc.steps[0]).arguments[3].expr = desc.expr(SizeExpr::symbol("N") + 1);
  OpenedBundle opened(desc);
  auto session = opened.session(CAMEO_SIM);
  std::vector<float> a = ramp(20, 1, 1);
  auto status = session.run({vectorOf(a), vectorOf(a)});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().status(), CAMEO_FINDING_MEMORY);
  EXPECT_EQ(status.error().kernel(), "add");
  ASSERT_FALSE(session.findings().empty());
  cameo_finding finding = session.findings()[0];
  EXPECT_STREQ(finding.nodes[0], "/add");
  EXPECT_NE(std::string(finding.instruction).find("ld.global"), std::string::npos);
  EXPECT_EQ(finding.thread[0], 20u);
  EXPECT_GT(finding.line, 0u);
  EXPECT_NE(std::string(finding.object).find("input 'a'"), std::string::npos) << finding.object;
}

TEST(Findings, ATemporaryThatNobodyWroteIsFound) {
  std::vector<float> w = ramp(20, 2, 1), a = ramp(20, 1, 1);
  BundleDesc desc = twoKernelBundle(w);
  std::swap(desc.steps[0], desc.steps[1]);
  OpenedBundle opened(desc);
  auto session = opened.session(CAMEO_SIM);
  auto status = session.run({vectorOf(a), vectorOf(a)});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().status(), CAMEO_FINDING_MEMORY);
  EXPECT_EQ(status.error().kernel(), "mul");
}

TEST(Counts, AreThereWhenAskedFor) {
  OpenedBundle opened(addBundle());
  Options options(CAMEO_SIM);
  options.profile = 1;
  auto session = opened.session(options);
  std::vector<float> a = ramp(256, 1, 1);
  runBinary(session, a, a);
  ASSERT_EQ(session.launches().size(), 1u);
  cameo_launch_info info = session.launches()[0];
  EXPECT_TRUE(info.has_counts);
  EXPECT_EQ(info.global_load_bytes, 2048u);
  EXPECT_EQ(info.global_store_bytes, 1024u);
  EXPECT_STREQ(info.kernel, "add");
}

TEST(Options, AnOlderCallersStructureIsNotOverrun) {
  struct {
    cameo_session_options options;
    char after[16];
  } memory;
  std::memset(static_cast<void *>(&memory), 0x5a, sizeof memory);
  size_t older = offsetof(cameo_session_options, strict);
  cameo_session_options_init(&memory.options, older);
  EXPECT_EQ(memory.options.struct_size, older);
  EXPECT_EQ(memory.options.graphs, 1);
  EXPECT_EQ(memory.options.strict, 0x5a5a5a5a);
  // A newer caller: what this library does not know is zero.
  cameo_session_options_init(&memory.options, sizeof memory);
  EXPECT_EQ(memory.options.struct_size, sizeof(cameo_session_options));
  EXPECT_EQ(memory.after[15], 0);
}

} // namespace
