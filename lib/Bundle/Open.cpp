// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening a bundle: map it, check header and table, then each section against its hash and bounds,
// then the contents. Nothing of the file is used before it was compared with the file's true size.
// What a checksum cannot show (it can be recomputed) validation has to; see Validate.cpp.

#include "Format.h"
#include "Hash.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cameo {

namespace {

/// A read-only mapping of a regular file.
class Mapping {
public:
  Mapping() = default;
  Mapping(Mapping &&other) noexcept
      : base(std::exchange(other.base, nullptr)), length(std::exchange(other.length, 0)) {}
  Mapping &operator=(Mapping &&) = delete;
  ~Mapping() {
    if (base)
      ::munmap(base, length);
  }

  static Result<Mapping> open(const std::string &path) {
    if (path.find('\0') != std::string::npos)
      return Error{ErrorCode::usage, "a path contains a NUL byte"};
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info = {};
    if (fd < 0 || ::fstat(fd, &info) != 0) {
      Error error{ErrorCode::resources, "cannot open '" + path + "': " + std::strerror(errno)};
      if (fd >= 0)
        ::close(fd);
      return error;
    }
    Mapping mapping;
    bool regular = S_ISREG(info.st_mode);
    if (regular && info.st_size > 0) {
      void *base = ::mmap(nullptr, size_t(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
      if (base != MAP_FAILED) {
        mapping.base = base;
        mapping.length = size_t(info.st_size);
      }
    }
    ::close(fd);
    if (!regular)
      return Error{ErrorCode::invalid, "'" + path + "' is not a regular file"};
    if (info.st_size > 0 && !mapping.base)
      return Error{ErrorCode::resources, "cannot map '" + path + "'"};
    return mapping;
  }

  std::string_view bytes() const { return {static_cast<const char *>(base), length}; }

private:
  void *base = nullptr;
  size_t length = 0;
};

bool allZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

/// Symbolic links resolved, `path` lies below `folder`. True for what does not exist: opening says so.
bool staysWithin(const std::string &folder, const std::string &path) {
  std::error_code failed, missing;
  auto root = std::filesystem::canonical(folder, failed);
  auto target = std::filesystem::canonical(path, missing);
  if (failed || missing)
    return true;
  auto [rest, at] = std::mismatch(root.begin(), root.end(), target.begin(), target.end());
  return rest == root.end();
}

bool inside(uint64_t offset, uint64_t bytes, uint64_t size) {
  return offset <= size && bytes <= size - offset;
}

} // namespace

struct Bundle::Mappings {
  Mapping bundle;
  std::map<std::string, Mapping> references;
};

Bundle::Bundle() : mappings(std::make_unique<Mappings>()) {}
Bundle::~Bundle() = default;
uint64_t Bundle::fileBytes() const { return mappings->bundle.bytes().size(); }

struct BundleReader {
  BundleReader(const std::string &path, const OpenOptions &options)
      : options(options), bundle(new Bundle) {
    bundle->file = path;
  }

  Result<std::shared_ptr<const Bundle>> open() {
    auto mapping = Mapping::open(bundle->file);
    if (!mapping)
      return mapping.error();
    bundle->mappings = std::make_unique<Bundle::Mappings>(
        Bundle::Mappings{std::move(*mapping), {}});
    file = bundle->mappings->bundle.bytes();
    for (auto part : {&BundleReader::readHeader, &BundleReader::readTable,
                      &BundleReader::checkSections, &BundleReader::readRequirements,
                      &BundleReader::readProgram, &BundleReader::placeImages,
                      &BundleReader::placeWeights, &BundleReader::checkContents})
      if (Status status = (this->*part)(); !status) {
        Error error = status.error();
        error.message = "'" + bundle->file + "': " + error.message;
        return error;
      }
    return std::shared_ptr<const Bundle>(std::move(bundle));
  }

private:
  Status readHeader() {
    if (file.size() < sizeof header || std::memcmp(file.data(), kBundleMagic, 8) != 0)
      return invalidBundle("this is not a Cameo bundle");
    std::memcpy(&header, file.data(), sizeof header);
    if (header.major < kOldestBundleMajor || header.major > kBundleMajor)
      return Error{ErrorCode::unsupported,
                   "its format is version " + std::to_string(header.major) + "." +
                       std::to_string(header.minor) + "; this runtime reads versions " +
                       std::to_string(kOldestBundleMajor) + " to " + std::to_string(kBundleMajor) +
                       ": compile the model again"};
    if (header.fileBytes != file.size())
      return invalidBundle("it should have " + std::to_string(header.fileBytes) +
                           " bytes and has " + std::to_string(file.size()) +
                           ": truncated, or bytes were appended");
    bundle->formatMajor = header.major;
    bundle->formatMinor = header.minor;
    return {};
  }

