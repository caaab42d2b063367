// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels as functions. Refused: arguments out of order, a body or variant that does not end in
// kernel.end, more than four variants, a last guard that is not "1", guards and grids that mention
// anything but the kernel's sizes, launches that do not fit their callee.
#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Support/SizeExpr.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

static constexpr unsigned maxVariants = 4;

//===- func ---------------------------------------------------------------------------------===//

void FuncOp::build(OpBuilder &builder, OperationState &state, StringRef name, StringRef family,
                   TypeRange ins, TypeRange outs, unsigned numSizes, TypeRange scalars) {
  state.addAttribute(getSymNameAttrName(state.name), builder.getStringAttr(name));
  state.addAttribute(getFamilyAttrName(state.name), builder.getStringAttr(family));
  state.addAttribute(getNumInsAttrName(state.name), builder.getI32IntegerAttr(ins.size()));
  state.addAttribute(getNumOutsAttrName(state.name), builder.getI32IntegerAttr(outs.size()));
  state.addAttribute(getNumSizesAttrName(state.name), builder.getI32IntegerAttr(numSizes));
  Region *body = state.addRegion();
  state.addRegion();
  Block &entry = body->emplaceBlock();
  Location loc = state.location;
  for (TypeRange types : {ins, outs})
    for (Type type : types)
      entry.addArgument(type, loc);
  for (unsigned i = 0; i < numSizes; ++i)
    entry.addArgument(builder.getIndexType(), loc);
  for (Type type : scalars)
    entry.addArgument(type, loc);
}

SmallVector<VariantOp, 4> FuncOp::getVariantOps() {
  if (getVariants().empty())
    return {};
  return llvm::to_vector(getVariants().front().getOps<VariantOp>());
}

VariantOp FuncOp::addVariant(StringRef name, StringRef guard, ArrayRef<std::string> grid, int32_t threads,
                             Attribute schedule, ArrayRef<int32_t> align) {
  if (getVariants().empty())
    getVariants().emplaceBlock();
  OpBuilder builder = OpBuilder::atBlockEnd(&getVariants().front());
  OperationState state(getLoc(), VariantOp::getOperationName());
  state.addAttribute("sym_name", builder.getStringAttr(name));
  state.addAttribute("guard", builder.getStringAttr(guard));
  SmallVector<StringRef> extents(grid.begin(), grid.end());
  state.addAttribute("grid", builder.getStrArrayAttr(extents));
  state.addAttribute("threads", builder.getI32IntegerAttr(threads));
  if (schedule)
    state.addAttribute("schedule", schedule);
  if (!align.empty())
    state.addAttribute("align", builder.getDenseI32ArrayAttr(align));
  Block &entry = state.addRegion()->emplaceBlock();
  for (BlockArgument argument : getArguments())
    entry.addArgument(argument.getType(), argument.getLoc());
  return cast<VariantOp>(builder.create(state));
}

/// `keyword (` arguments `)`; without keyword the list is required.
static ParseResult parseArguments(OpAsmParser &parser, StringRef keyword,
                                  SmallVectorImpl<OpAsmParser::Argument> &arguments, int32_t &count) {
  count = 0;
  if (!keyword.empty() && failed(parser.parseOptionalKeyword(keyword)))
    return success();
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&]() -> ParseResult {
    ++count;
    return parser.parseArgument(arguments.emplace_back(), /*allowType=*/true);
  });
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  int32_t ins, outs, sizes, scalars;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      parseArguments(parser, "", arguments, ins) || parseArguments(parser, "outs", arguments, outs) ||
      parseArguments(parser, "sizes", arguments, sizes) ||
      parseArguments(parser, "scalars", arguments, scalars) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  result.addAttribute(getNumInsAttrName(result.name), builder.getI32IntegerAttr(ins));
  result.addAttribute(getNumOutsAttrName(result.name), builder.getI32IntegerAttr(outs));
  result.addAttribute(getNumSizesAttrName(result.name), builder.getI32IntegerAttr(sizes));
  if (parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  Region *variants = result.addRegion();
  if (succeeded(parser.parseOptionalKeyword("variants")))
    return parser.parseRegion(*variants);
  return success();
}

static void printArguments(OpAsmPrinter &printer, StringRef keyword, ArrayRef<BlockArgument> arguments) {
  if (arguments.empty() && !keyword.empty())
    return;
  printer << keyword << "(";
  llvm::interleaveComma(arguments, printer, [&](BlockArgument a) { printer.printRegionArgument(a); });
  printer << ")";
}

void FuncOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printArguments(printer, "", getInsArgs());
  printArguments(printer, " outs", getOutsArgs());
  printArguments(printer, " sizes", getSizeArgs());
  printArguments(printer, " scalars", getScalarArgs());
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {getSymNameAttrName(), getNumInsAttrName(), getNumOutsAttrName(), getNumSizesAttrName()});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  if (!getVariants().empty()) {
    printer << " variants ";
    printer.printRegion(getVariants());
  }
}

