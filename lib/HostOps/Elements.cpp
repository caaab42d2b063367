// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions between stored elements and the three wide types, a run at a time. Every conversion
// is exact or rounds once: integers that double cannot hold are rounded to odd first, so that the
// rounding to the narrow float that follows is the only one that shows.
#include "Elements.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace cameo::host {
namespace {

/// The wide value as integer W: truncated, saturated, NaN gives 0.
template <class W> W integerOf(double value) {
  if (value != value)
    return 0;
  double low = double(std::numeric_limits<W>::min()),
         high = std::ldexp(1.0, sizeof(W) * 8 - std::is_signed_v<W>);
  if (value < low)
    return std::numeric_limits<W>::min();
  if (value >= high)
    return std::numeric_limits<W>::max();
  return W(value);
}

template <class W, class T> W widen(T value) {
  if constexpr (std::is_floating_point_v<T> && !std::is_floating_point_v<W>)
    return integerOf<W>(value);
  else
    return W(value);
}

/// An integer as a double from which a second rounding to at most 32 bits is correct.
template <class W> double oddDouble(W value) {
  uint64_t magnitude = uint64_t(value);
  bool negative = std::is_signed_v<W> && value < 0;
  if (negative)
    magnitude = 0 - magnitude;
  if (magnitude >> 53)
    magnitude = (magnitude & ~uint64_t(0xFFF)) | (magnitude & 0xFFF ? 0x800 : 0);
  return negative ? -double(magnitude) : double(magnitude);
}

template <class T, class W>
void loadPlain(const void *base, int64_t offset, int64_t stride, int64_t n, W *out) {
  const T *from = static_cast<const T *>(base) + offset;
  for (int64_t i = 0; i < n; ++i)
    out[i] = widen<W>(from[i * stride]);
}

template <class T, class W> T narrow(W value) {
  if constexpr (std::is_floating_point_v<W> && !std::is_floating_point_v<T>) {
    // Saturate at the narrow type, so that 300.0 stored as u8 gives 255.
    double low = double(std::numeric_limits<T>::min()),
           high = double(std::numeric_limits<T>::max());
    if (value != value)
      return T(0);
    return value <= low    ? std::numeric_limits<T>::min()
           : value >= high ? std::numeric_limits<T>::max()
                           : T(value);
  } else {
    return T(value);
  }
}

template <class T, class W> void storePlain(void *base, int64_t offset, int64_t n, const W *in) {
  T *to = static_cast<T *>(base) + offset;
  for (int64_t i = 0; i < n; ++i)
    to[i] = narrow<T>(in[i]);
}

uint32_t codeAt(DType type, const void *base, int64_t index) {
  switch (bitWidth(type)) {
  case 8:
    return static_cast<const uint8_t *>(base)[index];
  case 16:
    return static_cast<const uint16_t *>(base)[index];
  default:
    return loadBits(base, bitWidth(type), index);
  }
}

void setCode(DType type, void *base, int64_t index, uint32_t code) {
  switch (bitWidth(type)) {
  case 8:
    static_cast<uint8_t *>(base)[index] = uint8_t(code);
    return;
  case 16:
    static_cast<uint16_t *>(base)[index] = uint16_t(code);
    return;
  default:
    storeBits(base, bitWidth(type), index, code);
  }
}

/// Packed integers and booleans: the value of a code.
int64_t smallInteger(DType type, uint32_t code) {
  if (type == DType::boolean)
    return code != 0;
  unsigned width = bitWidth(type);
  bool negative = isSignedInteger(type) && code >> (width - 1);
  return int64_t(code) - (negative ? int64_t(1) << width : 0);
}

template <class W> uint32_t smallCode(DType type, W value) {
  if (type == DType::boolean)
    return value != 0;
  if constexpr (std::is_floating_point_v<W>) {
    return uint32_t(uint64_t(integerOf<int64_t>(value)));
  } else {
    return uint32_t(uint64_t(value));
  }
}

} // namespace

uint32_t loadBits(const void *base, unsigned width, int64_t index) {
  int64_t bit = index * width;
  auto *bytes = static_cast<const uint8_t *>(base) + bit / 8;
  unsigned shift = bit % 8;
  uint32_t value = bytes[0] >> shift;
  if (shift + width > 8)
    value |= uint32_t(bytes[1]) << (8 - shift);
  return value & ((1u << width) - 1);
}

void storeBits(void *base, unsigned width, int64_t index, uint32_t bits) {
  int64_t bit = index * width;
  auto *bytes = static_cast<uint8_t *>(base) + bit / 8;
  unsigned shift = bit % 8;
  uint32_t mask = ((1u << width) - 1) << shift, value = (bits << shift) & mask;
  bytes[0] = uint8_t((bytes[0] & ~mask) | value);
  if (shift + width > 8)
    bytes[1] = uint8_t((bytes[1] & ~(mask >> 8)) | (value >> 8));
}

