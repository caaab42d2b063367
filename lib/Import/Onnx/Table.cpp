// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lookup in the capability table, its rows in words, and the check of a node against its row.
#include "Rows.h"

#include "Importer.h"

#include "llvm/ADT/StringExtras.h"

using namespace cameo;
using namespace cameo::importer;
using llvm::StringRef;

llvm::ArrayRef<llvm::ArrayRef<OpRow>> importer::allRows() {
  static const llvm::ArrayRef<OpRow> families[] = {
      constantRows(),      contractionRows(), controlRows(),   determinantRows(), elementwiseRows(),
      functionRows(),      indexedRows(),     loopRows(),      movementRows(),
      normalizationRows(), poolingRows(),     quantizeRows(),  recurrentRows(),   reductionRows(),
      resizeRows(),        sampleRows(),      selectionRows(), shapeRows(),       spectralRows(),
      suppressionRows()};
  return families;
}

const OpRow *importer::lookupRow(StringRef op, int since) {
  for (llvm::ArrayRef<OpRow> rows : allRows()) {
    auto key = std::pair<StringRef, int>(op, since);
    const OpRow *row = std::lower_bound(rows.begin(), rows.end(), key,
                                        [](const OpRow &r, const auto &k) {
                                          return std::pair<StringRef, int>(r.op, r.since) < k;
                                        });
    if (row != rows.end() && row->op == op && row->since == since)
      return row;
  }
  return nullptr;
}

std::vector<int> importer::supportedVersions(StringRef op) {
  std::vector<int> versions;
  for (llvm::ArrayRef<OpRow> rows : allRows())
    for (const OpRow &row : rows)
      if (row.op == op)
        versions.push_back(row.since);
  return versions;
}

std::string importer::typesText(TypeMask mask) {
  std::string text;
  for (int i = 1; i < 32; ++i)
    if (mask >> i & 1)
      text += (text.empty() ? "" : ", ") + std::string(cameo::name(static_cast<DType>(i)));
  return text;
}

std::string importer::limitText(const Limit &limit, const SchemaInfo *schema) {
  auto operand = [&](const std::vector<FormalOperand> &formals, const char *kind) {
    std::string text = std::string(kind) + " " + std::to_string(limit.index);
    if (limit.index < static_cast<int>(formals.size()))
      text += " (" + formals[limit.index].name + ")";
    return text;
  };
  static const std::vector<FormalOperand> none;
  std::string input = operand(schema ? schema->inputs : none, "input");
  switch (limit.kind) {
  case Limit::DType:
    return input + " has elements " + typesText(limit.mask);
  case Limit::AttrIn: {
    llvm::SmallVector<StringRef> words;
    StringRef(limit.words).split(words, ' ');
    return std::string(limit.name) + " is " + llvm::join(words, " or ");
  }
  case Limit::AttrIs:
    return std::string(limit.name) + " is " + std::to_string(limit.value);
  case Limit::NoInput:
    return input + " is absent";
  case Limit::NoOutput:
    return operand(schema ? schema->outputs : none, "output") + " is not used";
  case Limit::Rank:
    return input + " has rank " + std::to_string(limit.value) + " to " +
           std::to_string(limit.high);
  case Limit::Control:
    return input + " is known before launch";
  case Limit::Constant:
    return input + " is a constant of at most " + std::to_string(kMaxContents) + " elements";
  }
  return "";
}

//===----------------------------------------------------------------------===//
// A node against its row
//===----------------------------------------------------------------------===//

namespace {

std::string versionsText(llvm::ArrayRef<int> versions) {
  std::string text;
  for (int v : versions)
    text += (text.empty() ? "" : ", ") + std::to_string(v);
  return text;
}

TypeMask bitOf(const Operand &operand) {
  return TypeMask(1) << static_cast<int>(graph::dtypeOf(operand.type.getElementType()));
}

std::string typeText(const Operand &operand) {
  return std::string(cameo::name(graph::dtypeOf(operand.type.getElementType())));
}

} // namespace

