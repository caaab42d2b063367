// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every lane, register and byte of every fragment of mma.sync, against the PTX ISA: ldmatrix is carried out on
// paper with the addresses of MmaTable, and what arrives is what the instruction expects. Accumulators' layouts
// agree, and no ldmatrix meets a bank twice in any placement.
#include "cameo/Dialect/Kernel/Layout/MmaTable.h"

#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"

#include "gtest/gtest.h"

#include <map>
#include <set>
#include <tuple>

using namespace mlir;
using namespace cameo::kernel;

namespace {

/// What one byte of a register is: byte `part` of the element at (along m or n, along k).
struct Byte {
  int along, depth, part;
  bool operator==(const Byte &other) const {
    return std::tie(along, depth, part) == std::tie(other.along, other.depth, other.part);
  }
};
std::ostream &operator<<(std::ostream &out, const Byte &b) { return out << b.along << "," << b.depth << "." << b.part; }

FragmentStep rowOf(const FragmentMap &map, int lane) {
  FragmentStep at{0, 0};
  for (int bit = 0; bit < 5; ++bit)
    if (lane >> bit & 1) {
      at.along ^= map.lanes[bit].along;
      at.depth ^= map.lanes[bit].depth;
    }
  return at;
}

/// PTX ISA, ldmatrix: byte `b` of register `matrix` of `lane`. Elements of the matrix are b16; its row i begins
/// where lane 8 * matrix + i points.
Byte loaded(const FragmentMap &map, int size, bool transposed, int lane, int matrix, int b) {
  int row = transposed ? 2 * (lane % 4) + b / 2 : lane / 4;
  int column = transposed ? lane / 4 : 2 * (lane % 4) + b / 2;
  FragmentStep at = rowOf(map, 8 * matrix + row);
  int bytes = 2 * column + b % 2;
  int along = at.along + (transposed ? bytes / size : 0), depth = at.depth + (transposed ? 0 : bytes / size);
  return {along, depth, bytes % size};
}

/// What the emitted code gives the instruction.
Byte held(bool isB, int size, bool transposed, int lane, int reg, int b) {
  FragmentMap map = fragmentMap(isB, size, transposed);
  if (map.load == FragmentLoad::Elements) {
    FragmentStep at = rowOf(map, lane);
    for (int bit = 0; bit < 2; ++bit)
      if (reg >> bit & 1) {
        at.along += map.registers[bit].along;
        at.depth += map.registers[bit].depth;
      }
    return {at.along, at.depth, b};
  }
  if (map.load != FragmentLoad::Pairs)
    return loaded(map, size, transposed, lane, reg, b);
  FragmentPair pair = fragmentPair(isB, reg);
  unsigned selector = lane & 2 ? (pair.odd ? 0x3175 : 0x2064) : (pair.odd ? 0x7531 : 0x6420);
  int from = selector >> (4 * b) & 7;
  return loaded(map, size, transposed, lane, from < 4 ? pair.first : pair.second, from % 4);
}

/// PTX ISA, fragments of mma.m16n8k16 (two bytes), m16n8k32 (one byte), m16n8k8 (four bytes) and, eight rows
/// or columns a register, m8n8k4 (eight bytes): g = lane / 4, t = lane % 4.
Byte expected(bool isB, int size, bool paired, int lane, int reg, int b) {
  if (size == 8)
    return {lane / 4 + 8 * reg, lane % 4, b};
  int element = b / size, perRegister = 4 / size, g = lane / 4, t = lane % 4;
  int half = isB ? reg % 2 : reg / 2;  // of k
  int other = isB ? reg / 2 : reg % 2; // rows 8-15, or the second fragment of columns
  return {paired ? 2 * g + other : g + 8 * other, perRegister * t + element + 16 / size * half, b % size};
}

TEST(MmaTable, EveryByteOfEveryOperandIsWhereTheInstructionWantsIt) {
  for (int size : {1, 2, 4, 8})
    for (bool isB : {false, true})
      for (bool transposed : {false, true})
        for (int lane = 0; lane < 32; ++lane)
          for (int reg = 0; reg < (size == 8 ? 2 : 4); ++reg)
            for (int b = 0; b < (size == 8 ? 8 : 4); ++b)
              ASSERT_EQ(held(isB, size, transposed, lane, reg, b), expected(isB, size, transposed && size == 1, lane, reg, b))
                  << "size " << size << (isB ? " B" : " A") << (transposed ? " transposed" : "") << " lane " << lane
                  << " register " << reg << " byte " << b;
}

TEST(MmaTable, AccumulatorsHoldWhatTheInstructionGives) {
  MLIRContext context;
  context.loadDialect<KernelDialect>();
  Type i32 = IntegerType::get(&context, 32);
  for (Pairing pairing : {Pairing::None, Pairing::Rows, Pairing::Cols, Pairing::Both}) {
    auto acc = AccType::get(&context, 32, 64, i32, Engine::Mma, 1, 1, pairing, AccState::Ready);
    LayoutAttr layout = fragmentLayout(acc, 2);
    std::set<std::pair<int, int>> seen;
    for (int reg = 0; reg < 64; ++reg)
      for (int lane = 0; lane < 32; ++lane) {
        Coordinates at = registerCoordinates(layout, reg);
        for (unsigned bit = 0; bit < 5; ++bit)
          for (unsigned dim = 0; dim < 2; ++dim)
            at[dim] ^= lane >> bit & 1 ? layout.getLane(bit)[dim] : 0;
        // Register 4 * (8 * m + n) + i: element i of the fragment of 16 rows m and 8 columns n.
        int i = reg % 4, n = reg / 4 % 8, m = reg / 32;
        int row = lane / 4 + 8 * (i / 2), col = 2 * (lane % 4) + i % 2 + 8 * (n % 2);
        auto sorted = [](bool paired, int x) { return paired ? 2 * (x % 8) + x / 8 : x; };
        ASSERT_EQ(at[0], 16 * m + sorted(pairsRows(pairing), row)) << reg << " of lane " << lane;
        ASSERT_EQ(at[1], 16 * (n / 2) + sorted(pairsCols(pairing), col)) << reg << " of lane " << lane;
        seen.insert({at[0], at[1]});
      }
    EXPECT_EQ(seen.size(), 32u * 64u);
  }
}

/// Eight rows of one matrix, 16 bytes each, meet 128 bytes of banks: in every placement, at every chunk.
TEST(MmaTable, NoMatrixMeetsABankTwice) {
  struct Case {
    int pitch, span;
    unsigned mask;
  };
  for (Case c : {Case{32, 32, 1}, Case{64, 64, 3}, Case{128, 128, 7}, Case{144, 128, 0}, Case{272, 256, 0}})
    for (int size : {1, 2})
      for (bool isB : {false, true})
        for (bool transposed : {false, true})
          for (int matrix = 0; matrix < 4; ++matrix)
            for (int chunk = 0; chunk < c.span; chunk += transposed ? 16 : 32) {
              FragmentMap map = fragmentMap(isB, size, transposed);
              std::set<int> banks;
              for (int row = 0; row < 8; ++row) {
                FragmentStep at = rowOf(map, 8 * matrix + row);
                int offset = (transposed ? at.depth : at.along) * c.pitch + (transposed ? at.along : at.depth) * size + chunk;
                offset ^= (offset >> 7 & c.mask) << 4;
                banks.insert(offset % 128 / 16);
              }
              if (chunk + (transposed ? 8 * size : 16) < c.span)
                ASSERT_EQ(banks.size(), 8u) << "pitch " << c.pitch << " size " << size << (isB ? " B" : " A")
                                            << (transposed ? " transposed" : "") << " matrix " << matrix << " chunk " << chunk;
            }
}

/// Loads of single elements in padded rows: 32 lanes (16 of eight bytes) meet 128 bytes of banks.
TEST(MmaTable, NoElementMeetsABankTwice) {
  for (int size : {4, 8})
    for (bool isB : {false, true})
      for (bool transposed : {false, true})
        for (int bytes : {64, 128, 256, 512}) {
          FragmentMap map = fragmentMap(isB, size, transposed);
          if (map.load != FragmentLoad::Elements)
            continue;
          std::set<int> banks;
          for (int lane = 0; lane < 128 / size; ++lane) {
            FragmentStep at = rowOf(map, lane);
            int row = transposed ? at.depth : at.along, column = transposed ? at.along : at.depth;
            banks.insert((row * (bytes + 32) + column * size) % 128 / size);
          }
          EXPECT_EQ(int(banks.size()), 128 / size) << "rows of " << bytes << " bytes, elements of " << size;
        }
}

TEST(MmaTable, RefusesWhatNoInstructionMultiplies) {
  MLIRContext context;
  Builder b(&context);
  EXPECT_TRUE(findMma(b.getI8Type(), b.getI8Type(), b.getI32Type()));
  EXPECT_TRUE(findMma(b.getF16Type(), b.getF16Type(), b.getF32Type()));
  EXPECT_TRUE(findMma(b.getF64Type(), b.getF64Type(), b.getF64Type()));
  EXPECT_FALSE(findMma(b.getF64Type(), b.getF32Type(), b.getF64Type()));
  EXPECT_FALSE(findMma(b.getF16Type(), b.getBF16Type(), b.getF32Type()));
  EXPECT_FALSE(findMma(b.getI8Type(), b.getI8Type(), b.getF32Type()));
  EXPECT_FALSE(findMma(b.getI8Type(), b.getI32Type(), b.getI32Type()));
  EXPECT_FALSE(findMma(b.getIntegerType(16), b.getIntegerType(16), b.getI32Type()));
}

} // namespace
