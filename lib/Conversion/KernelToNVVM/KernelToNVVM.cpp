// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Drives the conversion of variants: (1) the block program moves into an llvm.func whose arguments are
// pointers, integers and scalars; (2) tiles become register vectors, staged ops their instructions;
// (3) math functions and small floats expand; (4) all becomes the llvm dialect, with `index` as wide as
// the variant asks. Refused: ops that none of the patterns know, with the op's location.
#include "TileLowering.h"

#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Transforms/Kernel/ExpandMath.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/LoweringOptions.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace cameo::kernel;

void cameo::kernel::populateKernelTileToNVVMPatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  populateMemoryPatterns(converter, patterns);
  populateComputePatterns(converter, patterns);
  populateConvertLayoutPatterns(converter, patterns);
  populateReducePatterns(converter, patterns);
}

void cameo::kernel::configureTileTarget(KernelTypeConverter &converter, ConversionTarget &target) {
  target.addLegalDialect<arith::ArithDialect, cf::ControlFlowDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                         math::MathDialect, NVVM::NVVMDialect, scf::SCFDialect, ub::UBDialect,
                         vector::VectorDialect>();
  target.addLegalOp<UnrealizedConversionCastOp>();
  target.addIllegalDialect<KernelDialect, linalg::LinalgDialect, tensor::TensorDialect>();
  target.addLegalOp<linalg::YieldOp, linalg::IndexOp>();
  target.addLegalOp<StridedViewOp, ComputedViewOp>();
  target.markOpRecursivelyLegal<ComputedViewOp>();
  target.addDynamicallyLegalOp<arith::ConstantOp>(
      [](arith::ConstantOp op) { return !isa<RankedTensorType>(op.getType()); });
}

//===- (1) From variant to function ---------------------------------------------------------===//

/// The function's parameter type for an argument of a variant.
static Type parameterType(Type type, bool index64) {
  MLIRContext *context = type.getContext();
  if (isa<RankedTensorType>(type))
    return LLVM::LLVMPointerType::get(context, 1);
  if (type.isIndex())
    return IntegerType::get(context, index64 ? 64 : 32);
  return type;
}

/// How many blocks a multiprocessor shall hold at least. Left to itself, ptxas spills a few bytes to fit one
/// block more; told a number, it uses the registers that this leaves. 512 threads leave 128 registers to each
/// (of 65,536); products keep their accumulators there and take what they need.
static int32_t residentBlocks(VariantOp variant) {
  if (variant.getFunc().getFamily() == "gemm")
    return 1;
  return std::max(512 / int32_t(variant.getThreads()), 1);
}

static LLVM::LLVMFuncOp makeFunction(VariantOp variant, gpu::GPUModuleOp module) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = variant.getLoc();
  SmallVector<Type> parameters;
  for (Type type : variant.getEntry().getArgumentTypes())
    parameters.push_back(parameterType(type, variant.getIndex64()));
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), parameters);
  auto function = LLVM::LLVMFuncOp::create(builder, loc, variant.getEntryName(), type);
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  function->setAttr("nvvm.reqntid", builder.getDenseI32ArrayAttr({int32_t(variant.getThreads()), 1, 1}));
  function->setAttr("nvvm.minctasm", builder.getI32IntegerAttr(residentBlocks(variant)));
  if (ArrayAttr nodes = variant.getFunc().getNodesAttr())
    function->setAttr("cameo.nodes", nodes);
  if (Attribute target = variant->getAttr(targetAttrName))
    function->setAttr(targetAttrName, target);

  Block *entry = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(entry);
  IRMapping mapping;
  for (auto [from, to] : llvm::zip_equal(variant.getEntry().getArguments(), entry->getArguments())) {
    Value value = to;
    if (from.getType().isIndex())
      value = arith::IndexCastOp::create(builder, loc, from.getType(), to);
    else if (isa<RankedTensorType>(from.getType()))
      value = UnrealizedConversionCastOp::create(builder, loc, from.getType(), value).getResult(0);
    mapping.map(from, value);
  }
  for (Operation &op : variant.getEntry().without_terminator())
    builder.clone(op, mapping);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return function;
}

//===- (2) Tiles and staged ops -------------------------------------------------------------===//

/// Views have been looked through; what is left of them goes, uses first.
static void eraseViews(Operation *function) {
  SmallVector<Operation *> dead;
  function->walk([&](Operation *op) {
    if (isViewOp(op))
      dead.push_back(op);
  });
  for (Operation *op : llvm::reverse(dead)) {
    for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
      if (isa<UnrealizedConversionCastOp>(user) && user->use_empty())
        user->erase();
    if (op->use_empty())
      op->erase();
  }
}

