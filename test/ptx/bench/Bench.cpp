// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How fast the PTX machine runs, against the floors: thread instructions a second on a mixed kernel and
// on a register-tiled f32 GEMM, multiply-adds a second of mma.sync and wgmma, bytes a second of a ring of
// bulk copies, each without and with checks; what a second host thread brings, and the size of the shadow. Times are
// of the processor, so that other work on the machine does not count. Two threads are measured on the wall if two
// processors were free for them, else by what the second one costs: twice the work of one in their time.
//
//   ptx-machine-bench [--quick] [mixed mma wgmma copies sgemm hgemm ...]
//
// The floors are those of one core with AVX-512, half of them elsewhere. Exit code 1: under a floor. With
// --quick, for tests on machines that do other things too, only ratios count, and those with a margin.
#include "cameo/Ptx/Machine.h"

#include <algorithm>
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

/// What is asked, and whether all of it was reached.
struct Goals {
  bool quick = false, ok = true;
  double part = 0.5; ///< of the floors, which are for AVX-512

  const char *verdict(bool reached, bool counts) {
    ok = ok && (reached || !counts);
    return reached ? "ok" : counts ? "UNDER" : "under";
  }
  /// " (floor 10.00: ok)"
  std::string speed(double value, double floor) {
    if (floor <= 0)
      return "";
    char text[80];
    std::snprintf(text, sizeof text, "  (floor %.2f: %s)", part * floor, verdict(value >= part * floor, !quick));
    return text;
  }
};
Goals goals;

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

constexpr int copiedTiles = 1000;

/// A ring of four tiles of 16 KiB: one thread copies three ahead, all read what has arrived.
std::string copiesText() {
  std::string text = R"(.version 8.0
.target sm_90
.address_size 64
.visible .entry copies(.param .u64 in, .param .u64 out)
{
  .reg .pred %p, %q;
  .reg .b32 %t, %i, %n, %s, %h, %b, %m, %a, %r;
  .reg .f32 %f<6>;
  .reg .b64 %in, %from, %k, %o;
  .shared .align 128 .b8 tiles[65536];
  .shared .align 8 .b64 full[4];
  mov.u32 %t, %tid.x;
  ld.param.u64 %in, [in];
  mov.u32 %b, tiles;
  mov.u32 %m, full;
  mov.f32 %f4, 0f00000000;
  setp.ne.u32 %q, %t, 0;
  mov.u32 %n, 0;
  @%q bra made;
  mbarrier.init.shared.b64 [%m], 1;
  mbarrier.init.shared.b64 [%m+8], 1;
  mbarrier.init.shared.b64 [%m+16], 1;
  mbarrier.init.shared.b64 [%m+24], 1;
  fence.mbarrier_init.release.cluster;
made:
  bar.sync 0;
  mov.u32 %i, 0;
again:
  @%q bra issued;
  add.u32 %r, %i, 3;
  min.u32 %r, %r, COUNT;
ahead:
  setp.ge.u32 %p, %n, %r;
  @%p bra issued;
  and.b32 %s, %n, 3;
  mad.lo.u32 %a, %s, 8, %m;
  mad.lo.u32 %h, %s, 16384, %b;
  and.b32 %s, %n, 15;
  mul.wide.u32 %k, %s, 16384;
  add.s64 %from, %in, %k;
  mbarrier.arrive.expect_tx.shared.b64 %k, [%a], 16384;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%h], [%from], 16384, [%a];
  add.u32 %n, %n, 1;
  bra ahead;
issued:
  and.b32 %s, %i, 3;
  mad.lo.u32 %a, %s, 8, %m;
  shr.u32 %r, %i, 2;
  and.b32 %r, %r, 1;
wait:
  mbarrier.try_wait.parity.shared.b64 %p, [%a], %r;
  @!%p bra wait;
  mad.lo.u32 %h, %s, 16384, %b;
  mad.lo.u32 %h, %t, 16, %h;
)";
  for (int j = 0; j < 8; ++j)
    text += "  ld.shared.v4.f32 {%f0, %f1, %f2, %f3}, [%h+" + std::to_string(2048 * j) + "];\n  add.f32 %f4, %f4, %f0;\n";
  text += R"(  bar.sync 0;
  add.u32 %i, %i, 1;
  setp.lt.u32 %p, %i, COUNT;
  @%p bra again;
  ld.param.u64 %o, [out];
  mad.wide.u32 %o, %t, 4, %o;
  st.global.f32 [%o], %f4;
  ret;
}
)";
  for (size_t at; (at = text.find("COUNT")) != std::string::npos;)
    text.replace(at, 5, std::to_string(copiedTiles));
  return text;
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

/// `work` of `unit` in billions, 0: thread instructions count.
void print(const std::string &name, const Figure &f, double work, const char *unit, double floor) {
  double instructions = f.threadInstructions / f.seconds * 1e-9, value = work > 0 ? work / f.seconds * 1e-9 : instructions;
  std::printf("%-34s %8.1f ms  %6.2f G thread instructions/s", name.c_str(), 1e3 * f.seconds, instructions);
  if (work > 0)
    std::printf("  %6.2f %s", value, unit);
  std::printf("%s\n", goals.speed(value, floor).c_str());
}

const char *nameOf(uint32_t checks) { return checks ? ", all checks" : ", no checks"; }

