// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How fast a target's engines multiply and add, and what follows for a product of f32: by the ordinary cores
// (fma), or by three products of tf32, which lie within the same bound. One table of figures, each with its
// unit and source; a first model: the engine that needs fewer clocks for one product wins. No clock rates, no
// memory: they are the same for both. What is chosen, and from which figures, goes into the bundle.
#ifndef CAMEO_MODEL_ENGINERATES_H
#define CAMEO_MODEL_ENGINERATES_H

#include "cameo/Model/Target.h"

#include <string>

namespace cameo {

/// Multiply-adds per clock of one multiprocessor, dense, sums in f32.
struct EngineRate {
  int32_t perClock;
  std::string_view source;
};
struct EngineRates {
  EngineRate fma32;   ///< ordinary cores, f32
  EngineRate mmaTf32; ///< mma.sync, tf32
};
const EngineRates &engineRates(const Target &target);

/// How products of f32 are computed, by name of the kernel dialect's engine ("fma", "tf32x3"), and the clocks
/// that one multiprocessor takes for 1024 of them.
struct F32Choice {
  std::string_view engine;
  double fmaClocks, tf32x3Clocks;
};
F32Choice chooseF32(const Target &target);

} // namespace cameo

#endif // CAMEO_MODEL_ENGINERATES_H
