// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statements of a function's body: register and variable declarations, labels, `.loc`,
// instructions and their operands.
#include "ParserImpl.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace cameo::ptx {

void Parser::error(uint32_t line, std::string message, bool unsupported) {
  if (errors.size() < maxErrors)
    errors.push_back({line, std::move(message), unsupported});
}

bool Parser::expect(std::string_view text) {
  if (accept(text))
    return true;
  error(peek().line,
        "expected '" + std::string(text) + "', found '" + std::string(peek().text) + "'");
  return false;
}

void Parser::skipStatement() {
  while (!atEnd() && !peek().is(";") && !peek().is("}"))
    next();
  accept(";");
  if (peek().is("}") && !function)
    next();
}

void Parser::parseBlock() {
  uint32_t line = peek().line;
  expect("{");
  if (scopes.size() > 256) {
    error(line, "braces are nested too deeply");
    pos = tokens.size() - 1;
    return;
  }
  scopes.emplace_back();
  size_t firstInstruction = function->body.size();
  while (!atEnd() && !peek().is("}")) {
    size_t before = pos;
    parseStatement();
    if (pos == before)
      next();
  }
  if (!accept("}"))
    error(line, "this '{' is never closed");
  renameLabels(firstInstruction);
  scopes.pop_back();
}

/// What a block in braces declares is its own: variables that the function has already under this name get
/// another. Parameters of calls that look the same share their place.
void Parser::declareLocals(size_t first) {
  std::vector<Variable> &locals = function->locals;
  for (size_t i = first; i < locals.size();) {
    Variable &v = locals[i];
    std::string key(v.name);
    bool fresh = localNames.emplace(key, v.name).second;
    if (v.space == Space::Param) {
      key += "@" + std::to_string(v.bytes) + "@" + std::to_string(v.align);
      auto [same, added] = localNames.emplace(key, v.name);
      if (!added) {
        scopes.back().variables[v.name] = same->second;
        locals.erase(locals.begin() + static_cast<long>(i));
        continue;
      }
    }
    if (!fresh) {
      std::string_view original = v.name;
      module.ownedNames.push_back(std::string(v.name) + "@" + std::to_string(module.ownedNames.size() + 2));
      v.name = scopes.back().variables[original] = module.ownedNames.back();
      if (v.space == Space::Param)
        localNames[key] = v.name;
    } else {
      scopes.back().variables[v.name] = v.name;
    }
    ++i;
  }
}

void Parser::defineLabel(std::string_view label, uint32_t line) {
  std::string_view name = label;
  bool fresh = true;
  if (scopes.size() > 1) {
    module.ownedNames.push_back(std::string(label) + "@" + std::to_string(module.ownedNames.size() + 2));
    name = module.ownedNames.back();
    fresh = scopes.back().labels.emplace(label, name).second;
  }
  if (!fresh || !function->labels.emplace(name, uint32_t(function->body.size())).second)
    error(line, "label '" + std::string(label) + "' is defined twice");
}

/// Labels of an inner block have names of their own, which its instructions learn when it ends.
void Parser::renameLabels(size_t firstInstruction) {
  const auto &labels = scopes.back().labels;
  if (labels.empty())
    return;
  for (size_t i = firstInstruction; i < function->body.size(); ++i)
    for (Operand &o : function->body[i].operands)
      if (auto found = labels.find(o.name); o.kind == Operand::Kind::Symbol && found != labels.end())
        o.name = found->second;
}

void Parser::parseStatement() {
  if (accept(";"))
    return;
  if (peek().is("{"))
    return parseBlock();
  if (peek().kind == Token::Kind::Name && peek(1).is(":")) {
    std::string_view label = next().text;
    uint32_t line = next().line;
    if (peek().is(".branchtargets") || peek().is(".calltargets")) {
      next();
      auto &targets = function->branchTargets[label];
      do
        targets.push_back(next().text);
      while (accept(","));
      expect(";");
      return;
    }
    if (peek().is(".callprototype")) {
      skipStatement();
      return;
    }
    defineLabel(label, line);
    return;
  }
  if (peek().kind == Token::Kind::Dotted) {
    if (!parseBodyDirective())
      skipStatement();
    return;
  }
  parseInstruction();
}

bool Parser::parseBodyDirective() {
  if (peek().is(".reg")) {
    parseRegisters();
    return true;
  }
  if (peek().is(".loc")) {
    parseLocation();
    return true;
  }
  if (peek().is(".pragma"))
    return false;
  size_t first = function->locals.size();
  if (parseVariables(function->locals, false)) {
    declareLocals(first);
    return true;
  }
  error(peek().line, "unknown directive '" + std::string(peek().text) + "'", true);
  return false;
}

