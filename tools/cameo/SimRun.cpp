// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SimRun.h. Every run has a device memory of its own, so that runs repeat exactly.

#include "SimRun.h"

#include "Compare.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cstring>

using namespace llvm;

namespace cameo::tool {

using host::HostTensor;

namespace {

size_t bytesOf(const HostTensor &tensor) {
  return size_t(*byteSize(tensor.dtype(), tensor.numElements()));
}

std::string kernelNames(const ptx::Module &module) {
  std::string names;
  for (uint32_t i = 0; i < ptx::api().module_kernel_count(module.get()); ++i)
    names += (i ? ", " : "") + std::string(module.kernel(i).name);
  return names.empty() ? "no kernel" : names;
}

cameo_ptx_param paramOf(const ptx::Module &module, uint32_t kernel, uint32_t index) {
  cameo_ptx_param param{};
  param.struct_size = sizeof param;
  ptx::api().module_param(module.get(), kernel, index, &param);
  return param;
}

void matchArgument(const LaunchArgument &argument, const cameo_ptx_param &param,
                   LaunchProblems &problems) {
  auto same = [&](const char *what, std::optional<int64_t> given, uint32_t actual) {
    if (given && *given != actual)
      problems.add(argument.path + ".param." + what, "is " + Twine(*given) + ", the PTX says " + Twine(actual));
  };
  same("size", argument.size, param.size);
  same("align", argument.align, param.align);
  same("offset", argument.offset, param.offset);
  using Kind = LaunchArgument::Kind;
  if (argument.kind == Kind::Struct) { // it may end in padding
    if (size_t bytes = argument.byteSize(); bytes > param.size)
      problems.add(argument.path, "the members of the structure end at " + Twine(bytes) + ", the parameter '" + param.name +
                                      "' has " + Twine(param.size) + " bytes");
    return;
  }
  bool value = argument.kind == Kind::Value, map = argument.kind == Kind::TensorMap;
  size_t bytes = argument.byteSize();
  if (bytes != param.size && (bytes || !problems.any())) // a value that cannot be read is told already
    problems.add(argument.path, (value ? "the value has " : map ? "a tensor map has " : "a pointer has ") +
                                    Twine(bytes) + " bytes, the parameter '" + param.name + "' " +
                                    Twine(param.size));
}

void matchBlocks(const cameo_ptx_kernel &kernel, const LaunchFile &launch, LaunchProblems &problems) {
  uint64_t threads = 1, most = 1, blocks = 1;
  bool required = true;
  for (unsigned d = 0; d < 3; ++d) {
    threads *= launch.block[d];
    most *= kernel.maxntid[d];
    blocks *= launch.grid[d];
    required &= kernel.reqntid[d] == launch.block[d];
  }
  if (kernel.reqntid[0] && !required)
    problems.add("block", formatv("the kernel requires {0}x{1}x{2} threads (.reqntid)", kernel.reqntid[0],
                                  kernel.reqntid[1], kernel.reqntid[2]).str());
  else if (most && threads > most)
    problems.add("block", "the kernel allows at most " + Twine(most) + " threads (.maxntid)");
  constexpr uint64_t resident = 512; // see lib/Ptx/Launch.cpp
  if (launch.coResident && blocks > resident)
    problems.add("grid", "the machine has at most " + Twine(resident) + " blocks at a time", unsupported);
}

} // namespace

size_t LaunchArgument::byteSize() const {
  if (kind == Kind::Value)
    return bytes.size();
  if (kind == Kind::TensorMap)
    return CAMEO_PTX_TENSOR_MAP_BYTES;
  if (kind != Kind::Struct)
    return 8;
  size_t end = 0;
  for (const LaunchArgument &member : members)
    end = std::max(end, size_t(member.at) + member.byteSize());
  return end;
}

namespace {

/// One launch: its memory, its addresses.
struct Session {
  Session(const LaunchFile &launch, const SimSettings &settings) : launch(launch), settings(settings) {}
  const LaunchFile &launch;
  const SimSettings &settings;
  ptx::Memory memory;
  std::vector<uint64_t> addresses;

