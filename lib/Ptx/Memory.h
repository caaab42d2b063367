// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The memory of one simulated device. Every allocation has its own range of device addresses, with
// gaps, never reused, so that bounds and use after free are exact; and a shadow of one byte per
// 4-byte word: the low nibble says which bytes have been written at all, the high nibble which were
// written by an instruction of a kernel since the last poison. Stores of whole words are plain byte
// stores in the shadow, so host threads need no atomics for it.
#ifndef CAMEO_LIB_PTX_MEMORY_H
#define CAMEO_LIB_PTX_MEMORY_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cameo::ptx {

/// Device addresses. The windows of the other spaces lie far above every allocation.
constexpr uint64_t globalBase = 0x0000000700000000ull;
constexpr uint64_t sharedWindow = 0x0001000000000000ull;
constexpr uint64_t localWindow = 0x0002000000000000ull;
constexpr uint64_t paramWindow = 0x0003000000000000ull;
constexpr uint64_t windowMask = 0xffff000000000000ull;
/// Offsets in shared memory begin here, so that null is no shared address.
constexpr uint32_t sharedBase = 1024;
constexpr uint32_t localBase = 64;

constexpr uint32_t poisonWord = 0x7ff57ff5; ///< a NaN as f64 (signalling), f32, f16 and bf16

struct Allocation {
  uint64_t base = 0, bytes = 0;
  uint8_t *host = nullptr;
  uint8_t *shadow = nullptr; ///< one byte per word; null for imported memory
  bool readOnly = false, imported = false, constant = false; ///< constant: a `.const` variable
  std::atomic<bool> allWritten{false}; ///< every byte counts as written
  std::atomic<bool> stored{false};     ///< a kernel stored here in this launch
  std::atomic<void *> race{nullptr};   ///< RacePages of the launch that runs
  std::string name;
  void *mapping = nullptr, *shadowMapping = nullptr;
  size_t mappingBytes = 0, shadowBytes = 0;

  ~Allocation();
  Allocation() = default;
  Allocation(const Allocation &) = delete;
  bool contains(uint64_t address, uint64_t count) const {
    uint64_t offset = address - base;
    return offset <= bytes && count <= bytes - offset;
  }
};

enum class MemoryStatus { Ok, BadArgument, OutOfMemory, OutOfBounds };

class DeviceMemory {
public:
  explicit DeviceMemory(uint64_t limit) : limit(limit) {}

  /// `zeroed`: counts as written, and pages that nobody touches cost nothing.
  MemoryStatus alloc(uint64_t bytes, uint64_t align, const char *name, uint64_t &address,
                     bool zeroed = false);
  MemoryStatus import(void *host, uint64_t bytes, bool readOnly, uint64_t align, const char *name,
                      uint64_t &address);
  MemoryStatus free(uint64_t address);
  MemoryStatus write(uint64_t address, const void *data, uint64_t bytes);
  MemoryStatus read(uint64_t address, void *data, uint64_t bytes) const;
  MemoryStatus fill(uint64_t address, uint8_t byte, uint64_t bytes);
  MemoryStatus copy(uint64_t to, uint64_t from, uint64_t bytes);
  MemoryStatus poison(uint64_t address, uint64_t bytes, bool readable);
  MemoryStatus unwritten(uint64_t address, uint64_t bytes, uint64_t &missing,
                         uint64_t &first) const;
  uint64_t inUse() const { return used; }

  /// The allocation whose range has this address, or null.
  Allocation *find(uint64_t address) const;
  /// The allocation closest below or above, for messages; null where there is none.
  const Allocation *nearest(uint64_t address) const;
  /// The name of a freed allocation that had this address.
  const std::string *findFreed(uint64_t address) const;
  /// Notes what the launch has filled, so that the next one reads it without the shadow.
  void settleAfterLaunch();

  /// Per memory instances of a module's `.global` and `.const` variables, keyed by the module.
  struct ModuleInstance {
    std::weak_ptr<const void> module;
    std::vector<uint64_t> addresses;
  };
  std::vector<ModuleInstance> instances;

private:
  Allocation *locate(uint64_t address, uint64_t bytes) const;
  MemoryStatus reserve(Allocation &allocation, uint64_t bytes, uint64_t align);
  void markHostWritten(Allocation &allocation, uint64_t offset, uint64_t bytes);

  struct Freed {
    uint64_t base, bytes;
    std::string name;
  };
  std::vector<std::unique_ptr<Allocation>> allocations; ///< by base
  std::vector<Freed> freed;
  uint64_t limit, used = 0, top = globalBase;
};

// -- the shadow: `shadow` belongs to an object that begins at a word ----------------------------

/// Mask of the bytes [offset, offset+bytes) inside the word that has `offset`.
inline uint8_t wordMask(uint64_t offset, unsigned bytes) {
  return static_cast<uint8_t>(((1u << bytes) - 1) << (offset & 3));
}

bool isWritten(const uint8_t *shadow, uint64_t offset, uint64_t bytes);
/// Sets `bits` (0x0f: written, 0xff: written by a kernel) for the bytes of a range. Safe against
/// other threads that mark other bytes.
void markWritten(uint8_t *shadow, uint64_t offset, uint64_t bytes, bool byKernel);
void clearWritten(uint8_t *shadow, uint64_t offset, uint64_t bytes);
/// Fills with the poison pattern, aligned to the object's words.
void fillPoison(uint8_t *host, uint64_t offset, uint64_t bytes);

} // namespace cameo::ptx

#endif
