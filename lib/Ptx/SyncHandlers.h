// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What barriers and warp-wide instructions share with the scheduler.
#ifndef CAMEO_LIB_PTX_SYNCHANDLERS_H
#define CAMEO_LIB_PTX_SYNCHANDLERS_H

#include "Handlers.h"

namespace cameo::ptx {

/// `flags` of a barrier operation (they share no bit with predication: barriers have none).
enum BarrierFlags : uint8_t {
  BarrierAligned = 1, BarrierArrive = 2, BarrierReduce = 4, BarrierNegated = 8
};
/// `size` of a reducing barrier.
enum BarrierReduction : uint8_t { BarrierPopc, BarrierAnd, BarrierOr };

/// `size` of the mbarrier operations; the first two index the modes of an arrival.
enum MbarrierFlags : uint8_t {
  MbarrierNoComplete = 1, MbarrierDrop = 2, MbarrierExpect = 4, MbarrierParity = 8,
  MbarrierNoIncrement = 16, MbarrierRelaxed = 32,
  MbarrierOwnScope = 64 ///< it names the scope .cta
};
/// `size` of a fence; `count` has its scope.
enum FenceKind : uint8_t { FenceMemory, FenceAsyncProxy, FenceMbarrierInit, FenceOtherProxy };
enum class Scope : uint8_t { Block, Cluster, Device, System };

/// True where all living lanes of `wanted` are here; else the group waits for them at `op`.
bool gatherLanes(Exec &x, const Op &op, uint32_t wanted);
void completeBarrier(Block &block, uint32_t id, const Program &program);
bool barrierIsFull(const Block &block, const BarrierState &barrier);
void writeReduction(const Op &op, uint8_t *frame, uint32_t mask, const BarrierState &barrier,
                    const Program &program);

} // namespace cameo::ptx

#endif
