// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Local functions are expanded at import, so a chain of thirty that each call the next one twice is a
// model of a billion nodes in two kilobytes. The number of nodes after expansion is therefore counted
// first (saturating, once per function), and recursion, which has no count, is refused.
#include "Validate.h"

#include "llvm/Support/MathExtras.h"

using namespace cameo;
using namespace cameo::importer;

namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

class Expansion {
public:
  Expansion(ModelIndex &index, ProblemList &problems) : index(index), problems(problems) {}

  uint64_t count(const Nodes &nodes) {
    uint64_t total = 0;
    for (const auto &node : nodes) {
      auto it = index.functions.find(functionKey(node));
      total = llvm::SaturatingAdd(total, it == index.functions.end() ? uint64_t(1)
                                                                     : count(*it->second));
      for (const auto &a : node.attribute()) {
        if (a.has_g())
          total = llvm::SaturatingAdd(total, count(a.g().node()));
        for (const auto &g : a.graphs())
          total = llvm::SaturatingAdd(total, count(g.node()));
      }
    }
    return total;
  }

  bool isRecursive(const onnx::FunctionProto &f) const { return recursive.contains(&f); }

private:
  uint64_t count(const onnx::FunctionProto &f) {
    auto [it, isNew] = counts.try_emplace(&f, kRunning);
    if (isNew && depth > kMaxCallDepth) {
      problems.add("E0404", "functions call each other more than " + llvm::Twine(kMaxCallDepth) +
                                " deep, at \"" + f.name() + "\"");
      return it->second = 1;
    }
    if (!isNew) {
      if (it->second == kRunning && recursive.insert(&f).second)
        problems.add("E0401", "function \"" + f.name() + "\" of " +
                                  displayDomain(canonicalDomain(f.domain())) +
                                  " calls itself, directly or through others");
      return it->second == kRunning ? 1 : it->second;
    }
    ++depth;
    uint64_t total = count(f.node());
    --depth;
    return counts[&f] = total;
  }

  static constexpr uint64_t kRunning = ~uint64_t(0) - 1;
  static constexpr unsigned kMaxCallDepth = 100; // each level costs stack, here and at import
  unsigned depth = 0;
  ModelIndex &index;
  ProblemList &problems;
  llvm::DenseMap<const onnx::FunctionProto *, uint64_t> counts;
  llvm::DenseSet<const onnx::FunctionProto *> recursive;
};

/// Calls of recursive or exploding functions must not be expanded.
void markCalls(const Nodes &nodes, ModelIndex &index) {
  for (const auto &node : nodes) {
    if (index.functions.count(functionKey(node)))
      index.badNodes.insert(&node);
    for (const auto &a : node.attribute()) {
      if (a.has_g())
        markCalls(a.g().node(), index);
      for (const auto &g : a.graphs())
        markCalls(g.node(), index);
    }
  }
}

} // namespace

void importer::checkFunctions(const onnx::ModelProto &model, const ImportOptions &options,
                              ModelIndex &index, ProblemList &problems) {
  for (const auto &f : model.functions()) {
    FunctionKey key{canonicalDomain(f.domain()), f.name(), f.overload()};
    if (!index.functions.emplace(key, &f).second)
      problems.add("E0405", "function \"" + f.name() + "\" of " +
                                displayDomain(canonicalDomain(f.domain())) +
                                " is defined twice");
  }
  size_t before = problems.numErrors();
  Expansion expansion(index, problems);
  uint64_t total = expansion.count(model.graph().node());
  for (const auto &f : model.functions()) // those that nobody calls may be recursive, too
    expansion.count(f.node());
  if (total > options.limits.maxNodes)
    problems.add("E0404", "the model has more than " + llvm::Twine(options.limits.maxNodes) +
                              " nodes after its functions are expanded");
  if (problems.numErrors() == before)
    return;
  markCalls(model.graph().node(), index);
  for (const auto &f : model.functions())
    markCalls(f.node(), index);
}
