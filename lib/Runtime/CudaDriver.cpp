// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening libcuda and finding its functions. A driver that lacks one of them is too old to be used.

#include "CudaDriver.h"
#include "Library.h"

#include <dlfcn.h>

namespace cameo::rt::cuda {

namespace {

struct Entry {
  const char *name;
  void (*store)(Driver &, void *);
};

#define CAMEO_ENTRY(field, symbol)                                                                 \
  {symbol, [](Driver &d, void *p) { d.field = reinterpret_cast<decltype(d.field)>(p); }}

constexpr Entry entries[] = {
    CAMEO_ENTRY(init, "cuInit"),
    CAMEO_ENTRY(getErrorString, "cuGetErrorString"),
    CAMEO_ENTRY(deviceGetCount, "cuDeviceGetCount"),
    CAMEO_ENTRY(deviceGet, "cuDeviceGet"),
    CAMEO_ENTRY(deviceGetName, "cuDeviceGetName"),
    CAMEO_ENTRY(deviceGetAttribute, "cuDeviceGetAttribute"),
    CAMEO_ENTRY(primaryRetain, "cuDevicePrimaryCtxRetain"),
    CAMEO_ENTRY(primaryRelease, "cuDevicePrimaryCtxRelease_v2"),
    CAMEO_ENTRY(setCurrent, "cuCtxSetCurrent"),
    CAMEO_ENTRY(memGetInfo, "cuMemGetInfo_v2"),
    CAMEO_ENTRY(memAlloc, "cuMemAlloc_v2"),
    CAMEO_ENTRY(memFree, "cuMemFree_v2"),
    CAMEO_ENTRY(copyToDevice, "cuMemcpyHtoDAsync_v2"),
    CAMEO_ENTRY(copyToHost, "cuMemcpyDtoHAsync_v2"),
    CAMEO_ENTRY(copyOnDevice, "cuMemcpyDtoDAsync_v2"),
    CAMEO_ENTRY(setD8, "cuMemsetD8Async"),
    CAMEO_ENTRY(setD16, "cuMemsetD16Async"),
    CAMEO_ENTRY(setD32, "cuMemsetD32Async"),
    CAMEO_ENTRY(moduleLoad, "cuModuleLoadDataEx"),
    CAMEO_ENTRY(moduleUnload, "cuModuleUnload"),
    CAMEO_ENTRY(moduleGetFunction, "cuModuleGetFunction"),
    CAMEO_ENTRY(functionSetAttribute, "cuFuncSetAttribute"),
    CAMEO_ENTRY(launchKernel, "cuLaunchKernel"),
    CAMEO_ENTRY(streamCreate, "cuStreamCreate"),
    CAMEO_ENTRY(streamDestroy, "cuStreamDestroy_v2"),
    CAMEO_ENTRY(streamSynchronize, "cuStreamSynchronize"),
    CAMEO_ENTRY(streamBeginCapture, "cuStreamBeginCapture_v2"),
    CAMEO_ENTRY(streamEndCapture, "cuStreamEndCapture"),
    CAMEO_ENTRY(eventCreate, "cuEventCreate"),
    CAMEO_ENTRY(eventDestroy, "cuEventDestroy_v2"),
    CAMEO_ENTRY(eventRecord, "cuEventRecord"),
    CAMEO_ENTRY(eventQuery, "cuEventQuery"),
    CAMEO_ENTRY(eventSynchronize, "cuEventSynchronize"),
    CAMEO_ENTRY(eventElapsed, "cuEventElapsedTime"),
    CAMEO_ENTRY(graphInstantiate, "cuGraphInstantiateWithFlags"),
    CAMEO_ENTRY(graphLaunch, "cuGraphLaunch"),
    CAMEO_ENTRY(graphExecDestroy, "cuGraphExecDestroy"),
    CAMEO_ENTRY(graphDestroy, "cuGraphDestroy"),
};
#undef CAMEO_ENTRY

Result<Driver> open() {
  auto handle = openLibrary({"libcuda.so.1", "libcuda.so"}, false);
  if (!handle)
    return handle.error();
  Driver driver;
  for (const Entry &entry : entries) {
    void *symbol = dlsym(*handle, entry.name);
    if (!symbol)
      return Error{ErrorCode::noDevice,
                   std::string("the CUDA driver is too old: it has no ") + entry.name};
    entry.store(driver, symbol);
  }
  if (Code code = driver.init(0); code != success)
    return Error{ErrorCode::noDevice, "the CUDA driver does not start: " + driver.text(code)};
  return driver;
}

} // namespace

std::string Driver::text(Code code) const {
  const char *chars = nullptr;
  std::string text = "CUDA error " + std::to_string(code);
  if (getErrorString && getErrorString(code, &chars) == success && chars)
    text += std::string(" (") + chars + ")";
  return text;
}

Status Driver::check(Code code, const std::string &what) const {
  if (code == success)
    return {};
  ErrorCode kind = code == errorOutOfMemory      ? ErrorCode::resources
                   : code == errorInvalidPtx     ? ErrorCode::invalid
                   : code == errorUnsupportedPtx ? ErrorCode::unsupported
                   : code == errorNoBinary       ? ErrorCode::unsupported
                                                 : ErrorCode::internal;
  return Error{kind, "cuda: " + what + ": " + text(code)};
}

const Result<Driver> &driver() {
  static const Result<Driver> opened = open();
  return opened;
}

} // namespace cameo::rt::cuda
