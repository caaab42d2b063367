// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights of several gigabytes need not be copied into the bundle: the runtime can map them where they
// lie. A reference is a path below the bundle's folder, an offset, a size and a hash, which loading
// checks. What is not in a file as it is (folded, splat, packed constants) is embedded always.

#include "cameo/Pipeline/Pipeline.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace cameo {

namespace {

constexpr uint64_t mostEmbedded = uint64_t(1) << 30;

const WeightFile *fileOf(const bundle::Weight &weight, ArrayRef<WeightFile> files) {
  if (weight.source != bundle::Weight::Source::memory || weight.bytes == 0)
    return nullptr;
  auto begin = reinterpret_cast<uintptr_t>(weight.data);
  for (const WeightFile &file : files) {
    auto base = reinterpret_cast<uintptr_t>(file.data);
    if (begin >= base && begin - base <= file.bytes && weight.bytes <= file.bytes - (begin - base))
      return &file;
  }
  return nullptr;
}

/// The folder of a path that need not exist yet, resolved; "" if the folder does not exist.
std::string folderOf(StringRef path) {
  SmallString<256> resolved;
  StringRef parent = sys::path::parent_path(path);
  if (sys::fs::real_path(parent.empty() ? StringRef(".") : parent, resolved))
    return "";
  return resolved.str().str();
}

/// `path` relative to `folder`, or nothing when it does not lie below.
std::optional<std::string> below(StringRef folder, StringRef path) {
  if (folder.empty() || !path.consume_front(folder) ||
      (folder != "/" && !path.consume_front("/")))
    return std::nullopt;
  return path.str();
}

} // namespace

Status storeWeights(BundleDesc &desc, ArrayRef<WeightFile> files, WeightStorage storage,
                    StringRef bundlePath) {
  if (storage == WeightStorage::Embed)
    return {};
  std::string folder = folderOf(bundlePath);
  uint64_t bytes = 0;
  std::vector<std::pair<bundle::Weight *, std::pair<const WeightFile *, std::string>>> found;
  for (bundle::Weight &weight : desc.weights) {
    const WeightFile *file = fileOf(weight, files);
    if (!file)
      continue;
    std::optional<std::string> path = below(folder, file->path);
    if (path) {
      bytes += weight.bytes;
      found.push_back({&weight, {file, std::move(*path)}});
    } else if (storage == WeightStorage::Reference) {
      return Error{ErrorCode::usage, "weight '" + weight.name + "' lies in '" + file->path +
                                         "', which is not below the bundle's folder '" + folder +
                                         "': write the bundle beside its weights, or embed them"};
    }
  }
  if (storage == WeightStorage::Automatic && bytes <= mostEmbedded)
    return {};
  for (auto &[weight, place] : found) {
    auto &[file, path] = place;
    weight->source = bundle::Weight::Source::reference;
    weight->fileOffset = uint64_t(static_cast<const char *>(weight->data) - file->data);
    weight->path = std::move(path);
  }
  return {};
}

} // namespace cameo
