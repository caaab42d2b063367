// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make values out of nothing but attributes, sizes and control operands.
#include "../Importer.h"
#include "../ShapeArithmetic.h"

#include "cameo/Support/FixedPoint.h"

#include <cmath>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using Proto = onnx::TensorProto;

namespace {

template <typename T> TensorData makeData(int32_t dataType, llvm::ArrayRef<T> values, bool scalar) {
  TensorData data;
  data.dataType = dataType;
  if (!scalar)
    data.dims.push_back(static_cast<int64_t>(values.size()));
  data.numElements = values.size();
  auto owner = std::make_shared<std::vector<T>>(values.begin(), values.end());
  data.bytes = {reinterpret_cast<const char *>(owner->data()), values.size() * sizeof(T)};
  data.owner = owner;
  return data;
}

LogicalResult constant(NodeBuilder &b) {
  if (b.node.attribute_size() != 1)
    return b.fail("E0505", "has " + llvm::Twine(b.node.attribute_size()) +
                               " attributes, exactly one of the values expected");
  const onnx::AttributeProto &a = b.node.attribute(0);
  llvm::StringRef name = a.name();
  if (name == "value") {
    std::optional<TensorData> data = b.importer.loadTensor(a.t(), "attribute \"value\"");
    return data ? b.outData(0, std::move(*data))
                : b.fail("E0505", "attribute \"value\" is an illegal tensor");
  }
  if (name == "value_int")
    return b.outData(0, makeData<int64_t>(Proto::INT64, {a.i()}, true));
  if (name == "value_float")
    return b.outData(0, makeData<float>(Proto::FLOAT, {a.f()}, true));
  if (name == "value_ints") {
    llvm::SmallVector<int64_t> values(a.ints().begin(), a.ints().end());
    return b.outData(0, makeData<int64_t>(Proto::INT64, values, false));
  }
  if (name == "value_floats") {
    llvm::SmallVector<float> values(a.floats().begin(), a.floats().end());
    return b.outData(0, makeData<float>(Proto::FLOAT, values, false));
  }
  return b.fail("E0804", "the constant is given by " + name,
                "value, value_int, value_ints, value_float, value_floats");
}

/// Non-negative sizes whose product does not overflow.
LogicalResult checkSizes(NodeBuilder &b, llvm::ArrayRef<SizeExpr> sizes) {
  __int128 count = 1;
  for (const SizeExpr &s : sizes) {
    std::optional<int64_t> c = s.asConstant();
    if (c && *c < 0)
      return b.fail("E0702", "a size is " + llvm::Twine(*c));
    count *= c.value_or(1);
    if (count > INT64_MAX / 16)
      return b.fail("E0702", "the number of elements overflows");
  }
  return success();
}

LogicalResult constantOfShape(NodeBuilder &b) {
  std::optional<Sizes> sizes = b.control(0);
  if (!sizes || failed(checkSizes(b, *sizes)))
    return failure();
  TensorData zero = makeData<float>(Proto::FLOAT, {0.0f}, true);
  if (const onnx::AttributeProto *value = b.findAttr("value")) {
    std::optional<TensorData> data = b.importer.loadTensor(value->t(), "attribute \"value\"");
    if (!data || data->numElements != 1)
      return b.fail("E0505", "attribute \"value\" has to be a tensor of one element");
    zero = std::move(*data);
  }
  zero.dims.clear();
  Operand *scalar = b.importer.newOperand("value");
  scalar->type = b.importer.typeOfData(zero);
  if (!scalar->type)
    return b.fail("E0803", "elements of type " + llvm::Twine(nameOfDataType(zero.dataType)),
                  typesText(kElements));
  scalar->data = std::move(zero);
  RankedTensorType type = b.makeType(scalar->type.getElementType(), *sizes);
  const std::optional<Contents> &value = b.importer.contentsOf(*scalar);
  std::optional<Contents> contents;
  if (std::optional<int64_t> count = smallCount(type); count && value)
    contents = Contents(static_cast<size_t>(*count), value->front());
  return outArithmetic(b, contents, type, [&]() -> Value {
    auto attribute =
        llvm::cast<DenseElementsAttr>(b.importer.attributeOf(*scalar->data, "value"));
    if (type.hasStaticShape()) // a splat costs nothing, whatever its size
      return graph::ConstantOp::create(b.builder(), b.location(), attribute.resizeSplat(type));
    return b.broadcast(graph::ConstantOp::create(b.builder(), b.location(), attribute), *sizes);
  });
}

/// max(ceil((limit - start) / delta), 0).
SizeExpr rangeLength(const SizeExpr &start, const SizeExpr &limit, const SizeExpr &delta) {
  SizeExpr up = ceilDiv(limit - start, delta), down = ceilDiv(start - limit, -delta);
  std::optional<int64_t> step = delta.asConstant();
  SizeExpr count = step ? (*step > 0 ? up : down) : select(lt(0, delta), up, down);
  if (step == 1 && start.isConstant(0) && !llvm::StringRef(limit.str()).contains('[') &&
      limit.provablyNonNegative({}))
    return count;
  return max(count, 0);
}

/// A number in units of 2^-32, as elements of real control operands are.
std::optional<SizeExpr> inFixedPoint(const Number &n) {
  double unit = std::ldexp(1.0, fixedPointBits), factor = n.factor * unit;
  bool whole = factor == std::floor(factor) && std::abs(factor) < 0x1p62;
  if (std::optional<double> real = n.asReal()) {
    std::optional<int64_t> value = fixedPoint(*real);
    return value ? std::optional<SizeExpr>(*value) : std::nullopt;
  }
  return whole ? std::optional(n.expr * SizeExpr(static_cast<int64_t>(factor))) : std::nullopt;
}

LogicalResult emitRange(NodeBuilder &b, RankedTensorType type, std::optional<Contents> contents) {
  auto scalar = [&](unsigned i) { return b.reshape(b.in(i), {}); };
  return outArithmetic(b, std::move(contents), type, [&]() -> Value {
    Value from = scalar(0), step = scalar(2);
    return from && step ? b.emit<graph::IotaOp>(type, from, step) : Value();
  });
}

/// A range of reals whose length is known at launch.
LogicalResult realRange(NodeBuilder &b, const Number &start, const Number &limit,
                        const Number &delta) {
  auto s = inFixedPoint(start), l = inFixedPoint(limit), d = inFixedPoint(delta);
  if (!s || !l || !d)
    return b.fail("E0806", "the length of the range is no expression over sizes");
  return emitRange(b, b.makeType(b.elementType(0), rangeLength(*s, *l, *d)), std::nullopt);
}

LogicalResult range(NodeBuilder &b) {
  Type element = b.elementType(0);
  SizeExpr length;
  std::optional<Contents> contents;
  if (graph::isFloatElement(element)) {
    auto s = b.numbers(0), l = b.numbers(1), d = b.numbers(2);
    if (!s || !l || !d)
      return failure();
    std::optional<double> start = s->front().asReal(), limit = l->front().asReal(),
                          delta = d->front().asReal();
    if (!start || !limit || !delta)
      return realRange(b, s->front(), l->front(), d->front());
    double count = std::ceil((*limit - *start) / *delta);
    if (!(*delta != 0) || !(count < 9e15))
      return b.fail("E0702", "the range has no length (delta is " + std::to_string(*delta) + ")");
    length = SizeExpr(static_cast<int64_t>(std::max(count, 0.0)));
  } else {
    auto s = b.control(0), l = b.control(1), d = b.control(2);
    if (!s || !l || !d)
      return failure();
    if (d->front().isConstant(0))
      return b.fail("E0702", "delta is 0");
    length = rangeLength(s->front(), l->front(), d->front());
    std::optional<int64_t> count = length.asConstant();
    if (count && *count <= kMaxContents) {
      contents.emplace();
      for (int64_t i = 0; i < *count; ++i)
        contents->push_back(Number::integer(s->front() + SizeExpr(i) * d->front()));
    }
  }
  if (failed(checkSizes(b, length)))
    return failure();
  RankedTensorType type = b.makeType(element, length);
  return emitRange(b, type, std::move(contents));
}

/// Ones where column - row equals k: a comparison of two ramps.
LogicalResult eyeLike(NodeBuilder &b) {
  Sizes sizes = b.sizes(0);
  int64_t dataType = b.integer("dtype", static_cast<int64_t>(graph::dtypeOf(b.elementType(0))));
  if (dataType <= 0 || dataType >= 32 || !((kReals | kBool) >> dataType & 1))
    return b.fail("E0803", "dtype is " + llvm::Twine(dataType), typesText(kReals | kBool));
  Type element = graph::typeOf(b.context(), static_cast<DType>(dataType));
  Value rows = b.reshape(b.ramp(sizes[0]), {sizes[0], SizeExpr(1)});
  rows = b.add(rows, b.splat(b.i64(), static_cast<double>(b.integer("k"))));
  Value eye = b.binary(graph::BinaryKind::Eq, rows, b.ramp(sizes[1]));
  return b.out(b.cast(eye, element));
}

constexpr Limit kControl0[] = {limit::control(0)};
constexpr Limit kMatrix[] = {limit::rank(0, 2, 2)};
constexpr TypeMask kAny = ~TypeMask(0);

constexpr OpRow kRows[] = {
    {"Constant", 1, constant, kAny},
    {"Constant", 9, constant, kAny},
    {"Constant", 11, constant, kAny},
    {"Constant", 12, constant, kAny},
    {"Constant", 13, constant, kAny},
    {"Constant", 19, constant, kAny},
    {"Constant", 21, constant, kAny},
    {"Constant", 23, constant, kAny},
    {"Constant", 24, constant, kAny},
    {"Constant", 25, constant, kAny},
    {"ConstantOfShape", 9, constantOfShape, kIndex, kControl0},
    {"ConstantOfShape", 20, constantOfShape, kIndex, kControl0},
    {"ConstantOfShape", 21, constantOfShape, kIndex, kControl0},
    {"ConstantOfShape", 23, constantOfShape, kIndex, kControl0},
    {"ConstantOfShape", 24, constantOfShape, kIndex, kControl0},
    {"ConstantOfShape", 25, constantOfShape, kIndex, kControl0},
    {"EyeLike", 9, eyeLike, kReals | kBool, kMatrix},
    {"EyeLike", 22, eyeLike, kReals | kBool, kMatrix},
    {"Range", 11, range, kReals},
    {"Range", 27, range, kReals},
};

} // namespace

llvm::ArrayRef<OpRow> importer::constantRows() { return kRows; }
