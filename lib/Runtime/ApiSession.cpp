// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface: sessions, runs, and what they report.

#include "ApiImpl.h"

using namespace cameo;
using namespace cameo::rt;

namespace {

constexpr uint32_t maxRank = 64;

/// The options of a caller, whose structure may be older (shorter) than ours.
bool readOptions(const cameo_session_options *given, cameo_session_options &full) {
  cameo_session_options_init(&full, sizeof full);
  if (!given)
    return true;
  if (given->struct_size < sizeof(uint32_t) || given->struct_size > sizeof full)
    return false;
  std::memcpy(static_cast<void *>(&full), given, given->struct_size);
  return full.device >= CAMEO_AUTOMATIC && full.device <= CAMEO_CUDA && full.checks <= 2 &&
         full.schedule <= 4 && full.async_point <= 2 && full.time_limit >= 0 &&
         full.input_offset <= 4096;
}

/// C order, with any stride where a dimension is 1 or the tensor is empty.
bool isContiguous(const cameo_tensor &tensor) {
  if (!tensor.strides)
    return true;
  for (uint32_t i = 0; i < tensor.rank; ++i)
    if (tensor.dims[i] == 0)
      return true;
  int64_t expected = 1;
  for (uint32_t i = tensor.rank; i-- > 0;) {
    if (tensor.dims[i] != 1 && tensor.strides[i] != expected)
      return false;
    if (__builtin_mul_overflow(expected, tensor.dims[i], &expected))
      return false;
  }
  return true;
}

Status readTensors(const cameo_tensor *given, size_t count, bool outputs, std::vector<Tensor> &tensors) {
  auto bad = [&](size_t i, const char *what) {
    return Error{ErrorCode::badInput, std::string(outputs ? "output " : "input ") + std::to_string(i) + what};
  };
  for (size_t i = 0; i < count; ++i) {
    const cameo_tensor &raw = given[i];
    if (raw.struct_size != sizeof(cameo_tensor))
      return Error{ErrorCode::usage, "a tensor has the wrong struct_size"};
    if (raw.place != CAMEO_HOST_MEMORY && raw.place != CAMEO_CUDA_MEMORY)
      return bad(i, " lies in memory of an unknown kind");
    Tensor tensor;
    if (!outputs || raw.data) {
      auto type = dtypeFromOnnx(raw.dtype);
      if (!type)
        return bad(i, " has an element type that does not exist");
      tensor.dtype = *type;
    }
    if (!outputs) {
      if (raw.rank > maxRank || (raw.rank && !raw.dims))
        return bad(i, " has too many dimensions, or a null pointer for them");
      tensor.dims.assign(raw.dims, raw.dims + raw.rank);
      for (int64_t dim : tensor.dims)
        if (dim < 0)
          return bad(i, " has a negative dimension");
      if (!isContiguous(raw))
        return bad(i, " is not contiguous in C order: copy it first");
    }
    tensor.data = raw.data;
    tensor.bytes = raw.bytes;
    tensor.where = raw.place == CAMEO_CUDA_MEMORY ? DeviceKind::cuda : DeviceKind::automatic;
    tensor.deviceIndex = raw.device_index;
    tensors.push_back(std::move(tensor));
  }
  return {};
}

} // namespace

void cameo_session_options_init(cameo_session_options *options, size_t size) {
  if (!options)
    return;
  cameo_session_options full = {};
  full.graphs = 1;
  full.checks = CAMEO_PTX_CHECK_ALL;
  // An application may have been compiled with an older (shorter) or a newer structure.
  full.struct_size = uint32_t(std::min(size, sizeof full));
  std::memset(static_cast<void *>(options), 0, size);
  std::memcpy(static_cast<void *>(options), &full, full.struct_size);
}

