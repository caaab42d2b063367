// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor copies in im2col mode against loops over images, rows and pixels: 3 to 5 dimensions, corners,
// offsets, element strides, fills, swizzles; stores; the fields of the map.
#include "TensorHarness.h"

namespace cameo::ptx::test {
namespace {

struct Column {
  Box box; ///< its map and its coordinates
  uint32_t offset[3] = {};

  uint32_t rowBytes() const { return box.map.channels_per_pixel * box.elementBytes; }
  uint32_t bytes() const { return rowBytes() * box.map.pixels_per_column; }
  std::string offsets() const {
    std::string text = "{";
    for (unsigned d = 0; d + 2 < box.map.rank; ++d)
      text += (d ? ", " : "") + std::to_string(offset[d]);
    return text + "}";
  }
};

/// `size` from channels to images; dense.
Column columnOf(uint32_t type, uint32_t elementBytes, std::vector<uint64_t> size, std::vector<int> lower,
                std::vector<int> upper, uint32_t channels, uint32_t pixels) {
  Column c;
  c.box.elementBytes = elementBytes;
  cameo_ptx_tensor_map &m = c.box.map;
  m = tensorMapOf(type, uint32_t(size.size()), 256);
  m.mode = 1, m.channels_per_pixel = channels, m.pixels_per_column = pixels;
  std::copy(size.begin(), size.end(), m.size);
  uint64_t stride = elementBytes;
  for (size_t d = 0; d + 1 < size.size(); ++d)
    m.stride_bytes[d] = stride *= size[d];
  std::copy(lower.begin(), lower.end(), m.pixel_box_lower_corner);
  std::copy(upper.begin(), upper.end(), m.pixel_box_upper_corner);
  return c;
}

/// The pixels of the tensor's whole bounding boxes in order, as loops give them; (w, h, d, n) each.
std::vector<std::vector<int64_t>> allPixels(const Column &c, int64_t images) {
  const cameo_ptx_tensor_map &m = c.box.map;
  unsigned spatial = m.rank - 2;
  auto range = [&](unsigned d) {
    std::vector<int64_t> at;
    if (d >= spatial)
      return std::vector<int64_t>{0};
    for (int64_t v = m.pixel_box_lower_corner[d]; v < int64_t(m.size[d + 1]) + m.pixel_box_upper_corner[d];
         v += m.element_stride[d + 1])
      at.push_back(v);
    return at;
  };
  std::vector<std::vector<int64_t>> all;
  for (int64_t n = 0; n < images; ++n)
    for (int64_t depth : range(2))
      for (int64_t h : range(1))
        for (int64_t w : range(0))
          all.push_back({w, h, depth, n});
  return all;
}

/// For each element of the column: its offset in the tensor, or -1.
template <typename F> void eachElement(const Column &c, F f) {
  const cameo_ptx_tensor_map &m = c.box.map;
  unsigned spatial = m.rank - 2;
  auto pixels = allPixels(c, int64_t(m.size[m.rank - 1]) + 64);
  std::vector<int64_t> first(4, 0);
  for (unsigned d = 0; d < spatial; ++d)
    first[d] = c.box.at[d + 1];
  first[3] = c.box.at[m.rank - 1];
  size_t start = size_t(std::find(pixels.begin(), pixels.end(), first) - pixels.begin());
  ASSERT_LT(start, pixels.size());
  for (uint32_t p = 0; p < m.pixels_per_column; ++p)
    for (uint32_t k = 0; k < m.channels_per_pixel; ++k) {
      const std::vector<int64_t> &pixel = pixels.at(start + p);
      int64_t channel = c.box.at[0] + int64_t(k), from = channel * c.box.elementBytes;
      bool inside = channel >= 0 && channel < int64_t(m.size[0]) && pixel[3] < int64_t(m.size[m.rank - 1]);
      for (unsigned d = 0; d < spatial; ++d) {
        int64_t at = pixel[d] + c.offset[d];
        inside = inside && at >= 0 && at < int64_t(m.size[d + 1]);
        from += at * int64_t(m.stride_bytes[d]);
      }
      from += pixel[3] * int64_t(m.stride_bytes[m.rank - 2]);
      f(inside ? from : -1, placeOf(m.swizzle, (p * m.channels_per_pixel + k) * c.box.elementBytes));
    }
}

std::string loadColumn(const Column &c) {
  Box sized = c.box; // for the number of bytes alone
  sized.map.rank = 2, sized.map.box[0] = c.box.map.channels_per_pixel, sized.map.box[1] = c.box.map.pixels_per_column;
  sized.map.element_stride[1] = 1;
  std::string body = loadBox(sized);
  size_t begin = body.find("cp.async.bulk.tensor"), end = body.find('\n', begin);
  return body.replace(begin, end - begin,
                      "cp.async.bulk.tensor" + c.box.form() +
                          ".shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%tile], [%map, " +
                          c.box.coordinates() + "], [%bar], " + c.offsets() + ";");
}

void expectColumn(const Column &c, bool everywhere = false) {
  std::string body = loadColumn(c);
  auto check = [&](const TensorRun &run) {
    ASSERT_TRUE(run.kinds.empty()) << run.text << body;
    static const uint8_t nan[] = {0xff, 0xff, 0xff, 0x7f};
    eachElement(c, [&](int64_t from, uint32_t place) {
      for (uint32_t b = 0; b < c.box.elementBytes; ++b) {
        uint8_t fill = c.box.map.oob_fill ? nan[(c.box.elementBytes == 2 ? 2 : 0) + b] : 0;
        ASSERT_EQ(run.out[place + b], from < 0 ? fill : mix(uint64_t(from) + b)) << place << "+" << b << "\n" << body;
      }
    });
  };
  if (everywhere)
    underAllSchedules(body, c.box, check);
  else
    check(runTensor(body, c.box));
}

TEST(Im2col, ThreeDimensions) {
  Column c = columnOf(6, 2, {16, 20, 3}, {-1}, {-1}, 8, 48); // f16; a filter of three
  for (int32_t w : {-1, 0, 7, 18})
    for (uint32_t offset : {0u, 1u, 2u})
      for (int32_t n : {0, 1, 2}) {
        c.box.at[0] = 8, c.box.at[1] = w, c.box.at[2] = n, c.offset[0] = offset;
        expectColumn(c);
      }
}

TEST(Im2col, FourDimensionsAreAConvolution) {
  Column c = columnOf(7, 4, {8, 9, 7, 2}, {-1, -1}, {-1, -1}, 8, 64); // f32, 3 x 3
  for (uint32_t r = 0; r < 3; ++r)
    for (uint32_t s = 0; s < 3; ++s)
      for (int32_t h : {-1, 2, 5}) {
        c.box.at[1] = -1, c.box.at[2] = h, c.box.at[3] = 0;
        c.offset[0] = s, c.offset[1] = r;
        expectColumn(c, r == 2 && s == 0 && h == 2);
      }
}

TEST(Im2col, StridesOfTheFilterSkipPixels) {
  Column c = columnOf(7, 4, {4, 11, 9, 3}, {-2, -1}, {-1, -2}, 4, 40);
  c.box.map.element_stride[1] = 2, c.box.map.element_stride[2] = 3;
  c.box.at[1] = 2, c.box.at[2] = 2, c.box.at[3] = 1;
  c.offset[0] = 4, c.offset[1] = 2;
  expectColumn(c, true);
}

TEST(Im2col, FiveDimensionsFillsAndSwizzles) {
  for (uint32_t swizzle = 0; swizzle < 4; ++swizzle)
    for (uint32_t fill : {0u, 1u}) {
      Column c = columnOf(6, 2, {16, 5, 4, 3, 2}, {-1, -1, -1}, {0, -1, -1}, 16, 100);
      c.box.map.swizzle = swizzle, c.box.map.oob_fill = fill;
      c.box.at[0] = 0, c.box.at[1] = -1, c.box.at[2] = 0, c.box.at[3] = -1, c.box.at[4] = 1;
      c.offset[0] = 1, c.offset[1] = 2, c.offset[2] = 1;
      expectColumn(c);
    }
}

TEST(Im2col, ChannelsBeyondTheTensor) {
  Column c = columnOf(0, 1, {48, 6, 6, 1}, {0, 0}, {0, 0}, 32, 16);
  c.box.at[0] = 32;
  expectColumn(c);
}

TEST(Im2col, RandomColumns) {
  std::mt19937 random(11);
  auto draw = [&](int least, int most) { return least + int(random() % unsigned(most - least + 1)); };
  for (int round = 0; round < 60; ++round) {
    unsigned rank = unsigned(draw(3, 5)), spatial = rank - 2;
    std::vector<uint64_t> size{uint64_t(4 * draw(1, 4))};
    std::vector<int> lower, upper;
    for (unsigned d = 0; d < spatial; ++d) {
      size.push_back(uint64_t(draw(3, 8)));
      lower.push_back(draw(-2, 1)), upper.push_back(draw(-1, 1));
    }
    size.push_back(uint64_t(draw(1, 3)));
    Column c = columnOf(7, 4, size, lower, upper, uint32_t(4 * draw(1, 2)), uint32_t(draw(1, 60)));
    for (unsigned d = 1; d <= spatial; ++d)
      c.box.map.element_stride[d] = uint32_t(draw(1, 2));
    auto pixels = allPixels(c, int64_t(size.back()));
    const auto &first = pixels[random() % pixels.size()];
    for (unsigned d = 0; d < spatial; ++d)
      c.box.at[d + 1] = int32_t(first[d]), c.offset[d] = uint32_t(draw(0, 3));
    c.box.at[rank - 1] = int32_t(first[3]);
    expectColumn(c);
  }
}

TEST(Im2col, Stores) {
  Column c = columnOf(7, 4, {8, 6, 5, 2}, {-1, 0}, {0, -1}, 8, 30);
  c.box.at[1] = 2, c.box.at[2] = 3;
  Box sized = c.box;
  sized.map.rank = 2, sized.map.box[0] = 8, sized.map.box[1] = 30;
  std::string body = storeBox(sized);
  body = replaced(body, "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%map, " + sized.coordinates(),
                  "cp.async.bulk.tensor.4d.global.shared::cta.im2col_no_offs.bulk_group [%map, " + c.box.coordinates());
  underAllSchedules(body, c.box, [&](const TensorRun &run) {
    std::vector<uint8_t> expected;
    for (uint64_t i = 0; i < c.box.extent(); ++i)
      expected.push_back(mix(i));
    eachElement(c, [&](int64_t to, uint32_t place) {
      for (uint32_t b = 0; b < 4 && to >= 0; ++b)
        expected[size_t(to) + b] = tileByte(place + b);
    });
    ASSERT_EQ(run.tensor, expected);
  });
}

TEST(Im2col, TheModeOfTheMapIsThatOfTheInstruction) {
  Column c = columnOf(7, 4, {8, 6, 5, 2}, {0, 0}, {0, 0}, 8, 16);
  std::string body = loadColumn(c), tile = replaced(body, ".im2col", ".tile");
  tile = replaced(tile, "[%bar], {0, 0};", "[%bar];");
  expectBrokenTensor(tile, c.box, CAMEO_PTX_F_TENSOR_MAP, {"is of mode im2col, the instruction takes one of mode tile"});
  Box box = c.box;
  box.map.mode = 0, box.map.box[0] = 8, box.map.box[1] = 16;
  box.map.channels_per_pixel = box.map.pixels_per_column = 0;
  expectBrokenTensor(body, box, CAMEO_PTX_F_TENSOR_MAP, {"is of mode tile, the instruction takes one of mode im2col"});
  EXPECT_FALSE(Module(tensorKernel(replaced(body, "{0, 0};", "{0};"))));
  EXPECT_FALSE(Module(tensorKernel(replaced(body, "[%bar], {0, 0};", "[%bar];"))));
}

TEST(Im2col, FieldsOfTheMap) {
  using Change = std::function<void(cameo_ptx_tensor_map &)>;
  const std::pair<const char *, Change> rows[] = {
      {"with this rank it has to be -128 to 127", [](auto &m) { m.pixel_box_lower_corner[0] = -129; }},
      {"with this rank it has to be -128 to 127", [](auto &m) { m.pixel_box_upper_corner[1] = 128; }},
      {"the pixel box is empty along dimension 1", [](auto &m) { m.pixel_box_upper_corner[0] = -20; }},
      {"a pixel has 0 channels", [](auto &m) { m.channels_per_pixel = 0; }},
      {"a pixel has 257 channels", [](auto &m) { m.channels_per_pixel = 257; }},
      {"a column has 0 pixels", [](auto &m) { m.pixels_per_column = 0; }},
      {"a column has 1025 pixels", [](auto &m) { m.pixels_per_column = 1025; }},
      {"bytes wide; that has to be a multiple of 16", [](auto &m) { m.channels_per_pixel = 3; }},
      {"with this swizzle at most 32", [](auto &m) { m.swizzle = 1, m.channels_per_pixel = 16; }},
      {"in im2col mode it has to be 3 to 5", [](auto &m) { m.rank = 2; }}};
  for (auto &[text, change] : rows) {
    Column c = columnOf(7, 4, {32, 6, 5, 2}, {0, 0}, {0, 0}, 8, 16);
    TensorMapBytes bytes;
    EXPECT_EQ(encodeTensorMap(c.box.map, bytes), "");
    change(c.box.map);
    EXPECT_NE(encodeTensorMap(c.box.map, bytes).find(text), std::string::npos) << text << encodeTensorMap(c.box.map, bytes);
  }
}

} // namespace
} // namespace cameo::ptx::test
