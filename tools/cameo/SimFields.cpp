// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SimLaunch.h: JSON with the path of each value, and what is wrong there.

#include "SimLaunch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace llvm;

namespace cameo::tool {

void LaunchProblems::add(const Twine &path, const Twine &message, ExitCode code) {
  if (problems.size() < 1000) // a damaged file of a million entries
    problems.push_back({path.str(), message.str(), code, false});
}
void LaunchProblems::warn(const Twine &path, const Twine &message) {
  if (problems.size() < 1000)
    problems.push_back({path.str(), message.str(), ok, true});
}

ExitCode LaunchProblems::exitCode() const {
  ExitCode code = ok;
  for (const LaunchProblem &problem : problems)
    if (!problem.warning && code != badInput)
      code = code == ok || problem.code == badInput ? problem.code : code;
  return code;
}

json::Array LaunchProblems::toJson() const {
  json::Array array;
  for (const LaunchProblem &problem : problems)
    array.push_back(json::Object{{"path", json::fixUTF8(problem.path)},
                                 {"message", json::fixUTF8(problem.message)},
                                 {"severity", problem.warning ? "warning" : "error"},
                                 {"exit_code", int(problem.code)}});
  return array;
}

const json::Value *Fields::find(StringRef key) {
  asked.insert(key.str());
  return object.get(key);
}

const json::Value *Fields::need(StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    bad(key, "is missing");
  return value;
}

std::optional<int64_t> Fields::integer(StringRef key, int64_t low, int64_t high, bool required) {
  const json::Value *value = required ? need(key) : find(key);
  if (!value)
    return std::nullopt;
  std::optional<int64_t> number = value->getAsInteger();
  if (!number || *number < low || *number > high) {
    bad(key, "expected an integer from " + Twine(low) + " to " + Twine(high));
    return std::nullopt;
  }
  return number;
}

std::optional<double> Fields::number(StringRef key, bool required) {
  const json::Value *value = required ? need(key) : find(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number = value->getAsNumber();
  if (!number || !std::isfinite(*number)) {
    bad(key, "expected a number");
    return std::nullopt;
  }
  return number;
}

std::optional<std::string> Fields::string(StringRef key, bool required) {
  const json::Value *value = required ? need(key) : find(key);
  if (!value)
    return std::nullopt;
  std::optional<StringRef> text = value->getAsString();
  if (!text || text->contains('\0')) {
    bad(key, "expected a text");
    return std::nullopt;
  }
  return text->str();
}

std::optional<bool> Fields::boolean(StringRef key) {
  const json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->getAsBoolean())
    bad(key, "expected true or false");
  return value->getAsBoolean();
}

std::optional<unsigned> Fields::choice(StringRef key, ArrayRef<StringRef> names, bool required) {
  std::optional<std::string> text = string(key, required);
  if (!text)
    return std::nullopt;
  auto it = llvm::find(names, *text);
  if (it != names.end())
    return unsigned(it - names.begin());
  bad(key, "'" + *text + "' is none of " + join(names, ", "));
  return std::nullopt;
}

std::vector<std::string> keysOf(const json::Object &object) {
  std::vector<std::string> keys;
  for (const auto &entry : object)
    keys.push_back(StringRef(entry.first).str());
  llvm::sort(keys); // the order of a hash table says nothing
  return keys;
}

void Fields::ignoreAll() {
  for (const std::string &key : keysOf(object))
    ignore(key);
}

void Fields::finish() {
  for (const std::string &key : keysOf(object)) {
    if (asked.count(key) || informative.count(key))
      continue;
    unsigned most = key.size() > 5 ? 2 : key.size() > 3 ? 1 : 0;
    auto near = llvm::find_if(asked, [&](const std::string &known) {
      return most && !object.get(known) && StringRef(known).edit_distance(key, true, most) <= most;
    });
    if (near != asked.end())
      bad(key, "unknown key; is '" + *near + "' meant?");
    else
      problems.warn(at(key), "unknown key, ignored");
  }
}

namespace {

/// The JSON parser recurses: brackets nested deeper than any launch file has them are refused first.
bool tooDeep(StringRef text) {
  int depth = 0;
  bool inText = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inText) {
      i += c == '\\';
      inText = c != '"';
    } else if (c == '"') {
      inText = true;
    } else if (c == '[' || c == '{') {
      if (++depth > 64)
        return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

} // namespace

std::optional<json::Object> parseLaunchText(StringRef text, LaunchProblems &problems) {
  if (tooDeep(text)) {
    problems.add("", "brackets are nested deeper than 64");
    return std::nullopt;
  }
  Expected<json::Value> value = json::parse(text);
  if (!value) {
    problems.add("", "is not JSON: " + toString(value.takeError()));
    return std::nullopt;
  }
  json::Object *object = value->getAsObject();
  if (!object) {
    problems.add("", "expected an object");
    return std::nullopt;
  }
  return std::move(*object);
}

} // namespace cameo::tool
