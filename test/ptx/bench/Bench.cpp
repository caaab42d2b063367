// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How fast the PTX machine runs: thread instructions a second on a mixed kernel and on a
// register-tiled f32 GEMM, multiply-adds a second of mma.sync, without and with checks, and what a
// second host thread brings. Times are of the processor, so that other work on the machine does not
// count (the line for two threads is wall time). Floors (one core with AVX-512; half of it at
// x86-64-v3): 1.0 G thread instructions/s unchecked, 0.2 G checked, 8 GFMA/s for mma.sync, 20 for wgmma.
#include "cameo/Ptx/Machine.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

using namespace cameo::ptx;

namespace {

double processorSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
double wallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string read(const std::string &name) {
  std::ifstream file(std::string(CAMEO_SOURCE_DIR) + "/test/ptx/kernels/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Figure {
  double seconds = 1e30, threadInstructions = 0;
  bool ok = true;
};

/// A loop of eight independent products of registers: what the machine makes of mma.sync alone.
std::string productsText() {
  std::string text = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry products(.param .u64 out)\n{\n"
                     "  .reg .pred %p;\n  .reg .b32 %a<4>, %b<2>, %i, %t;\n  .reg .f32 %c<32>;\n  .reg .b64 %rd<2>;\n"
                     "  mov.u32 %t, %tid.x;\n";
  auto line = [&](const std::string &s) { text += "  " + s + ";\n"; };
  for (int r = 0; r < 4; ++r)
    line("mad.lo.s32 %a" + std::to_string(r) + ", %t, 3, " + std::to_string(0x2c002c00 + 77 * r));
  for (int r = 0; r < 2; ++r)
    line("mad.lo.s32 %b" + std::to_string(r) + ", %t, 5, " + std::to_string(0x28002800 + 55 * r));
  for (int r = 0; r < 32; ++r)
    line("mov.f32 %c" + std::to_string(r) + ", 0f00000000");
  line("mov.u32 %i, 0");
  text += "again:\n";
  for (int j = 0; j < 8; ++j) {
    auto c = [&](int r) { return "%c" + std::to_string(4 * j + r); };
    std::string four = "{" + c(0) + ", " + c(1) + ", " + c(2) + ", " + c(3) + "}";
    line("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 " + four + ", {%a0, %a1, %a2, %a3}, {%b0, %b1}, " + four);
  }
  line("add.u32 %i, %i, 1");
  line("setp.lt.u32 %p, %i, 1000");
  line("@%p bra again");
  for (int r = 1; r < 32; ++r)
    line("add.f32 %c0, %c0, %c" + std::to_string(r));
  line("ld.param.u64 %rd0, [out]");
  line("mad.wide.u32 %rd1, %t, 4, %rd0");
  line("st.global.f32 [%rd1], %c0");
  line("ret");
  return text + "}\n";
}

/// Four wgmma m64n256k16 at a time, both operands swizzled in shared memory: 64 KiB that nothing changes.
std::string warpgroupText() {
  std::string text = ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry warpgroup(.param .u64 out)\n{\n"
                     "  .reg .pred %p;\n  .reg .b32 %i, %t, %r<4>;\n  .reg .f32 %d<128>;\n  .reg .b64 %rd<2>, %a, %b, %base;\n"
                     "  .shared .align 1024 .b8 tile[40960];\n  mov.u32 %t, %tid.x;\n";
  auto line = [&](const std::string &s) { text += "  " + s + ";\n"; };
  line("mov.u32 %r0, tile"), line("mad.lo.u32 %r1, %t, 4, %r0"), line("mov.u32 %i, 0");
  text += "fill:\n";
  line("mad.lo.u32 %r2, %i, 0x10001, 0x2c002c00"), line("st.shared.u32 [%r1], %r2"), line("add.u32 %r1, %r1, 512");
  line("add.u32 %i, %i, 1"), line("setp.lt.u32 %p, %i, 80"), line("@%p bra fill");
  line("fence.proxy.async.shared::cta"), line("bar.sync 0");
  line("shr.u32 %r0, %r0, 4"), line("cvt.u64.u32 %a, %r0"), line("mov.b64 %base, 0x4000004000010000");
  line("or.b64 %a, %a, %base"), line("add.s64 %b, %a, 512");
  std::string all;
  for (int r = 0; r < 128; ++r) {
    all += (r ? ", %d" : "%d") + std::to_string(r);
    line("mov.f32 %d" + std::to_string(r) + ", 0f00000000");
  }
  line("mov.u32 %i, 0");
  text += "again:\n";
  line("wgmma.fence.sync.aligned");
  for (int j = 0; j < 4; ++j)
    line("wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {" + all + "}, %a, %b, 1, 1, 1, 0, 0");
  line("wgmma.commit_group.sync.aligned"), line("wgmma.wait_group.sync.aligned 0");
  line("add.u32 %i, %i, 1"), line("setp.lt.u32 %p, %i, 500"), line("@%p bra again");
  line("ld.param.u64 %rd0, [out]"), line("mad.wide.u32 %rd1, %t, 4, %rd0"), line("st.global.f32 [%rd1], %d0"), line("ret");
  return text + "}\n";
}

/// The best of three runs.
Figure measure(const Module &module, const char *kernel, Memory &memory, cameo_ptx_launch launch,
               double (*clock)()) {
  Figure best;
  for (int i = 0; i < 3; ++i) {
    double begin = clock();
    Result result = run(module, kernel, memory, launch);
    double seconds = clock() - begin;
    if (result.status() != CAMEO_PTX_OK) {
      std::printf("%s", result.text().c_str());
      best.ok = false;
      return best;
    }
    best.threadInstructions = static_cast<double>(result.counts().thread_instructions);
    best.seconds = seconds < best.seconds ? seconds : best.seconds;
  }
  return best;
}

void print(const char *name, const Figure &f, double fma) {
  std::printf("%-34s %8.1f ms  %6.2f G thread instructions/s", name, 1e3 * f.seconds,
              f.threadInstructions / f.seconds * 1e-9);
  if (fma > 0)
    std::printf("  %6.2f GFMA/s", fma / f.seconds * 1e-9);
  std::printf("\n");
}

bool gemm(const Module &module, const char *kernel, uint32_t block, uint32_t tile, size_t inputBytes,
          uint32_t m, uint32_t n, uint32_t k) {
  Memory memory;
  uint64_t a = memory.alloc(inputBytes * m * k, "A"), b = memory.alloc(inputBytes * k * n, "B");
  uint64_t c = memory.alloc(4ull * m * n, "C");
  api().memory_fill(memory.get(), a, 0, inputBytes * m * k);
  api().memory_fill(memory.get(), b, 0, inputBytes * k * n);
  Arguments arguments;
  arguments.add(a).add(b).add(c).add(m).add(n).add(k);
  cameo_ptx_launch launch = launchOf(n / tile, block, arguments);
  launch.grid[1] = m / tile;
  double fma = double(m) * n * k;
  bool ok = true;
  for (uint32_t checks : {CAMEO_PTX_CHECK_NONE, CAMEO_PTX_CHECK_ALL}) {
    launch.checks = checks;
    Figure f = measure(module, kernel, memory, launch, processorSeconds);
    ok = ok && f.ok;
    print((std::string(kernel) + (checks ? ", all checks" : ", no checks")).c_str(), f, fma);
  }
  Figure one = measure(module, kernel, memory, launch, wallSeconds);
  launch.host_threads = 2;
  Figure two = measure(module, kernel, memory, launch, wallSeconds);
  std::printf("%-34s %8.2f x of one (wall)\n", (std::string(kernel) + ", two host threads").c_str(),
              one.seconds / two.seconds);
  return ok;
}

bool mixed(const Module &module) {
  Memory memory;
  const uint32_t n = 256 * 64;
  uint64_t in = memory.upload(std::vector<int>(n, 12345), "in"), out = memory.alloc(4 * n, "out");
  Arguments arguments;
  arguments.add(in).add(out).add(uint32_t(400));
  bool ok = true;
  for (uint32_t checks : {CAMEO_PTX_CHECK_NONE, CAMEO_PTX_CHECK_ALL}) {
    cameo_ptx_launch launch = launchOf(n / 256, 256, arguments);
    launch.checks = checks;
    Figure f = measure(module, "mixed", memory, launch, processorSeconds);
    ok = ok && f.ok;
    print(checks ? "mixed integer/float, all checks" : "mixed integer/float, no checks", f, 0);
  }
  return ok;
}

/// A kernel of 128 threads that does nothing but products; `fma`: how many.
bool products(const char *kernel, const std::string &text, const char *what, double fma) {
  Module module(text, "products.ptx");
  if (!module) {
    std::fprintf(stderr, "%s", module.errors().c_str());
    return false;
  }
  Memory memory;
  uint64_t out = memory.alloc(4 * 128, "out");
  Arguments arguments;
  arguments.add(out);
  bool ok = true;
  for (uint32_t checks : {CAMEO_PTX_CHECK_NONE, CAMEO_PTX_CHECK_ALL}) {
    cameo_ptx_launch launch = launchOf(1, 128, arguments);
    launch.checks = checks;
    Figure f = measure(module, kernel, memory, launch, processorSeconds);
    ok = ok && f.ok;
    print((what + std::string(checks ? ", all checks" : ", no checks")).c_str(), f, fma);
  }
  return ok;
}

} // namespace

int main() {
  Module basic(read("basic.ptx"), "basic.ptx"), half(read("hgemm.ptx"), "hgemm.ptx");
  if (!basic || !half) {
    std::fprintf(stderr, "%s%s", basic.errors().c_str(), half.errors().c_str());
    return 1;
  }
  bool ok = mixed(basic);
  ok = products("products", productsText(), "mma.sync f16", 4 * 8000.0 * 16 * 8 * 16) && ok;
  ok = products("warpgroup", warpgroupText(), "wgmma m64n256k16 f16", 2000.0 * 64 * 256 * 16) && ok;
  ok = gemm(basic, "sgemm", 256, 128, 4, 512, 512, 512) && ok;
  ok = gemm(half, "hgemm", 128, 64, 2, 512, 512, 512) && ok;
  return ok ? 0 : 1;
}
