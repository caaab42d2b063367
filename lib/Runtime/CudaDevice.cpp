// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The device `cuda`: one session's stream, memory and events. Waiting polls, so that a time limit or
// a cancellation is honoured even while a kernel hangs; a device that was left so is not used again.

#include "CudaModel.h"
#include "Log.h"

#include <cstring>
#include <thread>

namespace cameo::rt {

namespace {

using cuda::Driver;

class CudaDevice final : public Device {
public:
  CudaDevice(std::shared_ptr<const CudaModel> loaded, const DeviceOptions &options)
      : model(std::move(loaded)), options(options), api(model->api) {}
  ~CudaDevice() override {
    use();
    if (!broken) {
      api.streamSynchronize(stream);
      for (Address address : allocations)
        api.memFree(address);
      for (const TimedLaunch &timed : timedLaunches)
        destroy(timed);
      if (waitEvent)
        api.eventDestroy(waitEvent);
      if (ownStream && stream)
        api.streamDestroy(stream);
    }
  }

  Status create() {
    use();
    size_t free = 0, total = 0;
    if (Status s = api.check(api.memGetInfo(&free, &total), "asking for free memory"); !s)
      return s;
    limit = options.memoryLimit ? options.memoryLimit : free / 10 * 8;
    stream = static_cast<cuda::Stream>(options.stream);
    ownStream = stream == nullptr;
    if (ownStream)
      if (Status s = api.check(api.streamCreate(&stream, cuda::streamNonBlocking), "making a stream"); !s)
        return s;
    return api.check(api.eventCreate(&waitEvent, cuda::eventDefault), "making an event");
  }

  DeviceKind kind() const override { return DeviceKind::cuda; }
  std::string name() const override { return model->deviceName; }
  bool separateTemporaries() const override { return false; }
  bool hasGraphs() const override { return true; }
  void *nativeStream() const override { return stream; }

  Result<Address> allocate(uint64_t bytes, uint64_t, const std::string &what) override {
    use();
    cuda::DevicePtr address = 0;
    // The driver aligns to 256 and refuses to allocate nothing.
    if (allocated + bytes > limit)
      return Error{ErrorCode::resources, "cuda: " + std::to_string(bytes) + " bytes for " + what +
                                             " exceed the memory limit of " + std::to_string(limit)};
    if (Status s = api.check(api.memAlloc(&address, bytes ? bytes : 1),
                             "allocating " + std::to_string(bytes) + " bytes for " + what);
        !s)
      return s.error();
    allocated += bytes;
    sizes[address] = bytes;
    allocations.insert(address);
    return address;
  }
  void release(Address address) override {
    if (!allocations.erase(address))
      return;
    use();
    allocated -= sizes[address];
    sizes.erase(address);
    api.memFree(address); // waits for what still uses it
  }
  Result<Address> weightAddress(uint32_t weight) override { return model->weights[weight]; }

  Status write(Address to, const void *from, uint64_t bytes) override {
    use();
    // Of pageable memory the driver takes a copy before it returns.
    return api.check(api.copyToDevice(to, from, bytes, stream), "a copy to the device");
  }
  Status read(void *to, Address from, uint64_t bytes) override {
    use();
    // Wait first: a copy to pageable memory blocks, and could not be cancelled.
    if (Status s = synchronize(); !s)
      return s;
    if (Status s = api.check(api.copyToHost(to, from, bytes, stream), "a copy from the device"); !s)
      return s;
    return synchronize();
  }
  Status copy(Address to, Address from, uint64_t bytes) override {
    use();
    return api.check(api.copyOnDevice(to, from, bytes, stream), "a copy");
  }
  Status fill(Address to, uint64_t bytes, unsigned width, uint64_t pattern) override;
  Status launch(const LaunchRequest &request) override;
  Status synchronize() override;
  void resetRun() override {
    Device::resetRun();
    for (const TimedLaunch &timed : timedLaunches)
      destroy(timed);
    timedLaunches.clear();
  }

  Status beginCapture() override {
    use();
    return api.check(api.streamBeginCapture(stream, cuda::captureRelaxed), "recording a graph");
  }
  Result<std::shared_ptr<void>> endCapture() override;
  Status launchGraph(const std::shared_ptr<void> &graph) override {
    use();
    return api.check(api.graphLaunch(static_cast<cuda::GraphExec>(graph.get()), stream),
                     "launching a graph");
  }

private:
  struct TimedLaunch {
    cuda::Event begin = nullptr, end = nullptr;
    size_t profile = 0;
  };
  void destroy(const TimedLaunch &timed) {
    api.eventDestroy(timed.begin);
    api.eventDestroy(timed.end);
  }
  void use() { api.setCurrent(model->context); }
  Status collectTimes();

