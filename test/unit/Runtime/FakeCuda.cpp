// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A stand-in for libcuda in the tests: the functions that the runtime calls, over the PTX machine. So
// the code for real devices runs where there is no GPU: loading, packing, streams, events, capture and
// replay. It is no model of a GPU; work is done at once, except while a stream captures.

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using Work = std::function<int()>;

struct Stream {
  bool capturing = false;
  std::vector<Work> captured;
};
struct Graph {
  std::vector<Work> work;
};
struct Event {
  std::chrono::steady_clock::time_point time;
};
struct Module {
  cameo_ptx_module *parsed = nullptr;
  std::vector<std::unique_ptr<std::pair<Module *, uint32_t>>> functions;
};
using Function = std::pair<Module *, uint32_t>;

const cameo_ptx_api_v1 *api = cameo_ptx_api(1);
cameo_ptx_memory *memory = nullptr;
Stream defaultStream;
int contexts = 0;

constexpr int invalidValue = 1, invalidPtx = 218, notFound = 500, launchFailed = 719, captureUnsupported = 900;

Stream &streamOf(void *stream) { return stream ? *static_cast<Stream *>(stream) : defaultStream; }

int submit(void *stream, Work work) {
  Stream &target = streamOf(stream);
  if (!target.capturing)
    return work();
  target.captured.push_back(std::move(work));
  return 0;
}

int code(cameo_ptx_status status) { return status == CAMEO_PTX_OK ? 0 : invalidValue; }

int fillPattern(uint64_t to, const void *pattern, size_t width, size_t count, void *stream) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i)
    bytes.append(static_cast<const char *>(pattern), width);
  return submit(stream, [=] { return code(api->memory_write(memory, to, bytes.data(), bytes.size())); });
}

} // namespace

extern "C" {

int cuInit(unsigned) { return api && (memory || api->memory_create(0, &memory) == CAMEO_PTX_OK) ? 0 : 100; }
int cuGetErrorString(int error, const char **text) {
  *text = error == launchFailed ? "launch failed" : "fake";
  return 0;
}
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int index) { return *device = index, index == 0 ? 0 : 101; }
int cuDeviceGetName(char *name, int bytes, int) { return std::snprintf(name, size_t(bytes), "Fake GPU"), 0; }
int cuDeviceGetAttribute(int *value, int attribute, int) { return *value = attribute == 75 ? 8 : 0, 0; }
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = &contexts, ++contexts, 0; }
int cuDevicePrimaryCtxRelease_v2(int) { return --contexts, 0; }
int cuCtxSetCurrent(void *) { return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { return *free = *total = size_t(1) << 30, 0; }
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (bytes == 0)
    return invalidValue; // as the driver
  return api->memory_alloc(memory, bytes, 256, "device memory", address) == CAMEO_PTX_OK ? 0 : 2;
}
int cuMemFree_v2(uint64_t address) { return code(api->memory_free(memory, address)); }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  if (streamOf(stream).capturing)
    return captureUnsupported; // pageable memory
  return code(api->memory_write(memory, to, from, bytes));
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  if (streamOf(stream).capturing)
    return captureUnsupported;
  return code(api->memory_read(memory, from, to, bytes));
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
  return submit(stream, [=] { return code(api->memory_copy(memory, to, from, bytes)); });
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t count, void *stream) {
  return fillPattern(to, &value, 1, count, stream);
}
int cuMemsetD16Async(uint64_t to, unsigned short value, size_t count, void *stream) {
  return fillPattern(to, &value, 2, count, stream);
}
int cuMemsetD32Async(uint64_t to, unsigned value, size_t count, void *stream) {
  return fillPattern(to, &value, 4, count, stream);
}
int cuModuleLoadDataEx(void **module, const void *image, unsigned, int *, void **) {
  auto made = std::make_unique<Module>();
  const char *text = static_cast<const char *>(image);
  if (api->module_parse(text, std::strlen(text), "jit.ptx", &made->parsed, nullptr) != CAMEO_PTX_OK)
    return invalidPtx;
  *module = made.release();
  return 0;
}
int cuModuleUnload(void *module) {
  auto *held = static_cast<Module *>(module);
  api->module_destroy(held->parsed);
  delete held;
  return 0;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  auto *held = static_cast<Module *>(module);
  uint32_t index = 0;
  if (api->module_find(held->parsed, name, &index) != CAMEO_PTX_OK)
    return notFound;
  held->functions.push_back(std::make_unique<Function>(held, index));
  *function = held->functions.back().get();
  return 0;
}
int cuFuncSetAttribute(void *, int, int) { return 0; }

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **params, void **extra) {
  auto [module, index] = *static_cast<Function *>(function);
  cameo_ptx_kernel info = {};
  info.struct_size = sizeof info;
  api->module_kernel(module->parsed, index, &info);
  if (params || !gx || !gy || !gz)
    return invalidValue;
  std::string args;
  if (extra)
    args.assign(static_cast<const char *>(extra[1]), *static_cast<size_t *>(extra[3]));
  if (args.size() != info.arg_bytes)
    return invalidValue; // the driver refuses a buffer of another size, too
  return submit(stream, [=, module = module, index = index] {
    cameo_ptx_launch launch = {};
    launch.struct_size = sizeof launch;
    unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
    std::copy(grid, grid + 3, launch.grid);
    std::copy(block, block + 3, launch.block);
    launch.dynamic_shared_bytes = shared;
    launch.args = args.data();
    launch.arg_bytes = args.size();
    launch.checks = CAMEO_PTX_CHECK_ALL;
    launch.host_threads = 1;
    cameo_ptx_result *result = nullptr;
    cameo_ptx_status status = api->launch(module->parsed, index, memory, &launch, &result);
    if (result)
      api->result_destroy(result);
    return status == CAMEO_PTX_OK ? 0 : launchFailed;
  });
}

