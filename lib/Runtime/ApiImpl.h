// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The handles behind the C interface, and the one place where exceptions stop: `guarded` turns them
// into statuses.
#pragma once

#define CAMEO_RUNTIME_BUILD
#include "cameo/Runtime/cameo.h"

#include "CudaDriver.h"
#include "Session.h"

#include <algorithm>
#include <cstring>
#include <new>

struct cameo_error {
  cameo::Error error;
};

struct cameo_bundle {
  std::shared_ptr<cameo::rt::LoadedBundle> loaded;
  /// Texts of the dimensions of all ports, and arrays of pointers to them.
  struct PortTexts {
    std::vector<std::string> dims;
    std::vector<const char *> pointers;
  };
  std::vector<PortTexts> inputs, outputs;
};

struct cameo_stream {
  cameo_device device = CAMEO_SIM;
  int index = 0;
  cameo::rt::cuda::Stream stream = nullptr;
  cameo::rt::cuda::Context context = nullptr; ///< retained where the stream is ours
  cameo::rt::cuda::Device cuDevice = 0;
  bool own = false;
};

struct cameo_event {
  cameo_device device = CAMEO_SIM;
  cameo::rt::cuda::Context context = nullptr;
  cameo::rt::cuda::Event event = nullptr;
  cameo::rt::Clock::time_point time;
  bool recorded = false;
};

struct cameo_session {
  std::unique_ptr<cameo::rt::Session> session;
  std::string deviceName;
  std::vector<std::vector<const char *>> nodesOfKernel; ///< pointers into the bundle
};

namespace cameo::rt {

inline cameo_status report(const Error &error, cameo_error **out) {
  if (out)
    *out = new (std::nothrow) cameo_error{error};
  return cameo_status(error.code);
}

inline cameo_status report(const Status &status, cameo_error **out) {
  return status ? CAMEO_OK : report(status.error(), out);
}

/// Runs `body`, which returns a status; what it throws becomes one.
template <class Body> cameo_status guarded(cameo_error **out, const Body &body) {
  if (out)
    *out = nullptr;
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return report(Error{ErrorCode::resources, "the host has no memory left"}, out);
  } catch (const std::exception &failure) {
    return report(Error{ErrorCode::internal, failure.what()}, out);
  }
}

inline cameo_status misuse(const char *what, cameo_error **out) {
  return report(Error{ErrorCode::usage, what}, out);
}

/// Copies as much of `full` as the caller's older or newer structure has.
template <class T> cameo_status fillStruct(T *to, const T &full) {
  if (!to || to->struct_size < sizeof(uint32_t))
    return CAMEO_USAGE;
  uint32_t size = to->struct_size;
  std::memcpy(static_cast<void *>(to), &full, std::min<size_t>(size, sizeof(T)));
  to->struct_size = size;
  return CAMEO_OK;
}

} // namespace cameo::rt
