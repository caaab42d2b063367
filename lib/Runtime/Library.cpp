// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// dlopen with a search beside ourselves, so that a moved installation finds its own parts first.

#include "Library.h"

#include <dlfcn.h>

namespace cameo::rt {

namespace {

std::string ownFolder() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<void *>(&ownFolder), &info) || !info.dli_fname)
    return "";
  std::string path = info.dli_fname;
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

} // namespace

Result<void *> openLibrary(const std::vector<std::string> &names, bool beside) {
  std::vector<std::string> folders = {""};
  if (std::string own = beside ? ownFolder() : ""; !own.empty())
    folders = {own, own + "../lib/", own + "../../lib/", ""};
  std::string why;
  for (const std::string &folder : folders)
    for (const std::string &name : names) {
      if (void *handle = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL))
        return handle;
      if (const char *text = dlerror(); text && why.empty())
        why = text;
    }
  return Error{ErrorCode::noDevice, "cannot open " + names[0] + ": " + why};
}

} // namespace cameo::rt
