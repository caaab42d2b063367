// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of constants: as attributes (large ones as resources that point into the file), as
// contents for shape arithmetic, and back from contents to IR.
#include "Importer.h"
#include "Rows.h"

#include "cameo/Support/FixedPoint.h"

#include "mlir/IR/DialectResourceBlobManager.h"

#include <cstring>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// Elements of 4 and 2 bits, one a byte as DenseElementsAttr wants them.
std::vector<char> unpack(llvm::ArrayRef<char> bytes, uint64_t count, unsigned bits) {
  std::vector<char> out(count);
  unsigned perByte = 8 / bits;
  for (uint64_t i = 0; i < count; ++i)
    out[i] = static_cast<char>((static_cast<uint8_t>(bytes[i / perByte]) >> (i % perByte * bits)) &
                               ((1u << bits) - 1));
  return out;
}

/// The largest alignment, up to 64, that the address happens to have.
size_t alignmentOf(const char *data) {
  auto address = reinterpret_cast<uintptr_t>(data);
  size_t alignment = 1;
  while (alignment < 64 && address % (alignment * 2) == 0)
    alignment *= 2;
  return alignment;
}

template <typename T> T load(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

double loadSmallFloat(const llvm::fltSemantics &semantics, uint16_t bits) {
  llvm::APFloat value(semantics, llvm::APInt(16, bits));
  bool inexact;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return value.convertToDouble();
}

/// Element `i` of a tensor as a Number; nothing for types that are no shape arithmetic.
std::optional<Number> element(const TensorData &data, uint64_t i) {
  const char *p = data.bytes.data() + i * (bitsOfDataType(data.dataType) / 8);
  switch (static_cast<DType>(data.dataType)) {
  case DType::i8:
    return Number::integer(load<int8_t>(p));
  case DType::u8:
  case DType::boolean:
    return Number::integer(load<uint8_t>(p));
  case DType::i16:
    return Number::integer(load<int16_t>(p));
  case DType::u16:
    return Number::integer(load<uint16_t>(p));
  case DType::i32:
    return Number::integer(load<int32_t>(p));
  case DType::u32:
    return Number::integer(static_cast<int64_t>(load<uint32_t>(p)));
  case DType::i64:
    return Number::integer(load<int64_t>(p));
  case DType::f32:
    return Number::real(load<float>(p));
  case DType::f64:
    return Number::real(load<double>(p));
  case DType::f16:
    return Number::real(loadSmallFloat(llvm::APFloat::IEEEhalf(), load<uint16_t>(p)));
  case DType::bf16:
    return Number::real(loadSmallFloat(llvm::APFloat::BFloat(), load<uint16_t>(p)));
  default:
    return std::nullopt;
  }
}

} // namespace

RankedTensorType Importer::typeOfData(const TensorData &data) {
  if (!(kElements >> data.dataType & 1))
    return {};
  Type element = graph::typeOf(&mlirContext, static_cast<DType>(data.dataType));
  return RankedTensorType::get(data.dims, element);
}

ElementsAttr Importer::attributeOf(const TensorData &data, llvm::StringRef name) {
  RankedTensorType type = typeOfData(data);
  unsigned bits = bitsOfDataType(data.dataType);
  if (data.dataType == static_cast<int>(DType::boolean)) {
    llvm::SmallVector<bool> values(data.bytes.begin(), data.bytes.end());
    return DenseElementsAttr::get(type, values);
  }
  if (bits < 8) {
    std::vector<char> bytes = unpack(data.bytes, data.numElements, bits);
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  }
  // Small ones are uniqued (and recognised as splats); the rest stays where it is.
  if (data.bytes.size() < 1024) {
    bool splat = data.numElements > 1;
    size_t width = bits / 8;
    for (uint64_t i = 1; splat && i < data.numElements; ++i)
      splat = std::memcmp(data.bytes.data(), data.bytes.data() + i * width, width) == 0;
    return DenseElementsAttr::getFromRawBuffer(type, splat ? data.bytes.take_front(width)
                                                           : data.bytes);
  }
  std::shared_ptr<const void> owner = data.owner;
  AsmResourceBlob blob(
      data.bytes, alignmentOf(data.bytes.data()),
      [owner](void *, size_t, size_t) {}, // dropping the owner unmaps the file
      /*dataIsMutable=*/false);
  return DenseResourceElementsAttr::get(type, name.empty() ? "weight" : name, std::move(blob));
}

const std::optional<Contents> &Importer::contentsOf(Operand &operand) {
  if (operand.steers && !operand.contents)
    return readNumbers(operand);
  if (operand.contents || !operand.data || operand.data->numElements > kMaxContents)
    return operand.contents;
  Contents contents;
  for (uint64_t i = 0; i < operand.data->numElements; ++i) {
    std::optional<Number> number = element(*operand.data, i);
    if (!number)
      return operand.contents;
    contents.push_back(*number);
  }
  operand.contents = std::move(contents);
  return operand.contents;
}

