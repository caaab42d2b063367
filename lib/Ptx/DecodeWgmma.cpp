// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma and setmaxnreg to their operations, from the ISA's lists: which types go together, which N
// and K they have, which of the operands each form takes. Registers that hold fragments get numbers,
// and other instructions that touch them a trait, so that only those are watched.
#include "Decode.h"
#include "Wgmma.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

struct TypeRow {
  std::string_view name;
  WgmmaType type;
  unsigned bits;
};
constexpr TypeRow types[] = {
    {".f16", WgmmaType::F16, 16},  {".bf16", WgmmaType::BF16, 16}, {".tf32", WgmmaType::TF32, 32},
    {".e4m3", WgmmaType::E4M3, 8}, {".e5m2", WgmmaType::E5M2, 8},  {".s8", WgmmaType::S8, 8},
    {".u8", WgmmaType::U8, 8},     {".b1", WgmmaType::B1, 1}};

const TypeRow *typeOf(std::string_view name) {
  for (const TypeRow &row : types)
    if (row.name == name)
      return &row;
  return nullptr;
}

bool isInteger(WgmmaType t) { return t == WgmmaType::S8 || t == WgmmaType::U8; }
bool isEight(WgmmaType t) { return t == WgmmaType::E4M3 || t == WgmmaType::E5M2; }

/// Which pairs of multiplicands and which results there are.
bool typesFit(const WgmmaForm &f, std::string_view d) {
  if (f.a == WgmmaType::B1)
    return f.b == WgmmaType::B1 && d == ".s32" && !f.sparse;
  if (isInteger(f.a))
    return isInteger(f.b) && d == ".s32";
  if (isEight(f.a))
    return isEight(f.b) && (d == ".f32" || d == ".f16");
  return f.a == f.b && (d == ".f32" || (d == ".f16" && f.a == WgmmaType::F16));
}

/// Integers have fewer N than floats.
bool nFits(const WgmmaForm &f) {
  if (f.n < 8 || f.n > 256 || f.n % 8)
    return false;
  return f.d != WgmmaResult::S32 || f.n == 8 || f.n == 24 || f.n % 16 == 0;
}

/// ".m64n128k16": n and k. False: no shape of 64 rows.
bool parseShape(std::string_view text, unsigned &n, unsigned &k) {
  constexpr std::string_view prefix = ".m64n";
  if (text.substr(0, prefix.size()) != prefix)
    return false;
  size_t at = prefix.size();
  auto number = [&](unsigned &value) {
    size_t begin = at;
    for (value = 0; at < text.size() && text[at] >= '0' && text[at] <= '9' && at - begin < 4; ++at)
      value = value * 10 + static_cast<unsigned>(text[at] - '0');
    return at != begin && text[begin] != '0';
  };
  if (!number(n) || at >= text.size() || text[at++] != 'k')
    return false;
  return number(k) && at == text.size();
}

} // namespace

void Decoder::decodeWgmma() {
  if (!program.wgmma)
    program.wgmma = std::make_shared<WgmmaProgram>();
  program.usesAsync = true;
  std::string_view name = current->modifiers.empty() ? "" : current->modifiers[0];
  if (name == ".mma_async")
    return decodeWgmmaMma();
  modifiers(" .fence .commit_group .wait_group .sync .aligned ");
  bool waits = name == ".wait_group";
  if (name != ".fence" && name != ".commit_group" && !waits)
    return unsupported("this operation");
  if (current->modifiers.size() != 3 || current->modifiers[1] != ".sync" ||
      current->modifiers[2] != ".aligned")
    return error("it is wgmma" + std::string(name) + ".sync.aligned");
  if (!expectOperands(waits, waits))
    return;
  if (waits && (operand(0).kind != Kind::Integer || operand(0).value < 0))
    return error("wgmma.wait_group takes the number of groups that may stay in flight");
  emitAround([&] {
    Op &op = emitPlain("wgmma" + std::string(name), OpKind::Sync);
    op.imm = waits ? operand(0).value : 0;
  });
}

