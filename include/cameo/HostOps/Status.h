// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Host operations meet bad shapes, sizes that overflow and memory that is not there; none of it may
// cross the API as an exception. A Status is success or a message; a Result is a value or a Status.
// The message names the fault alone; the caller adds the node.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace cameo::host {

class [[nodiscard]] Status {
public:
  Status() = default;
  static Status ok() { return {}; }
  static Status error(std::string message) {
    Status status;
    status.text = std::move(message);
    status.failed = true;
    return status;
  }
  bool isOk() const { return !failed; }
  explicit operator bool() const { return !failed; }
  const std::string &message() const { return text; }

private:
  std::string text;
  bool failed = false;
};

template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : payload(std::move(value)) {}
  Result(Status failure) : failure(std::move(failure)) {}
  bool isOk() const { return payload.has_value(); }
  explicit operator bool() const { return isOk(); }
  T &operator*() { return *payload; }
  const T &operator*() const { return *payload; }
  T *operator->() { return &*payload; }
  const T *operator->() const { return &*payload; }
  const Status &status() const { return failure; }
  const std::string &message() const { return failure.message(); }

private:
  std::optional<T> payload;
  Status failure;
};

inline Status error(std::string message) { return Status::error(std::move(message)); }

} // namespace cameo::host

/// Evaluates a Result; on failure returns its Status from the enclosing function, else declares
/// `var`.
#define CAMEO_TRY(var, expression)                                                                 \
  auto var##Result = (expression);                                                                 \
  if (!var##Result)                                                                                \
    return var##Result.status();                                                                   \
  auto &var = *var##Result
/// Returns the Status of a failed `expression` from the enclosing function.
#define CAMEO_CHECK(expression)                                                                    \
  do {                                                                                             \
    if (auto checkedStatus = (expression); !checkedStatus)                                         \
      return checkedStatus;                                                                        \
  } while (false)
