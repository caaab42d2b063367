// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing a bundle: lay out the sections, stream the weights into their places while hashing them,
// then write the program (which holds those hashes), the table and the header. Everything goes to a
// new file beside the target, which is renamed last, so that a crash, a signal or a full disk leaves no
// half of a bundle under the final name, and nothing beside it.

#include "Format.h"
#include "Hash.h"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cameo {

namespace {

constexpr size_t chunkBytes = 1 << 20;

uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

Error ioError(const std::string &what, const std::string &path) {
  return {ErrorCode::resources, what + " '" + path + "': " + std::strerror(errno)};
}

/// A file that vanishes unless it is committed to its name. Where the file system can, it has no name
/// until then, so that not even a killed process leaves one behind.
class NewFile {
public:
  ~NewFile() {
    if (fd >= 0)
      ::close(fd);
    if (!temporary.empty())
      ::unlink(temporary.c_str());
  }

  Status create(const std::string &path) {
    size_t slash = path.rfind('/');
    std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    fd = ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    if (fd >= 0)
      return {};
    return withNewName(path, [&](const std::string &name) {
      fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
      return fd >= 0;
    });
  }

  Status write(uint64_t offset, const void *data, size_t bytes) {
    const char *p = static_cast<const char *>(data);
    while (bytes) {
      ssize_t done = ::pwrite(fd, p, bytes, off_t(offset));
      if (done < 0 && errno == EINTR)
        continue;
      if (done <= 0)
        return ioError("cannot write", "the new bundle");
      p += done;
      offset += uint64_t(done);
      bytes -= size_t(done);
    }
    return {};
  }

