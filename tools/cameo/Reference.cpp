// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Reference.h.

#include "Reference.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;

namespace cameo::tool {

using host::HostTensor;

namespace {

/// Exit statuses of cameo.reference.
enum ChildStatus { childOk = 0, childCannotRun = 1, childLacksPackage = 3 };

Error missing(StringRef engine, const Twine &what) {
  return {ErrorCode::resources, ("--ref " + engine + ": " + what).str()};
}

/// The module beside this executable: in a build and an installation, or in the Python package.
std::string findModule() {
  static int anchor;
  std::string program = sys::fs::getMainExecutable("cameo", &anchor);
  for (StringRef place : {"../share/cameo/reference.py", "../reference.py"}) {
    SmallString<256> path(sys::path::parent_path(program));
    sys::path::append(path, place);
    if (sys::fs::exists(path))
      return path.str().str();
  }
  return "";
}

} // namespace

Result<std::vector<HostTensor>> arrange(const std::vector<NamedTensor> &tensors,
                                        const std::vector<Port> &ports, StringRef what) {
  std::vector<HostTensor> ordered;
  for (auto [i, port] : llvm::enumerate(ports)) {
    const NamedTensor *found = nullptr;
    for (const NamedTensor &tensor : tensors)
      if (tensor.name == port.name)
        found = &tensor;
    if (!found && i < tensors.size())
      found = &tensors[i];
    if (!found)
      return Error{ErrorCode::badInput, formatv("there is no {0} '{1}'", what, port.name).str()};
    ordered.push_back(found->tensor);
  }
  return ordered;
}

Result<std::vector<HostTensor>> runPythonReference(StringRef engine, std::string python,
                                                   const std::string &model, const Executor &executor,
                                                   const std::vector<HostTensor> &values) {
  if (python.empty()) {
    const char *environment = std::getenv("CAMEO_PYTHON");
    python = environment ? environment : "python3";
  }
  ErrorOr<std::string> program = sys::findProgramByName(python);
  if (!program)
    return missing(engine, "there is no program '" + python + "' (see --python)");
  std::string module = findModule();
  if (module.empty())
    return missing(engine, "reference.py is not installed beside this tool");
  auto folder = TemporaryFolder::create("cameo-ref");
  if (!folder)
    return folder.error();
  for (auto [i, value] : llvm::enumerate(values))
    if (host::Status status = writePb(folder->path() + "/input_" + std::to_string(i) + ".pb",
                                      executor.inputs[i].name, value);
        !status)
      return Error{ErrorCode::resources, status.message()};
  std::string names;
  for (const Port &port : executor.outputs)
    names += port.name + "\n";
  if (Status status = writeFile(folder->path() + "/outputs.txt", names); !status)
    return status.error();
  std::string message;
  int status = runChild(*program, {*program, module, engine, model, folder->path()}, message);
  if (status == childLacksPackage)
    return missing(engine, "'" + *program + "' lacks a package, see above (--python names another)");
  if (status == childCannotRun)
    return Error{ErrorCode::unsupported, ("--ref " + engine + ": cannot run this model, see above").str()};
  if (status != childOk)
    return missing(engine, "'" + *program + "' ended with status " + Twine(status) + " " + message);
  auto results = readTestData(folder->path(), "output");
  if (!results)
    return Error{ErrorCode::resources, results.message()};
  return arrange(*results, executor.outputs, "output");
}

} // namespace cameo::tool
