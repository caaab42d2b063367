// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX text to tokens. A modifier or directive is one token with its dot and its `::` parts
// (".shared::cta"), so that instructions are a name followed by modifiers. Comments are dropped,
// except that the one that ends a line of code is remembered for that line: emitters say there
// where the instruction comes from.
#ifndef CAMEO_LIB_PTX_LEXER_H
#define CAMEO_LIB_PTX_LEXER_H

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cameo::ptx {

struct Token {
  enum class Kind : uint8_t { End, Name, Dotted, Number, String, Punct, Bad };
  Kind kind = Kind::End;
  uint32_t line = 0;
  std::string_view text;
  bool is(std::string_view expected) const { return kind != Kind::String && text == expected; }
};

std::vector<Token> tokenize(std::string_view text,
                            std::unordered_map<uint32_t, std::string_view> &comments);

} // namespace cameo::ptx

#endif