cameo_status cameo_session_create(cameo_bundle *bundle, const cameo_session_options *given,
                                  cameo_session **session, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    cameo_session_options full;
    if (!bundle || !session)
      return misuse("cameo_session_create: null argument", error);
    *session = nullptr;
    if (!readOptions(given, full))
      return misuse("session options that make no sense (was cameo_session_options_init called?)", error);
    SessionOptions options;
    options.device = DeviceKind(full.device);
    options.profile = full.profile != 0;
    options.graphs = full.graphs != 0;
    options.timeLimit = full.time_limit;
    options.strict = full.strict != 0;
    options.inputOffset = full.input_offset;
    options.deviceOptions = {full.device_index, full.memory_limit, nullptr, full.checks, full.schedule,
                             full.async_point,  full.seed,         full.host_threads, full.target ? full.target : ""};
    if (full.stream) {
      options.device = DeviceKind(full.stream->device);
      options.deviceOptions.index = full.stream->index;
      options.deviceOptions.stream = full.stream->stream;
    }
    auto made = Session::create(bundle->loaded, options);
    if (!made)
      return report(made.error(), error);
    auto handle = std::make_unique<cameo_session>();
    handle->session = std::move(*made);
    handle->deviceName = handle->session->onDevice().name();
    for (const bundle::Kernel &kernel : handle->session->desc().kernels) {
      auto &nodes = handle->nodesOfKernel.emplace_back();
      for (const std::string &node : kernel.nodes)
        nodes.push_back(node.c_str());
    }
    *session = handle.release();
    return CAMEO_OK;
  });
}

void cameo_session_destroy(cameo_session *session) { delete session; }

cameo_device cameo_session_device(const cameo_session *session) {
  return session ? cameo_device(session->session->onDevice().kind()) : CAMEO_AUTOMATIC;
}
const char *cameo_session_device_name(const cameo_session *session) {
  return session ? session->deviceName.c_str() : "";
}

cameo_status cameo_session_run(cameo_session *session, const cameo_tensor *inputs, size_t input_count,
                               const cameo_tensor *outputs, size_t output_count, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!session || (input_count && !inputs) || (output_count && !outputs))
      return misuse("cameo_session_run: null argument", error);
    std::vector<Tensor> in, out;
    if (Status s = readTensors(inputs, input_count, false, in); !s)
      return report(s, error);
    if (Status s = readTensors(outputs, outputs ? output_count : 0, true, out); !s)
      return report(s, error);
    return report(session->session->run(in, out), error);
  });
}

void cameo_session_cancel(cameo_session *session) {
  if (session)
    session->session->cancel();
}

static bool hasOutput(cameo_session *session, size_t index) {
  return session && index < session->session->desc().outputs.size();
}

cameo_status cameo_session_output(cameo_session *session, size_t index, cameo_tensor *output,
                                  cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!hasOutput(session, index) || !output || output->struct_size != sizeof *output)
      return misuse("cameo_session_output: no such output, or a wrong struct_size", error);
    const Output &held = session->session->output(uint32_t(index));
    if (!held.valid)
      return misuse("there is no output: the session has not run, or its run failed", error);
    bool cuda = session->session->onDevice().kind() == DeviceKind::cuda;
    *output = {sizeof(cameo_tensor),
               cameo_dtype(session->session->desc().outputs[index].dtype),
               uint32_t(held.dims.size()),
               cuda ? CAMEO_CUDA_MEMORY : CAMEO_HOST_MEMORY,
               0,
               held.dims.data(),
               nullptr,
               cuda ? reinterpret_cast<void *>(held.address) : nullptr,
               held.bytes};
    return CAMEO_OK;
  });
}

cameo_status cameo_session_output_data(cameo_session *session, size_t index, const void **data,
                                       cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!hasOutput(session, index) || !data)
      return misuse("cameo_session_output_data: no such output", error);
    auto host = session->session->outputOnHost(uint32_t(index));
    *data = host ? *host : nullptr;
    return host ? CAMEO_OK : report(host.error(), error);
  });
}

cameo_status cameo_session_read_output(cameo_session *session, size_t index, void *to, uint64_t bytes,
                                       cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!hasOutput(session, index) || (bytes && !to))
      return misuse("cameo_session_read_output: no such output, or a null pointer", error);
    return report(session->session->readOutput(uint32_t(index), to, bytes), error);
  });
}

cameo_status cameo_session_output_unwritten(cameo_session *session, size_t index, uint64_t *missing,
                                            uint64_t *first, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!hasOutput(session, index) || !missing || !first)
      return misuse("cameo_session_output_unwritten: no such output, or a null pointer", error);
    return report(session->session->outputUnwritten(uint32_t(index), *missing, *first), error);
  });
}