int cuStreamCreate(void **stream, unsigned) { return *stream = new Stream, 0; }
int cuStreamDestroy_v2(void *stream) { return delete static_cast<Stream *>(stream), 0; }
int cuStreamSynchronize(void *stream) { return streamOf(stream).capturing ? captureUnsupported : 0; }
int cuStreamBeginCapture_v2(void *stream, int) { return streamOf(stream).capturing = true, 0; }
int cuStreamEndCapture(void *stream, void **graph) {
  Stream &source = streamOf(stream);
  source.capturing = false;
  *graph = new Graph{std::exchange(source.captured, {})};
  return 0;
}
int cuEventCreate(void **event, unsigned) { return *event = new Event, 0; }
int cuEventDestroy_v2(void *event) { return delete static_cast<Event *>(event), 0; }
int cuEventRecord(void *event, void *stream) {
  if (streamOf(stream).capturing)
    return captureUnsupported;
  static_cast<Event *>(event)->time = std::chrono::steady_clock::now();
  return 0;
}
int cuEventQuery(void *) { return 0; }
int cuEventSynchronize(void *) { return 0; }
int cuEventElapsedTime(float *milliseconds, void *begin, void *end) {
  *milliseconds = std::chrono::duration<float, std::milli>(static_cast<Event *>(end)->time -
                                                           static_cast<Event *>(begin)->time)
                      .count();
  return 0;
}
int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long) {
  return *exec = new Graph(*static_cast<Graph *>(graph)), 0;
}
int cuGraphLaunch(void *exec, void *stream) {
  for (const Work &work : static_cast<Graph *>(exec)->work)
    if (int failure = submit(stream, work))
      return failure;
  return 0;
}
int cuGraphExecDestroy(void *exec) { return delete static_cast<Graph *>(exec), 0; }
int cuGraphDestroy(void *graph) { return delete static_cast<Graph *>(graph), 0; }

} // extern "C"
