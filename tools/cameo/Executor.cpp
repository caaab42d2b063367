// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Executor.h: bundles through the runtime's C interface, temporary bundles, inputs.

#include "Executor.h"

#include "TensorFiles.h"

#include "cameo/Support/SizeExpr.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace llvm;

namespace cameo::tool {

using host::HostTensor;

namespace {

Error take(cameo_error *error) {
  Error result;
  if (!error)
    return result;
  result.code = ErrorCode(cameo_error_status(error));
  result.message = cameo_error_message(error);
  result.kernel = cameo_error_kernel(error);
  for (size_t i = 0; i < cameo_error_node_count(error); ++i)
    result.nodes.push_back(cameo_error_node(error, i));
  cameo_error_destroy(error);
  return result;
}

class BundleExecutor : public Executor {
public:
  ~BundleExecutor() override {
    cameo_session_destroy(session);
    cameo_bundle_destroy(bundle);
  }

  std::optional<Error> open(const std::string &path, const cameo_session_options &options) {
    cameo_error *error = nullptr;
    if (cameo_bundle_open(path.c_str(), &bundle, &error) != CAMEO_OK)
      return take(error);
    for (size_t i = 0; i < cameo_bundle_input_count(bundle); ++i)
      inputs.push_back(port(cameo_bundle_input, i));
    for (size_t i = 0; i < cameo_bundle_output_count(bundle); ++i)
      outputs.push_back(port(cameo_bundle_output, i));
    if (cameo_session_create(bundle, &options, &session, &error) != CAMEO_OK)
      return take(error);
    device = "sim";
    if (cameo_session_device(session) == CAMEO_CUDA)
      device = std::string("cuda (") + cameo_session_device_name(session) + ")";
    return std::nullopt;
  }

  Result<std::vector<HostTensor>> run(const std::vector<HostTensor> &values) override {
    std::vector<cameo_tensor> tensors;
    for (const HostTensor &value : values) {
      cameo_tensor tensor = {};
      tensor.struct_size = sizeof tensor;
      tensor.dtype = cameo_dtype(value.dtype());
      tensor.rank = uint32_t(value.rank());
      tensor.dims = value.dims().data();
      tensor.data = value.data();
      tensor.bytes = uint64_t(byteSize(value.dtype(), value.numElements()).value_or(0));
      tensors.push_back(tensor);
    }
    cameo_error *error = nullptr;
    cameo_status status =
        cameo_session_run(session, tensors.data(), tensors.size(), nullptr, 0, &error);
    if (status != CAMEO_OK) {
      Error failure = take(error);
      addFindings(failure);
      return failure;
    }
    std::vector<HostTensor> results;
    for (size_t i = 0; i < outputs.size(); ++i) {
      Result<HostTensor> result = output(i);
      if (!result)
        return result.error();
      results.push_back(*result);
    }
    return results;
  }

  uint64_t unwrittenBytes(size_t i) override {
    uint64_t missing = 0, first = 0;
    cameo_error *error = nullptr;
    if (cameo_session_output_unwritten(session, i, &missing, &first, &error) != CAMEO_OK)
      take(error);
    return missing;
  }

  RunInfo info() override {
    cameo_run_info raw = {};
    raw.struct_size = sizeof raw;
    if (cameo_session_run_info(session, &raw) != CAMEO_OK)
      return {};
    return {raw.launches, raw.kernels, raw.host_steps, raw.arena_bytes};
  }

  std::vector<LaunchRecord> launches() override {
    std::vector<LaunchRecord> records;
    for (size_t i = 0; i < cameo_session_launch_count(session); ++i) {
      cameo_launch_info raw = {};
      raw.struct_size = sizeof raw;
      if (cameo_session_launch(session, i, &raw) != CAMEO_OK)
        continue;
      LaunchRecord record{raw.kernel, raw.family, {}, raw.milliseconds, countsOf(raw)};
      for (size_t n = 0; n < raw.node_count; ++n)
        record.nodes.push_back(raw.nodes[n]);
      records.push_back(std::move(record));
    }
    return records;
  }

private:
  template <class Fn> Port port(Fn get, size_t index) {
    cameo_port raw = {};
    raw.struct_size = sizeof raw;
    get(bundle, index, &raw);
    return {raw.name, DType(raw.dtype), std::vector<std::string>(raw.dims, raw.dims + raw.rank)};
  }

  Result<HostTensor> output(size_t i) {
    cameo_tensor raw = {};
    raw.struct_size = sizeof raw;
    cameo_error *error = nullptr;
    const void *data = nullptr;
    if (cameo_session_output(session, i, &raw, &error) != CAMEO_OK ||
        cameo_session_output_data(session, i, &data, &error) != CAMEO_OK)
      return take(error);
    auto tensor = HostTensor::allocate(DType(raw.dtype), {raw.dims, raw.dims + raw.rank});
    if (!tensor)
      return Error{ErrorCode::resources, tensor.message()};
    if (tensor->numElements() > 0)
      std::memcpy(tensor->data(), data,
                  size_t(*byteSize(tensor->dtype(), tensor->numElements())));
    return *tensor;
  }

  /// What sim found, one line each, behind the error's message.
  void addFindings(Error &error) {
    for (size_t i = 0; i < cameo_session_finding_count(session); ++i) {
      cameo_finding raw = {};
      raw.struct_size = sizeof raw;
      if (cameo_session_finding(session, i, &raw) != CAMEO_OK)
        continue;
      std::string line = formatv("\n  {0}: PTX line {1}: {2}", raw.kernel, raw.line, raw.message).str();
      for (size_t n = 0; n < raw.node_count; ++n)
        line += (n ? ", '" : " (node '") + std::string(raw.nodes[n]) + "'";
      error.message += line + (raw.node_count ? ")" : "");
    }
  }

