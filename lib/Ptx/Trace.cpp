// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Trace.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {

uint64_t Trace::now(const Exec &x) const {
  if (!running)
    return time;
  int64_t left = x.pause == Pause::None ? x.budget : x.budgetLeft;
  return time + static_cast<uint64_t>(std::max<int64_t>(budget - left, 0));
}

void Trace::keep(Event event) {
  if (events.size() < mostEvents)
    events.push_back(std::move(event));
  else
    ++dropped;
}

void Trace::beginSlice(const Exec &x, const Group &group, uint64_t clock) {
  time = clock;
  budget = x.budget;
  running = true;
  slice = Event();
  slice.warp = x.warp->index;
  slice.lanes = static_cast<uint32_t>(std::popcount(group.mask));
  slice.block = x.block->linear;
  slice.begin = clock;
  slice.first = static_cast<uint32_t>(x.indexOf(*x.ip));
  auto it = waiting.find({slice.block, slice.warp});
  if (it == waiting.end())
    return;
  Event wait = slice;
  wait.kind = Kind::Wait;
  wait.pause = it->second.pause;
  wait.first = it->second.op;
  wait.begin = it->second.since;
  wait.end = clock;
  if (wait.end > wait.begin)
    keep(std::move(wait));
  waiting.erase(it);
}

void Trace::endSlice(const Exec &x, uint64_t clock) {
  running = false;
  time = clock;
  slice.end = clock;
  // A group that stops in front of an instruction still points to it.
  bool before = x.pause == Pause::Converge || x.pause == Pause::Wait;
  slice.last = static_cast<uint32_t>(x.indexOf(*x.ip)) - (before ? 0 : 1);
  if (x.pause == Pause::Converge || x.pause == Pause::Wait || x.pause == Pause::Barrier)
    waiting[{slice.block, slice.warp}] = {x.pause, slice.last, clock};
  keep(slice);
}

Trace::Event Trace::eventNow(const Exec &x, Kind kind) const {
  Event event;
  event.kind = kind;
  event.block = x.block->linear;
  event.warp = x.warp ? x.warp->index : 0;
  event.begin = event.end = now(x);
  return event;
}

void Trace::beginCopy(const Exec &x, const Op &op, uint64_t id, uint64_t bytes) {
  Event event = eventNow(x, Kind::CopyBegins);
  event.first = event.last = static_cast<uint32_t>(x.indexOf(op));
  event.id = id;
  event.bytes = bytes;
  keep(std::move(event));
}

void Trace::endCopy(const Exec &x, const Op &op, uint64_t id, const char *how) {
  Event event = eventNow(x, Kind::CopyEnds);
  event.first = event.last = static_cast<uint32_t>(x.indexOf(op));
  event.id = id;
  event.text = how;
  keep(std::move(event));
}

void Trace::mark(const Exec &x, std::string what) {
  Event event = eventNow(x, Kind::Mark);
  event.text = std::move(what);
  keep(std::move(event));
}

/// Events as text. A block is a process, a warp a thread of it.
class TraceWriter {
public:
  TraceWriter(const Program &program, const uint32_t (&grid)[3],
              const std::function<std::string(uint32_t)> &instruction)
      : program(program), grid(grid), instruction(instruction) {}

  void write(const Trace &trace) {
    for (const Trace::Event &event : trace.events)
      write(event);
    dropped += trace.dropped;
  }
  std::string finish() {
    return "{\"displayTimeUnit\": \"ns\", \"otherData\": {\"time\": \"warp instructions of the host thread\", "
           "\"dropped_events\": " + std::to_string(dropped) + "}, \"traceEvents\": [" + out + "]}\n";
  }

private:
  uint32_t lineOf(uint32_t op) const { return program.source[op]; }

  /// Names of processes and threads, where they are first seen.
  void introduce(uint64_t block, uint32_t warp) {
    if (blocks.emplace(block, true).second) {
      uint64_t x = block % grid[0], y = block / grid[0] % grid[1], z = block / grid[0] / grid[1];
      add("\"ph\": \"M\", \"name\": \"process_name\", \"pid\": " + std::to_string(block) +
          ", \"args\": {\"name\": \"block " + std::to_string(x) + "," + std::to_string(y) + "," +
          std::to_string(z) + "\"}");
    }
    if (warps.emplace(std::pair(block, warp), true).second)
      add("\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": " + std::to_string(block) +
          ", \"tid\": " + std::to_string(warp) + ", \"args\": {\"name\": \"warp " +
          std::to_string(warp) + "\"}");
  }

  static const char *reason(Pause pause) {
    return pause == Pause::Barrier ? "waits at a barrier"
           : pause == Pause::Wait  ? "waits for an mbarrier"
                                   : "waits for other threads of the warp";
  }

  void write(const Trace::Event &event) {
    using Kind = Trace::Kind;
    introduce(event.block, event.warp);
    std::string where = ", \"ts\": " + std::to_string(event.begin) +
                        ", \"pid\": " + std::to_string(event.block) +
                        ", \"tid\": " + std::to_string(event.warp);
    std::string line = std::to_string(lineOf(event.first));
    auto args = [&](const std::string &more) {
      return ", \"args\": {" + more + ", \"instruction\": " + quoted(instruction(lineOf(event.first))) + "}";
    };
    std::string copy = ", \"cat\": \"copies\", \"id\": " + std::to_string(event.id);
    switch (event.kind) {
    case Kind::Run:
      add("\"ph\": \"X\", \"name\": \"lines " + line + " to " + std::to_string(lineOf(event.last)) +
          "\", \"cat\": \"run\"" + where + ", \"dur\": " + std::to_string(event.end - event.begin) +
          args("\"threads\": " + std::to_string(event.lanes)));
      break;
    case Kind::Wait:
      add("\"ph\": \"X\", \"name\": \"" + std::string(reason(event.pause)) + "\", \"cat\": \"wait\"" +
          where + ", \"dur\": " + std::to_string(event.end - event.begin) + args("\"line\": " + line));
      break;
    case Kind::CopyBegins:
      add("\"ph\": \"b\", \"name\": \"copy of line " + line + "\"" + copy + where +
          args("\"bytes\": " + std::to_string(event.bytes)));
      break;
    case Kind::CopyEnds:
      add("\"ph\": \"e\", \"name\": \"copy of line " + line + "\"" + copy + where +
          args("\"how\": " + quoted(event.text)));
      break;
    case Kind::Mark:
      add("\"ph\": \"i\", \"s\": \"p\", \"name\": " + quoted(event.text) + ", \"cat\": \"mbarrier\"" + where);
      break;
    }
  }

  void add(const std::string &body) { out += (out.empty() ? "\n{" : ",\n{") + body + "}"; }

  const Program &program;
  const uint32_t (&grid)[3];
  const std::function<std::string(uint32_t)> &instruction;
  std::map<uint64_t, bool> blocks;
  std::map<std::pair<uint64_t, uint32_t>, bool> warps;
  std::string out;
  uint64_t dropped = 0;
};

std::string Trace::json(const std::vector<const Trace *> &traces, const Program &program,
                        const uint32_t (&grid)[3],
                        const std::function<std::string(uint32_t)> &instruction) {
  TraceWriter writer(program, grid, instruction);
  for (const Trace *trace : traces)
    writer.write(*trace);
  return writer.finish();
}

} // namespace cameo::ptx
