// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one table of problem codes, and how a list of problems is printed. A code's first two digits
// are its group: 00 file, 01 tensor, 02 external data, 03 graph, 04 function, 05 attribute, 06 node,
// 07 shape, 08 capability (legal but unsupported), 09 Cameo's own limits and defects.
#include "cameo/Import/Problems.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

#include <set>

using namespace cameo;
using llvm::StringRef;

namespace {

using enum ProblemClass;

constexpr ProblemKind kTable[] = {
    {"E0001", Resource, "the file cannot be read", "check the path and its permissions"},
    {"E0002", Resource, "not a regular file", "pass a file, not a folder, pipe or device"},
    {"E0003", Resource, "above a size limit", "raise the limit if the file is trusted"},
    {"E0004", Invalid, "the file is empty", "export the model again"},
    {"E0005", Invalid, "damaged or truncated file", "export or download the model again"},
    {"E0006", Invalid, "a field that this version of ONNX does not have",
     "the file is damaged or was written by a newer ONNX"},
    {"E0007", Resource, "messages are nested too deeply", "raise the nesting limit"},
    {"E0008", Invalid, "a field that may occur once occurs twice", "export the model again"},
    {"E0009", Invalid, "not an ONNX file", "pass a binary ONNX model"},
    {"E0010", Invalid, "Protobuf cannot parse the file", "export the model again"},
    {"E0011", Invalid, "unknown IR version", "convert the model with onnx.version_converter"},
    {"E0012", Invalid, "the model has no graph", "export the model again"},
    {"E0013", Invalid, "text is not valid ONNX text format", "fix the text at the named position"},

    {"E0101", Invalid, "a tensor has a negative dimension", "export the model again"},
    {"E0102", Invalid, "a tensor's size overflows", "export the model again"},
    {"E0103", Invalid, "a tensor's data has the wrong length", "export the model again"},
    {"E0104", Invalid, "a tensor has its data in more than one place", "export the model again"},
    {"E0105", Invalid, "a tensor's data is in the field of another type",
     "export the model again"},
    {"E0106", Invalid, "undefined element type", "export the model again"},
    {"E0107", Invalid, "a tensor in segments", "segments were never specified: export again"},
    {"E0108", Invalid, "a string tensor with raw data", "export the model again"},
    {"E0109", Invalid, "a value outside its element type", "export the model again"},
    {"E0110", Invalid, "malformed sparse tensor", "export the model again"},

    {"E0201", Invalid, "illegal path of external data",
     "use a relative path below the model's folder"},
    {"E0202", Invalid, "external data outside the model's folder",
     "move the file, or allow its folder with --allow-external"},
    {"E0203", Invalid, "external data with several hard links",
     "copy the file, or allow its folder with --allow-external"},
    {"E0204", Invalid, "external data is not a regular file", "replace it by a file"},
    {"E0205", Invalid, "malformed offset or length of external data", "export the model again"},
    {"E0206", Invalid, "external data beyond the end of its file",
     "the data file is truncated: copy it again"},
    {"E0207", Invalid, "unknown key of external data", "export the model again"},
    {"E0208", Invalid, "a key of external data occurs twice", "export the model again"},
    {"E0209", Invalid, "external data without a location", "export the model again"},
    {"E0210", Invalid, "tensors overlap in their data file", "export the model again"},
    {"E0211", Resource, "external data cannot be read", "put the data file beside the model"},

    {"E0301", Invalid, "a value name is defined twice", "give each value its own name"},
    {"E0302", Invalid, "the graph has a cycle", "export the model again"},
    {"E0303", Invalid, "an input that nothing defines", "export the model again"},
    {"E0304", Invalid, "a value of an outer graph is hidden", "give each value its own name"},
    {"E0305", Invalid, "a graph output that nothing defines", "export the model again"},
    {"E0306", Invalid, "a node without operator", "export the model again"},
    {"E0307", Invalid, "a domain that the model does not import",
     "add the domain to the model's opset_import"},
    {"E0308", Invalid, "no opset is imported", "add opset_import to the model"},
    {"E0309", Invalid, "a domain is imported twice", "keep one import of each domain"},
    {"E0310", Unsupported, "an opset version that this build does not know",
     "convert the model with onnx.version_converter"},
    {"E0311", Invalid, "a graph input without type", "export the model with types"},
    {"E0312", Unsupported, "a graph input or output that is not a tensor",
     "sequences, optionals and maps are not supported"},
    {"E0313", Invalid, "a dimension is negative", "use a positive size or a symbol"},
    {"E0314", Invalid, "a graph input or output without name", "export the model again"},
    {"E0315", Invalid, "--shape does not fit the model", "correct the option"},
    {"E0316", Invalid, "a declared type differs from the inferred one", "export the model again"},

    {"E0401", Invalid, "a local function calls itself", "remove the recursion"},
    {"E0402", Invalid, "a call does not fit the local function", "correct the call"},
    {"E0403", Invalid, "a reference to an attribute that the function does not have",
     "correct the function"},
    {"E0404", Resource, "functions expand to too many nodes", "raise the limit of nodes"},
    {"E0405", Invalid, "a local function is defined twice", "keep one definition"},

    {"E0501", Invalid, "unknown attribute",
     "the attribute belongs to another version of the operator: convert the model"},
    {"E0502", Invalid, "attribute of the wrong type", "export the model again"},
    {"E0503", Invalid, "required attribute missing", "export the model again"},
    {"E0504", Invalid, "an attribute occurs twice", "export the model again"},
    {"E0505", Invalid, "attribute value out of range", "correct the attribute"},
    {"E0506", Invalid, "attribute with more than one value", "export the model again"},

    {"E0601", Invalid, "no such operator", "check its spelling and domain"},
    {"E0602", Invalid, "the operator does not exist at this opset",
     "import an opset that has it, or convert the model"},
    {"E0603", Invalid, "wrong number of inputs or outputs", "export the model again"},
    {"E0604", Invalid, "element type that the operator does not allow", "insert a Cast"},
    {"E0605", Invalid, "element types that have to agree differ", "insert a Cast"},
    {"E0606", Invalid, "the operator was removed from ONNX", "replace the node"},

    {"E0701", Invalid, "shapes do not fit", "check the shapes of weights and inputs"},
    {"E0702", Invalid, "a control operand has an illegal value", "correct the value"},
    {"E0703", Invalid, "quantization parameters do not fit", "correct scale and zero point"},

    {"E0801", Unsupported, "operator not supported", "rewrite the node with supported operators"},
    {"E0802", Unsupported, "operator version not supported",
     "convert the model with onnx.version_converter"},
    {"E0803", Unsupported, "element type not supported here", "insert a Cast"},
    {"E0804", Unsupported, "attribute value not supported", "use a supported value"},
    {"E0805", Unsupported, "rank not supported", "reshape the operand"},
    {"E0806", Unsupported, "an operand must be known before launch",
     "make it a constant, a model input, or arithmetic on shapes"},
    {"E0807", Unsupported, "optional input or output not supported", "leave it out"},
    {"E0808", Unsupported, "domain not supported", "use operators of ai.onnx"},
    {"E0809", Unsupported, "a size that depends on data", "make the operand static"},

    {"E0901", Resource, "too much work", "raise the limit"},
    {"E0902", Internal, "internal error of Cameo's importer", "please report it with the model"},
    {"W0001", Warning, "a declared shape differs from the inferred one", "remove value_info"},
    {"W0002", Warning, "unusual quantization parameter", "check the scale"},
    {"W0003", Warning, "a constant is defined twice, the last one is used",
     "keep one definition"},
};

std::string nodeTitle(const Problem &p) {
  if (p.op.empty())
    return p.node;
  std::string title = p.op;
  if (!p.node.empty())
    title += " \"" + p.node + "\"";
  if (p.index >= 0)
    title += " (node " + std::to_string(p.index) + ")";
  title += " of " + p.domain;
  if (p.opset)
    title += " opset " + std::to_string(p.opset);
  return title;
}

StringRef className(ProblemClass kind) {
  switch (kind) {
  case Unsupported:
    return "unsupported";
  case Invalid:
    return "invalid";
  case Resource:
    return "resource";
  case Internal:
    return "internal";
  case Warning:
    return "warning";
  }
  return "internal";
}

/// Names come from the model: control characters would let it write to the terminal.
std::string printable(StringRef text) {
  std::string out, valid = llvm::json::fixUTF8(text);
  for (char c : valid)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += "\\x" + llvm::utohexstr(static_cast<unsigned char>(c), true, 2);
    else
      out += c;
  return out;
}

llvm::json::Value jsonString(StringRef text) { return llvm::json::fixUTF8(text); }

llvm::json::Array jsonStrings(llvm::ArrayRef<std::string> texts) {
  llvm::json::Array array;
  for (const std::string &text : texts)
    array.push_back(jsonString(text));
  return array;
}

} // namespace

