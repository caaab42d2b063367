// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The words that stand inside the staged level's types. They are plain enums with a keyword each (not
// TableGen enums), because the types' generated declarations need them complete.
#pragma once

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace cameo::kernel {

/// Where the bytes of a shared-memory tile lie: the hardware's swizzles, 16 or 32 bytes behind each row,
/// or plain rows.
enum class Placement : uint8_t { None, Pad16, Sw32, Sw64, Sw128, Pad32 };
/// How a ring's slots change hands: transaction barriers, or cp.async groups and a block barrier.
enum class RingSync : uint8_t { Tx, Groups };
enum class SlotState : uint8_t { Write, Read };
/// Who multiplies: scalar FMA, mma.sync, or warpgroup mma.
enum class Engine : uint8_t { Fma, Mma, Wgmma };
enum class AccState : uint8_t { Empty, Inflight, Ready };
/// Which dimensions of an accumulator of mma.sync have their 16 elements dealt out by twos: even ones to one
/// half of a fragment, odd ones to the other.
enum class Pairing : uint8_t { None, Rows, Cols, Both };
inline Pairing pairing(bool rows, bool cols) { return Pairing(unsigned(rows) | unsigned(cols) << 1); }
inline bool pairsRows(Pairing p) { return unsigned(p) & 1; }
inline bool pairsCols(Pairing p) { return unsigned(p) & 2; }

llvm::StringRef keyword(Placement);
llvm::StringRef keyword(RingSync);
llvm::StringRef keyword(SlotState);
llvm::StringRef keyword(Engine);
llvm::StringRef keyword(AccState);
llvm::StringRef keyword(Pairing);

} // namespace cameo::kernel
