// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing and opening bundles: what comes back is what was given, bytes are deterministic, and a
// target file is never half-written.

#include "TestBundles.h"

#include "Format.h"
#include "Hash.h"

#include <fcntl.h>
#include <sys/wait.h>

using namespace cameo;
using namespace cameo::test;

namespace {

TEST(Hash, MatchesThePublishedVectors) {
  EXPECT_EQ(hash64("", 0), 0xEF46DB3751D8E999ull);
  EXPECT_EQ(hash64("a", 1), 0xD24EC4F1A98C6E5Bull);
  EXPECT_EQ(hash64("abc", 3), 0x44BC2CF5AD770999ull);
  std::string text(1000, 'x');
  Hash64 pieces;
  for (size_t at = 0; at < text.size(); at += 7)
    pieces.update(text.data() + at, std::min<size_t>(7, text.size() - at));
  EXPECT_EQ(pieces.digest(), hash64(text.data(), text.size()));
}

TEST(Bundle, ComesBackAsItWas) {
  TemporaryFolder folder;
  std::vector<float> w = {1, 2, 3};
  BundleDesc desc = twoKernelBundle(w);
  Status written = writeBundle(desc, folder.file("m.cameo"));
  ASSERT_TRUE(written.ok()) << written.error().message;
  auto opened = openBundle(folder.file("m.cameo"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const BundleDesc &back = (*opened)->desc();
  EXPECT_EQ(back.model, "test");
  EXPECT_EQ(back.exprs, desc.exprs);
  EXPECT_EQ(back.steps.size(), 2u);
  EXPECT_EQ(back.modules[0].images[0].bytes, desc.modules[0].images[0].bytes);
  EXPECT_EQ(std::memcmp(back.weights[0].data, w.data(), w.size() * 4), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(back.weights[0].data) % kBundleAlignment, 0u);
  EXPECT_EQ(back.exprText(back.inputs[0].dims[0]), "N");
}

TEST(Bundle, BytesAreDeterministic) {
  TemporaryFolder folder;
  std::vector<float> w = {1, 2, 3};
  ASSERT_TRUE(writeBundle(twoKernelBundle(w), folder.file("a.cameo")).ok());
  ASSERT_TRUE(writeBundle(twoKernelBundle(w), folder.file("b.cameo")).ok());
  EXPECT_EQ(readFile(folder.file("a.cameo")), readFile(folder.file("b.cameo")));
}

TEST(Bundle, AFailedWriteLeavesTheOldFileAndNoOther) {
  TemporaryFolder folder;
  std::vector<float> w = {1, 2, 3};
  writeFile(folder.file("m.cameo"), "old");
  BundleDesc desc = twoKernelBundle(w);
  desc.weights[0].source = bundle::Weight::Source::reader;
  desc.weights[0].read = [](uint64_t, void *, uint64_t) { return false; };
  Status status = writeBundle(desc, folder.file("m.cameo"));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::resources);
  EXPECT_EQ(readFile(folder.file("m.cameo")), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.folder), {}), 1);
}

