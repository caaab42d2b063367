// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows as they come, and those of copies once more when they are over. The product of a warpgroup is read
// by four warps that wait one by one: its row comes again at the wait of each.
#include "Footprints.h"

#include <charconv>

namespace cameo::ptx {

void Footprints::add(const Exec &x, const Op *op, Footprint kind, unsigned lane, uint64_t address,
                     uint64_t bytes) {
  if (rows.size() >= mostRows) {
    truncated = true;
    return;
  }
  uint32_t line = op ? x.program->source[x.indexOf(*op)] : 0;
  rows.push_back({address, static_cast<uint32_t>(x.warp->block->linear), line, static_cast<uint32_t>(bytes),
                  static_cast<uint16_t>(x.warp->index), static_cast<uint8_t>(lane), static_cast<uint8_t>(kind)});
}

void Footprints::pending(const Exec &x, const Op &op, Footprint kind, unsigned lane, uint64_t sequence,
                         uint64_t address, uint64_t bytes) {
  add(x, &op, kind, lane, address, bytes);
  if (!truncated)
    stores.push_back({x.warp->block->linear, sequence, x.warp->index, lane, rows.back()});
}

void Footprints::pendingMatrix(const Exec &x, const Op &op, uint64_t number, uint64_t address, uint64_t bytes) {
  add(x, &op, Footprint::MatrixRead, 0, address, bytes);
  for (uint32_t i = 0; i < 4 && !truncated; ++i)
    products.push_back({x.warp->block->linear, number, x.warp->index / 4 * 4 + i, 0, rows.back()});
}

void Footprints::settle(std::vector<Pending> &from, const Exec &x, uint32_t lane, uint64_t sequence) {
  std::erase_if(from, [&](const Pending &p) {
    bool covered = p.block == x.warp->block->linear && p.warp == x.warp->index &&
                   p.lane == lane && p.sequence <= sequence;
    if (covered && rows.size() < mostRows)
      rows.push_back(p.row);
    return covered;
  });
}

void Footprints::waited(const Exec &x, unsigned lane, uint64_t sequence) {
  settle(stores, x, lane, sequence);
}

void Footprints::waitedMatrix(const Exec &x, uint64_t number) {
  settle(products, x, 0, number);
  add(x, nullptr, Footprint::MatrixWaited, 0, number, 0);
}

std::string Footprints::text() const {
  std::string result;
  result.reserve(rows.size() * 28);
  char digits[24];
  auto put = [&](uint64_t value, char after) {
    result.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    result += after;
  };
  for (const Row &r : rows) {
    for (uint64_t value : {uint64_t(r.block), uint64_t(r.warp), uint64_t(r.lane), uint64_t(r.kind),
                           uint64_t(r.line), uint64_t(r.bytes)})
      put(value, ' ');
    put(r.address, '\n');
  }
  return truncated ? result + "truncated\n" : result;
}

} // namespace cameo::ptx
