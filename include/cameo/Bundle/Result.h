// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bundle and the runtime report failures as values that name the place of blame. An Error has a
// code (the exit code of the tool, so that no caller has to translate), one sentence, and where they
// are known the kernel and the ONNX nodes it came from. A Result is a value or an Error; reading the
// value of a failed Result is a programming error and ends the process in every build.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cameo {

/// Values are the exit codes of `cameo`; 20 to 25 are findings of the PTX machine.
enum class ErrorCode : int {
  ok = 0,
  usage = 1,         ///< a call that cannot be meant
  unsupported = 2,   ///< legal, but not offered here (newer format, unknown host operation, target)
  invalid = 3,       ///< damaged or hostile bundle, PTX or reference to external data
  internal = 6,      ///< a defect of ours, or an error of the driver that nothing here explains
  noDevice = 7,      ///< no such device, or its library cannot be opened
  badInput = 8,      ///< dtype, rank, shape, alignment, device or values of what the caller passed
  resources = 9,     ///< input/output error or memory limit
  timeLimit = 10,    ///< the time limit passed
  findingMemory = 20,
  findingRace = 21,
  findingAsync = 22,
  findingBarrier = 23,
  findingDivergence = 24,
  findingDeadlock = 25,
  interrupted = 130, ///< cancelled by the caller
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string kernel = {};              ///< entry name, where a kernel is at fault
  std::vector<std::string> nodes = {};  ///< the ONNX nodes that the kernel or check came from
};

template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Error error) : failure(std::move(error)) {}

  bool ok() const { return held.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error &error() const { return failure; }
  T &operator*() { return value(); }
  const T &operator*() const { return const_cast<Result *>(this)->value(); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &const_cast<Result *>(this)->value(); }

private:
  T &value() {
    if (!held)
      std::abort();
    return *held;
  }
  std::optional<T> held;
  Error failure;
};

template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)) {}

  bool ok() const { return !failure; }
  explicit operator bool() const { return ok(); }
  const Error &error() const { return *failure; }

private:
  std::optional<Error> failure;
};

using Status = Result<void>;

} // namespace cameo
