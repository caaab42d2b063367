// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions, poolings, sampling and quantization.
#include "Run.h"

#include <algorithm>
#include <cmath>

namespace cameo::host::run {
namespace {

Dims spatialDims(const HostTensor &x) {
  return x.rank() < 2 ? Dims() : Dims(x.dims().begin() + 2, x.dims().end());
}

/// Pads that `auto_pad` stands for.
Dims padsOf(const Request &r, const Dims &in, const Dims &window) {
  std::string mode = r.text("auto_pad", "NOTSET");
  if (mode.rfind("SAME", 0) != 0)
    return r.integers("pads");
  Dims strides = r.integers("strides"), dilations = r.integers("dilations");
  Dims pads(2 * in.size(), 0);
  for (size_t d = 0; d < in.size(); ++d) {
    int64_t stride = strides.empty() ? 1 : strides[d];
    int64_t extent = (window[d] - 1) * (dilations.empty() ? 1 : dilations[d]) + 1;
    int64_t out = (in[d] + stride - 1) / stride;
    int64_t total = std::max<int64_t>(0, (out - 1) * stride + extent - in[d]);
    pads[d] = mode == "SAME_LOWER" ? total - total / 2 : total / 2;
    pads[d + in.size()] = total - pads[d];
  }
  return pads;
}

ConvParams convParams(const Request &r) {
  return {r.integers("strides"), padsOf(r, spatialDims(r.in(0)), spatialDims(r.in(1))),
          r.integers("dilations"), r.integer("group", 1)};
}

Outputs runConvTranspose(const Request &r) {
  ConvParams params{r.integers("strides"), r.integers("pads"), r.integers("dilations"),
                    r.integer("group", 1)};
  Dims outputPadding = r.integers("output_padding"), shape = r.integers("output_shape");
  std::string mode = r.text("auto_pad", "NOTSET");
  Dims in = spatialDims(r.in(0)), window = spatialDims(r.in(1));
  if (!shape.empty() || mode.rfind("SAME", 0) == 0) {
    shape.erase(shape.begin(), shape.end() - (shape.empty() ? 0 : int64_t(in.size())));
    params.pads.assign(2 * in.size(), 0);
    for (size_t d = 0; d < in.size(); ++d) {
      int64_t stride = params.strides.empty() ? 1 : params.strides[d];
      int64_t dilation = params.dilations.empty() ? 1 : params.dilations[d];
      int64_t out = shape.empty() ? in[d] * stride : shape[d];
      int64_t total = stride * (in[d] - 1) + (outputPadding.empty() ? 0 : outputPadding[d]) +
                      (window[d] - 1) * dilation + 1 - out;
      int64_t shared = std::max<int64_t>(0, total); // a larger result grows at its end
      params.pads[d] = mode == "SAME_UPPER" ? shared / 2 : shared - shared / 2;
      params.pads[d + in.size()] = total - params.pads[d];
    }
  }
  return one(convTranspose(r.in(0), r.in(1), r.in(2), params, outputPadding));
}

Outputs runPool(const Request &r) {
  PoolParams params;
  params.window = r.integers("kernel_shape");
  params.strides = r.integers("strides");
  params.dilations = r.integers("dilations");
  params.pads = padsOf(r, spatialDims(r.in(0)), params.window);
  params.ceilMode = r.integer("ceil_mode", 0);
  params.countIncludePad = r.integer("count_include_pad", 0);
  params.p = r.integer("p", 2);
  params.columnMajor = r.integer("storage_order", 0);
  Pool kind = r.op == "MaxPool" ? Pool::Max : r.op == "LpPool" ? Pool::Lp : Pool::Average;
  auto result = pool(kind, r.in(0), params);
  if (!result)
    return result.status();
  std::vector<HostTensor> outputs{result->y};
  if (kind == Pool::Max)
    outputs.push_back(result->indices);
  return outputs;
}

Outputs runMaxUnpool(const Request &r) {
  Dims dims, wanted = r.control(2);
  {
    Dims window = r.integers("kernel_shape"), strides = r.integers("strides");
    Dims pads = r.integers("pads");
    dims = {r.in(0).dim(0), r.in(0).dim(1)};
    for (size_t d = 0; d < window.size(); ++d)
      dims.push_back((r.in(0).dim(int64_t(d) + 2) - 1) * (strides.empty() ? 1 : strides[d]) -
                     (pads.empty() ? 0 : pads[d] + pads[d + window.size()]) + window[d]);
  }
  auto inner = maxUnpool(r.in(0), r.in(1), dims);
  if (!inner || wanted.empty())
    return one(inner);
  Dims low(dims.size(), 0), high;
  for (size_t d = 0; d < dims.size(); ++d)
    high.push_back(wanted[d] - dims[d]);
  return one(pad(*inner, low, high, PadMode::Constant, {}));
}

const std::map<std::string, Coordinates> coordinateModes = {
    {"half_pixel", Coordinates::HalfPixel},
    {"half_pixel_symmetric", Coordinates::HalfPixelSymmetric},
    {"pytorch_half_pixel", Coordinates::PytorchHalfPixel},
    {"align_corners", Coordinates::AlignCorners},
    {"asymmetric", Coordinates::Asymmetric},
    {"tf_crop_and_resize", Coordinates::TfCropAndResize},
};
const std::map<std::string, Nearest> nearestModes = {
    {"round_prefer_floor", Nearest::RoundPreferFloor},
    {"round_prefer_ceil", Nearest::RoundPreferCeil},
    {"floor", Nearest::Floor},
    {"ceil", Nearest::Ceil},
};
ResizeMode modeOf(const std::string &name) {
  return name == "nearest"                      ? ResizeMode::Nearest
         : name == "cubic" || name == "bicubic" ? ResizeMode::Cubic
                                                : ResizeMode::Linear;
}

Outputs runResize(const Request &r) {
  ResizeParams params;
  params.mode = modeOf(r.text("mode", "nearest"));
  params.coordinates = coordinateModes.at(r.text("coordinate_transformation_mode", "half_pixel"));
  params.nearest = nearestModes.at(r.text("nearest_mode", "round_prefer_floor"));
  params.cubicCoefficient = r.real("cubic_coeff_a", -0.75);
  params.extrapolation = r.real("extrapolation_value", 0);
  params.excludeOutside = r.integer("exclude_outside", 0);
  params.antialias = r.integer("antialias", 0);
  const HostTensor &x = r.in(0);
  std::vector<int64_t> axes = r.integers("axes");
  if (axes.empty())
    for (int64_t d = 0; d < x.rank(); ++d)
      axes.push_back(d);
  std::vector<double> scales = r.controlReals(2);
  Dims sizes = r.control(3);
  auto inSize = [&](size_t i) { return double(x.dim(axes[i])); };
  if (!scales.empty()) {
    for (size_t i = 0; i < scales.size(); ++i)
      sizes.push_back(int64_t(std::floor(float(inSize(i) * scales[i]))));
  } else if (std::string policy = r.text("keep_aspect_ratio_policy", "stretch");
             policy != "stretch") {
    double ratio = double(sizes[0]) / inSize(0);
    for (size_t i = 0; i < sizes.size(); ++i) {
      double own = double(sizes[i]) / inSize(i);
      ratio = policy == "not_larger" ? std::min(ratio, own) : std::max(ratio, own);
    }
    for (size_t i = 0; i < sizes.size(); ++i) {
      sizes[i] = int64_t(std::floor(ratio * inSize(i) + 0.5));
      scales.push_back(ratio);
    }
  }
  std::vector<double> roi = r.controlReals(1);
  if (params.coordinates != Coordinates::TfCropAndResize)
    roi.clear();
  return one(resize(x, axes, sizes, scales, roi, params));
}

Outputs runGridSample(const Request &r) {
  std::string padding = r.text("padding_mode", "zeros");
  return one(gridSample(r.in(0), r.in(1), modeOf(r.text("mode", "linear")),
                        padding == "zeros"    ? GridPadding::Zeros
                        : padding == "border" ? GridPadding::Border
                                              : GridPadding::Reflection,
                        r.integer("align_corners", 0)));
}

Outputs runRoiAlign(const Request &r) {
  RoiAlignParams params;
  params.maximum = r.text("mode", "avg") == "max";
  params.halfPixel = r.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  params.height = r.integer("output_height", 1);
  params.width = r.integer("output_width", 1);
  params.samplingRatio = r.integer("sampling_ratio", 0);
  params.scale = r.real("spatial_scale", 1);
  return one(roiAlign(r.in(0), r.in(1), r.in(2), params));
}

Outputs runNonMaxSuppression(const Request &r) {
  auto count = r.control(2);
  auto iou = r.controlReals(3), score = r.controlReals(4);
  return one(nonMaxSuppression(r.in(0), r.in(1), count.empty() ? 0 : count[0],
                               iou.empty() ? 0 : iou[0],
                               score.empty() ? std::nullopt : std::optional<double>(score[0]),
                               r.integer("center_point_box", 0)));
}

QuantizeParams quantizeParams(const Request &r) {
  QuantizeParams params;
  params.axis = r.integer("axis", 1);
  params.blockSize = r.integer("block_size", 0);
  params.saturate = r.integer("saturate", 1);
  params.precision = static_cast<DType>(r.integer("precision", 0));
  return params;
}

Outputs runQuantize(const Request &r) {
  DType type = r.in(2).isPresent() ? r.in(2).dtype() : DType::u8;
  if (int64_t stated = r.integer("output_dtype", 0))
    type = static_cast<DType>(stated);
  return one(quantize(r.in(0), r.in(1), r.in(2), type, quantizeParams(r)));
}

Outputs runDequantize(const Request &r) {
  DType type = r.in(1).dtype();
  if (int64_t stated = r.integer("output_dtype", 0))
    type = static_cast<DType>(stated);
  return one(dequantize(r.in(0), r.in(1), r.in(2), type, quantizeParams(r)));
}

Outputs runDynamicQuantize(const Request &r) {
  auto result = dynamicQuantize(r.in(0));
  if (!result)
    return result.status();
  return std::vector<HostTensor>{result->y, result->scale, result->zeroPoint};
}

const std::map<std::string, Handler> handlers = {
    {"Conv", [](const Request &r) { return one(conv(r.in(0), r.in(1), r.in(2), convParams(r))); }},
    {"ConvInteger",
     [](const Request &r) {
       return one(convInteger(r.in(0), r.in(1), r.in(2), r.in(3), convParams(r)));
     }},
    {"ConvTranspose", runConvTranspose},
    {"MaxPool", runPool},
    {"AveragePool", runPool},
    {"LpPool", runPool},
    {"GlobalMaxPool", [](const Request &r) { return one(globalPool(Pool::Max, r.in(0))); }},
    {"GlobalAveragePool", [](const Request &r) { return one(globalPool(Pool::Average, r.in(0))); }},
    {"GlobalLpPool",
     [](const Request &r) { return one(globalPool(Pool::Lp, r.in(0), r.integer("p", 2))); }},
    {"MaxUnpool", runMaxUnpool},
    {"Resize", runResize},
    {"GridSample", runGridSample},
    {"RoiAlign", runRoiAlign},
    {"NonMaxSuppression", runNonMaxSuppression},
    {"QuantizeLinear", runQuantize},
    {"DequantizeLinear", runDequantize},
    {"DynamicQuantizeLinear", runDynamicQuantize},
};

} // namespace

Handler findWindow(const std::string &op) {
  auto it = handlers.find(op);
  return it == handlers.end() ? nullptr : it->second;
}

} // namespace cameo::host::run
