// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one function that makes a shared object with passes a plugin.
#include "FirstPass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "first-pass", "0.1",
          [] { cameo::example::registerFirstPassPasses(); }};
}
