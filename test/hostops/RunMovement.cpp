// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Movement, indexed access and order.
#include "Run.h"

#include <algorithm>

namespace cameo::host::run {
namespace {

Outputs runReshape(const Request &r) {
  const HostTensor &x = r.in(0);
  Dims dims = r.control(1);
  int64_t known = 1, unknown = -1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0 && !r.integer("allowzero", 0))
      dims[d] = x.dim(int64_t(d));
    if (dims[d] == -1)
      unknown = int64_t(d);
    else
      known *= dims[d];
  }
  if (unknown >= 0)
    dims[size_t(unknown)] = known ? x.numElements() / known : 0;
  return one(x.reshaped(dims));
}

Outputs runPad(const Request &r) {
  Dims pads = r.control(1);
  size_t rank = size_t(r.in(0).rank());
  std::vector<int64_t> axes = r.control(3);
  if (!r.in(3).isPresent())
    for (size_t d = 0; d < rank; ++d)
      axes.push_back(int64_t(d));
  Dims low(rank, 0), high(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    size_t d = size_t(axes[i] < 0 ? axes[i] + int64_t(rank) : axes[i]);
    low[d] = pads[i];
    high[d] = pads[i + axes.size()];
  }
  std::string mode = r.text("mode", "constant");
  PadMode kind = mode == "edge"      ? PadMode::Edge
                 : mode == "reflect" ? PadMode::Reflect
                 : mode == "wrap"    ? PadMode::Wrap
                                     : PadMode::Constant;
  return one(pad(r.in(0), low, high, kind, r.in(2)));
}

Outputs runSplit(const Request &r) {
  Dims sizes = r.control(1);
  int64_t axis = r.integer("axis", 0);
  if (sizes.empty()) {
    int64_t n = r.integer("num_outputs", 1), total = r.in(0).dim(axis);
    int64_t part = (total + n - 1) / n;
    for (int64_t i = 0; i < n; ++i)
      sizes.push_back(std::min(part, std::max<int64_t>(0, total - i * part)));
  }
  return split(r.in(0), axis, sizes);
}

Outputs runExpand(const Request &r) {
  auto dims = broadcastDims(r.in(0).dims(), r.control(1));
  if (!dims)
    return dims.status();
  return one(r.in(0).broadcastTo(*dims));
}

Outputs runUnsqueeze(const Request &r) {
  std::vector<int64_t> axes = r.control(1);
  Dims dims = r.in(0).dims();
  int64_t rank = r.in(0).rank() + int64_t(axes.size());
  for (int64_t &axis : axes)
    axis += axis < 0 ? rank : 0;
  std::sort(axes.begin(), axes.end());
  for (int64_t axis : axes)
    dims.insert(dims.begin() + axis, 1);
  return one(r.in(0).reshaped(dims));
}

Outputs runTopK(const Request &r) {
  auto result = topK(r.in(0), r.control(1).at(0), r.integer("axis", -1), r.integer("largest", 1));
  if (!result)
    return result.status();
  return std::vector<HostTensor>{result->values, result->indices};
}

Outputs runUnique(const Request &r) {
  std::optional<int64_t> axis;
  if (r.has("axis"))
    axis = r.integer("axis", 0);
  auto result = unique(r.in(0), axis, r.integer("sorted", 1));
  if (!result)
    return result.status();
  return std::vector<HostTensor>{result->values, result->firstIndices, result->inverse,
                                 result->counts};
}

Scatter scatterKind(const Request &r) {
  std::string name = r.text("reduction", "none");
  return name == "add"   ? Scatter::Add
         : name == "mul" ? Scatter::Mul
         : name == "max" ? Scatter::Max
         : name == "min" ? Scatter::Min
                         : Scatter::Set;
}

Outputs runEyeLike(const Request &r) {
  DType type = static_cast<DType>(r.integer("dtype", int64_t(r.in(0).dtype())));
  return one(eyeLike(type, r.in(0).dim(0), r.in(0).dim(1), r.integer("k", 0)));
}

Outputs runCompress(const Request &r) {
  std::optional<int64_t> axis;
  if (r.has("axis"))
    axis = r.integer("axis", 0);
  return one(compress(r.in(0), r.in(1), axis));
}

const std::map<std::string, Handler> handlers = {
    {"Reshape", runReshape},
    {"Transpose", [](const Request &r) { return one(transpose(r.in(0), r.integers("perm"))); }},
    {"Slice",
     [](const Request &r) {
       return one(sliceOnnx(r.in(0), r.control(1), r.control(2), r.control(3), r.control(4)));
     }},
    {"Pad", runPad},
    {"Concat", [](const Request &r) { return one(concat(r.inputs, r.integer("axis", 0))); }},
    {"Split", runSplit},
    {"Expand", runExpand},
    {"Unsqueeze", runUnsqueeze},
    {"Tile", [](const Request &r) { return one(tile(r.in(0), r.control(1))); }},
    {"Trilu",
     [](const Request &r) {
       auto k = r.control(1);
       return one(trilu(r.in(0), r.integer("upper", 1), k.empty() ? 0 : k[0]));
     }},
    {"DepthToSpace",
     [](const Request &r) {
       return one(depthToSpace(r.in(0), r.integer("blocksize", 1), r.text("mode", "DCR") == "CRD"));
     }},
    {"SpaceToDepth",
     [](const Request &r) {
       return one(spaceToDepth(r.in(0), r.integer("blocksize", 1), r.text("mode", "DCR") == "CRD"));
     }},
    {"ReverseSequence",
     [](const Request &r) {
       return one(reverseSequence(r.in(0), r.in(1), r.integer("batch_axis", 1),
                                  r.integer("time_axis", 0)));
     }},
    {"Range", [](const Request &r) { return one(range(r.in(0), r.in(1), r.in(2))); }},
    {"EyeLike", runEyeLike},
    {"Gather",
     [](const Request &r) { return one(gather(r.in(0), r.in(1), r.integer("axis", 0))); }},
    {"GatherElements",
     [](const Request &r) { return one(gatherElements(r.in(0), r.in(1), r.integer("axis", 0))); }},
    {"GatherND",
     [](const Request &r) { return one(gatherNd(r.in(0), r.in(1), r.integer("batch_dims", 0))); }},
    {"ScatterElements",
     [](const Request &r) {
       return one(scatterElements(scatterKind(r), r.in(0), r.in(1), r.in(2), r.integer("axis", 0)));
     }},
    {"ScatterND",
     [](const Request &r) { return one(scatterNd(scatterKind(r), r.in(0), r.in(1), r.in(2))); }},
    {"OneHot",
     [](const Request &r) {
       return one(oneHot(r.in(0), r.control(1).at(0), r.in(2), r.integer("axis", -1)));
     }},
    {"Compress", runCompress},
    {"NonZero", [](const Request &r) { return one(nonZero(r.in(0))); }},
    {"TopK", runTopK},
    {"Unique", runUnique},
};

} // namespace

Handler findMovement(const std::string &op) {
  auto it = handlers.find(op);
  return it == handlers.end() ? nullptr : it->second;
}

} // namespace cameo::host::run
