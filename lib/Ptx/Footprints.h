// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which thread touched which bytes between which barriers: rows of numbers, for tools that ask what a
// barrier separates without the race checks' answer. A row is: block, warp, lane, kind, line of the PTX, bytes,
// address (of shared memory: the offset; of an mbarrier, too). Copies have a row where they are issued and one
// where a wait covers them. Reads of inputs, local memory and other blocks' shared memory have none.
#ifndef CAMEO_LIB_PTX_FOOTPRINTS_H
#define CAMEO_LIB_PTX_FOOTPRINTS_H

#include "Exec.h"

#include <bit>
#include <string>
#include <vector>

namespace cameo::ptx {

enum class Footprint : uint8_t {
  Read,
  Write,
  MatrixRead,   ///< of wgmma, by its warpgroup (the column of the lane is 0), issued or over
  Mbarrier,     ///< some use; the opcode in that line says which
  Waited,       ///< an mbarrier's phase is seen to be complete
  MatrixWaited, ///< wgmma.wait_group
  Barrier,      ///< of the block: the address is its number, the bytes are the mask of lanes
  WarpBarrier,  ///< the same of the warp
  CopyWait,     ///< a wait for groups of copies; rows of what it covers follow, up to another one with 0 bytes
  Fence,        ///< the bytes are the mask of lanes
  Commit,       ///< of a group of copies, the same
};

class Footprints {
public:
  static constexpr size_t mostRows = 6'000'000;

  void add(const Exec &x, const Op *op, Footprint kind, unsigned lane, uint64_t address, uint64_t bytes);
  /// One row for each lane of `mask`, at origin + off[lane].
  template <typename Offset>
  void lanesOf(const Exec &x, const Op &op, Footprint kind, uint64_t origin, const Offset *off, unsigned width,
               uint32_t mask) {
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      unsigned i = static_cast<unsigned>(std::countr_zero(rest));
      add(x, &op, kind, i, origin + off[i], width);
    }
  }
  /// What goes on until a wait: bulk stores by lane and sequence, products by warpgroup and number.
  void pending(const Exec &x, const Op &op, Footprint kind, unsigned lane, uint64_t sequence, uint64_t address,
               uint64_t bytes);
  void pendingMatrix(const Exec &x, const Op &op, uint64_t number, uint64_t address, uint64_t bytes);
  void waited(const Exec &x, unsigned lane, uint64_t sequence);
  void waitedMatrix(const Exec &x, uint64_t number);

  /// A line for each row; "truncated" at the end where there were too many.
  std::string text() const;

private:
  struct Row {
    uint64_t address;
    uint32_t block, line, bytes;
    uint16_t warp;
    uint8_t lane, kind;
  };
  struct Pending {
    uint64_t block, sequence;
    uint32_t warp, lane;
    Row row;
  };
  void settle(std::vector<Pending> &from, const Exec &x, uint32_t lane, uint64_t sequence);

  std::vector<Row> rows;
  std::vector<Pending> stores, products;
  bool truncated = false;
};

inline void logLanes(const Exec &x, const Op &op, Footprint kind, uint32_t mask) {
  if (Footprints *log = x.launch->footprints.get())
    log->add(x, &op, kind, 0, 0, mask);
}
inline void logCopyWait(const Exec &x, const Op &op, uint32_t mask) {
  logLanes(x, op, Footprint::CopyWait, mask);
}

} // namespace cameo::ptx

#endif
