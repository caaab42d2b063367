// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix descriptors against layouts written down by hand from the figures of the PTX ISA. A is the
// identity, so that D shows which bytes of shared memory are element (k, n) of B: each 16-bit
// element holds its own number. And descriptors that no matrix has.
#include "WgmmaHarness.h"

namespace cameo::ptx::test {
namespace {

constexpr uint64_t swizzled(int mode) { return uint64_t(mode) << 62; }
constexpr uint64_t fields(uint32_t start, uint32_t leading, uint32_t stride, uint64_t rest = 0) {
  return uint64_t(start >> 4) | uint64_t(leading >> 4) << 16 | uint64_t(stride >> 4) << 32 | rest;
}

WgmmaRun runDescriptor(uint64_t descB, bool alongRows, int n, AsyncLaunch how = {}) {
  WgmmaCase c;
  c.n = n;
  c.layoutB.alongRows = alongRows;
  WgmmaData data;
  for (uint32_t k = 0; k < 16; ++k)
    place(data.a, c.layoutA, k, k, 16, 32, 16, encode("f16", 1));
  for (uint32_t e = 0; e < 2048; ++e) {
    uint64_t bits = encode("f16", int(e));
    data.b[2 * e] = uint8_t(bits), data.b[2 * e + 1] = uint8_t(bits >> 8);
  }
  c.scaleD = "0";
  std::string body = "ld.param.u64 %l1, [db];\nmov.b64 %l2, " + std::to_string(int64_t(c.layoutB.descriptor(32, 16))) +
                     ";\nsub.s64 %descB, %descB, %l2;\nmov.b64 %l2, " + std::to_string(int64_t(descB)) +
                     ";\nadd.s64 %descB, %descB, %l2;\n" + wgmmaBody(c);
  return runWgmma(c, body, data, how);
}

/// The number of element (k, n), from row k of D.
int elementAt(const WgmmaRun &run, int k, int n) {
  int t = k / 8 % 2 * 0 + k % 8 * 4 + n % 8 / 2, i = n / 8 * 4 + (k >= 8 ? 2 : 0) + n % 2;
  return int(bitsAs<float>(run.d[size_t(i * 128 + t)]));
}

/// Units of 16 bytes (8 elements): `units[n][j]` has elements 8j ... 8j+7 of K of column n.
void expectKMajor(uint64_t desc, const std::vector<std::vector<int>> &units) {
  WgmmaRun run = runDescriptor(desc, false, int(units.size()));
  ASSERT_TRUE(run.kinds.empty()) << run.text;
  for (int n = 0; n < int(units.size()); ++n)
    for (int k = 0; k < 16; ++k)
      ASSERT_EQ(elementAt(run, k, n), units[size_t(n)][size_t(k / 8)] * 8 + k % 8) << "column " << n << " k " << k;
}

/// `units[k][j]` has columns 8j ... 8j+7 of row k.
void expectNMajor(uint64_t desc, const std::vector<std::vector<int>> &units) {
  int columns = int(units[0].size()) * 8;
  WgmmaRun run = runDescriptor(desc, true, columns);
  ASSERT_TRUE(run.kinds.empty()) << run.text;
  for (int n = 0; n < columns; ++n)
    for (int k = 0; k < 16; ++k)
      ASSERT_EQ(elementAt(run, k, n), units[size_t(k)][size_t(n / 8)] * 8 + n % 8) << "column " << n << " k " << k;
}

TEST(WgmmaDescriptor, KMajor) {
  // No swizzle: core matrices of eight rows of 16 bytes; K 128 bytes on, N 256 bytes on.
  expectKMajor(fields(0, 128, 256), {{0, 8}, {1, 9}, {2, 10}, {3, 11}, {4, 12}, {5, 13}, {6, 14}, {7, 15},
                                     {16, 24}, {17, 25}, {18, 26}, {19, 27}, {20, 28}, {21, 29}, {22, 30}, {23, 31}});
  // 32 bytes: rows of two units, exchanged in the second half of each 256 bytes.
  expectKMajor(fields(0, 16, 256, swizzled(3)), {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {9, 8}, {11, 10}, {13, 12}, {15, 14},
                                                 {16, 17}, {18, 19}, {20, 21}, {22, 23}, {25, 24}, {27, 26}, {29, 28},
                                                 {31, 30}});
  // 64 bytes: rows of four units; every two rows the next exchange.
  expectKMajor(fields(0, 16, 512, swizzled(2)), {{0, 1}, {4, 5}, {9, 8}, {13, 12}, {18, 19}, {22, 23}, {27, 26}, {31, 30}});
  expectKMajor(fields(32, 16, 512, swizzled(2)), {{2, 3}, {6, 7}, {11, 10}, {15, 14}, {16, 17}, {20, 21}, {25, 24}, {29, 28}});
  // 128 bytes: rows of eight units; every row the next exchange.
  expectKMajor(fields(0, 16, 1024, swizzled(1)), {{0, 1}, {9, 8}, {18, 19}, {27, 26}, {36, 37}, {45, 44}, {54, 55}, {63, 62},
                                                  {64, 65}, {73, 72}, {82, 83}, {91, 90}, {100, 101}, {109, 108},
                                                  {118, 119}, {127, 126}});
  expectKMajor(fields(96, 16, 1024, swizzled(1)), {{6, 7}, {15, 14}, {20, 21}, {29, 28}, {34, 35}, {43, 42}, {48, 49}, {57, 56}});
}

TEST(WgmmaDescriptor, NMajor) {
  std::vector<std::vector<int>> units;
  // No swizzle: eight columns are a unit, eight k a core matrix; N 256 bytes on (stride), K 128 (leading).
  for (int k = 0; k < 16; ++k)
    units.push_back({k, 16 + k});
  expectNMajor(fields(0, 128, 256), units);
  // 32 bytes: two units a row, the next two 512 bytes on (leading), the next eight k 256 bytes on (stride).
  expectNMajor(fields(0, 512, 256, swizzled(3)),
               {{0, 1, 32, 33}, {2, 3, 34, 35}, {4, 5, 36, 37}, {6, 7, 38, 39}, {9, 8, 41, 40}, {11, 10, 43, 42},
                {13, 12, 45, 44}, {15, 14, 47, 46}, {16, 17, 48, 49}, {18, 19, 50, 51}, {20, 21, 52, 53}, {22, 23, 54, 55},
                {25, 24, 57, 56}, {27, 26, 59, 58}, {29, 28, 61, 60}, {31, 30, 63, 62}});
  // 64 bytes: four units a row; one column octet beyond them lies 1024 bytes on.
  expectNMajor(fields(0, 1024, 512, swizzled(2)),
               {{0, 1, 2, 3, 64}, {4, 5, 6, 7, 68}, {9, 8, 11, 10, 73}, {13, 12, 15, 14, 77}, {18, 19, 16, 17, 82},
                {22, 23, 20, 21, 86}, {27, 26, 25, 24, 91}, {31, 30, 29, 28, 95}, {32, 33, 34, 35, 96},
                {36, 37, 38, 39, 100}, {41, 40, 43, 42, 105}, {45, 44, 47, 46, 109}, {50, 51, 48, 49, 114},
                {54, 55, 52, 53, 118}, {59, 58, 57, 56, 123}, {63, 62, 61, 60, 127}});
  // 128 bytes: eight units a row, eight k are 1024 bytes.
  units.clear();
  const int rows[8][8] = {{0, 1, 2, 3, 4, 5, 6, 7},         {9, 8, 11, 10, 13, 12, 15, 14},   {18, 19, 16, 17, 22, 23, 20, 21},
                          {27, 26, 25, 24, 31, 30, 29, 28}, {36, 37, 38, 39, 32, 33, 34, 35}, {45, 44, 47, 46, 41, 40, 43, 42},
                          {54, 55, 52, 53, 50, 51, 48, 49}, {63, 62, 61, 60, 59, 58, 57, 56}};
  for (int k = 0; k < 16; ++k) {
    units.emplace_back(rows[k % 8], rows[k % 8] + 8);
    for (int &u : units.back())
      u += k / 8 * 64;
  }
  expectNMajor(fields(0, 2048, 1024, swizzled(1)), units);
}

/// A base offset says where the pattern begins that does not begin at a multiple of its size.
TEST(WgmmaDescriptor, BaseOffset) {
  std::vector<std::vector<int>> units;
  for (int n = 0; n < 8; ++n)
    units.push_back({16 + n * 8 + (0 ^ n), 16 + n * 8 + (1 ^ n)});
  expectKMajor(fields(256, 16, 1024, swizzled(1) | uint64_t(2) << 49), units);
}

void expectRefused(uint64_t desc, cameo_ptx_finding_kind kind, const char *text, bool alongRows = false, int n = 16) {
  WgmmaRun run = runDescriptor(desc, alongRows, n);
  ASSERT_EQ(run.kinds.size(), 1u) << text << run.text;
  EXPECT_EQ(run.kinds[0], kind) << run.text;
  EXPECT_NE(run.text.find(text), std::string::npos) << text << " is not in\n" << run.text;
}

TEST(WgmmaDescriptor, WhatNoMatrixHas) {
  expectRefused(fields(0, 128, 256, uint64_t(1) << 46), CAMEO_PTX_F_DESCRIPTOR, "have to be zero");
  expectRefused(fields(0, 128, 256, uint64_t(1) << 14), CAMEO_PTX_F_DESCRIPTOR, "stride 256, base offset 0, no swizzle");
  expectRefused(fields(0, 128, 256, uint64_t(1) << 61), CAMEO_PTX_F_DESCRIPTOR, "have to be zero");
  expectRefused(fields(128, 16, 1024, swizzled(1)), CAMEO_PTX_F_DESCRIPTOR, "row 1 of the swizzle pattern");
  expectRefused(fields(256, 16, 512, swizzled(2)), CAMEO_PTX_F_DESCRIPTOR, "row 2 of the swizzle pattern");
  expectRefused(fields(0, 16, 1024, swizzled(1) | uint64_t(1) << 49), CAMEO_PTX_F_DESCRIPTOR, "row 7 of the swizzle");
  expectRefused(fields(112, 16, 1024, swizzled(1)), CAMEO_PTX_F_DESCRIPTOR, "leave the swizzle atom's row of 128 bytes");
  expectRefused(fields(0, 16, 1040, swizzled(1)), CAMEO_PTX_F_DESCRIPTOR, "stride offset is no multiple of the swizzle atom's 1024");
  expectRefused(fields(0, 528, 256, swizzled(3)), CAMEO_PTX_F_DESCRIPTOR, "leading offset is no multiple of the swizzle atom's 256",
                true, 32);
  expectRefused(fields(0, 0, 256), CAMEO_PTX_F_DESCRIPTOR, "are the same bytes");
  expectRefused(fields(0, 128, 0), CAMEO_PTX_F_DESCRIPTOR, "are the same bytes");
  expectRefused(fields(0, 128, 65536), CAMEO_PTX_F_OUT_OF_BOUNDS, "not in 'tileB'");
  expectRefused(fields(65536, 128, 256), CAMEO_PTX_F_OUT_OF_BOUNDS, "the descriptor of B");
  expectRefused(fields(0, 65536, 1024, swizzled(1)), CAMEO_PTX_F_OUT_OF_BOUNDS, "not in 'tileB'", true, 72);
}

} // namespace
} // namespace cameo::ptx::test
