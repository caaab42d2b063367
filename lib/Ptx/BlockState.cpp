// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The memory and the first state of a block: shared memory and its shadow, and for each warp its
// special registers, its frames and its local memory, in one arena that the next block takes over.
#include "Async.h"
#include "Cluster.h"
#include "Race.h"
#include "Worker.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

uint8_t *alignedStart(std::vector<uint8_t> &arena) {
  return reinterpret_cast<uint8_t *>((reinterpret_cast<uintptr_t>(arena.data()) + 127) & ~uintptr_t(127));
}

} // namespace

/// Memory of a block: shared, its shadow, and per warp specials, registers, local and its shadow.
std::unique_ptr<Block> Worker::makeBlock() {
  auto block = std::make_unique<Block>();
  block->async = std::make_shared<AsyncState>();
  const Program &program = *launch.program;
  uint32_t threads = launch.block[0] * launch.block[1] * launch.block[2];
  uint32_t warps = (threads + lanes - 1) / lanes;
  auto round = [](uint64_t v) { return (v + 127) & ~uint64_t(127); };
  uint64_t shared = round(launch.sharedBytes + 128), sharedShadow = round(shared / 4 + 128);
  uint64_t specials = round(uint64_t(SpCount) * lanes * 4);
  uint64_t frame = round(program.stackFrameBytes + 256);
  uint64_t local = round(uint64_t(program.stackLocalBytes) * lanes), localShadow = round(local / 4);
  uint64_t perWarp = specials + frame + local + localShadow;
  block->arena.resize(shared + sharedShadow + warps * perWarp + 256);
  uint8_t *at = alignedStart(block->arena);
  block->shared = at;
  block->sharedShadow = at + shared;
  at += shared + sharedShadow;
  block->warps.resize(warps);
  if (launch.race)
    block->race = std::make_shared<RaceBlock>(launch, *raceCache, warps);
  for (uint32_t w = 0; w < warps; ++w) {
    Warp &warp = block->warps[w];
    warp.index = w;
    warp.block = block.get();
    warp.specials = at;
    warp.registers = at + specials;
    warp.local = warp.registers + frame;
    warp.localShadow = warp.local + local;
    at += perWarp;
    auto *sp = reinterpret_cast<uint32_t(*)[lanes]>(warp.specials);
    for (uint32_t i = 0; i < lanes; ++i) {
      uint32_t t = w * lanes + i;
      uint32_t bit = 1u << i;
      sp[SpTidX][i] = t % launch.block[0];
      sp[SpTidY][i] = t / launch.block[0] % launch.block[1];
      sp[SpTidZ][i] = t / launch.block[0] / launch.block[1];
      sp[SpLane][i] = i;
      sp[SpWarp][i] = w;
      sp[SpNwarp][i] = warps;
      for (unsigned d = 0; d < 3; ++d) {
        sp[SpNtidX + d][i] = launch.block[d];
        sp[SpNctaX + d][i] = launch.grid[d];
      }
      sp[SpMaskEq][i] = bit;
      sp[SpMaskLt][i] = bit - 1;
      sp[SpMaskLe][i] = bit | (bit - 1);
      sp[SpMaskGt][i] = ~(bit | (bit - 1));
      sp[SpMaskGe][i] = ~(bit - 1);
      sp[SpZero][i] = 0;
      sp[SpOne][i] = 1;
      sp[SpDynShared][i] = launch.dynamicShared;
      sp[SpTotalShared][i] = program.staticSharedBytes + launch.dynamicShared;
      sp[SpGridLo][i] = 1;
      sp[SpGridHi][i] = 0;
    }
  }
  return block;
}

static void setSpecial(Warp &warp, uint32_t slot, uint32_t value) {
  auto *sp = reinterpret_cast<uint32_t(*)[lanes]>(warp.specials);
  std::fill(sp[slot], sp[slot] + lanes, value);
}

/// The registers of clusters and cooperative grids.
static void setClusterRegisters(const LaunchContext &launch, const Block &block, Warp &warp) {
  for (unsigned d = 0; d < 3; ++d) {
    setSpecial(warp, SpClusterX + d, block.coordinates[d] / launch.cluster[d]);
    setSpecial(warp, SpNclusterX + d, launch.grid[d] / launch.cluster[d]);
    setSpecial(warp, SpInClusterX + d, block.coordinates[d] % launch.cluster[d]);
    setSpecial(warp, SpClusterSizeX + d, launch.cluster[d]);
  }
  setSpecial(warp, SpClusterRank, block.rank);
  setSpecial(warp, SpClusterBlocks, launch.cluster[0] * launch.cluster[1] * launch.cluster[2]);
  setSpecial(warp, SpWorkspaceLo, static_cast<uint32_t>(launch.workspace));
  setSpecial(warp, SpWorkspaceHi, static_cast<uint32_t>(launch.workspace >> 32));
}

