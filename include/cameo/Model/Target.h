// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a GPU generation offers, as far as schedules and code generation ask: limits of a thread block,
// the PTX version to emit and the features that may be used. One constexpr table; a target that is not
// in it is refused by name.
#ifndef CAMEO_MODEL_TARGET_H
#define CAMEO_MODEL_TARGET_H

#include <cstdint>
#include <string_view>

namespace cameo {

struct Target {
  std::string_view name;     ///< "sm_80", also the LLVM CPU name
  int32_t capability;        ///< compute capability x 10
  int32_t ptxVersion;        ///< PTX version x 10 that the emitter asks for
  int32_t sharedPerBlock;    ///< bytes of shared memory one block may use (opt-in maximum)
  int32_t sharedPerSm;       ///< bytes of shared memory of one multiprocessor
  int32_t registersPerSm;    ///< 32-bit registers of one multiprocessor
  int32_t maxRegisters;      ///< 32-bit registers one thread may use
  int32_t maxThreads;        ///< threads of one block
  int32_t maxThreadsPerSm;   ///< threads of one multiprocessor
  int32_t multiprocessors;   ///< of the largest common product, for breakpoints only
  bool cpAsync;              ///< cp.async, mma.sync m16n8k16
  bool bulkTensor;           ///< bulk tensor copies and transaction barriers
  bool wgmma;                ///< warpgroup matrix products
};

/// The table's entry, or null for an unknown name.
const Target *findTarget(std::string_view name);
/// The portable target, sm_80.
const Target &portableTarget();

} // namespace cameo

#endif // CAMEO_MODEL_TARGET_H
