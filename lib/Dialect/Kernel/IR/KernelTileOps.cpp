// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of views and tile ops. Refused: coordinates whose number differs from the view's rank,
// regions that do not take coordinates or yield elements, tiles that are no powers of two, writes to a
// buffer that the kernel only reads and reads of one that it writes.
#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cameo::kernel;

static Type elementOf(Value value) { return cast<ShapedType>(value.getType()).getElementType(); }
static int64_t rankOf(Value value) { return cast<RankedTensorType>(value.getType()).getRank(); }

/// True when `buffer` is an argument of a kernel or variant, and one of its outs. Buffers that are no
/// such argument (in tests of single ops) are neither.
static std::optional<bool> isOutsBuffer(Value buffer) {
  auto argument = dyn_cast<BlockArgument>(buffer);
  if (!argument)
    return std::nullopt;
  Operation *owner = argument.getOwner()->getParentOp();
  auto func = dyn_cast_or_null<FuncOp>(owner);
  if (auto variant = dyn_cast_or_null<VariantOp>(owner))
    func = variant.getFunc();
  if (!func)
    return std::nullopt;
  return argument.getArgNumber() >= func.getNumIns() && argument.getArgNumber() < func.getNumBuffers();
}

static LogicalResult verifyBuffer(Operation *op, Value buffer) {
  if (rankOf(buffer) == 1)
    return success();
  return op->emitOpError("needs a flat buffer tensor<?xT>, not ") << buffer.getType();
}

static LogicalResult verifyTile(Operation *op, Type type) {
  auto tile = cast<RankedTensorType>(type);
  if (llvm::all_of(tile.getShape(), [](int64_t dim) { return dim > 0 && llvm::isPowerOf2_64(dim); }))
    return success();
  return op->emitOpError("needs a tile whose dims are powers of two, not ") << type;
}

/// The region takes `types` and yields `yields`.
static LogicalResult verifyRegion(Operation *op, Region &region, TypeRange types, TypeRange yields) {
  if (region.empty() || region.front().getArgumentTypes() != types)
    return op->emitOpError("region must take (") << types << ")";
  auto yield = dyn_cast_or_null<YieldOp>(region.front().empty() ? nullptr : &region.front().back());
  if (!yield || yield.getOperandTypes() != yields)
    return op->emitOpError("region must yield (") << yields << ")";
  return success();
}

static SmallVector<Type> indexTypes(MLIRContext *context, int64_t count) {
  return SmallVector<Type>(count, IndexType::get(context));
}

//===- Views --------------------------------------------------------------------------------===//

static RankedTensorType viewType(Type element, ValueRange sizes) {
  SmallVector<int64_t> shape;
  for (Value size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  return RankedTensorType::get(shape, element);
}

static LogicalResult verifyView(Operation *op, RankedTensorType type, ValueRange sizes) {
  if (type.getRank() != int64_t(sizes.size()))
    return op->emitOpError("has ") << sizes.size() << " sizes for a result of rank " << type.getRank();
  for (auto [dim, size] : llvm::zip_equal(type.getShape(), sizes))
    if (std::optional<int64_t> value = getConstantIntValue(size))
      if (!ShapedType::isDynamic(dim) && dim != *value)
        return op->emitOpError("has size ") << *value << " where the result has " << dim;
  return success();
}

void StridedViewOp::build(OpBuilder &builder, OperationState &state, Value buffer, Value offset, ValueRange sizes,
                          ValueRange strides) {
  build(builder, state, viewType(elementOf(buffer), sizes), buffer, offset, sizes, strides, DictionaryAttr());
}

LogicalResult StridedViewOp::verify() {
  if (failed(verifyBuffer(*this, getBuffer())) || failed(verifyView(*this, getType(), getSizes())))
    return failure();
  if (getStrides().size() != getSizes().size())
    return emitOpError("needs one stride per size");
  if (elementOf(getBuffer()) != getType().getElementType())
    return emitOpError("changes the element type");
  return success();
}

void ComputedViewOp::build(OpBuilder &builder, OperationState &state, Type elementType, ValueRange sizes,
                           function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  state.addOperands(sizes);
  state.getOrAddProperties<Properties>().operandSegmentSizes = {int32_t(sizes.size()), 0};
  state.addTypes(viewType(elementType, sizes));
  Block &block = state.addRegion()->emplaceBlock();
  for (size_t i = 0; i < sizes.size(); ++i)
    block.addArgument(builder.getIndexType(), state.location);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&block);
  Value element = body(builder, state.location, block.getArguments());
  YieldOp::create(builder, state.location, element);
}

LogicalResult ComputedViewOp::verify() {
  if (failed(verifyView(*this, getType(), getSizes())) ||
      failed(verifyRegion(*this, getBody(), indexTypes(getContext(), getSizes().size()),
                          TypeRange(getType().getElementType()))))
    return failure();
  if (bool(getRuns()) != getRunDim().has_value())
    return emitOpError("has runs without a dimension, or a dimension without runs");
  if (getRuns() && (int64_t(*getRunDim()) < 0 || int64_t(*getRunDim()) >= getType().getRank()))
    return emitOpError("has runs along dimension ") << int64_t(*getRunDim()) << " of " << getType().getRank();
  if (getRuns() && !getIndexedRead())
    return emitOpError("has runs but is no indexed view");
  return success();
}

