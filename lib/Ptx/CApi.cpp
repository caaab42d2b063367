// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface: arguments checked, exceptions stopped, structures copied as far as the caller
// knows them.
#include "cameo/Ptx/cameo_ptx.h"
#include "ModuleImpl.h"
#include "TensorMap.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

using namespace cameo::ptx;

struct cameo_ptx_text {
  std::string text;
};
struct cameo_ptx_module {
  std::shared_ptr<ModuleImpl> impl;
};
struct cameo_ptx_memory {
  DeviceMemory impl;
};
struct cameo_ptx_result {
  LaunchOutcome outcome;
};

namespace {

/// No exception leaves the library.
template <typename F> cameo_ptx_status guarded(F body) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return CAMEO_PTX_OUT_OF_MEMORY;
  } catch (...) {
    return CAMEO_PTX_INTERNAL;
  }
}

cameo_ptx_status statusOf(MemoryStatus status) {
  switch (status) {
  case MemoryStatus::Ok: return CAMEO_PTX_OK;
  case MemoryStatus::BadArgument: return CAMEO_PTX_BAD_ARGUMENT;
  case MemoryStatus::OutOfMemory: return CAMEO_PTX_OUT_OF_MEMORY;
  case MemoryStatus::OutOfBounds: return CAMEO_PTX_OUT_OF_BOUNDS;
  }
  return CAMEO_PTX_INTERNAL;
}

/// Fills `to` as far as the caller's struct_size reaches.
template <typename T> cameo_ptx_status give(T *to, T value) {
  if (!to || to->struct_size < 8)
    return CAMEO_PTX_BAD_ARGUMENT;
  value.struct_size = std::min<uint32_t>(to->struct_size, sizeof(T));
  std::memcpy(to, &value, value.struct_size);
  return CAMEO_PTX_OK;
}

const char *textData(const cameo_ptx_text *t) { return t ? t->text.c_str() : ""; }
void textDestroy(cameo_ptx_text *t) { delete t; }

// -- modules ----------------------------------------------------------------------------------

cameo_ptx_status moduleParse(const char *text, size_t bytes, const char *file,
                             cameo_ptx_module **module, cameo_ptx_text **errors) {
  if (module)
    *module = nullptr;
  if (errors)
    *errors = nullptr;
  if (!module || (!text && bytes))
    return CAMEO_PTX_BAD_ARGUMENT;
  return guarded([&] {
    std::string messages;
    bool unsupported = false;
    auto impl = ModuleImpl::parse({text, bytes}, file, messages, unsupported);
    if (impl) {
      *module = new cameo_ptx_module{std::move(impl)};
      return CAMEO_PTX_OK;
    }
    if (errors)
      *errors = new cameo_ptx_text{std::move(messages)};
    return unsupported ? CAMEO_PTX_UNSUPPORTED : CAMEO_PTX_BAD_PTX;
  });
}

void moduleDestroy(cameo_ptx_module *module) { delete module; }

cameo_ptx_status moduleVersion(const cameo_ptx_module *module, cameo_ptx_version *version) {
  if (!module)
    return CAMEO_PTX_BAD_ARGUMENT;
  return guarded([&] {
    static std::mutex mutex;
    static std::vector<std::unique_ptr<std::string>> targets; // few distinct ones
    std::lock_guard<std::mutex> lock(mutex);
    std::string_view wanted = module->impl->ast.target;
    wanted = wanted.substr(0, wanted.find_first_of(", \t"));
    auto it = std::find_if(targets.begin(), targets.end(), [&](auto &t) { return *t == wanted; });
    if (it == targets.end())
      it = targets.insert(targets.end(), std::make_unique<std::string>(wanted));
    cameo_ptx_version v{};
    v.isa_major = module->impl->ast.versionMajor;
    v.isa_minor = module->impl->ast.versionMinor;
    v.target = (*it)->c_str();
    return give(version, v);
  });
}

uint32_t moduleKernelCount(const cameo_ptx_module *module) {
  return module ? static_cast<uint32_t>(module->impl->kernels.size()) : 0;
}

Kernel *kernelAt(const cameo_ptx_module *module, uint32_t index) {
  return module && index < module->impl->kernels.size() ? module->impl->kernels[index].get()
                                                        : nullptr;
}

