// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who spins. A lock, a flag or a ticket in memory is waited for by loads and atomics in a loop, and whoever
// would end the loop needs a turn. An atomic that changed nothing and a strong load may be such a wait: now
// and then one of them gives up the turn of its warp, and the lanes that gave it up go behind the others.
#ifndef CAMEO_LIB_PTX_POLLS_H
#define CAMEO_LIB_PTX_POLLS_H

#include "Exec.h"

namespace cameo::ptx {

inline void pollInVain(Exec &x) {
  constexpr uint64_t patience = 16; // polls, on average
  if (x.pause == Pause::None && x.nextRandom() % patience == 0)
    x.stop(Pause::Switch);
}

} // namespace cameo::ptx

#endif // CAMEO_LIB_PTX_POLLS_H
