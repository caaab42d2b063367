// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo inspect BUNDLE: what a bundle holds (inputs, outputs, kernels, launches, weights), and with
// --fusion why the kernels are apart.

#include "Verbs.h"

#include "cameo/Bundle/Bundle.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace cameo::tool {

namespace {

cl::SubCommand command("inspect", "Show what a bundle holds");
cl::opt<std::string> file(cl::Positional, cl::Required, cl::desc("BUNDLE.cameo|MODEL.onnx"),
                          cl::sub(command), cl::cat(inputCategory()));
cl::opt<bool> fusion("fusion", cl::sub(command), cl::cat(outputCategory()),
                     cl::desc("For each kernel, why its results are stored rather than fused"));
cl::opt<bool> ptx("ptx", cl::sub(command), cl::cat(outputCategory()), cl::desc("Print the PTX"));
cl::opt<bool> asJson("json", cl::sub(command), cl::cat(outputCategory()),
                     cl::desc("Print the bundle's report as JSON"));

void printPorts(const BundleDesc &desc, StringRef what, ArrayRef<bundle::Port> ports) {
  for (const bundle::Port &port : ports) {
    outs() << what << " " << port.name << ": " << name(port.dtype) << "[";
    for (auto [i, dim] : llvm::enumerate(port.dims))
      outs() << (i ? ", " : "") << desc.exprText(dim);
    outs() << "]\n";
  }
}

std::string joined(ArrayRef<std::string> names, size_t most) {
  std::string text;
  for (auto [i, name] : llvm::enumerate(names.take_front(most)))
    text += (i ? ", " : "") + name;
  return names.size() > most ? text + formatv(" and {0} more", names.size() - most).str() : text;
}

int printFusion(const BundleDesc &desc) {
  Expected<json::Value> report = json::parse(desc.report);
  if (!report) {
    consumeError(report.takeError());
    return fail(invalid, "the bundle's report is not JSON");
  }
  const json::Object *object = report->getAsObject();
  const json::Array *launches = object ? object->getArray("launches") : nullptr;
  if (!launches)
    return fail(invalid, "the bundle has no report of its launches");
  for (const json::Value &value : *launches) {
    const json::Object *launch = value.getAsObject();
    if (!launch)
      continue;
    std::vector<std::string> nodes;
    if (const json::Array *names = launch->getArray("nodes"))
      for (const json::Value &node : *names)
        nodes.push_back(node.getAsString().value_or("").str());
    outs() << joined(nodes, 6) << "\n    in " << launch->getString("kernel").value_or("")
           << "; stored because " << launch->getString("stored_because").value_or("") << "\n";
  }
  return ok;
}

void summarize(const BundleDesc &desc, uint64_t fileBytes) {
  outs() << desc.model << ", made by " << desc.producer << ", " << fileBytes << " bytes\n";
  printPorts(desc, "input", desc.inputs);
  printPorts(desc, "output", desc.outputs);
  uint64_t weightBytes = 0;
  for (const bundle::Weight &weight : desc.weights)
    weightBytes += weight.bytes;
  outs() << desc.weights.size() << " weights, " << weightBytes << " bytes\n";
  std::vector<unsigned> uses(desc.kernels.size(), 0);
  unsigned launches = 0;
  for (const bundle::Step &step : desc.steps)
    if (auto *launch = std::get_if<bundle::Launch>(&step)) {
      ++launches;
      for (const bundle::Variant &variant : launch->variants)
        ++uses[variant.kernel];
    }
  outs() << desc.steps.size() << " steps, " << launches << " of them launches of "
         << desc.kernels.size() << " kernels:\n";
  for (auto [kernel, count] : llvm::zip_equal(desc.kernels, uses))
    outs() << formatv("  {0,-40} {1,-10} {2,4} threads, {3} launches: {4}\n", kernel.symbol,
                      kernel.family, kernel.threads[0], count, joined(kernel.nodes, 4));
}

int run() {
  auto opened = openBundle(file);
  if (!opened)
    return fail(ExitCode(opened.error().code), opened.error().message);
  const BundleDesc &desc = (*opened)->desc();
  if (ptx) {
    for (const bundle::Module &module : desc.modules)
      for (const bundle::Image &image : module.images)
        if (image.kind == bundle::Image::Kind::ptx)
          outs() << image.bytes;
    return ok;
  }
  if (asJson) {
    outs() << desc.report << "\n";
    return ok;
  }
  if (fusion)
    return printFusion(desc);
  summarize(desc, (*opened)->fileBytes());
  return ok;
}

} // namespace

Verb inspectVerb() { return {&command, run}; }

} // namespace cameo::tool
