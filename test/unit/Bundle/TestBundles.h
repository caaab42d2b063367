// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small bundles with hand-written PTX, for the tests of Bundle and Runtime. Each function makes the
// description of one model; kernels are plain enough to be checked by reading.
#pragma once

#include "cameo/Bundle/Bundle.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace cameo::test {

/// One guarded elementwise kernel c[i] = BODY(a[i], b[i]) over n elements of f32, one per thread.
inline std::string binaryKernel(const std::string &name, const std::string &operation) {
  return ".visible .entry " + name + R"((
  .param .u64 p_a, .param .u64 p_b, .param .u64 p_c, .param .u32 p_n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<6>;
  .reg .b64 %rd<8>;
  .reg .f32 %f<4>;
  ld.param.u64 %rd1, [p_a];
  ld.param.u64 %rd2, [p_b];
  ld.param.u64 %rd3, [p_c];
  ld.param.u32 %r1, [p_n];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  setp.ge.s32 %p1, %r5, %r1;
  @%p1 bra $done;
  mul.wide.s32 %rd4, %r5, 4;
  add.s64 %rd5, %rd1, %rd4;
  add.s64 %rd6, %rd2, %rd4;
  add.s64 %rd7, %rd3, %rd4;
  ld.global.f32 %f1, [%rd5];
  ld.global.f32 %f2, [%rd6];
  )" + operation + R"( %f3, %f1, %f2;
  st.global.f32 [%rd7], %f3;
$done:
  ret;
}
)";
}

/// c[4i..4i+3] = a + b with 16-byte accesses; n is a multiple of 4.
inline std::string vectorKernel(const std::string &name) {
  return ".visible .entry " + name + R"((
  .param .u64 p_a, .param .u64 p_b, .param .u64 p_c, .param .u32 p_n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<7>;
  .reg .b64 %rd<8>;
  .reg .f32 %f<13>;
  ld.param.u64 %rd1, [p_a];
  ld.param.u64 %rd2, [p_b];
  ld.param.u64 %rd3, [p_c];
  ld.param.u32 %r1, [p_n];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  shl.b32 %r6, %r5, 2;
  setp.ge.s32 %p1, %r6, %r1;
  @%p1 bra $done;
  mul.wide.s32 %rd4, %r6, 4;
  add.s64 %rd5, %rd1, %rd4;
  add.s64 %rd6, %rd2, %rd4;
  add.s64 %rd7, %rd3, %rd4;
  ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd5];
  ld.global.v4.f32 {%f5, %f6, %f7, %f8}, [%rd6];
  add.rn.f32 %f9, %f1, %f5;
  add.rn.f32 %f10, %f2, %f6;
  add.rn.f32 %f11, %f3, %f7;
  add.rn.f32 %f12, %f4, %f8;
  st.global.v4.f32 [%rd7], {%f9, %f10, %f11, %f12};
$done:
  ret;
}
)";
}

inline std::string ptxHeader(const char *target = "sm_80") {
  return std::string(".version 7.0\n.target ") + target + "\n.address_size 64\n\n";
}

/// Adds a module of one PTX image.
inline uint32_t addModule(BundleDesc &desc, const std::string &kernels, const char *target = "sm_80") {
  desc.modules.push_back({{{bundle::Image::Kind::ptx, target, ptxHeader(target) + kernels}}});
  return uint32_t(desc.modules.size() - 1);
}

inline uint32_t addKernel(BundleDesc &desc, const std::string &symbol, uint32_t module,
                          std::vector<std::string> nodes) {
  bundle::Kernel kernel;
  kernel.symbol = symbol;
  kernel.module = module;
  kernel.threads = {128, 1, 1};
  kernel.family = "pointwise";
  kernel.nodes = std::move(nodes);
  kernel.opcodes = {"ld.global", "st.global"};
  desc.kernels.push_back(kernel);
  return uint32_t(desc.kernels.size() - 1);
}

inline BufferId addBuffer(BundleDesc &desc, bundle::Buffer::Kind kind, uint32_t index, const SizeExpr &bytes,
                          uint32_t first = 0, uint32_t last = 0) {
  bundle::Buffer buffer;
  buffer.kind = kind;
  buffer.index = index;
  buffer.bytes = desc.expr(bytes);
  buffer.firstStep = first;
  buffer.lastStep = last;
  desc.buffers.push_back(buffer);
  return BufferId(desc.buffers.size() - 1);
}

