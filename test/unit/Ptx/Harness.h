// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One instruction as a kernel: inputs from buffers into registers %a, %b, %c, the result from %d
// into a buffer, one thread per element. The registers are untyped, of the elements' sizes.
#ifndef CAMEO_TEST_UNIT_PTX_HARNESS_H
#define CAMEO_TEST_UNIT_PTX_HARNESS_H

#include "cameo/Ptx/Machine.h"

#include <cmath>
#include <functional>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <sstream>

namespace cameo::ptx::test {

inline const char *header = ".version 8.0\n.target sm_80\n.address_size 64\n";

template <typename To, typename From> To bitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <typename T> std::string bitType() { return ".b" + std::to_string(8 * sizeof(T)); }

/// `body` computes %d from %a, %b, %c; it may use %p, %q, %r0..%r7, %h0..%h7, %l0..%l7.
template <typename D, typename A, typename B = A, typename C = A>
std::vector<D> evaluate(const std::string &body, const std::vector<A> &a,
                        const std::vector<B> &b = {}, const std::vector<C> &c = {}) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd, "
          ".param .u32 pn)\n{\n"
          ".reg .pred %p, %q, %more;\n.reg .b32 %r<8>, %i, %n, %t;\n.reg .b16 %h<8>;\n"
          ".reg .b64 %l<8>, %at, %off;\n";
  text += ".reg " + bitType<A>() + " %a;\n.reg " + bitType<B>() + " %b;\n.reg " + bitType<C>() +
          " %c;\n.reg " + bitType<D>() + " %d;\n";
  text += "mov.u32 %i, %ctaid.x;\nmov.u32 %t, %tid.x;\nmad.lo.s32 %i, %i, 64, %t;\n"
          "ld.param.u32 %n, [pn];\nsetp.ge.u32 %more, %i, %n;\n@%more ret;\n";
  auto access = [&](const char *param, size_t size) {
    text += std::string("ld.param.u64 %at, [") + param + "];\nmul.wide.u32 %off, %i, " +
            std::to_string(size) + ";\nadd.s64 %at, %at, %off;\n";
  };
  auto load = [&](const char *param, const char *reg, size_t size, bool given) {
    if (!given)
      return;
    access(param, size);
    text += "ld.global.b" + std::to_string(8 * size) + " " + reg + ", [%at];\n";
  };
  load("pa", "%a", sizeof(A), true);
  load("pb", "%b", sizeof(B), !b.empty());
  load("pc", "%c", sizeof(C), !c.empty());
  text += body + "\n";
  access("pd", sizeof(D));
  text += "st.global.b" + std::to_string(8 * sizeof(D)) + " [%at], %d;\nret;\n}\n";

  Module module(text);
  EXPECT_TRUE(module) << module.errors();
  std::vector<D> out(a.size());
  if (!module)
    return out;
  Memory memory;
  uint64_t pa = memory.upload(a, "a"), pb = memory.upload(b, "b"), pc = memory.upload(c, "c");
  uint64_t pd = memory.alloc(a.size() * sizeof(D), "d");
  Arguments arguments;
  arguments.add(pa).add(pb).add(pc).add(pd).add(static_cast<uint32_t>(a.size()));
  Result result = run(module, "k", memory,
                      launchOf(static_cast<uint32_t>((a.size() + 63) / 64), 64, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << body << "\n" << result.text();
  EXPECT_EQ(memory.unwritten(pd, a.size() * sizeof(D)), 0u);
  return memory.download<D>(pd, a.size());
}

/// All pairs of the values.
template <typename T> void cross(const std::vector<T> &values, std::vector<T> &a, std::vector<T> &b) {
  for (T x : values)
    for (T y : values) {
      a.push_back(x);
      b.push_back(y);
    }
}

/// Bits equal, or both NaN.
inline bool sameFloat(float x, float y) {
  return (x != x && y != y) || bitsAs<uint32_t>(x) == bitsAs<uint32_t>(y);
}
inline bool sameDouble(double x, double y) {
  return (x != x && y != y) || bitsAs<uint64_t>(x) == bitsAs<uint64_t>(y);
}

inline std::vector<float> edgeFloats() {
  using L = std::numeric_limits<float>;
  std::vector<float> v = {0.0f, -0.0f, 1.0f, -1.0f, 1.5f, 0.1f, -0.3f, 3.0f, 1e-3f, 16777216.0f,
                          16777217.0f, L::min(), -L::min(), L::denorm_min(), -L::denorm_min(),
                          L::min() / 2, L::max(), -L::max(), L::infinity(), -L::infinity(),
                          L::quiet_NaN(), 1.0f + L::epsilon(), 2.5f, -2.5f, 0.5f, 1e30f, -1e-30f,
                          65504.0f, 65520.0f, 2147483648.0f, -2147483648.0f, 4294967296.0f, 1e20f};
  std::mt19937 random(7);
  for (int i = 0; i < 31; ++i)
    v.push_back(bitsAs<float>(static_cast<uint32_t>(random())));
  return v;
}

template <typename T> std::vector<T> edgeIntegers() {
  using L = std::numeric_limits<T>;
  std::vector<T> v = {T(0), T(1), T(2), T(-1), T(7), T(-8), L::min(), L::max(), T(L::max() - 1),
                      T(L::min() + 1), T(0x55), T(100), T(31), T(32), T(33)};
  std::mt19937_64 random(5);
  for (int i = 0; i < 17; ++i)
    v.push_back(static_cast<T>(random()));
  return v;
}

inline std::string readFile(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A kernel of test/ptx/kernels.
inline std::string kernelText(const char *name) {
  return readFile(std::string(CAMEO_SOURCE_DIR) + "/test/ptx/kernels/" + name);
}

} // namespace cameo::ptx::test

#endif
