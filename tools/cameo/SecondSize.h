// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `cameo conformance --dynamic` runs every case at one more size that ONNX allows. Which that is, and what
// comes out, says ONNX's reference: python/cameo/second_size.py, one process a worker.
#pragma once

#include "cameo/Bundle/Result.h"
#include "cameo/HostOps/HostTensor.h"

#include "llvm/Support/JSON.h"

#include <memory>
#include <string>
#include <vector>

namespace cameo::tool {

struct SecondSize {
  /// "ok"; "forbidden" where no other size is legal; "no reference" where ONNX's reference cannot run
  /// the case or disagrees with its data; "crash" or "timeout" of the reference.
  std::string outcome, reason;
  llvm::json::Object sizes, controls; ///< of the inputs that changed; elements of changed control operands
  std::vector<host::HostTensor> inputs, expected;
};

class SecondSizes {
public:
  /// Finds Python ($CAMEO_PYTHON, else python3) and the script beside this tool.
  static Result<std::unique_ptr<SecondSizes>> create();
  ~SecondSizes();

  /// Another size of the case in `folder`, whose inputs `controls` only steer.
  SecondSize find(const std::string &folder, const std::vector<std::string> &controls);

private:
  SecondSizes();
  struct State;
  std::unique_ptr<State> state;
};

} // namespace cameo::tool