  bool upload();
  std::vector<uint8_t> pack(const ptx::Module &module, uint32_t kernel) const;
  void put(const LaunchArgument &argument, uint8_t *to) const;
  HostTensor download(size_t index) const;
  void showPoison(const LaunchBuffer &buffer, uint64_t address, HostTensor &tensor) const;
};

bool Session::upload() {
  for (const LaunchBuffer &buffer : launch.buffers) {
    size_t bytes = bytesOf(buffer.initial);
    uint64_t address = memory.alloc(bytes, buffer.name.c_str(), buffer.align);
    if (!address)
      return false;
    addresses.push_back(address);
    // Fresh memory counts as never written; only checks record who writes.
    if (!buffer.poison || settings.checks == CAMEO_PTX_CHECK_NONE)
      ptx::api().memory_write(memory.get(), address, buffer.initial.data(), bytes);
  }
  return true;
}

std::vector<uint8_t> Session::pack(const ptx::Module &module, uint32_t kernel) const {
  std::vector<uint8_t> bytes(module.kernel(kernel).arg_bytes);
  for (uint32_t i = 0; i < launch.args.size(); ++i)
    put(launch.args[i], bytes.data() + paramOf(module, kernel, i).offset);
  return bytes;
}

void Session::put(const LaunchArgument &argument, uint8_t *to) const {
  switch (argument.kind) {
  case LaunchArgument::Kind::Null: break; // zeros are there
  case LaunchArgument::Kind::Value: std::memcpy(to, argument.bytes.data(), argument.bytes.size()); break;
  case LaunchArgument::Kind::Pointer: std::memcpy(to, &addresses[argument.buffer], 8); break;
  case LaunchArgument::Kind::TensorMap: {
    cameo_ptx_tensor_map map = argument.map;
    map.address = addresses[argument.buffer];
    ptx::api().tensor_map_encode(&map, to, nullptr); // its fields are checked already
    break;
  }
  case LaunchArgument::Kind::Struct:
    for (const LaunchArgument &member : argument.members)
      put(member, to + member.at);
  }
}

/// Bytes that no kernel has written show the launch file's poison, not the machine's.
void Session::showPoison(const LaunchBuffer &buffer, uint64_t address, HostTensor &tensor) const {
  constexpr size_t piece = 256;
  size_t bytes = bytesOf(tensor);
  auto *data = static_cast<uint8_t *>(tensor.data());
  for (size_t at = 0; at < bytes; at += piece) {
    size_t here = std::min(piece, bytes - at);
    uint64_t missing = memory.unwritten(address + at, here);
    if (missing == here)
      std::memset(data + at, *buffer.poison, here);
    for (size_t i = at; missing && missing < here && i < at + here; ++i)
      if (memory.unwritten(address + i, 1))
        data[i] = *buffer.poison;
  }
}

HostTensor Session::download(size_t index) const {
  const LaunchBuffer &buffer = launch.buffers[index];
  auto tensor = HostTensor::allocate(buffer.initial.dtype(), buffer.initial.dims());
  if (!tensor)
    return {};
  ptx::api().memory_read(memory.get(), addresses[index], tensor->data(), bytesOf(*tensor));
  if (buffer.poison && settings.checks != CAMEO_PTX_CHECK_NONE)
    showPoison(buffer, addresses[index], *tensor);
  return *tensor;
}

/// The first n elements, as a tensor of one dimension.
HostTensor prefix(const HostTensor &tensor, int64_t n) { return tensor.view({n}, {1}, tensor.offset()); }

HostTensor sorted(const HostTensor &tensor) {
  size_t width = bitWidth(tensor.dtype()) / 8, count = size_t(tensor.numElements());
  std::vector<std::string> elements;
  for (size_t i = 0; i < count; ++i)
    elements.emplace_back(static_cast<const char *>(tensor.data()) + i * width, width);
  llvm::sort(elements);
  auto result = HostTensor::allocate(tensor.dtype(), {tensor.numElements()});
  for (size_t i = 0; result && i < count; ++i)
    std::memcpy(static_cast<char *>(result->data()) + i * width, elements[i].data(), width);
  return result ? *result : HostTensor();
}

/// The position of the first element whose bits differ, or -1.
int64_t firstDifference(const HostTensor &a, const HostTensor &b) {
  size_t width = bitWidth(a.dtype()) / 8;
  auto *left = static_cast<const char *>(a.data()), *right = static_cast<const char *>(b.data());
  for (int64_t i = 0; i < a.numElements(); ++i)
    if (std::memcmp(left + size_t(i) * width, right + size_t(i) * width, width))
      return i;
  return -1;
}

/// Empty where they agree. Both are of one dimension; `dims` are for the message.
std::string differenceOf(HostTensor actual, HostTensor expected, const LaunchExpected &how,
                         const host::Dims &dims) {
  if (how.mode == LaunchExpected::Mode::MultisetPrefix) {
    actual = sorted(actual);
    expected = sorted(expected);
  }
  int64_t first = actual.dtype() == expected.dtype() ? firstDifference(actual, expected) : 0;
  if (first < 0 || actual.numElements() == 0)
    return "";
  auto a = actual.toDoubles(), e = expected.toDoubles();
  if (!a || !e)
    return a ? e.message() : a.message();
  auto wideActual = HostTensor::ofDoubles(DType::f64, actual.dims(), *a);
  auto wideExpected = HostTensor::ofDoubles(DType::f64, expected.dims(), *e);
  if (!wideActual || !wideExpected)
    return wideActual ? wideExpected.message() : wideActual.message();
  Difference d = compare(*wideActual, *wideExpected, {how.relative, how.absolute});
  if (d.wrong)
    return worstText(d, dims);
  // 64-bit integers are more than a double holds: where exactness is asked, their bits decide.
  bool bitsDecide = how.mode != LaunchExpected::Mode::AllClose && !isFloat(actual.dtype());
  return bitsDecide ? "differs first at " + positionText(dims, first) : "";
}

/// Behind a prefix nothing may have changed.
std::string restDifference(const HostTensor &after, const HostTensor &before, int64_t n) {
  size_t begin = size_t(n) * bitWidth(after.dtype()) / 8;
  auto *a = static_cast<const char *>(after.data()), *b = static_cast<const char *>(before.data());
  for (size_t i = begin; i < bytesOf(after); ++i)
    if (a[i] != b[i])
      return "element " + positionText(after.dims(), int64_t(i / (bitWidth(after.dtype()) / 8))) +
             " lies behind the " + std::to_string(n) + " expected ones and was changed";
  return "";
}

void findDifferences(const LaunchFile &launch, SimRun &run) {
  auto add = [&](size_t buffer, const std::string &message) {
    if (!message.empty())
      run.differences.push_back({launch.buffers[buffer].name, message});
  };
  for (size_t i = 0; i < launch.buffers.size(); ++i)
    if (launch.buffers[i].role == BufferRole::in)
      if (int64_t first = firstDifference(run.after[i], launch.buffers[i].initial); first >= 0)
        add(i, "is an input and was changed, first at " + positionText(run.after[i].dims(), first));
  for (const LaunchExpected &how : launch.expected) {
    const HostTensor &after = run.after[how.buffer];
    int64_t n = how.tensor.numElements();
    if (how.countFrom) {
      auto counts = run.after[*how.countFrom].toIntegers();
      int64_t count = counts && !counts->empty() ? counts->front() : -1;
      if (count != n)
        add(*how.countFrom, formatv("says {0} elements of '{1}', expected are {2}", count,
                                    launch.buffers[how.buffer].name, n).str());
    }
    bool whole = n == after.numElements();
    add(how.buffer, differenceOf(prefix(after, n), prefix(how.tensor, n), how, whole ? after.dims() : host::Dims{n}));
    add(how.buffer, restDifference(after, launch.buffers[how.buffer].initial, n));
  }
}

} // namespace

uint32_t matchKernel(const ptx::Module &module, const LaunchFile &launch, LaunchProblems &problems) {
  uint32_t count = ptx::api().module_kernel_count(module.get());
  int index = launch.kernel.empty() ? (count == 1 ? 0 : -1) : module.find(launch.kernel.c_str());
  if (index < 0) {
    problems.add("kernel", (launch.kernel.empty() ? "is missing" : "'" + launch.kernel + "' is not there") +
                               Twine("; the PTX has ") + kernelNames(module));
    return 0;
  }
  cameo_ptx_kernel kernel = module.kernel(uint32_t(index));
  if (kernel.param_count != launch.args.size())
    problems.add("args", "the kernel has " + Twine(kernel.param_count) + " parameters, given are " +
                             Twine(launch.args.size()));
  for (uint32_t i = 0; i < std::min<size_t>(kernel.param_count, launch.args.size()); ++i)
    matchArgument(launch.args[i], paramOf(module, uint32_t(index), i), problems);
  matchBlocks(kernel, launch, problems);
  return uint32_t(index);
}

SimRun runLaunch(const ptx::Module &module, uint32_t kernel, const LaunchFile &launch,
                 const SimSettings &settings) {
  SimRun run;
  Session session(launch, settings);
  auto give = [&](ExitCode code, const char *why) {
    run.exitCode = code;
    run.error = why;
    return std::move(run);
  };
  if (!session.upload())
    return give(ioOrMemory, "the machine has no memory for the buffers");
  std::vector<uint8_t> arguments = session.pack(module, kernel);
  cameo_ptx_launch request = ptx::launchOf(1, 1, {});
  std::copy(launch.grid.begin(), launch.grid.end(), request.grid);
  std::copy(launch.block.begin(), launch.block.end(), request.block);
  std::copy(launch.cluster.begin(), launch.cluster.end(), request.cluster);
  request.cooperative = launch.coResident;
  request.dynamic_shared_bytes = launch.dynamicShared;
  request.args = arguments.data();
  request.arg_bytes = arguments.size();
  request.checks = settings.checks;
  request.schedule = settings.schedule;
  request.async_point = settings.asyncPoint;
  request.mma = settings.mma;
  request.seed = settings.seed;
  request.counts = settings.counts;
  request.trace = settings.trace;
  request.host_threads = settings.hostThreads;
  cameo_ptx_result *raw = nullptr;
  cameo_ptx_status status =
      ptx::api().launch(module.get(), kernel, session.memory.get(), &request, &raw);
  ptx::Result result(status, raw);
  if (status == CAMEO_PTX_OUT_OF_MEMORY)
    return give(ioOrMemory, "the machine's memory limit was reached");
  if (!raw || (status != CAMEO_PTX_OK && status != CAMEO_PTX_FINDING))
    return give(internalError, "the machine gave no result");
  run.exitCode = result.exitCode();
  run.text = result.text();
  run.trace = result.trace();
  if (auto parsed = json::parse(json::fixUTF8(result.json())); parsed && parsed->getAsObject())
    run.result = std::move(*parsed->getAsObject());
  else
    consumeError(parsed.takeError());
  for (size_t i = 0; i < launch.buffers.size(); ++i) {
    run.after.push_back(session.download(i));
    if (!run.after.back().isPresent())
      return give(ioOrMemory, "no memory for the results");
  }
  if (run.exitCode == ok)
    findDifferences(launch, run);
  if (run.exitCode == ok && !run.differences.empty())
    run.exitCode = mismatch;
  return run;
}

} // namespace cameo::tool
