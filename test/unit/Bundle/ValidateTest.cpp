// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each rule of validation, broken once in an otherwise good description.

#include "TestBundles.h"

#include "Format.h"
#include "PtxSignature.h"

using namespace cameo;
using namespace cameo::test;

namespace {

struct Fault {
  const char *name;
  std::function<void(BundleDesc &)> damage;
  const char *message; ///< a part of it
};

bundle::Launch &launchOf(BundleDesc &desc, size_t step = 0) {
  return std::get<bundle::Launch>(desc.steps[step]);
}

void PrintTo(const Fault &fault, std::ostream *out) { *out << fault.name; }

class Faults : public testing::TestWithParam<Fault> {};

TEST_P(Faults, AreRefused) {
  static const std::vector<float> w = {1, 2, 3};
  BundleDesc desc = twoKernelBundle(w);
  ASSERT_TRUE(validate(desc).ok());
  GetParam().damage(desc);
  Status status = validate(desc);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::invalid);
  EXPECT_NE(status.error().message.find(GetParam().message), std::string::npos) << status.error().message;
}

constexpr uint32_t absent = 1000;

const Fault faults[] = {
    {"UndeclaredSymbol", [](BundleDesc &d) { d.expr(SizeExpr::symbol("Q")); }, "undeclared symbol 'Q'"},
    {"SymbolTwice", [](BundleDesc &d) { d.symbols.push_back(d.symbols[0]); }, "two symbols"},
    {"SymbolOfNoInput", [](BundleDesc &d) { d.symbols[0].input = 9; }, "comes from input 9"},
    {"SymbolOfNoDimension", [](BundleDesc &d) { d.symbols[0].index = 1; }, "which has rank 1"},
    {"SymbolOfSmallFloats",
     [](BundleDesc &d) {
       d.symbols[0].source = bundle::Symbol::Source::inputElement;
       d.inputs[d.symbols[0].input].dtype = DType::f8e4m3fn;
     },
     "which are no numbers"},
    {"ExprUnderflow", [](BundleDesc &d) { d.exprs[0] = {{SizeExpr::Op::Add, 0}}; }, "on its stack"},
    {"ExprLeftOver",
     [](BundleDesc &d) { d.exprs[0] = {{SizeExpr::Op::Constant, 0}, {SizeExpr::Op::Constant, 0}}; },
     "leaves 2 values"},
    {"ExprEmpty", [](BundleDesc &d) { d.exprs[0].clear(); }, "leaves 0 values"},
    {"ExprNoSymbol", [](BundleDesc &d) { d.exprs[0] = {{SizeExpr::Op::Symbol, -1}}; }, "does not exist"},
    {"ExprTooDeep",
     [](BundleDesc &d) {
       d.exprs[0].assign(300, {SizeExpr::Op::Constant, 1});
       d.exprs[0].insert(d.exprs[0].end(), 299, {SizeExpr::Op::Add, 0});
     },
     "too deep a stack"},
    {"PortOfStrings", [](BundleDesc &d) { d.inputs[0].dtype = DType::string; }, "without a size"},
    {"PortDimAbsent", [](BundleDesc &d) { d.outputs[0].dims[0] = absent; }, "does not exist"},
    {"InputDimOfAStep",
     [](BundleDesc &d) {
       d.symbol("later", bundle::Symbol::Source::step);
       d.inputs[0].dims[0] = d.expr(SizeExpr::symbol("later"));
     },
     "known only after a step"},
    {"CheckAbsent", [](BundleDesc &d) { d.checks[0].expr = absent; }, "a check refers"},
    {"BufferAlignment", [](BundleDesc &d) { d.buffers[3].alignment = 3; }, "has alignment 3"},
    {"BufferSize", [](BundleDesc &d) { d.buffers[3].bytes = absent; }, "does not exist"},
    {"BufferOfNoInput", [](BundleDesc &d) { d.buffers[0].index = 7; }, "refers to input 7"},
    {"BufferOfNoWeight", [](BundleDesc &d) { d.buffers[4].index = 7; }, "refers to weight 7"},
    {"OutputTwice", [](BundleDesc &d) { d.buffers[3] = d.buffers[2]; }, "second buffer"},
    {"OutputWithout",
     [](BundleDesc &d) {
       d.buffers[2].kind = bundle::Buffer::Kind::temporary;
       d.buffers[2].lastStep = 1;
     },
     "has no buffer"},
    {"IntervalBackwards", [](BundleDesc &d) { d.buffers[3].firstStep = 2; }, "lives from step"},
    {"IntervalTooLong", [](BundleDesc &d) { d.buffers[3].lastStep = 2; }, "lives from step"},
    {"UseAfterInterval", [](BundleDesc &d) { d.buffers[3].lastStep = 0; }, "outside of its live interval"},
    {"AliasOfItself",
     [](BundleDesc &d) {
       d.buffers[3].kind = bundle::Buffer::Kind::alias;
       d.buffers[3].index = 3;
     },
     "does not precede it"},
    {"WeightOutside",
     [](BundleDesc &d) {
       d.weights[0].source = bundle::Weight::Source::reference;
       d.weights[0].path = "a/../../b";
     },
     "outside of the bundle's folder"},
    {"WeightAbsolute",
     [](BundleDesc &d) {
       d.weights[0].source = bundle::Weight::Source::reference;
       d.weights[0].path = "/etc/passwd";
     },
     "outside of the bundle's folder"},
    {"ModuleTarget", [](BundleDesc &d) { d.modules[0].images[0].target = "sm_x"; }, "which is no target"},
    {"ModuleWithNul", [](BundleDesc &d) { d.modules[0].images[0].bytes.push_back('\0'); }, "NUL"},
    {"ModuleWithoutPtx",
     [](BundleDesc &d) { d.modules[0].images[0].kind = bundle::Image::Kind::cubin; }, "has no PTX"},
    {"KernelAbsent", [](BundleDesc &d) { d.kernels[0].symbol = "sub"; }, "has no entry 'sub'"},
    {"KernelName", [](BundleDesc &d) { d.kernels[0].symbol = "a b"; }, "PTX does not allow"},
    {"KernelModule", [](BundleDesc &d) { d.kernels[0].module = 5; }, "is of module 5"},
    {"KernelThreads", [](BundleDesc &d) { d.kernels[0].threads = {1024, 2, 1}; }, "a block of"},
    {"KernelNoThreads", [](BundleDesc &d) { d.kernels[0].threads = {1, 0, 1}; }, "a block of"},
    {"LaunchNoModule", [](BundleDesc &d) { launchOf(d).variants.clear(); }, "variants for 0 modules of 1"},
    {"LaunchNoVariant", [](BundleDesc &d) { launchOf(d).variants[0].clear(); }, "0 variants"},
    {"LaunchOtherModule",
     [](BundleDesc &d) {
       addModule(d, binaryKernel("add", "add.rn.f32"));
       launchOf(d).variants.push_back(launchOf(d).variants[0]);
     },
     "not of module 1"},
    {"LaunchGuard", [](BundleDesc &d) { launchOf(d).variants[0][0].guard = absent; }, "does not exist"},
    {"LaunchKernel", [](BundleDesc &d) { launchOf(d).variants[0][0].kernel = 9; }, "launches kernel 9"},
    {"LaunchFewArguments", [](BundleDesc &d) { launchOf(d).arguments.pop_back(); }, "passes 3 arguments"},
    {"LaunchWideArgument",
     [](BundleDesc &d) { launchOf(d).variants[0][0].indexBits = 64; }, "sizes are not those"},
    {"LaunchAlignments", [](BundleDesc &d) { launchOf(d).variants[0][0].alignment.pop_back(); }, "alignments"},
    {"LaunchBuffer", [](BundleDesc &d) { launchOf(d).arguments[0].buffer = 99; }, "uses buffer 99"},
    {"CopyToInput",
     [](BundleDesc &d) { d.steps.push_back(bundle::Copy{{0, kNone, kNone}, {1, kNone, kNone}}); },
     "which is an input or a weight"},
    {"FillWidth", [](BundleDesc &d) { d.steps.push_back(bundle::Fill{{2, kNone, kNone}, 3, 0}); },
     "pattern of 3 bytes"},
    {"ReadIntoInputSymbol",
     [](BundleDesc &d) { d.steps.push_back(bundle::ReadSymbols{2, DType::i64, 0, {0}}); },
     "no step may set"},
    {"ReadSmallFloats",
     [](BundleDesc &d) { d.steps.push_back(bundle::ReadSymbols{2, DType::f8e4m3fn, 0, {}}); },
     "neither integers nor reals"},
    {"IfTooLong", [](BundleDesc &d) { d.steps.push_back(bundle::If{0, 1, 0}); }, "longer than what encloses"},
    {"LoopTooLong",
     [](BundleDesc &d) { d.steps.push_back(bundle::Loop{kNone, kNone, kNone, ~0u}); },
     "longer than what encloses"},
    {"LoopSplitsInterval",
     [](BundleDesc &d) {
       // The temporary is written in the loop and read behind it, but does not live around it.
       d.steps.insert(d.steps.begin(), bundle::Loop{kNone, kNone, kNone, 1});
       d.buffers[3].firstStep = 1;
       d.buffers[3].lastStep = 2;
     },
     "inside of the loop"},
    {"NestedTooDeep",
     [](BundleDesc &d) {
       for (uint32_t i = 0; i < 80; ++i)
         d.steps.push_back(bundle::Loop{kNone, kNone, kNone, 79 - i});
     },
     "nested too deeply"},
    {"HostWithoutName", [](BundleDesc &d) { d.steps.push_back(bundle::HostOp{}); }, "without a name"},
};