  cameo_bundle *bundle = nullptr;
  cameo_session *session = nullptr;
};

} // namespace

Result<std::unique_ptr<Executor>> executeBundle(const std::string &path,
                                                const cameo_session_options &options) {
  auto executor = std::make_unique<BundleExecutor>();
  if (std::optional<Error> error = executor->open(path, options))
    return std::move(*error);
  return std::unique_ptr<Executor>(std::move(executor));
}

Result<std::unique_ptr<TemporaryBundle>> compileTemporary(const std::string &model,
                                                          const CompileOptions &options,
                                                          ProblemList &problems) {
  auto memory = memoryLimitOption();
  if (!memory)
    return memory.error();
  HostMemoryLimit limit(*memory);
  CompilerContext compiler;
  std::optional<Compiled> compiled = compileModel(model, compiler.context, options, problems);
  if (!compiled)
    return Error{problems.hasErrors() ? ErrorCode(problems.exitCode()) : ErrorCode::unsupported,
                 "'" + model + "' was not compiled"};
  auto folder = TemporaryFolder::create("cameo");
  if (!folder)
    return folder.error();
  auto bundle = std::make_unique<TemporaryBundle>();
  bundle->path = folder->path() + "/model.cameo";
  bundle->folder = std::move(*folder);
  if (Status status = writeBundleWatched(compiled->bundle, bundle->path); !status)
    return status.error();
  return std::move(bundle);
}

Result<Prepared> prepare(const std::string &path, const CompileOptions &options, ProblemList &problems,
                         PrepareOptions how) {
  Prepared prepared;
  if (deviceOption() == "evaluator") {
    if (how.strict)
      return Error{ErrorCode::usage, "--strict is about kernels: the evaluator has none"};
    if (StringRef(path).ends_with(".cameo"))
      return Error{ErrorCode::usage, "--device evaluator takes a model, not a bundle"};
    auto memory = memoryLimitOption();
    if (!memory)
      return memory.error();
    prepared.limit = std::make_unique<HostMemoryLimit>(*memory);
    auto executor = executeGraph(path, options, problems);
    if (!executor)
      return executor.error();
    prepared.executor = std::move(*executor);
    return std::move(prepared);
  }
  auto session = sessionOptions(how.profile);
  if (!session)
    return session.error();
  session->strict = how.strict;
  std::string bundle = path;
  if (!StringRef(path).ends_with(".cameo")) {
    CompileOptions forDevice = options;
    if (session->target && !is_contained(forDevice.targets, session->target))
      forDevice.targets.push_back(session->target);
    auto compiled = compileTemporary(path, forDevice, problems);
    if (!compiled)
      return compiled.error();
    prepared.bundle = std::move(*compiled);
    bundle = prepared.bundle->path;
  }
  auto executor = executeBundle(bundle, *session);
  if (!executor)
    return executor.error();
  prepared.executor = std::move(*executor);
  return std::move(prepared);
}

namespace {

/// Values of the named sizes that given inputs fix.
std::map<std::string, int64_t> knownSizes(const Executor &executor,
                                          const std::map<std::string, HostTensor> &given) {
  std::map<std::string, int64_t> known;
  for (const Port &port : executor.inputs) {
    auto it = given.find(port.name);
    if (it == given.end() || size_t(it->second.rank()) != port.dims.size())
      continue;
    for (size_t i = 0; i < port.dims.size(); ++i)
      if (auto e = SizeExpr::parse(port.dims[i]); e && e->asSymbol())
        known.emplace(*e->asSymbol(), it->second.dim(int64_t(i)));
  }
  return known;
}

std::string namesOf(const std::vector<Port> &ports) {
  std::string names;
  for (const Port &port : ports)
    names += (names.empty() ? "'" : ", '") + port.name + "'";
  return names.empty() ? "none" : names;
}

} // namespace

Result<std::vector<HostTensor>> completeInputs(const Executor &executor,
                                               const std::map<std::string, HostTensor> &given,
                                               uint64_t seed) {
  for (const auto &[name, tensor] : given)
    if (llvm::none_of(executor.inputs, [&](const Port &port) { return port.name == name; }))
      return Error{ErrorCode::badInput, "the model has no input '" + name + "'; it has " + namesOf(executor.inputs)};
  std::map<std::string, int64_t> known = knownSizes(executor, given);
  std::vector<HostTensor> values;
  for (const Port &port : executor.inputs) {
    if (auto it = given.find(port.name); it != given.end()) {
      values.push_back(it->second);
      continue;
    }
    std::vector<int64_t> dims;
    for (size_t i = 0; i < port.dims.size(); ++i) {
      auto e = SizeExpr::parse(port.dims[i]);
      auto value = e ? e->evaluate([&](std::string_view name) -> std::optional<int64_t> {
        return known.emplace(std::string(name), i == 0 ? 1 : 8).first->second;
      })
                     : std::nullopt;
      if (!value)
        return Error{ErrorCode::badInput, "input '" + port.name + "': size '" + port.dims[i] +
                                              "' is not known; give the input or --shape"};
      dims.push_back(*value);
    }
    auto drawn = randomTensor(port.dtype, dims, seed + values.size());
    if (!drawn)
      return Error{ErrorCode::badInput, "input '" + port.name + "': " + drawn.message()};
    values.push_back(*drawn);
  }
  return values;
}

int report(const Error &error) {
  errs() << "error: " << error.message;
  for (size_t i = 0; i < error.nodes.size(); ++i)
    errs() << (i ? ", '" : " [node '") << error.nodes[i] << "'";
  errs() << (error.nodes.empty() ? "\n" : "]\n");
  return int(error.code);
}

} // namespace cameo::tool
