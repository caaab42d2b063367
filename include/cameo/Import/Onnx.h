// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The door through which a model enters: an ONNX file, which nobody has checked, becomes a module of
// the `graph` dialect, or a list of everything that is wrong with it. The file is mapped, not read;
// weights of 1 KiB and more stay in the mapping, which the module's resource blobs keep alive (their
// bytes need not be aligned to the element size: read them with memcpy). Nothing here aborts or throws.
#pragma once

#include "cameo/Import/Problems.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cameo {

/// Bounds on what a model may cost to read. Exceeding one is a problem of class Resource.
struct ImportLimits {
  uint64_t maxFileBytes = uint64_t(1) << 40;   ///< the model file and each external data file
  uint64_t maxParsedBytes = uint64_t(1) << 30; ///< what is left of the model without raw_data
  unsigned maxNesting = 100;                   ///< nested protobuf messages (about 33 graphs)
  uint64_t maxNodes = 1'000'000;               ///< nodes after functions are expanded
  uint64_t maxFoldElements = 16u << 20;        ///< elements of a value folded at import
};

struct ImportOptions {
  ImportLimits limits;
  /// `--shape input=1x3x224x224`: input name to its sizes; -1 leaves a dimension as it is.
  std::map<std::string, std::vector<int64_t>> shapes;
  /// `--allow-external DIR`: folders besides the model's own where external data may lie.
  std::vector<std::string> allowExternal;
  /// Makes what every node of the main graph computes an output, after the model's own.
  bool everyValue = false;
};

/// A mapped file that the resources of an imported module may point into.
struct WeightFile {
  std::string path; ///< absolute, without symbolic links
  const char *data = nullptr;
  uint64_t bytes = 0;
  std::shared_ptr<const void> mapping = {}; ///< keeps `data` in place
};

/// Imports `path` (binary ONNX; `.onnxtxt` is ONNX's text format). On failure returns null and
/// `problems` says why; on success `problems` may hold warnings and `files`, where given,
/// what was mapped. Loads the dialects it needs.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(llvm::StringRef path, mlir::MLIRContext &context,
                                             const ImportOptions &options, ProblemList &problems,
                                             std::vector<WeightFile> *files = nullptr);

/// Whether importing would succeed: the same code, the result thrown away.
bool checkModel(llvm::StringRef path, const ImportOptions &options, ProblemList &problems);

/// Inputs of the model that only steer (axes, shapes, pads, scales, …), or of which small integer
/// arithmetic leads to such an operand. Empty for a file that is no model.
std::vector<std::string> listControlInputs(llvm::StringRef path);

/// One supported (operator, version) with its limits in words, for `cameo list-ops`.
struct SupportedOp {
  std::string domain, op;
  int since;             ///< the operator's version that this row implements
  bool byFunctionBody;   ///< expanded by ONNX's own function body
  std::string types;     ///< element types of its first operand that are accepted
  std::string limits;    ///< restrictions, or empty
};
std::vector<SupportedOp> listSupportedOps();

} // namespace cameo
