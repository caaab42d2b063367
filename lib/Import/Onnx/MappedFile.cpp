// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// open, fstat, mmap. Kept apart because <sys/mman.h> defines macros that break ONNX's headers.
#include "MappedFile.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace cameo::importer;

int MappedFile::openFile(const std::string &path, bool noFollow, Status &status) {
  // Without O_NONBLOCK opening a pipe waits for its writer.
  int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (noFollow ? O_NOFOLLOW : 0);
  int fd = ::open(path.c_str(), flags);
  struct stat st;
  if (fd < 0 || ::fstat(fd, &st) != 0) {
    status.error = std::strerror(errno);
    return closeFile(fd), -1;
  }
  status.opened = true;
  status.regular = S_ISREG(st.st_mode);
  status.size = static_cast<uint64_t>(st.st_size);
  status.links = st.st_nlink;
  status.device = st.st_dev;
  status.inode = st.st_ino;
  // What was opened, not what the path says by now.
  char target[PATH_MAX];
  ssize_t length =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target);
  if (length > 0 && static_cast<size_t>(length) < sizeof target)
    status.resolved.assign(target, static_cast<size_t>(length));
  return fd;
}

std::shared_ptr<MappedFile> MappedFile::mapFile(int fd, Status &status) {
  if (status.size == 0) {
    closeFile(fd);
    return std::shared_ptr<MappedFile>(new MappedFile(nullptr, 0, status.resolved));
  }
  void *data = ::mmap(nullptr, status.size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED)
    status.error = std::strerror(errno);
  closeFile(fd);
  if (data == MAP_FAILED)
    return nullptr;
  return std::shared_ptr<MappedFile>(
      new MappedFile(static_cast<char *>(data), status.size, status.resolved));
}

void MappedFile::closeFile(int fd) {
  if (fd >= 0)
    ::close(fd);
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<char *>(data), size);
}
