// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps of a launch file: the arguments of cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col under their
// names. Which values are legal together is the machine's to say (cameo_ptx.h); here only their form is read.

#include "SimLaunch.h"

#include "cameo/Ptx/Machine.h"

#include "llvm/ADT/StringSwitch.h"

#include <algorithm>

using namespace llvm;

namespace cameo::tool {

namespace {

/// The number that the driver gives an element type, by any of its names.
std::optional<uint32_t> elementType(StringRef text) {
  std::string lower = text.lower();
  StringRef name = lower;
  name.consume_front("cu_tensor_map_data_type_");
  auto number = StringSwitch<std::optional<uint32_t>>(name)
                    .Cases({"float32_ftz", "f32_ftz"}, 10)
                    .Cases({"tf32", "tfloat32"}, 11)
                    .Cases({"tf32_ftz", "tfloat32_ftz"}, 12)
                    .Default(std::nullopt);
  if (number)
    return number;
  switch (launchDType(name).value_or(DType::undefined)) {
  case DType::u8:
  case DType::i8:
  case DType::boolean:
  case DType::f8e4m3fn:
  case DType::f8e5m2: return 0; // bytes
  case DType::u16:
  case DType::i16: return 1;
  case DType::u32: return 2;
  case DType::i32: return 3;
  case DType::u64: return 4;
  case DType::i64: return 5;
  case DType::f16: return 6;
  case DType::f32: return 7;
  case DType::f64: return 8;
  case DType::bf16: return 9;
  default: return std::nullopt;
  }
}

struct Choice {
  StringRef text;
  uint32_t number;
};

/// A number of the driver, or its name with or without the driver's prefix. The first by default.
uint32_t choose(Fields &fields, StringRef key, StringRef prefix, ArrayRef<Choice> choices) {
  const json::Value *value = fields.find(key);
  if (!value || value->kind() == json::Value::Null)
    return choices.front().number;
  std::string lower = value->getAsString().value_or("").lower();
  StringRef text = lower;
  text.consume_front(prefix);
  for (const Choice &choice : choices)
    if (value->getAsString() ? text == choice.text : value->getAsInteger() == int64_t(choice.number))
      return choice.number;
  std::string names;
  for (const Choice &choice : choices)
    names += (names.empty() ? "" : ", ") + choice.text.str();
  fields.bad(key, "expected one of " + names);
  return choices.front().number;
}

/// `count` numbers that are not negative; `count` is known from `dims`, which gives it where it is 0.
template <typename T> size_t numbers(Fields &fields, StringRef key, size_t count, T *out, size_t most) {
  const json::Value *value = fields.need(key);
  const json::Array *array = value ? value->getAsArray() : nullptr;
  if (!value)
    return 0;
  bool good = array && array->size() <= most && (!count || array->size() == count);
  for (size_t i = 0; good && i < array->size(); ++i) {
    std::optional<int64_t> number = (*array)[i].getAsInteger();
    good = number && *number >= 0 && uint64_t(*number) <= uint64_t(T(-1));
    out[i] = T(number.value_or(0));
  }
  if (good)
    return array->size();
  fields.bad(key, "expected " + (count ? "" : std::string("1 to ")) + std::to_string(count ? count : most) + " sizes");
  return 0;
}

/// The corners of the pixel box, one number for each dimension but channels and images.
void corners(Fields &fields, StringRef key, size_t count, int32_t *out) {
  const json::Value *value = fields.need(key);
  const json::Array *array = value ? value->getAsArray() : nullptr;
  if (!value)
    return;
  bool good = array && array->size() == count;
  for (size_t i = 0; good && i < count; ++i) {
    std::optional<int64_t> number = (*array)[i].getAsInteger();
    good = number && *number >= INT16_MIN && *number <= INT16_MAX;
    out[i] = int32_t(number.value_or(0));
  }
  if (!good)
    fields.bad(key, "expected " + Twine(count) + " offsets of 16 bits");
}

void readPixelBox(Fields &fields, size_t rank, cameo_ptx_tensor_map &map) {
  map.mode = 1;
  size_t spatial = rank > 2 ? rank - 2 : 0;
  if (!spatial)
    fields.bad("dims", "im2col is for 3 to 5 dimensions");
  else
    corners(fields, "pixel_box_lower_corner", spatial, map.pixel_box_lower_corner),
        corners(fields, "pixel_box_upper_corner", spatial, map.pixel_box_upper_corner);
  map.channels_per_pixel = uint32_t(fields.integer("channels_per_pixel", 1, 256).value_or(1));
  map.pixels_per_column = uint32_t(fields.integer("pixels_per_column", 1, 1024).value_or(1));
  const json::Value *box = fields.find("box");
  if (const json::Array *array = box ? box->getAsArray() : nullptr; array && !array->empty())
    fields.bad("box", "a map of mode im2col has no box");
}

} // namespace

bool readTensorMap(Fields &fields, cameo_ptx_tensor_map &map) {
  size_t before = fields.problems.all().size();
  auto mode = fields.string("mode", false);
  bool im2col = mode && *mode == "im2col";
  if (mode && *mode != "tile" && *mode != "tiled" && !im2col) {
    fields.bad("mode", "'" + *mode + "': the machine has tensor maps of mode tile and im2col", unsupported);
    fields.ignoreAll();
    return false;
  }
  if (!im2col)
    for (StringRef key : {"pixel_box_lower_corner", "pixel_box_upper_corner", "channels_per_pixel", "pixels_per_column"})
      fields.ignore(key);
  map = ptx::tensorMapOf(0, 1, 256);
  if (auto type = fields.string("dtype")) {
    if (auto number = elementType(*type))
      map.element_type = *number;
    else
      fields.bad("dtype", "'" + *type + "' is no element type of a tensor map");
  }
  size_t rank = numbers(fields, "dims", 0, map.size, 5);
  map.rank = uint32_t(rank);
  if (auto given = fields.integer("rank", 1, 5, false); given && rank && size_t(*given) != rank)
    fields.bad("rank", "is " + Twine(*given) + ", there are " + Twine(rank) + " dims");
  if (rank > 1)
    numbers(fields, "strides_bytes", rank - 1, map.stride_bytes, 4);
  else
    fields.find("strides_bytes");
  if (im2col)
    readPixelBox(fields, rank, map);
  else if (rank)
    numbers(fields, "box", rank, map.box, 5);
  else
    fields.find("box");
  std::fill(map.element_stride, map.element_stride + 5, 1);
  if (fields.find("element_strides") && rank)
    numbers(fields, "element_strides", rank, map.element_stride, 5);
  map.interleave = choose(fields, "interleave", "cu_tensor_map_interleave_",
                          {{"none", 0}, {"16b", 1}, {"32b", 2}});
  map.swizzle = choose(fields, "swizzle", "cu_tensor_map_swizzle_",
                       {{"none", 0}, {"32b", 1}, {"64b", 2}, {"128b", 3}});
  map.l2_promotion = choose(fields, "l2_promotion", "cu_tensor_map_l2_promotion_",
                            {{"none", 0}, {"l2_64b", 1}, {"l2_128b", 2}, {"l2_256b", 3}});
  map.oob_fill = choose(fields, "oob_fill", "cu_tensor_map_float_oob_fill_",
                        {{"none", 0}, {"zero", 0}, {"zeros", 0}, {"nan", 1}, {"nan_request_zero_fma", 1}});
  if (fields.problems.all().size() != before)
    return false;
  ptx::TensorMapBytes bytes;
  std::string error = ptx::encodeTensorMap(map, bytes); // at an address that is aligned as a buffer's
  if (!error.empty())
    fields.problems.add(fields.path, error);
  return error.empty();
}

} // namespace cameo::tool
