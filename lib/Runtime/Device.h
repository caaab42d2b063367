// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two devices behind one interface: `sim`, the PTX machine, and `cuda`, the driver. A LoadedModel
// holds what sessions share (modules, weights); a Device is one session's memory and stream.
// Addresses are device addresses on both, never host pointers. Work is ordered as it was issued;
// `read` and `synchronize` wait for it.
#pragma once

#include "cameo/Bundle/Bundle.h"
#include "cameo/Ptx/cameo_ptx.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace cameo::rt {

using Address = uint64_t;
using Clock = std::chrono::steady_clock;

enum class DeviceKind : int { automatic = 0, sim = 1, cuda = 2 };

struct DeviceOptions {
  int index = 0;
  uint64_t memoryLimit = 0; ///< bytes; 0: 80 % of what is free
  void *stream = nullptr;   ///< cuda: a CUstream of the caller; null: one of our own
  uint32_t checks = CAMEO_PTX_CHECK_ALL;
  uint32_t schedule = CAMEO_PTX_SCHEDULE_ROUND_ROBIN;
  uint32_t asyncPoint = CAMEO_PTX_ASYNC_LATEST;
  uint64_t seed = 0;
  uint32_t hostThreads = 0; ///< sim: 0 for all cores
  std::string target = {};  ///< sim: run the code for this target; "": for the lowest
};

/// Why a run has to stop; set by other threads and by signal handlers.
enum StopReason : int { goOn = 0, cancelled = 1, outOfTime = 2 };

/// One thing that the PTX machine found.
struct Finding {
  uint32_t step = 0, kernel = 0; ///< indices into the bundle's tables
  uint32_t kind = 0;             ///< cameo_ptx_finding_kind
  int exitCode = 0;
  uint32_t line = 0; ///< of the PTX text
  std::array<uint32_t, 3> block = {}, thread = {};
  uint64_t address = 0, objectBytes = 0;
  int64_t offset = 0;
  uint32_t accessBytes = 0, threads = 0;
  std::string instruction, location, object, message, remedy;
};

struct LaunchRequest {
  uint32_t step = 0, kernel = 0, variant = 0;
  std::array<uint32_t, 3> grid = {};
  uint32_t dynamicShared = 0;
  const void *args = nullptr; ///< packed, each argument aligned to its size
  size_t argBytes = 0;
  bool profile = false;
};

/// One launch of the last profiled run.
struct LaunchProfile {
  uint32_t step = 0, kernel = 0, variant = 0;
  std::array<uint32_t, 3> grid = {};
  uint32_t dynamicShared = 0;
  double milliseconds = 0; ///< cuda: on the device; sim: host time, no measure of any GPU
  bool hasCounts = false;
  cameo_ptx_counts counts = {};
};

/// The code and shared weights of one bundle on one device. Immutable.
class LoadedModel {
public:
  explicit LoadedModel(std::shared_ptr<const Bundle> bundle) : bundle(std::move(bundle)) {}
  virtual ~LoadedModel() = default;
  const std::shared_ptr<const Bundle> bundle;
  uint32_t module = 0; ///< whose variants are launched
};

class Device {
public:
  virtual ~Device() = default;
  virtual DeviceKind kind() const = 0;
  virtual std::string name() const = 0;
  uint64_t memoryLimit() const { return limit; }

  /// Sim: exactly `bytes`, poisoned, with a gap around; cuda: at least aligned to 256.
  virtual Result<Address> allocate(uint64_t bytes, uint64_t alignment, const std::string &name) = 0;
  virtual void release(Address address) = 0;
  virtual Result<Address> weightAddress(uint32_t weight) = 0;

  virtual Status write(Address to, const void *from, uint64_t bytes) = 0;
  virtual Status read(void *to, Address from, uint64_t bytes) = 0;
  virtual Status copy(Address to, Address from, uint64_t bytes) = 0;
  virtual Status fill(Address to, uint64_t bytes, unsigned width, uint64_t pattern) = 0;
  virtual Status launch(const LaunchRequest &request) = 0;
  virtual Status synchronize() = 0;

  /// Sim: marks as never written. Nothing on cuda.
  virtual Status poison(Address, uint64_t) { return {}; }
  /// Sim: bytes that no instruction wrote since the last poison, and the first of them.
  virtual Status unwritten(Address, uint64_t, uint64_t &, uint64_t &) {
    return Error{ErrorCode::unsupported, "only the device 'sim' knows which bytes were written"};
  }
  /// Whether temporaries are allocations of their own (so that bounds are exact) or parts of an arena.
  virtual bool separateTemporaries() const = 0;

  /// Graphs: between begin and end, work is recorded and not run. Unsupported on sim.
  virtual bool hasGraphs() const { return false; }
  virtual Status beginCapture() { return Error{ErrorCode::unsupported, "no graphs here"}; }
  virtual Result<std::shared_ptr<void>> endCapture() {
    return Error{ErrorCode::unsupported, "no graphs here"};
  }
  virtual Status launchGraph(const std::shared_ptr<void> &) {
    return Error{ErrorCode::unsupported, "no graphs here"};
  }
  virtual void *nativeStream() const { return nullptr; }

  /// Collected since the last call of `resetRun`; times of cuda need `synchronize` first.
  std::vector<Finding> findings;
  std::vector<LaunchProfile> profiles;
  virtual void resetRun() {
    findings.clear();
    profiles.clear();
  }
  /// Polled while the device works; a StopReason.
  const std::atomic<int> *stop = nullptr;

protected:
  uint64_t limit = 0;
};

/// The error for a StopReason.
Error stopError(int reason);

Result<std::shared_ptr<const LoadedModel>> loadSimModel(std::shared_ptr<const Bundle> bundle,
                                                        const std::string &target);
Result<std::unique_ptr<Device>> createSimDevice(std::shared_ptr<const LoadedModel> model,
                                                const DeviceOptions &options);

Result<std::shared_ptr<const LoadedModel>> loadCudaModel(std::shared_ptr<const Bundle> bundle,
                                                         int index);
Result<std::unique_ptr<Device>> createCudaDevice(std::shared_ptr<const LoadedModel> model,
                                                 const DeviceOptions &options);
/// How many CUDA devices there are; 0 where the driver is missing (`why` says what is).
int cudaDeviceCount(std::string *why = nullptr);

} // namespace cameo::rt
