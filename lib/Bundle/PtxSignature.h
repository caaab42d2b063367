// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a bundle has to know about the entries of its PTX before the driver or the simulator sees it:
// their parameters and thread limits. This reads declarations only and skips bodies; text that is
// not PTX otherwise is for the device's own parser to refuse.
#pragma once

#include "cameo/Bundle/Result.h"

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cameo {

struct PtxEntry {
  std::vector<uint32_t> paramBytes; ///< 0: neither a scalar nor aligned like one
  std::array<uint32_t, 3> reqntid = {0, 0, 0}, maxntid = {0, 0, 0}; ///< zeros: not given
};

using PtxEntries = std::map<std::string, PtxEntry, std::less<>>;

/// All `.entry` definitions of `text`.
Result<PtxEntries> scanPtxEntries(std::string_view text);

} // namespace cameo
