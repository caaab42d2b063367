// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding and decoding of tensor maps. The rules are those that the driver documents for
// cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col, one row or check each, and the text names the field and
// what it has to be.
// Not held: that every stride is a multiple of the one before (drivers accept permuted and
// broadcast dimensions, and other compilers use them).
#include "TensorMap.h"

#include <cstring>

namespace cameo::ptx {
namespace {

constexpr uint64_t mark = 0x70614d726f736e54ull; // "TnsorMap"
constexpr unsigned checkedBytes = tensorMapBytes - 8;

struct TypeRow {
  std::string_view name;
  uint8_t bytes;
  uint64_t nan; ///< 0: the type has none
};

constexpr TypeRow types[] = {
    {".u8", 1, 0},   {".u16", 2, 0}, {".u32", 4, 0}, {".s32", 4, 0}, {".u64", 8, 0}, {".s64", 8, 0},
    {".f16", 2, 0x7fff7fff7fff7fffull},  {".f32", 4, 0x7fffffff7fffffffull},
    {".f64", 8, 0x7fffffffffffffffull},  {".bf16", 2, 0x7fff7fff7fff7fffull},
    {".f32", 4, 0x7fffffff7fffffffull},  {".tf32", 4, 0x7fffffff7fffffffull},
    {".tf32", 4, 0x7fffffff7fffffffull}};

/// The bytes, in the order of the fields; the checksum is at the end.
struct Encoded {
  uint64_t mark;
  uint8_t elementType, rank, interleave, swizzle, promotion, fill, elementStride[5], im2col, unused[4];
  uint64_t address;
  uint32_t sizeLessOne[5];
  uint16_t box[5];
  uint16_t padding;
  uint64_t stride[4];
  int16_t lower[3], upper[3];
  uint16_t channels, pixels;
};
static_assert(sizeof(Encoded) <= checkedBytes);

void writeEncoded(const Encoded &e, uint8_t *bytes);

uint64_t checksum(const uint8_t *bytes) {
  uint64_t sum = 0xcbf29ce484222325ull;
  for (unsigned i = 0; i < checkedBytes; i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + i, 8);
    sum = (sum ^ word) * 0x9E3779B97F4A7C15ull;
    sum ^= sum >> 29;
  }
  return sum;
}

std::string number(uint64_t value) { return std::to_string(value); }

std::string refuseDimension(const TensorMap &m, unsigned d) {
  std::string of = " of dimension " + number(d) + " is ";
  if (m.size[d] == 0 || m.size[d] > uint64_t(1) << 32)
    return "the size" + of + number(m.size[d]) + "; it has to be 1 to 2^32";
  if (d && (m.stride[d] % 16 || m.stride[d] >= uint64_t(1) << 40))
    return "the stride" + of + number(m.stride[d]) +
           " bytes; it has to be a multiple of 16 below 2^40";
  if (!m.im2col && (m.box[d] == 0 || m.box[d] > 256))
    return "the box" + of + number(m.box[d]) + " elements; it has to be 1 to 256";
  if (m.elementStride[d] == 0 || m.elementStride[d] > 8)
    return "the element stride" + of + number(m.elementStride[d]) + "; it has to be 1 to 8";
  return "";
}

std::string refuseIm2col(const TensorMap &m) {
  if (m.rank < 3)
    return "the rank is " + number(m.rank) + "; in im2col mode it has to be 3 to 5";
  static constexpr int64_t least[] = {-32768, -128, -16}, most[] = {32767, 127, 15};
  unsigned row = m.spatial() - 1;
  for (unsigned d = 0; d < m.spatial(); ++d) {
    for (int32_t corner : {m.lower[d], m.upper[d]})
      if (corner < least[row] || corner > most[row])
        return "a corner of the pixel box is " + std::to_string(corner) + "; with this rank it has to be " +
               std::to_string(least[row]) + " to " + std::to_string(most[row]);
    if (static_cast<int64_t>(m.size[d + 1]) + m.upper[d] <= m.lower[d])
      return "the pixel box is empty along dimension " + number(d + 1);
  }
  if (m.channels == 0 || m.channels > 256)
    return "a pixel has " + number(m.channels) + " channels; it has to be 1 to 256";
  if (m.pixels == 0 || m.pixels > 1024)
    return "a column has " + number(m.pixels) + " pixels; it has to be 1 to 1024";
  return "";
}

} // namespace