/// Operand types against the schema's type constraints.
bool Importer::checkTypes(NodeBuilder &b) {
  llvm::StringMap<const Operand *> bound;
  bool ok = true;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    const auto &formals = b.schema.inputs;
    if (!b.has(i) || !b.operand(i).known || formals.empty())
      continue;
    const FormalOperand &formal = formals[std::min<size_t>(i, formals.size() - 1)];
    const Operand &operand = b.operand(i);
    std::string what = "input " + std::to_string(i) + " (" + formal.name + ")";
    // Exporters write comparisons of floats at opset 10; runtimes accept what any version allows.
    TypeMask allowed = formal.tensors;
    for (const SchemaInfo *version : allVersions(b.schema.domain, b.schema.name))
      if (i < version->inputs.size())
        allowed |= version->inputs[i].tensors;
    if (!(allowed & bitOf(operand))) {
      (void)b.fail("E0604", what + " has elements of type " + typeText(operand),
                   typesText(formal.tensors));
      ok = false;
      continue;
    }
    // A parameter such as "T"; a type string such as "tensor(int64)" binds nothing.
    if (StringRef(formal.type).contains('(') || !formal.homogeneous)
      continue;
    auto [it, isNew] = bound.try_emplace(formal.type, &operand);
    if (!isNew && it->second->type.getElementType() != operand.type.getElementType()) {
      (void)b.fail("E0605", what + " has elements of type " + typeText(operand) + ", another " +
                                formal.type + " of type " + typeText(*it->second));
      ok = false;
    }
  }
  return ok;
}

bool Importer::checkLimit(NodeBuilder &b, const Limit &limit) {
  bool present = b.has(limit.index), known = present && b.operand(limit.index).known;
  std::string text = limitText(limit, &b.schema);
  switch (limit.kind) {
  case Limit::DType:
    if (!known || (limit.mask & bitOf(b.operand(limit.index))))
      return true;
    (void)b.fail("E0803", "element type " + typeText(b.operand(limit.index)), text);
    return false;
  case Limit::AttrIn: {
    llvm::SmallVector<StringRef> words;
    StringRef(limit.words).split(words, ' ');
    std::string value = b.string(limit.name);
    if (llvm::is_contained(words, value))
      return true;
    (void)b.fail("E0804", llvm::Twine(limit.name) + " is \"" + value + "\"", text);
    return false;
  }
  case Limit::AttrIs:
    if (b.integer(limit.name, limit.value) == limit.value)
      return true;
    (void)b.fail("E0804", llvm::Twine(limit.name) + " is " + llvm::Twine(b.integer(limit.name)),
                 text);
    return false;
  case Limit::NoInput:
    if (!present)
      return true;
    (void)b.fail("E0807", "optional input " + llvm::Twine(int(limit.index)) + " is present", text);
    return false;
  case Limit::NoOutput:
    if (!b.wants(limit.index))
      return true;
    (void)b.fail("E0807", "optional output " + llvm::Twine(int(limit.index)) + " is used", text);
    return false;
  case Limit::Rank:
    if (!known || (b.rank(limit.index) >= limit.value && b.rank(limit.index) <= limit.high))
      return true;
    (void)b.fail("E0805", "rank " + llvm::Twine(b.rank(limit.index)), text);
    return false;
  case Limit::Constant: {
    if (!known)
      return true;
    const std::optional<Contents> &c = contentsOf(b.operand(limit.index));
    if (c && llvm::all_of(*c, [](const Number &n) { return n.expr.asConstant().has_value(); }))
      return true;
    (void)b.fail("E0806", "input " + llvm::Twine(int(limit.index)) + " (\"" +
                              b.operand(limit.index).name + "\") is not a small constant",
                 text);
    return false;
  }
  case Limit::Control:
    if (!known || readNumbers(b.operand(limit.index)))
      return true;
    (void)b.fail("E0806", "input " + llvm::Twine(int(limit.index)) + " (\"" +
                              b.operand(limit.index).name + "\") is computed from data",
                 text);
    return false;
  }
  return true;
}

bool Importer::checkCapability(NodeBuilder &b, const OpRow *&row) {
  bool standard = b.schema.domain.empty();
  row = standard ? lookupRow(b.op(), b.since()) : nullptr;
  if (!row) {
    std::vector<int> versions = standard ? supportedVersions(b.op()) : std::vector<int>();
    if (versions.empty())
      (void)b.fail("E0801", displayDomain(b.schema.domain) + "." + b.op() + "-" +
                                llvm::Twine(b.since()) + " is not supported");
    else
      (void)b.fail("E0802", b.op() + "-" + llvm::Twine(b.since()) + " is not supported",
                   "versions " + versionsText(versions));
    return false;
  }
  if (!checkTypes(b))
    return false;
  bool ok = true;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    if (!b.has(i))
      continue;
    Operand &first = b.operand(i);
    if (first.known && !(row->types & bitOf(first))) {
      (void)b.fail("E0803", "element type " + typeText(first), typesText(row->types));
      ok = false;
    }
    break;
  }
  for (const Limit &limit : row->limits)
    ok &= checkLimit(b, limit);
  return ok;
}
