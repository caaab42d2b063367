// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The PTX machine for C++: the C interface of cameo_ptx.h with owners instead of pointers. For
// tests, benchmarks and tools that link the library; the runtime opens it with dlopen. No exception
// leaves these functions; statuses and texts are those of the C interface.
#ifndef CAMEO_PTX_MACHINE_H
#define CAMEO_PTX_MACHINE_H

#include "cameo/Ptx/cameo_ptx.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cameo::ptx {

inline const cameo_ptx_api_v1 &api() { return *cameo_ptx_api(1); }

/// A parsed module. Empty where the text was refused; `errors` then has one line per error.
class Module {
public:
  explicit Module(std::string_view text, const char *file = "kernel.ptx") {
    cameo_ptx_text *messages = nullptr;
    parseStatus = api().module_parse(text.data(), text.size(), file, &handle, &messages);
    errorText = api().text_data(messages);
    api().text_destroy(messages);
  }
  ~Module() { api().module_destroy(handle); }
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  explicit operator bool() const { return handle != nullptr; }
  cameo_ptx_status status() const { return parseStatus; }
  const std::string &errors() const { return errorText; }
  const cameo_ptx_module *get() const { return handle; }
  /// The number of the kernel with this name, or -1.
  int find(const char *name) const {
    uint32_t index = 0;
    return api().module_find(handle, name, &index) == CAMEO_PTX_OK ? static_cast<int>(index) : -1;
  }
  cameo_ptx_kernel kernel(uint32_t index) const {
    cameo_ptx_kernel k{};
    k.struct_size = sizeof k;
    api().module_kernel(handle, index, &k);
    return k;
  }

private:
  cameo_ptx_module *handle = nullptr;
  cameo_ptx_status parseStatus;
  std::string errorText;
};

/// The memory of one simulated device.
class Memory {
public:
  explicit Memory(uint64_t limit = 0) { api().memory_create(limit, &handle); }
  ~Memory() { api().memory_destroy(handle); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  cameo_ptx_memory *get() const { return handle; }
  /// 0 where the memory's limit is reached.
  uint64_t alloc(uint64_t bytes, const char *name, uint64_t align = 256) {
    uint64_t address = 0;
    api().memory_alloc(handle, bytes, align, name, &address);
    return address;
  }
  template <typename T> uint64_t upload(const std::vector<T> &data, const char *name) {
    uint64_t address = alloc(data.size() * sizeof(T), name);
    api().memory_write(handle, address, data.data(), data.size() * sizeof(T));
    return address;
  }
  template <typename T> std::vector<T> download(uint64_t address, size_t count) const {
    std::vector<T> data(count);
    api().memory_read(handle, address, data.data(), count * sizeof(T));
    return data;
  }
  /// Bytes that no instruction of a kernel has written since the last poison.
  uint64_t unwritten(uint64_t address, uint64_t bytes) const {
    uint64_t missing = 0, first = 0;
    api().memory_unwritten(handle, address, bytes, &missing, &first);
    return missing;
  }

private:
  cameo_ptx_memory *handle = nullptr;
};

/// Kernel arguments, packed with natural alignment as PTX lays them out.
class Arguments {
public:
  template <typename T> Arguments &add(const T &value) {
    bytes.resize((bytes.size() + alignof(T) - 1) / alignof(T) * alignof(T));
    const auto *p = reinterpret_cast<const uint8_t *>(&value);
    bytes.insert(bytes.end(), p, p + sizeof(T));
    return *this;
  }
  const std::vector<uint8_t> &data() const { return bytes; }

private:
  std::vector<uint8_t> bytes;
};

/// A tensor map for kernel arguments and global memory: opaque bytes.
struct alignas(CAMEO_PTX_TENSOR_MAP_ALIGN) TensorMapBytes {
  uint8_t bytes[CAMEO_PTX_TENSOR_MAP_BYTES] = {};
};

/// A dense tile-mode map of `rank` dimensions to fill in: sizes and boxes of 1, element strides of 1.
inline cameo_ptx_tensor_map tensorMapOf(uint32_t elementType, uint32_t rank, uint64_t address) {
  cameo_ptx_tensor_map map{};
  map.struct_size = sizeof map;
  map.element_type = elementType, map.rank = rank, map.address = address;
  for (uint32_t d = 0; d < 5; ++d)
    map.size[d] = map.box[d] = map.element_stride[d] = 1;
  return map;
}

/// Empty, or why the map is refused.
inline std::string encodeTensorMap(const cameo_ptx_tensor_map &map, TensorMapBytes &bytes) {
  cameo_ptx_text *text = nullptr;
  cameo_ptx_status status = api().tensor_map_encode(&map, bytes.bytes, &text);
  std::string error = api().text_data(text);
  api().text_destroy(text);
  return status == CAMEO_PTX_OK ? "" : error.empty() ? "the map cannot be encoded" : error;
}

/// What a launch did.
class Result {
public:
  Result(cameo_ptx_status status, cameo_ptx_result *handle) : launchStatus(status), handle(handle) {}
  ~Result() { api().result_destroy(handle); }
  Result(Result &&other) noexcept
      : launchStatus(other.launchStatus), handle(std::exchange(other.handle, nullptr)) {}
  Result(const Result &) = delete;

  cameo_ptx_status status() const { return launchStatus; }
  size_t findingCount() const { return api().result_finding_count(handle); }
  cameo_ptx_finding finding(uint32_t index) const {
    cameo_ptx_finding f{};
    f.struct_size = sizeof f;
    api().result_finding(handle, index, &f);
    return f;
  }
  int exitCode() const { return api().result_exit_code(handle); }
  std::string text() const { return api().result_text(handle); }
  std::string json() const { return api().result_json(handle); }
  std::string trace() const { return api().result_trace(handle); }
  cameo_ptx_counts counts() const {
    cameo_ptx_counts c{};
    c.struct_size = sizeof c;
    api().result_counts(handle, &c);
    return c;
  }

private:
  cameo_ptx_status launchStatus;
  cameo_ptx_result *handle;
};

/// Defaults of a launch: all checks, one host thread, round robin, latest asynchronous completion.
inline cameo_ptx_launch launchOf(uint32_t gridX, uint32_t blockX, const Arguments &arguments) {
  cameo_ptx_launch launch{};
  launch.struct_size = sizeof launch;
  launch.grid[0] = gridX, launch.grid[1] = launch.grid[2] = 1;
  launch.block[0] = blockX, launch.block[1] = launch.block[2] = 1;
  launch.args = arguments.data().data();
  launch.arg_bytes = arguments.data().size();
  launch.checks = CAMEO_PTX_CHECK_ALL;
  launch.host_threads = 1;
  return launch;
}

inline Result run(const Module &module, const char *kernel, Memory &memory,
                  const cameo_ptx_launch &launch) {
  cameo_ptx_result *result = nullptr;
  int index = module.find(kernel);
  cameo_ptx_status status = api().launch(module.get(), static_cast<uint32_t>(index), memory.get(),
                                         &launch, &result);
  return Result(status, result);
}

} // namespace cameo::ptx

#endif
