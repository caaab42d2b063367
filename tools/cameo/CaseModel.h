// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `cameo conformance` has to know of a case's model without compiling it, and the rewriting of
// `--dynamic`: every input dimension a symbol of its own, nothing said of any other value's shape.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cameo::tool {

struct CaseModel {
  std::string domain, op; ///< of the node the case is about
  int64_t opset = 0;      ///< of that domain
  std::vector<std::string> dtypes; ///< of the inputs
  /// tensor, 8/4-bit, f64, control flow and data-dependent, string, sequence/optional, random, ml,
  /// preview
  std::string kind;
};

/// Nothing when the file is no model.
std::optional<CaseModel> describeModel(const std::string &path, const std::string &caseName);

/// Writes the dynamic form of a model; false when it cannot be read or written. A bundle has one rank a
/// tensor, so sizes that are ranks stay, and are told in `fixed` ("axes.0"): the number of elements of
/// `controls`, the length of the index tuples of GatherND and ScatterND.
bool writeDynamicModel(const std::string &from, const std::string &to,
                       const std::vector<std::string> &controls, std::vector<std::string> &fixed);

} // namespace cameo::tool
