// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The device `sim`: the PTX machine, opened as a library. A module is parsed once per bundle and target and
// shared; each session has its own simulated memory. Weights are read where they are mapped. What the
// machine finds becomes Findings that name the step and the kernel.

#include "Device.h"
#include "Images.h"
#include "Library.h"
#include "Log.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <fstream>

namespace cameo::rt {

namespace {

Result<const cameo_ptx_api_v1 *> machine() {
  static const Result<const cameo_ptx_api_v1 *> api =
      []() -> Result<const cameo_ptx_api_v1 *> {
    auto handle = openLibrary({"libcameo-ptx.so"}, true);
    if (!handle)
      return handle.error();
    auto get = reinterpret_cast<cameo_ptx_api_fn>(dlsym(*handle, "cameo_ptx_api"));
    const cameo_ptx_api_v1 *table = get ? get(1) : nullptr;
    if (!table || table->struct_size < sizeof(cameo_ptx_api_v1))
      return Error{ErrorCode::noDevice, "libcameo-ptx.so is of another version"};
    return table;
  }();
  return api;
}

ErrorCode codeOf(cameo_ptx_status status) {
  switch (status) {
  case CAMEO_PTX_OK: return ErrorCode::ok;
  case CAMEO_PTX_BAD_PTX: return ErrorCode::invalid;
  case CAMEO_PTX_UNSUPPORTED: return ErrorCode::unsupported;
  case CAMEO_PTX_OUT_OF_MEMORY: return ErrorCode::resources;
  case CAMEO_PTX_OUT_OF_BOUNDS: return ErrorCode::invalid;
  case CAMEO_PTX_FINDING: return ErrorCode::findingMemory;
  case CAMEO_PTX_CANCELLED: return ErrorCode::interrupted;
  case CAMEO_PTX_STEP_LIMIT: return ErrorCode::timeLimit;
  case CAMEO_PTX_BAD_ARGUMENT:
  case CAMEO_PTX_INTERNAL: break;
  }
  return ErrorCode::internal;
}

Status check(cameo_ptx_status status, const char *what) {
  if (status == CAMEO_PTX_OK)
    return {};
  return Error{codeOf(status), std::string("sim: ") + what + " failed (status " +
                                   std::to_string(int(status)) + ")"};
}

/// Free memory of the host, in bytes.
uint64_t hostMemoryAvailable() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  uint64_t kilobytes = 0;
  while (info >> key >> kilobytes) {
    if (key == "MemAvailable:")
      return kilobytes * 1024;
    info.ignore(256, '\n');
  }
  return uint64_t(4) << 30;
}

class SimModel final : public LoadedModel {
public:
  SimModel(std::shared_ptr<const Bundle> bundle, const cameo_ptx_api_v1 *api)
      : LoadedModel(std::move(bundle)), api(api) {}
  ~SimModel() override {
    if (parsed)
      api->module_destroy(parsed);
  }

  struct Kernel {
    uint32_t index = 0, argBytes = 0;
  };

  Status load(const std::string &target) {
    Result<ModuleImage> chosen = chooseSimImage(bundle->desc(), target);
    if (!chosen)
      return chosen.error();
    module = chosen->module;
    if (chosen->image)
      if (Status status = parse(*chosen->image); !status)
        return status;
    for (const bundle::Kernel &kernel : bundle->desc().kernels) {
      Kernel found;
      cameo_ptx_kernel info = {};
      info.struct_size = sizeof info;
      if (kernel.module == module &&
          (api->module_find(parsed, kernel.symbol.c_str(), &found.index) != CAMEO_PTX_OK ||
           api->module_kernel(parsed, found.index, &info) != CAMEO_PTX_OK))
        return Error{ErrorCode::invalid, "sim: the PTX has no kernel '" + kernel.symbol + "'"};
      found.argBytes = info.arg_bytes;
      kernels.push_back(found);
    }
    return {};
  }