TEST(Bundle, AKilledWriterLeavesNothing) {
  TemporaryFolder folder;
  int probe = open(folder.folder.c_str(), O_WRONLY | O_TMPFILE, 0600);
  if (probe < 0)
    GTEST_SKIP() << "this file system has no unnamed files";
  close(probe);
  std::vector<float> w = {1, 2, 3};
  BundleDesc desc = twoKernelBundle(w);
  desc.weights[0].source = bundle::Weight::Source::reader;
  desc.weights[0].read = [](uint64_t, void *, uint64_t) -> bool { _exit(7); };
  pid_t child = fork();
  if (child == 0)
    _exit(writeBundle(desc, folder.file("m.cameo")).ok() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_TRUE(std::filesystem::is_empty(folder.folder));
}

TEST(Bundle, WeightsFromFilesReadersAndReferencesAreTheSame) {
  TemporaryFolder folder;
  std::vector<float> w = {1, 2, 3};
  std::string raw(reinterpret_cast<const char *>(w.data()), 12);
  writeFile(folder.file("w.bin"), "head" + raw);
  BundleDesc fromFile = twoKernelBundle(w), fromReader = twoKernelBundle(w), reference = twoKernelBundle(w);
  fromFile.weights[0].source = bundle::Weight::Source::file;
  fromFile.weights[0].path = folder.file("w.bin");
  fromFile.weights[0].fileOffset = 4;
  fromReader.weights[0].source = bundle::Weight::Source::reader;
  fromReader.weights[0].read = [&](uint64_t offset, void *to, uint64_t count) {
    std::memcpy(to, raw.data() + offset, count);
    return true;
  };
  reference.weights[0].source = bundle::Weight::Source::reference;
  reference.weights[0].path = "w.bin";
  reference.weights[0].fileOffset = 4;
  ASSERT_TRUE(writeBundle(twoKernelBundle(w), folder.file("memory.cameo")).ok());
  ASSERT_TRUE(writeBundle(fromFile, folder.file("file.cameo")).ok());
  ASSERT_TRUE(writeBundle(fromReader, folder.file("reader.cameo")).ok());
  ASSERT_TRUE(writeBundle(reference, folder.file("reference.cameo")).ok());
  EXPECT_EQ(readFile(folder.file("file.cameo")), readFile(folder.file("memory.cameo")));
  EXPECT_EQ(readFile(folder.file("reader.cameo")), readFile(folder.file("memory.cameo")));
  auto opened = openBundle(folder.file("reference.cameo"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(std::memcmp((*opened)->desc().weights[0].data, w.data(), 12), 0);

  writeFile(folder.file("w.bin"), "head" + std::string(12, 'x'));
  auto changed = openBundle(folder.file("reference.cameo"));
  ASSERT_FALSE(changed.ok());
  EXPECT_NE(changed.error().message.find("checksum"), std::string::npos) << changed.error().message;
  writeFile(folder.file("w.bin"), "head");
  EXPECT_FALSE(openBundle(folder.file("reference.cameo")).ok());
  std::filesystem::remove(folder.file("w.bin"));
  EXPECT_EQ(openBundle(folder.file("reference.cameo")).error().code, ErrorCode::resources);
}

TEST(Bundle, AReferenceThroughASymbolicLinkMayNotLeaveTheFolder) {
  TemporaryFolder folder, elsewhere;
  std::vector<float> w = {1, 2, 3};
  writeFile(elsewhere.file("w.bin"), std::string(reinterpret_cast<const char *>(w.data()), 12));
  std::filesystem::create_symlink(elsewhere.file("w.bin"), folder.file("w.bin"));
  BundleDesc desc = twoKernelBundle(w);
  desc.weights[0].source = bundle::Weight::Source::reference;
  desc.weights[0].path = "w.bin";
  ASSERT_TRUE(writeBundle(desc, folder.file("m.cameo")).ok());
  auto opened = openBundle(folder.file("m.cameo"));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::invalid);
  EXPECT_NE(opened.error().message.find("leads out"), std::string::npos) << opened.error().message;
  std::filesystem::rename(elsewhere.file("w.bin"), folder.file("real.bin"));
  std::filesystem::remove(folder.file("w.bin"));
  std::filesystem::create_symlink("real.bin", folder.file("w.bin"));
  EXPECT_TRUE(openBundle(folder.file("m.cameo")).ok());
}

TEST(Bundle, ForeignTruncatedAndNewerFilesAreRefused) {
  TemporaryFolder folder;
  auto refuse = [&](const std::string &bytes, ErrorCode code, const char *word) {
    writeFile(folder.file("x.cameo"), bytes);
    auto opened = openBundle(folder.file("x.cameo"));
    ASSERT_FALSE(opened.ok()) << word;
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    EXPECT_NE(opened.error().message.find(word), std::string::npos) << opened.error().message;
  };
  ASSERT_TRUE(writeBundle(addBundle(), folder.file("m.cameo")).ok());
  std::string good = readFile(folder.file("m.cameo"));
  refuse("", ErrorCode::invalid, "not a Cameo bundle");
  refuse("PK\3\4" + good, ErrorCode::invalid, "not a Cameo bundle");
  refuse(good.substr(0, good.size() - 1), ErrorCode::invalid, "truncated");
  refuse(good + "x", ErrorCode::invalid, "appended");
  std::string newer = good;
  newer[8] = 3;
  refuse(newer, ErrorCode::unsupported, "version 3.0; this runtime reads versions 1 to 2");
  std::string future = good;
  size_t at = future.find("argument.buffer");
  future.replace(at, 15, "argument.future");
  ASSERT_TRUE(resealBundle(future));
  refuse(future, ErrorCode::unsupported, "argument.future");
  EXPECT_EQ(openBundle(folder.file("absent.cameo")).error().code, ErrorCode::resources);
  EXPECT_EQ(openBundle(folder.folder).error().code, ErrorCode::invalid);
}

TEST(Bundle, ALaterMinorVersionWithNothingNewIsRead) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeBundle(addBundle(), folder.file("m.cameo")).ok());
  std::string file = readFile(folder.file("m.cameo"));
  file[10] = 7;
  ASSERT_TRUE(resealBundle(file));
  writeFile(folder.file("m.cameo"), file);
  auto opened = openBundle(folder.file("m.cameo"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ((*opened)->minor(), 7);
}

/// A bundle of each released version stays in test/bundle.
std::string frozenBundle(const std::string &version) {
  return std::string(CAMEO_SOURCE_DIR) + "/test/bundle/v" + version + ".cameo";
}

TEST(Bundle, TheFrozenBundleOfVersionOneIsRead) {
  std::vector<float> w = {1.5f, -2.0f, 0.25f, 3.0f};
  auto opened = openBundle(frozenBundle("1.0"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ((*opened)->major(), 1);
  const BundleDesc &desc = (*opened)->desc();
  EXPECT_EQ(desc.kernels[1].symbol, "mul");
  // Its one list of variants is that of its one module.
  const auto &variants = std::get<bundle::Launch>(desc.steps[1]).variants;
  ASSERT_EQ(variants.size(), 1u);
  EXPECT_EQ(desc.kernels[variants[0].at(0).kernel].symbol, "mul");
  EXPECT_EQ(std::memcmp(desc.weights[0].data, w.data(), 16), 0);
}

TEST(Bundle, TheFrozenBundleOfVersionTwoIsRead) {
  if (getenv("CAMEO_WRITE_FROZEN"))
    ASSERT_TRUE(writeBundle(twoTargetBundle("sm_86"), frozenBundle("2.0")).ok());
  auto opened = openBundle(frozenBundle("2.0"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ((*opened)->major(), 2);
  const BundleDesc &desc = (*opened)->desc();
  EXPECT_EQ(desc.modules[1].images[0].target, "sm_86");
  const auto &variants = std::get<bundle::Launch>(desc.steps[0]).variants;
  ASSERT_EQ(variants.size(), 2u);
  EXPECT_EQ(variants[0].size(), 1u);
  EXPECT_EQ(variants[1].size(), 2u);
}

TEST(Bundle, SeveralModulesOfVersionOneAreRefused) {
  // Whatever the steps say: version 1 did not tell for which module a variant is.
  BundleDesc desc = addBundle();
  desc.steps.clear();
  addModule(desc, binaryKernel("add", "mul.rn.f32"), "sm_86");
  std::string program = encodeProgram(desc, {{{0, 1}, {0, 1}}, {}});
  BundleDesc decoded;
  Placements places;
  Status status = decodeProgram(program, decoded, places, 1);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::unsupported);
  EXPECT_NE(status.error().message.find("compile the model again"), std::string::npos);
}

} // namespace
