// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sim counts exactly, kernel by kernel, for the verbs that run models.

#include "Executor.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace cameo::tool {

namespace {

struct Figure {
  const char *name;
  uint64_t cameo_launch_info::*value;
};
#define FIGURE(NAME) {#NAME, &cameo_launch_info::NAME}
constexpr Figure figures[] = {
    FIGURE(warp_instructions), FIGURE(thread_instructions), FIGURE(alu), FIGURE(fma), FIGURE(special),
    FIGURE(convert), FIGURE(control), FIGURE(mma_instructions), FIGURE(mma_fma), FIGURE(global_load_requests),
    FIGURE(global_load_bytes), FIGURE(global_load_sectors), FIGURE(global_store_requests),
    FIGURE(global_store_bytes), FIGURE(global_store_sectors), FIGURE(atomic_requests), FIGURE(atomic_threads),
    FIGURE(shared_load_requests), FIGURE(shared_load_bytes), FIGURE(shared_load_wavefronts),
    FIGURE(shared_store_requests), FIGURE(shared_store_bytes), FIGURE(shared_store_wavefronts),
    FIGURE(async_copy_bytes), FIGURE(local_bytes), FIGURE(barriers), FIGURE(divergent_branches)};
#undef FIGURE

} // namespace

std::map<std::string, uint64_t> countsOf(const cameo_launch_info &launch) {
  std::map<std::string, uint64_t> counts;
  if (launch.has_counts)
    for (const Figure &figure : figures)
      counts[figure.name] = launch.*figure.value;
  return counts;
}

std::vector<KernelRecord> byKernel(const std::vector<LaunchRecord> &records) {
  std::vector<KernelRecord> rows;
  for (const LaunchRecord &record : records) {
    auto it = llvm::find_if(rows, [&](const KernelRecord &row) { return row.sum.kernel == record.kernel; });
    if (it == rows.end()) {
      rows.push_back({record, 1});
      continue;
    }
    ++it->launches;
    it->sum.milliseconds += record.milliseconds;
    for (const auto &[name, value] : record.counts)
      it->sum.counts[name] += value;
  }
  return rows;
}

json::Object toJson(const std::map<std::string, uint64_t> &counts) {
  json::Object object;
  for (const auto &[name, value] : counts)
    object[name] = value;
  return object;
}

void printCounts(raw_ostream &os, const std::string &title, const std::map<std::string, uint64_t> &counts) {
  os << title << "\n";
  for (const Figure &figure : figures)
    if (auto it = counts.find(figure.name); it != counts.end() && it->second)
      os << formatv("{0,26}  {1}\n", figure.name, it->second);
}

void printCounts(raw_ostream &os, const std::vector<KernelRecord> &kernels) {
  auto title = [](const std::string &name, unsigned launches) {
    return name + ", " + std::to_string(launches) + (launches == 1 ? " launch" : " launches");
  };
  KernelRecord all;
  for (const KernelRecord &kernel : kernels) {
    printCounts(os, title("kernel " + kernel.sum.kernel, kernel.launches), kernel.sum.counts);
    all.launches += kernel.launches;
    for (const auto &[name, value] : kernel.sum.counts)
      all.sum.counts[name] += value;
  }
  if (kernels.size() != 1)
    printCounts(os, title("all kernels", all.launches), all.sum.counts);
}

} // namespace cameo::tool
