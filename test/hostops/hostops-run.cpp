// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lets a script run HostOps on many problems in one process. Requests come on standard input,
// answers go to standard output, little-endian binary, lengths first:
//   request   string op; u32 n, n attributes; u32 n, n tensors          (op "" ends the session)
//   attribute string name; u8 kind: 'i' i64 | 'f' f64 | 's' string | 'I' u32 n, i64[n]
//                                                                    | 'F' u32 n, f64[n]
//   tensor    u8 dtype (0: absent); u32 rank, i64[rank]; u64 bytes, data (packed)
//   answer    u8 ok, then u32 n, n tensors; or a string that says what is wrong
// Ops and attributes have ONNX's names; control operands are ordinary tensors. What an op means is
// decided in lib/HostOps alone; the tables of the other files only pass arguments on.
#include "Run.h"

#include <cstdio>
#include <cstring>

using namespace cameo;
using namespace cameo::host;

namespace {

bool readBytes(void *to, size_t n) { return n == 0 || std::fread(to, 1, n, stdin) == n; }
template <class T> T readValue() {
  T value{};
  readBytes(&value, sizeof value);
  return value;
}
std::string readString() {
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
void writeString(const std::string &text) {
  writeValue(uint32_t(text.size()));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void readAttribute(run::Request &request) {
  std::string name = readString();
  run::Attribute &attribute = request.attributes[name];
  switch (readValue<char>()) {
  case 'i':
    attribute.integers = {readValue<int64_t>()};
    break;
  case 'f':
    attribute.floats = {readValue<double>()};
    break;
  case 's':
    attribute.text = readString();
    break;
  case 'I':
    attribute.integers = readList<int64_t>();
    break;
  case 'F':
    attribute.floats = readList<double>();
    break;
  }
}

HostTensor readTensor() {
  auto type = static_cast<DType>(readValue<uint8_t>());
  Dims dims = readList<int64_t>();
  std::vector<char> data(readValue<uint64_t>());
  readBytes(data.data(), data.size());
  if (type == DType::undefined)
    return {};
  auto tensor = HostTensor::allocate(type, dims);
  if (!tensor)
    return {};
  std::memcpy(tensor->data(), data.data(), data.size());
  return *tensor;
}

void writeTensor(const HostTensor &tensor) {
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

} // namespace

int main() {
  while (true) {
    run::Request request;
    request.op = readString();
    if (request.op.empty())
      return 0;
    for (uint32_t n = readValue<uint32_t>(); n > 0; --n)
      readAttribute(request);
    for (uint32_t n = readValue<uint32_t>(); n > 0; --n)
      request.inputs.push_back(readTensor());
    auto outputs = run::execute(request);
    writeValue(uint8_t(outputs.isOk()));
    if (outputs) {
      writeValue(uint32_t(outputs->size()));
      for (const HostTensor &tensor : *outputs)
        writeTensor(tensor);
    } else {
      writeString(outputs.message());
    }
    std::fflush(stdout);
  }
}