cameo_ptx_status moduleKernel(const cameo_ptx_module *module, uint32_t index,
                              cameo_ptx_kernel *info) {
  Kernel *kernel = kernelAt(module, index);
  if (!kernel)
    return CAMEO_PTX_BAD_ARGUMENT;
  const Program &program = *kernel->programs[1];
  cameo_ptx_kernel k{};
  k.param_count = static_cast<uint32_t>(kernel->params.size());
  k.arg_bytes = kernel->argBytes;
  k.name = kernel->name.c_str();
  k.static_shared_bytes = program.staticSharedBytes;
  k.local_bytes = program.functions[0].localBytes;
  for (unsigned d = 0; d < 3; ++d) {
    k.reqntid[d] = kernel->function->reqntid[d];
    k.maxntid[d] = kernel->function->maxntid[d];
  }
  k.uses_dynamic_shared = program.usesDynamicShared;
  k.instructions = static_cast<uint32_t>(kernel->function->body.size());
  return give(info, k);
}

cameo_ptx_status moduleFind(const cameo_ptx_module *module, const char *name, uint32_t *index) {
  if (!module || !name || !index)
    return CAMEO_PTX_BAD_ARGUMENT;
  for (uint32_t i = 0; i < module->impl->kernels.size(); ++i)
    if (module->impl->kernels[i]->name == name) {
      *index = i;
      return CAMEO_PTX_OK;
    }
  return CAMEO_PTX_BAD_ARGUMENT;
}

cameo_ptx_status moduleParam(const cameo_ptx_module *module, uint32_t index, uint32_t param,
                             cameo_ptx_param *info) {
  Kernel *kernel = kernelAt(module, index);
  if (!kernel || param >= kernel->params.size())
    return CAMEO_PTX_BAD_ARGUMENT;
  const KernelParam &from = kernel->params[param];
  cameo_ptx_param p{};
  p.offset = from.offset;
  p.size = from.size;
  p.align = from.align;
  p.name = from.name.c_str();
  p.is_pointer = from.isPointer;
  return give(info, p);
}

// -- memory -----------------------------------------------------------------------------------

cameo_ptx_status memoryCreate(uint64_t limit, cameo_ptx_memory **memory) {
  if (!memory)
    return CAMEO_PTX_BAD_ARGUMENT;
  *memory = nullptr;
  return guarded([&] {
    *memory = new cameo_ptx_memory{DeviceMemory(limit)};
    return CAMEO_PTX_OK;
  });
}
void memoryDestroy(cameo_ptx_memory *memory) { delete memory; }

template <typename F> cameo_ptx_status onMemory(const cameo_ptx_memory *memory, F body) {
  if (!memory)
    return CAMEO_PTX_BAD_ARGUMENT;
  return guarded([&] { return statusOf(body()); });
}

cameo_ptx_status memoryAlloc(cameo_ptx_memory *m, uint64_t bytes, uint64_t align, const char *name,
                             uint64_t *address) {
  if (!address)
    return CAMEO_PTX_BAD_ARGUMENT;
  return onMemory(m, [&] { return m->impl.alloc(bytes, align, name, *address); });
}
cameo_ptx_status memoryImport(cameo_ptx_memory *m, void *host, uint64_t bytes, int readOnly,
                              uint64_t align, const char *name, uint64_t *address) {
  if (!address)
    return CAMEO_PTX_BAD_ARGUMENT;
  return onMemory(m, [&] { return m->impl.import(host, bytes, readOnly, align, name, *address); });
}
cameo_ptx_status memoryFree(cameo_ptx_memory *m, uint64_t address) {
  return onMemory(m, [&] { return m->impl.free(address); });
}
cameo_ptx_status memoryWrite(cameo_ptx_memory *m, uint64_t address, const void *data, uint64_t n) {
  if (!data && n)
    return CAMEO_PTX_BAD_ARGUMENT;
  return onMemory(m, [&] { return m->impl.write(address, data, n); });
}
cameo_ptx_status memoryRead(const cameo_ptx_memory *m, uint64_t address, void *data, uint64_t n) {
  if (!data && n)
    return CAMEO_PTX_BAD_ARGUMENT;
  return onMemory(m, [&] { return m->impl.read(address, data, n); });
}
cameo_ptx_status memoryFill(cameo_ptx_memory *m, uint64_t address, uint8_t byte, uint64_t n) {
  return onMemory(m, [&] { return m->impl.fill(address, byte, n); });
}
cameo_ptx_status memoryCopy(cameo_ptx_memory *m, uint64_t to, uint64_t from, uint64_t n) {
  return onMemory(m, [&] { return m->impl.copy(to, from, n); });
}
cameo_ptx_status memoryPoison(cameo_ptx_memory *m, uint64_t address, uint64_t n, int readable) {
  return onMemory(m, [&] { return m->impl.poison(address, n, readable); });
}
cameo_ptx_status memoryUnwritten(const cameo_ptx_memory *m, uint64_t address, uint64_t n,
                                 uint64_t *missing, uint64_t *first) {
  uint64_t count = 0, offset = 0;
  cameo_ptx_status status =
      onMemory(m, [&] { return m->impl.unwritten(address, n, count, offset); });
  if (missing)
    *missing = count;
  if (first)
    *first = offset;
  return status;
}
uint64_t memoryInUse(const cameo_ptx_memory *m) { return m ? m->impl.inUse() : 0; }

