// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pointwise operators, reductions, normalizations and products.
#include "Run.h"

#include <algorithm>
#include <numeric>

namespace cameo::host::run {
namespace {

const std::map<std::string, Unary> unaries = {
    {"Abs", Unary::Abs},
    {"Neg", Unary::Neg},
    {"Sign", Unary::Sign},
    {"Ceil", Unary::Ceil},
    {"Floor", Unary::Floor},
    {"Round", Unary::Round},
    {"Exp", Unary::Exp},
    {"Log", Unary::Log},
    {"Sqrt", Unary::Sqrt},
    {"Reciprocal", Unary::Reciprocal},
    {"Sin", Unary::Sin},
    {"Cos", Unary::Cos},
    {"Tan", Unary::Tan},
    {"Asin", Unary::Asin},
    {"Acos", Unary::Acos},
    {"Atan", Unary::Atan},
    {"Sinh", Unary::Sinh},
    {"Cosh", Unary::Cosh},
    {"Tanh", Unary::Tanh},
    {"Asinh", Unary::Asinh},
    {"Acosh", Unary::Acosh},
    {"Atanh", Unary::Atanh},
    {"Erf", Unary::Erf},
    {"Not", Unary::Not},
    {"BitwiseNot", Unary::BitNot},
    {"IsNaN", Unary::IsNan},
    {"IsInf", Unary::IsInf},
    {"Relu", Unary::Relu},
    {"LeakyRelu", Unary::LeakyRelu},
    {"Elu", Unary::Elu},
    {"Celu", Unary::Celu},
    {"Selu", Unary::Selu},
    {"Gelu", Unary::Gelu},
    {"Sigmoid", Unary::Sigmoid},
    {"HardSigmoid", Unary::HardSigmoid},
    {"HardSwish", Unary::HardSwish},
    {"Swish", Unary::Silu},
    {"Mish", Unary::Mish},
    {"Softplus", Unary::Softplus},
    {"Softsign", Unary::Softsign},
    {"ThresholdedRelu", Unary::ThresholdedRelu},
    {"Shrink", Unary::Shrink},
    {"Identity", Unary::Identity},
};

const std::map<std::string, Binary> binaries = {
    {"Add", Binary::Add},         {"Sub", Binary::Sub},           {"Mul", Binary::Mul},
    {"Div", Binary::Div},         {"Pow", Binary::Pow},           {"Min", Binary::Min},
    {"Max", Binary::Max},         {"Sum", Binary::Add},           {"And", Binary::And},
    {"Or", Binary::Or},           {"Xor", Binary::Xor},           {"BitwiseAnd", Binary::BitAnd},
    {"BitwiseOr", Binary::BitOr}, {"BitwiseXor", Binary::BitXor}, {"PRelu", Binary::Prelu},
    {"Equal", Binary::Eq},        {"Less", Binary::Lt},           {"LessOrEqual", Binary::Le},
    {"Greater", Binary::Gt},      {"GreaterOrEqual", Binary::Ge},
};

const std::map<std::string, Reduce> reductions = {
    {"ReduceSum", Reduce::Sum},
    {"ReduceProd", Reduce::Prod},
    {"ReduceMax", Reduce::Max},
    {"ReduceMin", Reduce::Min},
    {"ReduceMean", Reduce::Mean},
    {"ReduceL1", Reduce::L1},
    {"ReduceL2", Reduce::L2},
    {"ReduceLogSum", Reduce::LogSum},
    {"ReduceLogSumExp", Reduce::LogSumExp},
    {"ReduceSumSquare", Reduce::SumSquare},
};

Outputs runUnary(const Request &r) {
  Unary kind = unaries.at(r.op);
  UnaryParams params = defaultParams(kind);
  params.alpha = r.real("alpha", params.alpha);
  params.beta = r.real("beta", r.real("gamma", params.beta));
  if (kind == Unary::Shrink)
    params = {r.real("bias", 0), r.real("lambd", 0.5)};
  if (kind == Unary::IsInf)
    params = {double(r.integer("detect_negative", 1)), double(r.integer("detect_positive", 1))};
  if (kind == Unary::Gelu && r.text("approximate", "none") == "tanh")
    kind = Unary::GeluTanh;
  return one(unary(kind, r.in(0), params));
}

Outputs runBinary(const Request &r) {
  HostTensor total = r.in(0);
  for (size_t i = 1; i < r.inputs.size(); ++i) { // Sum, Min and Max are variadic
    auto next = binary(binaries.at(r.op), total, r.in(i));
    if (!next)
      return next.status();
    total = *next;
  }
  return std::vector<HostTensor>{total};
}

std::vector<int64_t> axesOf(const Request &r) {
  std::vector<int64_t> axes = r.has("axes") ? r.integers("axes") : r.control(1);
  if (axes.empty() && !r.integer("noop_with_empty_axes", 0)) {
    axes.resize(size_t(r.in(0).rank()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  return axes;
}

Outputs runReduce(const Request &r) {
  return one(reduce(reductions.at(r.op), r.in(0), axesOf(r), r.integer("keepdims", 1)));
}

Outputs runLayerNormalization(const Request &r) {
  std::vector<int64_t> axes;
  int64_t rank = r.in(0).rank(), axis = r.integer("axis", -1);
  for (int64_t d = axis < 0 ? axis + rank : axis; d < rank; ++d)
    axes.push_back(d);
  auto result = normalize(r.in(0), r.in(1), r.in(2), axes, r.real("epsilon", 1e-5),
                          r.op == "RMSNormalization");
  if (!result)
    return result.status();
  if (r.op == "RMSNormalization")
    return std::vector<HostTensor>{result->y};
  return std::vector<HostTensor>{result->y, result->mean, result->inverseDeviation};
}

const std::map<std::string, Handler> handlers = {
    {"Mod",
     [](const Request &r) {
       return one(binary(r.integer("fmod", 0) ? Binary::Fmod : Binary::Mod, r.in(0), r.in(1)));
     }},
    {"BitShift",
     [](const Request &r) {
       bool left = r.text("direction", "") == "LEFT";
       return one(binary(left ? Binary::Shl : Binary::Shr, r.in(0), r.in(1)));
     }},
    {"Where", [](const Request &r) { return one(select(r.in(0), r.in(1), r.in(2))); }},
    {"Clip", [](const Request &r) { return one(clip(r.in(0), r.in(1), r.in(2))); }},
    {"Cast",
     [](const Request &r) {
       std::string mode = r.text("round_mode", "up");
       CastOptions options;
       options.saturate = r.integer("saturate", 1);
       options.round = mode == "up"     ? RoundScale::Up
                       : mode == "down" ? RoundScale::Down
                                        : RoundScale::Nearest;
       return one(cast(r.in(0), static_cast<DType>(r.integer("to", 0)), options));
     }},
    {"ArgMax",
     [](const Request &r) {
       return one(argReduce(true, r.in(0), r.integer("axis", 0), r.integer("keepdims", 1),
                            r.integer("select_last_index", 0)));
     }},
    {"ArgMin",
     [](const Request &r) {
       return one(argReduce(false, r.in(0), r.integer("axis", 0), r.integer("keepdims", 1),
                            r.integer("select_last_index", 0)));
     }},
    {"Softmax",
     [](const Request &r) {
       return one(softmax(Softmax::Softmax, r.in(0), r.integer("axis", -1)));
     }},
    {"LogSoftmax",
     [](const Request &r) {
       return one(softmax(Softmax::LogSoftmax, r.in(0), r.integer("axis", -1)));
     }},
    {"Hardmax",
     [](const Request &r) {
       return one(softmax(Softmax::Hardmax, r.in(0), r.integer("axis", -1)));
     }},
    {"CumSum",
     [](const Request &r) {
       return one(cumulate(false, r.in(0), r.control(1).at(0), r.integer("exclusive", 0),
                           r.integer("reverse", 0)));
     }},
    {"CumProd",
     [](const Request &r) {
       return one(cumulate(true, r.in(0), r.control(1).at(0), r.integer("exclusive", 0),
                           r.integer("reverse", 0)));
     }},
    {"LayerNormalization", runLayerNormalization},
    {"RMSNormalization", runLayerNormalization},
    {"BatchNormalization",
     [](const Request &r) {
       return one(batchNormalization(r.in(0), r.in(1), r.in(2), r.in(3), r.in(4),
                                     r.real("epsilon", 1e-5)));
     }},
    {"InstanceNormalization",
     [](const Request &r) {
       return one(
           groupNormalization(r.in(0), r.in(1), r.in(2), r.in(0).dim(1), r.real("epsilon", 1e-5)));
     }},
    {"GroupNormalization",
     [](const Request &r) {
       return one(groupNormalization(r.in(0), r.in(1), r.in(2), r.integer("num_groups", 1),
                                     r.real("epsilon", 1e-5)));
     }},
    {"LpNormalization",
     [](const Request &r) {
       return one(lpNormalization(r.in(0), r.integer("axis", -1), r.integer("p", 2)));
     }},
    {"MeanVarianceNormalization",
     [](const Request &r) {
       auto axes = r.integers("axes");
       return one(
           meanVarianceNormalization(r.in(0), axes.empty() ? std::vector<int64_t>{0, 2, 3} : axes));
     }},
    {"LRN",
     [](const Request &r) {
       return one(localResponseNormalization(r.in(0), r.integer("size", 1), r.real("alpha", 1e-4),
                                             r.real("beta", 0.75), r.real("bias", 1)));
     }},
    {"MatMul", [](const Request &r) { return one(matmul(r.in(0), r.in(1))); }},
    {"Gemm",
     [](const Request &r) {
       return one(gemm(r.in(0), r.in(1), r.in(2), r.real("alpha", 1), r.real("beta", 1),
                       r.integer("transA", 0), r.integer("transB", 0)));
     }},
    {"MatMulInteger",
     [](const Request &r) { return one(matmulInteger(r.in(0), r.in(1), r.in(2), r.in(3))); }},
    {"Einsum", [](const Request &r) { return one(einsum(r.text("equation", ""), r.inputs)); }},
    {"Det", [](const Request &r) { return one(determinant(r.in(0))); }},
};

} // namespace

Handler findPointwise(const std::string &op) {
  if (unaries.count(op))
    return runUnary;
  if (binaries.count(op))
    return runBinary;
  if (reductions.count(op))
    return runReduce;
  auto it = handlers.find(op);
  return it == handlers.end() ? nullptr : it->second;
}

Outputs execute(const Request &request) {
  for (auto find : {findPointwise, findWindow, findMovement})
    if (Handler handler = find(request.op))
      return handler(request);
  return error("no such operator: " + request.op);
}

} // namespace cameo::host::run
