// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The model file as ONNX's message classes see it, with the bytes that stayed in the mapping.
#pragma once

#include "Tensors.h"
#include "cameo/Import/Onnx.h"

#include <memory>
#include <string>

namespace onnx {
class ModelProto;
}

namespace cameo::importer {

struct ModelFile {
  ModelFile();
  ~ModelFile();
  std::string path;
  std::shared_ptr<MappedFile> mapping; ///< null for a model in text format
  std::unique_ptr<onnx::ModelProto> model;
  std::unique_ptr<TensorLoader> tensors;
};

/// Opens, maps, walks and parses the file. Null and at least one problem when it cannot.
std::unique_ptr<ModelFile> readModel(llvm::StringRef path, const ImportOptions &options,
                                     ProblemList &problems);

} // namespace cameo::importer