// -- launches ---------------------------------------------------------------------------------

cameo_ptx_status launch(const cameo_ptx_module *module, uint32_t index, cameo_ptx_memory *memory,
                        const cameo_ptx_launch *given, cameo_ptx_result **result) {
  if (!result)
    return CAMEO_PTX_BAD_ARGUMENT;
  *result = nullptr;
  Kernel *kernel = kernelAt(module, index);
  if (!kernel || !memory || !given || given->struct_size < 8)
    return CAMEO_PTX_BAD_ARGUMENT;
  cameo_ptx_launch l{};
  std::memcpy(&l, given, std::min<size_t>(given->struct_size, sizeof l));
  if (l.schedule > CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED || l.async_point > CAMEO_PTX_ASYNC_RANDOM ||
      l.checks > CAMEO_PTX_CHECK_ALL || l.mma > CAMEO_PTX_MMA_HARDWARE || l.trace > CAMEO_PTX_TRACE_FOOTPRINTS)
    return CAMEO_PTX_BAD_ARGUMENT;
  return guarded([&] {
    LaunchRequest r{};
    std::copy(l.grid, l.grid + 3, r.grid);
    std::copy(l.block, l.block + 3, r.block);
    std::copy(l.cluster, l.cluster + 3, r.cluster);
    r.cooperative = l.cooperative != 0;
    r.dynamicShared = l.dynamic_shared_bytes;
    r.args = l.args;
    r.argBytes = l.arg_bytes;
    r.checks = l.checks;
    r.schedule = l.schedule;
    r.asyncPoint = l.async_point;
    r.hostThreads = l.host_threads;
    r.maxFindings = l.max_findings;
    r.counts = l.counts;
    r.trace = l.trace;
    r.hardwareMma = l.mma == CAMEO_PTX_MMA_HARDWARE;
    r.seed = l.seed;
    r.stepLimit = l.step_limit;
    r.cancel = l.cancel;
    auto out = std::make_unique<cameo_ptx_result>();
    launchKernel(*module->impl, *kernel, memory->impl, r, out->outcome);
    auto status = static_cast<cameo_ptx_status>(out->outcome.status);
    *result = out.release();
    return status;
  });
}

void resultDestroy(cameo_ptx_result *result) { delete result; }
uint32_t resultFindingCount(const cameo_ptx_result *result) {
  return result ? static_cast<uint32_t>(result->outcome.findings.size()) : 0;
}

cameo_ptx_status resultFinding(const cameo_ptx_result *result, uint32_t index,
                               cameo_ptx_finding *finding) {
  if (!result || index >= result->outcome.findings.size())
    return CAMEO_PTX_BAD_ARGUMENT;
  const Finding &from = result->outcome.findings[index];
  cameo_ptx_finding f{};
  f.kind = static_cast<uint32_t>(from.kind);
  f.exit_code = static_cast<uint32_t>(exitCodeOf(from.kind));
  f.line = from.line;
  std::copy(std::begin(from.block), std::end(from.block), f.block);
  std::copy(std::begin(from.thread), std::end(from.thread), f.thread);
  f.address = from.address;
  f.offset = from.offset;
  f.object_bytes = from.objectBytes;
  f.access_bytes = from.accessBytes;
  f.threads = from.threads;
  f.kernel = from.kernel.c_str();
  f.instruction = from.instruction.c_str();
  f.location = from.location.c_str();
  f.object = from.object.c_str();
  f.message = from.message.c_str();
  f.remedy = from.remedy.c_str();
  return give(finding, f);
}

cameo_ptx_status resultCounts(const cameo_ptx_result *result, cameo_ptx_counts *counts) {
  if (!result)
    return CAMEO_PTX_BAD_ARGUMENT;
  static_assert(sizeof(cameo_ptx_counts) == sizeof(Counts) + 8);
  cameo_ptx_counts c{};
  std::memcpy(reinterpret_cast<char *>(&c) + 8, &result->outcome.counts, sizeof(Counts));
  return give(counts, c);
}

