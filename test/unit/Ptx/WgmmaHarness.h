// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One wgmma as a kernel of four warps: images of shared memory for A and B, registers from buffers.
// Where an element lies is computed here element by element: a swizzled tile is what a tensor copy
// with that swizzle leaves (rows of the swizzle's width, units of 16 bytes by the ISA's tables), one
// without swizzling is 8x16-byte core matrices at strides of the test's choice.
#ifndef CAMEO_TEST_UNIT_PTX_WGMMAHARNESS_H
#define CAMEO_TEST_UNIT_PTX_WGMMAHARNESS_H

#include "MatrixBits.h"
#include "TensorHarness.h"

namespace cameo::ptx::test {

/// swizzle: the descriptor's field: 0 none, 1: 128, 2: 64, 3: 32 bytes.
struct TileLayout {
  int swizzle = 0;
  bool alongRows = false; ///< MN-major
  int window = 0;         ///< K-major, swizzled: which 32 bytes of the row (64 of a sparse B)
  uint32_t padding = 0;   ///< added to the strides where there is no swizzle

  uint32_t width() const { return swizzle == 1 ? 128 : swizzle == 2 ? 64 : swizzle == 3 ? 32 : 16; }
  /// TensorHarness counts modes as tensor maps do.
  uint32_t mode() const { return swizzle ? 4 - uint32_t(swizzle) : 0; }

  struct Strides {
    uint32_t leading, stride, start;
  };
  /// kBytes: bytes of K of the whole operand (K-major); k: its elements.
  Strides strides(uint32_t kBytes, uint32_t k) const {
    if (!swizzle) // core matrices: along K next to each other, then along M or N
      return alongRows ? Strides{128 + padding, k / 8 * (128 + padding), 0}
                       : Strides{128 + padding, kBytes / 16 * (128 + padding), 0};
    if (alongRows)
      return {k * width(), 8 * width(), 0};
    return {16, 8 * width(), uint32_t(window) * kBytes};
  }
  /// Byte of bit `bit` of K (K-major) or of element k (MN-major, 16 bits) of a row.
  uint32_t byteOf(uint32_t row, uint32_t k, uint32_t bits, uint32_t kBytes, uint32_t kCount) const {
    Strides s = strides(kBytes, kCount);
    if (alongRows) {
      if (!swizzle)
        return row / 8 * s.stride + k / 8 * s.leading + k % 8 * 16 + row % 8 * 2;
      uint32_t perRow = width() / 2;
      return placeOf(mode(), row / perRow * s.leading + k * width() + row % perRow * 2);
    }
    uint32_t byte = k * bits / 8;
    if (!swizzle)
      return row / 8 * s.stride + byte / 16 * s.leading + row % 8 * 16 + byte % 16;
    return placeOf(mode(), row * width() + s.start + byte);
  }
  uint64_t descriptor(uint32_t kBytes, uint32_t k) const {
    Strides s = strides(kBytes, k);
    return uint64_t(s.start >> 4) | uint64_t(s.leading >> 4) << 16 | uint64_t(s.stride >> 4) << 32 |
           uint64_t(swizzle) << 62;
  }
};

constexpr uint32_t imageA = 16384, imageB = 65536;

struct WgmmaCase {
  std::string a = "f16", b = "f16", d = "f32";
  int n = 8;
  bool sparse = false, regsA = false, satfinite = false;
  TileLayout layoutA, layoutB;
  int scaleA = 1, scaleB = 1, selector = 0;
  std::string scaleD = "1";

