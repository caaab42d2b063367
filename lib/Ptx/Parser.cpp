// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX grammar: module directives, variables, functions, statements. Recursive descent over the
// tokens; a wrong statement is reported with its line and skipped to its ';', so that all errors
// come at once. Names are bound here: registers to numbers of their function (scopes of braces,
// `%r<100>` ranges), labels to positions. Refuses: names that nothing declares, arrays above 2^40
// bytes, more than 2^20 registers in a function, more than 256 open braces.
#include "ParserImpl.h"

#include <cstring>

namespace cameo::ptx {

static constexpr uint64_t mostArrayBytes = uint64_t(1) << 40;

ModuleAst Parser::run() {
  while (!atEnd() && errors.size() < maxErrors)
    parseModuleItem();
  for (const Token &token : tokens)
    if (token.kind == Token::Kind::Bad && errors.size() < maxErrors)
      error(token.line, "unexpected byte in the text");
  noteAddresses();
  return std::move(module);
}

/// Which functions are named other than by calls; what an initialiser names has to exist.
void Parser::noteAddresses() {
  std::unordered_set<std::string_view> functions, variables;
  for (const Function &f : module.functions)
    functions.insert(f.name);
  for (const Variable &v : module.variables)
    variables.insert(v.name);
  for (const Variable &v : module.variables)
    for (const Variable::Reference &r : v.references)
      if (functions.count(r.symbol))
        module.addressTaken.insert(r.symbol);
      else if (!variables.count(r.symbol))
        error(v.line, "'" + std::string(r.symbol) + "' in the initialiser of '" + std::string(v.name) +
                          "' is not declared");
  for (const Function &f : module.functions)
    for (const Instruction &i : f.body)
      for (const Operand &o : i.operands)
        if (i.opcode != "call" && o.kind == Operand::Kind::Symbol && functions.count(o.name))
          module.addressTaken.insert(o.name);
}

void Parser::parseModuleItem() {
  if (accept(";"))
    return;
  if (peek().kind != Token::Kind::Dotted) {
    error(peek().line, "expected a directive, found '" + std::string(peek().text) + "'");
    skipStatement();
    return;
  }
  std::string_view directive = peek().text;
  if (directive == ".version") {
    next();
    std::string number(next().text);
    size_t point = number.find('.');
    module.versionMajor = std::atoi(number.c_str());
    module.versionMinor = point == std::string::npos ? 0 : std::atoi(number.c_str() + point + 1);
  } else if (directive == ".target") {
    next();
    module.target = next().text; // and what else it lists: "sm_80, debug"
    while (accept(",")) {
      std::string_view more = next().text;
      module.target = {module.target.data(), static_cast<size_t>(more.data() + more.size() - module.target.data())};
    }
  } else if (directive == ".address_size") {
    next();
    module.address64 = next().text == "64";
    if (!module.address64)
      error(peek().line, ".address_size 32 is not supported; 64 is");
  } else if (directive == ".file") {
    parseFile();
  } else if (directive == ".section") {
    skipSection();
  } else if (directive == ".alias") {
    next();
    std::string_view alias = next().text;
    expect(",");
    module.aliases[alias] = next().text;
    expect(";");
  } else if (directive == ".pragma") {
    skipStatement();
  } else {
    parseDeclaration();
  }
}

void Parser::parseFile() {
  next();
  uint32_t index = static_cast<uint32_t>(parseInteger());
  module.files[index] = next().text;
  while (accept(",")) // timestamp and size
    next();
}

/// DWARF sections say nothing that `.loc` doesn't.
void Parser::skipSection() {
  next();
  while (!atEnd() && !peek().is("{"))
    next();
  unsigned depth = 0;
  do {
    if (peek().is("{"))
      ++depth;
    if (peek().is("}"))
      --depth;
    next();
  } while (depth && !atEnd());
}

/// Linkage, then a variable of a state space or a function.
void Parser::parseDeclaration() {
  bool external = false;
  for (;; next()) {
    if (peek().is(".extern") || peek().is(".weak") || peek().is(".common"))
      external = external || peek().is(".extern");
    else if (!peek().is(".visible") && !peek().is(".noreturn") && !peek().is(".managed"))
      break;
  }
  if (peek().is(".entry") || peek().is(".func")) {
    parseFunction();
    return;
  }
  std::vector<Variable> found;
  if (!parseVariables(found, external)) {
    error(peek().line, "unknown directive '" + std::string(peek().text) + "'", true);
    if (peek().is("{"))
      skipSection();
    else
      skipStatement();
    return;
  }
  for (Variable &variable : found)
    module.variables.push_back(std::move(variable));
}

static bool spaceByName(std::string_view name, Space &space) {
  static constexpr std::pair<std::string_view, Space> table[] = {
      {".global", Space::Global}, {".shared", Space::Shared}, {".local", Space::Local},
      {".const", Space::Const},   {".param", Space::Param},   {".shared::cta", Space::Shared}};
  for (auto &[text, value] : table)
    if (text == name) {
      space = value;
      return true;
    }
  return false;
}

/// `.global .align 4 .b8 name[16] = {...}, other;` Returns false where no state space begins here.
bool Parser::parseVariables(std::vector<Variable> &into, bool external) {
  Variable common;
  if (!spaceByName(peek().text, common.space))
    return false;
  next();
  common.external = external;
  parseVariableType(common);
  do {
    Variable variable = common;
    parseVariableName(variable);
    if (accept("="))
      parseInitialiser(variable);
    into.push_back(std::move(variable));
  } while (accept(","));
  expect(";");
  return true;
}

/// Alignment, vector, type, and the attributes of parameters (`.ptr .global .align 16`).
void Parser::parseVariableType(Variable &variable) {
  uint32_t vector = 1;
  bool hasAlign = false;
  while (peek().kind == Token::Kind::Dotted) {
    std::string_view text = next().text;
    if (text == ".align") {
      uint64_t align = parseInteger();
      if (!variable.pointer) {
        if (align == 0 || (align & (align - 1)) || align > (1u << 20))
          error(peek().line, "alignment must be a power of two up to 2^20");
        else
          variable.align = static_cast<uint32_t>(align);
        hasAlign = true;
      }
    } else if (text == ".v2" || text == ".v4") {
      vector = text[2] - '0';
    } else if (text == ".ptr") {
      variable.pointer = true;
    } else if (text == ".attribute") {
      if (accept("("))
        while (!atEnd() && !accept(")"))
          next();
    } else if (auto type = typeByName(text)) {
      variable.type = *type;
    } else if (text == ".texref" || text == ".samplerref" || text == ".surfref") {
      error(peek().line, "'" + std::string(text) + "' variables are not supported", true);
    }
  }
  if (variable.type == Type::None)
    error(peek().line, "a variable needs a type");
  variable.bytes = uint64_t(sizeOf(variable.type)) * vector;
  if (!hasAlign)
    variable.align = std::max<uint32_t>(1, static_cast<uint32_t>(variable.bytes));
}

void Parser::parseVariableName(Variable &variable) {
  variable.line = peek().line;
  variable.name = next().text;
  // A parameter's attributes may come after its type: `.param .u64 .ptr .align 1 name`.
  while (accept("[")) {
    if (accept("]")) {
      variable.unsized = true;
      continue;
    }
    uint64_t count = parseInteger();
    if (count > mostArrayBytes || (count && variable.bytes > mostArrayBytes / count))
      error(variable.line, "array of '" + std::string(variable.name) + "' is too large");
    else
      variable.bytes *= count;
    expect("]");
  }
  if (variable.unsized)
    variable.bytes = 0;
}

void Parser::parseInitialiser(Variable &variable) {
  if (accept("{")) {
    unsigned depth = 1;
    while (depth && !atEnd()) {
      if (accept("{"))
        ++depth;
      else if (accept("}"))
        --depth;
      else if (!accept(","))
        parseInitialValue(variable);
    }
  } else {
    parseInitialValue(variable);
  }
  if (variable.unsized)
    variable.bytes = variable.data.size();
  if (variable.data.size() > variable.bytes)
    error(variable.line,
          "initialiser of '" + std::string(variable.name) + "' is longer than the variable");
}

void Parser::parseInitialValue(Variable &variable) {
  uint32_t element = std::max(1u, sizeOf(variable.type));
  uint64_t bits = 0;
  size_t offset = variable.data.size();
  bool generic = peek().is("generic");
  bool symbol = generic || (peek().kind == Token::Kind::Name && !peek().is("WARP_SZ"));
  if (peek().is("mask") || peek().text.substr(0, 2) == "0X") {
    error(peek().line, "mask() initialisers are not supported", true);
    next();
  } else if (symbol) {
    if (generic)
      next(), expect("(");
    std::string_view name = next().text;
    if (generic)
      expect(")");
    int64_t addend = 0;
    if (accept("+"))
      addend = parseInteger();
    variable.references.push_back({offset, name, addend, generic, element});
  } else {
    Operand value;
    parseNumber(value);
    bits = static_cast<uint64_t>(value.value);
    if (value.kind == Operand::Kind::Float && element == 4) {
      double wide;
      std::memcpy(&wide, &value.value, 8);
      float narrow = static_cast<float>(wide);
      std::memcpy(&value.single, &narrow, value.isSingle ? 0 : 4);
      bits = value.single;
    }
  }
  for (uint32_t i = 0; i < element; ++i)
    variable.data.push_back(static_cast<uint8_t>(i < 8 ? bits >> (8 * i) : 0));
}

void Parser::parseFunction() {
  module.functions.emplace_back();
  function = &module.functions.back();
  function->isEntry = next().is(".entry");
  function->line = peek().line;
  if (accept("("))
    parseParameters(function->results);
  function->name = next().text;
  if (accept("("))
    parseParameters(function->params);
  parseFunctionDirectives();
  if (accept(";")) {
    function->isDeclaration = true;
  } else if (peek().is("{")) {
    scopes.clear();
    localNames.clear();
    parseBlock();
  } else {
    error(peek().line, "expected the body of '" + std::string(function->name) + "'");
    skipStatement();
  }
  function = nullptr;
}

void Parser::parseParameters(std::vector<Variable> &into) {
  if (accept(")"))
    return;
  do {
    Variable variable;
    std::string_view space = next().text;
    if (space != ".param" && space != ".reg")
      error(peek().line, "expected '.param', found '" + std::string(space) + "'");
    if (space == ".reg")
      error(peek().line, "parameters in '.reg' are not supported; '.param' is", true);
    variable.space = Space::Param;
    parseVariableType(variable);
    parseVariableName(variable);
    into.push_back(std::move(variable));
  } while (accept(","));
  expect(")");
}

void Parser::parseFunctionDirectives() {
  while (peek().kind == Token::Kind::Dotted) {
    std::string_view text = next().text;
    if (text == ".maxntid" || text == ".reqntid" || text == ".reqnctapercluster") {
      uint32_t *size = text == ".maxntid"   ? function->maxntid
                       : text == ".reqntid" ? function->reqntid : function->requiredCluster;
      size[0] = size[1] = size[2] = 1;
      unsigned i = 0;
      do {
        uint32_t value = static_cast<uint32_t>(parseInteger());
        if (i < 3)
          size[i++] = value;
      } while (accept(","));
    } else if (text == ".noreturn") {
      continue;
    } else if (text == ".blocksareclusters" || text == ".explicitcluster") {
      (text == ".explicitcluster" ? function->explicitCluster : function->blocksAreClusters) = true;
    } else if (text == ".maxclusterrank") {
      function->mostClusterRank = static_cast<uint32_t>(parseInteger());
    } else if (text == ".pragma") {
      skipStatement();
    } else if (text == ".maxnreg") {
      function->maxnreg = static_cast<uint32_t>(parseInteger());
    } else if (text == ".minnctapersm") {
      function->minBlocks = static_cast<uint32_t>(parseInteger());
    } else if (text == ".maxnctapersm" || text == ".abi_preserve" ||
               text == ".abi_preserve_control") {
      parseInteger();
    } else {
      error(peek().line, "unknown directive '" + std::string(text) + "' of a function", true);
    }
  }
}

ModuleAst parseModule(std::string_view text, std::vector<Diagnostic> &errors) {
  ModuleAst module;
  std::vector<Token> tokens = tokenize(text, module.comments);
  return Parser(std::move(module), std::move(tokens), errors).run();
}

} // namespace cameo::ptx
