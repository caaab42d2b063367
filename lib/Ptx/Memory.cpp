// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocations, host access and the shadow. Storage and shadow are anonymous mappings, so that what
// nobody touches costs nothing. An allocation is aligned exactly as asked and not better (up to 256
// bytes), so that a kernel which assumes more is found out. Refuses host accesses that cross the
// end of one allocation.
#include "Memory.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

namespace cameo::ptx {
namespace {

constexpr uint64_t gapBytes = 512;
constexpr size_t freedMemory = 4096; // how many freed ranges are remembered for messages

uint64_t alignUp(uint64_t value, uint64_t align) { return (value + align - 1) & ~(align - 1); }

void *mapBytes(size_t bytes) {
  void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

} // namespace

Allocation::~Allocation() {
  if (mapping)
    munmap(mapping, mappingBytes);
  if (shadowMapping)
    munmap(shadowMapping, shadowBytes);
}

MemoryStatus DeviceMemory::reserve(Allocation &allocation, uint64_t bytes, uint64_t align) {
  if (align == 0 || (align & (align - 1)) || align > (1u << 20) || bytes > (uint64_t(1) << 44))
    return MemoryStatus::BadArgument;
  if (limit && (bytes > limit || used > limit - bytes))
    return MemoryStatus::OutOfMemory;
  uint64_t base = alignUp(top + gapBytes, std::max<uint64_t>(align * 2, 256));
  if (align < 256)
    base += align;
  allocation.base = base;
  allocation.bytes = bytes;
  top = alignUp(base + bytes, 256);
  used += bytes;
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::alloc(uint64_t bytes, uint64_t align, const char *name,
                                 uint64_t &address, bool zeroed) {
  auto allocation = std::make_unique<Allocation>();
  MemoryStatus status = reserve(*allocation, bytes, align);
  if (status != MemoryStatus::Ok)
    return status;
  allocation->name = name ? name : "";
  // The host address has the device address's position in a 256-byte line, for atomics; and the
  // object's first shadow byte covers the word that has its first byte.
  uint64_t lead = allocation->base & 255;
  allocation->mappingBytes = bytes + 512;
  allocation->shadowBytes = (bytes + 512) / 4 + 64;
  allocation->mapping = mapBytes(allocation->mappingBytes);
  allocation->shadowMapping = mapBytes(allocation->shadowBytes);
  if (!allocation->mapping || !allocation->shadowMapping) {
    used -= bytes;
    return MemoryStatus::OutOfMemory;
  }
  allocation->host = static_cast<uint8_t *>(allocation->mapping) + lead;
  allocation->shadow = static_cast<uint8_t *>(allocation->shadowMapping);
  if (!zeroed)
    fillPoison(allocation->host, 0, bytes);
  allocation->allWritten = zeroed || bytes == 0;
  address = allocation->base;
  allocations.push_back(std::move(allocation));
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::import(void *host, uint64_t bytes, bool readOnly, uint64_t align,
                                  const char *name, uint64_t &address) {
  if (!host && bytes)
    return MemoryStatus::BadArgument;
  auto allocation = std::make_unique<Allocation>();
  MemoryStatus status = reserve(*allocation, bytes, align);
  if (status != MemoryStatus::Ok)
    return status;
  allocation->name = name ? name : "";
  allocation->host = static_cast<uint8_t *>(host);
  allocation->readOnly = readOnly;
  allocation->imported = true;
  allocation->allWritten = true;
  address = allocation->base;
  allocations.push_back(std::move(allocation));
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::free(uint64_t address) {
  auto it = std::lower_bound(allocations.begin(), allocations.end(), address,
                             [](const auto &a, uint64_t value) { return a->base < value; });
  if (it == allocations.end() || (*it)->base != address)
    return MemoryStatus::BadArgument;
  used -= (*it)->bytes;
  if (freed.size() >= freedMemory)
    freed.erase(freed.begin(), freed.begin() + freedMemory / 2);
  freed.push_back({(*it)->base, (*it)->bytes, (*it)->name});
  allocations.erase(it);
  return MemoryStatus::Ok;
}

Allocation *DeviceMemory::find(uint64_t address) const {
  auto it = std::upper_bound(allocations.begin(), allocations.end(), address,
                             [](uint64_t value, const auto &a) { return value < a->base; });
  if (it == allocations.begin())
    return nullptr;
  Allocation *found = std::prev(it)->get();
  return address - found->base < found->bytes ? found : nullptr;
}

const Allocation *DeviceMemory::nearest(uint64_t address) const {
  const Allocation *best = nullptr;
  uint64_t distance = 1 << 20;
  for (const auto &a : allocations) {
    uint64_t d = address < a->base ? a->base - address
                 : address >= a->base + a->bytes ? address - (a->base + a->bytes) : 0;
    if (d < distance) {
      distance = d;
      best = a.get();
    }
  }
  return best;
}

const std::string *DeviceMemory::findFreed(uint64_t address) const {
  for (const Freed &range : freed)
    if (address - range.base < range.bytes)
      return &range.name;
  return nullptr;
}

Allocation *DeviceMemory::locate(uint64_t address, uint64_t bytes) const {
  auto it = std::upper_bound(allocations.begin(), allocations.end(), address,
                             [](uint64_t value, const auto &a) { return value < a->base; });
  if (it == allocations.begin() || !(*std::prev(it))->contains(address, bytes))
    return nullptr;
  return std::prev(it)->get();
}

void DeviceMemory::markHostWritten(Allocation &a, uint64_t offset, uint64_t bytes) {
  if (a.allWritten)
    return;
  if (offset == 0 && bytes == a.bytes)
    a.allWritten = true;
  else
    markWritten(a.shadow, offset + (a.base & 3), bytes, false);
}

MemoryStatus DeviceMemory::write(uint64_t address, const void *data, uint64_t bytes) {
  Allocation *a = locate(address, bytes);
  if (!a)
    return MemoryStatus::OutOfBounds;
  if (bytes)
    std::memcpy(a->host + (address - a->base), data, bytes);
  markHostWritten(*a, address - a->base, bytes);
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::read(uint64_t address, void *data, uint64_t bytes) const {
  Allocation *a = locate(address, bytes);
  if (!a)
    return MemoryStatus::OutOfBounds;
  if (bytes)
    std::memcpy(data, a->host + (address - a->base), bytes);
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::fill(uint64_t address, uint8_t byte, uint64_t bytes) {
  Allocation *a = locate(address, bytes);
  if (!a)
    return MemoryStatus::OutOfBounds;
  std::memset(a->host + (address - a->base), byte, bytes);
  markHostWritten(*a, address - a->base, bytes);
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::copy(uint64_t to, uint64_t from, uint64_t bytes) {
  Allocation *target = locate(to, bytes), *origin = locate(from, bytes);
  if (!target || !origin)
    return MemoryStatus::OutOfBounds;
  std::memmove(target->host + (to - target->base), origin->host + (from - origin->base), bytes);
  markHostWritten(*target, to - target->base, bytes);
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::poison(uint64_t address, uint64_t bytes, bool readable) {
  Allocation *a = locate(address, bytes);
  if (!a)
    return MemoryStatus::OutOfBounds;
  if (a->imported)
    return MemoryStatus::BadArgument;
  uint64_t offset = address - a->base, lead = a->base & 3;
  if (a->allWritten && a->bytes) {
    markWritten(a->shadow, lead, a->bytes, false);
    a->allWritten = false;
  }
  clearWritten(a->shadow, offset + lead, bytes);
  fillPoison(a->host, offset, bytes);
  if (readable)
    markWritten(a->shadow, offset + lead, bytes, false);
  return MemoryStatus::Ok;
}

MemoryStatus DeviceMemory::unwritten(uint64_t address, uint64_t bytes, uint64_t &missing,
                                     uint64_t &first) const {
  Allocation *a = locate(address, bytes);
  if (!a)
    return MemoryStatus::OutOfBounds;
  missing = 0;
  first = bytes;
  uint64_t begin = address - a->base + (a->base & 3);
  for (uint64_t i = begin; i < begin + bytes;) {
    if (!(i & 3) && i + 4 <= begin + bytes && a->shadow && (a->shadow[i / 4] & 0xf0) == 0xf0) {
      i += 4;
      continue;
    }
    bool written = a->shadow && (a->shadow[i / 4] & (0x10 << (i & 3)));
    if (!written && missing++ == 0)
      first = i - begin;
    ++i;
  }
  return MemoryStatus::Ok;
}

void DeviceMemory::settleAfterLaunch() {
  for (const auto &a : allocations) {
    if (!a->stored)
      continue;
    a->stored = false;
    if (!a->allWritten && a->shadow && isWritten(a->shadow, a->base & 3, a->bytes))
      a->allWritten = true;
  }
}

// -- the shadow ---------------------------------------------------------------------------------

bool isWritten(const uint8_t *shadow, uint64_t offset, uint64_t bytes) {
  uint64_t end = offset + bytes;
  while (offset < end) {
    unsigned inWord = static_cast<unsigned>(std::min<uint64_t>(4 - (offset & 3), end - offset));
    uint8_t mask = wordMask(offset, inWord);
    if ((shadow[offset / 4] & mask) != mask)
      return false;
    offset += inWord;
    if ((offset & 31) == 0) // eight words at a time
      for (uint64_t word; offset + 32 <= end; offset += 32) {
        std::memcpy(&word, shadow + offset / 4, 8);
        if ((word & 0x0f0f0f0f0f0f0f0full) != 0x0f0f0f0f0f0f0f0full)
          break;
      }
  }
  return true;
}

void markWritten(uint8_t *shadow, uint64_t offset, uint64_t bytes, bool byKernel) {
  uint64_t end = offset + bytes;
  while (offset < end) {
    if ((offset & 3) == 0 && end - offset >= 4) {
      uint64_t words = (end - offset) / 4;
      if (byKernel)
        std::memset(shadow + offset / 4, 0xff, words);
      else
        for (uint64_t i = 0; i < words; ++i)
          shadow[offset / 4 + i] |= 0x0f;
      offset += words * 4;
      continue;
    }
    unsigned inWord = static_cast<unsigned>(std::min<uint64_t>(4 - (offset & 3), end - offset));
    uint8_t mask = wordMask(offset, inWord);
    mask = byKernel ? static_cast<uint8_t>(mask * 0x11) : mask;
    uint8_t *byte = shadow + offset / 4;
    if ((__atomic_load_n(byte, __ATOMIC_RELAXED) & mask) != mask)
      __atomic_fetch_or(byte, mask, __ATOMIC_RELAXED);
    offset += inWord;
  }
}

void clearWritten(uint8_t *shadow, uint64_t offset, uint64_t bytes) {
  uint64_t end = offset + bytes;
  while (offset < end) {
    if ((offset & 3) == 0 && end - offset >= 4) {
      std::memset(shadow + offset / 4, 0, (end - offset) / 4);
      offset += (end - offset) / 4 * 4;
      continue;
    }
    unsigned inWord = static_cast<unsigned>(std::min<uint64_t>(4 - (offset & 3), end - offset));
    shadow[offset / 4] &= static_cast<uint8_t>(~(wordMask(offset, inWord) * 0x11));
    offset += inWord;
  }
}

void fillPoison(uint8_t *host, uint64_t offset, uint64_t bytes) {
  uint8_t pattern[64 + 4];
  for (unsigned i = 0; i < sizeof pattern; ++i)
    pattern[i] = static_cast<uint8_t>(poisonWord >> (8 * (i & 3)));
  const uint8_t *phase = pattern + (offset & 3);
  uint8_t *to = host + offset;
  for (; bytes >= 64; bytes -= 64, to += 64)
    std::memcpy(to, phase, 64);
  std::memcpy(to, phase, bytes);
}

} // namespace cameo::ptx
