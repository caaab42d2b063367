// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libFuzzer's entry: any bytes as PTX. What parses is launched, every kernel of it, with pointers to
// small buffers, under all checks and tight limits (steps, memory). Whatever happens has to be a status with
// a text; a crash, a hang, a sanitizer's report or an exception stopped at the C interface is a bug.
#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr uint64_t bufferBytes = 16384, memoryBytes = 64 << 20, steps = 3000;
constexpr uint32_t mostKernels = 2;

void require(bool holds, const char *what) {
  if (!holds) {
    std::fprintf(stderr, "PtxFuzzer: %s\n", what);
    std::abort();
  }
}

/// Sets a flag when the time is over: many blocks may each stay below the limit of steps.
class Timer {
public:
  Timer() : thread([this] { wait(); }) {}
  ~Timer() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      done = true;
    }
    changed.notify_all();
    thread.join();
  }
  volatile int over = 0;

private:
  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    if (!changed.wait_for(lock, std::chrono::seconds(2), [this] { return done; }))
      __atomic_store_n(const_cast<int *>(&over), 1, __ATOMIC_RELAXED);
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread thread;
};

/// Arguments as their sizes suggest: pointers to buffers, small numbers, bytes.
std::vector<uint8_t> makeArguments(const cameo_ptx_api_v1 *api, const cameo_ptx_module *module, uint32_t index,
                                   const cameo_ptx_kernel &kernel, cameo_ptx_memory *memory) {
  std::vector<uint8_t> packed(kernel.arg_bytes + 16, 1);
  for (uint32_t i = 0; i < std::min<uint32_t>(kernel.param_count, 64); ++i) {
    cameo_ptx_param param{};
    param.struct_size = sizeof param;
    api->module_param(module, index, i, &param);
    uint64_t value = 64;
    if (param.size == 8) {
      std::vector<uint8_t> data(bufferBytes, static_cast<uint8_t>(i % 3));
      if (api->memory_alloc(memory, bufferBytes, 256, "buffer", &value) == CAMEO_PTX_OK)
        api->memory_write(memory, value, data.data(), data.size());
    }
    std::memcpy(packed.data() + param.offset, &value, std::min<size_t>(param.size, 8));
  }
  return packed;
}

void launchOne(const cameo_ptx_api_v1 *api, const cameo_ptx_module *module, uint32_t index, uint32_t variant) {
  cameo_ptx_kernel kernel{};
  kernel.struct_size = sizeof kernel;
  require(api->module_kernel(module, index, &kernel) == CAMEO_PTX_OK, "a kernel without a description");
  cameo_ptx_memory *memory = nullptr;
  require(api->memory_create(memoryBytes, &memory) == CAMEO_PTX_OK, "no memory");
  std::vector<uint8_t> arguments = makeArguments(api, module, index, kernel, memory);
  Timer timer;
  cameo_ptx_launch launch{};
  launch.struct_size = sizeof launch;
  for (unsigned d = 0; d < 3; ++d) {
    launch.grid[d] = d ? 1 : 2;
    launch.block[d] = kernel.reqntid[0] ? kernel.reqntid[d] : d ? 1 : 64;
  }
  launch.dynamic_shared_bytes = kernel.uses_dynamic_shared ? 4096 : 0;
  launch.args = arguments.data(), launch.arg_bytes = kernel.arg_bytes;
  launch.checks = CAMEO_PTX_CHECK_ALL;
  launch.schedule = variant % 5, launch.async_point = variant / 5 % 3, launch.counts = variant / 15 % 4 == 0;
  launch.step_limit = steps, launch.host_threads = 1, launch.cancel = &timer.over;
  cameo_ptx_result *result = nullptr;
  cameo_ptx_status status = api->launch(module, index, memory, &launch, &result);
  require(status != CAMEO_PTX_INTERNAL && status != CAMEO_PTX_BAD_ARGUMENT, "a launch ended in an internal error");
  require(status != CAMEO_PTX_FINDING || std::strlen(api->result_text(result)) > 0, "a finding without a text");
  api->result_destroy(result);
  api->memory_destroy(memory);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const cameo_ptx_api_v1 *api = cameo_ptx_api(1);
  cameo_ptx_module *module = nullptr;
  cameo_ptx_text *errors = nullptr;
  cameo_ptx_status status =
      api->module_parse(reinterpret_cast<const char *>(data), size, "fuzz.ptx", &module, &errors);
  if (status == CAMEO_PTX_OK) {
    uint32_t variant = 0; // the same text, the same schedule
    for (size_t i = 0; i < size; ++i)
      variant = variant * 31 + data[i];
    for (uint32_t i = 0; i < std::min(mostKernels, api->module_kernel_count(module)); ++i)
      launchOne(api, module, i, variant >> 4);
  } else {
    require(status != CAMEO_PTX_INTERNAL, "parsing ended in an internal error");
    require(std::strncmp(api->text_data(errors), "fuzz.ptx:", 9) == 0, "a refusal without a line");
  }
  api->text_destroy(errors);
  api->module_destroy(module);
  return 0;
}
