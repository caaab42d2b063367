// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading and writing symbolic sizes in tensor types, and the classes of element types.
#include "cameo/Dialect/Graph/IR/Graph.h"

using namespace mlir;

namespace cameo::graph {

SizeExpr getSizeExpr(StringRef text) {
  std::optional<SizeExpr> parsed = SizeExpr::parse({text.data(), text.size()});
  return parsed ? *parsed : SizeExpr::overflow();
}

SmallVector<SizeExpr> getSizeExprs(ArrayAttr texts) {
  return llvm::map_to_vector(texts, [](Attribute text) {
    auto string = dyn_cast<StringAttr>(text);
    return string ? getSizeExpr(string.getValue()) : SizeExpr::overflow();
  });
}

ArrayAttr getSizesAttr(MLIRContext *context, ArrayRef<SizeExpr> sizes) {
  return ArrayAttr::get(context, llvm::map_to_vector(sizes, [&](const SizeExpr &size) -> Attribute {
                          return StringAttr::get(context, size.str());
                        }));
}

SizeExpr getSize(Type type, int64_t dim) {
  auto tensor = cast<RankedTensorType>(type);
  if (!tensor.isDynamicDim(dim))
    return SizeExpr(tensor.getDimSize(dim));
  auto encoding = dyn_cast_or_null<SizesAttr>(tensor.getEncoding());
  if (!encoding)
    return SizeExpr::overflow();
  return getSizeExpr(cast<StringAttr>(encoding.getExprs()[dim]).getValue());
}

SmallVector<SizeExpr> getSizes(Type type) {
  SmallVector<SizeExpr> sizes;
  for (int64_t dim = 0, rank = cast<RankedTensorType>(type).getRank(); dim < rank; ++dim)
    sizes.push_back(getSize(type, dim));
  return sizes;
}

RankedTensorType makeTensorType(MLIRContext *context, Type elementType, ArrayRef<SizeExpr> sizes) {
  SmallVector<int64_t> shape;
  for (const SizeExpr &size : sizes) {
    std::optional<int64_t> constant = size.asConstant();
    shape.push_back(constant && *constant >= 0 ? *constant : ShapedType::kDynamic);
  }
  if (!ShapedType::isDynamicShape(shape))
    return RankedTensorType::get(shape, elementType);
  return RankedTensorType::get(shape, elementType,
                               SizesAttr::get(context, getSizesAttr(context, sizes)));
}

RankedTensorType withElementType(RankedTensorType type, Type elementType) {
  return RankedTensorType::get(type.getShape(), elementType, type.getEncoding());
}

bool isCanonicalSize(StringRef text, std::string &error) {
  std::optional<SizeExpr> parsed = SizeExpr::parse({text.data(), text.size()}, &error);
  if (!parsed)
    return false;
  if (parsed->str() == text.str())
    return true;
  error = "'" + text.str() + "' is not canonical, write '" + parsed->str() + "'";
  return false;
}

std::string sizesText(ArrayRef<SizeExpr> sizes) {
  std::string text = "[";
  for (const SizeExpr &size : sizes)
    text += (text.size() > 1 ? ", " : "") + size.str();
  return text + "]";
}

bool isFloatElement(Type type) {
  return isa<Float64Type, Float32Type, Float16Type, BFloat16Type, Float8E4M3FNType,
             Float8E4M3FNUZType, Float8E5M2Type, Float8E5M2FNUZType, Float8E8M0FNUType,
             Float6E2M3FNType, Float6E3M2FNType, Float4E2M1FNType>(type);
}

bool isIntElement(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && !integer.isSigned() &&
         llvm::is_contained({2, 4, 8, 16, 32, 64}, int(integer.getWidth()));
}

bool isUnsignedElement(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.isUnsigned();
}

bool isBoolElement(Type type) { return type.isSignlessInteger(1); }

bool isComplexElement(Type type) {
  auto complex = dyn_cast<ComplexType>(type);
  return complex && isa<Float32Type, Float64Type>(complex.getElementType());
}

bool isRealElement(Type type) { return isFloatElement(type) || isIntElement(type); }

bool isNumericElement(Type type) { return isRealElement(type) || isComplexElement(type); }

bool isIndexElement(Type type) { return type.isSignlessInteger(32) || type.isSignlessInteger(64); }

bool isElement(Type type) { return isNumericElement(type) || isBoolElement(type); }

DType dtypeOf(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return !isComplexElement(type)            ? DType::undefined
           : complex.getElementType().isF32() ? DType::c64
                                              : DType::c128;
  for (unsigned number = 1; number < kNumDTypes; ++number)
    if (typeOf(type.getContext(), DType(number)) == type)
      return DType(number);
  return DType::undefined;
}

Type typeOf(MLIRContext *context, DType dtype) {
  auto signedInt = [&](unsigned width) { return IntegerType::get(context, width); };
  auto unsignedInt = [&](unsigned width) {
    return IntegerType::get(context, width, IntegerType::Unsigned);
  };
  switch (dtype) {
  case DType::boolean:
    return signedInt(1);
  case DType::i2:
    return signedInt(2);
  case DType::i4:
    return signedInt(4);
  case DType::i8:
    return signedInt(8);
  case DType::i16:
    return signedInt(16);
  case DType::i32:
    return signedInt(32);
  case DType::i64:
    return signedInt(64);
  case DType::u2:
    return unsignedInt(2);
  case DType::u4:
    return unsignedInt(4);
  case DType::u8:
    return unsignedInt(8);
  case DType::u16:
    return unsignedInt(16);
  case DType::u32:
    return unsignedInt(32);
  case DType::u64:
    return unsignedInt(64);
  case DType::f64:
    return Float64Type::get(context);
  case DType::f32:
    return Float32Type::get(context);
  case DType::f16:
    return Float16Type::get(context);
  case DType::bf16:
    return BFloat16Type::get(context);
  case DType::f8e4m3fn:
    return Float8E4M3FNType::get(context);
  case DType::f8e4m3fnuz:
    return Float8E4M3FNUZType::get(context);
  case DType::f8e5m2:
    return Float8E5M2Type::get(context);
  case DType::f8e5m2fnuz:
    return Float8E5M2FNUZType::get(context);
  case DType::f8e8m0:
    return Float8E8M0FNUType::get(context);
  case DType::f6e2m3:
    return Float6E2M3FNType::get(context);
  case DType::f6e3m2:
    return Float6E3M2FNType::get(context);
  case DType::f4e2m1:
    return Float4E2M1FNType::get(context);
  case DType::c64:
    return ComplexType::get(Float32Type::get(context));
  case DType::c128:
    return ComplexType::get(Float64Type::get(context));
  case DType::string:
  case DType::undefined:
    return {};
  }
  return {};
}

bool isTensorOf(Type type, bool (*isWanted)(Type)) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isWanted(tensor.getElementType()))
    return false;
  return tensor.hasStaticShape() ? !tensor.getEncoding()
                                 : isa_and_nonnull<SizesAttr>(tensor.getEncoding());
}

} // namespace cameo::graph
