// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// vprintf, which a kernel calls and the driver provides: one pointer to a format, one to the arguments, as C lays
// them out in a structure. What threads print is gathered, in the order in which they came, and comes with the
// result's text. The format is the kernel's: each conversion is taken apart and only what is known reaches the
// host's printf. Refused with a finding: pointers to nothing, formats without an end.
#include "Handlers.h"
#include "ModuleImpl.h"

#include <bit>
#include <cstdio>
#include <cstring>

namespace cameo::ptx {
namespace {

constexpr size_t mostText = 4096;          ///< of one format or string
constexpr size_t mostPrinted = 1u << 20;   ///< as the driver's buffer
constexpr unsigned mostWidth = 512;

/// Bytes at a generic address, global or of the thread's own stack; fewer than `bytes` where the object ends.
size_t readGeneric(Exec &x, unsigned lane, uint64_t address, void *to, size_t bytes) {
  if ((address & windowMask) == localWindow) {
    uint64_t offset = address & ~windowMask, size = x.program->stackLocalBytes;
    if (offset >= size)
      return 0;
    bytes = std::min<size_t>(bytes, size - offset);
    std::memcpy(to, x.warp->local + lane * size + offset, bytes);
    return bytes;
  }
  const Allocation *found = x.launch->memory->find(address);
  if (!found)
    return 0;
  uint64_t offset = address - found->base;
  bytes = std::min<size_t>(bytes, found->bytes - offset);
  std::memcpy(to, found->host + offset, bytes);
  return bytes;
}

class Printer {
public:
  Printer(Exec &x, unsigned lane, uint64_t arguments) : x(x), lane(lane), at(arguments) {}
  std::string text;

  /// False where a pointer leads nowhere.
  bool string(uint64_t address, std::string &to) {
    char buffer[mostText];
    size_t read = readGeneric(x, lane, address, buffer, sizeof buffer);
    const void *end = read ? std::memchr(buffer, 0, read) : nullptr;
    if (end)
      to.assign(buffer, static_cast<size_t>(static_cast<const char *>(end) - buffer));
    return end;
  }

  bool format(const std::string &f) {
    for (size_t i = 0; i < f.size();) {
      if (f[i] != '%') {
        text += f[i++];
      } else if (i + 1 < f.size() && f[i + 1] == '%') {
        text += '%', i += 2;
      } else if (!conversion(f, i)) {
        return false;
      }
    }
    return true;
  }

private:
  template <typename T> bool next(T &value) {
    at = (at + sizeof(T) - 1) & ~uint64_t(sizeof(T) - 1);
    bool whole = readGeneric(x, lane, at, &value, sizeof(T)) == sizeof(T);
    at += sizeof(T);
    return whole;
  }

  /// Digits or '*' from i on.
  bool number(const std::string &f, size_t &i, std::string &spec) {
    int value = 0;
    if (i < f.size() && f[i] == '*') {
      ++i;
      if (!next(value))
        return false;
    } else {
      while (i < f.size() && f[i] >= '0' && f[i] <= '9')
        value = std::min<int>(value * 10 + (f[i++] - '0'), mostWidth);
    }
    value = std::max(-int(mostWidth), std::min(value, int(mostWidth)));
    if (value)
      spec += std::to_string(value);
    return true;
  }

  template <typename T> void print(const std::string &spec, T value) {
    char buffer[2 * mostWidth + 512];
    int length = std::snprintf(buffer, sizeof buffer, spec.c_str(), value);
    if (length > 0)
      text.append(buffer, std::min<size_t>(static_cast<size_t>(length), sizeof buffer - 1));
  }

