// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the tree to operations. Decoding is where PTX is understood: each opcode has a member
// function that names the handler by a canonical text; what has no handler, and every modifier that
// an opcode does not list, is refused with its line before anything runs.
#ifndef CAMEO_LIB_PTX_DECODE_H
#define CAMEO_LIB_PTX_DECODE_H

#include "Handlers.h"
#include "RegisterAllocation.h"
#include "Rounding.h"
#include "SyncHandlers.h"

#include <functional>
#include <string>

namespace cameo::ptx {

/// Decodes one kernel and the functions it calls. Null, with errors, where it cannot.
std::unique_ptr<Program> decodeKernel(const ModuleAst &module, const Function &kernel,
                                      Policy policy, std::vector<Diagnostic> &errors);

struct WgmmaForm; // Wgmma.h

/// Where a variable of the module lives, for constants that are its address.
struct SymbolTable;

class Decoder {
public:
  Decoder(const ModuleAst &module, Policy policy, Program &program,
          std::vector<Diagnostic> &errors)
      : module(module), forDebugger(isForDebugger(module.target)), policy(policy), program(program), errors(errors) {}

  bool decode(const Function &kernel);

private:
  using Kind = Operand::Kind;
  struct Modifiers {
    std::vector<Type> types;
    Round round = Round::Nearest;
    std::string_view roundText;
    std::vector<std::string_view> others;
    bool has(std::string_view text) const {
      for (std::string_view other : others)
        if (other == text)
          return true;
      return false;
    }
    unsigned vectorLength() const { return has(".v2") ? 2 : has(".v4") ? 4 : has(".v8") ? 8 : 1; }
    Type type(size_t i = 0) const { return i < types.size() ? types[i] : Type::None; }
  };
  struct Symbol {
    enum class Where { Global, Shared, Local, KernelParam, Function } where;
    uint64_t offset;
    Type type;
    uint64_t bytes;
  };

  // Driver (Decode.cpp).
  void layoutShared(const Function &kernel);
  void decodeFunction(uint32_t index);
  void layoutLocals(const Function &f, FunctionCode &code);
  void decodeInstruction(const Instruction &instruction);
  bool isForm(const Instruction &instruction);
  void trackDefinitions(const Instruction &instruction, bool before);
  void fuseRuns(uint32_t begin);
  void finishBranches();
  void computeStack();
  void emitDefinedCheck(int reg, bool always = false);
  bool storesNearby(const Instruction &instruction) const;
  void emitSpoils(const Instruction &instruction);
  void emitLoadedMasks(const Instruction &instruction);

  // Emission (Emit.cpp).
  void error(std::string message, bool unsupported = false);
  void unsupported(const std::string &what);
  std::string formOf(const Instruction &instruction) const;
  Op &emit(const std::string &handler, OpKind kind);
  Op &emitPlain(const std::string &handler, OpKind kind);
  void emitAround(const std::function<void()> &body);
  Modifiers modifiers(std::string_view allowed);
  bool expectOperands(size_t least, size_t most);
  uint32_t source(size_t index, Type type);
  uint32_t source(const Operand &operand, Type type);
  uint32_t wideSource(const Operand &operand, unsigned atLeast, unsigned &bytes);
  uint32_t predicateSource(const Operand &operand);
  uint32_t destination(size_t index, Type type);
  uint32_t destination(const Operand &operand, Type type);
  uint32_t wideDestination(const Operand &operand, unsigned atLeast, unsigned &bytes);
  uint32_t constant(uint64_t bits, unsigned bytes);
  uint32_t addressConstant(uint32_t variable, int64_t addend, unsigned bytes);
  uint32_t parameterConstant(uint32_t offset, unsigned bytes);
  uint32_t specialSource(std::string_view name, Type type);
  uint32_t symbolSource(const Operand &operand, Type type);
  uint32_t temporary(unsigned bytes);
  uint32_t temporaryPredicate();
  const Symbol *findSymbol(std::string_view name);
  void setAddress(const Operand &address, Space &space);
  uint32_t addSide(std::initializer_list<uint32_t> words);
  const Operand &operand(size_t i) const { return current->operands[i]; }
  size_t operandCount() const { return current->operands.size(); }
  Type registerType(const Operand &operand) const;

