// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SimLaunch.h: what a buffer holds before the launch. Drawn numbers are those of the format, bit for bit,
// so that a reference in another language gets the same ones.

#include "SimLaunch.h"
#include "TensorFiles.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <cstring>

using namespace llvm;

namespace cameo::tool {

using host::HostTensor;

std::optional<DType> launchDType(StringRef text) {
  auto type = StringSwitch<std::optional<DType>>(text)
                  .Cases({"float", "float32", "fp32"}, DType::f32)
                  .Cases({"double", "float64", "fp64"}, DType::f64)
                  .Cases({"half", "float16", "fp16"}, DType::f16)
                  .Case("bfloat16", DType::bf16)
                  .Cases({"bool", "boolean"}, DType::boolean)
                  .Cases({"int8", "s8"}, DType::i8)
                  .Cases({"int16", "s16"}, DType::i16)
                  .Cases({"int32", "s32", "int"}, DType::i32)
                  .Cases({"int64", "s64"}, DType::i64)
                  .Cases({"uint8", "b8"}, DType::u8)
                  .Cases({"uint16", "b16"}, DType::u16)
                  .Cases({"uint32", "b32"}, DType::u32)
                  .Cases({"uint64", "b64"}, DType::u64)
                  .Cases({"e4m3", "f8e4m3", "float8_e4m3", "float8_e4m3fn", "fp8e4nv"}, DType::f8e4m3fn)
                  .Cases({"e5m2", "float8_e5m2", "fp8e5"}, DType::f8e5m2)
                  .Default(std::nullopt);
  if (!type)
    type = parseDType(text);
  return type && isReal(*type) && !isPacked(*type) ? type : std::nullopt;
}

namespace {

/// 31 random bits for element i.
uint64_t drawn(uint64_t seed, uint64_t i) {
  uint64_t z = seed * 0x100000001 + (i + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return (z ^ (z >> 31)) >> 33;
}

size_t bytesOf(const HostTensor &tensor) {
  return size_t(*byteSize(tensor.dtype(), tensor.numElements()));
}

/// The elements as they are, or a problem where the type cannot hold one.
template <typename T>
std::optional<HostTensor> exactly(Fields &fields, StringRef key, DType dtype, const host::Dims &dims,
                                  const std::vector<T> &values) {
  auto tensor = [&] {
    if constexpr (std::is_same_v<T, int64_t>)
      return HostTensor::ofIntegers(dtype, dims, values);
    else
      return HostTensor::ofDoubles(dtype, dims, values);
  }();
  auto back = tensor ? tensor->toDoubles() : host::Result<std::vector<double>>(tensor.status());
  if (!back) {
    fields.bad(key, back.message());
    return std::nullopt;
  }
  for (size_t i = 0; i < values.size(); ++i)
    if ((*back)[i] != double(values[i])) {
      fields.bad(key, Twine(name(dtype)) + " cannot hold element " + Twine(i) + " exactly");
      return std::nullopt;
    }
  return *tensor;
}

std::optional<HostTensor> integers(Fields &init, DType dtype, const host::Dims &dims, size_t count) {
  constexpr int64_t most = int64_t(1) << 52; // exact in double too
  auto seed = init.integer("seed", INT64_MIN, INT64_MAX), low = init.integer("lo", -most, most),
       high = init.integer("hi", -most, most);
  auto scale = init.number("scale", false);
  if (!seed || !low || !high)
    return std::nullopt;
  if (*low > *high) {
    init.bad("hi", "is below lo");
    return std::nullopt;
  }
  uint64_t range = uint64_t(*high - *low) + 1;
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = double(*low + int64_t(drawn(uint64_t(*seed), i) % range)) * scale.value_or(1);
  return exactly(init, "lo", dtype, dims, values);
}

std::optional<HostTensor> unit(Fields &init, DType dtype, const host::Dims &dims, size_t count) {
  auto seed = init.integer("seed", INT64_MIN, INT64_MAX);
  auto low = init.number("lo"), high = init.number("hi");
  if (!isFloat(dtype)) {
    init.bad("type", "'unit' is for floating-point types");
    return std::nullopt;
  }
  if (!seed || !low || !high)
    return std::nullopt;
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = float(*low + (*high - *low) * double(drawn(uint64_t(*seed), i) >> 7) / 16777216.0);
  auto tensor = HostTensor::ofDoubles(dtype, dims, values);
  return tensor ? std::optional(*tensor) : std::nullopt;
}

std::optional<HostTensor> halfBits(Fields &init, HostTensor tensor) {
  auto seed = init.integer("seed", INT64_MIN, INT64_MAX);
  auto low = init.integer("emin", 0, 31), high = init.integer("emax", 0, 31);
  if (bitWidth(tensor.dtype()) < 16) {
    init.bad("type", "'f16bits' is for elements of 16 bits and more");
    return std::nullopt;
  }
  if (!seed || !low || !high)
    return std::nullopt;
  if (*low > *high) {
    init.bad("emax", "is below emin");
    return std::nullopt;
  }
  auto *halves = static_cast<uint16_t *>(tensor.data());
  for (size_t i = 0; i < bytesOf(tensor) / 2; ++i) {
    uint64_t q = drawn(uint64_t(*seed), i / 2) >> (i % 2 ? 15 : 0) & 0x7fff;
    uint64_t exponent = uint64_t(*low) + (q >> 1) % uint64_t(*high - *low + 1);
    halves[i] = uint16_t((q & 1) << 15 | exponent << 10 | (q >> 6 & 1023));
  }
  return tensor;
}

std::optional<HostTensor> segments(Fields &init, DType dtype, const host::Dims &dims, size_t count) {
  auto seed = init.integer("seed", INT64_MIN, INT64_MAX), every = init.integer("every", 1, INT64_MAX);
  if (!seed || !every)
    return std::nullopt;
  std::vector<int64_t> values(count);
  int64_t running = 0;
  for (size_t i = 0; i < count; ++i)
    values[i] = running += drawn(uint64_t(*seed), i) % uint64_t(*every) == 0;
  return exactly(init, "every", dtype, dims, values);
}

/// Appends the leaves of nested lists; null: a value that is no number.
bool flatten(const json::Value &value, std::vector<const json::Value *> &leaves) {
  const json::Array *array = value.getAsArray();
  if (!array) {
    leaves.push_back(&value);
    return value.getAsNumber() || value.getAsBoolean() || value.getAsString();
  }
  return llvm::all_of(*array, [&](const json::Value &inner) { return flatten(inner, leaves); });
}

/// The element's bits as int64 (integers) or its value as double, if the type has it.
bool element(const json::Value &value, DType dtype, int64_t &bits, double &number) {
  if (!isFloat(dtype)) {
    if (auto truth = value.getAsBoolean())
      return bits = *truth, true;
    auto small = value.getAsInteger();
    auto large = value.getAsUINT64();
    if (small && *small >= minInteger(dtype) && (*small < 0 || uint64_t(*small) <= maxInteger(dtype)))
      return bits = *small, true;
    return large && *large <= maxInteger(dtype) && (bits = int64_t(*large), true);
  }
  if (auto text = value.getAsString()) {
    number = StringSwitch<double>(text->lower()).Case("inf", INFINITY).Case("-inf", -INFINITY).Default(NAN);
    return text->lower() == "nan" || !std::isnan(number);
  }
  return value.getAsNumber() && (number = *value.getAsNumber(), true);
}

std::optional<HostTensor> reshaped(Fields &fields, StringRef key, HostTensor tensor,
                                   const std::optional<host::Dims> &dims) {
  if (!dims)
    return tensor;
  if (*host::elementCount(*dims) != tensor.numElements()) {
    fields.bad(key, "has " + Twine(tensor.numElements()) + " elements, the shape " +
                        Twine(*host::elementCount(*dims)));
    return std::nullopt;
  }
  auto result = tensor.reshaped(*dims);
  return result ? std::optional(*result) : std::nullopt;
}

/// The bytes of the buffer, taken from what is left; false after a problem.
bool take(Fields &init, DType dtype, int64_t count, LaunchSource &source) {
  std::optional<int64_t> bytes = byteSize(dtype, count);
  if (bytes && uint64_t(*bytes) <= source.bytesLeft) {
    source.bytesLeft -= uint64_t(*bytes);
    return true;
  }
  init.problems.add(init.path, "the buffers need more memory than there is (see --memory-limit)", ioOrMemory);
  return false;
}

} // namespace

std::optional<HostTensor> tensorOfValues(Fields &fields, StringRef key, DType dtype) {
  const json::Value *value = fields.need(key);
  if (!value)
    return std::nullopt;
  std::vector<const json::Value *> leaves;
  if (!flatten(*value, leaves)) {
    fields.bad(key, "expected numbers");
    return std::nullopt;
  }
  std::vector<int64_t> bits(leaves.size());
  std::vector<double> numbers(leaves.size());
  for (size_t i = 0; i < leaves.size(); ++i)
    if (!element(*leaves[i], dtype, bits[i], numbers[i])) {
      fields.bad(key, "element " + Twine(i) + " is no " + name(dtype));
      return std::nullopt;
    }
  host::Dims dims = {int64_t(leaves.size())};
  auto tensor = isFloat(dtype) ? HostTensor::ofDoubles(dtype, dims, numbers)
                               : HostTensor::ofIntegers(dtype, dims, bits);
  return tensor ? std::optional(*tensor) : std::nullopt;
}

std::optional<HostTensor> tensorOfFile(Fields &fields, std::optional<DType> dtype, bool convertible,
                                       LaunchSource &source) {
  auto file = fields.string("file");
  auto stored = fields.string("stored_as", false);
  if (!file)
    return std::nullopt;
  auto bad = [&](const Twine &message) -> std::optional<HostTensor> {
    fields.bad("file", message);
    return std::nullopt;
  };
  bool outside = sys::path::is_absolute(*file);
  for (StringRef part : make_range(sys::path::begin(*file), sys::path::end(*file)))
    outside |= part == "..";
  if (!source.anywhere && (outside || !StringRef(*file).ends_with(".npy")))
    return bad("'" + *file + "': expected a .npy file beside launch.json");
  std::string path = source.folder.empty() || outside ? *file : source.folder + "/" + *file;
  uint64_t size = 0;
  if (!sys::fs::is_regular_file(path) || sys::fs::file_size(path, size))
    return bad("'" + path + "' is no file");
  if (size > source.bytesLeft)
    return bad("'" + path + "' is larger than the memory limit");
  auto read = readTensor(path);
  if (!read)
    return bad(read.message());
  HostTensor tensor = read->tensor;
  if (stored && launchDType(*stored) != tensor.dtype()) {
    fields.bad("stored_as", Twine("'") + *stored + "', but the file holds " + name(tensor.dtype()));
    return std::nullopt;
  }
  if (!isReal(tensor.dtype()) || isPacked(tensor.dtype()))
    return bad(Twine("holds ") + name(tensor.dtype()));
  if (!dtype || tensor.dtype() == *dtype)
    return tensor;
  if (stored && bitWidth(tensor.dtype()) == bitWidth(*dtype))
    return tensor.bitcast(*dtype);
  if (convertible)
    return tensor;
  return bad(Twine("holds ") + name(tensor.dtype()) + ", the buffer " + name(*dtype) +
             (bitWidth(tensor.dtype()) == bitWidth(*dtype) ? " (stored_as: the same bits)" : ""));
}

std::optional<HostTensor> initialTensor(Fields &init, std::optional<DType> dtype,
                                        const std::optional<host::Dims> &dims, LaunchSource &source,
                                        std::optional<uint8_t> &poison) {
  constexpr StringRef types[] = {"int",    "unit",  "f16bits", "sorted_segments",
                                 "values", "zeros", "poison",  "file"};
  auto type = init.choice("type", types);
  if (type == 7u) {
    auto tensor = tensorOfFile(init, dtype, false, source);
    if (!tensor || !take(init, tensor->dtype(), tensor->numElements(), source))
      return std::nullopt;
    return reshaped(init, "file", *tensor, dims);
  }
  if (!type || !dtype || !dims || !take(init, *dtype, *host::elementCount(*dims), source)) {
    init.ignoreAll(); // a problem is told already
    return std::nullopt;
  }
  size_t count = size_t(*host::elementCount(*dims));
  switch (*type) {
  case 0: return integers(init, *dtype, *dims, count);
  case 1: return unit(init, *dtype, *dims, count);
  case 3: return segments(init, *dtype, *dims, count);
  case 4: {
    auto values = tensorOfValues(init, "values", *dtype);
    return values ? reshaped(init, "values", *values, dims) : std::nullopt;
  }
  default: break;
  }
  auto tensor = HostTensor::allocate(*dtype, *dims);
  if (!tensor) {
    init.problems.add(init.path, tensor.message(), ioOrMemory);
    return std::nullopt;
  }
  if (*type == 2)
    return halfBits(init, *tensor);
  if (*type == 6) {
    poison = uint8_t(init.integer("byte", 0, 255, false).value_or(255));
    std::memset(tensor->data(), *poison, bytesOf(*tensor));
  }
  return *tensor;
}

} // namespace cameo::tool
