// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Findings: what a launch did wrong, where, and what to do about it. Collected from all host
// threads, reported once per PTX line and kind, in the order of (block, line) so that the same
// launch gives the same text whatever the number of threads.
#ifndef CAMEO_LIB_PTX_FINDINGS_H
#define CAMEO_LIB_PTX_FINDINGS_H

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace cameo::ptx {

/// The values are those of cameo_ptx_finding_kind.
enum class FindingKind : uint32_t {
  OutOfBounds = 1, Misaligned, Uninitialised, UninitRegister, ReadOnly, UseAfterFree, Null, Race,
  AsyncInFlight, AsyncLeft, Barrier, Divergence, Deadlock, Trap, Launch, Stack, Mbarrier, Proxy, AsyncSource,
  TensorMap, Descriptor
};

/// 20 memory, 21 race, 22 asynchrony, 23 barrier, 24 divergence, 25 deadlock.
int exitCodeOf(FindingKind kind);
const char *nameOf(FindingKind kind);

/// The access that a finding conflicts with.
struct OtherAccess {
  uint32_t line = 0; ///< 0: there is none
  uint64_t block = 0;
  uint32_t warp = 0, lanes = 0, clock = 0; ///< warp ~0: no warp's
  bool async = false;                      ///< by the async proxy
  std::string instruction;
};

struct Finding {
  FindingKind kind;
  uint32_t line = 0;
  uint64_t repeats = 0; ///< found again, not told again
  OtherAccess other;
  uint64_t blockIndex = 0;
  uint32_t block[3] = {0, 0, 0}, thread[3] = {0, 0, 0};
  uint64_t address = 0;
  int64_t offset = 0;
  uint64_t objectBytes = 0;
  uint32_t accessBytes = 0, threads = 0;
  std::string kernel, instruction, location, object, message, remedy;
};

class FindingSink {
public:
  explicit FindingSink(size_t most) : most(most) {}
  /// Returns false where the launch should stop: the limit is reached.
  bool add(Finding finding);
  /// True where this line and kind is known already, so that the message need not be made.
  bool known(FindingKind kind, uint32_t line, uint64_t blockIndex, uint32_t otherLine = 0);
  bool empty() const { return findings.empty(); }
  std::vector<Finding> take();

private:
  std::mutex mutex;
  std::vector<Finding> findings;
  size_t most;
};

std::string textOf(const std::vector<Finding> &findings);
/// "[{...}, ...]".
std::string jsonOf(const std::vector<Finding> &findings);
/// "0x1f".
std::string hex(uint64_t value);
/// "1,0,0".
std::string triple(const uint32_t (&v)[3]);
/// A JSON string.
std::string quoted(const std::string &text);

} // namespace cameo::ptx

#endif