mlir::OpBuilder Importer::hoisted() {
  OpBuilder builder(&mlirContext);
  Block &block = function.getBody().front();
  if (lastHoisted)
    builder.setInsertionPointAfter(lastHoisted);
  else
    builder.setInsertionPointToStart(&block);
  return builder;
}

namespace {

/// Contents whose elements all are numbers, as an attribute of `type`.
ElementsAttr constantContents(const Contents &contents, RankedTensorType type) {
  llvm::SmallVector<Attribute> attributes;
  Type element = type.getElementType();
  for (const Number &n : contents) {
    std::optional<int64_t> c = n.expr.asConstant();
    if (!c)
      return {};
    if (auto floatType = dyn_cast<FloatType>(element)) {
      attributes.push_back(FloatAttr::get(floatType, n.factor * static_cast<double>(*c)));
    } else {
      if (n.factor != 1)
        return {};
      unsigned width = element.getIntOrFloatBitWidth();
      llvm::APInt value = llvm::APInt(64, static_cast<uint64_t>(*c)).zextOrTrunc(width);
      attributes.push_back(IntegerAttr::get(element, value));
    }
  }
  return DenseElementsAttr::get(type, attributes);
}

} // namespace

Value Importer::materialize(Operand &operand) {
  if (operand.value || !operand.known)
    return operand.value;
  OpBuilder at = hoisted();
  Location loc = NameLoc::get(at.getStringAttr(operand.name));
  std::function<Value(Value)> keep = [&](Value v) {
    remember(v.getDefiningOp());
    return operand.value = v;
  };
  if (operand.data)
    return keep(graph::ConstantOp::create(at, loc, attributeOf(*operand.data, operand.name)));
  if (!operand.contents)
    return {};
  if (ElementsAttr attribute = constantContents(*operand.contents, operand.type))
    return keep(graph::ConstantOp::create(at, loc, attribute));
  // What counts of data are made of comes after the kernels that count, and the number of an iteration
  // stays in its loop.
  bool isLate = llvm::any_of(*operand.contents, [](const Number &n) { return isKnownLate(n.expr); });
  if (isLate) { // and is not kept: another use may be in a region that this one does not dominate
    at = bodyBuilder;
    keep = [](Value v) { return v; };
  }
  // Symbolic: integers first, then the element type and the shape that is wanted.
  Type element = operand.type.getElementType();
  bool isInt = graph::isIntElement(element);
  Type intType = isInt ? element : Type(at.getI64Type());
  Sizes sizes;
  for (const Number &n : *operand.contents)
    sizes.push_back(n.expr);
  bool scalar = operand.type.getRank() == 0;
  auto vector = scalar ? RankedTensorType::get({}, intType)
                       : RankedTensorType::get({static_cast<int64_t>(sizes.size())}, intType);
  Value value = keep(graph::FromSizesOp::create(at, loc, vector, sizes));
  if (!isInt) {
    auto type = RankedTensorType::get(vector.getShape(), element);
    value = keep(graph::CastOp::create(at, loc, type, value, /*saturate=*/true,
                                       graph::RoundModeAttr()));
    Contents factors;
    bool scaled = false;
    for (const Number &n : *operand.contents) {
      factors.push_back(Number::real(n.factor));
      scaled |= n.factor != 1;
    }
    if (scaled) {
      Value f = keep(graph::ConstantOp::create(at, loc, constantContents(factors, type)));
      value = keep(graph::BinaryOp::create(at, loc, type, graph::BinaryKind::Mul, value, f));
    }
  }
  if (value.getType() != operand.type)
    value = keep(graph::ReshapeOp::create(at, loc, operand.type, value));
  return value;
}

const std::optional<Contents> &Importer::readNumbers(Operand &operand) {
  if (!operand.isModelInput || operand.contents)
    return operand.isModelInput ? operand.contents : contentsOf(operand);
  Type element = operand.type.getElementType();
  bool isReal = element.isF16() || element.isBF16() || element.isF32() || element.isF64();
  if (!operand.type.hasStaticShape() || operand.type.getNumElements() > kMaxContents ||
      (!graph::isIntElement(element) && !isReal))
    return operand.contents;
  Contents elements;
  llvm::SmallVector<Attribute> names;
  OpBuilder at = hoisted();
  for (int64_t i = 0; i < operand.type.getNumElements(); ++i) {
    std::string name = symbolName(operand.name) + "[" + std::to_string(i) + "]";
    names.push_back(at.getStringAttr(name));
    elements.push_back({SizeExpr::symbol(name), isReal ? std::ldexp(1.0, -fixedPointBits) : 1.0});
  }
  remember(graph::ReadSizesOp::create(at, NameLoc::get(at.getStringAttr(operand.name)),
                                      operand.value, at.getArrayAttr(names)));
  operand.contents = std::move(elements);
  return operand.contents;
}

std::optional<Sizes> Importer::readSizes(Operand &operand) {
  const std::optional<Contents> &contents = readNumbers(operand);
  if (!contents)
    return std::nullopt;
  Sizes sizes;
  for (const Number &n : *contents) {
    if (n.factor != 1)
      return std::nullopt;
    sizes.push_back(n.expr);
  }
  return sizes;
}