std::string_view tensorTypeName(uint32_t type) {
  return type < std::size(types) ? types[type].name : std::string_view();
}

unsigned TensorMap::elementBytes() const { return types[elementType].bytes; }

uint64_t TensorMap::boxBytes() const {
  uint64_t bytes = elementBytes();
  if (im2col)
    return bytes * channels * pixels;
  for (unsigned d = 0; d < rank; ++d)
    bytes *= count(d);
  return bytes;
}

uint64_t TensorMap::fillPattern() const { return fill ? types[elementType].nan : 0; }

std::string refuseTensorMap(const TensorMap &m) {
  if (m.elementType >= std::size(types))
    return "the element type is " + number(m.elementType) + "; known are 0 to " +
           number(std::size(types) - 1);
  if (m.rank == 0 || m.rank > mostTensorRank)
    return "the rank is " + number(m.rank) + "; it has to be 1 to 5";
  if (m.interleave)
    return "the interleaving is " + number(m.interleave) + "; only 0 (none) is implemented";
  if (m.swizzle > 3)
    return "the swizzle is " + number(m.swizzle) + "; it has to be 0 (none), 1 (32), 2 (64) or "
           "3 (128 bytes)";
  if (m.promotion > 3)
    return "the L2 promotion is " + number(m.promotion) + "; it has to be 0 to 3";
  if (m.fill > 1)
    return "the fill outside of the tensor is " + number(m.fill) + "; it has to be 0 (zero) or 1 (NaN)";
  if (m.fill && !types[m.elementType].nan)
    return "the fill outside of the tensor is NaN, and elements of type " +
           std::string(tensorTypeName(m.elementType)) + " have none";
  if (m.address % 16 || !m.address)
    return "the global address is no multiple of 16, or null";
  for (unsigned d = 0; d < m.rank; ++d)
    if (std::string text = refuseDimension(m, d); !text.empty())
      return text;
  if (m.im2col)
    if (std::string text = refuseIm2col(m); !text.empty())
      return text;
  uint32_t inner = (m.im2col ? m.channels : m.box[0]) * m.elementBytes();
  if (inner % 16)
    return "the box is " + number(inner) + " bytes wide; that has to be a multiple of 16";
  if (m.swizzle && inner > (16u << m.swizzle))
    return "the box is " + number(inner) + " bytes wide; with this swizzle at most " +
           number(16u << m.swizzle);
  return "";
}

std::string encodeTensorMap(TensorMap m, uint8_t *bytes) {
  std::memset(bytes, 0, tensorMapBytes);
  if (std::string text = refuseTensorMap(m); !text.empty())
    return text;
  Encoded e{};
  e.mark = mark;
  e.elementType = static_cast<uint8_t>(m.elementType), e.rank = static_cast<uint8_t>(m.rank);
  e.swizzle = static_cast<uint8_t>(m.swizzle), e.promotion = static_cast<uint8_t>(m.promotion);
  e.fill = static_cast<uint8_t>(m.fill);
  e.address = m.address;
  for (unsigned d = 0; d < m.rank; ++d) {
    e.sizeLessOne[d] = static_cast<uint32_t>(m.size[d] - 1);
    e.box[d] = static_cast<uint16_t>(m.box[d]);
    e.elementStride[d] = static_cast<uint8_t>(m.elementStride[d]);
    if (d)
      e.stride[d - 1] = m.stride[d];
  }
  if (m.im2col) {
    e.im2col = 1;
    for (unsigned d = 0; d < m.spatial(); ++d)
      e.lower[d] = static_cast<int16_t>(m.lower[d]), e.upper[d] = static_cast<int16_t>(m.upper[d]);
    e.channels = static_cast<uint16_t>(m.channels), e.pixels = static_cast<uint16_t>(m.pixels);
  }
  writeEncoded(e, bytes);
  return "";
}