  Status commit(const std::string &path, uint64_t bytes) {
    if (::ftruncate(fd, off_t(bytes)) != 0 || ::fsync(fd) != 0)
      return ioError("cannot write", path);
    if (temporary.empty()) {
      std::string open = "/proc/self/fd/" + std::to_string(fd);
      Status named = withNewName(path, [&](const std::string &name) {
        return ::linkat(AT_FDCWD, open.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
      });
      if (!named)
        return named;
    }
    if (::close(std::exchange(fd, -1)) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
      return ioError("cannot finish", path);
    temporary.clear();
    return {};
  }

private:
  /// Calls `make` with names beside `path` until one was free.
  template <class Make> Status withNewName(const std::string &path, const Make &make) {
    static std::atomic<unsigned> counter{0};
    for (int attempt = 0; attempt < 100; ++attempt) {
      std::string name = path + ".new-" + std::to_string(::getpid()) + "-" +
                         std::to_string(counter.fetch_add(1));
      if (make(name)) {
        temporary = name;
        return {};
      }
      if (errno != EEXIST)
        break;
    }
    return ioError("cannot create a file beside", path);
  }

  int fd = -1;
  std::string temporary; ///< its name; empty while it has none
};

/// Calls `sink(offset, data, bytes)` for all of a weight, in ascending pieces.
template <class Sink> Status streamFile(const bundle::Weight &weight, const Sink &sink) {
  struct Closer {
    int fd;
    ~Closer() {
      if (fd >= 0)
        ::close(fd);
    }
  } file{::open(weight.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0)
    return ioError("cannot read weight '" + weight.name + "' from", weight.path);
  std::string buffer(chunkBytes, '\0');
  for (uint64_t done = 0; done < weight.bytes;) {
    size_t take = std::min<uint64_t>(chunkBytes, weight.bytes - done);
    ssize_t got = ::pread(file.fd, buffer.data(), take, off_t(weight.fileOffset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ioError("cannot read weight '" + weight.name + "' from", weight.path);
    if (got == 0)
      return Error{ErrorCode::invalid, "weight '" + weight.name + "' is longer than what '" +
                                           weight.path + "' holds"};
    if (Status status = sink(done, buffer.data(), size_t(got)); !status)
      return status;
    done += uint64_t(got);
  }
  return {};
}

template <class Sink>
Status streamWeight(const bundle::Weight &weight, const std::string &folder, const Sink &sink) {
  switch (weight.source) {
  case bundle::Weight::Source::memory:
    if (!weight.data && weight.bytes)
      return Error{ErrorCode::usage, "weight '" + weight.name + "' has no data"};
    return sink(0, weight.data, weight.bytes);
  case bundle::Weight::Source::file: return streamFile(weight, sink);
  case bundle::Weight::Source::reference: {
    bundle::Weight resolved = weight;
    resolved.path = folder + weight.path;
    return streamFile(resolved, sink);
  }
  case bundle::Weight::Source::reader: {
    if (!weight.read)
      return Error{ErrorCode::usage, "weight '" + weight.name + "' has no reader"};
    std::string buffer(chunkBytes, '\0');
    for (uint64_t done = 0; done < weight.bytes;) {
      size_t take = std::min<uint64_t>(chunkBytes, weight.bytes - done);
      if (!weight.read(done, buffer.data(), take))
        return Error{ErrorCode::resources, "weight '" + weight.name + "' cannot be read"};
      if (Status status = sink(done, buffer.data(), take); !status)
        return status;
      done += take;
    }
    return {};
  }
  }
  return {};
}

class BundleWriter {
public:
  BundleWriter(const BundleDesc &desc, const std::string &path, const std::function<bool()> &stop)
      : desc(desc), path(path), stop(stop) {}

  Status write() {
    layOut();
    if (Status status = file.create(path); !status)
      return status;
    if (Status status = writeWeights(); !status)
      return status;
    program = encodeProgram(desc, places);
    return writeRest();
  }

private:
  void layOut() {
    for (const std::string &name : requirementsOf(desc))
      requirements += name + "\n";
    uint64_t imageBytes = 0, weightBytes = 0;
    for (const bundle::Module &module : desc.modules)
      for (const bundle::Image &image : module.images) {
        places.images.push_back({imageBytes, image.bytes.size()});
        images += image.bytes;
        imageBytes += image.bytes.size();
      }
    for (bundle::Weight &weight : desc.weights) {
      if (weight.source == bundle::Weight::Source::reference) {
        places.weights.push_back({0, weight.bytes});
        continue;
      }
      weightBytes = alignUp(weightBytes, kBundleAlignment);
      places.weights.push_back({weightBytes, weight.bytes});
      weightBytes += weight.bytes;
    }
    // The program's size does not depend on the hashes that are still missing.
    program = encodeProgram(desc, places);
    uint64_t at = sizeof(BundleHeader) + 5 * sizeof(BundleSection);
    auto add = [&](SectionKind kind, uint32_t flags, uint64_t bytes, uint64_t alignment) {
      at = alignUp(at, alignment);
      table.push_back({uint32_t(kind), flags, at, bytes, 0});
      at += bytes;
    };
    add(SectionKind::requirements, kSectionRequired, requirements.size(), 8);
    add(SectionKind::program, kSectionRequired, program.size(), 8);
    add(SectionKind::images, kSectionRequired, images.size(), 8);
    add(SectionKind::report, 0, desc.report.size(), 8);
    add(SectionKind::weights, kSectionRequired, weightBytes,
        weightBytes ? kWeightsSectionAlignment : 8);
    fileBytes = at;
  }

  Status writeWeights() {
    size_t slash = path.rfind('/');
    std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    for (size_t i = 0; i < desc.weights.size(); ++i) {
      bundle::Weight &weight = desc.weights[i];
      bool embedded = weight.source != bundle::Weight::Source::reference;
      uint64_t begin = table.back().offset + places.weights[i].offset;
      Hash64 hash;
      auto sink = [&](uint64_t offset, const void *data, size_t bytes) -> Status {
        const char *from = static_cast<const char *>(data);
        for (size_t done = 0, take; done < bytes; done += take) {
          if (stop && stop())
            return Error{ErrorCode::interrupted, "writing '" + path + "' was interrupted"};
          take = std::min(bytes - done, 4 * chunkBytes);
          hash.update(from + done, take);
          if (embedded)
            if (Status s = file.write(begin + offset + done, from + done, take); !s)
              return s;
        }
        return {};
      };
      if (Status status = streamWeight(weight, folder, sink); !status)
        return status;
      weight.hash = hash.digest();
    }
    return {};
  }

  Status writeRest() {
    const std::string *contents[] = {&requirements, &program, &images, &desc.report};
    for (size_t i = 0; i < std::size(contents); ++i) {
      table[i].hash = hash64(contents[i]->data(), contents[i]->size());
      if (Status s = file.write(table[i].offset, contents[i]->data(), contents[i]->size()); !s)
        return s;
    }
    BundleHeader header = {};
    std::memcpy(header.magic, kBundleMagic, sizeof header.magic);
    header.major = kBundleMajor;
    header.minor = kBundleMinor;
    header.sections = uint32_t(table.size());
    header.fileBytes = fileBytes;
    Hash64 hash;
    hash.update(&header, sizeof header);
    hash.update(table.data(), table.size() * sizeof(BundleSection));
    header.hash = hash.digest();
    if (Status s = file.write(sizeof header, table.data(), table.size() * sizeof(BundleSection)); !s)
      return s;
    if (Status s = file.write(0, &header, sizeof header); !s)
      return s;
    return file.commit(path, fileBytes);
  }

  BundleDesc desc; ///< a copy: the hashes of its weights are filled in
  const std::string &path;
  const std::function<bool()> &stop;
  NewFile file;
  std::string requirements, program, images;
  Placements places;
  std::vector<BundleSection> table;
  uint64_t fileBytes = 0;
};

} // namespace

Status writeBundle(const BundleDesc &desc, const std::string &path,
                   const std::function<bool()> &stop) {
  if (Status status = validate(desc); !status)
    return Error{ErrorCode::internal, "refusing to write '" + path + "': " + status.error().message};
  return BundleWriter(desc, path, stop).write();
}

} // namespace cameo
