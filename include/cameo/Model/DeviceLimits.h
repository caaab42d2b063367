// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code for a target also runs on newer devices that have none of their own: the portable code does so everywhere
// unless asked for more. So its schedules keep to what all of these devices have.
#ifndef CAMEO_MODEL_DEVICELIMITS_H
#define CAMEO_MODEL_DEVICELIMITS_H

#include "cameo/Model/Target.h"

#include <span>

namespace cameo {

/// `target` with the least shared memory of all devices that take its code when there is code for `compiled`.
Target limitsOfDevices(const Target &target, std::span<const Target *const> compiled);

} // namespace cameo

#endif // CAMEO_MODEL_DEVICELIMITS_H
