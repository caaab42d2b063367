// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One place that knows every dialect and pass a Cameo tool must know. Tools call these instead of
// listing libraries; nothing registers itself by static initialisers.
#ifndef CAMEO_REGISTRATION_REGISTRATION_H
#define CAMEO_REGISTRATION_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace cameo {

/// Our dialects and the upstream ones that our pipeline uses, with their extensions.
void registerCameoDialects(mlir::DialectRegistry &registry);

/// Our passes, and the upstream passes that our pipeline uses. Call once a process.
void registerCameoPasses();

} // namespace cameo

#endif // CAMEO_REGISTRATION_REGISTRATION_H