  // Families.
  using Member = void (Decoder::*)();
  struct OpcodeRow {
    std::string_view opcode;
    Member decode;
  };
  static const OpcodeRow *findOpcode(std::string_view opcode);
  // DecodeAlu.cpp
  void decodeArithmetic();
  void decodeFma();
  void decodeMul();
  void decodeDiv();
  void decodeMinMax();
  void decodeUnary();
  void decodeLogic();
  void decodeShift();
  void decodeCarry();
  void decodeBits();
  void decodeLop3();
  void decodePrmt();
  void decodeShf();
  void decodeDot();
  void decodeMul24();
  void decodeSad();
  void decodeSpecialFunction();
  void emitSlow(const std::string &base, const Modifiers &m, size_t inputs);
  void decodeTwoFloats(const Modifiers &m, size_t inputs);
  void decodeMixed(const Modifiers &m, size_t inputs);
  // DecodeCompare.cpp
  void decodeSetp();
  void decodeSet();
  void decodeSelp();
  void decodeSlct();
  void decodeTestp();
  void decodeCopysign();
  // DecodeBits.cpp
  void decodeBitMask();
  void decodeFns();
  void decodeCvtPack();
  // DecodeMove.cpp
  void decodeMov();
  void decodeVectorMove(bool packs);
  void decodeCvt();
  void decodeCvta();
  void decodeIsspacep();
  void decodeNothing();
  void decodeCreatepolicy();
  void decodeFloatCvt(const Modifiers &m, Type to, Type from);
  void decodePackedCvt(const Modifiers &m, Type to, Type from);
  // DecodeAccess.cpp
  struct Access {
    Type type;
    unsigned size = 0, count = 1; ///< bytes of an element, elements
    Space space;
    const Symbol *symbol = nullptr; ///< of an address that names one
  };
  bool hasShape(const Operand &operand, unsigned count, const char *role);
  bool accessForm(const Modifiers &m, const Operand &data, const char *role, const Operand &address,
                  Access &access);
  void emitAccess(bool isLoad, Access access, const uint32_t *slots, unsigned width, uint8_t flags,
                  const Operand &address);
  bool loadParameter(const Access &access, const Operand &address, const uint32_t *slots,
                     unsigned width);
  void emitWmmaElement(bool isLoad, const Access &access, uint32_t data, unsigned width,
                       uint32_t address);
  uint16_t strengthOf(const Modifiers &m) const;
  void decodeLd();
  void decodeSt();
  void decodeAtom();
  // DecodeControl.cpp
  void decodeBra();
  void decodeBrx();
  void decodeCall();
  void decodeIndirectCall(const Operand *results, const Operand &target, const Operand *arguments);
  void decodePrintf(const Operand *results, const Operand *arguments);
  void decodeAssertion(const Operand *arguments);
  void emitCall(const Function &callee, const Operand *results, const Operand *arguments);
  const Function *definedFunction(std::string_view name) const;
  std::vector<const Function *> callTargets(const Operand *results, const Operand *arguments);
  void decodeRet();
  void decodeExit();
  void decodeTrap();
  void decodeBar();
  void decodeNanosleep();
  void decodeShfl();
  void decodeVote();
  void decodeMatch();
  void decodeActivemask();
  void decodeRedux();
  void decodeElect();
  // DecodeCluster.cpp
  void decodeClusterBarrier();
  void decodeMapa();
  void decodeGetctarank();
  uint32_t clusterAddress(const Operand &o, Type type, bool generic);
  SpecialSlot clusterSlot(std::string_view name);
  void decodeStoreAsync();
  bool copyTarget(const Modifiers &m, std::string_view first, size_t maskIndex, Op &op);
  // DecodeAsync.cpp
  struct AddressParts {
    uint32_t slot;
    int64_t offset;
    bool narrow;
  };
  AddressParts addressParts(const Operand &o, Space space);
  void addSideAddress(const Operand &o, Space space);
  static Scope scopeOf(const Modifiers &m);
  void decodeCp();
  void decodeCopy(const Modifiers &m);
  void decodeCopyArrive();
  void decodeBulk();
  void decodeTensor();
  bool addOffsets(const Operand &o, unsigned count);
  void decodeTensormap();
  void decodeMapCopy(const Modifiers &m);
  void addTensor(const Operand &o, const std::vector<uint32_t> &coordinates);
  std::vector<uint32_t> tensorCoordinates(const Operand &o, unsigned rank);
  void decodeMbarrier();
  void decodeMbarrierWait(const Modifiers &m, const char *handler, uint8_t flags, Space space);
  void decodeFence();
  void decodeTensorFence(const Modifiers &m);
  void decodeLdmatrix();
  void decodeStmatrix();
  // DecodeWmma.cpp
  void decodeWmma();
  void decodeWmmaAccess(const Modifiers &m, bool isLoad);
  void decodeWmmaMma(const Modifiers &m);
  // DecodeWgmma.cpp
  void decodeWgmma();
  void decodeWgmmaMma();
  bool wgmmaTypes(WgmmaForm &form);
  bool wgmmaRegisters(WgmmaForm &form, size_t index, unsigned count, bool isD);
  bool wgmmaScales(WgmmaForm &form, size_t at);
  void decodeSetmaxnreg();
  void trackWgmmaRegisters();
  void noteWgmmaTouches(const Instruction &instruction, size_t first);
  // DecodeMma.cpp
  bool matrixOperand(size_t index, unsigned count, Type type, bool isDestination,
                     std::vector<uint32_t> &slots);
  void decodeMma();
  void decodeVoltaMma(std::string_view d, std::string_view c, bool rowA, bool rowB);
  void decodeMovmatrix();

