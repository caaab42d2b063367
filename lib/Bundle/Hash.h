// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// XXH64 (seed 0), the checksum of bundles: it finds damage, not forgery. Written from the published
// specification of the algorithm, as a streaming state, because weights are hashed while they are
// copied.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cameo {

class Hash64 {
public:
  void update(const void *data, size_t bytes);
  uint64_t digest() const;

private:
  uint64_t lanes[4] = {0x60EA27EEADC0B5D6ull, 0xC2B2AE3D27D4EB4Full, 0, 0x61C8864E7A143579ull};
  unsigned char pending[32];
  size_t pendingBytes = 0;
  uint64_t total = 0;
};

inline uint64_t hash64(const void *data, size_t bytes) {
  Hash64 hash;
  hash.update(data, bytes);
  return hash.digest();
}

} // namespace cameo
