// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands, attributes and results of one node, and builders of graph ops for it.
#include "NodeBuilder.h"

#include "Importer.h"
#include "Rows.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using llvm::StringRef;

/// Longest text of a size expression; sizes that models really have are far below it.
static constexpr size_t kMaxSizeText = 4096;

NodeBuilder::NodeBuilder(Importer &importer, NodeScope &scope, const onnx::NodeProto &node,
                         int64_t index, const SchemaInfo &schema, int opset)
    : node(node), schema(schema), opset(opset), importer(importer), scope(scope),
      loc(importer.locationOf(scope, node, index)), index(index) {
  for (const std::string &name : node.input())
    inputs.push_back(name.empty() ? nullptr : scope.lookup(name));
  for (const std::string &name : node.output()) {
    outputs.push_back(name.empty() ? nullptr : importer.newOperand(name));
    if (outputs.back()) {
      outputs.back()->known = false;
      scope.values[name] = outputs.back();
    }
  }
}

NodePlace NodeBuilder::place() const { return {&node, index, scope.opsets, &scope.stack}; }
OpBuilder &NodeBuilder::builder() { return importer.builder(); }
MLIRContext *NodeBuilder::context() { return &importer.context(); }

bool NodeBuilder::allKnown() const {
  return llvm::all_of(inputs, [](Operand *o) { return !o || o->known; });
}

Value NodeBuilder::in(unsigned i) { return has(i) ? importer.materialize(*inputs[i]) : Value(); }

const std::optional<Contents> &NodeBuilder::contents(unsigned i) {
  static const std::optional<Contents> none;
  return has(i) ? importer.contentsOf(*inputs[i]) : none;
}

std::optional<Sizes> NodeBuilder::control(unsigned i) {
  std::optional<Sizes> sizes = importer.readSizes(*inputs[i]);
  if (!sizes)
    (void)fail("E0806", "input " + llvm::Twine(i) + " (\"" + inputs[i]->name +
                            "\") is computed from data");
  return sizes;
}

std::optional<Contents> NodeBuilder::numbers(unsigned i) {
  const std::optional<Contents> &numbers = importer.readNumbers(*inputs[i]);
  if (!numbers)
    (void)fail("E0806", "input " + llvm::Twine(i) + " (\"" + inputs[i]->name +
                            "\") is computed from data");
  return numbers;
}

std::optional<Ints> NodeBuilder::constants(unsigned i) {
  const std::optional<Contents> &values = contents(i);
  Ints result;
  bool ok = values.has_value();
  if (ok)
    for (const Number &n : *values) {
      std::optional<int64_t> c = n.expr.asConstant();
      ok &= c && n.factor == 1;
      result.push_back(c.value_or(0));
    }
  if (ok)
    return result;
  (void)fail("E0806", "input " + llvm::Twine(i) + " (\"" + inputs[i]->name +
                          "\") has to be a constant");
  return std::nullopt;
}

std::optional<llvm::SmallVector<double>> NodeBuilder::reals(unsigned i) {
  const std::optional<Contents> &values = contents(i);
  llvm::SmallVector<double> result;
  bool ok = values.has_value();
  if (ok)
    for (const Number &n : *values) {
      ok &= n.asReal().has_value();
      result.push_back(n.asReal().value_or(0));
    }
  if (ok)
    return result;
  (void)fail("E0806", "input " + llvm::Twine(i) + " (\"" + inputs[i]->name +
                          "\") has to be a constant");
  return std::nullopt;
}

const onnx::AttributeProto *NodeBuilder::findAttr(StringRef name) const {
  for (const auto &a : node.attribute())
    if (a.name() == name)
      return &a;
  return nullptr;
}

namespace {
const onnx::AttributeProto *withDefault(const NodeBuilder &b, StringRef name) {
  if (const onnx::AttributeProto *a = b.findAttr(name))
    return a;
  const AttributeInfo *info = b.schema.attribute(name);
  return info ? info->defaultValue : nullptr;
}
} // namespace

