// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX text as a tree, before anything is known of what its instructions mean: names are bound
// (registers, variables, labels), opcodes and modifiers are still text. All views point into the
// text that the module keeps.
#ifndef CAMEO_LIB_PTX_AST_H
#define CAMEO_LIB_PTX_AST_H

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cameo::ptx {

/// The fundamental types, and the packed types that only instructions have.
enum class Type : uint8_t {
  None, Pred, B8, B16, B32, B64, B128, U8, U16, U32, U64, S8, S16, S32, S64,
  F16, F16x2, BF16, BF16x2, F32, F64, TF32, E4M3, E5M2, E4M3x2, E5M2x2, F32x2,
  U16x2, S16x2,
};

/// Bytes of a value of this type; 0 for predicates.
unsigned sizeOf(Type type);
bool isFloat(Type type);
bool isUntyped(Type type); ///< .b8 to .b128
bool isSigned(Type type);
std::string_view nameOf(Type type);
/// The type that a modifier such as ".u32" names.
std::optional<Type> typeByName(std::string_view modifier);

enum class Space : uint8_t { Generic, Global, Shared, Local, Param, Const, Reg, Cluster };
std::string_view nameOf(Space space);

struct Variable {
  std::string_view name;
  Space space = Space::Global;
  Type type = Type::None;
  uint32_t align = 1;
  uint64_t bytes = 0;
  bool external = false;
  bool pointer = false;  ///< a kernel parameter that the PTX marks `.ptr`
  bool unsized = false;  ///< `[]`: the launch says how much
  uint32_t line = 0;
  std::vector<uint8_t> data; ///< the initialiser; shorter than bytes means zeros follow
  struct Reference {
    uint64_t offset;
    std::string_view symbol;
    int64_t addend;
    bool generic;
    uint32_t bytes;
  };
  std::vector<Reference> references;
};

struct Operand {
  enum class Kind : uint8_t {
    None, Register, Integer, Float, Symbol, Address, Vector, List, Pair, Special, Sink
  };
  Kind kind = Kind::None;
  bool negated = false;    ///< `!%p`
  int32_t reg = -1;        ///< register of Register, base of Address
  int64_t value = 0;       ///< Integer, offset of Symbol and Address; Float: bits of the double
  bool isSingle = false;   ///< a float written as 0f..., whose f32 bits are `single`
  uint32_t single = 0;
  std::string_view name;   ///< Symbol, Special ("%tid.x"), base symbol of Address
  std::vector<Operand> elements;
};

struct Instruction {
  uint32_t line = 0;
  int32_t predicate = -1;
  bool predicateNegated = false;
  std::string_view opcode;
  std::vector<std::string_view> modifiers; ///< with their dots
  std::vector<Operand> operands;
  uint32_t location = 0; ///< 1 + index in ModuleAst::locations, 0 if none
};

struct Function {
  std::string_view name;
  bool isEntry = false;
  bool isDeclaration = false;
  uint32_t line = 0;
  std::vector<Variable> params, results, locals; ///< locals: .local, .shared, .param of the body
  std::vector<Type> registers;
  std::vector<std::string_view> registerNames;
  std::vector<Instruction> body;
  std::unordered_map<std::string_view, uint32_t> labels; ///< index in body
  std::unordered_map<std::string_view, std::vector<std::string_view>> branchTargets;
  uint32_t reqntid[3] = {0, 0, 0}, maxntid[3] = {0, 0, 0};
  uint32_t requiredCluster[3] = {0, 0, 0}; ///< .reqnctapercluster
  uint32_t mostClusterRank = 0;            ///< .maxclusterrank, 0: none
  bool explicitCluster = false, blocksAreClusters = false;
  uint32_t maxnreg = 0, minBlocks = 0; ///< .minnctapersm
};

struct SourceLocation {
  uint32_t file, line, column;
};

struct Diagnostic {
  uint32_t line;
  std::string message;
  bool unsupported = false;
};

struct ModuleAst {
  uint32_t versionMajor = 0, versionMinor = 0;
  std::string_view target;
  bool address64 = true;
  std::vector<Variable> variables;
  std::vector<Function> functions;
  std::map<uint32_t, std::string_view> files;
  std::vector<SourceLocation> locations;
  std::unordered_map<uint32_t, std::string_view> comments; ///< the comment that ends a line
  std::unordered_map<std::string_view, std::string_view> aliases;
  std::unordered_set<std::string_view> addressTaken; ///< functions that something but a call names
  std::deque<std::string> ownedNames; ///< of what an inner scope declares once more: `name@2`
};

/// What a register holds that points to function `index` of the module: no address of memory.
constexpr uint64_t functionAddress(size_t index) { return 0x0005000000000000ull + 16 * (index + 1); }

/// Parses `text`, which has to outlive the result. All errors at once, in order of lines.
ModuleAst parseModule(std::string_view text, std::vector<Diagnostic> &errors);

} // namespace cameo::ptx

#endif
