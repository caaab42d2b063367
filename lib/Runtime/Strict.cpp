// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a strict session refuses. The host may decide sizes and nothing else: it reads control operands
// (axes, shape, starts, k, …) before launch, and it computes with integers that reach only such sizes.
// Every result is a kernel's work. So a strict program holds launches, control flow with the copies of
// the device that it needs, reads of the model's inputs, and values of at most 64 integers that only the
// host reads back.

#include "Session.h"

namespace cameo::rt {

namespace {

constexpr size_t mostElements = 64;

class StrictCheck {
public:
  explicit StrictCheck(const BundleDesc &desc)
      : desc(desc), written(desc.buffers.size()), launched(desc.buffers.size()) {
    for (const bundle::Step &step : desc.steps) {
      if (const auto *write = std::get_if<bundle::WriteSizes>(&step))
        written[base(write->buffer)] = true;
      if (const auto *launch = std::get_if<bundle::Launch>(&step))
        for (const bundle::Argument &argument : launch->arguments)
          if (argument.kind == bundle::Argument::Kind::buffer)
            launched[base(argument.buffer)] = true;
    }
  }

  Status run() {
    std::string found;
    size_t count = 0;
    std::vector<std::string> nodes;
    for (size_t i = 0; i < desc.steps.size(); ++i) {
      std::string why = std::visit([&](const auto &each) { return refuse(each); }, desc.steps[i]);
      if (why.empty())
        continue;
      if (++count <= 8)
        found += (count > 1 ? "; step " : "step ") + std::to_string(i) + " " + why;
      if (const auto *host = std::get_if<bundle::HostOp>(&desc.steps[i]))
        nodes.insert(nodes.end(), host->nodes.begin(), host->nodes.end());
    }
    if (count == 0)
      return {};
    if (count > 8)
      found += "; and " + std::to_string(count - 8) + " more";
    return Error{ErrorCode::unsupported, "strict: " + found, "", nodes};
  }

private:
  BufferId base(BufferId id) const {
    while (desc.buffers[id].kind == bundle::Buffer::Kind::alias)
      id = desc.buffers[id].index;
    return id;
  }
  bundle::Buffer::Kind kindOf(BufferId id) const { return desc.buffers[base(id)].kind; }

  std::string refuse(const bundle::Launch &) const { return ""; }
  std::string refuse(const bundle::If &) const { return ""; }
  std::string refuse(const bundle::Loop &) const { return ""; }
  std::string refuse(const bundle::Copy &copy) const {
    // From one temporary to another the device copies by itself, between launches: what goes round a
    // loop, what leaves a branch. Results are a kernel's work.
    bool inner = kindOf(copy.to.buffer) == bundle::Buffer::Kind::temporary;
    return inner ? "" : "copies data on the host's behalf";
  }
  std::string refuse(const bundle::Fill &) const { return "fills memory on the host's behalf"; }
  std::string refuse(const bundle::HostOp &host) const {
    return "is the host operation '" + host.name + "'";
  }
  std::string refuse(const bundle::ReadSymbols &read) const {
    if (read.symbols.size() > mostElements)
      return "reads " + std::to_string(read.symbols.size()) + " sizes, more than 64";
    bool fromHost = kindOf(read.buffer) == bundle::Buffer::Kind::input || written[base(read.buffer)];
    return fromHost ? "" : "reads sizes that a kernel has computed";
  }
  std::string refuse(const bundle::WriteSizes &write) const {
    if (write.values.size() > mostElements)
      return "computes " + std::to_string(write.values.size()) + " integers, more than 64";
    bool isData = launched[base(write.buffer)] || kindOf(write.buffer) == bundle::Buffer::Kind::output;
    return isData ? "computes integers that are used as data" : "";
  }

  const BundleDesc &desc;
  std::vector<bool> written, launched; ///< base buffers: by WriteSizes; by kernels
};

} // namespace

Status checkStrict(const BundleDesc &desc) { return StrictCheck(desc).run(); }

} // namespace cameo::rt