static LogicalResult lowerTiles(LLVM::LLVMFuncOp function) {
  MLIRContext *context = function.getContext();
  KernelTypeConverter converter(context);
  addStagedConversions(converter);
  if (failed(converter.collectLayouts(function)))
    return failure();
  RewritePatternSet patterns(context);
  ConversionTarget target(*context);
  configureTileTarget(converter, target);
  populateKernelTileToNVVMPatterns(converter, patterns);
  populateKernelStagedToNVVMPatterns(converter, patterns);
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
  target.addLegalOp<RolesOp, RoleOp>();
  ConversionConfig config;
  config.allowPatternRollback = true;
  if (failed(applyPartialConversion(function, target, std::move(patterns), config)))
    return failure();
  eraseViews(function);
  return lowerRoles(function);
}

//===- (3) Math, (4) LLVM -------------------------------------------------------------------===//

static LogicalResult expandMath(LLVM::LLVMFuncOp function) {
  RewritePatternSet patterns(function.getContext());
  populateExpandMathPatterns(patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  GreedyRewriteConfig config;
  config.enableConstantCSE(true);
  return applyPatternsGreedily(function, std::move(patterns), config);
}

static LogicalResult lowerControlFlow(LLVM::LLVMFuncOp function) {
  RewritePatternSet patterns(function.getContext());
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget target(*function.getContext());
  target.addIllegalDialect<scf::SCFDialect>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  return applyPartialConversion(function, target, std::move(patterns));
}

static LogicalResult lowerToLLVM(LLVM::LLVMFuncOp function, bool index64) {
  MLIRContext *context = function.getContext();
  LowerToLLVMOptions options(context);
  options.overrideIndexBitwidth(index64 ? 64 : 32);
  LLVMTypeConverter converter(context, options);
  RewritePatternSet patterns(context);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns);
  populateVectorToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget target(*context);
  target.addLegalDialect<NVVM::NVVMDialect>();
  target.addLegalOp<UnrealizedConversionCastOp>();
  if (failed(applyPartialConversion(function, target, std::move(patterns))))
    return failure();
  SmallVector<UnrealizedConversionCastOp> casts, left;
  function.walk([&](UnrealizedConversionCastOp op) { casts.push_back(op); });
  reconcileUnrealizedCasts(casts, &left);
  for (UnrealizedConversionCastOp cast : llvm::reverse(left)) {
    if (!cast->use_empty())
      return cast.emitError("internal: an unresolved cast to ") << cast.getResult(0).getType();
    cast.erase();
  }
  return success();
}

/// NVVM ops without an intrinsic (wgmma, some barriers) become inline PTX.
static LogicalResult lowerPtxOps(LLVM::LLVMFuncOp function) {
  RewritePatternSet patterns(function.getContext());
  populateNVVMToLLVMConversionPatterns(patterns);
  ConversionTarget target(*function.getContext());
  target.addLegalDialect<LLVM::LLVMDialect>();
  return applyPartialConversion(function, target, std::move(patterns));
}

/// The module for the code of one target; the portable one's has the plain name.
static gpu::GPUModuleOp makeModule(ModuleOp module, const cameo::Target &target) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  bool portable = &target == &cameo::portableTarget();
  std::string name = portable ? "cameo_kernels" : "cameo_kernels_" + std::string(target.name);
  auto made = gpu::GPUModuleOp::create(builder, module.getLoc(), name);
  if (!portable)
    made->setAttr(targetAttrName, builder.getStringAttr(target.name));
  return made;
}

FailureOr<gpu::GPUModuleOp> cameo::kernel::convertKernelsToNVVM(ModuleOp module) {
  SmallVector<VariantOp> variants;
  module.walk([&](VariantOp variant) { variants.push_back(variant); });
  llvm::MapVector<const cameo::Target *, gpu::GPUModuleOp> modules;
  for (VariantOp variant : variants) {
    gpu::GPUModuleOp &gpuModule = modules[&targetOf(variant)];
    if (!gpuModule)
      gpuModule = makeModule(module, targetOf(variant));
    LLVM::LLVMFuncOp function = makeFunction(variant, gpuModule);
    if (failed(lowerTiles(function)) || failed(expandMath(function)) || failed(lowerControlFlow(function)) ||
        failed(lowerToLLVM(function, variant.getIndex64())) || failed(lowerPtxOps(function)))
      return failure();
  }
  return modules.empty() ? gpu::GPUModuleOp() : modules.front().second;
}

//===- Pass ---------------------------------------------------------------------------------===//

namespace cameo::kernel {
#define GEN_PASS_DEF_CONVERTKERNELTONVVM
#include "cameo/Conversion/KernelToNVVM/Passes.h.inc"
} // namespace cameo::kernel

namespace {
struct ConvertKernelToNVVM : cameo::kernel::impl::ConvertKernelToNVVMBase<ConvertKernelToNVVM> {
  void runOnOperation() override {
    if (failed(convertKernelsToNVVM(getOperation())))
      signalPassFailure();
  }
};
} // namespace