  const cameo_ptx_api_v1 *api;
  cameo_ptx_module *parsed = nullptr; ///< null: the bundle has no code
  std::vector<Kernel> kernels;        ///< by number; those of other modules are empty

private:
  Status parse(const bundle::Image &image) {
    std::string file = "module" + std::to_string(module) + ".ptx";
    cameo_ptx_text *errors = nullptr;
    cameo_ptx_status status =
        api->module_parse(image.bytes.c_str(), image.bytes.size(), file.c_str(), &parsed, &errors);
    std::string why = errors ? api->text_data(errors) : "";
    api->text_destroy(errors);
    if (status != CAMEO_PTX_OK)
      return Error{codeOf(status), "sim: " + why};
    return {};
  }
};

class SimDevice final : public Device {
public:
  SimDevice(std::shared_ptr<const SimModel> loaded, const DeviceOptions &options)
      : model(std::move(loaded)), options(options), api(model->api),
        weights(model->bundle->desc().weights.size()) {
    limit = options.memoryLimit ? options.memoryLimit : hostMemoryAvailable() / 10 * 8;
  }
  ~SimDevice() override {
    if (memory)
      api->memory_destroy(memory);
  }
  Status create() { return check(api->memory_create(limit, &memory), "creating its memory"); }

  DeviceKind kind() const override { return DeviceKind::sim; }
  std::string name() const override { return "PTX machine"; }
  bool separateTemporaries() const override { return true; }

  Result<Address> allocate(uint64_t bytes, uint64_t alignment, const std::string &name) override {
    uint64_t address = 0;
    if (api->memory_alloc(memory, bytes, alignment, name.c_str(), &address) != CAMEO_PTX_OK)
      return Error{ErrorCode::resources, "sim: cannot allocate " + std::to_string(bytes) +
                                             " bytes for " + name + " (memory limit " +
                                             std::to_string(limit) + ")"};
    return address;
  }
  void release(Address address) override { api->memory_free(memory, address); }

  Result<Address> weightAddress(uint32_t index) override {
    if (weights[index])
      return *weights[index];
    const bundle::Weight &weight = model->bundle->desc().weights[index];
    uint64_t address = 0;
    std::string name = weight.name.empty() ? "weight " + std::to_string(index) : weight.name;
    Status status = check(api->memory_import(memory, const_cast<void *>(weight.data), weight.bytes,
                                             1, kBundleAlignment, name.c_str(), &address),
                          "importing a weight");
    if (!status)
      return status.error();
    weights[index] = address;
    return address;
  }

  Status write(Address to, const void *from, uint64_t bytes) override {
    return check(api->memory_write(memory, to, from, bytes), "a write");
  }
  Status read(void *to, Address from, uint64_t bytes) override {
    return check(api->memory_read(memory, from, to, bytes), "a read");
  }
  Status copy(Address to, Address from, uint64_t bytes) override {
    return check(api->memory_copy(memory, to, from, bytes), "a copy");
  }
  Status fill(Address to, uint64_t bytes, unsigned width, uint64_t pattern) override {
    if (width == 1)
      return check(api->memory_fill(memory, to, uint8_t(pattern), bytes), "a fill");
    std::string block(std::min<uint64_t>(bytes, 65536), '\0'); // a multiple of every width
    for (size_t i = 0; i + width <= block.size(); i += width)
      std::memcpy(block.data() + i, &pattern, width);
    for (uint64_t done = 0; done < bytes; done += block.size())
      if (Status s = write(to + done, block.data(), std::min<uint64_t>(block.size(), bytes - done));
          !s)
        return s;
    return {};
  }
  Status synchronize() override { return {}; }
  Status poison(Address address, uint64_t bytes) override {
    return check(api->memory_poison(memory, address, bytes, 0), "poisoning");
  }
  Status unwritten(Address address, uint64_t bytes, uint64_t &missing, uint64_t &first) override {
    return check(api->memory_unwritten(memory, address, bytes, &missing, &first), "a query");
  }

  Status launch(const LaunchRequest &request) override;

private:
  void collect(const LaunchRequest &request, const cameo_ptx_result *result);
  Error findingError(size_t firstNew) const;