int64_t NodeBuilder::integer(StringRef name, int64_t otherwise) const {
  const onnx::AttributeProto *a = withDefault(*this, name);
  return a ? a->i() : otherwise;
}
double NodeBuilder::real(StringRef name, double otherwise) const {
  const onnx::AttributeProto *a = withDefault(*this, name);
  return a ? a->f() : otherwise;
}
std::string NodeBuilder::string(StringRef name, StringRef otherwise) const {
  const onnx::AttributeProto *a = withDefault(*this, name);
  return a ? a->s() : otherwise.str();
}
std::optional<Ints> NodeBuilder::integers(StringRef name) const {
  const onnx::AttributeProto *a = withDefault(*this, name);
  return a ? std::optional(Ints(a->ints().begin(), a->ints().end())) : std::nullopt;
}
std::optional<llvm::SmallVector<double>> NodeBuilder::floats(StringRef name) const {
  const onnx::AttributeProto *a = withDefault(*this, name);
  return a ? std::optional(llvm::SmallVector<double>(a->floats().begin(), a->floats().end()))
           : std::nullopt;
}

LogicalResult NodeBuilder::out(unsigned i, Value value) {
  if (!value)
    return failure();
  if (!wants(i))
    return success();
  outputs[i]->known = true;
  outputs[i]->value = value;
  outputs[i]->type = cast<RankedTensorType>(value.getType());
  return success();
}

LogicalResult NodeBuilder::outContents(unsigned i, RankedTensorType type, Contents contents) {
  if (!wants(i))
    return success();
  outputs[i]->known = true;
  outputs[i]->type = type;
  outputs[i]->contents = std::move(contents);
  return success();
}

void NodeBuilder::alsoContents(unsigned i, Contents contents) {
  if (wants(i))
    outputs[i]->contents = std::move(contents);
}

LogicalResult NodeBuilder::outSame(unsigned i, Operand &operand) {
  if (!wants(i))
    return success();
  // Materialized first, so that both names share one constant.
  bool isData = operand.data || operand.value;
  if (isData && !importer.materialize(operand))
    return failure();
  std::string name = outputs[i]->name;
  *outputs[i] = operand;
  outputs[i]->name = name;
  return success();
}

LogicalResult NodeBuilder::outData(unsigned i, TensorData data) {
  RankedTensorType type = importer.typeOfData(data);
  if (!type)
    return fail("E0803", "elements of type " + llvm::Twine(nameOfDataType(data.dataType)),
                typesText(kElements));
  if (!wants(i))
    return success();
  outputs[i]->known = true;
  outputs[i]->type = type;
  outputs[i]->data = std::move(data);
  return success();
}

LogicalResult NodeBuilder::fail(StringRef code, const llvm::Twine &message,
                                const llvm::Twine &supported) {
  failedAlready = true;
  // Inside ONNX's own function bodies the user knows only the call.
  const NodeBuilder *shown = this;
  std::string prefix;
  while (shown->scope.onBehalfOf) {
    prefix = "in its function body, " + describeNode(shown->node, shown->index) + ": ";
    shown = shown->scope.onBehalfOf;
  }
  Problem problem = nodeProblem(code, prefix + message, shown->place());
  problem.supported = supported.str();
  for (Operand *input : shown->inputs) {
    if (!input)
      continue;
    std::string text = input->name + ": ";
    if (input->known && input->type) {
      llvm::raw_string_ostream os(text);
      os << cameo::name(graph::dtypeOf(input->type.getElementType())) << graph::sizesText(graph::getSizes(input->type));
    } else {
      text += "?";
    }
    problem.operands.push_back(text);
    if (problem.operands.size() == 16)
      break;
  }
  importer.problemList().add(std::move(problem));
  return failure();
}

std::optional<int64_t> NodeBuilder::axis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  (void)fail("E0505", "axis " + llvm::Twine(axis) + " is outside [" + llvm::Twine(-rank) + ", " +
                          llvm::Twine(rank - 1) + "]");
  return std::nullopt;
}

std::optional<Ints> NodeBuilder::axes(llvm::ArrayRef<int64_t> axes, int64_t rank) {
  Ints result;
  for (int64_t a : axes) {
    std::optional<int64_t> normal = axis(a, rank);
    if (!normal)
      return std::nullopt;
    result.push_back(*normal);
  }
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    (void)fail("E0505", "an axis occurs twice");
    return std::nullopt;
  }
  return result;
}

