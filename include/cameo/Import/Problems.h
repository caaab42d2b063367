// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model can be wrong, hostile, or merely beyond what Cameo supports, at many places at once, and
// its user wants to hear of all of them, in words that name the node. A Problem is one such finding
// with a stable code; a ProblemList collects them and prints them as text or JSON. Codes never change
// their meaning; docs/errors.md lists them from the same table (problemTable()).
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cameo {

/// What a problem says about the model; decides the exit code of the tools.
enum class ProblemClass : uint8_t {
  Unsupported, ///< legal ONNX that Cameo does not compile (exit code 2)
  Invalid,     ///< not legal ONNX, damaged or hostile (exit code 3)
  Resource,    ///< cannot be read, or above a limit (exit code 9)
  Internal,    ///< a defect of Cameo (exit code 6)
  Warning,     ///< legal and accepted, but probably not meant
};

/// One row of the table of codes: "E0303", what it means, and what a user can do about it.
struct ProblemKind {
  llvm::StringLiteral code;
  ProblemClass kind;
  llvm::StringLiteral title;
  llvm::StringLiteral remedy;
};

/// All codes, ascending.
llvm::ArrayRef<ProblemKind> problemTable();
/// The row of `code`, or null for a code that does not exist.
const ProblemKind *lookupProblem(llvm::StringRef code);

struct Problem {
  std::string code;                  ///< "E0303"
  std::string message;               ///< the failed constraint, with the values that failed it
  std::string node;                  ///< ONNX node name, may be empty
  int64_t index = -1;                ///< position of the node in its graph as the file has it, or -1
  std::string domain;                ///< "ai.onnx" for the default domain
  std::string op;                    ///< operator, or empty when the problem is not a node's
  int64_t opset = 0;                 ///< version of `domain` that the model imports, 0 if unknown
  std::vector<std::string> operands; ///< inputs as inferred: "X: f32[1,3,N]"
  std::vector<std::string> stack;    ///< enclosing subgraphs and functions, outermost first
  std::string supported;             ///< what would be accepted instead, may be empty
};

class ProblemList {
public:
  explicit ProblemList(size_t limit = 1000) : limit(limit) {}

  /// Keeps the problem unless one with equal text is there or the limit is reached (then counts it).
  void add(Problem problem);
  /// A problem of the file rather than of a node.
  void add(llvm::StringRef code, const llvm::Twine &message);

  llvm::ArrayRef<Problem> all() const { return problems; }
  bool hasErrors() const { return errors != 0; }
  size_t numErrors() const { return errors; }
  bool has(llvm::StringRef code) const;
  /// 0, or the exit code of the worst class: internal 6, resource 9, invalid 3, unsupported 2.
  int exitCode() const;

  /// Set by the importer: nodes looked at, and how many of them have no problem.
  size_t nodesSeen = 0, nodesSupported = 0;

  void print(llvm::raw_ostream &os) const;
  llvm::json::Value toJson() const;

private:
  std::vector<Problem> problems;
  size_t errors = 0, suppressed = 0, limit;
};

} // namespace cameo
