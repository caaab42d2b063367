// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which of a bundle's modules a device runs. Variants, blocks and shared memory belong to a module, so the
// choice is made once for the whole program: the module that has the best image. On a GPU that is a cubin
// of its architecture, else the newest PTX that it runs; on the PTX machine the PTX whose target was asked
// for, else the lowest, which needs the fewest features. Refused: a bundle with code for other devices only.
#pragma once

#include "cameo/Bundle/Bundle.h"

namespace cameo::rt {

struct ModuleImage {
  uint32_t module = 0;
  const bundle::Image *image = nullptr; ///< null: the bundle has no code at all
};

/// For a GPU of `architecture` (90 for compute capability 9.0).
Result<ModuleImage> chooseImage(const BundleDesc &desc, unsigned architecture);
/// For the PTX machine; `target` "" or "sm_86".
Result<ModuleImage> chooseSimImage(const BundleDesc &desc, const std::string &target);

} // namespace cameo::rt
