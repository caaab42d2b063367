// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo-opt with the tutorial's pass linked in.
#include "FirstPass.h"
#include "cameo/Registration/Registration.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  cameo::registerCameoPasses();
  cameo::example::registerFirstPassPasses();
  mlir::DialectRegistry registry;
  cameo::registerCameoDialects(registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Cameo with a first pass\n", registry));
}
