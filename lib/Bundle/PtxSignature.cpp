// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A scanner for PTX entry declarations: comments and strings are skipped, everything else is words
// and punctuation. Only `.entry name (params) directives` is understood.

#include "PtxSignature.h"

#include "cameo/Bundle/Bundle.h"

#include <charconv>

namespace cameo {

namespace {

bool isWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c == '%' || c == '.';
}

class Scanner {
public:
  explicit Scanner(std::string_view text) : text(text) {}

  /// The next word or single character; empty at the end.
  std::string_view next() {
    skip();
    size_t begin = at;
    if (at < text.size() && isWord(text[at]))
      while (at < text.size() && isWord(text[at]))
        ++at;
    else if (at < text.size())
      ++at;
    return text.substr(begin, at - begin);
  }
  std::string_view peek() {
    size_t saved = at;
    std::string_view word = next();
    at = saved;
    return word;
  }

private:
  void skip() {
    for (; at < text.size(); ++at) {
      if (text.substr(at, 2) == "//")
        at = std::min(text.find('\n', at), text.size() - 1);
      else if (text.substr(at, 2) == "/*")
        at = std::min(text.find("*/", at + 2), text.size() - 2) + 1;
      else if (text[at] == '"')
        at = std::min(text.find('"', at + 1), text.size() - 1);
      else if (text[at] != ' ' && text[at] != '\t' && text[at] != '\n' && text[at] != '\r')
        return;
    }
  }
  std::string_view text;
  size_t at = 0;
};

std::optional<uint32_t> number(std::string_view word) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size())
    return std::nullopt;
  return value;
}

/// Bytes of a fundamental type; 0 for a word that is none.
uint32_t typeBytes(std::string_view word) {
  if (word.size() < 3 || word[0] != '.' || std::string_view("bsuf").find(word[1]) == std::string_view::npos)
    return 0;
  auto bits = number(word.substr(2));
  bool known = bits && (*bits == 8 || *bits == 16 || *bits == 32 || *bits == 64 || *bits == 128);
  return known ? *bits / 8 : 0;
}

/// One `.param ….type name[n]`, up to the comma or parenthesis (not consumed).
std::optional<uint32_t> scanParam(Scanner &in) {
  if (in.next() != ".param")
    return std::nullopt;
  uint32_t type = 0, alignment = 0;
  uint64_t count = 1;
  for (std::string_view word = in.peek(); word != "," && word != ")"; word = in.peek()) {
    if (in.next().empty())
      return std::nullopt;
    if (word == ".align") {
      auto value = number(in.next());
      if (!value)
        return std::nullopt;
      if (type == 0) // after the type it is that of what a pointer points to
        alignment = *value;
    } else if (word == "[") {
      auto extent = number(in.next());
      if (!extent || in.next() != "]")
        return std::nullopt;
      count *= *extent;
    } else if (uint32_t bytes = typeBytes(word)) {
      type = bytes;
    }
    if (count > 4096)
      return std::nullopt;
  }
  if (type == 0 || type * count > 32764)
    return std::nullopt;
  // Arguments are packed as scalars; an array of the same size may lie elsewhere.
  uint32_t bytes = uint32_t(type * count);
  return bytes == (alignment ? alignment : type) ? bytes : 0;
}

bool scanParams(Scanner &in, std::vector<uint32_t> &bytes) {
  in.next(); // the parenthesis
  if (in.peek() == ")")
    return in.next(), true;
  while (true) {
    auto param = scanParam(in);
    if (!param)
      return false;
    bytes.push_back(*param);
    std::string_view separator = in.next();
    if (separator != ",")
      return separator == ")";
  }
}

bool scanExtents(Scanner &in, std::array<uint32_t, 3> &extents) {
  extents = {1, 1, 1};
  for (uint32_t &extent : extents) {
    auto value = number(in.next());
    if (!value || *value == 0)
      return false;
    extent = *value;
    if (in.peek() != ",")
      return true;
    in.next();
  }
  return false;
}

} // namespace

Result<PtxEntries> scanPtxEntries(std::string_view text) {
  auto bad = [](std::string message) { return Error{ErrorCode::invalid, std::move(message)}; };
  if (text.find('\0') != std::string_view::npos)
    return bad("PTX text contains a NUL byte");
  PtxEntries entries;
  Scanner in(text);
  for (std::string_view word = in.next(); !word.empty(); word = in.next()) {
    if (word != ".entry")
      continue;
    std::string name(in.next());
    PtxEntry entry;
    if (in.peek() == "(" && !scanParams(in, entry.paramBytes))
      return bad("the parameters of PTX entry '" + name + "' cannot be read");
    for (word = in.peek(); word != "{" && word != ";" && !word.empty(); word = in.peek()) {
      in.next();
      if ((word == ".reqntid" && !scanExtents(in, entry.reqntid)) ||
          (word == ".maxntid" && !scanExtents(in, entry.maxntid)))
        return bad("the thread limits of PTX entry '" + name + "' cannot be read");
    }
    if (word == ";")
      continue; // a declaration
    if (!entries.emplace(name, std::move(entry)).second)
      return bad("PTX defines entry '" + name + "' twice");
  }
  return entries;
}

std::optional<SmTarget> parseSmTarget(std::string_view text) {
  if (text.substr(0, 3) != "sm_")
    return std::nullopt;
  SmTarget target;
  text.remove_prefix(3);
  if (!text.empty() && (text.back() == 'a' || text.back() == 'f')) {
    target.suffix = text.back();
    text.remove_suffix(1);
  }
  auto value = number(text);
  if (!value || *value < 20 || *value > 999)
    return std::nullopt;
  target.number = *value;
  return target;
}

} // namespace cameo