int resultExitCode(const cameo_ptx_result *result) {
  int lowest = 0;
  if (result)
    for (const Finding &f : result->outcome.findings)
      lowest = lowest ? std::min(lowest, exitCodeOf(f.kind)) : exitCodeOf(f.kind);
  return lowest;
}
const char *resultText(const cameo_ptx_result *r) { return r ? r->outcome.text.c_str() : ""; }
const char *resultJson(const cameo_ptx_result *r) {
  return r ? r->outcome.json.c_str() : "{\"findings\": []}";
}
const char *resultTrace(const cameo_ptx_result *r) { return r ? r->outcome.trace.c_str() : ""; }

// -- tensor maps --------------------------------------------------------------------------------

/// The status of an encoder's or decoder's text, which the caller may have.
cameo_ptx_status refusedMap(std::string text, cameo_ptx_text **error) {
  if (text.empty())
    return CAMEO_PTX_OK;
  if (error)
    *error = new cameo_ptx_text{std::move(text)};
  return CAMEO_PTX_BAD_ARGUMENT;
}

cameo_ptx_status tensorMapEncode(const cameo_ptx_tensor_map *given, void *bytes,
                                 cameo_ptx_text **error) {
  if (error)
    *error = nullptr;
  if (!given || !bytes || given->struct_size < offsetof(cameo_ptx_tensor_map, mode))
    return CAMEO_PTX_BAD_ARGUMENT;
  cameo_ptx_tensor_map whole{};
  std::memcpy(&whole, given, std::min<size_t>(given->struct_size, sizeof whole));
  if (whole.mode > 1)
    return CAMEO_PTX_BAD_ARGUMENT;
  return guarded([&] {
    given = &whole;
    TensorMap m;
    m.im2col = whole.mode != 0;
    std::copy(whole.pixel_box_lower_corner, whole.pixel_box_lower_corner + 3, m.lower);
    std::copy(whole.pixel_box_upper_corner, whole.pixel_box_upper_corner + 3, m.upper);
    m.channels = whole.channels_per_pixel, m.pixels = whole.pixels_per_column;
    m.elementType = given->element_type, m.rank = given->rank, m.interleave = given->interleave;
    m.swizzle = given->swizzle, m.promotion = given->l2_promotion, m.fill = given->oob_fill;
    m.address = given->address;
    for (unsigned d = 0; d < mostTensorRank; ++d) {
      m.size[d] = given->size[d], m.box[d] = given->box[d];
      m.elementStride[d] = given->element_stride[d];
      m.stride[d] = d ? given->stride_bytes[d - 1] : 0;
    }
    return refusedMap(encodeTensorMap(m, static_cast<uint8_t *>(bytes)), error);
  });
}

cameo_ptx_status tensorMapDecode(const void *bytes, cameo_ptx_tensor_map *map,
                                 cameo_ptx_text **error) {
  if (error)
    *error = nullptr;
  if (!bytes || !map)
    return CAMEO_PTX_BAD_ARGUMENT;
  return guarded([&] {
    TensorMap m;
    std::string text = decodeTensorMap(static_cast<const uint8_t *>(bytes), m);
    if (!text.empty())
      return refusedMap(std::move(text), error);
    cameo_ptx_tensor_map out{};
    out.element_type = m.elementType, out.rank = m.rank, out.interleave = m.interleave;
    out.swizzle = m.swizzle, out.l2_promotion = m.promotion, out.oob_fill = m.fill;
    out.address = m.address;
    out.mode = m.im2col;
    std::copy(m.lower, m.lower + 3, out.pixel_box_lower_corner);
    std::copy(m.upper, m.upper + 3, out.pixel_box_upper_corner);
    out.channels_per_pixel = m.channels, out.pixels_per_column = m.pixels;
    for (unsigned d = 0; d < m.rank; ++d) {
      out.size[d] = m.size[d], out.box[d] = m.box[d], out.element_stride[d] = m.elementStride[d];
      if (d)
        out.stride_bytes[d - 1] = m.stride[d];
    }
    return give(map, out);
  });
}

constexpr cameo_ptx_api_v1 table = {
    sizeof(cameo_ptx_api_v1), 1, textData, textDestroy, moduleParse, moduleDestroy, moduleVersion,
    moduleKernelCount, moduleKernel, moduleFind, moduleParam, memoryCreate, memoryDestroy,
    memoryAlloc, memoryImport, memoryFree, memoryWrite, memoryRead, memoryFill, memoryCopy,
    memoryPoison, memoryUnwritten, memoryInUse, launch, resultDestroy, resultFindingCount,
    resultFinding, resultCounts, resultExitCode, resultText, resultJson, tensorMapEncode,
    tensorMapDecode, resultTrace};

} // namespace

extern "C" const cameo_ptx_api_v1 *cameo_ptx_api(int version) {
  return version == 1 ? &table : nullptr;
}
