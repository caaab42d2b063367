// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TensorFiles.h. Files come from users: every count is checked against the data that is there.

#include <onnx/onnx_pb.h>

#include "TensorFiles.h"

#include "Limits.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

namespace cameo::tool {

using host::HostTensor;
using host::Result;
using host::Status;

namespace {

Status error(const std::string &path, const std::string &why) {
  return Status::error("'" + path + "': " + why);
}

Result<std::string> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    if (!file.good() && !file.eof())
      return error(path, "cannot be read");
  if (!file)
    return error(path, "cannot be read");
  return std::move(text).str();
}

/// NumPy's type codes. The ml_dtypes types appear as void of their width ("|V1", "<V2"): not told
/// apart, so only what NumPy itself knows is read.
struct NumpyType {
  const char *code;
  DType dtype;
};
constexpr NumpyType numpyTypes[] = {
    {"f4", DType::f32}, {"f8", DType::f64}, {"f2", DType::f16}, {"i1", DType::i8},
    {"i2", DType::i16}, {"i4", DType::i32}, {"i8", DType::i64}, {"u1", DType::u8},
    {"u2", DType::u16}, {"u4", DType::u32}, {"u8", DType::u64}, {"b1", DType::boolean},
    {"c8", DType::c64}, {"c16", DType::c128}};

/// The value of `'key':` in a .npy header, up to the next comma outside of parentheses.
std::string headerField(const std::string &header, const std::string &key) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string::npos || (at = header.find(':', at)) == std::string::npos)
    return "";
  int depth = 0;
  std::string value;
  for (++at; at < header.size(); ++at) {
    char c = header[at];
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if ((c == ',' && depth == 0) || c == '}')
      break;
    if (c != ' ')
      value += c;
  }
  return value;
}

bool parseShape(const std::string &text, std::vector<int64_t> &dims) {
  if (text.size() < 2 || text.front() != '(' || text.back() != ')')
    return false;
  std::istringstream parts(text.substr(1, text.size() - 2));
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.empty())
      continue;
    if (part.size() > 18 || part.find_first_not_of("0123456789") != std::string::npos)
      return false;
    dims.push_back(std::stoll(part));
  }
  return true;
}

Result<NamedTensor> readNpy(const std::string &path) {
  Result<std::string> file = readFile(path);
  if (!file)
    return file.status();
  const std::string &data = *file;
  if (data.size() < 10 || data.compare(0, 6, "\x93NUMPY") != 0)
    return error(path, "is not a .npy file");
  size_t lengthBytes = data[6] == 1 ? 2 : 4, length = 0;
  if (data.size() < 8 + lengthBytes)
    return error(path, "is truncated");
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= size_t(uint8_t(data[8 + i])) << (8 * i);
  size_t begin = 8 + lengthBytes + length;
  if (begin > data.size())
    return error(path, "is truncated");
  std::string header = data.substr(8 + lengthBytes, length), descr = headerField(header, "descr");
  std::vector<int64_t> dims;
  if (!parseShape(headerField(header, "shape"), dims))
    return error(path, "has an unreadable shape");
  if (headerField(header, "fortran_order") != "False")
    return error(path, "is in Fortran order; save it with numpy.ascontiguousarray");
  DType dtype = DType::undefined;
  for (const NumpyType &type : numpyTypes)
    if (descr.size() > 3 && descr.substr(2, descr.size() - 3) == type.code && descr[1] != '>')
      dtype = type.dtype;
  if (dtype == DType::undefined)
    return error(path, "has element type " + descr + ", which is not read from .npy (use .pb)");
  Result<HostTensor> tensor = HostTensor::allocate(dtype, dims);
  if (!tensor)
    return error(path, tensor.status().message());
  size_t bytes = size_t(*byteSize(dtype, tensor->numElements()));
  if (data.size() - begin != bytes)
    return error(path, "has " + std::to_string(data.size() - begin) + " bytes of data, its shape asks for " +
                           std::to_string(bytes));
  std::memcpy(tensor->data(), data.data() + begin, bytes);
  return NamedTensor{"", *tensor};
}