llvm::ArrayRef<ProblemKind> cameo::problemTable() { return kTable; }

const ProblemKind *cameo::lookupProblem(StringRef code) {
  for (const ProblemKind &row : kTable)
    if (row.code == code)
      return &row;
  return nullptr;
}

void ProblemList::add(Problem problem) {
  const ProblemKind *row = lookupProblem(problem.code);
  if (!row || row->kind != Warning)
    ++errors;
  for (const Problem &p : problems)
    if (p.code == problem.code && p.message == problem.message && p.node == problem.node &&
        p.index == problem.index && p.stack == problem.stack)
      return;
  if (problems.size() >= limit)
    ++suppressed;
  else
    problems.push_back(std::move(problem));
}

void ProblemList::add(StringRef code, const llvm::Twine &message) {
  Problem problem;
  problem.code = code.str();
  problem.message = message.str();
  add(std::move(problem));
}

bool ProblemList::has(StringRef code) const {
  return llvm::any_of(problems, [&](const Problem &p) { return p.code == code; });
}

int ProblemList::exitCode() const {
  auto any = [&](ProblemClass kind) {
    return llvm::any_of(problems, [&](const Problem &p) {
      const ProblemKind *row = lookupProblem(p.code);
      return row ? row->kind == kind : kind == Internal;
    });
  };
  return any(Internal) ? 6 : any(Resource) ? 9 : any(Invalid) ? 3 : any(Unsupported) ? 2 : 0;
}

