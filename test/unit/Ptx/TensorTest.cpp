// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk.tensor: boxes of every swizzle, rank and element size against the formula of the
// harness, outside of the tensor on every side; and each misuse broken and mended.
#include "TensorHarness.h"

namespace cameo::ptx::test {
namespace {

constexpr uint32_t typeOfSize[9] = {0, 0, 6, 0, 7, 0, 0, 0, 8}; // u8, f16, f32, f64

/// A box whose last row of 128 bytes is full, or which is narrow enough to lie in the first one.
Box randomBox(std::mt19937 &random, uint32_t rank, uint32_t elementBytes, uint32_t swizzle) {
  auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  Box b;
  b.elementBytes = elementBytes;
  b.map = tensorMapOf(typeOfSize[elementBytes], rank, 0);
  b.map.swizzle = swizzle;
  b.map.oob_fill = elementBytes > 1 ? below(2) : 0;
  uint32_t units = swizzle ? 1 + below(1u << swizzle) : 1 + below(std::min(16u, 16 * elementBytes));
  uint32_t rest = tileBytes / (16 * units);
  for (uint32_t d = 0; d < rank; ++d) {
    uint32_t box = d == 0 ? 16 * units / elementBytes : d == 1 ? 8 * (1 + below(2)) : 1 + below(4);
    box = d ? std::min(box, rest) : box;
    rest = d ? std::max(1u, rest / box) : rest;
    b.map.element_stride[d] = d > 1 ? 1 + below(3) : d == 0 ? 1 + below(2) : 1;
    b.map.box[d] = box;
    b.map.size[d] = 1 + below(d > 1 ? 5 : 2 * box + 2);
    uint64_t row = d > 1 ? b.map.stride_bytes[d - 2] * b.map.size[d - 1] : b.map.size[0] * elementBytes;
    if (d)
      b.map.stride_bytes[d - 1] = (row + 15) / 16 * 16 + 16 * below(3);
    b.at[d] = static_cast<int32_t>(below(static_cast<uint32_t>(b.map.size[d]) + 2 * box)) -
              static_cast<int32_t>(box);
  }
  return b;
}

std::string describe(const Box &b) {
  return "rank " + std::to_string(b.map.rank) + " element " + std::to_string(b.elementBytes) +
         " swizzle " + std::to_string(b.map.swizzle) + " at " + b.coordinates() + " size " +
         std::to_string(b.map.size[0]) + "x" + std::to_string(b.map.size[1]) + " box " +
         std::to_string(b.map.box[0]) + "x" + std::to_string(b.map.box[1]);
}

void expectLoaded(const Box &b, const TensorRun &run) {
  ASSERT_TRUE(run.kinds.empty()) << run.text << describe(b);
  eachElement(b, [&](int64_t from, uint32_t place) {
    for (uint32_t i = 0; i < b.elementBytes; ++i) {
      uint8_t fill = !b.map.oob_fill ? 0 : i + 1 == b.elementBytes ? 0x7f : 0xff;
      uint8_t expected = from < 0 ? fill : mix(uint64_t(from) + i);
      ASSERT_EQ(run.out[place + i], expected) << describe(b) << " tile byte " << place + i;
    }
  });
}

void expectStored(const Box &b, const TensorRun &run) {
  ASSERT_TRUE(run.kinds.empty()) << run.text << describe(b);
  std::vector<uint8_t> expected(b.extent());
  for (uint64_t i = 0; i < expected.size(); ++i)
    expected[i] = mix(i);
  eachElement(b, [&](int64_t to, uint32_t place) {
    for (uint32_t i = 0; to >= 0 && i < b.elementBytes; ++i)
      expected[uint64_t(to) + i] = tileByte(place + i);
  });
  ASSERT_EQ(run.tensor, expected) << describe(b);
}

AsyncLaunch someSchedule(std::mt19937 &random) {
  AsyncLaunch how;
  how.schedule = random() % 5, how.asyncPoint = random() % 3, how.seed = random();
  return how;
}

TEST(Tensor, BoxesAgainstTheFormula) {
  std::mt19937 random(11);
  for (uint32_t swizzle = 0; swizzle < 4; ++swizzle)
    for (uint32_t rank = 1; rank <= 5; ++rank)
      for (uint32_t elementBytes : {1u, 2u, 4u, 8u})
        for (int draw = 0; draw < 4; ++draw) {
          Box b = randomBox(random, rank, elementBytes, swizzle);
          expectLoaded(b, runTensor(loadBox(b), b, someSchedule(random)));
          expectStored(b, runTensor(storeBox(b), b, someSchedule(random)));
          if (HasFatalFailure())
            return;
        }
}

/// 8 x 12 x 3 elements of f32, a box of 8 x 8 x 2.
Box smallBox(uint32_t swizzle = 1) {
  Box b;
  b.elementBytes = 4;
  b.map = tensorMapOf(7, 3, 0);
  b.map.swizzle = swizzle;
  uint32_t size[] = {8, 12, 3}, box[] = {8, 8, 2};
  for (uint32_t d = 0; d < 3; ++d)
    b.map.size[d] = size[d], b.map.box[d] = box[d];
  b.map.stride_bytes[0] = 32, b.map.stride_bytes[1] = 32 * 12 + 16;
  return b;
}

TEST(Tensor, OutsideOnEverySide) {
  for (uint32_t fill : {0u, 1u})
    for (int32_t x : {-9, -8, -3, 0, 3, 7, 8, 1 << 30})
      for (int32_t y : {-8, -5, 0, 4, 7, 12, -2147483647})
        for (int32_t z : {-2, -1, 0, 1, 2, 3}) {
          Box b = smallBox();
          b.map.oob_fill = fill;
          b.at[0] = x, b.at[1] = y, b.at[2] = z;
          expectLoaded(b, runTensor(loadBox(b), b));
          if (fill == 0)
            expectStored(b, runTensor(storeBox(b), b));
          if (HasFatalFailure())
            return;
        }
}

TEST(Tensor, AllSchedulesAndPoints) {
  Box b = smallBox(0);
  b.at[1] = 6;
  underAllSchedules(loadBox(b), b, [&](const TensorRun &run) { expectLoaded(b, run); });
  underAllSchedules(storeBox(b), b, [&](const TensorRun &run) { expectStored(b, run); });
  underAllSchedules(loadBox(b, "%gmap"), b, [&](const TensorRun &run) { expectLoaded(b, run); });
  underAllSchedules(loadBox(b, "pmap"), b, [&](const TensorRun &run) { expectLoaded(b, run); });
  std::string policy = replaced(replaced(loadBox(b), "bytes [%tile]", "bytes.L2::cache_hint [%tile]"),
                                "}], [%bar];", "}], [%bar], %l9;");
  underAllSchedules("mov.u64 %l9, 0;\n" + policy, b, [&](const TensorRun &run) { expectLoaded(b, run); });
  std::string own = replaced(replaced(loadBox(b), "shared::cluster", "shared::cta"), ".tile", "");
  underAllSchedules(own, b, [&](const TensorRun &run) { expectLoaded(b, run); });
}

/// Nine rows of 16 bytes: by the 128-byte swizzle the last one lies in the second unit of its line.
TEST(Tensor, NarrowSwizzledBoxLeavesGaps) {
  Box b;
  b.map = tensorMapOf(0, 2, 0);
  b.map.swizzle = 3;
  b.map.size[0] = b.map.box[0] = 16, b.map.size[1] = b.map.box[1] = 9, b.map.stride_bytes[0] = 16;
  std::string body = loadBox(b);
  body = body.substr(0, body.find("mul.lo.u32 %r2")) + "ld.shared.u8 %r1, [%tile+144];\n"
         "st.global.u8 [%out], %r1;\n";
  underAllSchedules(body, b, [](const TensorRun &run) { ASSERT_EQ(run.out[0], mix(128)); });
  expectBrokenTensor(replaced(body, "tile+144", "tile+128"), b, CAMEO_PTX_F_UNINITIALISED);
}

TEST(Tensor, ThatIsNoTensorMap) {
  Box b = smallBox();
  expectBrokenTensor(loadBox(b, "%in"), b, CAMEO_PTX_F_TENSOR_MAP,
                     {"these 128 bytes are no tensor map (at 'in')", "tensor_map_encode"});
  expectBrokenTensor("st.global.u32 [%gmap+40], 1;\n" + loadBox(b, "%gmap"), b,
                     CAMEO_PTX_F_TENSOR_MAP, {"were changed since it was encoded (at 'maps')"});
  expectBrokenTensor(loadBox(b, "%gmap+192"), b, CAMEO_PTX_F_TENSOR_MAP,
                     {"no 128 bytes for a tensor map at 'maps'+192"});
  expectBrokenTensor(loadBox(b, "%map+64"), b, CAMEO_PTX_F_TENSOR_MAP, {"offset 64 of the parameters"});
  expectBrokenTensor(loadBox(b, "%gmap+32"), b, CAMEO_PTX_F_MISALIGNED,
                     {"'maps'+32 is not at a multiple of 64"});
  expectBrokenTensor("cvt.u64.u32 %l3, %tile;\ncvta.shared.u64 %l3, %l3;\n" + loadBox(b, "%l3"), b,
                     CAMEO_PTX_F_TENSOR_MAP, {".param, .const or .global"});
  expectBrokenTensor(loadBox(b, "0"), b, CAMEO_PTX_F_NULL);
}

TEST(Tensor, WrongRank) {
  Box b = smallBox(), flat = b;
  flat.map.rank = 2;
  expectBrokenTensor(loadBox(flat), b, CAMEO_PTX_F_TENSOR_MAP,
                     {"has rank 3, the instruction takes one of rank 2"});
  expectBrokenTensor(storeBox(flat), b, CAMEO_PTX_F_TENSOR_MAP, {"rank 3"});
  expectBrokenTensor("cp.async.bulk.prefetch.tensor.1d.L2.global.tile [%map, {0}];\n", b,
                     CAMEO_PTX_F_TENSOR_MAP, {"takes one of rank 1"});
  underAllSchedules("cp.async.bulk.prefetch.tensor.3d.L2.global [%map, {0, -5, %t}];\n", b,
                    [](const TensorRun &) {});
}

TEST(Tensor, SharedAddressAndBounds) {
  Box b = smallBox();
  expectBrokenTensor(replaced(loadBox(b), "[%tile], [%map", "[%tile+64], [%map"), b,
                     CAMEO_PTX_F_MISALIGNED, {"'tile'+64 is not at a multiple of 128"});
  expectBrokenTensor(replaced(loadBox(b), "[%tile], [%map", "[%tile+16128], [%map"), b,
                     CAMEO_PTX_F_OUT_OF_BOUNDS, {"'tile'"});
  expectBrokenTensor(replaced(storeBox(b), "], [%tile]", "], [%tile+16]"), b, CAMEO_PTX_F_MISALIGNED);
  // The allocation is smaller than the tensor that the map describes.
  std::vector<uint8_t> small(b.extent() - 4);
  TensorRun run = runTensor(loadBox(b), b, {}, small);
  EXPECT_TRUE(run.kinds.empty()) << run.text; // this box does not reach it
  b.at[1] = 4, b.at[2] = 1;
  run = runTensor(loadBox(b), b, {}, small);
  ASSERT_FALSE(run.kinds.empty());
  EXPECT_EQ(run.kinds[0], CAMEO_PTX_F_OUT_OF_BOUNDS);
  EXPECT_NE(run.text.find("0 bytes beyond the end of 'in'"), std::string::npos) << run.text;
}

TEST(Tensor, BytesOfTheBarrier) {
  Box b = smallBox();
  b.at[1] = 10; // most of the box is outside, and counts
  expectLoaded(b, runTensor(loadBox(b), b));
  expectBrokenTensor(replaced(loadBox(b), "_, [%bar], 512", "_, [%bar], 384"), b, CAMEO_PTX_F_MBARRIER,
                     {"128 bytes more than phase 0 expects"});
  expectBrokenTensor(replaced(loadBox(b), "_, [%bar], 512", "_, [%bar], 528"), b, CAMEO_PTX_F_DEADLOCK,
                     {"16 bytes missing"});
  expectBrokenTensor(replaced(loadBox(b), "@!%p bra W;", ""), b, CAMEO_PTX_F_ASYNC_IN_FLIGHT,
                     {"the bulk copy of line"});
  expectBrokenTensor(replaced(loadBox(b), "[%bar], 0;\n", "[%bar], 1;\n"), b, CAMEO_PTX_F_ASYNC_IN_FLIGHT);
  expectBrokenTensor(replaced(loadBox(b), "W:\n", "W:\n@%first st.shared.u32 [%tile+256], %t;\n"), b,
                     CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"is stored to while"});
}

TEST(Tensor, StoresAndTheirSource) {
  Box b = smallBox();
  std::string body = storeBox(b);
  expectBrokenTensor(without(body, "fence.proxy.async"), b, CAMEO_PTX_F_PROXY,
                     {"without a fence.proxy.async between"});
  expectBrokenTensor(without(body, "wait_group.read"), b, CAMEO_PTX_F_ASYNC_LEFT);
  expectBrokenTensor(replaced(body, "wait_group.read 0", "wait_group.read 1"), b, CAMEO_PTX_F_ASYNC_SOURCE);
  expectBrokenTensor(replaced(body, "%r2, 512", "%r2, 480"), b, CAMEO_PTX_F_UNINITIALISED);
  // What is outside of the tensor need not be there.
  b.at[2] = 2;
  TensorRun run = runTensor(replaced(storeBox(b), "%r2, 512", "%r2, 256"), b);
  expectStored(b, run);
}

TEST(Tensor, MapThatChangesWhileACopyIsPending) {
  Box b = smallBox();
  std::string change = "@%first st.global.u32 [%gmap+100], 3;\n";
  std::string load = loadBox(b, "%gmap"), store = replaced(storeBox(b), "%map", "%gmap");
  for (uint32_t point : {CAMEO_PTX_ASYNC_LATEST, CAMEO_PTX_ASYNC_EARLIEST}) {
    AsyncLaunch how;
    how.asyncPoint = point;
    expectBrokenTensor(replaced(load, "W:\n", "W:\n" + change), b, CAMEO_PTX_F_TENSOR_MAP,
                       {"the tensor map at 'maps' was changed while this copy was pending"}, how);
    expectBrokenTensor(replaced(store, "cp.async.bulk.wait", change + "cp.async.bulk.wait"), b,
                       CAMEO_PTX_F_TENSOR_MAP, {"was changed while"}, how);
  }
  underAllSchedules(load + change, b, [&](const TensorRun &run) { expectLoaded(b, run); });
  // That its source was read is not enough.
  expectBrokenTensor(store + change, b, CAMEO_PTX_F_TENSOR_MAP, {"was changed while"});
  underAllSchedules(replaced(store, "wait_group.read", "wait_group") + change, b,
                    [&](const TensorRun &run) { expectStored(b, run); });
}

TEST(Tensor, Reductions) {
  Box b = smallBox(0);
  b.map.element_type = 2; // u32
  b.at[1] = 7;
  AsyncLaunch four;
  four.blocks = 4;
  std::vector<uint8_t> expected(b.extent());
  for (uint64_t i = 0; i < expected.size(); ++i)
    expected[i] = mix(i);
  eachElement(b, [&](int64_t to, uint32_t place) {
    uint32_t value;
    if (to < 0)
      return;
    std::memcpy(&value, &expected[uint64_t(to)], 4);
    value += 4 * (place / 4 * 77 + 5);
    std::memcpy(&expected[uint64_t(to)], &value, 4);
  });
  underAllSchedules(storeBox(b, ".add"), b,
                    [&](const TensorRun &run) { ASSERT_EQ(run.tensor, expected); }, four);
  b.map.element_type = 7;
  expectBrokenTensor(storeBox(b, ".min"), b, CAMEO_PTX_F_TENSOR_MAP,
                     {"a reduction by min of elements of type .f32"});
  expectBrokenTensor(storeBox(b, ".xor"), b, CAMEO_PTX_F_TENSOR_MAP, {"by xor"});
}

TEST(Tensor, Fences) {
  Box b = smallBox();
  underAllSchedules("fence.proxy.tensormap::generic.release.gpu;\n"
                    "fence.proxy.tensormap::generic.acquire.gpu [%gmap], 128;\n" + loadBox(b, "%gmap"),
                    b, [&](const TensorRun &run) { expectLoaded(b, run); });
}

TEST(Tensor, Refusals) {
  auto refused = [](const std::string &body, const std::string &text) {
    Module module(tensorKernel(body));
    EXPECT_FALSE(module) << body;
    EXPECT_NE(module.errors().find(text), std::string::npos) << module.errors();
  };
  std::string load = "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes";
  refused(load + " [%tile], [%map, {%t}], [%bar];", "takes a tensor map and 2 coordinates");
  refused(load + " [%tile], [%map], [%bar];", "takes a tensor map and 2 coordinates");
  refused(load + " [%tile], [%map, {%t, %l1}], [%bar];", "32 bits");
  refused(load + ".multicast::cluster [%tile], [%map, {%t, %t}], [%bar], %r1;", "takes 16 bits");
  refused(load + " [%tile], [%map, {%t, %t}];", "takes 3");
  refused(replaced(load, ".global", ".global.im2col::w") + " [%tile], [%map, {%t, %t}], [%bar], {%r1};",
          "'.im2col::w'");
  refused(replaced(load, ".global", ".global.tile::gather4") + " [%tile], [%map, {%t, %t}], [%bar];",
          "'.tile::gather4'");
  refused(replaced(load, ".2d", "") + " [%tile], [%map, {%t, %t}], [%bar];", "this form");
  refused(replaced(load, ".mbarrier::complete_tx::bytes", ".bulk_group") +
              " [%map, {%t, %t}], [%tile];", "this form");
  refused("fence.proxy.tensormap::generic.acquire.gpu [%map], 64;", "128");
  refused("fence.proxy.tensormap::generic.release;", "a scope");
}

} // namespace
} // namespace cameo::ptx::test