void ComputedViewOp::setRuns(Value length, int64_t dim) {
  getRunsMutable().assign(length);
  setRunDim(dim);
}

ReadOp ComputedViewOp::getIndexedRead() {
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  return yield.getValues().front().getDefiningOp<ReadOp>();
}

void ReadOp::build(OpBuilder &builder, OperationState &state, Value buffer, Value index) {
  build(builder, state, buffer, index, Value(), Value());
}

void ReadOp::build(OpBuilder &builder, OperationState &state, Value buffer, Value index, Value ok, Value pad) {
  state.addOperands({buffer, index});
  if (ok)
    state.addOperands({ok, pad});
  int32_t guard = ok ? 1 : 0;
  state.getOrAddProperties<Properties>().operandSegmentSizes = {1, 1, guard, guard};
  state.addTypes(elementOf(buffer));
}

ParseResult ReadOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand buffer, index, ok, pad;
  RankedTensorType type;
  if (parser.parseOperand(buffer) || parser.parseLSquare() || parser.parseOperand(index) || parser.parseRSquare())
    return failure();
  bool guarded = succeeded(parser.parseOptionalKeyword("if"));
  if (guarded && (parser.parseOperand(ok) || parser.parseKeyword("else") || parser.parseOperand(pad)))
    return failure();
  Builder &builder = parser.getBuilder();
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColonType(type) ||
      parser.resolveOperand(buffer, type, result.operands) ||
      parser.resolveOperand(index, builder.getIndexType(), result.operands))
    return failure();
  if (guarded && (parser.resolveOperand(ok, builder.getI1Type(), result.operands) ||
                  parser.resolveOperand(pad, type.getElementType(), result.operands)))
    return failure();
  result.getOrAddProperties<Properties>().operandSegmentSizes = {1, 1, guarded, guarded};
  result.addTypes(type.getElementType());
  return success();
}

void ReadOp::print(OpAsmPrinter &printer) {
  printer << " " << getBuffer() << "[" << getIndex() << "]";
  if (getOk())
    printer << " if " << getOk() << " else " << getPad();
  printer.printOptionalAttrDict((*this)->getAttrs(), {getOperandSegmentSizesAttrName()});
  printer << " : " << getBuffer().getType();
}

LogicalResult ReadOp::verify() {
  if (failed(verifyBuffer(*this, getBuffer())))
    return failure();
  if (getType() != elementOf(getBuffer()) || (getPad() && getPad().getType() != getType()))
    return emitOpError("result and pad must have the buffer's element type");
  if (bool(getOk()) != bool(getPad()))
    return emitOpError("a guard needs a pad");
  if (isOutsBuffer(getBuffer()).value_or(false))
    return emitOpError("reads a buffer that the kernel writes");
  return success();
}

//===- Writes -------------------------------------------------------------------------------===//

/// The view must lie over an outs buffer and hold elements of the written type.
static LogicalResult verifyWrite(Operation *op, Value value, Value view) {
  auto strided = view.getDefiningOp<StridedViewOp>();
  if (!strided)
    return op->emitOpError("writes need a kernel.strided_view");
  if (!isOutsBuffer(strided.getBuffer()).value_or(true))
    return op->emitOpError("writes to a buffer that is not among the kernel's outs");
  if (elementOf(value) != elementOf(view) || rankOf(value) != rankOf(view))
    return op->emitOpError("value and view must agree in element type and rank");
  return success();
}

LogicalResult WriteOp::verify() { return verifyWrite(*this, getValue(), getView()); }

static LogicalResult verifyOffsets(Operation *op, ValueRange offsets, int64_t rank) {
  if (int64_t(offsets.size()) == rank)
    return success();
  return op->emitOpError("has ") << offsets.size() << " offsets for rank " << rank;
}

LogicalResult StoreOp::verify() {
  if (failed(verifyTile(*this, getValue().getType())) || failed(verifyWrite(*this, getValue(), getView())))
    return failure();
  return verifyOffsets(*this, getOffsets(), rankOf(getView()));
}

LogicalResult LoadOp::verify() {
  if (failed(verifyTile(*this, getType())))
    return failure();
  if (rankOf(getView()) != rankOf(getResult()) || elementOf(getView()) != elementOf(getResult()))
    return emitOpError("view and tile must agree in element type and rank");
  return verifyOffsets(*this, getOffsets(), rankOf(getView()));
}

LogicalResult InBoundsOp::verify() {
  if (failed(verifyTile(*this, getType())))
    return failure();
  if (!elementOf(getResult()).isInteger(1))
    return emitOpError("result must be a tile of i1");
  if (getSizes().size() != getOffsets().size())
    return emitOpError("needs one size per offset");
  return verifyOffsets(*this, getOffsets(), rankOf(getResult()));
}

