// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading modules and weights on a CUDA device, in its primary context (that of PyTorch and the CUDA
// runtime too, so that pointers can be exchanged).

#include "CudaModel.h"
#include "Log.h"

namespace cameo::rt {

const bundle::Image *chooseImage(const bundle::Module &module, unsigned architecture) {
  const bundle::Image *best = nullptr;
  unsigned bestRank = 0;
  for (const bundle::Image &image : module.images) {
    SmTarget target = *parseSmTarget(image.target);
    bool cubin = image.kind == bundle::Image::Kind::cubin;
    // A cubin runs on later minors of its major too, 'a' code exactly where it says.
    bool runs = target.suffix == 'a' ? target.number == architecture
                : target.suffix == 'f' || cubin
                    ? target.number / 10 == architecture / 10 && target.number <= architecture
                    : target.number <= architecture;
    unsigned rank = target.number * 4 + (target.suffix ? 2 : 0) + (cubin ? 1 : 0);
    if (runs && rank >= bestRank) {
      best = &image;
      bestRank = rank;
    }
  }
  return best;
}

CudaModel::~CudaModel() {
  if (!retained)
    return;
  api.setCurrent(context);
  for (Address weight : weights)
    if (weight)
      api.memFree(weight);
  for (cuda::Module module : modules)
    if (module)
      api.moduleUnload(module);
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
  cuda::Code code = api.deviceGet(&device, index);
  if (code == cuda::success)
    code = api.deviceGetName(text, sizeof text - 1, device);
  if (code == cuda::success)
    code = api.deviceGetAttribute(&major, cuda::attributeMajor, device);
  if (code == cuda::success)
    code = api.deviceGetAttribute(&minor, cuda::attributeMinor, device);
  if (Status s = api.check(code, "asking the device"); !s)
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
  for (const bundle::Module &module : bundle->desc().modules)
    if (Status s = loadModule(module); !s)
      return s;
  for (const bundle::Kernel &kernel : bundle->desc().kernels) {
    cuda::Function function = nullptr;
    if (cuda::Module module = modules[kernel.module])
      if (Status s = api.check(api.moduleGetFunction(&function, module, kernel.symbol.c_str()),
                               "finding kernel '" + kernel.symbol + "'");
          !s)
        return s;
    functions.push_back(function);
  }
  return loadWeights();
}

Status CudaModel::loadModule(const bundle::Module &module) {
  modules.push_back(nullptr);
  const bundle::Image *image = chooseImage(module, architecture);
  if (!image)
    return {};
  char errors[4096] = {};
  int keys[] = {cuda::jitErrorLog, cuda::jitErrorLogBytes};
  void *values[] = {errors, reinterpret_cast<void *>(sizeof errors - 1)};
  cuda::Code code = api.moduleLoad(&modules.back(), image->bytes.c_str(), 2, keys, values);
  if (code == cuda::success)
    return {};
  modules.back() = nullptr;
  Error error = api.check(code, "loading a module for " + image->target).error();
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
