// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that read an image at computed places: GridSample, RoiAlign, DeformConv. Each place
// becomes a few taps a dimension (position, weight, whether it is inside); a sample is the sum over
// all combinations of taps of a gather times the weights. Positions are limited to the image before
// they address anything. Types shorter than f32 compute in f32.
#include "../Importer.h"
#include "../Rows.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;
using graph::UnaryKind;

namespace {

enum class Padding { Zeros, Border, Reflection };

/// One element of the image that a sample depends on, along one dimension; weight and inside may be
/// null: 1 and true.
struct Tap {
  Value position; ///< i64, within the image
  Value weight, inside;
};
using Taps = llvm::SmallVector<Tap, 4>;

class Sampler {
public:
  Sampler(NodeBuilder &b, Type compute) : b(b), compute(compute) {}

  NodeBuilder &b;
  Type compute;

  Value number(double value) { return b.splat(compute, value); }
  /// A size as a scalar of the compute type.
  Value number(const SizeExpr &size) {
    if (std::optional<int64_t> c = size.asConstant())
      return number(double(*c));
    return b.cast(b.fromSize(size), compute);
  }
  Value min(Value x, Value y) { return b.binary(BinaryKind::Min, x, y); }
  Value max(Value x, Value y) { return b.binary(BinaryKind::Max, x, y); }
  Value limited(Value v, const SizeExpr &size) {
    return max(min(v, number(size - 1)), number(0.0));
  }
  /// The ramp 0 … size - 1 of the compute type.
  Value ramp(const SizeExpr &size) { return b.cast(b.ramp(size), compute); }

  /// v mirrored at both ends until it is inside.
  Value reflected(Value v, const SizeExpr &size, bool alignCorners) {
    Value low = number(alignCorners ? 0 : -0.5);
    Value range = max(number(alignCorners ? size - 1 : size), number(1.0));
    Value period = b.add(range, range);
    Value phase = b.binary(BinaryKind::Fmod, b.unary(UnaryKind::Abs, b.sub(v, low)), period);
    return b.add(low, min(phase, b.sub(period, phase)));
  }

  /// Element `v` (a whole number of the compute type) of a dimension.
  Tap tap(Value v, const SizeExpr &size, Padding padding, bool alignCorners, Value weight) {
    Tap result{{}, weight, {}};
    if (padding == Padding::Reflection)
      v = reflected(v, size, alignCorners);
    if (padding == Padding::Zeros)
      result.inside = b.binary(BinaryKind::And, b.binary(BinaryKind::Ge, v, number(0.0)),
                               b.binary(BinaryKind::Le, v, number(size - 1)));
    result.position = b.cast(limited(v, size), b.i64());
    return result;
  }

  Taps linear(Value v, const SizeExpr &size, Padding padding, bool alignCorners = false) {
    Value base = b.unary(UnaryKind::Floor, v), fraction = b.sub(v, base);
    return {tap(base, size, padding, alignCorners, b.sub(number(1.0), fraction)),
            tap(b.add(base, number(1.0)), size, padding, alignCorners, fraction)};
  }

  Taps cubic(Value v, const SizeExpr &size, Padding padding, bool alignCorners) {
    Value base = b.unary(UnaryKind::Floor, v), x = b.sub(v, base);
    auto near = [&](Value t) { // |t| <= 1: ((a + 2) t - (a + 3)) t² + 1 with a = -0.75
      Value inner = b.sub(b.mul(t, number(1.25)), number(2.25));
      return b.add(b.mul(b.mul(inner, t), t), number(1.0));
    };
    auto far = [&](Value t) { // 1 < |t| < 2: ((a t - 5a) t + 8a) t - 4a
      Value inner = b.add(b.mul(t, number(-0.75)), number(3.75));
      return b.add(b.mul(b.sub(b.mul(inner, t), number(6.0)), t), number(3.0));
    };
    Value rest = b.sub(number(1.0), x);
    Value weights[] = {far(b.add(x, number(1.0))), near(x), near(rest),
                       far(b.add(rest, number(1.0)))};
    Taps taps;
    for (int i = 0; i < 4; ++i)
      taps.push_back(
          tap(b.add(base, number(double(i - 1))), size, padding, alignCorners, weights[i]));
    return taps;
  }

