// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Cameo supports, as data: one row per (operator, since-version) with the function that imports
// it, the element types of its first operand, and its limits. A constraint of Cameo (not of ONNX) is
// a limit in a row and nothing else; so `cameo list-ops`, `cameo check` and the import agree. Each
// operator family's file has one sorted array of rows.
#pragma once

#include "Schemas.h"

#include "mlir/Support/LogicalResult.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace cameo::importer {

class NodeBuilder;
using Handler = llvm::LogicalResult (*)(NodeBuilder &);

constexpr TypeMask maskOf() { return 0; }
template <typename... Rest> constexpr TypeMask maskOf(int first, Rest... rest) {
  return (TypeMask(1) << first) | maskOf(rest...);
}
// Numbers are onnx::TensorProto::DataType.
inline constexpr TypeMask kFloat32 = maskOf(1), kFloat64 = maskOf(11), kHalf = maskOf(10, 16),
                          kFloats = kFloat32 | kFloat64 | kHalf,
                          kFloat8 = maskOf(17, 18, 19, 20, 24), kFloat4 = maskOf(23),
                          kSigned = maskOf(3, 5, 6, 7), kUnsigned = maskOf(2, 4, 12, 13),
                          kInts = kSigned | kUnsigned, kPackedInts = maskOf(21, 22, 25, 26),
                          kBool = maskOf(9), kIndex = maskOf(6, 7), kReals = kFloats | kInts,
                          kElements = kReals | kBool | kFloat8 | kFloat4 | kPackedInts;

/// One restriction of a row.
struct Limit {
  enum Kind : uint8_t {
    DType,      ///< operand `index` has an element type of `mask`
    AttrIn,     ///< string attribute `name` is one of the words of `words`
    AttrIs,     ///< integer attribute `name` equals `value` (absent: its default)
    NoInput,    ///< optional input `index` is absent
    NoOutput,   ///< optional output `index` is not used
    Rank,       ///< operand `index` has a rank of `value` … `high`
    Control,    ///< operand `index`, if present, is known before launch
    Constant,   ///< operand `index` is a constant of at most 64 elements
  };
  Kind kind;
  int8_t index = 0;
  const char *name = "";
  const char *words = "";
  int64_t value = 0, high = 0;
  TypeMask mask = 0;
};

namespace limit {
constexpr Limit dtype(int8_t index, TypeMask mask) {
  return {Limit::DType, index, "", "", 0, 0, mask};
}
constexpr Limit attrIn(const char *name, const char *words) {
  return {Limit::AttrIn, 0, name, words};
}
constexpr Limit attrIs(const char *name, int64_t value) {
  return {Limit::AttrIs, 0, name, "", value};
}
constexpr Limit noInput(int8_t index) { return {Limit::NoInput, index}; }
constexpr Limit noOutput(int8_t index) { return {Limit::NoOutput, index}; }
constexpr Limit rank(int8_t index, int64_t low, int64_t high) {
  return {Limit::Rank, index, "", "", low, high};
}
constexpr Limit control(int8_t index) { return {Limit::Control, index}; }
constexpr Limit constant(int8_t index) { return {Limit::Constant, index}; }
} // namespace limit

struct OpRow {
  llvm::StringLiteral op;
  int since;
  Handler handler;
  TypeMask types = kElements; ///< of the first operand that is present
  llvm::ArrayRef<Limit> limits = {};
};

/// The handler of rows that are expanded by ONNX's own function body.
llvm::LogicalResult importByBody(NodeBuilder &b);

/// One family per file in Ops/, rows ascending by (op, since).
llvm::ArrayRef<OpRow> constantRows();
llvm::ArrayRef<OpRow> contractionRows();
llvm::ArrayRef<OpRow> controlRows();
llvm::ArrayRef<OpRow> elementwiseRows();
llvm::ArrayRef<OpRow> functionRows();
llvm::ArrayRef<OpRow> indexedRows();
llvm::ArrayRef<OpRow> movementRows();
llvm::ArrayRef<OpRow> normalizationRows();
llvm::ArrayRef<OpRow> poolingRows();
llvm::ArrayRef<OpRow> quantizeRows();
llvm::ArrayRef<OpRow> reductionRows();
llvm::ArrayRef<OpRow> resizeRows();
llvm::ArrayRef<OpRow> shapeRows();
/// All families.
llvm::ArrayRef<llvm::ArrayRef<OpRow>> allRows();

/// The row of ai.onnx's `op` with exactly this since-version, or null.
const OpRow *lookupRow(llvm::StringRef op, int since);
/// Since-versions of `op` that have a row.
std::vector<int> supportedVersions(llvm::StringRef op);
/// "f32, f16, …" and a limit in words.
std::string typesText(TypeMask mask);
std::string limitText(const Limit &limit, const SchemaInfo *schema);

} // namespace cameo::importer
