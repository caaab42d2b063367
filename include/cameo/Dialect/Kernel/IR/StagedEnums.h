// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The words that stand inside the staged level's types. They are plain enums with a keyword each (not
// TableGen enums), because the types' generated declarations need them complete.
#pragma once

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace cameo::kernel {

/// Where the bytes of a shared-memory tile lie: the hardware's swizzles, 16 bytes behind each row,
/// or plain rows.
enum class Placement : uint8_t { None, Pad16, Sw32, Sw64, Sw128 };
/// How a ring's slots change hands: transaction barriers, or cp.async groups and a block barrier.
enum class RingSync : uint8_t { Tx, Groups };
enum class SlotState : uint8_t { Write, Read };
/// Who multiplies: scalar FMA, mma.sync, or warpgroup mma.
enum class Engine : uint8_t { Fma, Mma, Wgmma };
enum class AccState : uint8_t { Empty, Inflight, Ready };

llvm::StringRef keyword(Placement);
llvm::StringRef keyword(RingSync);
llvm::StringRef keyword(SlotState);
llvm::StringRef keyword(Engine);
llvm::StringRef keyword(AccState);

} // namespace cameo::kernel
