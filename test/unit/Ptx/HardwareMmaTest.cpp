// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The numerics of tensor cores (CAMEO_PTX_MMA_HARDWARE), against the published description computed
// in doubles: significands and exponents by frexp, cut off below the greatest exponent, added, and
// cut off or rounded once more. For wgmma of sm_90 and mma.sync of sm_80, sm_89 and sm_90.
#include "WgmmaHarness.h"

namespace cameo::ptx::test {
namespace {

struct Model {
  int fraction, resultBits, step;
  bool half;
};

struct Significand {
  double value;
  int exponent;
};
Significand split(double v, int least) {
  int e;
  double s = std::frexp(v, &e) * 2;
  e -= 1;
  if (v == 0)
    return {0, -126};
  return e < least ? Significand{std::ldexp(s, e - least), least} : Significand{s, e};
}

double addStep(const std::vector<double> &a, const std::vector<double> &b, double c, Model m, int least) {
  std::vector<Significand> terms{split(c, m.half ? -14 : -126)};
  for (size_t i = 0; i < a.size(); ++i) {
    Significand x = split(a[i], least), y = split(b[i], least);
    terms.push_back({x.value * y.value, x.exponent + y.exponent});
  }
  int most = -10000;
  for (Significand t : terms)
    most = std::max(most, t.exponent);
  double sum = 0;
  for (Significand t : terms)
    sum += std::trunc(std::ldexp(t.value, m.fraction + t.exponent - most));
  Significand r = split(std::ldexp(sum, most - m.fraction), m.half ? -14 : -126);
  double scaled = std::ldexp(r.value, m.half ? 10 : m.resultBits);
  return std::ldexp(m.half ? std::nearbyint(scaled) : std::trunc(scaled), r.exponent - (m.half ? 10 : m.resultBits));
}

double addAll(const std::vector<double> &a, const std::vector<double> &b, double c, Model m, int least) {
  for (size_t i = 0; i < a.size(); i += size_t(m.step)) {
    size_t end = std::min(a.size(), i + size_t(m.step));
    c = addStep({a.begin() + long(i), a.begin() + long(end)}, {b.begin() + long(i), b.begin() + long(end)}, c, m, least);
  }
  return c;
}

/// A random finite value of a format, its bits beside it.
double drawValue(const std::string &type, std::mt19937 &random, uint64_t &bits) {
  int mantissa = type == "f16" ? 10 : type == "e4m3" ? 3 : type == "e5m2" ? 2 : type == "bf16" ? 7 : 23;
  int width = type == "f16" || type == "e5m2" ? 5 : type == "e4m3" ? 4 : 8, bias = (1 << (width - 1)) - 1;
  int reach = std::min(bias - 2, 9);
  int exponent = random() % 16 == 0 && type != "f32" && type != "bf16" ? 0 : bias - reach + int(random() % unsigned(2 * reach));
  uint64_t fraction = random() & ((1u << mantissa) - 1);
  bool negative = random() & 1;
  bits = uint64_t(negative) << (mantissa + width) | uint64_t(exponent) << mantissa | fraction;
  double v = exponent ? std::ldexp(double(fraction | 1u << mantissa), exponent - bias - mantissa)
                      : std::ldexp(double(fraction), 1 - bias - mantissa);
  return negative ? -v : v;
}

double valueOfF16(uint64_t bits) {
  int e = int(bits >> 10 & 31);
  double v = e ? std::ldexp(double((bits & 1023) | 1024), e - 25) : std::ldexp(double(bits & 1023), -24);
  return bits >> 15 ? -v : v;
}

TEST(HardwareMma, Wgmma) {
  struct Row {
    const char *a, *d;
    Model model;
    int least;
  };
  std::mt19937 random(3);
  int different = 0;
  for (Row row : {Row{"f16", "f32", {25, 23, 64, false}, -14}, Row{"f16", "f16", {25, 23, 64, true}, -14},
                  Row{"bf16", "f32", {25, 23, 64, false}, -126}, Row{"e4m3", "f32", {13, 13, 64, false}, -6},
                  Row{"e5m2", "f32", {13, 13, 64, false}, -14}, Row{"e5m2", "f16", {13, 13, 64, true}, -14}}) {
    WgmmaCase c;
    c.a = c.b = row.a, c.d = row.d, c.n = 16;
    WgmmaData data;
    std::vector<double> line(c.k());
    std::vector<std::vector<double>> a(64, line), b(16, line);
    uint64_t bits;
    for (uint32_t r = 0; r < 64; ++r)
      for (uint32_t k = 0; k < c.k(); ++k) {
        a[r][k] = drawValue(row.a, random, bits);
        place(data.a, c.layoutA, r, k, c.bits(), 32, c.k(), bits);
        b[r % 16][k] = r < 16 ? drawValue(row.a, random, bits) : b[r % 16][k];
        if (r < 16)
          place(data.b, c.layoutB, r, k, c.bits(), 32, c.k(), bits);
      }
    std::vector<double> start(128 * 8);
    for (int t = 0; t < 128; ++t)
      for (int i = 0; i < 8; ++i) {
        start[size_t(t * 8 + i)] = drawValue(row.d, random, bits);
        setAccumulator(data.c, row.d, t, i, bits);
      }
    WgmmaRun ieee = runWgmma(c, wgmmaBody(c), data), run = runWgmma(c, wgmmaBody(c), data, {}, CAMEO_PTX_MMA_HARDWARE);
    ASSERT_TRUE(run.kinds.empty()) << run.text;
    for (int t = 0; t < 128; ++t)
      for (int i = 0; i < 8; ++i) {
        double want = addAll(a[size_t(rowOfD(t, i))], b[size_t(columnOfD(t, i))], start[size_t(t * 8 + i)], row.model, row.least);
        uint64_t got = accumulator(run.d, row.d, t, i);
        double value = row.model.half ? valueOfF16(got) : double(bitsAs<float>(uint32_t(got)));
        if (row.model.half && std::fabs(want) >= 65520)
          continue;
        ASSERT_EQ(value, want) << row.a << " " << row.d << " " << t << " " << i;
        different += got != accumulator(ieee.d, row.d, t, i);
      }
  }
  EXPECT_GT(different, 100); // the mode does something
}

/// m16n8k16 of f16, m16n8k32 of e4m3: fragments as of 16 rows and eight columns.
TEST(HardwareMma, MmaSync) {
  struct Row {
    const char *target, *type, *shape;
    Model model;
    int least, bits, k;
  };
  for (Row row : {Row{"sm_75", "f16", "m16n8k8", {24, 23, 64, false}, -14, 16, 8},
                  Row{"sm_80", "f16", "m16n8k16", {24, 23, 8, false}, -14, 16, 16},
                  Row{"sm_90", "f16", "m16n8k16", {25, 23, 64, false}, -14, 16, 16},
                  Row{"sm_80", "bf16", "m16n8k16", {24, 23, 8, false}, -126, 16, 16},
                  Row{"sm_89", "e4m3", "m16n8k32", {13, 13, 16, false}, -6, 8, 32},
                  Row{"sm_90", "e4m3", "m16n8k32", {25, 23, 64, false}, -6, 8, 32}}) {
    int per = 32 / row.bits, countA = row.k / (4 * per) * 2, countB = countA / 2;
    std::mt19937 random(9);
    std::vector<uint32_t> regs(size_t(countA + countB + 4) * 32, 0);
    std::vector<double> line(size_t(row.k), 0.0);
    std::vector<std::vector<double>> a(16, line), b(8, line), c(16, std::vector<double>(8));
    uint64_t bits;
    for (int l = 0; l < 32; ++l) {
      for (int r = 0; r < countA + countB; ++r)
        for (int i = 0; i < per; ++i) {
          double v = drawValue(row.type, random, bits);
          bool isA = r < countA;
          int block = isA ? r / 2 : r - countA;
          (isA ? a[size_t(l / 4 + 8 * (r % 2))] : b[size_t(l / 4)])[size_t(block * 4 * per + l % 4 * per + i)] = v;
          regs[size_t(r * 32 + l)] |= uint32_t(bits << (row.bits * i));
        }
      for (int i = 0; i < 4; ++i) {
        c[size_t(l / 4 + i / 2 * 8)][size_t(l % 4 * 2 + i % 2)] = drawValue("f32", random, bits);
        regs[size_t((countA + countB + i) * 32 + l)] = uint32_t(bits);
      }
    }
    std::string text = std::string(".version 8.4\n.target ") + row.target +
                       "\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n.reg .b32 %a<4>, %b<2>, %c<4>, %t;\n"
                       ".reg .b64 %at, %off;\nmov.u32 %t, %tid.x;\nld.param.u64 %at, [p];\nmul.wide.u32 %off, %t, 4;\n"
                       "add.s64 %at, %at, %off;\n";
    int at = 0;
    auto load = [&](char name, int count) {
      for (int i = 0; i < count; ++i, ++at)
        text += std::string("ld.global.b32 %") + name + std::to_string(i) + ", [%at+" + std::to_string(128 * at) + "];\n";
    };
    load('a', countA), load('b', countB), load('c', 4);
    text += std::string("mma.sync.aligned.") + row.shape + ".row.col.f32." + row.type + "." + row.type + ".f32 {%c0, %c1, %c2, %c3}, " +
            registerList("a", countA) + ", " + (countB == 1 ? "{%b0}" : registerList("b", countB)) + ", {%c0, %c1, %c2, %c3};\n";
    for (int i = 0; i < 4; ++i)
      text += "st.global.b32 [%at+" + std::to_string(128 * i) + "], %c" + std::to_string(i) + ";\n";
    Module module(text + "ret;\n}\n");
    ASSERT_TRUE(bool(module)) << module.errors();
    Memory memory;
    uint64_t p = memory.upload(regs, "registers");
    Arguments arguments;
    arguments.add(p);
    cameo_ptx_launch launch = launchOf(1, 32, arguments);
    launch.mma = CAMEO_PTX_MMA_HARDWARE;
    Result result = run(module, "k", memory, launch);
    ASSERT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
    auto out = memory.download<uint32_t>(p, 128);
    for (int l = 0; l < 32; ++l)
      for (int i = 0; i < 4; ++i) {
        size_t r = size_t(l / 4 + i / 2 * 8), n = size_t(l % 4 * 2 + i % 2);
        ASSERT_EQ(double(bitsAs<float>(out[size_t(i * 32 + l)])), addAll(a[r], b[n], c[r][n], row.model, row.least))
            << row.target << " " << row.type << " " << l << " " << i;
      }
  }
}

} // namespace
} // namespace cameo::ptx::test
