// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running a bundle. A LoadedBundle is shared by threads; a Session belongs to one thread at a time
// and owns a device's memory and stream. A run validates what it was given, solves the sizes (or
// finds the plan that it made for the same sizes before), and walks the launch program.
#pragma once

#include "Device.h"
#include "MemoryPlan.h"
#include "Values.h"

#include <map>
#include <mutex>
#include <set>
#include <span>
#include <tuple>

namespace cameo::rt {

/// A tensor of the caller, C-contiguous.
struct Tensor {
  DType dtype = DType::undefined;
  std::vector<int64_t> dims;
  void *data = nullptr;
  uint64_t bytes = 0; ///< size of the memory at `data`
  DeviceKind where = DeviceKind::automatic; ///< automatic: host memory; cuda: memory of that device
  int deviceIndex = 0;
};

struct SessionOptions {
  DeviceKind device = DeviceKind::automatic;
  DeviceOptions deviceOptions;
  double timeLimit = 0;     ///< seconds a run may take; 0: no limit
  bool profile = false;     ///< record each launch; no graphs
  bool graphs = true;       ///< cuda: replay a static program as one graph
  bool strict = false;      ///< refuse host steps but control operands and shape arithmetic
  uint32_t inputOffset = 0; ///< sim: inputs and outputs begin this many bytes behind an aligned address
};

class LoadedBundle {
public:
  static Result<std::shared_ptr<LoadedBundle>> open(const std::string &path,
                                                    const OpenOptions &options);
  static Result<std::shared_ptr<LoadedBundle>> create(std::shared_ptr<const Bundle> bundle);
  const BundleDesc &desc() const { return bundle->desc(); }
  /// The bundle on a device, loaded by the first session that asks.
  Result<std::shared_ptr<const LoadedModel>> model(DeviceKind kind, const DeviceOptions &options);

  const std::shared_ptr<const Bundle> bundle;
  const ProgramFacts facts;

private:
  explicit LoadedBundle(std::shared_ptr<const Bundle> bundle)
      : bundle(std::move(bundle)), facts(this->bundle->desc()) {}
  std::mutex mutex;
  std::map<std::tuple<DeviceKind, int, std::string>, std::shared_ptr<const LoadedModel>> models;
};

/// What follows from one combination of sizes.
struct Plan {
  explicit Plan(Values values) : values(std::move(values)) {}
  Values values;
  std::vector<std::optional<uint64_t>> offsets; ///< of temporaries in the arena
  uint64_t arenaBytes = 0;
  uint64_t totalBytes = 0; ///< arena, inputs and outputs, as far as they are known
  std::map<std::vector<uint64_t>, std::shared_ptr<void>> graphs; ///< by addresses
};

struct Output {
  std::vector<int64_t> dims;
  uint64_t bytes = 0;
  Address address = 0;
  bool valid = false, onHost = false;
  std::unique_ptr<char[]> host; ///< filled when asked for
};

class Session {
public:
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<LoadedBundle> bundle,
                                                 const SessionOptions &options);
  ~Session();

  /// `outputs` empty, or one per output; those with `data` are written there.
  Status run(std::span<const Tensor> inputs, std::span<const Tensor> outputs);
  /// Async-signal-safe. Stops the run in progress, or the next one if there is none.
  void cancel() { stop.store(cancelled); }

  const BundleDesc &desc() const { return bundle->desc(); }
  const Output &output(uint32_t index) const { return outputs[index]; }
  Status readOutput(uint32_t index, void *to, uint64_t bytes);
  Result<const void *> outputOnHost(uint32_t index);
  Status outputUnwritten(uint32_t index, uint64_t &missing, uint64_t &first);
  Device &onDevice() { return *device; }
  /// Of the last run.
  uint64_t arenaBytes() const { return plan ? plan->arenaBytes : 0; }
  uint32_t launches() const { return launchCount; }
  uint32_t hostSteps() const { return hostCount; }
  std::set<uint32_t> kernelsUsed() const { return usedKernels; }

private:
  Session(std::shared_ptr<LoadedBundle> bundle, const SessionOptions &options)
      : bundle(std::move(bundle)), options(options), outputs(desc().outputs.size()) {}

