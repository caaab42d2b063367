// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sessions: creating them, one run from checked inputs to collected outputs, and the memory of both.
// On sim every buffer is an allocation of its own, made anew for each run (exact bounds, poisoned);
// on cuda memory stays for the next run, so that a captured graph can be replayed.

#include "Session.h"
#include "Log.h"

#include <condition_variable>
#include <cstring>
#include <thread>

namespace cameo::rt {

namespace {

/// Sets the stop flag when the time limit passes; joined before the run returns.
class Watchdog {
public:
  Watchdog(std::atomic<int> &stop, double seconds) {
    if (seconds > 0)
      thread = std::thread([this, &stop, seconds] {
        std::unique_lock lock(mutex);
        if (wake.wait_for(lock, std::chrono::duration<double>(std::min(seconds, 1e9)),
                          [this] { return done; }))
          return;
        int expected = goOn;
        stop.compare_exchange_strong(expected, outOfTime);
      });
  }
  ~Watchdog() {
    if (!thread.joinable())
      return;
    {
      std::lock_guard lock(mutex);
      done = true;
    }
    wake.notify_all();
    thread.join();
  }

private:
  std::mutex mutex;
  std::condition_variable wake;
  bool done = false;
  std::thread thread;
};

/// Marks the session as in use; two threads in one session is an error, not a race.
class BusyGuard {
public:
  explicit BusyGuard(std::atomic<bool> &busy) : busy(busy), entered(!busy.exchange(true)) {}
  ~BusyGuard() {
    if (entered)
      busy.store(false);
  }
  std::atomic<bool> &busy;
  const bool entered;
};

} // namespace

Result<std::shared_ptr<LoadedBundle>> LoadedBundle::open(const std::string &path,
                                                         const OpenOptions &options) {
  auto bundle = openBundle(path, options);
  if (!bundle)
    return bundle.error();
  return create(std::move(*bundle));
}

Result<std::shared_ptr<LoadedBundle>> LoadedBundle::create(std::shared_ptr<const Bundle> bundle) {
  for (const bundle::Step &step : bundle->desc().steps)
    if (const auto *host = std::get_if<bundle::HostOp>(&step))
      return Error{ErrorCode::unsupported, "'" + bundle->path() + "' needs the host operation '" +
                                               host->name + "', which this runtime does not have",
                   "", host->nodes};
  return std::shared_ptr<LoadedBundle>(new LoadedBundle(std::move(bundle)));
}

Result<std::shared_ptr<const LoadedModel>> LoadedBundle::model(DeviceKind kind, const DeviceOptions &options) {
  std::lock_guard lock(mutex);
  bool sim = kind == DeviceKind::sim;
  auto &entry = models[{kind, sim ? 0 : options.index, sim ? options.target : std::string()}];
  if (!entry) {
    auto loaded = sim ? loadSimModel(bundle, options.target) : loadCudaModel(bundle, options.index);
    if (!loaded)
      return loaded.error();
    entry = *loaded;
  }
  return entry;
}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<LoadedBundle> bundle,
                                                 const SessionOptions &asked) {
  SessionOptions options = asked;
  if (options.device == DeviceKind::automatic)
    options.device = cudaDeviceCount() > 0 ? DeviceKind::cuda : DeviceKind::sim;
  if (options.device == DeviceKind::cuda)
    options.inputOffset = 0;
  if (options.strict)
    if (Status status = checkStrict(bundle->desc()); !status)
      return status.error();
  auto model = bundle->model(options.device, options.deviceOptions);
  if (!model)
    return model.error();
  auto device = options.device == DeviceKind::sim ? createSimDevice(*model, options.deviceOptions)
                                                  : createCudaDevice(*model, options.deviceOptions);
  if (!device)
    return device.error();
  std::unique_ptr<Session> session(new Session(std::move(bundle), options));
  session->model = *model;
  session->device = std::move(*device);
  session->device->stop = &session->stop;
  session->blocks.resize(session->desc().buffers.size());
  log(LogLevel::info, "session of '" + session->bundle->bundle->path() + "' on " +
                          session->device->name());
  return session;
}

