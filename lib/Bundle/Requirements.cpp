// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A reader that lacks a step, an argument kind or an operation must say which, before it misreads the
// rest. So each bundle lists what it uses, by name, in a section that never changes its form.

#include "Format.h"

#include <set>

namespace cameo {

namespace {

using namespace bundle;

constexpr const char *stepNames[] = {"step.launch",      "step.copy",        "step.fill",
                                     "step.read_symbols", "step.write_sizes", "step.host",
                                     "step.if",          "step.loop"};
static_assert(std::size(stepNames) == std::variant_size_v<Step>);

constexpr const char *argumentNames[] = {"argument.buffer", "argument.size", "argument.i32",
                                         "argument.i64", "argument.immediate"};

std::string exprName(SizeExpr::Op op) {
  switch (op) {
  case SizeExpr::Op::Constant: return "expr.constant";
  case SizeExpr::Op::Symbol: return "expr.symbol";
  case SizeExpr::Op::Add: return "expr.add";
  case SizeExpr::Op::Mul: return "expr.mul";
  default: return "expr." + std::string(sizeOpName(op));
  }
}

std::set<std::string> knownNames() {
  std::set<std::string> names(std::begin(stepNames), std::end(stepNames));
  names.insert(std::begin(argumentNames), std::end(argumentNames));
  names.insert({"image.ptx", "image.cubin", "weight.embedded", "weight.reference"});
  for (int op = 0; op <= int(SizeExpr::Op::Overflow); ++op)
    names.insert(exprName(SizeExpr::Op(op)));
  return names;
}

} // namespace

std::vector<std::string> requirementsOf(const BundleDesc &desc) {
  std::set<std::string> names;
  for (const ExprCode &code : desc.exprs)
    for (const ExprInstruction &instruction : code)
      names.insert(exprName(instruction.op));
  for (const Module &module : desc.modules)
    for (const Image &image : module.images)
      names.insert(image.kind == Image::Kind::ptx ? "image.ptx" : "image.cubin");
  for (const Weight &weight : desc.weights)
    names.insert(weight.source == Weight::Source::reference ? "weight.reference" : "weight.embedded");
  for (const Step &step : desc.steps) {
    names.insert(stepNames[step.index()]);
    if (const auto *launch = std::get_if<Launch>(&step))
      for (const Argument &argument : launch->arguments)
        names.insert(argumentNames[size_t(argument.kind)]);
    if (const auto *host = std::get_if<HostOp>(&step))
      names.insert("host." + host->name);
  }
  return {names.begin(), names.end()};
}

std::optional<std::string> unknownRequirement(const std::vector<std::string> &names) {
  static const std::set<std::string> known = knownNames();
  for (const std::string &name : names)
    if (!name.starts_with("host.") && !known.count(name))
      return name;
  return std::nullopt;
}

} // namespace cameo
