// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo list-ops: the supported operators, versions and limits, from the importer's table.

#include "Verbs.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace cameo::tool {

namespace {

cl::SubCommand command("list-ops", "List the supported ONNX operators and their limits");
cl::opt<bool> asJson("json", cl::sub(command), cl::cat(outputCategory()), cl::desc("Print JSON"));

int run() {
  json::Array rows;
  for (const SupportedOp &op : listSupportedOps()) {
    if (asJson) {
      rows.push_back(json::Object{{"domain", op.domain},
                                  {"operator", op.op},
                                  {"since", op.since},
                                  {"by_function_body", op.byFunctionBody},
                                  {"types", op.types},
                                  {"limits", op.limits}});
      continue;
    }
    outs() << formatv("{0,-12} {1,-28} {2,3}  {3}{4}{5}\n", op.domain, op.op, op.since, op.types,
                      op.limits.empty() ? "" : "; ", op.limits);
  }
  if (asJson)
    outs() << formatv("{0:2}\n", json::Value(std::move(rows)));
  return ok;
}

} // namespace

Verb listOpsVerb() { return {&command, run}; }

} // namespace cameo::tool
