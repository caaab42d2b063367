// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bundle on one CUDA device: its modules, functions and weights, shared by sessions. For each module
// the best image is taken: a cubin of exactly this architecture, else the newest PTX that it runs.
#pragma once

#include "CudaDriver.h"
#include "Device.h"

#include <map>
#include <set>

namespace cameo::rt {

class CudaModel final : public LoadedModel {
public:
  CudaModel(std::shared_ptr<const Bundle> bundle, const cuda::Driver &api)
      : LoadedModel(std::move(bundle)), api(api) {}
  ~CudaModel() override;
  Status load(int index);
  bool canRun(uint32_t kernel) const override { return functions[kernel] != nullptr; }

  const cuda::Driver &api;
  cuda::Context context = nullptr;
  std::string deviceName;
  std::vector<cuda::Module> modules; ///< null: no image runs here
  std::vector<cuda::Function> functions;
  std::vector<Address> weights;

private:
  Status loadModule(const bundle::Module &module);
  Status loadWeights();

  cuda::Device device = 0;
  bool retained = false;
  unsigned architecture = 0; ///< 90 for compute capability 9.0
};

/// The image of `module` for `architecture`; null where none runs.
const bundle::Image *chooseImage(const bundle::Module &module, unsigned architecture);

} // namespace cameo::rt