cameo_status cameo_session_run_info(const cameo_session *session, cameo_run_info *info) {
  if (!session)
    return CAMEO_USAGE;
  Session &held = *session->session;
  return fillStruct(info, cameo_run_info{sizeof(cameo_run_info), held.launches(),
                                         uint32_t(held.kernelsUsed().size()), held.hostSteps(),
                                         held.arenaBytes(), held.onDevice().memoryLimit()});
}

size_t cameo_session_launch_count(const cameo_session *session) {
  return session ? session->session->onDevice().profiles.size() : 0;
}

cameo_status cameo_session_launch(const cameo_session *session, size_t index, cameo_launch_info *info) {
  if (index >= cameo_session_launch_count(session))
    return CAMEO_USAGE;
  const LaunchProfile &profile = session->session->onDevice().profiles[index];
  const bundle::Kernel &kernel = session->session->desc().kernels[profile.kernel];
  const auto &nodes = session->nodesOfKernel[profile.kernel];
  const cameo_ptx_counts &c = profile.counts;
  cameo_launch_info full = {};
  full.struct_size = sizeof full;
  full.step = profile.step;
  full.variant = profile.variant;
  std::copy(profile.grid.begin(), profile.grid.end(), full.grid);
  std::copy(kernel.threads.begin(), kernel.threads.end(), full.block);
  full.dynamic_shared_bytes = profile.dynamicShared;
  full.kernel = kernel.symbol.c_str();
  full.family = kernel.family.c_str();
  full.node_count = nodes.size();
  full.nodes = nodes.data();
  full.predicted = kernel.predicted.c_str();
  full.milliseconds = profile.milliseconds;
  full.has_counts = profile.hasCounts;
  full.warp_instructions = c.warp_instructions;
  full.thread_instructions = c.thread_instructions;
  full.fma = c.fma;
  full.special = c.special;
  full.global_load_bytes = c.global_load_bytes;
  full.global_load_sectors = c.global_load_sectors;
  full.global_store_bytes = c.global_store_bytes;
  full.global_store_sectors = c.global_store_sectors;
  full.shared_load_bytes = c.shared_load_bytes;
  full.shared_store_bytes = c.shared_store_bytes;
  full.shared_load_wavefronts = c.shared_load_wavefronts;
  full.shared_store_wavefronts = c.shared_store_wavefronts;
  full.mma_instructions = c.mma_instructions;
  full.mma_fma = c.mma_fma;
  full.async_copy_bytes = c.async_copy_bytes;
  full.local_bytes = c.local_bytes;
  full.barriers = c.barriers;
  full.alu = c.alu;
  full.convert = c.convert;
  full.control = c.control;
  full.global_load_requests = c.global_load_requests;
  full.global_store_requests = c.global_store_requests;
  full.shared_load_requests = c.shared_load_requests;
  full.shared_store_requests = c.shared_store_requests;
  full.atomic_requests = c.atomic_requests;
  full.atomic_threads = c.atomic_threads;
  full.divergent_branches = c.divergent_branches;
  return fillStruct(info, full);
}

size_t cameo_session_finding_count(const cameo_session *session) {
  return session ? session->session->onDevice().findings.size() : 0;
}

cameo_status cameo_session_finding(const cameo_session *session, size_t index, cameo_finding *finding) {
  if (index >= cameo_session_finding_count(session))
    return CAMEO_USAGE;
  const Finding &held = session->session->onDevice().findings[index];
  const auto &nodes = session->nodesOfKernel[held.kernel];
  cameo_finding full = {};
  full.struct_size = sizeof full;
  full.status = cameo_status(held.exitCode);
  full.kind = held.kind;
  full.step = held.step;
  full.line = held.line;
  std::copy(held.block.begin(), held.block.end(), full.block);
  std::copy(held.thread.begin(), held.thread.end(), full.thread);
  full.kernel = session->session->desc().kernels[held.kernel].symbol.c_str();
  full.node_count = nodes.size();
  full.nodes = nodes.data();
  full.address = held.address;
  full.object_bytes = held.objectBytes;
  full.offset = held.offset;
  full.access_bytes = held.accessBytes;
  full.threads = held.threads;
  full.instruction = held.instruction.c_str();
  full.location = held.location.c_str();
  full.object = held.object.c_str();
  full.message = held.message.c_str();
  full.remedy = held.remedy.c_str();
  return fillStruct(finding, full);
}