static LogicalResult verifyArguments(FuncOp op) {
  if (op.getArguments().size() < op.getNumBuffers() + op.getNumSizes())
    return op.emitOpError("has fewer arguments than buffers and sizes");
  for (auto [i, argument] : llvm::enumerate(op.getArguments().take_front(op.getNumBuffers()))) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || type.getRank() != 1 || !type.isDynamicDim(0))
      return op.emitOpError("buffer argument ") << i << " must be a flat tensor<?xT>, not " << argument.getType();
  }
  for (BlockArgument argument : op.getSizeArgs())
    if (!argument.getType().isIndex())
      return op.emitOpError("size arguments must be of type index, not ") << argument.getType();
  return success();
}

/// Each target has a list of its own.
static LogicalResult verifyVariants(FuncOp kernel, StringRef target, MutableArrayRef<VariantOp> variants) {
  if (variants.size() > maxVariants)
    return kernel.emitOpError("needs 1 to ") << maxVariants << " variants, has " << variants.size() << " for " << target;
  if (variants.back().getGuard() != "1")
    return variants.back().emitOpError("is the last variant: its guard must be \"1\"");
  return success();
}

LogicalResult FuncOp::verify() {
  if (!llvm::hasSingleElement(getBody()) || getEntry().empty() || !isa<EndOp>(getEntry().back()))
    return emitOpError("needs a body of one block that ends in kernel.end");
  if (failed(verifyArguments(*this)))
    return failure();
  if (getVariants().empty())
    return success();
  auto variants = getVariantOps();
  if (variants.size() != getVariants().front().getOperations().size())
    return emitOpError("may hold only kernel.variant among its variants");
  if (variants.empty())
    return emitOpError("needs 1 to ") << maxVariants << " variants, has 0";
  llvm::MapVector<StringRef, SmallVector<VariantOp, 4>> perTarget;
  for (VariantOp variant : variants)
    perTarget[targetOf(variant).name].push_back(variant);
  for (auto &[target, its] : perTarget)
    if (failed(verifyVariants(*this, target, its)))
      return failure();
  return success();
}

//===- variant ------------------------------------------------------------------------------===//

std::string VariantOp::getEntryName() { return (getFunc().getSymName() + "_" + getSymName()).str(); }

ParseResult VariantOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  int32_t count;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parseArguments(parser, "", arguments, count) || parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  ensureTerminator(*result.regions.front(), parser.getBuilder(), result.location);
  return success();
}

void VariantOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getSymNameAttrName()});
  printer << " ";
  ArrayRef<BlockArgument> arguments(getEntry().getArguments().begin(), getEntry().getArguments().end());
  printArguments(printer, "", arguments);
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

/// A size expression over s0 ... s<sizes-1>.
static LogicalResult verifyExpression(Operation *op, StringRef what, StringRef text, unsigned sizes) {
  std::string error;
  std::optional<SizeExpr> expr = SizeExpr::parse(std::string_view(text), &error);
  if (!expr)
    return op->emitOpError(what) << " \"" << text << "\" is no size expression: " << error;
  std::set<std::string> names;
  expr->collectSymbols(names);
  for (const std::string &name : names) {
    unsigned index = 0;
    StringRef rest(name);
    if (!rest.consume_front("s") || rest.getAsInteger(10, index) || index >= sizes)
      return op->emitOpError(what) << " \"" << text << "\" mentions '" << name << "', the kernel has "
                                   << sizes << " sizes s0, s1, ...";
  }
  return success();
}

LogicalResult VariantOp::verify() {
  FuncOp func = getFunc();
  if (getEntry().getArgumentTypes() != func.getEntry().getArgumentTypes())
    return emitOpError("must have the arguments of its kernel");
  if (failed(verifyExpression(*this, "guard", getGuard(), func.getNumSizes())))
    return failure();
  if (getGrid().size() != 3)
    return emitOpError("needs three grid extents");
  for (StringAttr extent : getGrid().getAsRange<StringAttr>())
    if (failed(verifyExpression(*this, "grid extent", extent, func.getNumSizes())))
      return failure();
  if (getThreads() < 1 || getThreads() > 1024)
    return emitOpError("needs 1 to 1024 threads, has ") << getThreads();
  if (getAlign() && getAlign()->size() != func.getNumBuffers())
    return emitOpError("needs one alignment per buffer argument");
  if (getSchedule() && !isa<ScheduleAttrInterface>(*getSchedule()))
    return emitOpError("schedule must be a schedule attribute");
  if (auto schedule = dyn_cast_or_null<ScheduleAttrInterface>(getSchedule().value_or(Attribute())))
    if (schedule.getFamily() != func.getFamily())
      return emitOpError("has a schedule of family '") << schedule.getFamily() << "' in a kernel of family '"
                                                        << func.getFamily() << "'";
  return success();
}