  /// Memory of a base buffer.
  struct Block {
    Address address = 0, allocation = 0;
    uint64_t bytes = 0;
    bool owned = false, bound = false;
  };

  // Inputs.cpp
  Status validateInputs(std::span<const Tensor> inputs, std::span<const Tensor> outputs);
  Status solve(std::span<const Tensor> inputs, Values &values, std::vector<int64_t> &key);
  Status readElements(std::span<const Tensor> inputs, Values &values, std::vector<int64_t> &key);
  Status checkDims(std::span<const Tensor> inputs, const Values &values) const;
  Status runCheck(const bundle::Check &check, const Values &values) const;
  Result<std::shared_ptr<Plan>> makePlan(Values values) const;

  // Session.cpp
  Status runGuarded(std::span<const Tensor> inputs, std::span<const Tensor> outputs);
  Status bindInputs(std::span<const Tensor> inputs);
  Status bindOutputs(std::span<const Tensor> outputs);
  Status collectOutputs(std::span<const Tensor> outputs);
  Status executeOrReplay();
  void releaseBlocks();
  Status allocateBlock(Block &block, uint64_t bytes, uint64_t alignment, uint64_t offset,
                       const std::string &name);

  // Execute.cpp
  Status execute();
  Status executeRange(uint32_t begin, uint32_t end);
  Status step(uint32_t index, const bundle::Launch &launch);
  Status step(uint32_t index, const bundle::Copy &copy);
  Status step(uint32_t index, const bundle::Fill &fill);
  Status step(uint32_t index, const bundle::ReadSymbols &read);
  Status step(uint32_t index, const bundle::WriteSizes &write);
  Status step(uint32_t index, const bundle::HostOp &host);
  Status step(uint32_t index, const bundle::If &branch);
  Status step(uint32_t index, const bundle::Loop &loop);
  Status setSymbol(SymbolId symbol, int64_t value);
  Status runLateChecks();
  Result<Address> blockAddress(BufferId base);
  Result<Address> address(const Range &range);
  struct Chosen {
    uint32_t variant;
    std::string args;
  };
  Result<Chosen> chooseVariant(uint32_t index, const bundle::Launch &launch);
  Status packArguments(const bundle::Launch &launch, const bundle::Variant &variant,
                       std::span<const Address> addresses, std::string &args);
  Status stopped() const;

  std::shared_ptr<LoadedBundle> bundle;
  SessionOptions options;
  std::unique_ptr<Device> device;
  std::shared_ptr<const LoadedModel> model;
  std::map<std::vector<int64_t>, std::shared_ptr<Plan>> plans; ///< by signature
  std::shared_ptr<Plan> plan;
  std::optional<Values> values; ///< of the current run
  std::vector<Block> blocks;
  Block arena;
  std::vector<Output> outputs;
  std::vector<bool> checkDone; ///< of late checks
  uint32_t loopBegin = 0;      ///< first step of the innermost loop's body; 0 outside of loops
  std::atomic<int> stop{goOn};
  std::atomic<bool> busy{false};
  uint32_t launchCount = 0, hostCount = 0;
  std::set<uint32_t> usedKernels;
};

/// Refuses a program with host steps other than reading control operands and computing with sizes.
Status checkStrict(const BundleDesc &desc);

/// The integer at `bytes`, of an integer type or boolean.
/// An element of a control operand: an integer as it is, a real as a fixed-point number
/// (Support/FixedPoint.h), nothing for a real that has none.
std::optional<int64_t> loadSize(DType type, const void *bytes);
/// False when `value` does not fit the type.
bool storeInteger(DType type, int64_t value, void *bytes);

} // namespace cameo::rt
