// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps through the interface: what is encoded comes back; every field that the driver's
// encoder refuses is refused with its name; bytes from elsewhere are no map.
#include "TensorHarness.h"

namespace cameo::ptx::test {
namespace {

cameo_ptx_tensor_map sample() {
  cameo_ptx_tensor_map map = tensorMapOf(6, 3, 0x700000100ull); // f16
  for (uint32_t d = 0; d < 3; ++d)
    map.size[d] = 100 + d, map.box[d] = 16 << d, map.element_stride[d] = 1 + d;
  map.stride_bytes[0] = 224, map.stride_bytes[1] = 224 * 101;
  map.swizzle = 3, map.l2_promotion = 2, map.oob_fill = 1;
  return map;
}

TEST(TensorMap, ComesBack) {
  cameo_ptx_tensor_map map = sample(), back{};
  TensorMapBytes bytes;
  ASSERT_EQ(encodeTensorMap(map, bytes), "");
  back.struct_size = sizeof back;
  ASSERT_EQ(api().tensor_map_decode(bytes.bytes, &back, nullptr), CAMEO_PTX_OK);
  // Dimensions beyond the rank come back as nothing.
  for (uint32_t d = map.rank; d < 5; ++d)
    map.size[d] = map.box[d] = map.element_stride[d] = 0;
  EXPECT_EQ(std::memcmp(&map, &back, sizeof map), 0);
  cameo_ptx_tensor_map largest = tensorMapOf(8, 5, 16);
  for (uint32_t d = 0; d < 5; ++d) {
    largest.size[d] = uint64_t(1) << 32, largest.box[d] = 256, largest.element_stride[d] = 8;
    if (d)
      largest.stride_bytes[d - 1] = (uint64_t(1) << 40) - 16;
  }
  EXPECT_EQ(encodeTensorMap(largest, bytes), "");
  ASSERT_EQ(api().tensor_map_decode(bytes.bytes, &back, nullptr), CAMEO_PTX_OK);
  EXPECT_EQ(std::memcmp(&largest, &back, sizeof back), 0);
}

TEST(TensorMap, EachFieldIsHeldToItsRule) {
  auto refused = [](const std::string &text, auto change) {
    cameo_ptx_tensor_map map = sample();
    change(map);
    TensorMapBytes bytes;
    std::string error = encodeTensorMap(map, bytes);
    EXPECT_NE(error.find(text), std::string::npos) << text << " is not in: " << error;
  };
  auto accepted = [](auto change) {
    cameo_ptx_tensor_map map = sample();
    change(map);
    TensorMapBytes bytes;
    EXPECT_EQ(encodeTensorMap(map, bytes), "");
  };
  using M = cameo_ptx_tensor_map;
  refused("element type is 13", [](M &m) { m.element_type = 13; });
  refused("rank is 0", [](M &m) { m.rank = 0; });
  refused("rank is 6", [](M &m) { m.rank = 6; });
  refused("interleaving is 1", [](M &m) { m.interleave = 1; });
  refused("swizzle is 4", [](M &m) { m.swizzle = 4; });
  refused("L2 promotion is 4", [](M &m) { m.l2_promotion = 4; });
  refused("fill outside of the tensor is 2", [](M &m) { m.oob_fill = 2; });
  refused("is NaN, and elements of type .u16", [](M &m) { m.element_type = 1; });
  accepted([](M &m) { m.element_type = 1, m.oob_fill = 0; });
  refused("global address", [](M &m) { m.address += 8; });
  refused("global address", [](M &m) { m.address = 0; });
  refused("size of dimension 2 is 0", [](M &m) { m.size[2] = 0; });
  refused("size of dimension 0 is 4294967297", [](M &m) { m.size[0] = (uint64_t(1) << 32) + 1; });
  accepted([](M &m) { m.size[0] = uint64_t(1) << 32; });
  refused("stride of dimension 1 is 232", [](M &m) { m.stride_bytes[0] = 232; });
  refused("stride of dimension 2", [](M &m) { m.stride_bytes[1] = uint64_t(1) << 40; });
  accepted([](M &m) { m.stride_bytes[1] = (uint64_t(1) << 40) - 16; });
  refused("box of dimension 1 is 0", [](M &m) { m.box[1] = 0; });
  refused("box of dimension 1 is 257", [](M &m) { m.box[1] = 257; });
  accepted([](M &m) { m.box[1] = 256; });
  refused("element stride of dimension 2 is 9", [](M &m) { m.element_stride[2] = 9; });
  refused("element stride of dimension 1 is 0", [](M &m) { m.element_stride[1] = 0; });
  refused("24 bytes wide; that has to be a multiple of 16", [](M &m) { m.box[0] = 12; });
  refused("144 bytes wide; with this swizzle at most 128", [](M &m) { m.box[0] = 72; });
  accepted([](M &m) { m.box[0] = 72, m.swizzle = 0; });
  refused("at most 64", [](M &m) { m.box[0] = 40, m.swizzle = 2; });
  refused("at most 32", [](M &m) { m.box[0] = 24, m.swizzle = 1; });
  accepted([](M &m) { m.box[0] = 16, m.swizzle = 1; });
  // What is beyond the rank is not looked at.
  accepted([](M &m) { m.rank = 2, m.box[2] = 0, m.stride_bytes[1] = 7, m.size[2] = 0; });
  // A stride that is no multiple of the one before: permuted tensors have it.
  accepted([](M &m) { m.stride_bytes[1] = 112; });
}

TEST(TensorMap, OtherBytesAreNoMap) {
  TensorMapBytes bytes;
  cameo_ptx_tensor_map map{};
  map.struct_size = sizeof map;
  cameo_ptx_text *text = nullptr;
  EXPECT_EQ(api().tensor_map_decode(bytes.bytes, &map, &text), CAMEO_PTX_BAD_ARGUMENT);
  EXPECT_NE(std::string(api().text_data(text)).find("no tensor map"), std::string::npos);
  api().text_destroy(text);
  ASSERT_EQ(encodeTensorMap(sample(), bytes), "");
  for (unsigned bit = 0; bit < 1024; ++bit) {
    bytes.bytes[bit / 8] ^= 1 << bit % 8;
    EXPECT_EQ(api().tensor_map_decode(bytes.bytes, &map, nullptr), CAMEO_PTX_BAD_ARGUMENT) << bit;
    bytes.bytes[bit / 8] ^= 1 << bit % 8;
  }
  EXPECT_EQ(api().tensor_map_decode(bytes.bytes, &map, nullptr), CAMEO_PTX_OK);
  EXPECT_EQ(api().tensor_map_encode(nullptr, bytes.bytes, nullptr), CAMEO_PTX_BAD_ARGUMENT);
  EXPECT_EQ(api().tensor_map_decode(nullptr, &map, nullptr), CAMEO_PTX_BAD_ARGUMENT);
}

/// Addresses are the same from run to run: a map can be written into the text.
TEST(TensorMap, InConstantAndGlobalVariables) {
  for (const char *space : {".const", ".global"}) {
    Memory memory;
    std::vector<uint32_t> words(32);
    for (uint32_t i = 0; i < 32; ++i)
      words[i] = 7 * i;
    Box box;
    box.elementBytes = 4;
    box.map = tensorMapOf(2, 1, memory.upload(words, "in"));
    box.map.size[0] = box.map.box[0] = 32;
    uint64_t out = memory.upload(std::vector<uint32_t>(32, 1), "out");
    TensorMapBytes bytes;
    ASSERT_EQ(encodeTensorMap(box.map, bytes), "");
    std::string variable = std::string(space) + " .align 64 .b8 held[128] = {";
    for (uint8_t byte : bytes.bytes)
      variable += (variable.back() == '{' ? "" : ", ") + std::to_string(byte);
    Module module(replaced(tensorKernel(loadBox(box, "held")), ".visible", variable + "};\n.visible"));
    ASSERT_TRUE(module) << module.errors();
    Arguments arguments;
    arguments.add(bytes).add(out).add(out).add(out);
    Result result = run(module, "k", memory, launchOf(1, 32, arguments));
    EXPECT_EQ(result.findingCount(), 0u) << result.text();
    EXPECT_EQ(memory.download<uint32_t>(out, 32), words) << space;
  }
}

} // namespace
} // namespace cameo::ptx::test
