// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A request of hostops-run, and how ONNX's operators map to HostOps: one table of functions by
// name.
#pragma once

#include "cameo/HostOps/HostOps.h"

#include <map>

namespace cameo::host::run {

struct Attribute {
  std::vector<int64_t> integers;
  std::vector<double> floats;
  std::string text;
};

struct Request {
  std::string op;
  std::map<std::string, Attribute> attributes;
  std::vector<HostTensor> inputs;

  const HostTensor &in(size_t i) const {
    static const HostTensor absent;
    return i < inputs.size() ? inputs[i] : absent;
  }
  int64_t integer(const char *name, int64_t fallback) const {
    auto it = attributes.find(name);
    return it == attributes.end() || it->second.integers.empty() ? fallback
                                                                 : it->second.integers[0];
  }
  double real(const char *name, double fallback) const {
    auto it = attributes.find(name);
    return it == attributes.end() || it->second.floats.empty() ? fallback : it->second.floats[0];
  }
  std::string text(const char *name, const char *fallback) const {
    auto it = attributes.find(name);
    return it == attributes.end() ? fallback : it->second.text;
  }
  std::vector<int64_t> integers(const char *name) const {
    auto it = attributes.find(name);
    return it == attributes.end() ? std::vector<int64_t>() : it->second.integers;
  }
  std::vector<double> reals(const char *name) const {
    auto it = attributes.find(name);
    return it == attributes.end() ? std::vector<double>() : it->second.floats;
  }
  bool has(const char *name) const { return attributes.count(name); }
  /// A control operand's elements; empty when absent.
  std::vector<int64_t> control(size_t i) const {
    if (!in(i).isPresent())
      return {};
    auto values = in(i).toIntegers();
    return values ? *values : std::vector<int64_t>();
  }
  std::vector<double> controlReals(size_t i) const {
    if (!in(i).isPresent())
      return {};
    auto values = in(i).toDoubles();
    return values ? *values : std::vector<double>();
  }
};

using Outputs = Result<std::vector<HostTensor>>;
using Handler = Outputs (*)(const Request &);

Outputs execute(const Request &request);

inline Outputs one(Result<HostTensor> result) {
  if (!result)
    return result.status();
  return std::vector<HostTensor>{*result};
}

/// The tables, by family; null for an op that is not in them.
Handler findPointwise(const std::string &op);
Handler findWindow(const std::string &op);
Handler findMovement(const std::string &op);

} // namespace cameo::host::run
