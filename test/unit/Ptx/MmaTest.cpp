// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync in all shapes and types: random matrices, their fragments by the ISA's formulas (element by element,
// "row = groupID for ai where ...", one function for each section), the product in 64-bit integers. Values are
// small integers, so that every order of summation gives the same.
#include "MatrixBits.h"

namespace cameo::ptx::test {
namespace {

struct Place {
  int row, column;
};
using Map = Place (*)(int group, int thread, int i, int bits);

// Elements of a 32-bit register: n = 32 / bits. In every section of the ISA the column of A is
// thread * n + (i mod n), and 4 * n more in the upper half of the elements.
Place placeA16(int group, int thread, int i, int bits) {
  int n = 32 / bits, r = i / n;
  return {r % 2 == 0 ? group : group + 8, thread * n + i % n + (r / 2) * 4 * n};
}
Place placeA8(int group, int thread, int i, int bits) {
  int n = 32 / bits;
  return {group, thread * n + i % n + i / n * 4 * n};
}
Place placeB(int group, int thread, int i, int bits) {
  int n = 32 / bits;
  return {thread * n + i % n + i / n * 4 * n, group};
}
Place placeC16(int group, int thread, int i, int) {
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}
Place placeC8(int group, int thread, int i, int) { return {group, thread * 2 + (i & 1)}; }

struct Kind {
  const char *name;
  int bits;
  int least, most;
};
const Kind f16{"f16", 16, -4, 4}, bf16{"bf16", 16, -4, 4}, tf32{"tf32", 32, -9, 9}, f64{"f64", 64, -9, 9},
    s8{"s8", 8, -128, 127}, u8{"u8", 8, 0, 255}, s4{"s4", 4, -8, 7}, u4{"u4", 4, 0, 15}, b1{"b1", 1, 0, 1},
    e4m3{"e4m3", 8, -4, 4}, e5m2{"e5m2", 8, -4, 4};

using Matrix = std::vector<std::vector<int>>;
Matrix randomMatrix(int rows, int columns, const Kind &kind, std::mt19937 &random) {
  Matrix m(size_t(rows), std::vector<int>(size_t(columns), 0));
  for (auto &row : m)
    for (int &v : row)
      v = kind.least + int(random() % unsigned(kind.most - kind.least + 1));
  return m;
}

/// Registers [register][lane] as 32-bit words, two for an f64.
std::vector<uint32_t> scatter(const Matrix &m, const std::string &kind, int bits, Map map) {
  int elements = int(m.size() * m[0].size()) / 32, words = bits == 64 ? 2 : 1, n = bits == 64 ? 1 : 32 / bits;
  std::vector<uint32_t> r(size_t(elements / n * 32 * words), 0);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < elements; ++i) {
      Place p = map(lane >> 2, lane % 4, i, bits == 64 ? 32 : bits);
      uint64_t v = encode(kind, m[size_t(p.row)][size_t(p.column)]);
      v &= bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
      size_t at = size_t((i / n * 32 + lane) * words);
      r[at] |= uint32_t(v << (bits == 64 ? 0 : bits * (i % n)));
      if (words == 2)
        r[at + 1] = uint32_t(v >> 32);
    }
  return r;
}

/// One warp; registers of `width` bytes from buffers [register][lane]. `extra`: the metadata's buffer.
std::vector<uint32_t> runOne(const std::string &instruction, const std::vector<uint32_t> &a,
                             const std::vector<uint32_t> &b, const std::vector<uint32_t> &c, int widthAB,
                             int widthC, size_t countD, const std::vector<uint32_t> &extra, const std::string &tail) {
  std::string text = header;
  auto reg = [](int width) { return std::string(width == 8 ? ".b64" : ".b32"); };
  text += ".visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd, .param .u64 pe)\n{\n"
          ".reg " + reg(widthAB) + " %a<8>, %b<8>;\n.reg " + reg(widthC) + " %c<8>, %d<8>;\n.reg .b32 %t, %e;\n"
          ".reg .b64 %at, %off;\nmov.u32 %t, %tid.x;\n";
  auto list = [](char name, size_t count) {
    std::string s = "{";
    for (size_t r = 0; r < count; ++r)
      s += std::string(r ? ", %" : "%") + name + std::to_string(r);
    return s + "}";
  };
  auto access = [&](const std::string &param, char name, size_t count, int width, bool store) {
    text += "ld.param.u64 %at, [" + param + "];\nmul.wide.u32 %off, %t, " + std::to_string(width) +
            ";\nadd.s64 %at, %at, %off;\n";
    for (size_t r = 0; r < count; ++r) {
      std::string at = "[%at+" + std::to_string(32 * width * int(r)) + "]";
      std::string value = name == 'e' ? "%e" : std::string("%") + name + std::to_string(r);
      text += store ? "st.global" + reg(width) + " " + at + ", " + value + ";\n"
                    : "ld.global" + reg(width) + " " + value + ", " + at + ";\n";
    }
  };
  size_t countA = a.size() * 4 / 32 / size_t(widthAB), countB = b.size() * 4 / 32 / size_t(widthAB);
  size_t countC = c.size() * 4 / 32 / size_t(widthC);
  access("pa", 'a', countA, widthAB, false);
  access("pb", 'b', countB, widthAB, false);
  access("pc", 'c', countC, widthC, false);
  if (!extra.empty())
    access("pe", 'e', 1, 4, false);
  text += instruction + " " + list('d', countD) + ", " + list('a', countA) + ", " + list('b', countB) + ", " +
          list('c', countC) + tail + ";\n";
  access("pd", 'd', countD, widthC, true);
  Module module(text + "ret;\n}\n");
  EXPECT_TRUE(module) << module.errors();
  std::vector<uint32_t> d(countD * 32 * size_t(widthC) / 4);
  if (!module)
    return d;
  Memory memory;
  uint64_t pd = memory.alloc(d.size() * 4, "d");
  Arguments arguments;
  arguments.add(memory.upload(a, "a")).add(memory.upload(b, "b")).add(memory.upload(c, "c")).add(pd);
  arguments.add(memory.upload(extra.empty() ? std::vector<uint32_t>(1) : extra, "e"));
  Result result = run(module, "k", memory, launchOf(1, 32, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << instruction << result.text();
  return memory.download<uint32_t>(pd, d.size());
}

struct Case {
  int m, k;
  Kind a, b;
  const char *accumulator;
  bool saturates = false;
  const char *counted = nullptr; ///< "xor" or "and"
};

/// The value of an element of D, from its registers.
double resultOf(const std::vector<uint32_t> &d, const std::string &type, int lane, int i) {
  if (type == "f16")
    return double(bitsAs<_Float16>(uint16_t(d[size_t(i / 2 * 32 + lane)] >> (16 * (i & 1)))));
  size_t at = size_t(i * 32 + lane);
  if (type == "f64")
    return bitsAs<double>(uint64_t(d[2 * at + 1]) << 32 | d[2 * at]);
  return type == "f32" ? double(bitsAs<float>(d[at])) : double(int32_t(d[at]));
}

double wanted(const Case &t, int64_t exact) {
  if (t.saturates)
    return double(std::min<int64_t>(std::max<int64_t>(exact, INT32_MIN), INT32_MAX));
  if (std::string(t.accumulator) == "s32")
    return double(int32_t(uint32_t(uint64_t(exact))));
  return double(exact);
}

void checkDense(const Case &t, std::mt19937 &random) {
  Matrix a = randomMatrix(t.m, t.k, t.a, random), b = randomMatrix(t.k, 8, t.b, random);
  std::string type = t.accumulator;
  Kind cKind{t.accumulator, type == "f16" ? 16 : type == "f64" ? 64 : 32, -50, 50};
  if (t.saturates)
    cKind.least = cKind.most = random() & 1 ? INT32_MAX - 9 : INT32_MIN + 9;
  Matrix c = cKind.least == cKind.most ? Matrix(size_t(t.m), std::vector<int>(8, cKind.most))
                                       : randomMatrix(t.m, 8, cKind, random);
  Map mapC = t.m == 16 ? placeC16 : placeC8;
  // A fragment of f32, s32 or f64 has one element in a register: its places do not depend on bits.
  auto fragmentA = scatter(a, t.a.name, t.a.bits, t.m == 16 ? placeA16 : placeA8);
  auto fragmentB = scatter(b, t.b.name, t.b.bits, placeB);
  auto fragmentC = scatter(c, t.accumulator, cKind.bits, mapC);
  std::string text = "mma.sync.aligned.m" + std::to_string(t.m) + "n8k" + std::to_string(t.k) + ".row.col" +
                     (t.saturates ? ".satfinite." : ".") + type + "." + t.a.name + "." + t.b.name + "." + type +
                     (t.counted ? std::string(".") + t.counted + ".popc" : "");
  int widthC = type == "f64" ? 8 : 4;
  auto d = runOne(text, fragmentA, fragmentB, fragmentC, t.a.bits == 64 ? 8 : 4, widthC,
                  fragmentC.size() * 4 / 32 / size_t(widthC), {}, "");
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < t.m / 4; ++i) {
      Place p = mapC(lane >> 2, lane % 4, i, 32);
      int64_t sum = c[size_t(p.row)][size_t(p.column)];
      for (int k = 0; k < t.k; ++k) {
        int64_t x = a[size_t(p.row)][size_t(k)], y = b[size_t(k)][size_t(p.column)];
        sum += t.counted ? (t.counted[0] == 'x' ? x ^ y : x & y) : x * y;
      }
      ASSERT_EQ(resultOf(d, type, lane, i), wanted(t, sum)) << text << " lane " << lane << " element " << i;
    }
}

TEST(MmaShapes, FloatingPoint) {
  std::mt19937 random(1);
  for (const Case &t : {Case{16, 8, f16, f16, "f32"}, Case{16, 16, f16, f16, "f32"}, Case{16, 8, f16, f16, "f16"},
                        Case{16, 16, f16, f16, "f16"}, Case{16, 8, bf16, bf16, "f32"},
                        Case{16, 16, bf16, bf16, "f32"}, Case{16, 4, tf32, tf32, "f32"},
                        Case{16, 8, tf32, tf32, "f32"}, Case{8, 4, f64, f64, "f64"}, Case{16, 4, f64, f64, "f64"},
                        Case{16, 8, f64, f64, "f64"}, Case{16, 16, f64, f64, "f64"}})
    for (int repeat = 0; repeat < 3; ++repeat)
      checkDense(t, random);
  for (const Kind &a : {e4m3, e5m2})
    for (const Kind &b : {e4m3, e5m2})
      for (const char *type : {"f32", "f16"})
        for (int k : {16, 32})
          checkDense({16, k, a, b, type}, random);
}

TEST(MmaShapes, IntegersAndBits) {
  std::mt19937 random(2);
  for (bool saturates : {false, true})
    for (int repeat = 0; repeat < 2; ++repeat) {
      for (const Kind &a : {s8, u8})
        for (const Kind &b : {s8, u8})
          for (auto [m, k] : {std::pair(8, 16), std::pair(16, 16), std::pair(16, 32)})
            checkDense({m, k, a, b, "s32", saturates}, random);
      for (const Kind &a : {s4, u4})
        for (const Kind &b : {s4, u4})
          for (auto [m, k] : {std::pair(8, 32), std::pair(16, 32), std::pair(16, 64)})
            checkDense({m, k, a, b, "s32", saturates}, random);
    }
  for (const char *counted : {"xor", "and"})
    for (auto [m, k] : {std::pair(8, 128), std::pair(16, 128), std::pair(16, 256)})
      checkDense({m, k, b1, b1, "s32", false, counted}, random);
}

// -- sparse: A is stored without its zeros, the metadata says where they were ---------------------

/// The metadata words, by the ISA's figures: 16-bit and tf32 values have rows g and g + 8 in the halves of a
/// word; smaller ones have a word for each row, in neighbouring lanes.
std::vector<uint32_t> metadataOf(const std::vector<uint64_t> &rowBits, int bitsPerRow, bool wide, int selector) {
  std::vector<uint32_t> e(32, 0xdeadbeef);
  for (int row = 0; row < 16; ++row) {
    int lane = row % 8 * 4, upper = row / 8;
    if (wide)
      for (int chunk = 0; chunk < bitsPerRow / 16; ++chunk) {
        uint32_t &word = e[size_t(lane + selector * (bitsPerRow / 16) + chunk)];
        uint32_t part = rowBits[size_t(row)] >> (16 * chunk) & 0xffff;
        word = upper ? (word & 0xffff) | part << 16 : (word & 0xffff0000u) | part;
      }
    else
      for (int chunk = 0; chunk < bitsPerRow / 32; ++chunk)
        e[size_t(lane + selector * 2 + chunk * 2 + upper)] = uint32_t(rowBits[size_t(row)] >> (32 * chunk));
  }
  return e;
}

void checkSparse(const Case &t, int selector, bool ordered, std::mt19937 &random) {
  Matrix full(16, std::vector<int>(size_t(t.k), 0)), packed(16);
  std::vector<uint64_t> bits(16, 0);
  int group = t.a.bits == 32 ? 2 : t.a.bits == 4 ? 8 : 4;
  for (int row = 0; row < 16; ++row)
    for (int g = 0; g < t.k / group; ++g) {
      int first = int(random() % 3), second = first + 1 + int(random() % unsigned(3 - first));
      if (group == 2) // one of two: the halves of an element go together
        first = random() & 1 ? 2 : 0, second = first + 1;
      bits[size_t(row)] |= uint64_t(first | second << 2) << (4 * g);
      for (int which : {first, second}) {
        int from = group == 8 ? which * 2 : which, count = group == 8 ? 2 : 1;
        if (group == 2) {
          if (which == second)
            continue;
          from = first / 2;
        }
        for (int i = 0; i < count; ++i) {
          int v = t.a.least + int(random() % unsigned(t.a.most - t.a.least + 1));
          full[size_t(row)][size_t(g * group + from + i)] = v;
          packed[size_t(row)].push_back(v);
        }
      }
    }
  Matrix b = randomMatrix(t.k, 8, t.b, random);
  std::string type = t.accumulator;
  Kind cKind{t.accumulator, type == "f16" ? 16 : 32, -50, 50};
  Matrix c = randomMatrix(16, 8, cKind, random);
  auto fragmentC = scatter(c, type, cKind.bits, placeC16);
  std::string text = std::string("mma.sp") + (ordered ? "::ordered_metadata" : "") + ".sync.aligned.m16n8k" +
                     std::to_string(t.k) + ".row.col." + type + "." + t.a.name + "." + t.b.name + "." + type;
  auto e = metadataOf(bits, t.k / group * 4, t.a.bits >= 16, selector);
  auto d = runOne(text, scatter(packed, t.a.name, t.a.bits, placeA16), scatter(b, t.b.name, t.b.bits, placeB),
                  fragmentC, 4, 4, fragmentC.size() / 32, e, ", %e, " + std::to_string(selector));
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      Place p = placeC16(lane >> 2, lane % 4, i, 32);
      int64_t sum = c[size_t(p.row)][size_t(p.column)];
      for (int k = 0; k < t.k; ++k)
        sum += int64_t(full[size_t(p.row)][size_t(k)]) * b[size_t(k)][size_t(p.column)];
      ASSERT_EQ(resultOf(d, type, lane, i), wanted(t, sum)) << text << " selector " << selector << " lane " << lane;
    }
}

TEST(MmaShapes, Sparse) {
  std::mt19937 random(3);
  struct Row {
    Case t;
    int selectors;
  };
  const Row rows[] = {
      {{16, 16, f16, f16, "f32"}, 4},  {{16, 32, f16, f16, "f32"}, 2},   {{16, 16, f16, f16, "f16"}, 4},
      {{16, 32, f16, f16, "f16"}, 2},  {{16, 16, bf16, bf16, "f32"}, 4}, {{16, 32, bf16, bf16, "f32"}, 2},
      {{16, 8, tf32, tf32, "f32"}, 4}, {{16, 16, tf32, tf32, "f32"}, 2}, {{16, 32, s8, u8, "s32"}, 2},
      {{16, 64, u8, s8, "s32"}, 1},    {{16, 64, s4, u4, "s32"}, 2},     {{16, 128, u4, s4, "s32"}, 1},
      {{16, 64, e4m3, e5m2, "f32"}, 1}, {{16, 64, e5m2, e4m3, "f32"}, 1}};
  for (const Row &row : rows)
    for (int selector = 0; selector < row.selectors; ++selector)
      for (bool ordered : {false, true})
        checkSparse(row.t, selector, ordered, random);
}

// -- Volta: four products, quads of lanes q and q + 4 of eight ------------------------------------

TEST(MmaShapes, VoltaQuadPairs) {
  std::mt19937 random(4);
  for (int form = 0; form < 16; ++form) {
    bool rowA = form & 1, rowB = form & 2, wideD = form & 4, wideC = form & 8;
    Matrix a[4], b[4], c[4];
    std::vector<uint32_t> ra(64, 0), rb(64, 0), rc(wideC ? 256 : 128, 0);
    for (int q = 0; q < 4; ++q)
      a[q] = randomMatrix(8, 4, f16, random), b[q] = randomMatrix(4, 8, f16, random), c[q] = randomMatrix(8, 8, f16, random);
    auto placeC = [](int lane, int i, bool wide) -> Place {
      int x = (lane & 1) + (i & 2);
      return wide ? Place{lane < 16 ? x : x + 4, (i & 4) + (lane & 2) + (i & 1)}
                  : Place{lane < 16 ? lane % 4 : lane % 4 + 4, i};
    };
    for (int lane = 0; lane < 32; ++lane) {
      int q = lane / 4 % 4, low = lane % 4, more = lane < 16 ? 0 : 4;
      for (int i = 0; i < 4; ++i) {
        int va = rowA ? a[q][size_t(low + more)][size_t(i)] : a[q][size_t(i % 4 + more)][size_t(low)];
        int vb = rowB ? b[q][size_t(low)][size_t(i + more)] : b[q][size_t(i)][size_t(low + more)];
        ra[size_t(i / 2 * 32 + lane)] |= uint32_t(encode("f16", va)) << (16 * (i & 1));
        rb[size_t(i / 2 * 32 + lane)] |= uint32_t(encode("f16", vb)) << (16 * (i & 1));
      }
      for (int i = 0; i < 8; ++i) {
        Place p = placeC(lane, i, wideC);
        int v = c[q][size_t(p.row)][size_t(p.column)];
        if (wideC)
          rc[size_t(i * 32 + lane)] = uint32_t(encode("f32", v));
        else
          rc[size_t(i / 2 * 32 + lane)] |= uint32_t(encode("f16", v)) << (16 * (i & 1));
      }
    }
    std::string text = std::string("mma.sync.aligned.m8n8k4.") + (rowA ? "row." : "col.") + (rowB ? "row" : "col") +
                       (wideD ? ".f32" : ".f16") + ".f16.f16" + (wideC ? ".f32" : ".f16");
    auto d = runOne(text, ra, rb, rc, 4, 4, wideD ? 8 : 4, {}, "");
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 8; ++i) {
        int q = lane / 4 % 4;
        Place p = placeC(lane, i, wideD);
        int sum = c[q][size_t(p.row)][size_t(p.column)];
        for (int k = 0; k < 4; ++k)
          sum += a[q][size_t(p.row)][size_t(k)] * b[q][size_t(k)][size_t(p.column)];
        ASSERT_EQ(resultOf(d, wideD ? "f32" : "f16", lane, i), sum) << text << " lane " << lane;
      }
  }
}

TEST(MmaShapes, RefusesWhatTheIsaLacks) {
  auto refused = [](const std::string &line, const char *part) {
    Module module(std::string(header) + ".visible .entry k()\n{\n.reg .b32 %r<40>;\n" + line + "\nret;\n}\n");
    EXPECT_FALSE(module) << line;
    EXPECT_NE(module.errors().find(part), std::string::npos) << module.errors();
  };
  refused("mma.sync.aligned.m16n8k8.row.row.f32.f16.f16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5}, {%r6}, {%r0,%r1,%r2,%r3};",
          "is not implemented");
  refused("mma.sync.aligned.m16n8k8.row.col.f32.bf16.f16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5}, {%r6}, {%r0,%r1,%r2,%r3};",
          "is not implemented");
  refused("mma.sp.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, "
          "{%r8,%r9,%r10,%r11}, {%r0,%r1,%r2,%r3}, %r12, 2;", "has to be a number below 2");
  refused("mma.sync.aligned.m16n8k8.row.col.satfinite.f32.f16.f16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5}, {%r6}, "
          "{%r0,%r1,%r2,%r3};", "is not implemented");
}

} // namespace
} // namespace cameo::ptx::test