//===- launch -------------------------------------------------------------------------------===//

void LaunchOp::build(OpBuilder &builder, OperationState &state, FuncOp callee, ValueRange ins, ValueRange outs,
                     ArrayRef<std::string> sizes, ArrayRef<Attribute> scalars) {
  SmallVector<StringRef> texts(sizes.begin(), sizes.end());
  state.addOperands(ins);
  state.addOperands(outs);
  state.getOrAddProperties<Properties>().operandSegmentSizes = {int32_t(ins.size()), int32_t(outs.size())};
  state.addAttribute(getCalleeAttrName(state.name), FlatSymbolRefAttr::get(callee.getSymNameAttr()));
  state.addAttribute(getSizesAttrName(state.name), builder.getStrArrayAttr(texts));
  if (!scalars.empty())
    state.addAttribute(getScalarsAttrName(state.name), builder.getArrayAttr(scalars));
  state.addTypes(outs.getTypes());
}

static ParseResult parseTensors(OpAsmParser &parser, StringRef keyword, OperationState &result,
                                SmallVectorImpl<Type> &types, int32_t &count) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  count = 0;
  if (failed(parser.parseOptionalKeyword(keyword)))
    return success();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLParen())
    return failure();
  if (succeeded(parser.parseOptionalRParen()))
    return success();
  if (parser.parseOperandList(operands) || parser.parseColonTypeList(types) || parser.parseRParen() ||
      parser.resolveOperands(operands, types, loc, result.operands))
    return failure();
  count = operands.size();
  return success();
}

ParseResult LaunchOp::parse(OpAsmParser &parser, OperationState &result) {
  FlatSymbolRefAttr callee;
  SmallVector<Type> ins, outs;
  int32_t numIns, numOuts;
  ArrayAttr sizes;
  if (parser.parseAttribute(callee, getCalleeAttrName(result.name), result.attributes) ||
      parseTensors(parser, "ins", result, ins, numIns) || parseTensors(parser, "outs", result, outs, numOuts) ||
      parser.parseKeyword("sizes") ||
      parser.parseAttribute(sizes, getSizesAttrName(result.name), result.attributes) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  result.getOrAddProperties<Properties>().operandSegmentSizes = {numIns, numOuts};
  result.addTypes(outs);
  return success();
}

static void printTensors(OpAsmPrinter &printer, StringRef keyword, OperandRange tensors) {
  printer << " " << keyword << "(";
  if (!tensors.empty())
    printer << tensors << " : " << tensors.getTypes();
  printer << ")";
}

void LaunchOp::print(OpAsmPrinter &printer) {
  printer << " " << getCalleeAttr();
  printTensors(printer, "ins", getIns());
  printTensors(printer, "outs", getOuts());
  printer << " sizes " << getSizesAttr();
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getCalleeAttrName(), getSizesAttrName(), getOperandSegmentSizesAttrName()});
}

LogicalResult LaunchOp::verify() {
  if (getResultTypes() != getOuts().getTypes())
    return emitOpError("results must have the types of the outs operands");
  for (StringAttr size : getSizes().getAsRange<StringAttr>()) {
    std::string error;
    if (!SizeExpr::parse(std::string_view(size.getValue()), &error))
      return emitOpError("size \"") << size.getValue() << "\" is no size expression: " << error;
  }
  return success();
}

/// The element type a buffer argument has for a tensor of the model: booleans are bytes, elements of
/// four and two bits are packed into bytes, integers are signless.
static Type bufferElement(Type element) {
  if (element.isIntOrFloat() && element.getIntOrFloatBitWidth() < 6)
    return IntegerType::get(element.getContext(), 8);
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto callee = symbols.lookupNearestSymbolFrom<FuncOp>(*this, getCalleeAttr());
  if (!callee)
    return emitOpError("calls unknown kernel ") << getCalleeAttr();
  if (getIns().size() != callee.getNumIns() || getOuts().size() != callee.getNumOuts() ||
      getSizes().size() != callee.getNumSizes() ||
      (getScalars() ? getScalars()->size() : 0) != callee.getScalarArgs().size())
    return emitOpError("has ") << getIns().size() << " ins, " << getOuts().size() << " outs, "
                               << getSizes().size() << " sizes, kernel @" << callee.getSymName() << " takes "
                               << callee.getNumIns() << ", " << callee.getNumOuts() << ", "
                               << callee.getNumSizes();
  for (unsigned i = 0; i < callee.getNumBuffers(); ++i) {
    Type have = bufferElement(cast<ShapedType>(getOperand(i).getType()).getElementType());
    Type want = cast<ShapedType>(callee.getArguments()[i].getType()).getElementType();
    if (have != want)
      return emitOpError("operand ") << i << " has elements of type " << have << ", kernel @"
                                     << callee.getSymName() << " takes " << want;
  }
  return success();
}
