// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Lanes.h"
namespace cameo::ptx::CAMEO_PTX_ISA {
void matrixRows(HandlerRows &) {}
} // namespace cameo::ptx::CAMEO_PTX_ISA
