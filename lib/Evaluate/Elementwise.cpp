// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants, pointwise ops, products and quantization: each passes its operands and attributes on.
#include "Environment.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/HostOps/HostOps.h"
#include "cameo/Support/FixedPoint.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

// HostOps' enumerations have the dialect's order.
static_assert(int(graph::UnaryKind::Identity) == int(host::Unary::Identity));
static_assert(int(graph::UnaryKind::Relu) == int(host::Unary::Relu));
static_assert(int(graph::UnaryKind::Log1p) == int(host::Unary::Log1p));
static_assert(int(graph::UnaryKind::Shrink) == int(host::Unary::Shrink));
static_assert(int(graph::BinaryKind::Ge) == int(host::Binary::Ge));
static_assert(int(graph::BinaryKind::Prelu) == int(host::Binary::Prelu));
static_assert(int(graph::BinaryKind::BitXor) == int(host::Binary::BitXor));
static_assert(int(graph::RoundMode::Nearest) == int(RoundScale::Nearest));

DType dtypeOf(Value value) {
  return graph::dtypeOf(cast<RankedTensorType>(value.getType()).getElementType());
}

Result<Tensors> run(graph::ConstantOp op, Environment &env) {
  return one(fromAttribute(op.getValue()));
}

Result<Tensors> run(graph::FromSizesOp op, Environment &env) {
  auto values = env.evaluate(op.getSizeExprs());
  auto dims = env.dimsOf(op.getType());
  if (!values || !dims)
    return values ? dims.status() : values.status();
  return one(HostTensor::ofIntegers(dtypeOf(op.getResult()), *dims, *values));
}

Result<std::vector<int64_t>> fixedPoints(const host::HostTensor &tensor) {
  auto reals = tensor.toDoubles();
  if (!reals)
    return reals.status();
  std::vector<int64_t> values;
  for (double real : *reals) {
    std::optional<int64_t> value = fixedPoint(real);
    if (!value)
      return host::error("a control operand has an element that is not finite or above 2^30");
    values.push_back(*value);
  }
  return values;
}

Result<Tensors> run(graph::ReadSizesOp op, Environment &env) {
  Type element = cast<RankedTensorType>(op.getX().getType()).getElementType();
  auto values = isa<FloatType>(element) ? fixedPoints(env.get(op.getX()))
                                        : env.get(op.getX()).toIntegers();
  if (!values)
    return values.status();
  ArrayAttr names = op.getSymbols();
  if (names.size() != values->size())
    return host::error("there is not one symbol an element");
  for (auto [name, value] : llvm::zip(names.getAsRange<StringAttr>(), *values))
    env.symbols[name.str()] = value;
  return Tensors{};
}

Result<Tensors> run(graph::UnaryOp op, Environment &env) {
  return one(host::unary(static_cast<host::Unary>(op.getKind()), env.get(op.getX()),
                         {op.getAlphaInEffect(), op.getBetaInEffect()}));
}

Result<Tensors> run(graph::BinaryOp op, Environment &env) {
  return one(host::binary(static_cast<host::Binary>(op.getKind()), env.get(op.getLhs()),
                          env.get(op.getRhs())));
}

Result<Tensors> run(graph::SelectOp op, Environment &env) {
  return one(host::select(env.get(op.getCondition()), env.get(op.getA()), env.get(op.getB())));
}

Result<Tensors> run(graph::ClipOp op, Environment &env) {
  return one(host::clip(env.get(op.getX()), env.get(op.getMin()), env.get(op.getMax())));
}

Result<Tensors> run(graph::CastOp op, Environment &env) {
  host::CastOptions options;
  options.saturate = op.getSaturate();
  if (op.getRoundMode())
    options.round = static_cast<RoundScale>(*op.getRoundMode());
  return one(host::cast(env.get(op.getX()), dtypeOf(op.getResult()), options));
}

Result<Tensors> run(graph::BitcastOp op, Environment &env) {
  HostTensor x = env.get(op.getX());
  if (dtypeOf(op.getResult()) == DType::boolean)
    return one(host::cast(x.bitcast(DType::u8), DType::boolean, {}));
  return one(x.bitcast(dtypeOf(op.getResult())));
}

Result<Tensors> run(graph::MatmulOp op, Environment &env) {
  return one(
      host::matmul(env.get(op.getA()), env.get(op.getB()), op.getTransposeA(), op.getTransposeB()));
}

template <class Op> host::ConvParams convParams(Op op) {
  return {toDims(op.getStrides()), toDims(op.getPads()), toDims(op.getDilations()),
          int64_t(op.getGroups())};
}

Result<Tensors> run(graph::ConvOp op, Environment &env) {
  HostTensor x = env.get(op.getX()), w = env.get(op.getW());
  if (op.getChannelsLast()) {
    x = x.permuted(toDims(graph::toChannelsFirst(x.rank())));
    w = w.permuted(toDims(graph::toChannelsFirst(w.rank())));
  }
  auto result = host::conv(x, w, env.get(op.getBias()), convParams(op));
  if (!result || !op.getChannelsLast())
    return one(std::move(result));
  return one(result->permuted(toDims(graph::toChannelsLast(x.rank()))).contiguous());
}

Result<Tensors> run(graph::ConvTransposeOp op, Environment &env) {
  return one(host::convTranspose(env.get(op.getX()), env.get(op.getW()), env.get(op.getBias()),
                                 convParams(op), toDims(op.getOutputPadding())));
}

Result<Tensors> run(graph::MatmulIntegerOp op, Environment &env) {
  HostTensor rowZeros = env.get(op.getAZeroPoint());
  return one(host::matmulInteger(env.get(op.getA()), env.get(op.getB()), rowZeros,
                                 env.get(op.getBZeroPoint())));
}

Result<Tensors> run(graph::ConvIntegerOp op, Environment &env) {
  return one(host::convInteger(env.get(op.getX()), env.get(op.getW()), env.get(op.getXZeroPoint()),
                               env.get(op.getWZeroPoint()), convParams(op)));
}

Result<Tensors> run(graph::QuantizeOp op, Environment &env) {
  host::QuantizeParams params;
  params.axis = int64_t(op.getAxis());
  params.blockSize = int64_t(op.getBlockSize());
  params.saturate = op.getSaturate();
  return one(host::quantize(env.get(op.getX()), env.get(op.getScale()), env.get(op.getZeroPoint()),
                            dtypeOf(op.getResult()), params));
}

Result<Tensors> run(graph::DequantizeOp op, Environment &env) {
  host::QuantizeParams params;
  params.axis = int64_t(op.getAxis());
  params.blockSize = int64_t(op.getBlockSize());
  return one(host::dequantize(env.get(op.getX()), env.get(op.getScale()),
                              env.get(op.getZeroPoint()), dtypeOf(op.getResult()), params));
}

} // namespace

Executed executeElementwise(Operation *op, Environment &env) {
  return llvm::TypeSwitch<Operation *, Executed>(op)
      .Case<graph::ConstantOp, graph::FromSizesOp, graph::ReadSizesOp, graph::UnaryOp,
            graph::BinaryOp, graph::SelectOp, graph::ClipOp, graph::CastOp, graph::BitcastOp,
            graph::MatmulOp, graph::ConvOp, graph::ConvTransposeOp, graph::MatmulIntegerOp,
            graph::ConvIntegerOp, graph::QuantizeOp, graph::DequantizeOp>(
          [&](auto known) -> Executed { return run(known, env); })
      .Default([](Operation *) -> Executed { return std::nullopt; });
}

} // namespace cameo::evaluate
