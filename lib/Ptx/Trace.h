// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ran when, for a timeline: time slices of warps and what they waited for between them, copies
// from their issue to their landing, phases of mbarriers. Time is counted in warp instructions that
// the host thread has executed: it shows the order that the schedule made, and no duration on a
// GPU. The events are those of the Trace Event Format, which Perfetto opens.
#ifndef CAMEO_LIB_PTX_TRACE_H
#define CAMEO_LIB_PTX_TRACE_H

#include "Exec.h"

#include <functional>
#include <map>

namespace cameo::ptx {

class Trace {
public:
  /// Events of one host thread beyond this many are counted, and not kept.
  static constexpr size_t mostEvents = size_t(1) << 19;

  /// `group` of a warp is about to run; `clock`: warp instructions so far.
  void beginSlice(const Exec &x, const Group &group, uint64_t clock);
  /// It has run up to `clock`, and x.pause says why it stopped.
  void endSlice(const Exec &x, uint64_t clock);
  /// An asynchronous operation of the running warp, named by any number that is unique in its block
  /// and kind, is issued or over.
  void beginCopy(const Exec &x, const Op &op, uint64_t id, uint64_t bytes);
  void endCopy(const Exec &x, const Op &op, uint64_t id, const char *how);
  /// Something happens to the block now.
  void mark(const Exec &x, std::string what);

  /// The events of all host threads as one JSON text.
  static std::string json(const std::vector<const Trace *> &traces, const Program &program,
                          const uint32_t (&grid)[3],
                          const std::function<std::string(uint32_t)> &instruction);

private:
  enum class Kind : uint8_t { Run, Wait, CopyBegins, CopyEnds, Mark };
  struct Event {
    Kind kind = Kind::Run;
    Pause pause = Pause::None; ///< Wait: for what
    uint32_t warp = 0, lanes = 0;
    uint32_t first = 0, last = 0; ///< operations
    uint64_t block = 0, begin = 0, end = 0, id = 0;
    uint64_t bytes = 0;
    std::string text;
  };
  struct Waiting {
    Pause pause = Pause::None;
    uint32_t op = 0;
    uint64_t since = 0;
  };
  uint64_t now(const Exec &x) const;
  /// Of the running warp, at this moment.
  Event eventNow(const Exec &x, Kind kind) const;
  void keep(Event event);

  std::vector<Event> events;
  uint64_t dropped = 0;
  std::map<std::pair<uint64_t, uint32_t>, Waiting> waiting; ///< by block and warp
  Event slice;
  bool running = false;
  int64_t budget = 0; ///< of the slice that runs
  uint64_t time = 0;
  friend class TraceWriter;
};

} // namespace cameo::ptx

#endif
