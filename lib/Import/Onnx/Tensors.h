// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A TensorProto can hold its elements in one of seven fields, in the file's own bytes or in another
// file, and each of these has been an attack. This is the one way from any TensorProto (initializer,
// attribute, subgraph, function, sparse, training info) to its elements: checked, and as one range of
// bytes, little-endian, 4-bit and 2-bit elements packed as ONNX packs them.
#pragma once

#include "MappedFile.h"
#include "cameo/Import/Onnx.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace onnx {
class TensorProto;
}

namespace cameo::importer {

struct TensorData {
  int32_t dataType = 0; ///< onnx::TensorProto::DataType
  llvm::SmallVector<int64_t> dims;
  uint64_t numElements = 1;
  llvm::ArrayRef<char> bytes;        ///< empty for strings
  std::shared_ptr<const void> owner; ///< keeps `bytes` alive
  bool mapped = false;               ///< `bytes` lie in a file
  std::vector<std::string> strings;
};

/// Bits of one element of an ONNX data type; 0 for strings and unknown types.
unsigned bitsOfDataType(int32_t dataType);
/// "float", "int4", … as ONNX writes it in its type strings; "undefined" where there is none.
const char *nameOfDataType(int32_t dataType);

/// The files that external data names, each mapped once, and the ranges taken from them.
class ExternalFiles {
public:
  ExternalFiles(const std::string &modelPath, const ImportOptions &options);

  /// Bytes [offset, offset + size) that the tensor's external_data names, or nothing and a problem.
  std::optional<TensorData> read(const onnx::TensorProto &tensor, uint64_t size,
                                 const std::string &where, ProblemList &problems);
  void forEachFile(llvm::function_ref<void(const std::shared_ptr<MappedFile> &)> visit) const {
    for (const auto &entry : files)
      visit(entry.second.file);
  }

private:
  struct Reference {
    std::string location;
    uint64_t offset = 0;
    std::optional<uint64_t> length;
  };
  struct Opened {
    std::shared_ptr<MappedFile> file;
    std::map<uint64_t, uint64_t> taken; // begin -> end
  };
  static std::optional<Reference> parse(const onnx::TensorProto &tensor, const std::string &where,
                                        ProblemList &problems);
  Opened *open(const std::string &location, const std::string &where, ProblemList &problems);
  bool isAllowed(const std::string &resolved, bool ownFolder) const;

  std::string folder;                 // resolved
  std::vector<std::string> allowed;   // resolved
  uint64_t maxFileBytes;
  std::map<std::string, Opened> files; // by resolved path
};

class TensorLoader {
public:
  TensorLoader(std::shared_ptr<MappedFile> model, const std::string &modelPath,
               const ImportOptions &options)
      : model(std::move(model)), external(modelPath, options) {}

  /// `where` says what the tensor is ("initializer \"W\""). Nothing and a problem when it is illegal.
  std::optional<TensorData> load(const onnx::TensorProto &tensor, const std::string &where,
                                 ProblemList &problems);
  /// Every file in which loaded tensors may lie: the model's, then those of external data.
  void forEachFile(llvm::function_ref<void(const std::shared_ptr<MappedFile> &)> visit) const {
    if (model)
      visit(model);
    external.forEachFile(visit);
  }

private:
  std::shared_ptr<MappedFile> model;
  ExternalFiles external;
};

} // namespace cameo::importer