ParseResult ScatterOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand value, buffer;
  SmallVector<OpAsmParser::UnresolvedOperand> offsets, sizes;
  if (parser.parseOperand(value) || parser.parseComma() || parser.parseOperand(buffer) ||
      parser.parseKeyword("at") || parser.parseOperandList(offsets, AsmParser::Delimiter::Square) ||
      parser.parseKeyword("sizes") || parser.parseOperandList(sizes, AsmParser::Delimiter::Paren) ||
      parser.parseRegion(*result.addRegion()))
    return failure();
  Region *combine = result.addRegion();
  if (succeeded(parser.parseOptionalKeyword("combine")) && parser.parseRegion(*combine))
    return failure();
  Type valueType, bufferType, index = parser.getBuilder().getIndexType();
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColonType(valueType) || parser.parseComma() ||
      parser.parseType(bufferType) || parser.resolveOperand(value, valueType, result.operands) ||
      parser.resolveOperand(buffer, bufferType, result.operands) ||
      parser.resolveOperands(offsets, index, result.operands) || parser.resolveOperands(sizes, index, result.operands))
    return failure();
  result.getOrAddProperties<Properties>().operandSegmentSizes = {1, 1, int32_t(offsets.size()), int32_t(sizes.size())};
  return success();
}

void ScatterOp::print(OpAsmPrinter &printer) {
  printer << " " << getValue() << ", " << getBuffer() << " at [" << getOffsets() << "] sizes(" << getSizes() << ") ";
  printer.printRegion(getBody());
  if (hasCombine()) {
    printer << " combine ";
    printer.printRegion(getCombine());
  }
  printer.printOptionalAttrDict((*this)->getAttrs(), {getOperandSegmentSizesAttrName()});
  printer << " : " << getValue().getType() << ", " << getBuffer().getType();
}

LogicalResult ScatterOp::verify() {
  if (failed(verifyBuffer(*this, getBuffer())))
    return failure();
  if (!isOutsBuffer(getBuffer()).value_or(true))
    return emitOpError("writes to a buffer that is not among the kernel's outs");
  Type element = elementOf(getBuffer());
  int64_t rank = rankOf(getValue());
  if (elementOf(getValue()) != element)
    return emitOpError("value and buffer must have the same element type");
  if (int64_t(getSizes().size()) != rank || (!getOffsets().empty() && int64_t(getOffsets().size()) != rank))
    return emitOpError("needs one size per coordinate, and as many offsets or none");
  SmallVector<Type> yields{IndexType::get(getContext())};
  if (auto yield = dyn_cast<YieldOp>(getBody().front().back()); yield && yield.getNumOperands() == 2)
    yields.push_back(IntegerType::get(getContext(), 1));
  if (failed(verifyRegion(*this, getBody(), indexTypes(getContext(), rank), yields)))
    return failure();
  if (!hasCombine())
    return success();
  return verifyRegion(*this, getCombine(), {element, element}, {element});
}

//===- Reductions and scans -----------------------------------------------------------------===//

LogicalResult ReduceOp::verify() {
  if (getInputs().empty() || getInputs().size() != getResults().size())
    return emitOpError("needs one result per input, at least one");
  auto first = cast<RankedTensorType>(getInputs().front().getType());
  SmallVector<int64_t> kept;
  for (auto [dim, size] : llvm::enumerate(first.getShape()))
    if (!llvm::is_contained(getDims(), int64_t(dim)))
      kept.push_back(size);
  if (kept.size() + getDims().size() != size_t(first.getRank()))
    return emitOpError("dims must be distinct dimensions of the inputs");
  SmallVector<Type> elements;
  for (auto [input, result] : llvm::zip_equal(getInputs(), getResults())) {
    if (failed(verifyTile(*this, input.getType())))
      return failure();
    auto type = cast<RankedTensorType>(input.getType());
    elements.push_back(type.getElementType());
    if (type.getShape() != first.getShape() || result.getType() != RankedTensorType::get(kept, elements.back()))
      return emitOpError("inputs must have one shape, and results what is left of it");
  }
  SmallVector<Type> arguments(elements);
  llvm::append_range(arguments, elements);
  return verifyRegion(*this, getBody(), arguments, elements);
}

LogicalResult ScanOp::verify() {
  if (getInputs().empty())
    return emitOpError("needs an input");
  auto first = cast<RankedTensorType>(getInputs().front().getType());
  if (int64_t(getDim()) < 0 || int64_t(getDim()) >= first.getRank())
    return emitOpError("dim ") << getDim() << " is no dimension of " << first;
  SmallVector<Type> arguments, yields(getInit().getTypes());
  for (Value input : getInputs())
    arguments.push_back(elementOf(input));
  llvm::append_range(arguments, getInit().getTypes());
  for (Value result : getResults())
    yields.push_back(elementOf(result));
  for (ValueRange values : {ValueRange(getInputs()), ValueRange(getResults())})
    for (Value value : values)
      if (rankOf(value) != first.getRank())
        return emitOpError("inputs and results must have one rank");
  return verifyRegion(*this, getBody(), arguments, yields);
}