  bool conversion(const std::string &f, size_t &i) {
    std::string spec = "%";
    for (++i; i < f.size() && std::strchr("-+ #0", f[i]) && f[i]; ++i)
      spec += f[i];
    if (!number(f, i, spec))
      return false;
    if (i < f.size() && f[i] == '.') {
      spec += f[i++];
      if (!number(f, i, spec))
        return false;
    }
    unsigned longs = 0;
    for (; i < f.size() && std::strchr("hlLjzt", f[i]) && f[i]; ++i)
      longs += f[i] != 'h';
    char kind = i < f.size() ? f[i++] : '\0';
    if (kind && std::strchr("diouxXc", kind)) {
      uint32_t narrow = 0;
      uint64_t wide = 0;
      bool isWide = longs && kind != 'c';
      if (isWide ? !next(wide) : !next(narrow))
        return false;
      if (isWide)
        print(spec + "ll" + kind, static_cast<unsigned long long>(wide));
      else
        print(spec + kind, narrow);
      return true;
    }
    if (kind && std::strchr("eEfFgGaA", kind)) {
      double value = 0;
      if (!next(value))
        return false;
      print(spec + kind, value);
      return true;
    }
    if (kind == 'p' || kind == 's') {
      uint64_t pointer = 0;
      std::string pointed;
      if (!next(pointer) || (kind == 's' && !string(pointer, pointed)))
        return false;
      if (kind == 's')
        print(spec + "s", pointed.c_str());
      else
        print("0x%llx", static_cast<unsigned long long>(pointer));
      return true;
    }
    text += spec + (kind ? std::string(1, kind) : "");
    return true;
  }

  Exec &x;
  unsigned lane;
  uint64_t at;
};

/// a, b: where the pointers to format and arguments lie in the frame's local memory; imm: the result, or -1.
void printFormatted(Exec &x, const Op &op) {
  uint64_t stride = x.program->stackLocalBytes;
  auto &launch = static_cast<LaunchInfo &>(*x.launch);
  for (unsigned i = 0; i < lanes; ++i) {
    if (!(x.mask >> i & 1))
      continue;
    uint8_t *frame = x.warp->local + i * stride + x.group->localOffset;
    uint64_t format, arguments;
    std::memcpy(&format, frame + op.a, 8);
    std::memcpy(&arguments, frame + op.b, 8);
    Printer printer(x, i, arguments);
    std::string text;
    if (!printer.string(format, text) || !printer.format(text)) {
      report(x, op, FindingKind::OutOfBounds, 1u << i, format, 1,
             "vprintf is given a format, a string or arguments that are not in memory",
             "pass a string that ends, and as many arguments as it has conversions");
      stopLaunch(x);
    }
    std::lock_guard<std::mutex> lock(launch.printMutex);
    if (launch.printed.size() < mostPrinted)
      launch.printed += printer.text;
    if (op.imm >= 0) {
      uint32_t count = static_cast<uint32_t>(printer.text.size());
      std::memcpy(frame + op.imm, &count, 4);
      uint64_t place = i * stride + x.group->localOffset + static_cast<uint64_t>(op.imm);
      markWritten(x.warp->localShadow, place, 4, true);
    }
  }
}

/// a, b, c: where the pointers to the condition's text and to the file, and the line, lie in the frame's local memory.
void failAssertion(Exec &x, const Op &op) {
  unsigned lane = static_cast<unsigned>(std::countr_zero(x.mask));
  const uint8_t *frame = x.warp->local + lane * uint64_t(x.program->stackLocalBytes) + x.group->localOffset;
  uint64_t message, file;
  uint32_t line;
  std::memcpy(&message, frame + op.a, 8);
  std::memcpy(&file, frame + op.b, 8);
  std::memcpy(&line, frame + op.c, 4);
  Printer read(x, lane, 0);
  std::string condition, where;
  std::string text = "an assertion of the kernel failed";
  if (read.string(message, condition) && read.string(file, where))
    text += ": " + condition + " (" + where + ":" + std::to_string(line) + ")";
  report(x, op, FindingKind::Trap, x.mask, 0, 0, text, "see what leads there");
  stopLaunch(x);
}

} // namespace

void deviceCallRows(HandlerRows &rows) {
  rows.push_back({"call.vprintf", &printFormatted});
  rows.push_back({"call.assertfail", &failAssertion});
}

} // namespace cameo::ptx
