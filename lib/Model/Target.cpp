// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Limits per compute capability from the CUDA C++ Programming Guide 13.0, section "Compute
// Capabilities", tables "Feature Support" and "Technical Specifications" (read November 2025). The PTX
// versions are the lowest that have what the emitter uses on the target (PTX ISA 9.0, "Release Notes";
// LLVM 22 NVPTX refuses a CPU whose minimum is higher). Multiprocessors: NVIDIA A100 108, A10/GA102 84,
// AD102 144, H100 SXM 132, RTX PRO 6000 (GB202) 188, from the vendor's architecture white papers.
#include "cameo/Model/DeviceLimits.h"

#include <algorithm>

using namespace cameo;

static constexpr int32_t kib = 1024;

static constexpr Target targets[] = {
    // name     cap  ptx  shared/block shared/SM regs/SM  regs/thread threads/block threads/SM SMs
    {"sm_80", 80, 70, 163 * kib, 164 * kib, 65536, 255, 1024, 2048, 108, true, false, false},
    {"sm_86", 86, 71, 99 * kib, 100 * kib, 65536, 255, 1024, 1536, 84, true, false, false},
    {"sm_89", 89, 78, 99 * kib, 100 * kib, 65536, 255, 1024, 1536, 144, true, false, false},
    {"sm_90a", 90, 86, 227 * kib, 228 * kib, 65536, 255, 1024, 2048, 132, true, true, true},
    {"sm_120", 120, 87, 99 * kib, 100 * kib, 65536, 255, 1024, 1536, 188, true, true, false},
};

const Target *cameo::findTarget(std::string_view name) {
  for (const Target &target : targets)
    if (target.name == name)
      return &target;
  return nullptr;
}

const Target &cameo::portableTarget() { return targets[0]; }

/// The code that a device takes: its own, else the newest that it runs ('a' code runs nowhere else).
static const Target *codeFor(const Target &device, std::span<const Target *const> compiled) {
  const Target *best = nullptr;
  for (const Target *code : compiled) {
    if (code->name == device.name)
      return code;
    bool runs = !code->name.ends_with('a') && code->capability <= device.capability;
    if (runs && (!best || best->capability < code->capability))
      best = code;
  }
  return best;
}

Target cameo::limitsOfDevices(const Target &target, std::span<const Target *const> compiled) {
  Target limits = target;
  for (const Target &device : targets) {
    const Target *code = codeFor(device, compiled);
    if (!code || code->name != target.name)
      continue;
    limits.sharedPerBlock = std::min(limits.sharedPerBlock, device.sharedPerBlock);
    limits.sharedPerSm = std::min(limits.sharedPerSm, device.sharedPerSm);
  }
  return limits;
}