  const ModuleAst &module;
  const bool forDebugger; ///< nvcc -G: of the target, looked for once
  Policy policy;
  Program &program;
  std::vector<Diagnostic> &errors;

  const Function *function = nullptr; ///< being decoded
  const Instruction *current = nullptr;
  uint32_t functionIndex = 0;
  bool plainEmission = false;   ///< inside emitAround: no predication
  bool modifierRefused = false; ///< of the current instruction
  Allocated allocation;
  std::vector<const Function *> functionList; ///< as in program.functions
  std::vector<std::vector<uint32_t>> callees; ///< for the stack's depth
  std::unordered_map<std::string_view, Symbol> globals, locals;
  std::vector<uint32_t> trackedRegister; ///< its number among those of wgmma, or noOperand
  std::vector<uint32_t> definedMask; ///< slot of the mask of written lanes, or noOperand
  std::vector<uint32_t> instructionIndex;
  struct Fixup {
    size_t op;          ///< whose imm is the target
    size_t side;        ///< or this word of `side`
    uint32_t instruction;
  };
  std::vector<Fixup> fixups;
  uint32_t temporaryBase = 0, temporaryTop = 0, temporaryPredBase = 0, temporaryPredTop = 0;
  uint32_t carrySlot = 0;
  std::unordered_map<std::string, uint32_t> constantIndex;
  std::unordered_map<std::string, bool> forms; ///< met so far, and whether the ISA has them
};

constexpr std::string_view reservedRegister = "%reserved_smem_offset_"; ///< begin, end, cap, 0, 1
/// A load whose value a compare and swap proves, in a function that is called (Guess.cpp).
bool isGuessOfCall(const ModuleAst &module, const Function &function, const Instruction &load);

constexpr unsigned temporarySlots = 16, temporaryPredicates = 8;

} // namespace cameo::ptx

#endif