  uint32_t bits() const {
    return a == "tf32" ? 32 : a == "f16" || a == "bf16" ? 16 : a == "b1" ? 1 : 8;
  }
  uint32_t kA() const { return 256 / bits(); }
  uint32_t k() const { return sparse ? 2 * kA() : kA(); }
  int registersD() const { return d == "f16" ? n / 4 : n / 2; }
  std::string name() const {
    std::string text = std::string("wgmma.mma_async") + (sparse ? ".sp" : "") + ".sync.aligned.m64n" +
                       std::to_string(n) + "k" + std::to_string(k()) + (satfinite ? ".satfinite" : "") +
                       "." + d + "." + a + "." + b;
    return text + (a == "b1" ? ".and.popc" : "");
  }
  std::string describe() const {
    return name() + (regsA ? " RS" : " SS") + " A " + std::to_string(layoutA.swizzle) +
           (layoutA.alongRows ? "M" : "K") + " B " + std::to_string(layoutB.swizzle) +
           (layoutB.alongRows ? "N" : "K") + " window " + std::to_string(layoutB.window);
  }
};

inline std::string registerList(const std::string &name, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += (i ? ", %" : "%") + name + std::to_string(i);
  return text + "}";
}

/// `d, a, b, ...` as the instruction takes them.
inline std::string wgmmaText(const WgmmaCase &c) {
  std::string text = c.name() + " " + registerList("d", c.registersD()) + ", " +
                     (c.regsA ? registerList("a", 4) : "%descA") + ", %descB";
  if (c.sparse)
    text += ", %meta, " + std::to_string(c.selector);
  text += ", " + c.scaleD;
  if (c.d != "s32")
    text += ", " + std::to_string(c.scaleA) + ", " + std::to_string(c.scaleB);
  if (c.bits() == 16)
    text += (c.regsA ? "" : c.layoutA.alongRows ? ", 1" : ", 0") +
            std::string(c.layoutB.alongRows ? ", 1" : ", 0");
  return text + ";\n";
}

/// %t; %descA and %descB; %d0..: accumulators; %a0..3; %meta; %p is false; tileA and tileB are filled.
inline std::string wgmmaKernel(const WgmmaCase &c, const std::string &body) {
  std::string text =
      ".version 8.6\n.target sm_90a\n.address_size 64\n"
      ".visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd, .param .u64 pe, "
      ".param .u64 pm, .param .u64 da, .param .u64 db)\n{\n"
      ".reg .b32 %d<128>, %a<4>, %r<16>, %t, %meta;\n.reg .b64 %l<16>, %at, %off, %descA, %descB;\n"
      ".reg .pred %p, %q;\n.shared .align 1024 .b8 tileA[16384];\n.shared .align 1024 .b8 tileB[65536];\n"
      "mov.u32 %t, %tid.x;\nsetp.ne.u32 %p, %t, %t;\nmul.wide.u32 %off, %t, 16;\n";
  auto fill = [&](const char *param, const char *tile, const char *label, uint32_t bytes) {
    text += std::string("ld.param.u64 %at, [") + param + "];\nadd.s64 %at, %at, %off;\nmov.u32 %r0, " + tile +
            ";\nshl.b32 %r1, %t, 4;\nadd.u32 %r0, %r0, %r1;\nmov.u32 %r1, 0;\n" + label +
            ":\nld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%at];\nst.shared.v4.u32 [%r0], {%r2, %r3, %r4, %r5};\n"
            "add.s64 %at, %at, 2048;\nadd.u32 %r0, %r0, 2048;\nadd.u32 %r1, %r1, 2048;\n"
            "setp.lt.u32 %q, %r1, " + std::to_string(bytes) + ";\n@%q bra " + label + ";\n";
  };
  fill("pa", "tileA", "FA", imageA);
  fill("pb", "tileB", "FB", imageB);
  auto registers = [&](const char *param, const std::string &name, int count, bool store) {
    text += std::string("ld.param.u64 %at, [") + param + "];\nmul.wide.u32 %off, %t, 4;\nadd.s64 %at, %at, %off;\n";
    for (int i = 0; i < count; ++i) {
      std::string at = "[%at+" + std::to_string(512 * i) + "]", reg = "%" + name + (count > 1 ? std::to_string(i) : "");
      text += store ? "st.global.b32 " + at + ", " + reg + ";\n" : "ld.global.b32 " + reg + ", " + at + ";\n";
    }
  };
  registers("pc", "d", c.registersD(), false);
  registers("pe", "a", 4, false);
  registers("pm", "meta", 1, false);
  for (const char *w : {"A", "B"})
    text += std::string("mov.u32 %r0, tile") + w + ";\nshr.u32 %r0, %r0, 4;\ncvt.u64.u32 %l0, %r0;\n"
            "ld.param.u64 %l1, [d" + (w[0] == 'A' ? "a" : "b") + "];\nadd.s64 %desc" + w + ", %l0, %l1;\n";
  text += body;
  registers("pd", "d", c.registersD(), true);
  return text + "ret;\n}\n";
}

/// What the body does where nothing is to be found.
inline std::string wgmmaBody(const WgmmaCase &c) {
  return "fence.proxy.async.shared::cta;\nbar.sync 0;\nwgmma.fence.sync.aligned;\n" + wgmmaText(c) +
         "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n";
}

struct WgmmaData {
  std::vector<uint8_t> a = std::vector<uint8_t>(imageA, 0), b = std::vector<uint8_t>(imageB, 0);
  std::vector<uint32_t> c = std::vector<uint32_t>(128 * 128, 0), fragments = std::vector<uint32_t>(4 * 128, 0),
                        meta = std::vector<uint32_t>(128, 0);
};

struct WgmmaRun {
  std::vector<cameo_ptx_finding_kind> kinds;
  std::vector<uint32_t> d;
  std::string text;
};

inline WgmmaRun runWgmma(const WgmmaCase &c, const std::string &body, const WgmmaData &data, AsyncLaunch how = {},
                         uint32_t numerics = 0) {
  WgmmaRun outcome;
  Module module(wgmmaKernel(c, body), "wgmma.ptx");
  EXPECT_TRUE(module) << module.errors() << c.describe();
  if (!module)
    return outcome;
  Memory memory;
  uint64_t a = memory.upload(data.a, "a"), b = memory.upload(data.b, "b"), acc = memory.upload(data.c, "c");
  uint64_t out = memory.upload(std::vector<uint32_t>(128 * 128, 0), "d");
  uint64_t fragments = memory.upload(data.fragments, "fragments"), meta = memory.upload(data.meta, "meta");
  uint32_t kBytes = c.sparse ? 64 : 32;
  Arguments arguments;
  arguments.add(a).add(b).add(acc).add(out).add(fragments).add(meta);
  arguments.add(c.layoutA.descriptor(32, c.kA())).add(c.layoutB.descriptor(kBytes, c.k()));
  if (how.threads == 32)
    how.threads = 128;
  cameo_ptx_launch launch = asyncLaunchOf(how, arguments);
  launch.mma = numerics;
  Result result = run(module, "k", memory, launch);
  outcome.text = result.text();
  for (uint32_t i = 0; i < result.findingCount(); ++i)
    outcome.kinds.push_back(cameo_ptx_finding_kind(result.finding(i).kind));
  outcome.d = memory.download<uint32_t>(out, 128 * 128);
  return outcome;
}

/// Puts the bits of an element where it belongs; a K-major tile counts k in elements.
inline void place(std::vector<uint8_t> &image, const TileLayout &layout, uint32_t row, uint32_t k, uint32_t bits,
                  uint32_t kBytes, uint32_t kCount, uint64_t value) {
  uint32_t at = layout.byteOf(row, k, bits, kBytes, kCount);
  if (bits == 1) {
    image.at(at) = uint8_t((image.at(at) & ~(1u << k % 8)) | (value & 1) << k % 8);
    return;
  }
  for (uint32_t i = 0; i < bits / 8; ++i)
    image.at(at + i) = uint8_t(value >> 8 * i);
}

/// Row and column of accumulator i of thread t, as the ISA's figure of D says.
inline int rowOfD(int t, int i) { return t / 32 * 16 + t % 32 / 4 + (i % 4 >= 2 ? 8 : 0); }
inline int columnOfD(int t, int i) { return i / 4 * 8 + t % 4 * 2 + (i % 2); }

/// The bits of element i of thread t in registers [register][thread].
inline uint64_t accumulator(const std::vector<uint32_t> &registers, const std::string &type, int t, int i) {
  if (type != "f16")
    return registers[size_t(i * 128 + t)];
  return registers[size_t(i / 2 * 128 + t)] >> (16 * (i % 2)) & 0xffff;
}
inline void setAccumulator(std::vector<uint32_t> &registers, const std::string &type, int t, int i, uint64_t value) {
  if (type != "f16")
    registers[size_t(i * 128 + t)] = uint32_t(value);
  else
    registers[size_t(i / 2 * 128 + t)] |= uint32_t(value & 0xffff) << (16 * (i % 2));
}

} // namespace cameo::ptx::test

#endif
