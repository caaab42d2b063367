// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tokens of PTX. One pass over the bytes; anything that is not ASCII PTX gives a Bad token,
// which the parser reports with its line.
#include "Lexer.h"

namespace cameo::ptx {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isNameStart(char c) { return isAlpha(c) || c == '_' || c == '$' || c == '%'; }
bool isNamePart(char c) { return isAlpha(c) || isDigit(c) || c == '_' || c == '$'; }

class Scanner {
public:
  Scanner(std::string_view text, std::unordered_map<uint32_t, std::string_view> &comments)
      : text(text), comments(comments) {}

  std::vector<Token> run() {
    tokens.reserve(text.size() / 4 + 8);
    while (skipBlank())
      scanToken();
    tokens.push_back({Token::Kind::End, line, {}});
    return std::move(tokens);
  }

private:
  char at(size_t i) const { return i < text.size() ? text[i] : '\0'; }

  void push(Token::Kind kind, size_t begin) {
    tokens.push_back({kind, line, text.substr(begin, pos - begin)});
  }

  /// Returns false at the end of the text.
  bool skipBlank() {
    while (pos < text.size()) {
      char c = text[pos];
      if (c == '\n') {
        ++line, ++pos;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == '\0') {
        ++pos;
      } else if (c == '/' && at(pos + 1) == '/') {
        size_t end = text.find('\n', pos);
        end = end == std::string_view::npos ? text.size() : end;
        if (!tokens.empty() && tokens.back().line == line)
          rememberComment(text.substr(pos + 2, end - pos - 2));
        pos = end;
      } else if (c == '/' && at(pos + 1) == '*') {
        skipBlockComment();
      } else {
        return true;
      }
    }
    return false;
  }

  void skipBlockComment() {
    for (pos += 2; pos < text.size(); ++pos) {
      if (text[pos] == '\n')
        ++line;
      if (text[pos] == '*' && at(pos + 1) == '/') {
        pos += 2;
        return;
      }
    }
  }

  void rememberComment(std::string_view comment) {
    while (!comment.empty() && (comment.front() == ' ' || comment.front() == '\t'))
      comment.remove_prefix(1);
    while (!comment.empty() && (comment.back() == ' ' || comment.back() == '\r'))
      comment.remove_suffix(1);
    if (!comment.empty())
      comments[line] = comment;
  }

  void scanToken() {
    size_t begin = pos;
    char c = text[pos++];
    if (isNameStart(c)) {
      while (isNamePart(at(pos)))
        ++pos;
      push(Token::Kind::Name, begin);
    } else if (c == '.' && isNamePart(at(pos))) {
      scanDotted();
      push(Token::Kind::Dotted, begin);
    } else if (isDigit(c)) {
      scanNumber();
      push(Token::Kind::Number, begin);
    } else if (c == '"') {
      scanString(begin);
    } else if ((c == '<' && at(pos) == '<') || (c == '>' && at(pos) == '>')) {
      ++pos;
      push(Token::Kind::Punct, begin);
    } else {
      static constexpr std::string_view allowed = "{}[]()<>,;:@!|+-*/=&~^%";
      push(allowed.find(c) != std::string_view::npos ? Token::Kind::Punct : Token::Kind::Bad,
           begin);
    }
  }

  void scanDotted() {
    for (;;) {
      while (isNamePart(at(pos)))
        ++pos;
      if (at(pos) == ':' && at(pos + 1) == ':' && isNamePart(at(pos + 2)))
        pos += 2;
      else
        return;
    }
  }

  void scanNumber() {
    // 0f3F800000, 0d..., 0x..., 12U, 1.5, 1e-3
    bool hex = text[pos - 1] == '0' && (at(pos) == 'x' || at(pos) == 'X');
    for (;; ++pos) {
      char c = at(pos);
      bool exponentSign = (c == '+' || c == '-') && !hex && sawPoint &&
                          (at(pos - 1) == 'e' || at(pos - 1) == 'E');
      if (c == '.' && isDigit(at(pos + 1)) && !hex)
        sawPoint = true;
      else if (!isNamePart(c) && !exponentSign)
        break;
    }
    sawPoint = false;
  }

  void scanString(size_t begin) {
    while (pos < text.size() && text[pos] != '"' && text[pos] != '\n')
      pos += text[pos] == '\\' ? 2 : 1;
    pos = pos > text.size() ? text.size() : pos;
    tokens.push_back({Token::Kind::String, line, text.substr(begin + 1, pos - begin - 1)});
    if (at(pos) == '"')
      ++pos;
  }

  std::string_view text;
  std::unordered_map<uint32_t, std::string_view> &comments;
  std::vector<Token> tokens;
  size_t pos = 0;
  uint32_t line = 1;
  bool sawPoint = false;
};

} // namespace

std::vector<Token> tokenize(std::string_view text,
                            std::unordered_map<uint32_t, std::string_view> &comments) {
  return Scanner(text, comments).run();
}

} // namespace cameo::ptx