  Status readTable() {
    if (header.sections > kMaxSections ||
        !inside(sizeof header, header.sections * sizeof(BundleSection), file.size()))
      return invalidBundle("its section table does not fit");
    table.resize(header.sections);
    if (!table.empty())
      std::memcpy(table.data(), file.data() + sizeof header, table.size() * sizeof(BundleSection));
    BundleHeader unhashed = header;
    unhashed.hash = 0;
    Hash64 hash;
    hash.update(&unhashed, sizeof unhashed);
    hash.update(table.data(), table.size() * sizeof(BundleSection));
    if (hash.digest() != header.hash)
      return invalidBundle("its header is damaged (checksum)");
    bundle->id = header.hash;
    return {};
  }

  Status checkSections() {
    uint64_t end = sizeof header + table.size() * sizeof(BundleSection);
    for (const BundleSection &section : table) {
      if (section.offset < end || !inside(section.offset, section.bytes, file.size()) ||
          section.offset - end > kWeightsSectionAlignment)
        return invalidBundle("its sections do not lie as they should");
      if (!allZero(file.substr(end, section.offset - end)))
        return invalidBundle("the gap before a section is damaged");
      end = section.offset + section.bytes;
      std::string_view contents = file.substr(section.offset, section.bytes);
      bool weights = section.kind == uint32_t(SectionKind::weights);
      if (!weights && hash64(contents.data(), contents.size()) != section.hash)
        return invalidBundle("section " + std::to_string(section.kind) + " is damaged (checksum)");
      bool known = section.kind >= 1 && section.kind <= uint32_t(SectionKind::weights);
      if (!known && (section.flags & kSectionRequired))
        return Error{ErrorCode::unsupported, "it needs section " + std::to_string(section.kind) +
                                                 ", which this version does not know"};
      if (known && !sections.emplace(SectionKind(section.kind), contents).second)
        return invalidBundle("it has two sections of one kind");
    }
    if (end != file.size())
      return invalidBundle("bytes follow its last section");
    if (sections.size() != 5)
      return invalidBundle("it lacks a section");
    return {};
  }

  Status readRequirements() {
    std::vector<std::string> names;
    std::string_view text = sections[SectionKind::requirements];
    while (!text.empty()) {
      size_t end = std::min(text.find('\n'), text.size());
      names.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (auto unknown = unknownRequirement(names))
      return Error{ErrorCode::unsupported, "it needs '" + *unknown +
                                               "', which this version does not know (format " +
                                               std::to_string(header.major) + "." +
                                               std::to_string(header.minor) + ")"};
    return {};
  }

  Status readProgram() {
    bundle->contents.report = sections[SectionKind::report];
    return decodeProgram(sections[SectionKind::program], bundle->contents, places, header.major);
  }

  Status placeImages() {
    std::string_view images = sections[SectionKind::images];
    size_t next = 0;
    uint64_t end = 0;
    for (bundle::Module &module : bundle->contents.modules)
      for (bundle::Image &image : module.images) {
        if (next == places.images.size())
          return invalidBundle("a module has no place in the file");
        // One after the other: overlapping images could make a small file huge in memory.
        const Placement &place = places.images[next++];
        if (place.offset != end || !inside(place.offset, place.bytes, images.size()))
          return invalidBundle("a module does not lie in its section");
        end = place.offset + place.bytes;
        image.bytes = images.substr(place.offset, place.bytes);
      }
    if (next != places.images.size() || end != images.size())
      return invalidBundle("its images do not fill their section");
    return {};
  }

  Status placeWeights() {
    std::string_view section = sections[SectionKind::weights];
    auto &weights = bundle->contents.weights;
    if (places.weights.size() != weights.size())
      return invalidBundle("its weights and their places differ in number");
    uint64_t end = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      bundle::Weight &weight = weights[i];
      const Placement &place = places.weights[i];
      if (place.bytes != weight.bytes)
        return invalidBundle("weight '" + weight.name + "' has two sizes");
      if (weight.source == bundle::Weight::Source::reference)
        continue; // opened once everything else is known to be sound
      if (place.offset < end || place.offset % kBundleAlignment != 0 ||
          !inside(place.offset, place.bytes, section.size()))
        return invalidBundle("weight '" + weight.name + "' does not lie in its section");
      std::string_view data = section.substr(place.offset, place.bytes);
      if (options.verifyWeights && (!allZero(section.substr(end, place.offset - end)) ||
                                    hash64(data.data(), data.size()) != weight.hash))
        return invalidBundle("weight '" + weight.name + "' is damaged (checksum)");
      weight.data = data.data();
      end = place.offset + place.bytes;
    }
    if (end != section.size())
      return invalidBundle("bytes follow its last weight");
    return {};
  }

