// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Findings as text (compilers' style, with the remedy as a note) and as JSON.
#include "Findings.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace cameo::ptx {
namespace {

struct KindRow {
  int exitCode;
  const char *name;
};

constexpr KindRow kinds[] = {
    {0, "none"},           {20, "out-of-bounds"},  {20, "misaligned"},
    {20, "uninitialised"}, {20, "uninitialised-register"}, {20, "read-only"},
    {20, "use-after-free"}, {20, "null"},          {21, "race"},
    {22, "async-in-flight"}, {22, "async-left"},   {23, "barrier"},
    {24, "divergence"},    {25, "deadlock"},       {20, "trap"},
    {20, "launch"},        {20, "stack"},
    {23, "mbarrier"},      {21, "proxy"},          {22, "async-source"},
    {22, "tensor-map"},    {22, "matrix-descriptor"}};

} // namespace

std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string triple(const uint32_t (&v)[3]) {
  return std::to_string(v[0]) + "," + std::to_string(v[1]) + "," + std::to_string(v[2]);
}

int exitCodeOf(FindingKind kind) { return kinds[static_cast<uint32_t>(kind)].exitCode; }
const char *nameOf(FindingKind kind) { return kinds[static_cast<uint32_t>(kind)].name; }

bool FindingSink::known(FindingKind kind, uint32_t line, uint64_t blockIndex, uint32_t otherLine) {
  std::lock_guard<std::mutex> lock(mutex);
  for (Finding &f : findings)
    if (f.kind == kind && f.line == line && f.blockIndex <= blockIndex &&
        (!otherLine || f.other.line == otherLine)) {
      ++f.repeats;
      return true;
    }
  return false;
}

bool FindingSink::add(Finding finding) {
  std::lock_guard<std::mutex> lock(mutex);
  for (Finding &f : findings)
    if (f.kind == finding.kind && f.line == finding.line && f.other.line == finding.other.line) {
      // Host threads come in any order: the earliest block is the one that is told.
      if (finding.blockIndex < f.blockIndex)
        f = std::move(finding);
      return true;
    }
  if (findings.size() < most)
    findings.push_back(std::move(finding));
  return findings.size() < most;
}

std::vector<Finding> FindingSink::take() {
  std::sort(findings.begin(), findings.end(), [](const Finding &a, const Finding &b) {
    return std::tie(a.blockIndex, a.line, a.kind, a.other.line) <
           std::tie(b.blockIndex, b.line, b.kind, b.other.line);
  });
  return std::move(findings);
}

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    unsigned char byte = static_cast<unsigned char>(c);
    char escape[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string textOf(const std::vector<Finding> &findings) {
  std::string out;
  for (const Finding &f : findings) {
    out += f.kernel + ":" + std::to_string(f.line) + ": " + nameOf(f.kind) + ": " + f.message + "\n";
    if (!f.instruction.empty())
      out += "    " + f.instruction + "\n";
    if (!f.location.empty())
      out += "  at " + f.location + "\n";
    out += "  block " + triple(f.block) + " thread " + triple(f.thread);
    if (f.threads > 1)
      out += " and " + std::to_string(f.threads - 1) + " more of its warp";
    if (f.accessBytes)
      out += ", " + std::to_string(f.accessBytes) + " bytes at " + hex(f.address);
    if (!f.object.empty())
      out += ", offset " + std::to_string(f.offset) + " of '" + f.object + "' (" +
             std::to_string(f.objectBytes) + " bytes)";
    out += "\n";
    if (f.other.line)
      out += "  with line " + std::to_string(f.other.line) + ": " + f.other.instruction + "\n";
    if (!f.remedy.empty())
      out += "  remedy: " + f.remedy + "\n";
  }
  return out;
}

std::string jsonOf(const std::vector<Finding> &findings) {
  std::string out = "[";
  for (size_t i = 0; i < findings.size(); ++i) {
    const Finding &f = findings[i];
    out += i ? ", {" : "{";
    out += "\"kind\": " + quoted(nameOf(f.kind));
    out += ", \"exit_code\": " + std::to_string(exitCodeOf(f.kind));
    out += ", \"kernel\": " + quoted(f.kernel) + ", \"line\": " + std::to_string(f.line);
    out += ", \"instruction\": " + quoted(f.instruction);
    out += ", \"location\": " + quoted(f.location);
    out += ", \"block\": [" + triple(f.block) + "], \"thread\": [" + triple(f.thread) + "]";
    out += ", \"threads\": " + std::to_string(f.threads);
    out += ", \"address\": " + quoted(hex(f.address));
    out += ", \"access_bytes\": " + std::to_string(f.accessBytes);
    out += ", \"object\": " + quoted(f.object) + ", \"offset\": " + std::to_string(f.offset);
    out += ", \"object_bytes\": " + std::to_string(f.objectBytes);
    if (f.other.line) {
      out += ", \"other\": {\"line\": " + std::to_string(f.other.line);
      out += ", \"instruction\": " + quoted(f.other.instruction);
      out += ", \"block\": " + std::to_string(f.other.block);
      if (f.other.warp != ~0u)
        out += ", \"warp\": " + std::to_string(f.other.warp);
      out += ", \"lanes\": " + std::to_string(f.other.lanes);
      out += ", \"clock\": " + std::to_string(f.other.clock);
      out += std::string(", \"proxy\": ") + (f.other.async ? "\"async\"" : "\"generic\"") + "}";
      out += ", \"repeats\": " + std::to_string(f.repeats);
    }
    out += ", \"message\": " + quoted(f.message) + ", \"remedy\": " + quoted(f.remedy) + "}";
  }
  return out + "]";
}

} // namespace cameo::ptx