Session::~Session() {
  if (device)
    device->synchronize().ok();
}

Status Session::run(std::span<const Tensor> inputs, std::span<const Tensor> given) {
  BusyGuard guard(busy);
  if (!guard.entered)
    return Error{ErrorCode::usage, "a session runs in one thread at a time: create one per thread"};
  for (Output &output : outputs)
    output.valid = false, output.host.reset();
  Status status;
  {
    Watchdog watchdog(stop, options.timeLimit);
    status = runGuarded(inputs, given);
  }
  stop.store(goOn);
  if (!status)
    log(LogLevel::error, status.error().message);
  return status;
}

Status Session::runGuarded(std::span<const Tensor> inputs, std::span<const Tensor> given) {
  device->resetRun();
  launchCount = hostCount = 0;
  usedKernels.clear();
  if (Status status = validateInputs(inputs, given); !status)
    return status;
  Values solved(desc(), bundle->facts);
  std::vector<int64_t> key;
  if (Status status = solve(inputs, solved, key); !status)
    return status;
  auto known = plans.find(key);
  if (known == plans.end()) {
    solved.evaluateAll();
    if (Status status = checkDims(inputs, solved); !status)
      return status;
    auto made = makePlan(std::move(solved));
    if (!made)
      return made.error();
    if (plans.size() >= 256)
      plans.clear();
    known = plans.emplace(std::move(key), *made).first;
  }
  plan = known->second;
  values = plan->values;
  checkDone.assign(bundle->facts.lateChecks.size(), false);
  releaseBlocks();
  if (Status status = bindInputs(inputs); !status)
    return status;
  if (Status status = bindOutputs(given); !status)
    return status;
  if (Status status = executeOrReplay(); !status)
    return status;
  return collectOutputs(given);
}

void Session::releaseBlocks() {
  // On cuda, memory of the right size is kept: its addresses are part of captured graphs.
  for (Block &block : blocks) {
    if (block.owned && device->kind() == DeviceKind::cuda && !block.bound)
      continue;
    if (block.owned)
      device->release(block.allocation);
    block = {};
  }
}

Status Session::allocateBlock(Block &block, uint64_t bytes, uint64_t alignment, uint64_t offset,
                              const std::string &name) {
  if (block.owned && block.bytes == bytes)
    return {};
  if (block.owned)
    device->release(block.allocation);
  block = {};
  auto allocation = device->allocate(bytes + offset, std::max<uint64_t>(alignment, 256), name);
  if (!allocation)
    return allocation.error();
  block = {*allocation + offset, *allocation, bytes, true, false};
  return {};
}

Status Session::bindInputs(std::span<const Tensor> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    BufferId id = bundle->facts.inputBuffer[i];
    if (id == kNone)
      continue;
    const Tensor &tensor = inputs[i];
    uint64_t bytes = *tensorBytes(tensor.dtype, tensor.dims);
    Block &block = blocks[id];
    auto asked = values->bytes(desc().buffers[id].bytes, 0, "the size");
    if (!asked || *asked > bytes)
      return Error{ErrorCode::invalid, "the bundle reads beyond input '" + desc().inputs[i].name +
                                           "' for these sizes"};
    if (tensor.where == DeviceKind::cuda) {
      if (block.owned)
        device->release(block.allocation);
      block = {reinterpret_cast<Address>(tensor.data), 0, bytes, false, true};
      continue;
    }
    if (Status s = allocateBlock(block, bytes, 256, options.inputOffset,
                                 "input '" + desc().inputs[i].name + "'");
        !s)
      return s;
    if (bytes)
      if (Status s = device->write(block.address, tensor.data, bytes); !s)
        return s;
  }
  return {};
}

