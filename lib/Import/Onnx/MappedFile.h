// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file mapped read-only. Weights are read where they lie, so the mapping is shared by everything
// that points into it. Refuses what is not a regular file (opening a pipe must not hang). A file that
// somebody truncates while it is mapped ends the process with SIGBUS; nothing portable prevents that.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <memory>
#include <string>

namespace cameo::importer {

class MappedFile {
public:
  /// What fstat said of the opened file, whatever it is.
  struct Status {
    bool opened = false, regular = false;
    uint64_t size = 0, links = 0, device = 0, inode = 0;
    std::string error;    ///< why it could not be opened or mapped
    std::string resolved; ///< path of the opened file without symbolic links, may be empty
  };

  /// Maps `path`. With `noFollow` a symbolic link as last component is not opened. `accept`, called
  /// between fstat and mmap, may refuse by returning false.
  template <typename Accept>
  static std::shared_ptr<MappedFile> open(const std::string &path, bool noFollow, Status &status,
                                          Accept accept) {
    int fd = openFile(path, noFollow, status);
    if (fd < 0 || !accept(static_cast<const Status &>(status)))
      return closeFile(fd), nullptr;
    return mapFile(fd, status);
  }

  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  llvm::ArrayRef<char> bytes() const { return {data, size}; }
  /// Without symbolic links, as it was when the file was opened; may be empty.
  const std::string &path() const { return resolved; }

private:
  MappedFile(const char *data, size_t size, std::string resolved)
      : data(data), size(size), resolved(std::move(resolved)) {}
  static int openFile(const std::string &path, bool noFollow, Status &status);
  static std::shared_ptr<MappedFile> mapFile(int fd, Status &status);
  static void closeFile(int fd);

  const char *data;
  size_t size;
  std::string resolved;
};

} // namespace cameo::importer
