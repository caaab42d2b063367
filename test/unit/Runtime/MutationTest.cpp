// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A hostile bundle: 10 000 changes of single fields of the program, with all checksums recomputed. Each
// is refused when opened, or refused when run, or runs without touching memory outside of its buffers
// (the simulator holds bounds; the address sanitizer watches the runtime itself).

#include "../Bundle/TestBundles.h"

#include "Format.h"
#include "Session.h"

#include <random>

using namespace cameo;
using namespace cameo::rt;
using namespace cameo::test;

namespace {

uint64_t testSeed() {
  const char *text = getenv("CAMEO_TEST_SEED");
  return text ? strtoull(text, nullptr, 10) : 1;
}

/// A bundle with every kind of step.
BundleDesc richBundle(const std::vector<float> &w) {
  using Kind = bundle::Buffer::Kind;
  BundleDesc desc = twoKernelBundle(w);
  SizeExpr n = SizeExpr::symbol("N");
  SymbolId first = desc.symbol("first", bundle::Symbol::Source::step);
  SymbolId round = desc.symbol("round", bundle::Symbol::Source::step);
  std::vector<bundle::Step> launches = desc.steps;
  desc.buffers[3].firstStep = 4;
  desc.buffers[3].lastStep = 6;
  BufferId alias = addBuffer(desc, Kind::alias, 3, n * 4 - 4);
  desc.buffers[alias].offset = desc.expr(4);
  desc.steps = {bundle::WriteSizes{2, DType::i64, {desc.expr(n), desc.expr(n * n)}},
                bundle::ReadSymbols{2, DType::i64, 0, {first}},
                bundle::If{desc.expr(eq(SizeExpr::symbol("first"), n)), 1, 0},
                bundle::Fill{{2, desc.expr(4), desc.expr(8)}, 4, 7},
                launches[0],
                bundle::Copy{{alias, kNone, desc.expr(8)}, {0, desc.expr(4), desc.expr(8)}},
                launches[1],
                bundle::Loop{desc.expr(2), desc.expr(lt(SizeExpr::symbol("round"), 9)), round, 1},
                bundle::Copy{{2, desc.expr(SizeExpr::symbol("round") * 4), desc.expr(4)}, {1, kNone, desc.expr(4)}}};
  return desc;
}

uint64_t interestingValue(std::mt19937_64 &random, uint64_t old) {
  switch (random() % 8) {
  case 0: return old ^ (uint64_t(1) << (random() % 64));
  case 1: return old + 1;
  case 2: return old - 1;
  case 3: return 0;
  case 4: return ~uint64_t(0);
  case 5: return random() % 16;
  case 6: return uint64_t(1) << (random() % 64);
  default: return random();
  }
}

class Mutations : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(writeBundle(richBundle(w), folder.file("m.cameo")).ok());
    good = readFile(folder.file("m.cameo"));
    BundleHeader header;
    std::memcpy(&header, good.data(), sizeof header);
    for (uint32_t i = 0; i < header.sections; ++i) {
      BundleSection section;
      std::memcpy(&section, good.data() + sizeof header + i * sizeof section, sizeof section);
      if (section.kind == uint32_t(SectionKind::program))
        program = section.offset;
    }
    std::vector<uint64_t> images;
    auto opened = openBundle(folder.file("m.cameo"));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    Placements places;
    places.images.push_back({0, (*opened)->desc().modules[0].images[0].bytes.size()});
    places.weights.push_back({0, w.size() * 4});
    std::string encoded = encodeProgram((*opened)->desc(), places, &fields);
    ASSERT_EQ(good.substr(program, encoded.size()), encoded);
  }

  /// Opens and runs a changed file; everything but a crash is right.
  void tryFile(const std::string &bytes) {
    writeFile(folder.file("x.cameo"), bytes);
    auto bundle = LoadedBundle::open(folder.file("x.cameo"), {});
    if (!bundle) {
      ++refused;
      return;
    }
    SessionOptions options;
    options.device = DeviceKind::sim;
    options.timeLimit = 0.05;
    options.deviceOptions.memoryLimit = 64 << 20;
    options.deviceOptions.hostThreads = 1;
    auto session = Session::create(*bundle, options);
    if (!session) {
      ++refused;
      return;
    }
    std::vector<float> a = {1, 2, 3, 4}, b = {5, 6, 7, 8};
    Tensor ta{DType::f32, {4}, a.data(), 16, DeviceKind::automatic, 0}, tb = ta;
    tb.data = b.data();
    std::vector<Tensor> inputs = {ta, tb};
    inputs.resize((*session)->desc().inputs.size(), ta);
    if ((*session)->run(inputs, {}).ok()) {
      ++ran;
      for (uint32_t i = 0; i < (*session)->desc().outputs.size(); ++i)
        (*session)->outputOnHost(i).ok();
    } else {
      ++failed;
    }
  }

  TemporaryFolder folder;
  const std::vector<float> w = {1, 2, 3, 4};
  std::string good;
  uint64_t program = 0;
  std::vector<FieldSpan> fields;
  int refused = 0, failed = 0, ran = 0;
};

TEST_F(Mutations, TheGoodBundleRuns) {
  tryFile(good);
  EXPECT_EQ(ran, 1);
}

TEST_F(Mutations, TenThousandFieldsWithChecksumsRecomputed) {
  std::mt19937_64 random(testSeed());
  for (int i = 0; i < 10000; ++i) {
    const FieldSpan &field = fields[random() % fields.size()];
    std::string bytes = good;
    uint64_t value = 0;
    std::memcpy(&value, &bytes[program + field.offset], field.bytes);
    value = interestingValue(random, value);
    std::memcpy(&bytes[program + field.offset], &value, field.bytes);
    ASSERT_TRUE(resealBundle(bytes));
    tryFile(bytes);
  }
  RecordProperty("refused", refused);
  RecordProperty("failed", failed);
  RecordProperty("ran", ran);
  // The three outcomes all occur: otherwise the mutations do not reach what they should.
  EXPECT_GT(refused, 1000);
  EXPECT_GT(failed, 100);
  EXPECT_GT(ran, 100);
}

TEST_F(Mutations, SectionsThatLieElsewhere) {
  // The table: every field of every entry, changed and resealed.
  std::mt19937_64 random(testSeed());
  for (size_t at = sizeof(BundleHeader); at < sizeof(BundleHeader) + 5 * sizeof(BundleSection); at += 4)
    for (int i = 0; i < 20; ++i) {
      std::string bytes = good;
      uint32_t value = 0;
      std::memcpy(&value, &bytes[at], 4);
      value = uint32_t(interestingValue(random, value));
      std::memcpy(&bytes[at], &value, 4);
      if (resealBundle(bytes))
        tryFile(bytes);
    }
  SUCCEED();
}

TEST_F(Mutations, AnyByteOfThePtx) {
  std::mt19937_64 random(testSeed());
  size_t begin = good.find(".version");
  ASSERT_NE(begin, std::string::npos);
  size_t length = richBundle(w).modules[0].images[0].bytes.size();
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = good;
    bytes[begin + random() % length] = char(random());
    ASSERT_TRUE(resealBundle(bytes));
    tryFile(bytes);
  }
  SUCCEED();
}

} // namespace
