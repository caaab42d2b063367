// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors in files, as users have them: NumPy's .npy and ONNX's TensorProto (.pb); and `name=@file`
// on the command line. Data is row-major; types below 8 bits are packed in .pb and one byte an element
// in .npy, as both formats have it.
#pragma once

#include "cameo/HostOps/HostTensor.h"

#include <map>
#include <string>
#include <vector>

namespace cameo::tool {

struct NamedTensor {
  std::string name;
  host::HostTensor tensor;
};

/// Reads a .npy or .pb file (by its ending). A name inside a .pb is kept.
host::Result<NamedTensor> readTensor(const std::string &path);
host::Status writeNpy(const std::string &path, const host::HostTensor &tensor);
host::Status writePb(const std::string &path, const std::string &name,
                     const host::HostTensor &tensor);

/// `name=@file` options; an error names the option at fault.
host::Result<std::map<std::string, host::HostTensor>>
readInputs(const std::vector<std::string> &options);

/// The tensors `<prefix>_0.pb`, `<prefix>_1.pb`, … of a folder, in order.
host::Result<std::vector<NamedTensor>> readTestData(const std::string &folder,
                                                    const std::string &prefix);

/// Normal numbers (floats), small non-negative integers and booleans from a seed, for inputs that the
/// user did not give.
host::Result<host::HostTensor> randomTensor(DType dtype, const std::vector<int64_t> &dims,
                                            uint64_t seed);

} // namespace cameo::tool
