// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Images.h. Both devices rank all images of all modules; the highest rank wins.

#include "Images.h"

namespace cameo::rt {

using bundle::Image;

/// The image with the highest rank above 0, the first of equals.
template <class Rank> static ModuleImage highest(const BundleDesc &desc, Rank rank) {
  ModuleImage best;
  unsigned bestRank = 0;
  for (uint32_t module = 0; module < desc.modules.size(); ++module)
    for (const Image &image : desc.modules[module].images)
      if (unsigned mine = rank(image, *parseSmTarget(image.target)); mine > bestRank) {
        best = {module, &image};
        bestRank = mine;
      }
  return best;
}

/// Fails where there is code and none of it was taken.
static Result<ModuleImage> needImage(const BundleDesc &desc, ModuleImage found, const std::string &device,
                                     ErrorCode code) {
  std::string targets;
  for (const bundle::Module &module : desc.modules)
    for (const Image &image : module.images)
      targets += (targets.empty() ? "" : ", ") + image.target;
  if (found.image || targets.empty())
    return found;
  return Error{code, "the bundle has no code for " + device + ", only for " + targets +
                         ": compile the model with --target"};
}

Result<ModuleImage> chooseImage(const BundleDesc &desc, unsigned architecture) {
  auto rank = [&](const Image &image, SmTarget target) {
    bool cubin = image.kind == Image::Kind::cubin;
    // A cubin runs on later minors of its major too, 'a' code exactly where it says.
    bool runs = target.suffix == 'a' ? target.number == architecture
                : target.suffix == 'f' || cubin
                    ? target.number / 10 == architecture / 10 && target.number <= architecture
                    : target.number <= architecture;
    return runs ? target.number * 4 + (target.suffix ? 2 : 0) + (cubin ? 1 : 0) : 0;
  };
  return needImage(desc, highest(desc, rank), "sm_" + std::to_string(architecture), ErrorCode::unsupported);
}

Result<ModuleImage> chooseSimImage(const BundleDesc &desc, const std::string &target) {
  auto rank = [&](const Image &image, SmTarget its) {
    bool fits = image.kind == Image::Kind::ptx && (target.empty() || image.target == target);
    return fits ? 10000 - its.number : 0;
  };
  return needImage(desc, highest(desc, rank), target.empty() ? "the PTX machine" : "the PTX machine as " + target,
                   ErrorCode::usage);
}

} // namespace cameo::rt
