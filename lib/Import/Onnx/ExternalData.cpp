// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// External data lets a model file name other files. The rules, each of which answers a published
// attack: the path is relative and without "..", what it resolves to lies below the model's folder or
// one that the user allowed, what is then opened is that same regular file (not a link, pipe or
// device) and has one name only (or lies in an allowed folder), keys are known and occur once,
// numbers are plain decimal, ranges lie in the file and do not overlap unless they are equal.
#include "Tensors.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "onnx/onnx_pb.h"

#include <set>

using namespace cameo;
using namespace cameo::importer;
using llvm::StringRef;

namespace {

std::string realPath(StringRef path) {
  llvm::SmallString<256> resolved;
  return llvm::sys::fs::real_path(path, resolved) ? std::string() : resolved.str().str();
}

/// Both are resolved and without a trailing separator.
bool isBelow(StringRef path, StringRef folder) {
  return !folder.empty() && path.consume_front(folder) &&
         (folder == "/" || path.starts_with("/"));
}

/// Why a location may not be used, or null.
const char *illegalLocation(StringRef location) {
  if (location.empty())
    return "is empty";
  if (location.contains('\0'))
    return "contains a NUL byte";
  if (location.starts_with("/") || location.starts_with("\\"))
    return "is absolute";
  if (location.size() >= 2 && location[1] == ':')
    return "names a drive";
  llvm::SmallVector<StringRef> parts;
  llvm::SplitString(location, parts, "/\\");
  if (llvm::is_contained(parts, ".."))
    return "contains \"..\"";
  if (parts.empty() || llvm::all_of(parts, [](StringRef p) { return p == "."; }))
    return "names no file";
  return nullptr;
}

/// Plain decimal digits, at most INT64_MAX.
std::optional<uint64_t> parseNumber(StringRef text) {
  uint64_t value;
  if (text.empty() || text.size() > 19 || !llvm::all_of(text, llvm::isDigit) ||
      text.getAsInteger(10, value) || value > uint64_t(INT64_MAX))
    return std::nullopt;
  return value;
}

} // namespace

ExternalFiles::ExternalFiles(const std::string &modelPath, const ImportOptions &options)
    : maxFileBytes(options.limits.maxFileBytes) {
  StringRef parent = llvm::sys::path::parent_path(modelPath);
  folder = realPath(parent.empty() ? StringRef(".") : parent);
  for (const std::string &dir : options.allowExternal)
    if (std::string resolved = realPath(dir); !resolved.empty())
      allowed.push_back(resolved);
}

bool ExternalFiles::isAllowed(const std::string &resolved, bool ownFolder) const {
  return (ownFolder && isBelow(resolved, folder)) ||
         llvm::any_of(allowed, [&](const std::string &dir) { return isBelow(resolved, dir); });
}

std::optional<ExternalFiles::Reference> ExternalFiles::parse(const onnx::TensorProto &tensor,
                                                             const std::string &where,
                                                             ProblemList &problems) {
  Reference reference;
  std::set<std::string> keys;
  auto fail = [&](StringRef code, const llvm::Twine &what) {
    problems.add(code, where + ": " + what);
    return std::nullopt;
  };
  for (const auto &entry : tensor.external_data()) {
    if (!keys.insert(entry.key()).second)
      return fail("E0208", "external data has the key \"" + entry.key() + "\" twice");
    bool isOffset = entry.key() == "offset";
    if (entry.key() == "location") {
      reference.location = entry.value();
    } else if (isOffset || entry.key() == "length") {
      std::optional<uint64_t> value = parseNumber(entry.value());
      if (!value)
        return fail("E0205", "external " + entry.key() + " \"" + entry.value() +
                                 "\" is not a plain decimal number below 2^63");
      isOffset ? reference.offset = *value : *(reference.length = value);
    } else if (entry.key() != "checksum") {
      return fail("E0207", "external data has the unknown key \"" + entry.key() + "\"");
    }
  }
  if (!keys.count("location"))
    return fail("E0209", "external data has no location");
  if (const char *why = illegalLocation(reference.location))
    return fail("E0201", "location \"" + reference.location + "\" of external data " + why);
  return reference;
}

ExternalFiles::Opened *ExternalFiles::open(const std::string &location, const std::string &where,
                                           ProblemList &problems) {
  std::string path = folder + "/" + location, resolved = realPath(path);
  auto fail = [&](StringRef code, const llvm::Twine &what) {
    problems.add(code, where + ": external data \"" + location + "\" " + what);
    return nullptr;
  };
  if (resolved.empty())
    return fail("E0211", "does not exist or cannot be read");
  if (auto it = files.find(resolved); it != files.end())
    return &it->second;
  if (!isAllowed(resolved, /*ownFolder=*/true))
    return fail("E0202", "resolves to \"" + resolved +
                             "\", which lies neither below the model's folder nor below one given "
                             "with --allow-external");
  MappedFile::Status status;
  const char *refusal = nullptr, *code = "E0211";
  auto accept = [&](const MappedFile::Status &st) {
    if (!st.regular)
      code = "E0204", refusal = "is not a regular file";
    else if (st.resolved != resolved)
      code = "E0202", refusal = "was replaced while it was opened";
    else if (st.links > 1 && !isAllowed(resolved, /*ownFolder=*/false))
      code = "E0203", refusal = "has more than one hard link and its folder is not allowed with "
                                "--allow-external";
    else if (st.size > maxFileBytes)
      code = "E0003", refusal = "is larger than the limit";
    return !refusal;
  };
  std::shared_ptr<MappedFile> file =
      MappedFile::open(resolved, /*noFollow=*/true, status, accept);
  if (!file)
    return fail(code, refusal ? refusal : "cannot be opened: " + status.error);
  return &(files[resolved] = {file, {}});
}

std::optional<TensorData> ExternalFiles::read(const onnx::TensorProto &tensor, uint64_t size,
                                              const std::string &where, ProblemList &problems) {
  auto fail = [&](StringRef code, const llvm::Twine &what) {
    problems.add(code, where + ": " + what);
    return std::nullopt;
  };
  std::optional<Reference> reference = parse(tensor, where, problems);
  if (!reference)
    return std::nullopt;
  if (reference->length && *reference->length != size)
    return fail("E0103", "external data has " + llvm::Twine(*reference->length) + " bytes, " +
                             llvm::Twine(size) + " expected");
  Opened *opened = open(reference->location, where, problems);
  if (!opened)
    return std::nullopt;
  uint64_t begin = reference->offset, fileSize = opened->file->bytes().size();
  if (begin > fileSize || size > fileSize - begin)
    return fail("E0206", "bytes " + llvm::Twine(begin) + " to " + llvm::Twine(begin + size) +
                             " of \"" + reference->location + "\", which has " +
                             llvm::Twine(fileSize));
  if (size) {
    auto &taken = opened->taken;
    auto next = taken.lower_bound(begin);
    bool equal = next != taken.end() && next->first == begin && next->second == begin + size;
    bool after = next != taken.end() && next->first < begin + size;
    bool before = next != taken.begin() && std::prev(next)->second > begin;
    if (!equal && (after || before))
      return fail("E0210", "bytes " + llvm::Twine(begin) + " to " + llvm::Twine(begin + size) +
                               " of \"" + reference->location + "\" overlap another tensor's");
    taken[begin] = begin + size;
  }
  TensorData data;
  data.bytes = opened->file->bytes().slice(begin, size);
  data.owner = opened->file;
  data.mapped = true;
  return data;
}