  /// Samples of x [images, channels, all places] at taps [images, 1, samples]: [images, channels,
  /// samples]. `combine` joins the weighted elements of one sample.
  Value gather(Value x, llvm::ArrayRef<SizeExpr> sizes, llvm::ArrayRef<Taps> dims,
               BinaryKind combine = BinaryKind::Add) {
    Value result;
    std::vector<size_t> at(dims.size(), 0);
    while (true) {
      Value term = element(x, sizes, dims, at);
      result = result ? b.binary(combine, result, term) : term;
      size_t d = dims.size();
      while (d-- > 0 && ++at[d] == dims[d].size())
        at[d] = 0;
      if (d == size_t(-1))
        return result;
    }
  }

private:
  Value element(Value x, llvm::ArrayRef<SizeExpr> sizes, llvm::ArrayRef<Taps> dims,
                llvm::ArrayRef<size_t> at) {
    Value index, weight, inside;
    auto join = [&](Value &all, Value one, BinaryKind kind) {
      if (one)
        all = all ? b.binary(kind, all, one) : one;
    };
    for (size_t d = 0; d < dims.size(); ++d) {
      const Tap &tap = dims[d][at[d]];
      if (index)
        index = b.mul(index, b.fromSize(sizes[d]));
      join(index, tap.position, BinaryKind::Add);
      join(weight, tap.weight, BinaryKind::Mul);
      join(inside, tap.inside, BinaryKind::And);
    }
    if (!index)
      return {};
    Sizes shape = NodeBuilder::sizesOf(index);
    shape[1] = NodeBuilder::sizesOf(x)[1];
    Value y = b.emit<graph::GatherElementsOp>(b.makeType(NodeBuilder::elementOf(x), shape), x,
                                              b.broadcast(index, shape), uint64_t(2));
    y = b.cast(y, compute);
    if (inside)
      y = b.select(inside, y, number(0.0));
    return weight ? b.mul(y, weight) : y;
  }
};

SizeExpr productOf(llvm::ArrayRef<SizeExpr> sizes) { return product({sizes.begin(), sizes.end()}); }

Type computeTypeOf(NodeBuilder &b, llvm::ArrayRef<unsigned> operands) {
  for (unsigned i : operands)
    if (b.has(i) && b.elementType(i).isF64())
      return b.elementType(i);
  return b.f32();
}

/// Part `start` of a dimension, without it.
Value component(NodeBuilder &b, Value x, int64_t axis, const SizeExpr &start) {
  Sizes sizes = NodeBuilder::sizesOf(x), starts(sizes.size(), SizeExpr(0)),
        steps(sizes.size(), SizeExpr(1));
  starts[size_t(axis)] = start;
  sizes[size_t(axis)] = 1;
  x = b.slice(x, starts, sizes, steps);
  sizes.erase(sizes.begin() + axis);
  return b.reshape(x, sizes);
}

LogicalResult gridSample(NodeBuilder &b) {
  int64_t dims = b.rank(0) - 2;
  if (dims < 1 || b.rank(1) != b.rank(0))
    return b.fail("E0701", "the image has rank " + llvm::Twine(b.rank(0)) + ", the grid " +
                               llvm::Twine(b.rank(1)));
  if (!b.requireEqual(b.size(1, dims + 1), dims,
                      "the grid's coordinates and the image's dimensions") ||
      !b.requireEqual(b.size(0, 0), b.size(1, 0), "images and grids"))
    return failure();
  std::string mode = b.string("mode", "linear"), padText = b.string("padding_mode", "zeros");
  bool align = b.integer("align_corners") == 1, isCubic = mode == "bicubic" || mode == "cubic";
  if (isCubic && dims != 2)
    return b.fail("E0805", "cubic interpolation over " + llvm::Twine(dims) + " dimensions", "two");
  Padding padding = padText == "border"       ? Padding::Border
                    : padText == "reflection" ? Padding::Reflection
                                              : Padding::Zeros;
  Sampler s(b, computeTypeOf(b, {0, 1}));
  Sizes image = b.sizes(0), grid = b.sizes(1);
  Sizes spatial(image.begin() + 2, image.end()), outer(grid.begin() + 1, grid.end() - 1);
  Sizes samples{image[0], SizeExpr(1), productOf(outer)};
  std::vector<Taps> taps;
  for (int64_t d = 0; d < dims; ++d) {
    const SizeExpr &size = spatial[size_t(d)];
    // The last dimension of the image is the grid's first coordinate.
    Value v = b.cast(component(b, b.in(1), dims + 1, SizeExpr(dims - 1 - d)), s.compute);
    v = b.add(b.reshape(v, samples), s.number(1.0));
    v = align ? b.mul(b.mul(v, s.number(0.5)), s.number(size - 1))
              : b.mul(b.sub(b.mul(v, s.number(size)), s.number(1.0)), s.number(0.5));
    if (mode == "nearest")
      v = b.unary(UnaryKind::Round, v);
    if (padding == Padding::Border)
      v = s.limited(v, size);
    if (padding == Padding::Reflection)
      v = s.reflected(v, size, align);
    if (mode == "nearest")
      taps.push_back({s.tap(b.unary(UnaryKind::Round, v), size, padding, align, {})});
    else
      taps.push_back(isCubic ? s.cubic(v, size, padding, align)
                             : s.linear(v, size, padding, align));
  }
  Value x = b.reshape(b.in(0), {image[0], image[1], productOf(spatial)});
  Sizes result{image[0], image[1]};
  result.append(outer);
  return b.out(b.reshape(b.cast(s.gather(x, spatial, taps), b.elementType(0)), result));
}

/// The two taps of a coordinate as RoiAlign has them: nothing beyond one element outside, and the
/// edge element in between.
Taps roiTaps(Sampler &s, Value v, const SizeExpr &size) {
  NodeBuilder &b = s.b;
  Value inside = b.binary(BinaryKind::And, b.binary(BinaryKind::Ge, v, s.number(-1.0)),
                          b.binary(BinaryKind::Le, v, s.number(size)));
  v = s.limited(v, size);
  Taps taps = s.linear(v, size, Padding::Border);
  taps[0].inside = taps[1].inside = inside;
  return taps;
}

LogicalResult roiAlign(NodeBuilder &b) {
  int64_t ratio = b.integer("sampling_ratio"), height = b.integer("output_height", 1),
          width = b.integer("output_width", 1);
  if (b.rank(0) != 4 || b.rank(1) != 2 || b.rank(2) != 1)
    return b.fail("E0701", "ranks are " + llvm::Twine(b.rank(0)) + ", " + llvm::Twine(b.rank(1)) +
                               ", " + llvm::Twine(b.rank(2)) + ", not 4, 2, 1");
  if (ratio <= 0)
    return b.fail("E0804",
                  "sampling_ratio is " + llvm::Twine(ratio) +
                      ": how many samples a bin has depends on the boxes",
                  "a sampling_ratio above 0");
  if (height < 1 || width < 1)
    return b.fail("E0505", "the output has no elements");
  bool half =
      b.since() >= 16 && b.string("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  Sampler s(b, computeTypeOf(b, {0, 1}));
  SizeExpr rois = b.size(1, 0);
  Sizes image = b.sizes(0);
  Value scale = s.number(b.real("spatial_scale", 1)), offset = s.number(half ? 0.5 : 0.0);
  // Sample positions along one dimension: [rois, bins * ratio].
  auto positions = [&](int64_t low, int64_t bins) {
    auto edge = [&](int64_t i) {
      return b.sub(b.mul(b.cast(component(b, b.in(1), 1, SizeExpr(i)), s.compute), scale), offset);
    };
    Value start = b.reshape(edge(low), {rois, SizeExpr(1)});
    Value extent = b.sub(b.reshape(edge(low + 2), {rois, SizeExpr(1)}), start);
    if (!half)
      extent = s.max(extent, s.number(1.0));
    Value step = b.div(extent, s.number(double(bins * ratio)));
    return b.add(start, b.mul(b.add(s.ramp(bins * ratio), s.number(0.5)), step));
  };
  auto spread = [&](Value v, bool rows) {
    SizeExpr h = height * ratio, w = width * ratio;
    Sizes narrow{rois, rows ? h : SizeExpr(1), rows ? SizeExpr(1) : w};
    return b.reshape(b.broadcast(b.reshape(v, narrow), {rois, h, w}), {rois, SizeExpr(1), h * w});
  };
  Value y = positions(1, height), x = positions(0, width);
  if (!y || !x)
    return failure();
  std::vector<Taps> taps{roiTaps(s, spread(y, true), image[2]),
                         roiTaps(s, spread(x, false), image[3])};
  Sizes flat{image[0], image[1], image[2] * image[3]}, picked{rois, image[1], image[2] * image[3]};
  Value images = b.emit<graph::GatherOp>(b.makeType(b.elementType(0), picked),
                                         b.reshape(b.in(0), flat), b.in(2), uint64_t(0));
  bool isMax = b.string("mode", "avg") == "max";
  Value samples =
      s.gather(images, {image[2], image[3]}, taps, isMax ? BinaryKind::Max : BinaryKind::Add);
  samples = b.reshape(samples, {rois, image[1], SizeExpr(height), SizeExpr(ratio), SizeExpr(width),
                                SizeExpr(ratio)});
  Value result =
      b.reduce(isMax ? graph::ReduceKind::Max : graph::ReduceKind::Mean, samples, {3, 5}, false);
  return b.out(b.cast(result, b.elementType(0)));
}

LogicalResult deformConv(NodeBuilder &b) {
  if (b.rank(0) != 4 || b.rank(1) != 4 || b.rank(2) != 4)
    return b.fail("E0805",
                  "ranks are " + llvm::Twine(b.rank(0)) + ", " + llvm::Twine(b.rank(1)) + ", " +
                      llvm::Twine(b.rank(2)),
                  "two spatial dimensions");
  auto list = [&](llvm::StringRef name, size_t length, int64_t otherwise) {
    std::optional<Ints> values = b.integers(name);
    return values && values->size() == length ? *values : Ints(length, otherwise);
  };
  Ints dilations = list("dilations", 2, 1), pads = list("pads", 4, 0),
       strides = list("strides", 2, 1);
  int64_t groups = b.integer("group", 1), offsetGroups = b.integer("offset_group", 1);
  Sizes image = b.sizes(0), weight = b.sizes(1), offset = b.sizes(2);
  SizeExpr taps = weight[2] * weight[3], outputs = offset[2] * offset[3];
  if (!b.requireEqual(offset[1], taps * 2 * offsetGroups, "offsets and the window") ||
      !b.requireEqual(weight[1] * groups, image[1], "channels of the image and of the weights"))
    return failure();
  Sampler s(b, computeTypeOf(b, {0, 1, 2}));
  SizeExpr images = image[0] * offsetGroups;
  // [images, window, 2, outputs] offsets, made places by the window's own positions.
  Value offsets = b.reshape(b.cast(b.in(2), s.compute), {images, weight[2], weight[3], SizeExpr(2),
                                                         offset[2], offset[3]});
  std::vector<Taps> dims;
  for (size_t d = 0; d < 2; ++d) {
    Value own = component(b, offsets, 3, SizeExpr(int64_t(d))); // [images, kh, kw, oh, ow]
    auto along = [&](const SizeExpr &size, size_t dim, double factor) {
      Sizes shape(5, SizeExpr(1));
      shape[dim] = size;
      return b.reshape(b.mul(s.ramp(size), s.number(factor)), shape);
    };
    Value base = b.add(along(weight[2 + d], 1 + d, double(dilations[d])),
                       along(offset[2 + d], 3 + d, double(strides[d])));
    Value place = b.add(b.sub(base, s.number(double(pads[d]))), own);
    dims.push_back(s.linear(b.reshape(place, {images, SizeExpr(1), taps * outputs}), image[2 + d],
                            Padding::Zeros));
  }
  SizeExpr channels = floorDiv(image[1], offsetGroups);
  Value x = b.reshape(b.in(0), {images, channels, image[2] * image[3]});
  Value samples = s.gather(x, {image[2], image[3]}, dims);
  if (b.has(4))
    samples = b.mul(samples,
                    b.reshape(b.cast(b.in(4), s.compute), {images, SizeExpr(1), taps * outputs}));
  samples = b.reshape(samples, {image[0], SizeExpr(groups), weight[1] * taps, outputs});
  Value w = b.reshape(b.cast(b.in(1), s.compute),
                      {SizeExpr(groups), floorDiv(weight[0], groups), weight[1] * taps});
  Value y = b.reshape(b.matmul(w, samples), {image[0], weight[0], offset[2], offset[3]});
  if (b.has(3))
    y = b.add(y, b.alignChannels(b.cast(b.in(3), s.compute), 2));
  return b.out(b.cast(y, b.elementType(0)));
}

/// Positions of an image's elements between -1 and 1, each an affine function (a row of theta) of the
/// element's own; the last dimension is the first coordinate.
LogicalResult affineGrid(NodeBuilder &b) {
  std::optional<Sizes> size = b.control(1);
  if (!size)
    return failure();
  auto dims = static_cast<int64_t>(size->size()) - 2;
  if (b.rank(0) != 3 || (dims != 2 && dims != 3))
    return b.fail("E0701", "theta has rank " + llvm::Twine(b.rank(0)) + ", size " +
                               llvm::Twine(dims + 2) + " entries, not 3 and 4 or 5");
  Sizes theta = b.sizes(0), given{(*size)[0], SizeExpr(dims), SizeExpr(dims + 1)};
  for (auto [have, want] : llvm::zip_equal(theta, given))
    if (!b.requireEqual(have, want, "sizes of theta"))
      return failure();
  bool align = b.integer("align_corners") == 1;
  Sampler s(b, computeTypeOf(b, {0}));
  Value matrices = b.reshape(b.cast(b.in(0), s.compute), given), grid;
  for (int64_t c = 0; c <= dims; ++c) {
    Sizes each(dims + 2, SizeExpr(1)), along = each;
    each.front() = given[0];
    each.back() = dims;
    Value term = b.reshape(component(b, matrices, 2, SizeExpr(c)), each);
    if (c < dims) {
      size_t d = size_t(dims - 1 - c);
      const SizeExpr &n = (*size)[2 + d];
      along[1 + d] = n;
      Value twice = b.mul(s.ramp(n), s.number(2.0));
      Value place = align ? b.div(twice, s.max(s.number(n - 1), s.number(1.0)))
                          : b.div(b.add(twice, s.number(1.0)), s.number(n));
      term = b.mul(term, b.reshape(b.sub(place, s.number(1.0)), along));
    }
    grid = grid ? b.add(grid, term) : term;
  }
  return b.out(b.cast(grid, b.elementType(0)));
}

constexpr Limit kSize[] = {limit::control(1)};

constexpr OpRow kRows[] = {
    {"AffineGrid", 20, affineGrid, kFloats, kSize},
    {"DeformConv", 19, deformConv, kFloats}, {"DeformConv", 22, deformConv, kFloats},
    {"GridSample", 16, gridSample, kFloats}, {"GridSample", 20, gridSample, kFloats},
    {"GridSample", 22, gridSample, kFloats}, {"RoiAlign", 10, roiAlign, kFloats},
    {"RoiAlign", 16, roiAlign, kFloats},     {"RoiAlign", 22, roiAlign, kFloats},
};

} // namespace

llvm::ArrayRef<OpRow> importer::sampleRows() { return kRows; }