namespace {
void writeEncoded(const Encoded &e, uint8_t *bytes) {
  std::memset(bytes, 0, tensorMapBytes);
  std::memcpy(bytes, &e, sizeof e);
  uint64_t sum = checksum(bytes);
  std::memcpy(bytes + checkedBytes, &sum, 8);
}

/// The element types of tensormap.replace as the driver numbers them.
constexpr uint8_t driverTypes[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 8, 9, 11, 12};

std::string setField(Encoded &e, MapField field, uint32_t ordinal, uint64_t value) {
  auto beyond = [&](const char *what, uint64_t most) {
    return std::string("the ") + what + " is " + number(value) + "; it has to be at most " + number(most);
  };
  uint32_t ordinals = field == MapField::GlobalStride ? 4 : 5;
  bool ordered = field == MapField::BoxDim || field == MapField::GlobalDim ||
                 field == MapField::GlobalStride || field == MapField::ElementStride;
  if (ordered && ordinal >= ordinals)
    return "the ordinal is " + number(ordinal) + "; it has to be below " + number(ordinals);
  switch (field) {
  case MapField::GlobalAddress: e.address = value; break;
  case MapField::Rank:
    if (value >= mostTensorRank)
      return beyond("rank less one", mostTensorRank - 1);
    e.rank = static_cast<uint8_t>(value + 1);
    break;
  case MapField::BoxDim:
    if (value > 256)
      return beyond("box", 256);
    e.box[ordinal] = static_cast<uint16_t>(value);
    break;
  case MapField::GlobalDim: e.sizeLessOne[ordinal] = static_cast<uint32_t>(value - 1); break;
  case MapField::GlobalStride: e.stride[ordinal] = value; break;
  case MapField::ElementStride:
    if (value > 8)
      return beyond("element stride", 8);
    e.elementStride[ordinal] = static_cast<uint8_t>(value);
    break;
  case MapField::ElementType:
    if (value >= std::size(driverTypes))
      return beyond("element type", std::size(driverTypes) - 1);
    e.elementType = driverTypes[value];
    break;
  case MapField::Interleave:
    if (value)
      return "the interleaving is " + number(value) + "; only 0 (none) is implemented";
    break;
  case MapField::SwizzleMode:
    if (value > 3)
      return "the swizzle mode is " + number(value) + "; only 0 (none), 1 (32), 2 (64) and 3 (128 bytes) are "
             "implemented";
    e.swizzle = static_cast<uint8_t>(value);
    break;
  case MapField::SwizzleAtomicity:
    if (value)
      return "the swizzle atomicity is " + number(value) + "; only 0 (16 bytes) is implemented";
    break;
  case MapField::FillMode:
    if (value > 1)
      return beyond("fill mode", 1);
    e.fill = static_cast<uint8_t>(value);
    break;
  }
  return "";
}
} // namespace

std::string replaceMapField(uint8_t *bytes, MapField field, uint32_t ordinal, uint64_t value) {
  Encoded e{};
  uint64_t sum = 0;
  bool fresh = true;
  for (unsigned i = 0; i < tensorMapBytes; ++i)
    fresh = fresh && bytes[i] == 0;
  if (fresh) {
    e.mark = mark;
  } else {
    std::memcpy(&e, bytes, sizeof e);
    std::memcpy(&sum, bytes + checkedBytes, 8);
    if (e.mark != mark || sum != checksum(bytes))
      return "these 128 bytes are no tensor map, and not all zero";
  }
  if (e.im2col)
    return "tensormap.replace.tile changes maps of tile mode; this one is of im2col mode";
  std::string text = setField(e, field, ordinal, value);
  if (text.empty())
    writeEncoded(e, bytes);
  return text;
}

std::string decodeTensorMap(const uint8_t *bytes, TensorMap &m) {
  Encoded e;
  uint64_t sum;
  std::memcpy(&e, bytes, sizeof e);
  std::memcpy(&sum, bytes + checkedBytes, 8);
  if (e.mark != mark)
    return "these 128 bytes are no tensor map";
  if (sum != checksum(bytes))
    return "these 128 bytes begin like a tensor map, but were changed since it was encoded";
  m = TensorMap();
  m.elementType = e.elementType, m.rank = e.rank, m.interleave = e.interleave;
  m.swizzle = e.swizzle, m.promotion = e.promotion, m.fill = e.fill, m.address = e.address;
  for (unsigned d = 0; d < mostTensorRank && d < m.rank; ++d) {
    m.size[d] = uint64_t(e.sizeLessOne[d]) + 1;
    m.box[d] = e.box[d], m.elementStride[d] = e.elementStride[d];
    if (d)
      m.stride[d] = e.stride[d - 1];
  }
  m.im2col = e.im2col, m.channels = e.channels, m.pixels = e.pixels;
  for (unsigned d = 0; d < 3; ++d)
    m.lower[d] = e.lower[d], m.upper[d] = e.upper[d];
  std::string text = refuseTensorMap(m);
  if (text.empty())
    m.stride[0] = m.elementBytes();
  return text;
}

} // namespace cameo::ptx