  std::shared_ptr<const CudaModel> model;
  DeviceOptions options;
  const Driver &api;
  cuda::Stream stream = nullptr;
  cuda::Event waitEvent = nullptr;
  bool ownStream = true, broken = false;
  uint64_t allocated = 0;
  std::set<Address> allocations;
  std::map<Address, uint64_t> sizes;
  std::vector<TimedLaunch> timedLaunches;
};

Status CudaDevice::fill(Address to, uint64_t bytes, unsigned width, uint64_t pattern) {
  use();
  uint32_t low = uint32_t(pattern), high = uint32_t(pattern >> 32);
  if (width == 8 && low == high)
    width = 4;
  switch (width) {
  case 1: return api.check(api.setD8(to, uint8_t(pattern), bytes, stream), "a fill");
  case 2: return api.check(api.setD16(to, uint16_t(pattern), bytes / 2, stream), "a fill");
  case 4: return api.check(api.setD32(to, low, bytes / 4, stream), "a fill");
  default: break;
  }
  std::vector<uint64_t> block(bytes / 8, pattern);
  Status status = write(to, block.data(), bytes);
  return status ? synchronize() : status;
}

Status CudaDevice::launch(const LaunchRequest &request) {
  use();
  const bundle::Kernel &kernel = model->bundle->desc().kernels[request.kernel];
  cuda::Function function = model->functions[request.kernel];
  if (request.dynamicShared > 48 * 1024)
    if (Status s = api.check(api.functionSetAttribute(function, cuda::functionMaxDynamicShared,
                                                      int(request.dynamicShared)),
                             "asking for " + std::to_string(request.dynamicShared) +
                                 " bytes of shared memory");
        !s)
      return s;
  size_t bytes = request.argBytes;
  // Packed and with its size: the driver then never reads more than there is.
  void *extra[] = {reinterpret_cast<void *>(1), const_cast<void *>(request.args),
                   reinterpret_cast<void *>(2), &bytes, nullptr};
  TimedLaunch timed;
  if (request.profile) {
    api.eventCreate(&timed.begin, cuda::eventDefault);
    api.eventCreate(&timed.end, cuda::eventDefault);
    api.eventRecord(timed.begin, stream);
  }
  cuda::Code code = api.launchKernel(function, request.grid[0], request.grid[1], request.grid[2],
                                     kernel.threads[0], kernel.threads[1], kernel.threads[2],
                                     request.dynamicShared, stream, nullptr, bytes ? extra : nullptr);
  if (request.profile) {
    api.eventRecord(timed.end, stream);
    timed.profile = profiles.size();
    profiles.push_back({request.step, request.kernel, request.variant, request.grid,
                        request.dynamicShared, 0, false, {}});
    timedLaunches.push_back(timed);
  }
  return api.check(code, "a launch");
}

Status CudaDevice::synchronize() {
  use();
  if (broken)
    return Error{ErrorCode::usage, "this session was stopped while its kernels ran: create another"};
  if (Status s = api.check(api.eventRecord(waitEvent, stream), "waiting"); !s)
    return s;
  auto begin = Clock::now();
  for (cuda::Code code = api.eventQuery(waitEvent); code != cuda::success; code = api.eventQuery(waitEvent)) {
    if (code != cuda::notReady)
      return api.check(code, "running the kernels");
    if (int reason = stop ? stop->load() : int(goOn); reason != goOn) {
      broken = true;
      return stopError(reason);
    }
    // The first milliseconds are spun, so that waiting adds nothing to short runs.
    if (Clock::now() - begin > std::chrono::milliseconds(2))
      std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return collectTimes();
}

Status CudaDevice::collectTimes() {
  for (const TimedLaunch &timed : timedLaunches) {
    float milliseconds = 0;
    if (api.eventElapsed(&milliseconds, timed.begin, timed.end) == cuda::success)
      profiles[timed.profile].milliseconds = milliseconds;
  }
  return {};
}

Result<std::shared_ptr<void>> CudaDevice::endCapture() {
  use();
  cuda::Graph graph = nullptr;
  if (Status s = api.check(api.streamEndCapture(stream, &graph), "recording a graph"); !s)
    return s.error();
  cuda::GraphExec exec = nullptr;
  Status status = api.check(api.graphInstantiate(&exec, graph, 0), "making a graph");
  api.graphDestroy(graph);
  if (!status)
    return status.error();
  return std::shared_ptr<void>(exec, [model = model](void *held) {
    model->api.setCurrent(model->context);
    model->api.graphExecDestroy(static_cast<cuda::GraphExec>(held));
  });
}

} // namespace

Result<std::unique_ptr<Device>> createCudaDevice(std::shared_ptr<const LoadedModel> model,
                                                 const DeviceOptions &options) {
  auto device = std::make_unique<CudaDevice>(
      std::static_pointer_cast<const CudaModel>(std::move(model)), options);
  if (Status status = device->create(); !status)
    return status.error();
  return std::unique_ptr<Device>(std::move(device));
}

} // namespace cameo::rt
