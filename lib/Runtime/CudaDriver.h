// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the CUDA driver interface that the runtime calls, found in libcuda at run time. The
// declarations are ours (types are plain integers and pointers), so that building needs no toolkit.
#pragma once

#include "cameo/Bundle/Result.h"

#include <cstddef>
#include <cstdint>

namespace cameo::rt::cuda {

using Code = int; ///< CUresult; 0 is success
using Device = int;
using Context = struct CUctx_st *;
using Module = struct CUmod_st *;
using Function = struct CUfunc_st *;
using Stream = struct CUstream_st *;
using Event = struct CUevent_st *;
using Graph = struct CUgraph_st *;
using GraphExec = struct CUgraphExec_st *;
using DevicePtr = uint64_t;

inline constexpr Code success = 0, notReady = 600, errorNoBinary = 209, errorInvalidPtx = 218,
                      errorUnsupportedPtx = 222, errorOutOfMemory = 2;
inline constexpr int attributeMajor = 75, attributeMinor = 76;
inline constexpr int functionMaxDynamicShared = 8;
inline constexpr int streamNonBlocking = 1, captureRelaxed = 2, eventDefault = 0;
inline constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;

/// The driver's functions. Names are those that libcuda exports (the newest ABI of each).
struct Driver {
  Code (*init)(unsigned) = nullptr;
  Code (*getErrorString)(Code, const char **) = nullptr;
  Code (*deviceGetCount)(int *) = nullptr;
  Code (*deviceGet)(Device *, int) = nullptr;
  Code (*deviceGetName)(char *, int, Device) = nullptr;
  Code (*deviceGetAttribute)(int *, int, Device) = nullptr;
  Code (*primaryRetain)(Context *, Device) = nullptr;
  Code (*primaryRelease)(Device) = nullptr;
  Code (*setCurrent)(Context) = nullptr;
  Code (*memGetInfo)(size_t *, size_t *) = nullptr;
  Code (*memAlloc)(DevicePtr *, size_t) = nullptr;
  Code (*memFree)(DevicePtr) = nullptr;
  Code (*copyToDevice)(DevicePtr, const void *, size_t, Stream) = nullptr;
  Code (*copyToHost)(void *, DevicePtr, size_t, Stream) = nullptr;
  Code (*copyOnDevice)(DevicePtr, DevicePtr, size_t, Stream) = nullptr;
  Code (*setD8)(DevicePtr, unsigned char, size_t, Stream) = nullptr;
  Code (*setD16)(DevicePtr, unsigned short, size_t, Stream) = nullptr;
  Code (*setD32)(DevicePtr, unsigned, size_t, Stream) = nullptr;
  Code (*moduleLoad)(Module *, const void *, unsigned, int *, void **) = nullptr;
  Code (*moduleUnload)(Module) = nullptr;
  Code (*moduleGetFunction)(Function *, Module, const char *) = nullptr;
  Code (*functionSetAttribute)(Function, int, int) = nullptr;
  Code (*launchKernel)(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                       Stream, void **, void **) = nullptr;
  Code (*streamCreate)(Stream *, unsigned) = nullptr;
  Code (*streamDestroy)(Stream) = nullptr;
  Code (*streamSynchronize)(Stream) = nullptr;
  Code (*streamBeginCapture)(Stream, int) = nullptr;
  Code (*streamEndCapture)(Stream, Graph *) = nullptr;
  Code (*eventCreate)(Event *, unsigned) = nullptr;
  Code (*eventDestroy)(Event) = nullptr;
  Code (*eventRecord)(Event, Stream) = nullptr;
  Code (*eventQuery)(Event) = nullptr;
  Code (*eventSynchronize)(Event) = nullptr;
  Code (*eventElapsed)(float *, Event, Event) = nullptr;
  Code (*graphInstantiate)(GraphExec *, Graph, unsigned long long) = nullptr;
  Code (*graphLaunch)(GraphExec, Stream) = nullptr;
  Code (*graphExecDestroy)(GraphExec) = nullptr;
  Code (*graphDestroy)(Graph) = nullptr;

  std::string text(Code code) const;
  /// An Error for a code that is no success; `what` says what was tried.
  Status check(Code code, const std::string &what) const;
};

/// The driver, opened and initialised once; an Error where there is none.
const Result<Driver> &driver();

} // namespace cameo::rt::cuda