INSTANTIATE_TEST_SUITE_P(Validate, Faults, testing::ValuesIn(faults),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(PtxSignature, ReadsParametersAndLimits) {
  auto entries = scanPtxEntries(R"(.version 8.0
// .entry commented(.param .u64 x) {}
.extern .func f(.param .b32 q);
.visible .entry k(
  .param .u64 .ptr .global .align 16 a,
  .param .align 8 .b8 s[8], /* , .param .u8 no */
  .param .f32 x, .param .u8 y
)
.maxntid 128, 2
.minnctapersm 1
{ ret; }
.entry none { ret; }
.entry odd(.param .b8 s[8]) .reqntid 64, 1, 1 { ret; }
)");
  ASSERT_TRUE(entries.ok()) << entries.error().message;
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ(entries->at("k").paramBytes, (std::vector<uint32_t>{8, 8, 4, 1}));
  EXPECT_EQ(entries->at("k").maxntid, (std::array<uint32_t, 3>{128, 2, 1}));
  EXPECT_TRUE(entries->at("none").paramBytes.empty());
  EXPECT_EQ(entries->at("odd").paramBytes, (std::vector<uint32_t>{0}));
  EXPECT_EQ(entries->at("odd").reqntid, (std::array<uint32_t, 3>{64, 1, 1}));
}

TEST(PtxSignature, RefusesWhatItCannotRead) {
  for (const char *text : {".entry k(.param .u64", ".entry k(.param .wide x) {}", ".entry k(u64 x) {}",
                           ".entry k(.param .b8 x[99999999999]) {}", ".entry k() .maxntid x {}",
                           ".entry k() {} .entry k() {}", "/*", "\"", "//"})
    if (auto entries = scanPtxEntries(text); entries.ok())
      EXPECT_TRUE(entries->empty()) << text;
}

TEST(Targets, AreParsed) {
  EXPECT_EQ(parseSmTarget("sm_90a")->suffix, 'a');
  EXPECT_EQ(parseSmTarget("sm_120")->number, 120u);
  for (const char *text : {"sm_", "sm_a", "compute_80", "sm_80b", "sm_8000", ""})
    EXPECT_FALSE(parseSmTarget(text)) << text;
}

} // namespace