void Parser::parseRegisters() {
  next();
  Type type = Type::None;
  uint32_t vector = 1;
  while (peek().kind == Token::Kind::Dotted) {
    std::string_view text = next().text;
    if (auto found = typeByName(text))
      type = *found;
    else if (text == ".v2" || text == ".v4")
      vector = text[2] - '0';
    else
      error(peek().line, "unknown register type '" + std::string(text) + "'");
  }
  if (type == Type::None || vector != 1)
    error(peek().line, "registers need a scalar type", vector != 1);
  do {
    std::string_view name = next().text;
    if (accept("<")) {
      scopes.back().ranges.push_back({name, static_cast<uint32_t>(parseInteger()), type});
      expect(">");
    } else {
      scopes.back().registers[name] = static_cast<int32_t>(function->registers.size());
      function->registers.push_back(type);
      function->registerNames.push_back(name);
    }
  } while (accept(","));
  expect(";");
}

/// Registers of a range get a number when they are first named: `%r<5000>` may be a lie.
int32_t Parser::findRegister(std::string_view name) {
  size_t prefixLength = name.size();
  while (prefixLength && name[prefixLength - 1] >= '0' && name[prefixLength - 1] <= '9')
    --prefixLength;
  for (size_t depth = scopes.size(); depth-- > 0;) {
    Scope &scope = scopes[depth];
    auto known = scope.registers.find(name);
    if (known != scope.registers.end())
      return known->second;
    if (prefixLength == name.size())
      continue;
    // A prefix may itself end in digits (%r1<4>), so every split is tried.
    for (size_t split = prefixLength; split < name.size(); ++split) {
      std::string_view digits = name.substr(split);
      if (digits.size() > 8 || (digits.size() > 1 && digits[0] == '0'))
        continue;
      uint32_t index = static_cast<uint32_t>(std::atoi(std::string(digits).c_str()));
      for (const Scope::Range &range : scope.ranges)
        if (range.prefix == name.substr(0, split) && index < range.count) {
          int32_t id = static_cast<int32_t>(function->registers.size());
          function->registers.push_back(range.type);
          function->registerNames.push_back(name);
          scope.registers[name] = id;
          return id;
        }
    }
  }
  return -1;
}

void Parser::parseLocation() {
  uint32_t line = next().line;
  SourceLocation location{};
  location.file = static_cast<uint32_t>(parseInteger());
  location.line = static_cast<uint32_t>(parseInteger());
  location.column = static_cast<uint32_t>(parseInteger());
  // `, function_name $L, inlined_at 1 2 3` stays on the line.
  while (!atEnd() && peek().line == line)
    next();
  module.locations.push_back(location);
  currentLocation = static_cast<uint32_t>(module.locations.size());
}

void Parser::parseInstruction() {
  Instruction instruction;
  instruction.line = peek().line;
  instruction.location = currentLocation;
  if (accept("@")) {
    instruction.predicateNegated = accept("!");
    std::string_view name = next().text;
    instruction.predicate = findRegister(name);
    if (instruction.predicate < 0)
      error(instruction.line, "undeclared predicate '" + std::string(name) + "'");
    else if (function->registers[instruction.predicate] != Type::Pred)
      error(instruction.line, "'" + std::string(name) + "' is not a predicate");
  }
  if (peek().kind != Token::Kind::Name) {
    error(peek().line, "expected an instruction, found '" + std::string(peek().text) + "'");
    skipStatement();
    return;
  }
  instruction.line = peek().line;
  instruction.opcode = next().text;
  while (peek().kind == Token::Kind::Dotted)
    instruction.modifiers.push_back(next().text);
  while (!atEnd() && !peek().is(";")) {
    Operand operand;
    if (!parseOperand(operand)) {
      skipStatement();
      return;
    }
    instruction.operands.push_back(std::move(operand));
    if (!accept(","))
      break;
  }
  if (!expect(";"))
    skipStatement();
  function->body.push_back(std::move(instruction));
  if (function->body.size() > (1u << 22)) {
    error(function->line, "function is too long");
    pos = tokens.size() - 1;
  }
}

bool Parser::parseOperand(Operand &operand) {
  bool ok;
  if (accept("!")) {
    ok = parseName(operand);
    operand.negated = true;
  } else if (accept("{")) {
    ok = parseOperandList(operand, "}", Operand::Kind::Vector);
  } else if (accept("(")) {
    ok = parseOperandList(operand, ")", Operand::Kind::List);
  } else if (accept("[")) {
    ok = parseAddress(operand);
  } else if (peek().kind == Token::Kind::Name && !peek().is("WARP_SZ")) {
    ok = parseName(operand);
  } else {
    ok = parseNumber(operand);
  }
  if (ok && accept("|")) {
    Operand pair;
    pair.kind = Operand::Kind::Pair;
    pair.elements.push_back(std::move(operand));
    pair.elements.emplace_back();
    ok = parseOperand(pair.elements.back());
    operand = std::move(pair);
  }
  return ok;
}

bool Parser::parseOperandList(Operand &operand, std::string_view close, Operand::Kind kind) {
  operand.kind = kind;
  if (accept(close))
    return true;
  do {
    operand.elements.emplace_back();
    // Lists don't nest in PTX; a bound keeps hostile text from exhausting the stack.
    if (peek().is("{") || peek().is("(")) {
      error(peek().line, "lists cannot be nested");
      return false;
    }
    if (!parseOperand(operand.elements.back()))
      return false;
  } while (accept(","));
  return expect(close);
}

