// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lets a script run HostOps on many problems in one process. In the protocol of Wire.h:
//   request   string op; u32 n, n attributes; u32 n, n tensors          (op "" ends the session)
//   attribute string name; u8 kind: 'i' i64 | 'f' f64 | 's' string | 'I' u32 n, i64[n]
//                                                                    | 'F' u32 n, f64[n]
// Ops and attributes have ONNX's names; control operands are ordinary tensors. What an op means is
// decided in lib/HostOps alone; the tables of the other files only pass arguments on.
#include "Run.h"
#include "Wire.h"

using namespace cameo;
using namespace cameo::wire;

namespace {

void readAttribute(host::run::Request &request) {
  std::string name = readString();
  host::run::Attribute &attribute = request.attributes[name];
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

} // namespace

int main() {
  while (true) {
    host::run::Request request;
    request.op = readString();
    if (request.op.empty())
      return 0;
    for (uint32_t n = readValue<uint32_t>(); n > 0; --n)
      readAttribute(request);
    for (uint32_t n = readValue<uint32_t>(); n > 0; --n)
      request.inputs.push_back(readTensor());
    writeAnswer(host::run::execute(request));
  }
}
