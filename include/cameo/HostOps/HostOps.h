// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The element semantics of ONNX's tensor operators over plain buffers: the oracle of the tests, the
// folder of constants, and the runtime's host steps. No LLVM, no MLIR. All functions take tensors
// by value semantics (operands are never written), give fresh tensors or views, and report every
// fault as a Status; none throws.
#pragma once

#include "cameo/HostOps/Contraction.h"
#include "cameo/HostOps/HostTensor.h"
#include "cameo/HostOps/Indexed.h"
#include "cameo/HostOps/Movement.h"
#include "cameo/HostOps/Pointwise.h"
#include "cameo/HostOps/Quantize.h"
#include "cameo/HostOps/Reduce.h"
#include "cameo/HostOps/Status.h"
#include "cameo/HostOps/Window.h"
