// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs passes over IR text, as mlir-opt does, with Cameo's dialects and passes: the tool of every
// lit test and of whoever wants to see one pass at work. Passes and dialects of others load as
// plugins
// (--load-pass-plugin, --load-dialect-plugin).
#include "cameo/Registration/Registration.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  cameo::registerCameoPasses();
  mlir::DialectRegistry registry;
  cameo::registerCameoDialects(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Cameo pass driver\n", registry));
}
