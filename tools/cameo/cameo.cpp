// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo: compiles ONNX models to GPU kernels, runs and checks them. This file dispatches to the verbs
// and keeps LLVM's own options out of their help.

#include "Verbs.h"

#include "cameo/Registration/Registration.h"

#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace cameo::tool;

namespace {

/// Hides every option that is not the tool's: LLVM registers hundreds.
void hideForeignOptions(ArrayRef<Verb> verbs) {
  std::vector<const cl::OptionCategory *> own = {&inputCategory(), &outputCategory(),
                                                 &limitCategory()};
  for (const Verb &verb : verbs)
    cl::HideUnrelatedOptions(own, *verb.command);
  cl::HideUnrelatedOptions(own);
}

} // namespace

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cameo::registerCameoPasses();
  Verb verbs[] = {compileVerb(), checkVerb(), inspectVerb(), runVerb(),
                  verifyVerb(),  benchVerb(), listOpsVerb(), conformanceVerb(), simVerb()};
  hideForeignOptions(verbs);
  cl::SetVersionPrinter([](raw_ostream &os) {
    os << "cameo 0.1.0 (LLVM 22.1, ONNX opsets 7 to 28, PTX for sm_80 and newer)\n";
  });
  if (!cl::ParseCommandLineOptions(argc, argv, "Cameo: ONNX models as GPU kernels\n", &errs()))
    return usage;
  for (const Verb &verb : verbs)
    if (*verb.command)
      return verb.run();
  cl::PrintHelpMessage(false, true);
  return fail(usage, "no verb given");
}
