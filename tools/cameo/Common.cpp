// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the verbs share: contexts, diagnostics, shapes, progress.

#include "Verbs.h"

#include "cameo/Conversion/NVVMToPTX/NVVMToPTX.h"
#include "cameo/Registration/Registration.h"

#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <condition_variable>
#include <mutex>
#include <thread>

using namespace llvm;

namespace cameo::tool {

cl::OptionCategory &inputCategory() {
  static cl::OptionCategory category("Input");
  return category;
}
cl::OptionCategory &outputCategory() {
  static cl::OptionCategory category("Output");
  return category;
}
cl::OptionCategory &limitCategory() {
  static cl::OptionCategory category("Execution and limits");
  return category;
}

namespace {

/// The ONNX nodes that a location names, or its text.
std::string place(mlir::Location location) {
  std::string names;
  location->walk([&](mlir::Location inner) {
    if (auto name = dyn_cast<mlir::NameLoc>(inner))
      names += (names.empty() ? "node '" : ", '") + name.getName().str() + "'";
    return mlir::WalkResult::advance();
  });
  if (!names.empty() || isa<mlir::UnknownLoc>(location))
    return names;
  raw_string_ostream(names) << location;
  return names;
}

} // namespace

struct CompilerContext::Handler {
  explicit Handler(mlir::MLIRContext &context)
      : handler(&context, [](mlir::Diagnostic &diagnostic) {
          print(diagnostic);
          for (mlir::Diagnostic &note : diagnostic.getNotes())
            print(note);
          return mlir::success();
        }) {}
  static void print(mlir::Diagnostic &diagnostic) {
    using Severity = mlir::DiagnosticSeverity;
    Severity severity = diagnostic.getSeverity();
    if (severity == Severity::Remark)
      return;
    errs() << (severity == Severity::Error     ? "error: "
               : severity == Severity::Warning ? "warning: "
                                               : "note: ");
    std::string where = place(diagnostic.getLocation());
    if (!where.empty())
      errs() << where << ": ";
    errs() << diagnostic << "\n";
  }
  mlir::ScopedDiagnosticHandler handler;
};

CompilerContext::CompilerContext() : context(mlir::MLIRContext::Threading::DISABLED) {
  mlir::DialectRegistry registry;
  registerCameoDialects(registry);
  registerPtxTranslations(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  handler = std::make_unique<Handler>(context);
}
CompilerContext::~CompilerContext() = default;

int fail(ExitCode code, const Twine &message) {
  errs() << "error: " << message << "\n";
  return code;
}

int reportProblems(const ProblemList &problems, bool json) {
  if (json)
    outs() << formatv("{0:2}\n", problems.toJson());
  else
    problems.print(errs());
  return problems.exitCode();
}

bool parseShapes(ArrayRef<std::string> texts, std::map<std::string, std::vector<int64_t>> &shapes) {
  for (const std::string &text : texts) {
    // A name may contain '=' or 'x'; the sizes come after the last '='.
    auto [name, sizes] = StringRef(text).rsplit('=');
    SmallVector<StringRef> parts;
    if (!sizes.empty())
      sizes.split(parts, 'x');
    std::vector<int64_t> dims;
    for (StringRef part : parts) {
      int64_t dim = -1;
      if (part != "?" && (part.getAsInteger(10, dim) || dim < 0)) {
        fail(usage, "--shape " + text + ": '" + part + "' is not a size");
        return false;
      }
      dims.push_back(dim);
    }
    if (name.empty() || name == text) {
      fail(usage, "--shape " + text + ": expected input=1x3x224x224");
      return false;
    }
    shapes[name.str()] = std::move(dims);
  }
  return true;
}

struct Progress::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::string what;
  bool done = false, shown = false;
  std::thread thread;
};

Progress::Progress() : state(std::make_shared<State>()) {
  if (!sys::Process::StandardErrIsDisplayed())
    return;
  state->thread = std::thread([s = state.get()] {
    std::unique_lock lock(s->mutex);
    if (s->changed.wait_for(lock, std::chrono::seconds(2), [&] { return s->done; }))
      return;
    while (!s->done) {
      errs() << "\r\033[K" << s->what << " …";
      s->shown = true;
      s->changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return s->done; });
    }
    errs() << "\r\033[K";
  });
}

Progress::~Progress() {
  {
    std::lock_guard lock(state->mutex);
    state->done = true;
  }
  state->changed.notify_all();
  if (state->thread.joinable())
    state->thread.join();
}

void Progress::step(StringRef what) {
  std::lock_guard lock(state->mutex);
  state->what = what.str();
}

} // namespace cameo::tool
