// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser's class: Parser.cpp has modules, variables and functions; ParseBody.cpp statements,
// operands and registers.
#ifndef CAMEO_LIB_PTX_PARSERIMPL_H
#define CAMEO_LIB_PTX_PARSERIMPL_H

#include "Ast.h"
#include "Lexer.h"

#include <string>

namespace cameo::ptx {

class Parser {
public:
  Parser(ModuleAst module, std::vector<Token> tokens, std::vector<Diagnostic> &errors)
      : module(std::move(module)), tokens(std::move(tokens)), errors(errors) {}
  ModuleAst run();

private:
  static constexpr size_t maxErrors = 100;

  // Tokens.
  const Token &peek(size_t ahead = 0) const {
    return tokens[std::min(pos + ahead, tokens.size() - 1)];
  }
  const Token &next() {
    const Token &token = peek();
    pos += pos + 1 < tokens.size();
    return token;
  }
  bool atEnd() const { return peek().kind == Token::Kind::End; }
  bool accept(std::string_view text) {
    if (!peek().is(text) || atEnd())
      return false;
    next();
    return true;
  }
  bool expect(std::string_view text);
  void skipStatement();
  void error(uint32_t line, std::string message, bool unsupported = false);

  // Module level.
  void parseModuleItem();
  void noteAddresses();
  void parseFile();
  void skipSection();
  void parseDeclaration();
  bool parseVariables(std::vector<Variable> &into, bool external);
  void parseVariableType(Variable &variable);
  void parseVariableName(Variable &variable);
  void parseInitialiser(Variable &variable);
  void parseInitialValue(Variable &variable);
  void parseFunction();
  void parseParameters(std::vector<Variable> &into);
  void parseFunctionDirectives();

  // Bodies.
  void parseBlock();
  void parseStatement();
  bool parseBodyDirective();
  void parseRegisters();
  void parseLocation();
  void parseInstruction();
  bool parseOperand(Operand &operand);
  bool parseOperandList(Operand &operand, std::string_view close, Operand::Kind kind);
  bool parseAddress(Operand &operand);
  bool parseName(Operand &operand);
  bool parseNumber(Operand &operand);
  uint64_t parseInteger();
  int32_t findRegister(std::string_view name);
  void declareLocals(size_t first);
  void defineLabel(std::string_view label, uint32_t line);
  void renameLabels(size_t firstInstruction);

  struct Scope {
    std::unordered_map<std::string_view, int32_t> registers;
    struct Range {
      std::string_view prefix;
      uint32_t count;
      Type type;
    };
    std::vector<Range> ranges;
    std::unordered_map<std::string_view, std::string_view> variables; ///< to what they are called
    std::unordered_map<std::string_view, std::string_view> labels;    ///< of inner scopes, likewise
  };

  ModuleAst module;
  std::vector<Token> tokens;
  std::vector<Diagnostic> &errors;
  size_t pos = 0;
  Function *function = nullptr;
  std::vector<Scope> scopes;
  uint32_t currentLocation = 0;
  std::unordered_map<std::string, std::string_view> localNames; ///< of the function, by name and form
};

} // namespace cameo::ptx

#endif