  std::shared_ptr<const SimModel> model;
  DeviceOptions options;
  const cameo_ptx_api_v1 *api;
  cameo_ptx_memory *memory = nullptr;
  std::vector<std::optional<Address>> weights;
};

Status SimDevice::launch(const LaunchRequest &request) {
  const bundle::Kernel &kernel = model->bundle->desc().kernels[request.kernel];
  const SimModel::Kernel &code = model->kernels[request.kernel];
  if (request.argBytes < code.argBytes)
    return Error{ErrorCode::invalid, "the kernel's parameters take more bytes than its arguments",
                 kernel.symbol, kernel.nodes};
  cameo_ptx_launch launch = {};
  launch.struct_size = sizeof launch;
  std::copy(request.grid.begin(), request.grid.end(), launch.grid);
  std::copy(kernel.threads.begin(), kernel.threads.end(), launch.block);
  launch.dynamic_shared_bytes = request.dynamicShared;
  launch.args = request.args;
  launch.arg_bytes = request.argBytes;
  launch.checks = options.checks;
  launch.schedule = options.schedule;
  launch.async_point = options.asyncPoint;
  launch.seed = options.seed;
  launch.counts = request.profile;
  launch.host_threads = options.hostThreads;
  // The flag is an atomic int of the session; the machine polls it as a plain one.
  launch.cancel = reinterpret_cast<const volatile int *>(stop);
  auto begin = Clock::now();
  cameo_ptx_result *result = nullptr;
  cameo_ptx_status status = api->launch(model->parsed, code.index, memory, &launch, &result);
  double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  size_t firstNew = findings.size();
  std::string text = result ? api->result_text(result) : "";
  if (result)
    collect(request, result);
  if (request.profile && result) {
    LaunchProfile profile{request.step, request.kernel, request.variant,     request.grid,
                          request.dynamicShared, milliseconds,   true, {}};
    profile.counts.struct_size = sizeof profile.counts;
    profile.hasCounts = api->result_counts(result, &profile.counts) == CAMEO_PTX_OK;
    profiles.push_back(profile);
  }
  if (result)
    api->result_destroy(result);
  if (status == CAMEO_PTX_OK)
    return {};
  if (status == CAMEO_PTX_CANCELLED)
    return stopError(stop ? stop->load() : int(cancelled));
  if (firstNew < findings.size())
    return findingError(firstNew);
  return Error{codeOf(status), text.empty() ? "sim: the launch failed" : "sim: " + text,
               kernel.symbol, kernel.nodes};
}

void SimDevice::collect(const LaunchRequest &request, const cameo_ptx_result *result) {
  for (uint32_t i = 0; i < api->result_finding_count(result); ++i) {
    cameo_ptx_finding raw = {};
    raw.struct_size = sizeof raw;
    if (api->result_finding(result, i, &raw) != CAMEO_PTX_OK)
      continue;
    auto text = [](const char *chars) { return std::string(chars ? chars : ""); };
    Finding finding;
    finding.step = request.step;
    finding.kernel = request.kernel;
    finding.kind = raw.kind;
    finding.exitCode = int(raw.exit_code);
    finding.line = raw.line;
    std::copy(raw.block, raw.block + 3, finding.block.begin());
    std::copy(raw.thread, raw.thread + 3, finding.thread.begin());
    finding.address = raw.address;
    finding.offset = raw.offset;
    finding.objectBytes = raw.object_bytes;
    finding.accessBytes = raw.access_bytes;
    finding.threads = raw.threads;
    finding.instruction = text(raw.instruction);
    finding.location = text(raw.location);
    finding.object = text(raw.object);
    finding.message = text(raw.message);
    finding.remedy = text(raw.remedy);
    findings.push_back(std::move(finding));
  }
}

Error SimDevice::findingError(size_t firstNew) const {
  const Finding *worst = &findings[firstNew];
  for (size_t i = firstNew; i < findings.size(); ++i)
    if (findings[i].exitCode < worst->exitCode)
      worst = &findings[i];
  const bundle::Kernel &kernel = model->bundle->desc().kernels[worst->kernel];
  std::string message = "kernel '" + kernel.symbol + "', PTX line " + std::to_string(worst->line) +
                        ": " + worst->message;
  if (!worst->instruction.empty())
    message += " [" + worst->instruction + "]";
  return {ErrorCode(worst->exitCode), message, kernel.symbol, kernel.nodes};
}

} // namespace

Result<std::shared_ptr<const LoadedModel>> loadSimModel(std::shared_ptr<const Bundle> bundle,
                                                        const std::string &target) {
  auto api = machine();
  if (!api)
    return api.error();
  auto model = std::make_shared<SimModel>(std::move(bundle), *api);
  if (Status status = model->load(target); !status)
    return status.error();
  return std::shared_ptr<const LoadedModel>(std::move(model));
}

Result<std::unique_ptr<Device>> createSimDevice(std::shared_ptr<const LoadedModel> model,
                                                const DeviceOptions &options) {
  auto device = std::make_unique<SimDevice>(
      std::static_pointer_cast<const SimModel>(std::move(model)), options);
  if (Status status = device->create(); !status)
    return status.error();
  return std::unique_ptr<Device>(std::move(device));
}

Error stopError(int reason) {
  if (reason == outOfTime)
    return {ErrorCode::timeLimit, "the time limit passed"};
  return {ErrorCode::interrupted, "cancelled"};
}

} // namespace cameo::rt