/// One and two host threads, all checks.
void printThreads(const char *kernel, const Module &module, Memory &memory, cameo_ptx_launch launch) {
  double wall[2] = {1e30, 1e30}, processor[2] = {1e30, 1e30};
  for (int i = 0; i < 5; ++i)
    for (uint32_t threads : {1u, 2u}) {
      launch.host_threads = threads;
      double w = wallSeconds(), p = processorSeconds();
      run(module, kernel, memory, launch);
      wall[threads - 1] = std::min(wall[threads - 1], wallSeconds() - w);
      processor[threads - 1] = std::min(processor[threads - 1], processorSeconds() - p);
    }
  double byWall = wall[0] / wall[1], byWork = 2 * processor[0] / processor[1];
  bool free = processor[1] > 1.9 * wall[1] && processor[0] > 0.95 * wall[0];
  double gain = free ? byWall : byWork, least = goals.quick ? 1.5 : 1.8;
  std::printf("%-34s %8.2f x of one on the wall, %.2f x by their work  (floor %.2f: %s%s)\n",
              (std::string(kernel) + ", two host threads").c_str(), byWall, byWork, least,
              goals.verdict(gain >= least, true), free ? "" : ", by work: the machine is busy");
}

void printShadow(const char *kernel, const Module &module, Memory &memory, cameo_ptx_launch launch) {
  launch.counts = 1;
  cameo_ptx_counts counts = run(module, kernel, memory, launch).counts();
  double factor = static_cast<double>(counts.shadow_bytes) / static_cast<double>(std::max<uint64_t>(1, counts.checked_bytes));
  std::printf("%-34s %8.2f x the %.0f KiB touched  (at most 2: %s)\n", (std::string(kernel) + ", shadow memory").c_str(),
              factor, static_cast<double>(counts.checked_bytes) / 1024, goals.verdict(factor <= 2, true));
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
  for (uint32_t checks : {CAMEO_PTX_CHECK_NONE, CAMEO_PTX_CHECK_ALL}) {
    launch.checks = checks;
    Figure f = measure(module, kernel, memory, launch, processorSeconds);
    if (!f.ok)
      return false;
    print(std::string(kernel) + nameOf(checks), f, fma, "GFMA/s", 0);
  }
  printThreads(kernel, module, memory, launch);
  printShadow(kernel, module, memory, launch);
  return true;
}

bool mixed(const Module &module) {
  Memory memory;
  const uint32_t n = 256 * 64;
  uint64_t in = memory.upload(std::vector<int>(n, 12345), "in"), out = memory.alloc(4 * n, "out");
  Arguments arguments;
  arguments.add(in).add(out).add(uint32_t(400));
  for (uint32_t checks : {CAMEO_PTX_CHECK_NONE, CAMEO_PTX_CHECK_ALL}) {
    cameo_ptx_launch launch = launchOf(n / 256, 256, arguments);
    launch.checks = checks;
    Figure f = measure(module, "mixed", memory, launch, processorSeconds);
    if (!f.ok)
      return false;
    print(std::string("mixed integer/float") + nameOf(checks), f, 0, "", checks ? 0.2 : 1.0);
  }
  return true;
}

/// A block of 128 threads that does one thing over and over: `work` of it, in `unit`.
bool loopOf(const char *kernel, const std::string &text, const char *what, double work, const char *unit,
            double floor, size_t inputBytes = 0) {
  Module module(text, "loop.ptx");
  if (!module) {
    std::fprintf(stderr, "%s", module.errors().c_str());
    return false;
  }
  Memory memory;
  uint64_t in = inputBytes ? memory.upload(std::vector<int>(inputBytes / 4, 1), "in") : 0;
  uint64_t out = memory.alloc(4 * 128, "out");
  Arguments arguments;
  if (in)
    arguments.add(in);
  arguments.add(out);
  for (uint32_t checks : {CAMEO_PTX_CHECK_NONE, CAMEO_PTX_CHECK_ALL}) {
    cameo_ptx_launch launch = launchOf(1, 128, arguments);
    launch.checks = checks;
    Figure f = measure(module, kernel, memory, launch, processorSeconds);
    if (!f.ok)
      return false;
    print(what + std::string(nameOf(checks)), f, work, unit, floor);
  }
  return true;
}

bool wants(int argc, char **argv, const char *name) {
  bool all = true;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0)
      return true;
    all = all && argv[i][0] == '-';
  }
  return all;
}

} // namespace

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i)
    goals.quick = goals.quick || std::strcmp(argv[i], "--quick") == 0;
#if defined(__x86_64__)
  goals.part = __builtin_cpu_supports("avx512f") ? 1 : 0.5;
#endif
  Module basic(read("basic.ptx"), "basic.ptx"), half(read("hgemm.ptx"), "hgemm.ptx");
  if (!basic || !half) {
    std::fprintf(stderr, "%s%s", basic.errors().c_str(), half.errors().c_str());
    return 1;
  }
  auto asked = [&](const char *name) { return wants(argc, argv, name); };
  uint32_t size = goals.quick ? 256 : 512;
  bool ok = !asked("mixed") || mixed(basic);
  if (asked("mma"))
    ok = loopOf("products", productsText(), "mma.sync f16", 4 * 8000.0 * 16 * 8 * 16, "GFMA/s", 8) && ok;
  if (asked("wgmma"))
    ok = loopOf("warpgroup", warpgroupText(), "wgmma m64n256k16 f16", 2000.0 * 64 * 256 * 16, "GFMA/s", 20) && ok;
  if (asked("copies"))
    ok = loopOf("copies", copiesText(), "ring of bulk copies", copiedTiles * 16384.0, "GB/s", 0, 16 << 14) && ok;
  // Many blocks: of 16, one more or less is an eighth of what a host thread does.
  if (asked("sgemm"))
    ok = gemm(basic, "sgemm", 256, 128, 4, 2 * size, 2 * size, size / 2) && ok;
  if (asked("hgemm"))
    ok = gemm(half, "hgemm", 128, 64, 2, 2 * size, 2 * size, size / 2) && ok;
  return ok && goals.ok ? 0 : 1;
}
