// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SecondSize.h. Tensors come through files of a temporary folder, as in a case's own folder.
#include "SecondSize.h"

#include "LineProcess.h"
#include "TensorFiles.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;

namespace cameo::tool {

namespace {

/// The reference's share of a case's time.
constexpr double referenceSeconds = 45;

/// In a build and in an installed Python package the tool lies in bin/, beside the package's files.
std::string scriptPath() {
  std::string bin = sys::path::parent_path(sys::fs::getMainExecutable(nullptr, nullptr)).str();
  for (const char *place : {"/../python/cameo/second_size.py", "/../second_size.py"})
    if (sys::fs::exists(bin + place))
      return bin + place;
  return "";
}

} // namespace

struct SecondSizes::State {
  State(std::vector<std::string> command, std::string folder)
      : python(std::move(command)), folder(std::move(folder)) {}
  ~State() { sys::fs::remove_directories(folder); }
  LineProcess python;
  std::string folder;
};

SecondSizes::SecondSizes() = default;
SecondSizes::~SecondSizes() = default;

Result<std::unique_ptr<SecondSizes>> SecondSizes::create() {
  const char *environment = std::getenv("CAMEO_PYTHON");
  std::string name = environment ? environment : "python3", script = scriptPath();
  ErrorOr<std::string> program = sys::findProgramByName(name);
  if (!program)
    return Error{ErrorCode::badInput, "--dynamic: no program '" + name + "' (set CAMEO_PYTHON)"};
  if (script.empty())
    return Error{ErrorCode::badInput, "--dynamic: second_size.py is not installed beside this tool"};
  SmallString<128> folder;
  if (std::error_code error = sys::fs::createUniqueDirectory("cameo-second", folder))
    return Error{ErrorCode::resources, "no temporary folder: " + error.message()};
  std::unique_ptr<SecondSizes> result(new SecondSizes);
  result->state = std::make_unique<State>(std::vector<std::string>{*program, script}, folder.str().str());
  return std::move(result);
}

SecondSize SecondSizes::find(const std::string &folder, const std::vector<std::string> &controls) {
  json::Object question{{"model", folder + "/model.onnx"},
                        {"data", folder + "/test_data_set_0"},
                        {"controls", json::Array(controls)},
                        {"out", state->folder}};
  std::error_code error;
  for (sys::fs::directory_iterator it(state->folder, error), end; it != end && !error; it.increment(error))
    sys::fs::remove(it->path());
  SecondSize second;
  auto answer = state->python.ask(formatv("{0}", json::Value(std::move(question))).str(), referenceSeconds,
                                  second.outcome);
  json::Object *object = answer ? answer->getAsObject() : nullptr;
  if (!object) {
    second.reason = "the Python reference gave no answer";
    return second;
  }
  second.outcome = object->getString("outcome").value_or("crash").str();
  second.reason = object->getString("reason").value_or("").str();
  if (second.outcome != "ok")
    return second;
  if (json::Object *sizes = object->getObject("sizes"))
    second.sizes = std::move(*sizes);
  if (json::Object *values = object->getObject("controls"))
    second.controls = std::move(*values);
  auto inputs = readTestData(state->folder, "input"), expected = readTestData(state->folder, "output");
  if (!inputs || !expected)
    return {"no reference", (!inputs ? inputs : expected).message(), {}, {}, {}, {}};
  for (NamedTensor &tensor : *inputs)
    second.inputs.push_back(std::move(tensor.tensor));
  for (NamedTensor &tensor : *expected)
    second.expected.push_back(std::move(tensor.tensor));
  return second;
}

} // namespace cameo::tool