/// [reg], [reg+imm], [symbol+imm], [imm], and [base, {coordinates}] of tensor instructions.
bool Parser::parseAddress(Operand &operand) {
  if (peek().kind == Token::Kind::Name) {
    if (!parseName(operand))
      return false;
    if (accept("-"))
      operand.value -= static_cast<int64_t>(parseInteger());
  } else {
    operand.value = static_cast<int64_t>(parseInteger());
  }
  operand.kind = Operand::Kind::Address;
  while (accept(",")) {
    operand.elements.emplace_back();
    if (peek().is("[") || !parseOperand(operand.elements.back()))
      return false;
  }
  return expect("]");
}

bool Parser::parseName(Operand &operand) {
  const Token &token = next();
  operand.name = token.text;
  if (token.text == "_") {
    operand.kind = Operand::Kind::Sink;
    return true;
  }
  operand.reg = findRegister(token.text);
  if (operand.reg >= 0) {
    operand.kind = Operand::Kind::Register;
  } else if (token.text[0] == '%') {
    operand.kind = Operand::Kind::Special;
    if (peek().kind == Token::Kind::Dotted && peek().text.size() == 2 &&
        peek().text.data() == token.text.data() + token.text.size()) {
      next();
      operand.name = {token.text.data(), token.text.size() + 2};
    }
  } else {
    operand.kind = Operand::Kind::Symbol;
    for (size_t depth = scopes.size(); depth-- > 0;)
      if (auto found = scopes[depth].variables.find(token.text); found != scopes[depth].variables.end()) {
        operand.name = found->second;
        break;
      }
  }
  if (accept("+"))
    operand.value = static_cast<int64_t>(parseInteger());
  return true;
}

namespace {

bool parseHexBits(std::string_view digits, size_t length, uint64_t &bits) {
  if (digits.size() != length)
    return false;
  char *end = nullptr;
  std::string text(digits);
  bits = std::strtoull(text.c_str(), &end, 16);
  return *end == '\0';
}

} // namespace

/// Any number; the sign is folded in. A float keeps the bits of its double, and of its single
/// where it was written as one.
bool Parser::parseNumber(Operand &operand) {
  bool negative = false, inverted = false;
  for (;;) {
    if (accept("-"))
      negative = !negative;
    else if (accept("~"))
      inverted = !inverted;
    else if (!accept("+"))
      break;
  }
  if (peek().is("WARP_SZ")) {
    next();
    operand.kind = Operand::Kind::Integer;
    operand.value = negative ? -32 : 32;
    return true;
  }
  const Token &token = next();
  std::string text(token.text);
  uint64_t bits = 0;
  if (token.kind != Token::Kind::Number) {
    error(token.line, "expected an operand, found '" + text + "'");
    return false;
  }
  char second = text.size() > 1 ? text[1] : '\0';
  if (text[0] == '0' && (second == 'f' || second == 'F')) {
    if (!parseHexBits(token.text.substr(2), 8, bits)) {
      error(token.line, "0f needs eight hexadecimal digits");
      return false;
    }
    operand.kind = Operand::Kind::Float;
    operand.isSingle = true;
    operand.single = static_cast<uint32_t>(bits) ^ (negative ? 0x80000000u : 0);
    float narrow;
    std::memcpy(&narrow, &operand.single, 4);
    double wide = narrow;
    std::memcpy(&operand.value, &wide, 8);
    return true;
  }
  bool isHexDouble = text[0] == '0' && (second == 'd' || second == 'D');
  if (isHexDouble || text.find('.') != std::string::npos) {
    if (isHexDouble && !parseHexBits(token.text.substr(2), 16, bits)) {
      error(token.line, "0d needs sixteen hexadecimal digits");
      return false;
    }
    double wide = isHexDouble ? 0 : std::strtod(text.c_str(), nullptr);
    if (!isHexDouble)
      std::memcpy(&bits, &wide, 8);
    operand.kind = Operand::Kind::Float;
    operand.value = static_cast<int64_t>(bits ^ (negative ? uint64_t(1) << 63 : 0));
    return true;
  }
  if (text.back() == 'U' || text.back() == 'u')
    text.pop_back();
  char *end = nullptr;
  errno = 0;
  bool binary = text.size() > 2 && text[0] == '0' && (second == 'b' || second == 'B');
  bits = binary ? std::strtoull(text.c_str() + 2, &end, 2) : std::strtoull(text.c_str(), &end, 0);
  if (errno == ERANGE) {
    error(token.line, "'" + std::string(token.text) + "' does not fit into 64 bits");
    return false;
  }
  if (*end != '\0') {
    error(token.line, "'" + std::string(token.text) + "' is not a number");
    return false;
  }
  operand.kind = Operand::Kind::Integer;
  operand.value = static_cast<int64_t>(inverted ? ~bits : bits);
  if (negative)
    operand.value = static_cast<int64_t>(0 - static_cast<uint64_t>(operand.value));
  return true;
}

uint64_t Parser::parseInteger() {
  Operand operand;
  if (parseNumber(operand) && operand.kind == Operand::Kind::Float)
    error(peek().line, "expected an integer");
  return static_cast<uint64_t>(operand.value);
}

} // namespace cameo::ptx