/// A condition for the launch to check, whatever becomes of the ops that need it. Those of bodies are left
/// to their ops: a body may never run. So are those of sizes that kernels count.
static void checkAtLaunch(NodeBuilder &b, const SizeExpr &condition, const llvm::Twine &message) {
  Operation *function = b.builder().getInsertionBlock()->getParentOp();
  if (!isa_and_nonnull<func::FuncOp>(function) || isKnownLate(condition))
    return;
  std::string node;
  if (auto name = dyn_cast<NameLoc>(b.location()))
    node = "node '" + name.getName().str() + "': ";
  auto text = StringAttr::get(b.builder().getContext(), condition.str());
  for (Attribute other : b.importer.required)
    if (cast<ArrayAttr>(other)[0] == text)
      return;
  b.importer.required.push_back(b.builder().getStrArrayAttr({condition.str(), node + message.str()}));
}

/// Reports what is provably wrong as a problem of the node; the rest the launch checks.
static graph::SizeReporter checkedAtLaunch(NodeBuilder &b) {
  return graph::SizeReporter(
      [&b](const llvm::Twine &message) { (void)b.fail("E0701", message); },
      [&b](const SizeExpr &condition, const llvm::Twine &message) {
        checkAtLaunch(b, condition, message);
      });
}

bool NodeBuilder::require(const SizeExpr &condition, const llvm::Twine &message) {
  return succeeded(checkedAtLaunch(*this).require(condition, message));
}

bool NodeBuilder::requireEqual(const SizeExpr &a, const SizeExpr &b, const llvm::Twine &what) {
  return require(eq(a, b), what + ": " + a.str() + " and " + b.str());
}