template <class W>
void loadRun(DType type, const void *base, int64_t offset, int64_t stride, int64_t n, W *out) {
  switch (type) {
  case DType::f32:
    return loadPlain<float>(base, offset, stride, n, out);
  case DType::f64:
    return loadPlain<double>(base, offset, stride, n, out);
  case DType::i8:
    return loadPlain<int8_t>(base, offset, stride, n, out);
  case DType::u8:
    return loadPlain<uint8_t>(base, offset, stride, n, out);
  case DType::i16:
    return loadPlain<int16_t>(base, offset, stride, n, out);
  case DType::u16:
    return loadPlain<uint16_t>(base, offset, stride, n, out);
  case DType::i32:
    return loadPlain<int32_t>(base, offset, stride, n, out);
  case DType::u32:
    return loadPlain<uint32_t>(base, offset, stride, n, out);
  case DType::i64:
    return loadPlain<int64_t>(base, offset, stride, n, out);
  case DType::u64:
    return loadPlain<uint64_t>(base, offset, stride, n, out);
  default:
    break;
  }
  if (isSmallFloat(type))
    for (int64_t i = 0; i < n; ++i)
      out[i] = widen<W>(decodeFloat(type, codeAt(type, base, offset + i * stride)));
  else
    for (int64_t i = 0; i < n; ++i)
      out[i] = W(smallInteger(type, codeAt(type, base, offset + i * stride)));
}

template <class W> void storeRun(DType type, void *base, int64_t offset, int64_t n, const W *in) {
  switch (type) {
  case DType::f32:
    return storePlain<float>(base, offset, n, in);
  case DType::f64:
    return storePlain<double>(base, offset, n, in);
  case DType::i8:
    return storePlain<int8_t>(base, offset, n, in);
  case DType::u8:
    return storePlain<uint8_t>(base, offset, n, in);
  case DType::i16:
    return storePlain<int16_t>(base, offset, n, in);
  case DType::u16:
    return storePlain<uint16_t>(base, offset, n, in);
  case DType::i32:
    return storePlain<int32_t>(base, offset, n, in);
  case DType::u32:
    return storePlain<uint32_t>(base, offset, n, in);
  case DType::i64:
    return storePlain<int64_t>(base, offset, n, in);
  case DType::u64:
    return storePlain<uint64_t>(base, offset, n, in);
  default:
    break;
  }
  for (int64_t i = 0; i < n; ++i) {
    uint32_t code;
    if (!isSmallFloat(type))
      code = smallCode(type, in[i]);
    else if constexpr (std::is_floating_point_v<W>)
      code = encodeFloat(type, in[i], /*saturate=*/false); // only casts saturate
    else
      code = encodeFloat(type, oddDouble(in[i]), /*saturate=*/false);
    setCode(type, base, offset + i, code);
  }
}

template void loadRun(DType, const void *, int64_t, int64_t, int64_t, double *);
template void loadRun(DType, const void *, int64_t, int64_t, int64_t, int64_t *);
template void loadRun(DType, const void *, int64_t, int64_t, int64_t, uint64_t *);
template void storeRun(DType, void *, int64_t, int64_t, const double *);
template void storeRun(DType, void *, int64_t, int64_t, const int64_t *);
template void storeRun(DType, void *, int64_t, int64_t, const uint64_t *);

template <class W> std::vector<W> loadAll(const HostTensor &x) {
  std::vector<W> values(size_t(x.numElements()));
  W *out = values.data();
  forEachRun<1>(x.dims(), {&x.strides()}, {x.offset()}, [&](auto offsets, auto steps, int64_t n) {
    loadRun(x.dtype(), x.data(), offsets[0], steps[0], n, out);
    out += n;
  });
  return values;
}
template std::vector<double> loadAll(const HostTensor &);
template std::vector<int64_t> loadAll(const HostTensor &);
template std::vector<uint64_t> loadAll(const HostTensor &);

namespace {

template <class T>
void movePlain(void *to, int64_t toOffset, int64_t toStride, const void *from, int64_t fromOffset,
               int64_t fromStride, int64_t n) {
  T *out = static_cast<T *>(to) + toOffset;
  const T *in = static_cast<const T *>(from) + fromOffset;
  for (int64_t i = 0; i < n; ++i)
    out[i * toStride] = in[i * fromStride];
}

struct Bytes16 {
  uint64_t low, high;
};

} // namespace

void moveRun(DType type, void *to, int64_t toOffset, int64_t toStride, const void *from,
             int64_t fromOffset, int64_t fromStride, int64_t n) {
  if (type == DType::string)
    return movePlain<std::string>(to, toOffset, toStride, from, fromOffset, fromStride, n);
  unsigned width = bitWidth(type);
  if (width >= 8 && toStride == 1 && fromStride == 1) {
    size_t bytes = width / 8;
    if (n > 0)
      std::memmove(static_cast<char *>(to) + toOffset * bytes,
                   static_cast<const char *>(from) + fromOffset * bytes, size_t(n) * bytes);
    return;
  }
  switch (width) {
  case 8:
    return movePlain<uint8_t>(to, toOffset, toStride, from, fromOffset, fromStride, n);
  case 16:
    return movePlain<uint16_t>(to, toOffset, toStride, from, fromOffset, fromStride, n);
  case 32:
    return movePlain<uint32_t>(to, toOffset, toStride, from, fromOffset, fromStride, n);
  case 64:
    return movePlain<uint64_t>(to, toOffset, toStride, from, fromOffset, fromStride, n);
  case 128:
    return movePlain<Bytes16>(to, toOffset, toStride, from, fromOffset, fromStride, n);
  default:
    for (int64_t i = 0; i < n; ++i)
      storeBits(to, width, toOffset + i * toStride,
                loadBits(from, width, fromOffset + i * fromStride));
  }
}

} // namespace cameo::host
