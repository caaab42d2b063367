// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wmma: matrices in memory, by rows and by columns with padded strides, loaded, multiplied and stored;
// the result against a product of integers. What lies between the rows stays untouched.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

struct Case {
  int m, n, k;
  const char *type;
  const char *accumulator;
  int registersA, registersB, registersC;
  int least, most;
};

int bitsOf(const std::string &type) {
  return type == "f64" ? 64 : type == "f16" || type == "bf16" ? 16 : type == "s8" || type == "u8" ? 8
         : type == "s4" || type == "u4" ? 4 : type == "b1" ? 1 : 32;
}
uint64_t encode(const std::string &type, int v) {
  if (type == "f64")
    return bitsAs<uint64_t>(double(v));
  if (type == "tf32" || type == "f32")
    return bitsAs<uint32_t>(float(v));
  if (type == "bf16")
    return bitsAs<uint32_t>(float(v)) >> 16;
  if (type == "f16")
    return bitsAs<uint16_t>(_Float16(v));
  return uint32_t(v);
}
double decode(const std::string &type, uint64_t bits) {
  if (type == "f64")
    return bitsAs<double>(bits);
  if (type == "f16")
    return double(bitsAs<_Float16>(uint16_t(bits)));
  return type == "f32" ? double(bitsAs<float>(uint32_t(bits))) : double(int32_t(bits));
}

/// A matrix in memory: `stride` elements between rows (or columns).
struct Stored {
  Stored(int rows, int columns, bool byRow, const std::string &type, int padding)
      : byRow(byRow), type(type), stride((byRow ? columns : rows) + padding),
        bytes(size_t((byRow ? rows : columns) * stride * bitsOf(type) / 8), 0) {}
  size_t at(int row, int column) const { return size_t((byRow ? row : column) * stride + (byRow ? column : row)); }
  void set(int row, int column, uint64_t v) {
    int bits = bitsOf(type);
    for (int i = 0; i < bits; ++i) {
      size_t bit = at(row, column) * size_t(bits) + size_t(i);
      bytes[bit / 8] = uint8_t((bytes[bit / 8] & ~(1u << (bit % 8))) | (v >> i & 1) << (bit % 8));
    }
  }
  uint64_t get(const std::vector<uint8_t> &from, int row, int column) const {
    uint64_t v = 0;
    std::memcpy(&v, from.data() + at(row, column) * size_t(bitsOf(type)) / 8, size_t(bitsOf(type)) / 8);
    return v;
  }
  bool byRow;
  std::string type;
  int stride;
  std::vector<uint8_t> bytes;
};

std::string registers(const char *name, int count) {
  std::string s = "{";
  for (int i = 0; i < count; ++i)
    s += std::string(i ? ", %" : "%") + name + std::to_string(i);
  return s + "}";
}

void check(const Case &t, bool rowA, bool rowB, bool rowC, const std::string &operation, const std::string &suffix) {
  std::mt19937 random(9);
  std::string type = t.type, acc = t.accumulator, shape = ".m" + std::to_string(t.m) + "n" + std::to_string(t.n) + "k" + std::to_string(t.k);
  int padding = bitsOf(type) < 8 ? 1024 / bitsOf(type) / 8 : 8;
  Stored a(t.m, t.k, rowA, type, padding), b(t.k, t.n, rowB, type, padding), c(t.m, t.n, rowC, acc, 8), d(t.m, t.n, !rowC, acc, 8);
  std::vector<int> va(size_t(t.m * t.k)), vb(size_t(t.k * t.n)), vc(size_t(t.m * t.n));
  auto fill = [&](std::vector<int> &v, Stored &s, int columns, int least, int most) {
    for (size_t i = 0; i < v.size(); ++i) {
      v[i] = least + int(random() % unsigned(most - least + 1));
      s.set(int(i) / columns, int(i) % columns, encode(s.type, v[i]));
    }
  };
  fill(va, a, t.k, t.least, t.most);
  fill(vb, b, t.n, t.least, t.most);
  fill(vc, c, t.n, -20, 20);
  auto layout = [](bool row) { return std::string(row ? ".row" : ".col"); };
  std::string types = type == "f16" ? "." + acc + "." + acc : "." + acc + "." + type + "." + type + "." + acc;
  std::string reg = bitsOf(type) == 64 ? ".f64" : ".b32", text = header;
  text += ".visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)\n{\n.reg " + reg +
          " %a<9>, %b<9>, %c<9>;\n.reg .b64 %l<4>;\nld.param.u64 %l0, [pa];\nld.param.u64 %l1, [pb];\n"
          "ld.param.u64 %l2, [pc];\nld.param.u64 %l3, [pd];\n";
  auto load = [&](const char *what, int count, bool row, const std::string &of, const char *from, int stride) {
    text += std::string("wmma.load.") + what + ".sync.aligned" + layout(row) + shape + ".global." + of + " " +
            registers(what, count) + ", [" + from + "], " + std::to_string(stride) + ";\n";
  };
  load("a", t.registersA, rowA, type, "%l0", a.stride);
  load("b", t.registersB, rowB, type, "%l1", b.stride);
  load("c", t.registersC, rowC, acc, "%l2", c.stride);
  text += "wmma.mma" + operation + ".sync.aligned" + layout(rowA) + layout(rowB) + shape + types + suffix + " " +
          registers("c", t.registersC) + ", " + registers("a", t.registersA) + ", " + registers("b", t.registersB) +
          ", " + registers("c", t.registersC) + ";\n";
  text += "wmma.store.d.sync.aligned" + layout(!rowC) + shape + ".global." + acc + " [%l3], " +
          registers("c", t.registersC) + ", " + std::to_string(d.stride) + ";\nret;\n}\n";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t pd = memory.alloc(d.bytes.size(), "d");
  Arguments arguments;
  arguments.add(memory.upload(a.bytes, "a")).add(memory.upload(b.bytes, "b")).add(memory.upload(c.bytes, "c")).add(pd);
  Result result = run(module, "k", memory, launchOf(1, 32, arguments));
  ASSERT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  // Nothing but the matrix was written.
  EXPECT_EQ(memory.unwritten(pd, d.bytes.size()), d.bytes.size() - size_t(t.m * t.n * bitsOf(acc) / 8));
  auto got = memory.download<uint8_t>(pd, d.bytes.size());
  for (int row = 0; row < t.m; ++row)
    for (int column = 0; column < t.n; ++column) {
      int64_t sum = vc[size_t(row * t.n + column)];
      for (int k = 0; k < t.k; ++k) {
        int x = va[size_t(row * t.k + k)], y = vb[size_t(k * t.n + column)];
        sum += operation == ".xor.popc" ? x ^ y : operation == ".and.popc" ? x & y : x * y;
      }
      ASSERT_EQ(decode(acc, d.get(got, row, column)), double(sum)) << text << row << "," << column;
    }
}

