// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// XXH64: four lanes over stripes of 32 bytes, merged and finalised with the tail.

#include "Hash.h"

#include <bit>
#include <cstring>

namespace cameo {

namespace {

constexpr uint64_t prime1 = 0x9E3779B185EBCA87ull, prime2 = 0xC2B2AE3D27D4EB4Full,
                   prime3 = 0x165667B19E3779F9ull, prime4 = 0x85EBCA77C2B2AE63ull,
                   prime5 = 0x27D4EB2F165667C5ull;

uint64_t load64(const unsigned char *p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

uint32_t load32(const unsigned char *p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

uint64_t round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * prime2, 31) * prime1;
}

void stripe(uint64_t *lanes, const unsigned char *p) {
  for (int i = 0; i < 4; ++i)
    lanes[i] = round(lanes[i], load64(p + 8 * i));
}

} // namespace

void Hash64::update(const void *data, size_t bytes) {
  if (bytes == 0)
    return;
  const auto *p = static_cast<const unsigned char *>(data);
  total += bytes;
  if (pendingBytes) {
    size_t take = bytes < 32 - pendingBytes ? bytes : 32 - pendingBytes;
    std::memcpy(pending + pendingBytes, p, take);
    pendingBytes += take;
    p += take;
    bytes -= take;
    if (pendingBytes < 32)
      return;
    stripe(lanes, pending);
    pendingBytes = 0;
  }
  for (; bytes >= 32; p += 32, bytes -= 32)
    stripe(lanes, p);
  std::memcpy(pending, p, bytes);
  pendingBytes = bytes;
}

uint64_t Hash64::digest() const {
  uint64_t hash = prime5;
  if (total >= 32) {
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes)
      hash = (hash ^ round(0, lane)) * prime1 + prime4;
  }
  hash += total;
  const unsigned char *p = pending, *end = pending + pendingBytes;
  for (; end - p >= 8; p += 8)
    hash = std::rotl(hash ^ round(0, load64(p)), 27) * prime1 + prime4;
  for (; end - p >= 4; p += 4)
    hash = std::rotl(hash ^ load32(p) * prime1, 23) * prime2 + prime3;
  for (; p < end; ++p)
    hash = std::rotl(hash ^ *p * prime5, 11) * prime1;
  hash = (hash ^ hash >> 33) * prime2;
  hash = (hash ^ hash >> 29) * prime3;
  return hash ^ hash >> 32;
}

} // namespace cameo
