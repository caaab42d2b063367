// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The binary protocol between the Python tests and the programs they drive (hostops-run,
// evaluate-run): little-endian values on standard input and output, lengths first.
//   string    u32 n, n bytes
//   tensor    u8 dtype (0: absent); u32 rank, i64[rank]; u64 bytes, data (packed)
#pragma once

#include "cameo/HostOps/HostTensor.h"

#include <cstdio>
#include <cstring>

namespace cameo::wire {

inline bool readBytes(void *to, size_t n) { return n == 0 || std::fread(to, 1, n, stdin) == n; }
template <class T> T readValue() {
  T value{};
  readBytes(&value, sizeof value);
  return value;
}
inline std::string readString() {
  std::string text(readValue<uint32_t>(), 0);
  readBytes(text.data(), text.size());
  return text;
}
template <class T> std::vector<T> readList() {
  std::vector<T> values(readValue<uint32_t>());
  readBytes(values.data(), values.size() * sizeof(T));
  return values;
}
template <class T> void writeValue(T value) { std::fwrite(&value, sizeof value, 1, stdout); }
inline void writeString(const std::string &text) {
  writeValue(uint32_t(text.size()));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

inline host::HostTensor readTensor() {
  auto type = static_cast<DType>(readValue<uint8_t>());
  host::Dims dims = readList<int64_t>();
  std::vector<char> data(readValue<uint64_t>());
  readBytes(data.data(), data.size());
  if (type == DType::undefined)
    return {};
  auto tensor = host::HostTensor::allocate(type, dims);
  if (!tensor)
    return {};
  std::memcpy(tensor->data(), data.data(), data.size());
  return *tensor;
}

inline void writeTensor(const host::HostTensor &tensor) {
  writeValue(static_cast<uint8_t>(tensor.dtype()));
  writeValue(uint32_t(tensor.rank()));
  for (int64_t size : tensor.dims())
    writeValue(size);
  if (!tensor.isPresent() || tensor.dtype() == DType::string) {
    writeValue(uint64_t(0));
    return;
  }
  auto flat = tensor.clone();
  auto bytes = uint64_t(byteSize(flat->dtype(), flat->numElements()).value_or(0));
  writeValue(bytes);
  std::fwrite(flat->data(), 1, bytes, stdout);
}

/// u8 ok, then u32 n and n tensors, or a string that says what is wrong.
inline void writeAnswer(const host::Result<std::vector<host::HostTensor>> &outputs) {
  writeValue(uint8_t(outputs.isOk()));
  if (outputs) {
    writeValue(uint32_t(outputs->size()));
    for (const host::HostTensor &tensor : *outputs)
      writeTensor(tensor);
  } else {
    writeString(outputs.message());
  }
  std::fflush(stdout);
}

} // namespace cameo::wire
