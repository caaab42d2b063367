// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo inspect BUNDLE|MODEL: what a bundle holds, or what a model would become (inputs, outputs,
// kernels, launches, weights); with --fusion, for each edge between two kernels why they are two.

#include "Limits.h"
#include "Verbs.h"

#include "cameo/Bundle/Bundle.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace cameo::tool {

namespace {

cl::opt<std::string> file(cl::Positional, cl::Required, cl::desc("BUNDLE.cameo|MODEL.onnx"),
                          cl::sub(inspectCommand()), cl::cat(inputCategory()));
cl::opt<bool> fusion("fusion", cl::sub(inspectCommand()), cl::cat(outputCategory()),
                     cl::desc("For each edge between two kernels, why they are two"));
cl::opt<bool> ptx("ptx", cl::sub(inspectCommand()), cl::cat(outputCategory()), cl::desc("Print the PTX"));
cl::opt<bool> asJson("json", cl::sub(inspectCommand()), cl::cat(outputCategory()),
                     cl::desc("Print the report (launches, edges) as JSON"));

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

/// "kernel (node, node)" of a launch of the report.
std::string titleOf(const json::Object &launch) {
  std::vector<std::string> nodes;
  if (const json::Array *names = launch.getArray("nodes"))
    for (const json::Value &node : *names)
      nodes.push_back(node.getAsString().value_or("").str());
  return (launch.getString("kernel").value_or("") + " (" + joined(nodes, 6) + ")").str();
}

int printFusion(const BundleDesc &desc) {
  Expected<json::Value> report = json::parse(desc.report);
  if (!report) {
    consumeError(report.takeError());
    return fail(invalid, "the bundle's report is not JSON");
  }
  const json::Object *object = report->getAsObject();
  const json::Array *launches = object ? object->getArray("launches") : nullptr;
  const json::Array *edges = object ? object->getArray("edges") : nullptr;
  if (!launches || !edges)
    return fail(invalid, "the bundle has no report of its launches");
  std::vector<std::string> titles;
  for (const json::Value &value : *launches)
    titles.push_back(value.getAsObject() ? titleOf(*value.getAsObject()) : "");
  for (auto [i, title] : llvm::enumerate(titles))
    outs() << formatv("{0,4} {1}\n", i, title);
  outs() << edges->size() << " edges between launches:\n";
  for (const json::Value &value : *edges) {
    const json::Object *edge = value.getAsObject();
    if (!edge)
      continue;
    auto from = edge->getInteger("from").value_or(-1), to = edge->getInteger("to").value_or(-1);
    if (from < 0 || to < 0 || size_t(from) >= titles.size() || size_t(to) >= titles.size())
      return fail(invalid, "the bundle's report names a launch that does not exist");
    outs() << formatv("{0,4} -> {1}: {2}\n", from, to, edge->getString("because").value_or(""));
  }
  return ok;
}

/// The launches, then each module's kernels with how many launches may take them.
void printKernels(const BundleDesc &desc) {
  std::vector<unsigned> uses(desc.kernels.size(), 0);
  unsigned launches = 0;
  for (const bundle::Step &step : desc.steps)
    if (auto *launch = std::get_if<bundle::Launch>(&step)) {
      ++launches;
      for (const auto &variants : launch->variants)
        for (const bundle::Variant &variant : variants)
          ++uses[variant.kernel];
    }
  outs() << desc.steps.size() << " steps, " << launches << " of them launches\n";
  for (auto [index, module] : llvm::enumerate(desc.modules)) {
    std::vector<std::string> targets;
    for (const bundle::Image &image : module.images)
      targets.push_back(image.target + (image.kind == bundle::Image::Kind::cubin ? " (cubin)" : ""));
    outs() << joined(targets, 8) << ": " << count_if(desc.kernels, [&](auto &k) { return k.module == index; })
           << " kernels:\n";
    for (auto [kernel, count] : llvm::zip_equal(desc.kernels, uses))
      if (kernel.module == index)
        outs() << formatv("  {0,-40} {1,-10} {2,4} threads, {3} launches: {4}\n", kernel.symbol, kernel.family,
                          kernel.threads[0], count, joined(kernel.nodes, 4));
  }
}

void summarize(const BundleDesc &desc, uint64_t fileBytes) {
  outs() << desc.model << ", made by " << desc.producer;
  if (fileBytes)
    outs() << ", " << fileBytes << " bytes";
  outs() << "\n";
  printPorts(desc, "input", desc.inputs);
  printPorts(desc, "output", desc.outputs);
  uint64_t weightBytes = 0, outside = 0;
  for (const bundle::Weight &weight : desc.weights) {
    weightBytes += weight.bytes;
    outside += weight.source == bundle::Weight::Source::reference ? weight.bytes : 0;
  }
  outs() << desc.weights.size() << " weights, " << weightBytes << " bytes";
  if (outside)
    outs() << ", " << outside << " of them in files beside the bundle";
  outs() << "\n";
  printKernels(desc);
}

int print(const BundleDesc &desc, uint64_t fileBytes) {
  if (ptx) {
    for (const bundle::Module &module : desc.modules)
      for (const bundle::Image &image : module.images)
        if (image.kind == bundle::Image::Kind::ptx)
          outs() << image.bytes;
    return ok;
  }
  if (fusion && !asJson)
    return printFusion(desc);
  if (asJson)
    outs() << desc.report << "\n";
  else
    summarize(desc, fileBytes);
  return ok;
}

/// Compiles a model and shows what would be in its bundle.
int inspectModel(CompileOptions &options) {
  Progress progress;
  options.onStage = [&](Stage stage) { progress.step("compiling: " + stageName(stage).str()); };
  HostMemoryLimit limit(*memoryLimitOption()); // beginVerb has parsed it
  CompilerContext compiler;
  ProblemList problems;
  std::optional<Compiled> compiled = compileModel(file, compiler.context, options, problems);
  if (compiled)
    return print(compiled->bundle, 0);
  return problems.hasErrors() ? reportProblems(problems, asJson)
                              : fail(unsupported, file + " was not compiled");
}

int run() {
  CompileOptions options;
  if (!beginVerb(options.import))
    return usage;
  if (is_contained({".onnx", ".onnxtxt", ".mlir"}, sys::path::extension(file)))
    return inspectModel(options);
  auto opened = openBundle(file);
  if (!opened)
    return fail(ExitCode(opened.error().code), opened.error().message);
  return print((*opened)->desc(), (*opened)->fileBytes());
}

} // namespace

Verb inspectVerb() { return {&inspectCommand(), run}; }

} // namespace cameo::tool