  Status checkContents() {
    if (Status status = validate(bundle->contents); !status)
      return status;
    for (bundle::Weight &weight : bundle->contents.weights)
      if (weight.source == bundle::Weight::Source::reference)
        if (Status status = openReference(weight); !status)
          return status;
    return {};
  }

  Status openReference(bundle::Weight &weight) {
    size_t slash = bundle->file.rfind('/');
    std::string folder = !options.referenceFolder.empty() ? options.referenceFolder + "/"
                         : slash == std::string::npos     ? ""
                                                          : bundle->file.substr(0, slash + 1);
    auto &references = bundle->mappings->references;
    auto found = references.find(weight.path);
    if (found == references.end()) {
      if (!staysWithin(folder.empty() ? "." : folder, folder + weight.path))
        return invalidBundle("weight '" + weight.name + "': '" + weight.path +
                             "' leads out of the bundle's folder");
      auto mapping = Mapping::open(folder + weight.path);
      if (!mapping) {
        Error error = mapping.error();
        error.message = "weight '" + weight.name + "': " + error.message;
        return error;
      }
      found = references.emplace(weight.path, std::move(*mapping)).first;
    }
    std::string_view bytes = found->second.bytes();
    if (!inside(weight.fileOffset, weight.bytes, bytes.size()))
      return invalidBundle("weight '" + weight.name + "' lies beyond the end of '" + weight.path + "'");
    bytes = bytes.substr(weight.fileOffset, weight.bytes);
    if (options.verifyWeights && hash64(bytes.data(), bytes.size()) != weight.hash)
      return invalidBundle("weight '" + weight.name + "': '" + weight.path +
                           "' is not the file that the model was compiled with (checksum)");
    weight.data = bytes.data();
    return {};
  }

  const OpenOptions &options;
  std::shared_ptr<Bundle> bundle;
  std::string_view file;
  BundleHeader header = {};
  std::vector<BundleSection> table;
  std::map<SectionKind, std::string_view> sections;
  Placements places;
};

Result<std::shared_ptr<const Bundle>> openBundle(const std::string &path,
                                                 const OpenOptions &options) {
  return BundleReader(path, options).open();
}

bool resealBundle(std::string &file) {
  BundleHeader header;
  if (file.size() < sizeof header)
    return false;
  std::memcpy(&header, file.data(), sizeof header);
  uint64_t tableBytes = uint64_t(header.sections) * sizeof(BundleSection);
  if (header.sections > kMaxSections || !inside(sizeof header, tableBytes, file.size()))
    return false;
  header.fileBytes = file.size();
  header.hash = 0;
  Hash64 hash;
  hash.update(&header, sizeof header);
  for (uint32_t i = 0; i < header.sections; ++i) {
    BundleSection section;
    char *place = file.data() + sizeof header + i * sizeof section;
    std::memcpy(&section, place, sizeof section);
    if (!inside(section.offset, section.bytes, file.size()))
      return false;
    if (section.kind != uint32_t(SectionKind::weights))
      section.hash = hash64(file.data() + section.offset, section.bytes);
    std::memcpy(place, &section, sizeof section);
    hash.update(&section, sizeof section);
  }
  header.hash = hash.digest();
  std::memcpy(file.data(), &header, sizeof header);
  return true;
}

} // namespace cameo
