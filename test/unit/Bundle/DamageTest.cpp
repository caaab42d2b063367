// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Damage on purpose. Every single bit of a small bundle is flipped once: refused, always. Then fields
// of the program are changed with all checksums recomputed, as an attacker would: refused, or opened
// into something that is consistent. (Running what was opened is the runtime's test; both are meant for
// the address sanitizer.)

#include "TestBundles.h"

#include "Format.h"

#include <random>

using namespace cameo;
using namespace cameo::test;

namespace {

TEST(Damage, EachFlippedBitIsNoticed) {
  TemporaryFolder folder;
  std::vector<float> w = {1, 2, 3};
  ASSERT_TRUE(writeBundle(twoKernelBundle(w), folder.file("m.cameo")).ok());
  std::string good = readFile(folder.file("m.cameo"));
  const std::string path = folder.file("x.cameo");
  writeFile(path, good);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  for (size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      file.seekp(std::streamoff(at)).put(char(good[at] ^ (1 << bit))).flush();
      auto opened = openBundle(path);
      ASSERT_FALSE(opened.ok()) << "bit " << bit << " of byte " << at;
      file.seekp(std::streamoff(at)).put(good[at]).flush();
    }
  EXPECT_TRUE(openBundle(path).ok());
}

TEST(Damage, EachPrefixIsRefused) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeBundle(addBundle(), folder.file("m.cameo")).ok());
  std::string good = readFile(folder.file("m.cameo"));
  for (size_t length = 0; length < good.size(); ++length) {
    std::string part = good.substr(0, length);
    // Both as it is and with checksums and size recomputed.
    for (bool sealed : {false, true}) {
      if (sealed && !resealBundle(part))
        continue;
      writeFile(folder.file("x.cameo"), part);
      ASSERT_FALSE(openBundle(folder.file("x.cameo")).ok()) << length;
    }
  }
}

TEST(Damage, HugeCountsDoNotAllocate) {
  std::vector<float> w = {1, 2, 3};
  std::vector<FieldSpan> fields;
  std::string program = encodeProgram(twoKernelBundle(w), {{{0, 1}}, {{0, 12}}}, &fields);
  for (const FieldSpan &field : fields) {
    if (field.bytes != 8)
      continue;
    for (uint64_t value : {~uint64_t(0), uint64_t(1) << 32, uint64_t(1) << 62}) {
      std::string damaged = program;
      std::memcpy(&damaged[field.offset], &value, 8);
      BundleDesc desc;
      Placements places;
      // Either refused, or the field was no count; what came back is no larger than the file.
      decodeProgram(damaged, desc, places).ok();
      EXPECT_LE(desc.buffers.capacity(), damaged.size());
    }
  }
}

} // namespace