TEST(Wmma, FloatingPoint) {
  std::vector<Case> cases;
  for (auto [m, n] : {std::pair(16, 16), std::pair(32, 8), std::pair(8, 32)}) {
    cases.push_back({m, n, 16, "f16", "f32", 8, 8, 8, -4, 4});
    cases.push_back({m, n, 16, "f16", "f16", 8, 8, 4, -4, 4});
    cases.push_back({m, n, 16, "bf16", "f32", m / 4, n / 4, 8, -4, 4});
  }
  cases.push_back({16, 16, 8, "tf32", "f32", 4, 4, 8, -9, 9});
  cases.push_back({8, 8, 4, "f64", "f64", 1, 1, 2, -99, 99});
  for (const Case &t : cases)
    for (int layouts = 0; layouts < 8; ++layouts)
      check(t, layouts & 1, layouts & 2, layouts & 4, "", "");
}

TEST(Wmma, IntegersAndBits) {
  for (auto [m, n] : {std::pair(16, 16), std::pair(32, 8), std::pair(8, 32)})
    for (int layouts = 0; layouts < 8; ++layouts) {
      check({m, n, 16, "s8", "s32", m / 8, n / 8, 8, -128, 127}, layouts & 1, layouts & 2, layouts & 4, "", "");
      check({m, n, 16, "u8", "s32", m / 8, n / 8, 8, 0, 255}, layouts & 1, layouts & 2, layouts & 4, "", ".satfinite");
    }
  for (bool rowC : {false, true}) {
    check({8, 8, 32, "s4", "s32", 1, 1, 2, -8, 7}, true, false, rowC, "", "");
    check({8, 8, 32, "u4", "s32", 1, 1, 2, 0, 15}, true, false, rowC, "", ".satfinite");
    check({8, 8, 128, "b1", "s32", 1, 1, 2, 0, 1}, true, false, rowC, ".xor.popc", "");
    check({8, 8, 128, "b1", "s32", 1, 1, 2, 0, 1}, true, false, rowC, ".and.popc", "");
  }
}

TEST(Wmma, RefusesWhatTheIsaLacks) {
  for (const char *line : {"wmma.load.a.sync.aligned.row.m16n16k16.global.tf32 {%r0,%r1,%r2,%r3}, [%l0];",
                           "wmma.load.a.sync.aligned.col.m8n8k32.global.s4 {%r0}, [%l0];",
                           "wmma.mma.sync.aligned.row.col.m16n16k16.f32.bf16.f16.f32 {%r0}, {%r0}, {%r0}, {%r0};"}) {
    Module module(std::string(header) + ".visible .entry k()\n{\n.reg .b32 %r<9>;\n.reg .b64 %l<2>;\n" + line + "\nret;\n}\n");
    EXPECT_FALSE(module) << line;
    EXPECT_NE(module.errors().find("is not implemented"), std::string::npos) << module.errors();
  }
}

} // namespace
} // namespace cameo::ptx::test