/// The blocks of a cluster, in the order of their ranks: x first.
void Worker::startCluster(Resident &resident, uint64_t number) {
  const uint32_t(&size)[3] = launch.cluster;
  uint64_t nx = launch.grid[0] / size[0], ny = launch.grid[1] / size[1];
  uint64_t at[3] = {number % nx, number / nx % ny, number / nx / ny};
  for (uint32_t rank = 0; rank < resident.blocks.size(); ++rank) {
    uint32_t inside[3] = {rank % size[0], rank / size[0] % size[1], rank / size[0] / size[1]};
    uint32_t coordinates[3];
    for (unsigned d = 0; d < 3; ++d)
      coordinates[d] = static_cast<uint32_t>(at[d]) * size[d] + inside[d];
    startBlock(*resident.blocks[rank], coordinates);
  }
  if (launch.program->usesClusterBarrier || resident.blocks.size() > 1)
    resident.blocks[0]->cluster->restart();
}

void Worker::startBlock(Block &block, const uint32_t (&coordinates)[3]) {
  std::copy(std::begin(coordinates), std::end(coordinates), block.coordinates);
  uint64_t linear =
      coordinates[0] + uint64_t(launch.grid[0]) * (coordinates[1] + uint64_t(launch.grid[1]) * coordinates[2]);
  block.linear = linear;
  block.done = block.metCluster = false;
  uint32_t threads = launch.block[0] * launch.block[1] * launch.block[2];
  block.alive = threads;
  block.steps = 0;
  block.nextWarp = 0;
  // Mixed, so that the numbers of two seeds are not the same ones shifted.
  uint64_t mixed = (launch.seed ^ launch.seed >> 33 ^ 0x5851F42D4C957F2Dull) * 0xff51afd7ed558ccdull;
  block.random = (mixed ^ mixed >> 29) + linear * 0x2545F4914F6CDD1Dull;
  block.async->clear();
  block.async->byWarp = byWarp;
  for (BarrierState &barrier : block.barriers)
    barrier = BarrierState();
  if (launch.sharedBytes) {
    fillPoison(block.shared, 0, launch.sharedBytes);
    std::memset(block.sharedShadow, 0, launch.sharedBytes / 4 + 1);
  }
  if (uint32_t reserved = launch.program->reservedShared) { // the driver hands it over as zeros
    std::memset(block.shared + reserved - sharedBase, 0, reservedSharedBytes);
    markWritten(block.sharedShadow, reserved - sharedBase, reservedSharedBytes, false);
  }
  for (Warp &warp : block.warps) {
    uint32_t rest = threads - warp.index * lanes;
    warp.alive = rest >= lanes ? 0xffffffffu : (1u << rest) - 1;
    warp.groups.clear();
    Group group;
    group.ip = launch.program->code.data() + launch.program->functions[0].entry;
    group.mask = warp.alive;
    group.localOffset = localBase;
    warp.groups.push_back(std::move(group));
    warp.copies.clear();
    std::memset(warp.committed, 0, sizeof warp.committed);
    std::memset(warp.bulkCommitted, 0, sizeof warp.bulkCommitted);
    warp.issued = 0;
    warp.clusterArrived = warp.clusterPassed = 0;
    if (launch.program->usesClusterRegisters)
      setClusterRegisters(launch, block, warp);
    warp.turn = 0;
    if (launch.program->functions[0].localBytes || launch.program->functions.size() > 1)
      std::memset(warp.localShadow, 0, uint64_t(launch.program->stackLocalBytes) * lanes / 4);
    auto *sp = reinterpret_cast<uint32_t(*)[lanes]>(warp.specials);
    for (unsigned d = 0; d < 3; ++d)
      for (unsigned i = 0; i < lanes; ++i)
        sp[SpCtaX + d][i] = block.coordinates[d];
  }
  if (block.race)
    block.race->start(block);
}

} // namespace cameo::ptx
