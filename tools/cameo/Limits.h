// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a verb ends before its time: Ctrl-C, SIGTERM and --time-limit end the tool within a second with
// the exit code of the cause, and nothing half-written stays behind. A thread waits for the signals and
// the deadline, so that what it does need not be safe inside a signal handler: it stops the child, waits
// for a file that is being finished, removes temporary files and folders, and exits.
#pragma once

#include "cameo/Bundle/Bundle.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace cameo::tool {

/// From here on signals and, where `seconds` > 0, the deadline end the process. Called once by a verb,
/// before it makes threads or children.
void watchForEnd(double seconds);

/// A folder that goes with the object, or when the process ends early.
class TemporaryFolder {
public:
  static Result<TemporaryFolder> create(const std::string &prefix);
  TemporaryFolder() = default;
  TemporaryFolder(TemporaryFolder &&other) noexcept : folder(std::exchange(other.folder, "")) {}
  TemporaryFolder &operator=(TemporaryFolder &&other) noexcept {
    std::swap(folder, other.folder);
    return *this;
  }
  ~TemporaryFolder();
  const std::string &path() const { return folder; }

private:
  std::string folder;
};

/// Writes to a temporary name and renames: the file is complete or as it was.
Status writeFile(const std::string &path, llvm::StringRef bytes);
/// writeBundle, stopped when the process is to end.
Status writeBundleWatched(const BundleDesc &desc, const std::string &path);

/// Runs a program and returns its exit status (negative: `message` says why it has none). Its output
/// goes to ours. It is killed when the process ends early.
int runChild(llvm::StringRef program, llvm::ArrayRef<llvm::StringRef> arguments, std::string &message);

/// Bounds what the process may allocate while the object lives; beyond, it ends with exit code 9.
/// Mapped files do not count. 0 bytes: 80 % of what is free.
class HostMemoryLimit {
public:
  explicit HostMemoryLimit(uint64_t bytes);
  ~HostMemoryLimit();
  HostMemoryLimit(const HostMemoryLimit &) = delete;
  HostMemoryLimit &operator=(const HostMemoryLimit &) = delete;

private:
  std::optional<uint64_t> before; ///< the limit to restore
};

} // namespace cameo::tool
