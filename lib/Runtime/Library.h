// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Libraries that are opened when they are needed: the CUDA driver, so that nothing links it, and the
// PTX machine, so that it ships or not. They are never closed again.
#pragma once

#include "cameo/Bundle/Result.h"

#include <string>
#include <vector>

namespace cameo::rt {

/// The handle of the first of `names` that opens. `beside`: tried first in the folder of this library
/// (or program), and in `../lib` and `../../lib` from there.
Result<void *> openLibrary(const std::vector<std::string> &names, bool beside);

} // namespace cameo::rt