bool NodeBuilder::inferTypes(Operation *op) {
  if (failedAlready) {
    op->erase();
    return false;
  }
  llvm::SmallVector<Type> types;
  graph::SizeReporter reporter = checkedAtLaunch(*this);
  auto interface = cast<graph::InferSizesOpInterface>(op);
  if (failed(interface.inferOwnSizes(reporter, types))) {
    if (!failedAlready)
      (void)fail("E0902", "no types for " + op->getName().getStringRef());
    op->erase();
    return false;
  }
  for (OpResult result : op->getResults()) {
    Sizes sizes = graph::getSizes(types[result.getResultNumber()]);
    __int128 elements = 1;
    for (const SizeExpr &size : sizes)
      elements = std::min(elements * std::max<int64_t>(size.asConstant().value_or(1), 0),
                          __int128(INT64_MAX));
    if (elements > INT64_MAX / 16) { // 16 bytes: the widest element
      (void)fail("E0702", "the result has too many elements: " + graph::sizesText(sizes));
      op->erase();
      return false;
    }
    // Sizes that keep growing from node to node would end in gigabytes of text.
    for (const SizeExpr &size : sizes)
      if (size.str().size() > kMaxSizeText) {
        (void)fail("E0901", "a size of the result is an expression of more than " +
                                llvm::Twine(kMaxSizeText) + " characters",
                   "static sizes (--shape)");
        op->erase();
        return false;
      }
    result.setType(types[result.getResultNumber()]);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Builders
//===----------------------------------------------------------------------===//

Value NodeBuilder::unary(graph::UnaryKind kind, Value x, std::optional<double> alpha,
                         std::optional<double> beta) {
  if (!x)
    return {};
  auto f64 = [&](std::optional<double> v) {
    return v ? builder().getF64FloatAttr(*v) : FloatAttr();
  };
  return emit<graph::UnaryOp>(x.getType(), kind, x, f64(alpha), f64(beta));
}

Value NodeBuilder::binary(graph::BinaryKind kind, Value a, Value b) {
  return a && b ? emit<graph::BinaryOp>(a.getType(), kind, a, b) : Value();
}

Value NodeBuilder::select(Value c, Value a, Value b) {
  return c && a && b ? emit<graph::SelectOp>(a.getType(), c, a, b) : Value();
}

Value NodeBuilder::cast(Value x, Type elementType) {
  if (!x || elementOf(x) == elementType)
    return x;
  auto type = graph::withElementType(llvm::cast<RankedTensorType>(x.getType()), elementType);
  return emit<graph::CastOp>(type, x, /*saturate=*/true, graph::RoundModeAttr());
}

Value NodeBuilder::reshape(Value x, llvm::ArrayRef<SizeExpr> sizes) {
  if (!x)
    return {};
  RankedTensorType type = makeType(elementOf(x), sizes);
  return x.getType() == type ? x : emit<graph::ReshapeOp>(type, x);
}

Value NodeBuilder::transpose(Value x, llvm::ArrayRef<int64_t> perm) {
  if (!x || llvm::equal(perm, llvm::seq<int64_t>(0, rankOf(x))))
    return x;
  return emit<graph::TransposeOp>(x.getType(), x, perm);
}

Value NodeBuilder::broadcast(Value x, llvm::ArrayRef<SizeExpr> sizes) {
  if (!x)
    return {};
  RankedTensorType type = makeType(elementOf(x), sizes);
  return x.getType() == type ? x : emit<graph::BroadcastOp>(type, x);
}

Value NodeBuilder::slice(Value x, llvm::ArrayRef<SizeExpr> starts, llvm::ArrayRef<SizeExpr> sizes,
                         llvm::ArrayRef<SizeExpr> steps) {
  if (!x)
    return {};
  return emit<graph::SliceOp>(makeType(elementOf(x), sizes), x,
                              graph::getSizesAttr(context(), starts),
                              graph::getSizesAttr(context(), steps));
}

Value NodeBuilder::pad(graph::PadMode mode, Value x, Value value, llvm::ArrayRef<SizeExpr> lo,
                       llvm::ArrayRef<SizeExpr> hi) {
  if (!x)
    return {};
  return emit<graph::PadOp>(x.getType(), mode, x, value, graph::getSizesAttr(context(), lo),
                            graph::getSizesAttr(context(), hi));
}

Value NodeBuilder::concat(llvm::ArrayRef<Value> xs, int64_t axis) {
  if (llvm::is_contained(xs, Value()))
    return {};
  return emit<graph::ConcatOp>(xs.front().getType(), ValueRange(xs),
                               static_cast<uint64_t>(axis));
}

Value NodeBuilder::reduce(graph::ReduceKind kind, Value x, llvm::ArrayRef<int64_t> axes,
                          bool keepdims) {
  if (!x)
    return {};
  return emit<graph::ReduceOp>(x.getType(), kind, x, axes, keepdims);
}

Value NodeBuilder::softmax(graph::SoftmaxKind kind, Value x, int64_t axis) {
  return x ? emit<graph::SoftmaxOp>(x.getType(), kind, x, static_cast<uint64_t>(axis))
           : Value();
}

Value NodeBuilder::matmul(Value a, Value b, bool transposeA, bool transposeB) {
  return a && b ? emit<graph::MatmulOp>(a.getType(), a, b, transposeA, transposeB) : Value();
}

Value NodeBuilder::splat(Type elementType, double value, llvm::ArrayRef<int64_t> sizes) {
  auto type = RankedTensorType::get(sizes, elementType);
  return graph::createSplat(builder(), loc, type, value);
}

Value NodeBuilder::scalarIfOne(Value v) {
  return v && rankOf(v) == 1 && sizesOf(v)[0].isConstant(1) ? reshape(v, {}) : v;
}

Value NodeBuilder::oneOrEach(unsigned i, const SizeExpr &size) {
  Value v = scalarIfOne(in(i));
  bool unknown = v && rankOf(v) == 1 && !sizesOf(v)[0].asConstant();
  return unknown ? broadcast(v, size) : v;
}

Value NodeBuilder::fromSizes(llvm::ArrayRef<SizeExpr> sizes, Type elementType) {
  auto type = RankedTensorType::get({static_cast<int64_t>(sizes.size())}, elementType);
  return graph::FromSizesOp::create(builder(), loc, type, sizes);
}

Value NodeBuilder::fromSize(const SizeExpr &size) { return reshape(fromSizes({size}, i64()), {}); }

Value NodeBuilder::ramp(const SizeExpr &size, int64_t step) {
  return emit<graph::IotaOp>(makeType(i64(), {size}), splat(i64(), 0), splat(i64(), double(step)));
}

Value NodeBuilder::alignChannels(Value x, int64_t trailing) {
  if (!x)
    return {};
  Sizes sizes = sizesOf(x);
  sizes.append(trailing, SizeExpr(1));
  return reshape(x, sizes);
}