/// Copies a typed field of a TensorProto into elements of `T`.
template <class T, class Field> bool copyField(const Field &field, HostTensor &tensor) {
  if (size_t(field.size()) != size_t(tensor.numElements()))
    return false;
  for (int i = 0; i < field.size(); ++i)
    tensor.as<T>()[i] = static_cast<T>(field.Get(i));
  return true;
}

/// int32_data holds 8- and 16-bit patterns too; types below 8 bits are packed, one byte an entry.
bool copyPatterns(const onnx::TensorProto &proto, HostTensor &tensor) {
  unsigned bits = bitWidth(tensor.dtype());
  const auto &field = proto.int32_data();
  if (bits < 8) {
    size_t bytes = size_t(*byteSize(tensor.dtype(), tensor.numElements()));
    if (size_t(field.size()) != bytes)
      return false;
    for (size_t i = 0; i < bytes; ++i)
      static_cast<uint8_t *>(tensor.data())[i] = uint8_t(field.Get(int(i)));
    return true;
  }
  return bits == 8    ? copyField<uint8_t>(field, tensor)
         : bits == 16 ? copyField<uint16_t>(field, tensor)
                      : copyField<int32_t>(field, tensor);
}

bool copyTyped(const onnx::TensorProto &proto, HostTensor &tensor) {
  switch (tensor.dtype()) {
  case DType::f32: return copyField<float>(proto.float_data(), tensor);
  case DType::f64: return copyField<double>(proto.double_data(), tensor);
  case DType::i64: return copyField<int64_t>(proto.int64_data(), tensor);
  case DType::u64: return copyField<uint64_t>(proto.uint64_data(), tensor);
  case DType::u32: return copyField<uint32_t>(proto.uint64_data(), tensor);
  case DType::c64: {
    HostTensor floats = tensor.bitcast(DType::c64);
    if (proto.float_data_size() != 2 * tensor.numElements())
      return false;
    for (int i = 0; i < proto.float_data_size(); ++i)
      static_cast<float *>(floats.data())[i] = proto.float_data(i);
    return true;
  }
  case DType::c128:
    if (proto.double_data_size() != 2 * tensor.numElements())
      return false;
    for (int i = 0; i < proto.double_data_size(); ++i)
      static_cast<double *>(tensor.data())[i] = proto.double_data(i);
    return true;
  default: return copyPatterns(proto, tensor);
  }
}

Result<NamedTensor> readPb(const std::string &path) {
  Result<std::string> file = readFile(path);
  if (!file)
    return file.status();
  onnx::TensorProto proto;
  if (!proto.ParseFromString(*file))
    return error(path, "is not an ONNX tensor");
  std::optional<DType> dtype = dtypeFromOnnx(proto.data_type());
  if (!dtype || *dtype == DType::string)
    return error(path, "has no numeric element type");
  if (proto.has_data_location() && proto.data_location() == onnx::TensorProto::EXTERNAL)
    return error(path, "keeps its data in another file");
  std::vector<int64_t> dims(proto.dims().begin(), proto.dims().end());
  Result<HostTensor> tensor = HostTensor::allocate(*dtype, dims);
  if (!tensor)
    return error(path, tensor.status().message());
  if (proto.has_raw_data()) {
    size_t bytes = size_t(*byteSize(*dtype, tensor->numElements()));
    if (proto.raw_data().size() != bytes)
      return error(path, "has " + std::to_string(proto.raw_data().size()) +
                             " bytes of data, its sizes ask for " + std::to_string(bytes));
    std::memcpy(tensor->data(), proto.raw_data().data(), bytes);
  } else if (!copyTyped(proto, *tensor)) {
    return error(path, "has another number of elements than its sizes say");
  }
  return NamedTensor{proto.name(), *tensor};
}

Status store(const std::string &path, const std::string &data) {
  cameo::Status status = writeFile(path, data);
  return status ? Status() : Status::error(status.error().message);
}

} // namespace

