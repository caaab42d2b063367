// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix descriptors, from the tables of the PTX ISA ("Shared Memory Matrix Layout", "Strides",
// "Matrix Descriptor Format"). With T elements in 16 bytes and W bytes in a row of the swizzle atom,
// the canonical layouts are, as (row, column of K):
//
//   K-major, no swizzle   ((8,m),(T,2k)) : ((16 B, stride), (1, leading))
//   K-major, W            ((8,m),(T,2k)) : ((W, stride), (1, 16 B)), leading is not used
//   MN-major, no swizzle  ((T,1,m),(8,k)) : ((1, -, stride), (16 B, leading))
//   MN-major, W           ((T,W/16,m),(8,k)) : ((1, 16 B, leading), (W, stride))
//
// and then bits 4-6, 4-5 or 4 of the address are exchanged with (xor) those from bit 7 on.
#include "WgmmaDescriptor.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

/// Fields are multiples of 16, of 18 bits.
uint32_t field(uint64_t bits, unsigned at) { return static_cast<uint32_t>(bits >> at & 0x3fff) << 4; }

constexpr uint64_t reserved = uint64_t(3) << 14 | uint64_t(3) << 30 | uint64_t(7) << 46 |
                              uint64_t(0x3ff) << 52;

uint32_t linearOffset(const WgmmaDescriptor &d, bool alongRows, uint32_t row, uint32_t k) {
  uint32_t width = d.atomBytes(), perAtom = width / 16;
  if (d.swizzle == WgmmaSwizzle::None)
    return alongRows ? k % 8 * 16 + k / 8 * d.leading + row * d.stride
                     : row % 8 * 16 + row / 8 * d.stride + k * d.leading;
  return alongRows ? row % perAtom * 16 + row / perAtom * d.leading + k % 8 * width + k / 8 * d.stride
                   : row % 8 * width + row / 8 * d.stride + k * 16;
}

} // namespace

WgmmaDescriptor::WgmmaDescriptor(uint64_t bits)
    : start(field(bits, 0)), leading(field(bits, 16)), stride(field(bits, 32)),
      base(static_cast<uint32_t>(bits >> 49 & 7)), swizzle(static_cast<WgmmaSwizzle>(bits >> 62)),
      bits(bits) {}

uint32_t WgmmaDescriptor::atomBytes() const {
  static constexpr uint32_t bytes[] = {16, 128, 64, 32};
  return bytes[static_cast<unsigned>(swizzle)];
}

std::string WgmmaDescriptor::text() const {
  std::string mode = swizzle == WgmmaSwizzle::None
                         ? "no swizzle" : std::to_string(atomBytes()) + "-byte swizzle";
  return "start " + std::to_string(start) + ", leading " + std::to_string(leading) + ", stride " +
         std::to_string(stride) + ", base offset " + std::to_string(base) + ", " + mode;
}

std::string unitsOf(const WgmmaDescriptor &d, const WgmmaOperandShape &shape,
                    std::vector<uint32_t> &units) {
  if (d.bits & reserved)
    return "bits 14-15, 30-31, 46-48 and 52-61 have to be zero";
  uint32_t width = d.atomBytes();
  // The pattern repeats after as many rows of 128 bytes as a row of the atom has units.
  uint32_t mask = d.swizzle == WgmmaSwizzle::None ? 0 : width / 16 - 1;
  if (((d.start >> 7) - d.base) & mask)
    return "the start address lies in row " + std::to_string(((d.start >> 7) - d.base) & mask) +
           " of the swizzle pattern, which begins at multiples of " + std::to_string(width * 8) +
           " bytes or where the base offset says";
  if (mask && !shape.alongRows && d.start % width + shape.bytes > width)
    return std::to_string(shape.bytes) + " bytes of K from byte " + std::to_string(d.start % width) +
           " on leave the swizzle atom's row of " + std::to_string(width) + " bytes";
  // Every atom of eight rows (of K, if MN-major) begins where the pattern does.
  uint32_t atom = 8 * width;
  bool strides = shape.alongRows ? shape.bytes > 16 : shape.rows > 8;
  bool leads = shape.alongRows && shape.rows * 2 > width;
  if (mask && ((strides && d.stride % atom) || (leads && d.leading % atom)))
    return "the " + std::string(strides && d.stride % atom ? "stride" : "leading") +
           " offset is no multiple of the swizzle atom's " + std::to_string(atom) + " bytes";
  uint32_t outer = shape.alongRows ? shape.bytes / 2 : shape.rows;
  uint32_t inner = shape.alongRows ? shape.rows / 8 : shape.bytes / 16;
  units.clear();
  units.reserve(shape.units());
  for (uint32_t o = 0; o < outer; ++o)
    for (uint32_t i = 0; i < inner; ++i) {
      uint32_t row = shape.alongRows ? i : o, k = shape.alongRows ? o : i;
      uint32_t address = d.start + linearOffset(d, shape.alongRows, row, k);
      units.push_back(address ^ (((address >> 7) - d.base) & mask) << 4);
    }
  std::vector<uint32_t> sorted(units);
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return "with these strides several parts of the matrix are the same bytes";
  return "";
}

} // namespace cameo::ptx
