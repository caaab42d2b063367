// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Maps that a kernel makes or changes: every field of tensormap.replace in shared and in global memory,
// tensormap.cp_fenceproxy, the fences, and what is found where one of them is missing.
#include "TensorHarness.h"

namespace cameo::ptx::test {
namespace {

Box rows(uint32_t width, uint32_t height) {
  Box box;
  box.elementBytes = 4;
  box.map = tensorMapOf(7, 2, 256);
  box.map.size[0] = 24, box.map.size[1] = 20, box.map.stride_bytes[0] = 96;
  box.map.box[0] = width, box.map.box[1] = height;
  return box;
}

std::string set(const std::string &where, const std::string &field, const std::string &values, bool wide = false) {
  return "tensormap.replace.tile." + field + where + ".b1024.b" + (wide ? "64" : "32") + " [%m], " + values + ";\n";
}

/// All fields of the map of `rows(8, 4)` at %m; the types are those of PTX's table.
std::string allFields(const std::string &where) {
  return set(where, "global_address", "%in", true) + set(where, "rank", "1") + set(where, "box_dim", "0, 8") +
         set(where, "box_dim", "1, 4") + set(where, "global_dim", "0, 24") + set(where, "global_dim", "1, 20") +
         set(where, "global_stride", "0, 96", true) + set(where, "element_stride", "0, 1") +
         set(where, "element_stride", "1, 1") + set(where, "elemtype", "7") + set(where, "interleave_layout", "0") +
         set(where, "swizzle_mode", "0") + set(where, "swizzle_atomicity", "0") + set(where, "fill_mode", "0");
}

const std::string zeroed = ".shared .align 128 .b8 made[128];\n.reg .b32 %m, %z;\nmov.u32 %m, made;\nshl.b32 %z, %t, 2;\n"
                           "add.u32 %z, %z, %m;\nst.shared.u32 [%z], 0;\nbar.warp.sync -1;\n";
const std::string copied = "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned "
                           "[%gmap], [%m], 128;\n";
const std::string acquired = "fence.proxy.tensormap::generic.acquire.gpu [%gmap], 128;\n";

std::string guarded(const std::string &body) { return "@!%first bra MADE;\n" + body + "MADE:\nbar.warp.sync -1;\n"; }

void expectBox(const std::string &body, const Box &box) {
  underAllSchedules(body, box, [&](const TensorRun &run) {
    eachElement(box, [&](int64_t from, uint32_t place) {
      for (uint32_t b = 0; b < box.elementBytes; ++b)
        ASSERT_EQ(run.out[place + b], from < 0 ? 0 : mix(uint64_t(from) + b)) << place << body;
    });
  });
}

const std::string fromZero = zeroed + guarded(allFields(".shared::cta")) + copied + acquired;

TEST(TensorMapReplace, AMapFromZeroInSharedMemory) {
  Box box = rows(8, 4);
  box.at[0] = 4, box.at[1] = 18;
  expectBox(fromZero + loadBox(box, "%gmap"), box);
}

TEST(TensorMapReplace, FieldsOfAMapInGlobalMemory) {
  Box box = rows(8, 8), wanted = box;
  wanted.map.box[0] = 16, wanted.map.size[1] = 6, wanted.map.element_stride[1] = 2, wanted.map.swizzle = 2;
  std::string body = ".reg .b64 %m;\nmov.u64 %m, %gmap;\n" +
                     guarded(set(".global", "box_dim", "0, 16") + set(".global", "global_dim", "1, 6") +
                             set(".global", "element_stride", "1, 2") + set("", "swizzle_mode", "2") +
                             "fence.proxy.tensormap::generic.release.gpu;\n") + acquired + loadBox(wanted, "%gmap");
  underAllSchedules(body, box, [&](const TensorRun &run) {
    eachElement(wanted, [&](int64_t from, uint32_t place) {
      for (uint32_t b = 0; b < 4; ++b)
        ASSERT_EQ(run.out[place + b], from < 0 ? 0 : mix(uint64_t(from) + b)) << place << body;
    });
  });
  expectBrokenTensor(without(body, "generic.release"), box, CAMEO_PTX_F_PROXY, {"was changed by line", "generic.release since"});
  expectBrokenTensor(without(body, "generic.acquire"), box, CAMEO_PTX_F_PROXY, {"generic.acquire in this block"});
}

TEST(TensorMapReplace, TheFencesOfACopiedMap) {
  Box box = rows(8, 4);
  std::string body = fromZero + loadBox(box, "%gmap");
  expectBrokenTensor(without(body, "generic.acquire"), box, CAMEO_PTX_F_PROXY, {"generic.acquire in this block"});
  // The acquire of another address, or from before the change, is none.
  expectBrokenTensor(replaced(body, "acquire.gpu [%gmap]", "acquire.gpu [%gmap+128]"), box, CAMEO_PTX_F_PROXY);
  expectBrokenTensor(replaced(without(body, "generic.acquire"), copied, acquired + copied), box, CAMEO_PTX_F_PROXY);
}

TEST(TensorMapReplace, AMapThatOrdinaryStoresWrote) {
  Box box = rows(8, 4);
  std::string body = "shl.b32 %r1, %t, 2;\ncvt.u64.u32 %l1, %r1;\nadd.s64 %l2, %gmap, %l1;\nld.global.u32 %r2, [%l2];\n"
                     "st.global.u32 [%l2+128], %r2;\nfence.proxy.tensormap::generic.release.gpu;\nbar.warp.sync -1;\n"
                     "add.s64 %l3, %gmap, 128;\nfence.proxy.tensormap::generic.acquire.gpu [%l3], 128;\n" + loadBox(box, "%l3");
  expectBox(body, box);
  expectBrokenTensor(without(body, "generic.release"), box, CAMEO_PTX_F_PROXY, {"ordinary stores"});
  expectBrokenTensor(without(body, "generic.acquire"), box, CAMEO_PTX_F_PROXY);
}

TEST(TensorMapReplace, AChangeWhileACopyIsPending) {
  Box box = rows(8, 4);
  std::string load = loadBox(box, "%gmap");
  size_t wait = load.find("W:\n");
  std::string body = fromZero + load.substr(0, wait) + "@!%first bra W;\n.reg .b64 %g;\nmov.u64 %g, %gmap;\n"
                     "tensormap.replace.tile.global_dim.global.b1024.b32 [%g], 1, 3;\n" + load.substr(wait);
  expectBrokenTensor(body, box, CAMEO_PTX_F_TENSOR_MAP, {"was changed while this copy was pending"});
}

TEST(TensorMapReplace, Values) {
  Box box = rows(8, 4);
  auto broken = [&](const std::string &from, const std::string &to, const std::string &text) {
    expectBrokenTensor(replaced(fromZero + loadBox(box, "%gmap"), from, to), box, CAMEO_PTX_F_TENSOR_MAP, {text});
  };
  broken("rank.shared::cta.b1024.b32 [%m], 1", "rank.shared::cta.b1024.b32 [%m], 5", "the rank less one is 5");
  broken("[%m], 0, 8", "[%m], 5, 8", "the ordinal is 5");
  broken("[%m], 0, 8", "[%m], 0, 257", "the box is 257");
  broken("elemtype.shared::cta.b1024.b32 [%m], 7", "elemtype.shared::cta.b1024.b32 [%m], 13", "the element type is 13");
  broken("interleave_layout.shared::cta.b1024.b32 [%m], 0", "interleave_layout.shared::cta.b1024.b32 [%m], 1", "only 0 (none)");
  broken("swizzle_mode.shared::cta.b1024.b32 [%m], 0", "swizzle_mode.shared::cta.b1024.b32 [%m], 4", "the swizzle mode is 4");
  broken("fill_mode.shared::cta.b1024.b32 [%m], 0", "fill_mode.shared::cta.b1024.b32 [%m], 2", "the fill mode is 2");
  broken("[%m], 0, 96", "[%m], 0, 100", "the stride of dimension 1 is 100");
  broken("st.shared.u32 [%z], 0", "st.shared.u32 [%z], 1", "are no tensor map, and not all zero");
  expectBrokenTensor(replaced(fromZero + loadBox(box, "%gmap"), "st.shared.u32 [%z], 0;\n", ""), box, CAMEO_PTX_F_UNINITIALISED);
}

TEST(TensorMapReplace, Refusals) {
  for (const char *line :
       {"tensormap.replace.tile.rank.shared::cta.b1024.b64 [%tile], %l1;", "tensormap.replace.im2col.rank.global.b1024.b32 [%gmap], 1;",
        "tensormap.replace.tile.box_dim.global.b1024.b32 [%gmap], 1;", "tensormap.replace.tile.rank.global.b32 [%gmap], 1;",
        "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%gmap], [%tile], 64;",
        "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu [%gmap], [%tile], 128;"})
    EXPECT_FALSE(Module(tensorKernel(std::string(line) + "\n"))) << line;
}

} // namespace
} // namespace cameo::ptx::test
