// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bundle on one CUDA device: its best module (Images.h), functions and weights, shared by sessions.
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

  const cuda::Driver &api;
  cuda::Context context = nullptr;
  std::string deviceName;
  cuda::Module code = nullptr;           ///< null: the bundle has none
  std::vector<cuda::Function> functions; ///< by kernel; null: of another module
  std::vector<Address> weights;

private:
  Status loadCode();
  Status loadWeights();

  cuda::Device device = 0;
  bool retained = false;
  unsigned architecture = 0; ///< 90 for compute capability 9.0
};

} // namespace cameo::rt
