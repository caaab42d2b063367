// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading code and weights on a CUDA device, in its primary context (that of PyTorch and the CUDA
// runtime too, so that pointers can be exchanged).

#include "CudaModel.h"
#include "Images.h"
#include "Log.h"

namespace cameo::rt {

CudaModel::~CudaModel() {
  if (!retained)
    return;
  api.setCurrent(context);
  for (Address weight : weights)
    if (weight)
      api.memFree(weight);
  if (code)
    api.moduleUnload(code);
  api.primaryRelease(device);
}

Status CudaModel::load(int index) {
  int count = 0;
  if (Status s = api.check(api.deviceGetCount(&count), "counting devices"); !s)
    return s;
  if (index < 0 || index >= count)
    return Error{ErrorCode::noDevice, "there is no CUDA device " + std::to_string(index) + " (there are " +
                                          std::to_string(count) + ")"};
  char text[256] = {};
  int major = 0, minor = 0;
  cuda::Code asked = api.deviceGet(&device, index);
  if (asked == cuda::success)
    asked = api.deviceGetName(text, sizeof text - 1, device);
  if (asked == cuda::success)
    asked = api.deviceGetAttribute(&major, cuda::attributeMajor, device);
  if (asked == cuda::success)
    asked = api.deviceGetAttribute(&minor, cuda::attributeMinor, device);
  if (Status s = api.check(asked, "asking the device"); !s)
    return s;
  deviceName = text;
  architecture = unsigned(major * 10 + minor);
  if (architecture < 80)
    return Error{ErrorCode::noDevice, deviceName + " is sm_" + std::to_string(architecture) +
                                          "; sm_80 and newer are supported"};
  if (Status s = api.check(api.primaryRetain(&context, device), "opening the device"); !s)
    return s;
  retained = true;
  api.setCurrent(context);
  if (Status s = loadCode(); !s)
    return s;
  for (const bundle::Kernel &kernel : bundle->desc().kernels) {
    cuda::Function function = nullptr;
    if (kernel.module == module)
      if (Status s = api.check(api.moduleGetFunction(&function, code, kernel.symbol.c_str()),
                               "finding kernel '" + kernel.symbol + "'");
          !s)
        return s;
    functions.push_back(function);
  }
  return loadWeights();
}

Status CudaModel::loadCode() {
  Result<ModuleImage> chosen = chooseImage(bundle->desc(), architecture);
  if (!chosen)
    return chosen.error();
  module = chosen->module;
  const bundle::Image *image = chosen->image;
  if (!image)
    return {};
  char errors[4096] = {};
  int keys[] = {cuda::jitErrorLog, cuda::jitErrorLogBytes};
  void *values[] = {errors, reinterpret_cast<void *>(sizeof errors - 1)};
  cuda::Code loaded = api.moduleLoad(&code, image->bytes.c_str(), 2, keys, values);
  if (loaded == cuda::success)
    return {};
  code = nullptr;
  Error error = api.check(loaded, "loading a module for " + image->target).error();
  error.message += errors[0] ? std::string(": ") + errors : "";
  return error;
}

Status CudaModel::loadWeights() {
  for (const bundle::Weight &weight : bundle->desc().weights) {
    cuda::DevicePtr address = 0;
    const std::string what = "weight '" + weight.name + "'";
    if (Status s = api.check(api.memAlloc(&address, weight.bytes ? weight.bytes : 1), what); !s)
      return s;
    weights.push_back(address);
    if (weight.bytes)
      if (Status s = api.check(api.copyToDevice(address, weight.data, weight.bytes, nullptr), what); !s)
        return s;
  }
  return api.check(api.streamSynchronize(nullptr), "copying the weights");
}

Result<std::shared_ptr<const LoadedModel>> loadCudaModel(std::shared_ptr<const Bundle> bundle, int index) {
  const auto &api = cuda::driver();
  if (!api)
    return api.error();
  auto model = std::make_shared<CudaModel>(std::move(bundle), *api);
  if (Status status = model->load(index); !status)
    return status.error();
  return std::shared_ptr<const LoadedModel>(std::move(model));
}

int cudaDeviceCount(std::string *why) {
  const auto &api = cuda::driver();
  int count = 0;
  if (!api || api->deviceGetCount(&count) != cuda::success) {
    if (why)
      *why = api ? "the CUDA driver cannot count its devices" : api.error().message;
    return 0;
  }
  return count;
}

} // namespace cameo::rt
