// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels with one tensor map, and where each byte of a box lies by a formula of its own: the unit
// of 16 bytes is looked up in the tables of the PTX ISA's swizzling modes, element by element.
#ifndef CAMEO_TEST_UNIT_PTX_TENSORHARNESS_H
#define CAMEO_TEST_UNIT_PTX_TENSORHARNESS_H

#include "AsyncHarness.h"

namespace cameo::ptx::test {

constexpr uint32_t tileBytes = 16384;

struct Box {
  cameo_ptx_tensor_map map = tensorMapOf(0, 1, 0); ///< its address is filled in by the run
  int32_t at[5] = {};
  uint32_t elementBytes = 1;

  uint32_t count(unsigned d) const {
    uint32_t step = d ? map.element_stride[d] : 1;
    return map.box[d] / step + (map.box[d] % step != 0);
  }
  uint32_t bytes() const {
    uint32_t total = elementBytes;
    for (unsigned d = 0; d < map.rank; ++d)
      total *= count(d);
    return total;
  }
  /// Bytes from the first to behind the last element of the tensor.
  uint64_t extent() const {
    uint64_t last = (map.size[0] - 1) * elementBytes;
    for (unsigned d = 1; d < map.rank; ++d)
      last += (map.size[d] - 1) * map.stride_bytes[d - 1];
    return last + elementBytes;
  }
  std::string coordinates() const {
    std::string text = "{";
    for (unsigned d = 0; d < map.rank; ++d)
      text += (d ? ", " : "") + std::to_string(at[d]);
    return text + "}";
  }
  std::string form() const { return "." + std::to_string(map.rank) + "d"; }
};

/// The ISA's tables: which unit of a 128-byte row holds unit j of the box's row, for eight rows.
/// Modes of 32, 64 and 128 bytes repeat after two, four and eight rows.
inline uint32_t placeOf(uint32_t swizzle, uint32_t offset) {
  static constexpr uint8_t table[8][8] = {
      {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5},
      {3, 2, 1, 0, 7, 6, 5, 4}, {4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 7, 6, 1, 0, 3, 2},
      {6, 7, 4, 5, 2, 3, 0, 1}, {7, 6, 5, 4, 3, 2, 1, 0}};
  static constexpr uint32_t repeats[] = {1, 2, 4, 8};
  uint32_t row = offset / 128, unit = offset % 128 / 16;
  return row * 128 + table[row % repeats[swizzle]][unit] * 16 + offset % 16;
}

/// Calls f(offset in the tensor or -1, offset in the tile) for the first byte of each element.
template <typename F> void eachElement(const Box &box, F f) {
  uint32_t elements = box.bytes() / box.elementBytes;
  for (uint32_t linear = 0; linear < elements; ++linear) {
    uint32_t rest = linear;
    int64_t from = 0;
    bool inside = true;
    for (unsigned d = 0; d < box.map.rank; ++d) {
      int64_t step = d ? box.map.element_stride[d] : 1;
      int64_t c = box.at[d] + int64_t(rest % box.count(d)) * step;
      rest /= box.count(d);
      inside = inside && c >= 0 && c < int64_t(box.map.size[d]);
      from += c * int64_t(d ? box.map.stride_bytes[d - 1] : box.elementBytes);
    }
    f(inside ? from : -1, placeOf(box.map.swizzle, linear * box.elementBytes));
  }
}

inline uint8_t mix(uint64_t i) { return static_cast<uint8_t>((i * 2654435761u) >> 13 ^ i ^ i >> 7); }

struct TensorRun {
  std::vector<cameo_ptx_finding_kind> kinds;
  std::vector<uint8_t> out, tensor;
  std::string text;
};

/// %map: the map (a parameter), %gmap: 256 bytes of global memory that begin with it, %in: the
/// tensor, %out: 16 KiB, %tile: 16 KiB of shared memory, %bar: an mbarrier.
inline std::string tensorKernel(const std::string &body) {
  return ".version 8.6\n.target sm_90a\n.address_size 64\n"
         ".visible .entry k(.param .align 64 .b8 pmap[128], .param .u64 pgmap, .param .u64 pin, "
         ".param .u64 pout)\n{\n"
         ".reg .b32 %r<16>, %t, %tile, %bar;\n.reg .b64 %l<16>, %map, %gmap, %in, %out;\n"
         ".reg .pred %p, %q, %first;\n"
         ".shared .align 1024 .b8 tile[16384];\n.shared .align 8 .b8 bar[8];\n"
         "mov.u32 %t, %tid.x;\nld.param.u64 %in, [pin];\nld.param.u64 %out, [pout];\n"
         "ld.param.u64 %gmap, [pgmap];\nmov.b64 %map, pmap;\ncvta.param.u64 %map, %map;\n"
         "mov.u32 %tile, tile;\nmov.u32 %bar, bar;\nsetp.eq.u32 %first, %t, 0;\n" +
         body + "\nret;\n}\n";
}

inline TensorRun runTensor(const std::string &body, Box box, AsyncLaunch how = {},
                           std::vector<uint8_t> tensor = {}) {
  TensorRun outcome;
  Module module(tensorKernel(body), "tensor.ptx");
  EXPECT_TRUE(module) << module.errors();
  if (!module)
    return outcome;
  Memory memory;
  if (tensor.empty())
    for (uint64_t i = 0; i < box.extent(); ++i)
      tensor.push_back(mix(i));
  uint64_t in = memory.upload(tensor, "in");
  uint64_t out = memory.upload(std::vector<uint8_t>(tileBytes, 0), "out");
  box.map.address = in;
  TensorMapBytes map;
  EXPECT_EQ(encodeTensorMap(box.map, map), "");
  std::vector<uint8_t> global(map.bytes, map.bytes + 128);
  global.resize(256);
  uint64_t gmap = memory.upload(global, "maps");
  Arguments arguments;
  arguments.add(map).add(gmap).add(in).add(out);
  Result result = run(module, "k", memory, asyncLaunchOf(how, arguments));
  outcome.text = result.text();
  for (uint32_t i = 0; i < result.findingCount(); ++i) {
    outcome.kinds.push_back(cameo_ptx_finding_kind(result.finding(i).kind));
    EXPECT_NE(std::string(result.finding(i).remedy), "");
  }
  outcome.out = memory.download<uint8_t>(out, tileBytes);
  outcome.tensor = memory.download<uint8_t>(in, tensor.size());
  return outcome;
}

inline void expectBrokenTensor(const std::string &body, const Box &box, cameo_ptx_finding_kind kind,
                               std::vector<std::string> texts = {}, AsyncLaunch how = {}) {
  TensorRun broken = runTensor(body, box, how);
  ASSERT_FALSE(broken.kinds.empty()) << "nothing was found in\n" << body;
  EXPECT_NE(std::count(broken.kinds.begin(), broken.kinds.end(), kind), 0) << broken.text << body;
  for (const std::string &text : texts)
    EXPECT_NE(broken.text.find(text), std::string::npos) << text << " is not in\n" << broken.text;
}

/// Runs `check(run)` under all schedules and points of completion; nothing may be found.
template <typename F>
void underAllSchedules(const std::string &body, const Box &box, F check, AsyncLaunch how = {}) {
  for (uint32_t schedule = 0; schedule <= CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED; ++schedule)
    for (uint32_t point = 0; point <= CAMEO_PTX_ASYNC_RANDOM; ++point)
      for (uint64_t seed = 0; seed < (schedule == 1 || point == 2 ? 4u : 1u); ++seed)
        for (uint32_t checks : {CAMEO_PTX_CHECK_ALL, CAMEO_PTX_CHECK_NONE}) {
          how.schedule = schedule, how.asyncPoint = point, how.seed = seed, how.checks = checks;
          TensorRun run = runTensor(body, box, how);
          ASSERT_TRUE(run.kinds.empty()) << "schedule " << schedule << " point " << point << " seed "
                                         << seed << "\n" << run.text << body;
          check(run);
        }
}

inline std::string waitFor(const std::string &label, const std::string &parity = "0") {
  return label + ":\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p, [%bar], " + parity +
         ";\n@!%p bra " + label + ";\n";
}

/// The box into the tile, the tile's bytes to %out.
inline std::string loadBox(const Box &box, const std::string &map = "%map") {
  std::string bytes = std::to_string(box.bytes());
  return "@%first mbarrier.init.shared::cta.b64 [%bar], 1;\n"
         "@%first fence.mbarrier_init.release.cluster;\nbar.sync 0;\n@!%first bra W;\n"
         "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], " + bytes + ";\n"
         "cp.async.bulk.tensor" + box.form() + ".shared::cluster.global.tile.mbarrier::complete_tx::bytes "
         "[%tile], [" + map + ", " + box.coordinates() + "], [%bar];\n" + waitFor("W") +
         "mul.lo.u32 %r2, %t, 4;\nCOPY:\nsetp.ge.u32 %q, %r2, " + bytes + ";\n@%q bra COPIED;\n"
         "add.u32 %r3, %r2, %tile;\nld.shared.u32 %r1, [%r3];\ncvt.u64.u32 %l1, %r2;\n"
         "add.s64 %l1, %l1, %out;\nst.global.u32 [%l1], %r1;\nadd.u32 %r2, %r2, 128;\nbra COPY;\n"
         "COPIED:\n";
}

/// %in's role is played by the tile: word i of it is i * 77 + 5, then the box goes out.
inline std::string storeBox(const Box &box, const std::string &reduction = "") {
  std::string bytes = std::to_string(box.bytes());
  return "mul.lo.u32 %r2, %t, 4;\nFILL:\nsetp.ge.u32 %q, %r2, " + bytes + ";\n@%q bra FILLED;\n"
         "add.u32 %r3, %r2, %tile;\nshr.u32 %r4, %r2, 2;\nmad.lo.u32 %r1, %r4, 77, 5;\n"
         "st.shared.u32 [%r3], %r1;\nadd.u32 %r2, %r2, 128;\nbra FILL;\nFILLED:\n"
         "fence.proxy.async.shared::cta;\nbar.sync 0;\n@!%first bra OUT;\n"
         "cp" + std::string(reduction.empty() ? "" : ".reduce") + ".async.bulk.tensor" + box.form() +
         ".global.shared::cta" + reduction + ".tile.bulk_group [%map, " + box.coordinates() +
         "], [%tile];\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nOUT:\n"
         "bar.sync 0;\nst.shared.u32 [%tile], 77;\n";
}

inline uint8_t tileByte(uint32_t i) {
  return static_cast<uint8_t>((i / 4 * 77 + 5) >> 8 * (i % 4));
}

} // namespace cameo::ptx::test

#endif