/// Launches the binary kernel over n elements.
inline bundle::Launch binaryLaunch(BundleDesc &desc, uint32_t kernel, BufferId a, BufferId b, BufferId c,
                                   const SizeExpr &n) {
  bundle::Launch launch;
  launch.variants.push_back({{desc.expr(1), {4, 4, 4}, kernel,
                              {desc.expr(ceilDiv(n, 128)), desc.expr(1), desc.expr(1)}, kNone, 32}});
  using Kind = bundle::Argument::Kind;
  launch.arguments = {{Kind::buffer, a, kNone, 4, 0},
                      {Kind::buffer, b, kNone, 4, 0},
                      {Kind::buffer, c, kNone, 4, 0},
                      {Kind::size, 0, desc.expr(n), 4, 0}};
  return launch;
}

/// Declares inputs a, b and output c of f32[N].
inline SizeExpr declarePorts(BundleDesc &desc) {
  desc.model = "test";
  desc.producer = "cameo test";
  desc.symbol("N", bundle::Symbol::Source::inputDim, 0, 0);
  SizeExpr n = SizeExpr::symbol("N");
  desc.inputs = {{"a", DType::f32, {desc.expr(n)}}, {"b", DType::f32, {desc.expr(n)}}};
  desc.outputs = {{"c", DType::f32, {desc.expr(n)}}};
  return n;
}

/// c = a + b.
inline BundleDesc addBundle() {
  using Kind = bundle::Buffer::Kind;
  BundleDesc desc;
  SizeExpr n = declarePorts(desc);
  uint32_t kernel = addKernel(desc, "add", addModule(desc, binaryKernel("add", "add.rn.f32")), {"/add"});
  BufferId a = addBuffer(desc, Kind::input, 0, n * 4), b = addBuffer(desc, Kind::input, 1, n * 4),
           c = addBuffer(desc, Kind::output, 0, n * 4);
  desc.steps.push_back(binaryLaunch(desc, kernel, a, b, c, n));
  desc.report = "{\"kernels\": 1}";
  return desc;
}

/// c = a + b by the portable code; that for `target` computes a * b, with two variants: so that tests see which runs.
inline BundleDesc twoTargetBundle(const char *target) {
  BundleDesc desc = addBundle();
  uint32_t kernel = addKernel(desc, "add", addModule(desc, binaryKernel("add", "mul.rn.f32"), target), {"/add"});
  auto &variants = std::get<bundle::Launch>(desc.steps[0]).variants;
  bundle::Variant other = variants[0][0];
  other.kernel = kernel;
  variants.push_back({other, other});
  variants[1][0].guard = desc.expr(lt(SizeExpr::symbol("N"), 10));
  return desc;
}

/// c = (a + b) * w, with w a weight of `count` floats and a temporary between two kernels.
inline BundleDesc twoKernelBundle(const std::vector<float> &w) {
  using Kind = bundle::Buffer::Kind;
  BundleDesc desc;
  SizeExpr n = declarePorts(desc);
  bundle::Check check{desc.expr(eq(n, SizeExpr(int64_t(w.size())))), "w has other elements than a", {"/mul"}};
  desc.checks.push_back(check);
  uint32_t module = addModule(desc, binaryKernel("add", "add.rn.f32") + binaryKernel("mul", "mul.rn.f32"));
  uint32_t add = addKernel(desc, "add", module, {"/add"}), mul = addKernel(desc, "mul", module, {"/mul"});
  bundle::Weight weight;
  weight.name = "w";
  weight.bytes = w.size() * 4;
  weight.data = w.data();
  desc.weights.push_back(weight);
  BufferId a = addBuffer(desc, Kind::input, 0, n * 4), b = addBuffer(desc, Kind::input, 1, n * 4),
           c = addBuffer(desc, Kind::output, 0, n * 4), t = addBuffer(desc, Kind::temporary, 0, n * 4, 0, 1),
           k = addBuffer(desc, Kind::weight, 0, SizeExpr(int64_t(w.size() * 4)));
  desc.steps.push_back(binaryLaunch(desc, add, a, b, t, n));
  desc.steps.push_back(binaryLaunch(desc, mul, t, k, c, n));
  return desc;
}

/// A path in a fresh folder that is removed with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cameo-test-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(folder); }
  std::string file(const std::string &name) const { return folder + "/" + name; }
  std::string folder;
};

inline std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), std::streamsize(bytes.size()));
}

} // namespace cameo::test