/// Types and shape from the modifiers.
bool Decoder::wgmmaTypes(WgmmaForm &form) {
  std::vector<std::string_view> names;
  unsigned k = 0;
  bool shaped = false, isAnd = false, counts = false, sync = false, aligned = false;
  for (std::string_view text : current->modifiers) {
    if (text == ".mma_async" || parseShape(text, form.n, k))
      shaped = shaped || text != ".mma_async";
    else if (text == ".sp")
      form.sparse = true;
    else if (text == ".satfinite")
      form.saturates = true;
    else if (text == ".sync" || text == ".aligned")
      (text == ".sync" ? sync : aligned) = true;
    else if (text == ".and" || text == ".popc")
      (text == ".and" ? isAnd : counts) = true;
    else if (typeOf(text) || text == ".f32" || text == ".s32")
      names.push_back(text);
    else
      return unsupported("modifier '" + std::string(text) + "'"), false;
  }
  const TypeRow *a = names.size() == 3 ? typeOf(names[1]) : nullptr;
  const TypeRow *b = names.size() == 3 ? typeOf(names[2]) : nullptr;
  if (!shaped || !a || !b || !sync || !aligned)
    return error("'" + formOf(*current) + "' needs .sync.aligned, a shape m64nNkK and three types"), false;
  form.a = a->type, form.b = b->type, form.bits = a->bits;
  form.d = names[0] == ".f32" ? WgmmaResult::F32 : names[0] == ".f16" ? WgmmaResult::F16 : WgmmaResult::S32;
  form.kA = 256 / a->bits;
  form.k = form.sparse ? 2 * form.kA : form.kA;
  bool bits = form.a == WgmmaType::B1;
  if (!typesFit(form, names[0]) || !nFits(form) || k != form.k || isAnd != bits || counts != bits ||
      (form.saturates && !isInteger(form.a)))
    return unsupported("this shape and these types"), false;
  return true;
}

/// A vector of fragments: slots and numbers of its registers.
bool Decoder::wgmmaRegisters(WgmmaForm &form, size_t index, unsigned count, bool isD) {
  std::vector<uint32_t> &slots = isD ? form.slotsD : form.slotsA;
  if (!matrixOperand(index, count, Type::B32, isD, slots))
    return false;
  const Operand &o = operand(index);
  for (unsigned i = 0; i < count; ++i) {
    const Operand &e = o.kind == Kind::Vector ? o.elements[i] : o;
    if (e.kind != Kind::Register || o.kind != Kind::Vector)
      return error("fragments of '" + formOf(*current) + "' are registers in braces"), false;
    size_t reg = static_cast<size_t>(e.reg);
    (isD ? form.trackedD : form.trackedA).push_back(trackedRegister[reg]);
    if (isD)
      form.definedD.push_back(definedMask[reg]);
  }
  std::vector<WgmmaRun> &runs = isD ? form.runsD : form.runsA;
  for (uint32_t tracked : isD ? form.trackedD : form.trackedA)
    if (!runs.empty() && runs.back().first + runs.back().count == tracked)
      ++runs.back().count;
    else
      runs.push_back({tracked, 1});
  if (!isD)
    return true;
  std::vector<uint32_t> sorted(slots);
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return error("'" + formOf(*current) + "' has an accumulator twice"), false;
  return true;
}

/// scale-d, then for floats the signs, then for 16-bit types in shared memory the transposes.
bool Decoder::wgmmaScales(WgmmaForm &form, size_t at) {
  bool floats = form.d != WgmmaResult::S32, wide = form.bits == 16;
  size_t transposes = wide ? (form.aInRegisters ? 1 : 2) : 0;
  size_t count = at + 1 + (floats ? 2 : 0) + transposes;
  if (!expectOperands(count, count))
    return false;
  const Operand &scale = operand(at++);
  if (scale.kind == Kind::Integer && (scale.value < 0 || scale.value > 1))
    return error("scale-d of '" + formOf(*current) + "' is a predicate, 0 or 1"), false;
  if (scale.kind == Kind::Integer)
    form.scaleDValue = scale.value != 0;
  else
    form.scaleD = predicateSource(scale);
  for (unsigned i = 0; floats && i < 2; ++i) {
    const Operand &sign = operand(at++);
    if (sign.kind != Kind::Integer || (sign.value != 1 && sign.value != -1))
      return error("imm-scale-a and imm-scale-b of '" + formOf(*current) + "' are 1 or -1"), false;
    form.negates = form.negates != (sign.value == -1);
  }
  for (size_t i = 0; i < transposes; ++i) {
    const Operand &trans = operand(at++);
    if (trans.kind != Kind::Integer || trans.value < 0 || trans.value > 1)
      return error("imm-trans-a and imm-trans-b of '" + formOf(*current) + "' are 0 or 1"), false;
    (i + 1 == transposes ? form.transB : form.transA) = trans.value != 0;
  }
  return true;
}