Result<NamedTensor> readTensor(const std::string &path) {
  return path.ends_with(".npy") ? readNpy(path) : readPb(path);
}

Status writeNpy(const std::string &path, const HostTensor &given) {
  HostTensor tensor = given;
  // NumPy has no bfloat16 and nothing below a byte: written as f32 and as bytes.
  const char *code = nullptr;
  for (const NumpyType &type : numpyTypes)
    if (type.dtype == tensor.dtype())
      code = type.code;
  if (!code) {
    Result<std::vector<double>> values = tensor.toDoubles();
    if (!values)
      return error(path, values.status().message());
    Result<HostTensor> wide = HostTensor::ofDoubles(DType::f32, tensor.dims(), *values);
    if (!wide)
      return wide.status();
    tensor = *wide;
    code = "f4";
  }
  Result<HostTensor> packed = tensor.contiguous();
  if (!packed)
    return packed.status();
  std::string shape = "(";
  for (int64_t dim : packed->dims())
    shape += std::to_string(dim) + ",";
  std::string header = std::string("{'descr': '") + (code[1] == '1' && code[2] == 0 ? "|" : "<") + code +
                       "', 'fortran_order': False, 'shape': " + shape + "), }";
  header.resize((header.size() + 11 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string data("\x93NUMPY\x01\x00", 8);
  data += char(header.size() & 255);
  data += char(header.size() >> 8);
  data += header;
  size_t bytes = size_t(*byteSize(packed->dtype(), packed->numElements()));
  data.append(static_cast<const char *>(packed->data()), bytes);
  return store(path, data);
}

Status writePb(const std::string &path, const std::string &name, const HostTensor &given) {
  Result<HostTensor> tensor = given.contiguous();
  if (!tensor)
    return tensor.status();
  onnx::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(int(tensor->dtype()));
  for (int64_t dim : tensor->dims())
    proto.add_dims(dim);
  proto.set_raw_data(tensor->data(), size_t(*byteSize(tensor->dtype(), tensor->numElements())));
  return store(path, proto.SerializeAsString());
}

Result<std::map<std::string, HostTensor>> readInputs(const std::vector<std::string> &options) {
  std::map<std::string, HostTensor> inputs;
  for (const std::string &option : options) {
    size_t at = option.find("=@");
    if (at == std::string::npos || at == 0)
      return Status::error("--input " + option + ": expected name=@file.npy or name=@file.pb");
    Result<NamedTensor> tensor = readTensor(option.substr(at + 2));
    if (!tensor)
      return Status::error("--input " + option.substr(0, at) + ": " + tensor.status().message());
    if (!inputs.emplace(option.substr(0, at), tensor->tensor).second)
      return Status::error("--input " + option.substr(0, at) + " is given twice");
  }
  return inputs;
}

Result<std::vector<NamedTensor>> readTestData(const std::string &folder, const std::string &prefix) {
  std::vector<NamedTensor> tensors;
  for (int i = 0;; ++i) {
    std::string path = folder + "/" + prefix + "_" + std::to_string(i) + ".pb";
    if (!std::filesystem::exists(path))
      return tensors;
    Result<NamedTensor> tensor = readTensor(path);
    if (!tensor)
      return tensor.status();
    tensors.push_back(*tensor);
  }
}

Result<HostTensor> randomTensor(DType dtype, const std::vector<int64_t> &dims, uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::normal_distribution<double> normal;
  std::optional<int64_t> count = host::elementCount(dims);
  if (!count)
    return Status::error("sizes " + host::toString(dims) + " overflow");
  std::vector<double> values(static_cast<size_t>(*count));
  for (double &value : values)
    value = dtype == DType::boolean ? double(rng() & 1)
            : isFloat(dtype)        ? normal(rng)
                                    : double(rng() % (bitWidth(dtype) < 4 ? 2 : 4));
  return HostTensor::ofDoubles(dtype, dims, values);
}

} // namespace cameo::tool
