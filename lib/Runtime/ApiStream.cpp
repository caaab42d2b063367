// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface: streams and events. On sim a stream is always idle and an event is a host time.

#include "ApiImpl.h"

using namespace cameo;
using namespace cameo::rt;

static Status retainContext(cameo_stream &stream) {
  const auto &api = cuda::driver();
  if (!api)
    return api.error();
  int count = 0;
  if (Status s = api->check(api->deviceGetCount(&count), "counting devices"); !s)
    return s;
  if (stream.index < 0 || stream.index >= count)
    return Error{ErrorCode::noDevice, "there is no CUDA device " + std::to_string(stream.index)};
  cuda::Code code = api->deviceGet(&stream.cuDevice, stream.index);
  if (code == cuda::success)
    code = api->primaryRetain(&stream.context, stream.cuDevice);
  return api->check(code, "opening the device");
}

static cameo_status makeStream(cameo_device device, int index, void *native, cameo_stream **out,
                               cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!out)
      return misuse("null stream", error);
    *out = nullptr;
    if (device == CAMEO_AUTOMATIC)
      device = cudaDeviceCount() > 0 ? CAMEO_CUDA : CAMEO_SIM;
    auto made = std::make_unique<cameo_stream>();
    made->device = device;
    made->index = index;
    if (device == CAMEO_CUDA) {
      if (Status s = retainContext(*made); !s)
        return report(s, error);
      made->stream = static_cast<cuda::Stream>(native);
      made->own = !native;
      const cuda::Driver &api = *cuda::driver();
      api.setCurrent(made->context);
      if (made->own)
        if (Status s = api.check(api.streamCreate(&made->stream, cuda::streamNonBlocking), "making a stream");
            !s) {
          api.primaryRelease(made->cuDevice);
          return report(s, error);
        }
    }
    *out = made.release();
    return CAMEO_OK;
  });
}

cameo_status cameo_stream_create(cameo_device device, int index, cameo_stream **stream, cameo_error **error) {
  return makeStream(device, index, nullptr, stream, error);
}

cameo_status cameo_stream_wrap_cuda(void *cu_stream, int index, cameo_stream **stream, cameo_error **error) {
  if (!cu_stream)
    return guarded(error, [&] { return misuse("null CUstream", error); });
  return makeStream(CAMEO_CUDA, index, cu_stream, stream, error);
}

cameo_status cameo_stream_synchronize(cameo_stream *stream, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!stream)
      return misuse("null stream", error);
    if (stream->device != CAMEO_CUDA)
      return CAMEO_OK;
    const cuda::Driver &api = *cuda::driver();
    api.setCurrent(stream->context);
    return report(api.check(api.streamSynchronize(stream->stream), "waiting for a stream"), error);
  });
}

void *cameo_stream_native(const cameo_stream *stream) { return stream ? stream->stream : nullptr; }

void cameo_stream_destroy(cameo_stream *stream) {
  if (stream && stream->device == CAMEO_CUDA) {
    const cuda::Driver &api = *cuda::driver();
    api.setCurrent(stream->context);
    if (stream->own)
      api.streamDestroy(stream->stream);
    api.primaryRelease(stream->cuDevice);
  }
  delete stream;
}

cameo_status cameo_event_create(const cameo_stream *stream, cameo_event **event, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!stream || !event)
      return misuse("cameo_event_create: null argument", error);
    auto made = std::make_unique<cameo_event>();
    made->device = stream->device;
    made->context = stream->context;
    if (stream->device == CAMEO_CUDA) {
      const cuda::Driver &api = *cuda::driver();
      api.setCurrent(stream->context);
      if (Status s = api.check(api.eventCreate(&made->event, cuda::eventDefault), "making an event"); !s)
        return report(s, error);
    }
    *event = made.release();
    return CAMEO_OK;
  });
}

cameo_status cameo_event_record(cameo_event *event, cameo_stream *stream, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!event || !stream || event->device != stream->device)
      return misuse("cameo_event_record: null, or an event of another device", error);
    event->recorded = true;
    event->time = Clock::now();
    if (event->device != CAMEO_CUDA)
      return CAMEO_OK;
    const cuda::Driver &api = *cuda::driver();
    api.setCurrent(event->context);
    return report(api.check(api.eventRecord(event->event, stream->stream), "recording an event"), error);
  });
}

cameo_status cameo_event_synchronize(cameo_event *event, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!event || !event->recorded)
      return misuse("an event that was not recorded", error);
    if (event->device != CAMEO_CUDA)
      return CAMEO_OK;
    const cuda::Driver &api = *cuda::driver();
    api.setCurrent(event->context);
    return report(api.check(api.eventSynchronize(event->event), "waiting for an event"), error);
  });
}

cameo_status cameo_event_elapsed(const cameo_event *begin, const cameo_event *end, double *milliseconds,
                                 cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!begin || !end || !milliseconds || !begin->recorded || !end->recorded || begin->device != end->device)
      return misuse("cameo_event_elapsed: null, not recorded, or of two devices", error);
    if (begin->device != CAMEO_CUDA) {
      *milliseconds = std::chrono::duration<double, std::milli>(end->time - begin->time).count();
      return CAMEO_OK;
    }
    const cuda::Driver &api = *cuda::driver();
    api.setCurrent(begin->context);
    float elapsed = 0;
    Status status = api.check(api.eventElapsed(&elapsed, begin->event, end->event), "measuring");
    *milliseconds = elapsed;
    return report(status, error);
  });
}

void cameo_event_destroy(cameo_event *event) {
  if (event && event->event) {
    const cuda::Driver &api = *cuda::driver();
    api.setCurrent(event->context);
    api.eventDestroy(event->event);
  }
  delete event;
}