/// wgmma.mma_async{.sp}.sync.aligned.shape{.satfinite}.dtype.atype.btype{.and.popc}
/// d, a or a-desc, b-desc{, sp-meta, sp-sel}, scale-d{, scale-a, scale-b}{, trans-a}{, trans-b}
void Decoder::decodeWgmmaMma() {
  auto form = std::make_unique<WgmmaForm>();
  if (!wgmmaTypes(*form))
    return;
  if (operandCount() < 4)
    return error("'" + formOf(*current) + "' lacks operands");
  form->aInRegisters = operand(1).kind == Kind::Vector;
  if (!wgmmaRegisters(*form, 0, form->d == WgmmaResult::F16 ? form->n / 4 : form->n / 2, true) ||
      (form->aInRegisters && !wgmmaRegisters(*form, 1, 4, false)))
    return;
  if (!form->aInRegisters)
    form->descA = source(1, Type::B64);
  form->descB = source(2, Type::B64);
  size_t at = 3;
  if (form->sparse) {
    if (!expectOperands(6, 10))
      return;
    int64_t most = form->bits == 8 ? 0 : 1;
    form->meta = source(3, Type::B32);
    if (operand(4).kind != Kind::Integer || operand(4).value < 0 || operand(4).value > most)
      return error("sp-sel of '" + formOf(*current) + "' is a number from 0 to " + std::to_string(most));
    form->selector = static_cast<unsigned>(operand(4).value);
    at = 5;
  }
  if (!wgmmaScales(*form, at))
    return;
  int64_t index = static_cast<int64_t>(program.wgmma->forms.size());
  form->shape = static_cast<unsigned>(index);
  for (const std::unique_ptr<WgmmaForm> &other : program.wgmma->forms)
    if (other->sameShape(*form))
      form->shape = other->shape;
  if (std::count(form->definedD.begin(), form->definedD.end(), noOperand) == long(form->definedD.size()))
    form->definedD.clear();
  program.wgmma->forms.push_back(std::move(form));
  emitAround([&] {
    Op &op = emitPlain("wgmma.mma", OpKind::Matrix);
    op.inner = findHandler("wgmma.product");
    op.imm = index;
  });
}

/// setmaxnreg.{inc,dec}.sync.aligned.u32 n
void Decoder::decodeSetmaxnreg() {
  Modifiers m = modifiers(" .inc .dec .sync .aligned ");
  if (modifierRefused)
    return;
  if (m.has(".inc") == m.has(".dec") || !m.has(".sync") || !m.has(".aligned") || m.type() != Type::U32)
    return error("it is setmaxnreg.inc.sync.aligned.u32 or setmaxnreg.dec.sync.aligned.u32");
  if (!expectOperands(1, 1))
    return;
  const Operand &o = operand(0);
  if (o.kind != Kind::Integer || o.value < 24 || o.value > 256 || o.value % 8)
    return error("setmaxnreg takes a multiple of 8 from 24 to 256");
  program.usesAsync = true;
  const Function &kernel = *functionList[0];
  program.registers = {kernel.maxnreg, kernel.minBlocks,
                       kernel.maxnreg || kernel.maxntid[0] || kernel.reqntid[0]};
  emitAround([&] {
    Op &op = emitPlain("setmaxnreg", OpKind::Sync);
    op.imm = o.value, op.size = m.has(".inc");
  });
}

/// Numbers for the registers of fragments, before the instructions of a function.
void Decoder::trackWgmmaRegisters() {
  trackedRegister.assign(function->registers.size(), noOperand);
  for (size_t r = 0; r < function->registers.size(); ++r) {
    if (!allocation.pinned[r])
      continue;
    if (!program.wgmma)
      program.wgmma = std::make_shared<WgmmaProgram>();
    trackedRegister[r] = static_cast<uint32_t>(program.wgmma->names.size());
    program.wgmma->names.emplace_back(function->registerNames[r]);
  }
}

/// The last operation of an instruction that touches such registers gets the trait. A mov out of
/// them is followed by an operation that notes it where they are in flight.
void Decoder::noteWgmmaTouches(const Instruction &instruction, size_t first) {
  if (!program.wgmma || program.code.size() == first || instruction.opcode == "wgmma")
    return;
  bool moves = instruction.opcode == "mov";
  std::vector<WgmmaTouch> touches;
  WgmmaMove move;
  auto visit = [&](auto &&self, const Operand &o, bool writes) -> void {
    bool isRegister = o.kind == Kind::Register || (o.kind == Kind::Address && o.reg >= 0);
    uint32_t tracked = isRegister ? trackedRegister[static_cast<size_t>(o.reg)] : noOperand;
    writes = writes && o.kind != Kind::Address;
    if (tracked != noOperand && moves)
      (writes ? move.targets : move.sources).push_back(tracked);
    if (tracked != noOperand && (writes || !moves))
      touches.push_back({tracked, writes});
    for (const Operand &e : o.elements)
      self(self, e, writes);
  };
  for (size_t i = 0; i < instruction.operands.size(); ++i)
    visit(visit, instruction.operands[i], i == 0 && hasDestination(instruction.opcode));
  WgmmaProgram &wgmma = *program.wgmma;
  if (!touches.empty()) {
    program.code.back().traits |= traitWgmmaRegister;
    wgmma.touchesOf.resize(program.code.size());
    wgmma.touches.push_back(std::move(touches));
    wgmma.touchesOf.back() = static_cast<uint32_t>(wgmma.touches.size());
  }
  if (move.sources.empty())
    return;
  move.begin = first, move.end = program.code.size();
  int64_t index = static_cast<int64_t>(wgmma.moves.size());
  wgmma.moves.push_back(std::move(move));
  emit("wgmma.move", OpKind::None).imm = index;
}

} // namespace cameo::ptx
