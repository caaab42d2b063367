// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Counts.h"

#include "Findings.h"

namespace cameo::ptx {
namespace {

struct Row {
  const char *name;
  uint64_t Counts::*figure;
};

constexpr Row rows[] = {{"warp_instructions", &Counts::warpInstructions},
                        {"thread_instructions", &Counts::threadInstructions},
                        {"alu", &Counts::alu},
                        {"fma", &Counts::fma},
                        {"special", &Counts::special},
                        {"convert", &Counts::convert},
                        {"control", &Counts::control},
                        {"global_load_requests", &Counts::globalLoadRequests},
                        {"global_load_bytes", &Counts::globalLoadBytes},
                        {"global_load_sectors", &Counts::globalLoadSectors},
                        {"global_store_requests", &Counts::globalStoreRequests},
                        {"global_store_bytes", &Counts::globalStoreBytes},
                        {"global_store_sectors", &Counts::globalStoreSectors},
                        {"atomic_requests", &Counts::atomicRequests},
                        {"atomic_threads", &Counts::atomicThreads},
                        {"shared_load_requests", &Counts::sharedLoadRequests},
                        {"shared_load_bytes", &Counts::sharedLoadBytes},
                        {"shared_load_wavefronts", &Counts::sharedLoadWavefronts},
                        {"shared_store_requests", &Counts::sharedStoreRequests},
                        {"shared_store_bytes", &Counts::sharedStoreBytes},
                        {"shared_store_wavefronts", &Counts::sharedStoreWavefronts},
                        {"local_bytes", &Counts::localBytes},
                        {"async_copy_bytes", &Counts::asyncCopyBytes},
                        {"mma_instructions", &Counts::mmaInstructions},
                        {"mma_fma", &Counts::mmaFma},
                        {"barriers", &Counts::barriers},
                        {"divergent_branches", &Counts::divergentBranches},
                        {"checked_bytes", &Counts::checkedBytes},
                        {"shadow_bytes", &Counts::shadowBytes}};
static_assert(sizeof(Counts) == std::size(rows) * sizeof(uint64_t), "a figure has no row");

} // namespace

void Counts::add(const Counts &other) {
  for (const Row &row : rows)
    this->*row.figure += other.*row.figure;
}

void Counts::addDifference(const Counts &after, const Counts &before) {
  for (const Row &row : rows)
    this->*row.figure += after.*row.figure - before.*row.figure;
}

std::string jsonOf(const Counts &counts) {
  std::string out = "{";
  for (const Row &row : rows)
    out += (&row == rows ? "\"" : ", \"") + std::string(row.name) +
           "\": " + std::to_string(counts.*row.figure);
  return out + "}";
}

std::string jsonOf(const LineCounts &lines,
                   const std::function<std::string(uint32_t)> &instruction) {
  std::string out;
  for (const auto &[line, counts] : lines) {
    out += (out.empty() ? "[{\"line\": " : ", {\"line\": ") + std::to_string(line) +
           ", \"instruction\": " + quoted(instruction(line));
    for (const Row &row : rows)
      if (counts.*row.figure)
        out += ", \"" + std::string(row.name) + "\": " + std::to_string(counts.*row.figure);
    out += "}";
  }
  return (out.empty() ? "[" : out) + "]";
}

} // namespace cameo::ptx