void ProblemList::print(llvm::raw_ostream &os) const {
  std::set<std::string> kinds, badNodes;
  for (const Problem &p : problems) {
    const ProblemKind *row = lookupProblem(p.code);
    os << (row && row->kind == Warning ? "warning " : "error ") << p.code << ": ";
    if (std::string title = nodeTitle(p); !title.empty())
      os << printable(title) << ": ";
    os << printable(p.message);
    if (row)
      os << " [" << row->title << "]";
    os << "\n";
    if (!p.stack.empty())
      os << "  inside: " << printable(llvm::join(p.stack, " > ")) << "\n";
    if (!p.operands.empty())
      os << "  inputs: " << printable(llvm::join(p.operands, ", ")) << "\n";
    if (!p.supported.empty())
      os << "  supported: " << p.supported << "\n";
    if (row && !row->remedy.empty())
      os << "  remedy: " << row->remedy << "\n";
    if (row && row->kind == Unsupported && !p.op.empty()) {
      kinds.insert(p.domain + "." + p.op);
      badNodes.insert(llvm::join(p.stack, "/") + "#" + std::to_string(p.index));
    }
  }
  if (suppressed)
    os << suppressed << " more problems not shown\n";
  if (!kinds.empty())
    os << badNodes.size() << " unsupported nodes of " << kinds.size() << " kinds; ";
  if (nodesSeen && !problems.empty())
    os << nodesSupported << " of " << nodesSeen << " nodes supported\n";
}

llvm::json::Value ProblemList::toJson() const {
  llvm::json::Array array;
  for (const Problem &p : problems) {
    const ProblemKind *row = lookupProblem(p.code);
    array.push_back(llvm::json::Object{{"code", p.code},
                                       {"class", className(row ? row->kind : Internal)},
                                       {"title", row ? row->title : ""},
                                       {"message", jsonString(p.message)},
                                       {"node", jsonString(p.node)},
                                       {"index", p.index},
                                       {"domain", jsonString(p.domain)},
                                       {"operator", jsonString(p.op)},
                                       {"opset", p.opset},
                                       {"inputs", jsonStrings(p.operands)},
                                       {"inside", jsonStrings(p.stack)},
                                       {"supported", jsonString(p.supported)},
                                       {"remedy", row ? row->remedy : ""}});
  }
  return llvm::json::Object{{"schema", 1},
                            {"problems", std::move(array)},
                            {"suppressed", static_cast<int64_t>(suppressed)},
                            {"nodes", static_cast<int64_t>(nodesSeen)},
                            {"nodes_supported", static_cast<int64_t>(nodesSupported)},
                            {"exit_code", exitCode()}};
}
