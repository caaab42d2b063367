// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps: 128 bytes that only their encoder can read. On a GPU that is the driver
// (cuTensorMapEncodeTiled); this machine has its own, with the driver's rules for every field and
// the driver's numbers for the enumerations. The bytes carry a mark and a checksum, so that anything
// else that a kernel takes for a tensor map is found out. Tile and im2col mode, without interleaving.
// What tensormap.replace puts together from fields is looked at when a copy uses it.
#ifndef CAMEO_LIB_PTX_TENSORMAP_H
#define CAMEO_LIB_PTX_TENSORMAP_H

#include <cstdint>
#include <string>
#include <string_view>

namespace cameo::ptx {

constexpr unsigned tensorMapBytes = 128, tensorMapAlign = 64, mostTensorRank = 5;

/// Numbers of CUtensorMapSwizzle; 0: none.
enum class Swizzle : uint8_t { None, Bytes32, Bytes64, Bytes128 };

/// Dimension 0 is the innermost one.
struct TensorMap {
  uint32_t elementType = 0; ///< numbers of CUtensorMapDataType
  uint32_t rank = 0, interleave = 0, swizzle = 0, promotion = 0, fill = 0;
  uint64_t address = 0;
  uint64_t size[mostTensorRank] = {};   ///< elements
  uint64_t stride[mostTensorRank] = {}; ///< bytes; [0] is that of an element
  uint32_t box[mostTensorRank] = {}, elementStride[mostTensorRank] = {};
  /// im2col: dimensions are channels, W, (H, (D,)) and N; `box` is not used.
  bool im2col = false;
  int32_t lower[3] = {}, upper[3] = {}; ///< of the bounding box: of W, H, D; from the near and the far end
  uint32_t channels = 0, pixels = 0;    ///< per pixel; per column

  unsigned elementBytes() const;
  unsigned spatial() const { return rank - 2; }
  /// Elements of a row in shared memory.
  uint32_t rowElements() const { return im2col ? channels : count(0); }
  /// Elements of the box along a dimension.
  uint32_t count(unsigned dimension) const {
    uint32_t step = dimension ? elementStride[dimension] : 1;
    return (box[dimension] + step - 1) / step;
  }
  /// Bytes of the box in shared memory, all of it.
  uint64_t boxBytes() const;
  /// What an element outside of the tensor is, repeated over eight bytes.
  uint64_t fillPattern() const;
};

/// ".f16" and so on; "" where there is no such type.
std::string_view tensorTypeName(uint32_t elementType);
/// Empty, or what is wrong with the first field that is.
std::string refuseTensorMap(const TensorMap &map);
/// Empty, or why not. Sets `stride[0]`.
std::string encodeTensorMap(TensorMap map, uint8_t *bytes);
std::string decodeTensorMap(const uint8_t *bytes, TensorMap &map);

/// The fields of tensormap.replace; those that have an ordinal take one below the rank's limit.
enum class MapField : uint8_t {
  GlobalAddress, Rank, BoxDim, GlobalDim, GlobalStride, ElementStride, ElementType, Interleave,
  SwizzleMode, SwizzleAtomicity, FillMode
};
/// Changes one field of 128 bytes that are a map, or all zero (then it is a new one). Values are those of
/// PTX's tables. Empty, or why not.
std::string replaceMapField(uint8_t *bytes, MapField field, uint32_t ordinal, uint64_t value);

/// Where a byte of the box lies: the hardware permutes the 16-byte units of shared memory by their
/// address (PTX ISA, "Swizzling modes"): rows of 128 bytes, whose numbers are xored into the unit's.
inline uint32_t swizzled(uint32_t address, uint32_t mode) {
  return address ^ ((address >> 3) & (((1u << mode) - 1) << 4));
}

} // namespace cameo::ptx

#endif
