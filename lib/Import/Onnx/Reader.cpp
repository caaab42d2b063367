// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// File to ModelProto: map, walk the wire format, parse what is left, look at the version.
#include "Reader.h"

#include "Schemas.h"
#include "Wire.h"

#include "llvm/ADT/Twine.h"
#include "onnx/onnx_pb.h"

using namespace cameo;
using namespace cameo::importer;

namespace {

/// IR 3 is the first with opset imports as they are today.
constexpr int64_t kFirstIrVersion = 3, kLastIrVersion = onnx::Version::IR_VERSION;

std::shared_ptr<MappedFile> openModel(const std::string &path, const ImportOptions &options,
                                      ProblemList &problems) {
  MappedFile::Status status;
  auto accept = [&](const MappedFile::Status &st) {
    if (!st.regular)
      problems.add("E0002", "\"" + path + "\" is a folder, pipe or device");
    else if (st.size > options.limits.maxFileBytes)
      problems.add("E0003", "\"" + path + "\" has " + llvm::Twine(st.size) +
                                " bytes, the limit is " +
                                llvm::Twine(options.limits.maxFileBytes));
    return st.regular && st.size <= options.limits.maxFileBytes;
  };
  std::shared_ptr<MappedFile> file = MappedFile::open(path, /*noFollow=*/false, status, accept);
  if (!file && !status.error.empty())
    problems.add("E0001", "\"" + path + "\": " + status.error);
  return file;
}

bool parse(ModelFile &file, const ImportOptions &options, ProblemList &problems) {
  std::string error;
  llvm::ArrayRef<char> bytes = file.mapping->bytes();
  if (llvm::StringRef(file.path).ends_with(".onnxtxt")) {
    if (parseText(std::string(bytes.data(), bytes.size()), *file.model, error))
      return true;
    problems.add("E0013", error);
    return false;
  }
  std::string stripped;
  if (!stripModel(bytes, options.limits, stripped, problems))
    return false;
  // The walk has checked the depth already, and says it better.
  if (parseBinary(stripped, static_cast<int>(options.limits.maxNesting) + 1, *file.model, error))
    return true;
  problems.add("E0010", error);
  return false;
}

} // namespace

ModelFile::ModelFile() : model(std::make_unique<onnx::ModelProto>()) {}
ModelFile::~ModelFile() = default;

std::unique_ptr<ModelFile> importer::readModel(llvm::StringRef path, const ImportOptions &options,
                                               ProblemList &problems) {
  auto file = std::make_unique<ModelFile>();
  file->path = path.str();
  file->mapping = openModel(file->path, options, problems);
  if (!file->mapping || !parse(*file, options, problems))
    return nullptr;
  bool text = path.ends_with(".onnxtxt");
  file->tensors =
      std::make_unique<TensorLoader>(text ? nullptr : file->mapping, file->path, options);
  const onnx::ModelProto &model = *file->model;
  if (model.ir_version() < kFirstIrVersion || model.ir_version() > kLastIrVersion) {
    problems.add("E0011", "IR version " + llvm::Twine(model.ir_version()) +
                              (model.has_ir_version() ? "" : " (missing)") +
                              "; supported are " + llvm::Twine(kFirstIrVersion) + " to " +
                              llvm::Twine(kLastIrVersion));
    return nullptr;
  }
  if (!model.has_graph()) {
    problems.add("E0012", "the field `graph` is missing");
    return nullptr;
  }
  return file;
}
