// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reference engines that are Python packages: ONNX Runtime and ONNX's own evaluator. They run in a child
// process, which executes the module cameo.reference that is installed beside the tool; tensors go
// through files in a temporary folder.
#pragma once

#include "Executor.h"
#include "TensorFiles.h"

namespace cameo::tool {

/// Tensors of files in the order of `ports`: by name where the files name them, else by position.
Result<std::vector<host::HostTensor>> arrange(const std::vector<NamedTensor> &tensors,
                                              const std::vector<Port> &ports, llvm::StringRef what);

/// The values of all outputs of `executor` (also those that only --per-node makes outputs) as `engine`
/// ("ort", "onnx-reference") computes them from `values`. `python` "": $CAMEO_PYTHON, or python3.
Result<std::vector<host::HostTensor>> runPythonReference(llvm::StringRef engine, std::string python,
                                                         const std::string &model,
                                                         const Executor &executor,
                                                         const std::vector<host::HostTensor> &values);

} // namespace cameo::tool