Status Session::bindOutputs(std::span<const Tensor> given) {
  for (size_t i = 0; i < given.size(); ++i)
    if (given[i].data && given[i].where == DeviceKind::cuda) {
      Block &block = blocks[bundle->facts.outputBuffer[i]];
      if (block.owned)
        device->release(block.allocation);
      block = {reinterpret_cast<Address>(given[i].data), 0, given[i].bytes, false, true};
    }
  return {};
}

Status Session::executeOrReplay() {
  bool graphs = device->hasGraphs() && bundle->facts.isStatic && !options.profile && options.graphs;
  if (!graphs)
    return execute();
  std::vector<uint64_t> addresses;
  for (const Block &block : blocks)
    addresses.push_back(block.address);
  addresses.push_back(arena.address);
  auto found = plan->graphs.find(addresses);
  if (found == plan->graphs.end()) {
    // The first run of these sizes allocates; from the second on the addresses are stable.
    if (Status status = execute(); !status)
      return status;
    std::vector<uint64_t> after;
    for (const Block &block : blocks)
      after.push_back(block.address);
    after.push_back(arena.address);
    if (plan->graphs.size() >= 16)
      plan->graphs.clear();
    plan->graphs.emplace(std::move(after), nullptr);
    return {};
  }
  if (!found->second) {
    if (Status status = device->beginCapture(); !status)
      return status;
    Status recorded = execute();
    auto graph = device->endCapture();
    if (!recorded)
      return recorded;
    if (!graph)
      return graph.error();
    found->second = *graph;
  }
  return device->launchGraph(found->second);
}

Status Session::collectOutputs(std::span<const Tensor> given) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    BufferId id = bundle->facts.outputBuffer[i];
    const bundle::Port &port = desc().outputs[i];
    auto dims = values->dims(port);
    if (!dims)
      return dims.error();
    auto bytes = tensorBytes(port.dtype, *dims);
    auto address = blockAddress(id); // an output of no elements may not have been touched
    if (!address)
      return address.error();
    if (!bytes || *bytes > blocks[id].bytes)
      return Error{ErrorCode::invalid, "output '" + port.name + "' of " + dimsText(*dims) +
                                           " does not fit its buffer"};
    outputs[i].dims = *dims;
    outputs[i].bytes = *bytes;
    outputs[i].address = *address;
    outputs[i].valid = true;
    if (given.empty() || !given[i].data || given[i].where == DeviceKind::cuda)
      continue;
    if (given[i].bytes < *bytes)
      return Error{ErrorCode::badInput, "output '" + port.name + "' takes " +
                                            std::to_string(*bytes) + " bytes, " +
                                            std::to_string(given[i].bytes) + " are bound"};
    if (Status s = device->read(given[i].data, *address, *bytes); !s)
      return s;
  }
  return device->synchronize();
}

Status Session::readOutput(uint32_t index, void *to, uint64_t bytes) {
  const Output &output = outputs[index];
  if (!output.valid)
    return Error{ErrorCode::usage, "there is no output: the session has not run, or its run failed"};
  if (bytes < output.bytes)
    return Error{ErrorCode::usage, "the output takes " + std::to_string(output.bytes) + " bytes"};
  return output.bytes ? device->read(to, output.address, output.bytes) : Status();
}

Result<const void *> Session::outputOnHost(uint32_t index) {
  Output &output = outputs[index];
  if (!output.host) {
    // One byte at least, so that an empty tensor has an address too.
    auto host = std::make_unique<char[]>(output.bytes + 1);
    if (Status status = readOutput(index, host.get(), output.bytes); !status)
      return status.error();
    output.host = std::move(host);
  }
  return static_cast<const void *>(output.host.get());
}

Status Session::outputUnwritten(uint32_t index, uint64_t &missing, uint64_t &first) {
  const Output &output = outputs[index];
  if (!output.valid)
    return Error{ErrorCode::usage, "there is no output: the session has not run, or its run failed"};
  missing = first = 0;
  return output.bytes ? device->unwritten(output.address, output.bytes, missing, first) : Status();
}

} // namespace cameo::rt
