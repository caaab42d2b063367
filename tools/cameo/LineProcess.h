// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A child process that answers lines with lines of JSON: the worker processes of `cameo conformance`, and
// the Python that knows ONNX's reference. It starts with the first question, and again after a crash or
// an answer that took too long (then the child is killed).
#pragma once

#include "llvm/Support/JSON.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace cameo::tool {

class LineProcess {
public:
  /// `command` is a program's path and its arguments.
  explicit LineProcess(std::vector<std::string> command) : command(std::move(command)) {}
  ~LineProcess() { stop(); }
  LineProcess(const LineProcess &) = delete;
  LineProcess &operator=(const LineProcess &) = delete;

  /// The answer to one line, or nothing and why ("crash" or "timeout").
  std::optional<llvm::json::Value> ask(const std::string &line, double seconds, std::string &failure);

private:
  bool start();
  void stop();

  std::vector<std::string> command;
  pid_t pid = -1;
  int toChild = -1, fromChild = -1;
  std::string pending;
};

} // namespace cameo::tool
