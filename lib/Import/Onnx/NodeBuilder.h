// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the import of one node sees: its operands (types, sizes, contents), its attributes with the
// schema's defaults, and builders of graph ops that infer their result types and turn a failed
// inference into a problem of this node. A builder given a null value returns null, so handlers can
// chain them and look only at the end; `out` with null fails.
#pragma once

#include "Operand.h"
#include "Table.h"
#include "Validate.h"
#include "cameo/Dialect/Graph/IR/Graph.h"

#include <optional>

namespace cameo::importer {

class Importer;
struct NodeScope;

using Sizes = llvm::SmallVector<SizeExpr>;
using Ints = llvm::SmallVector<int64_t>;
using mlir::Type;
using mlir::Value;

class NodeBuilder {
public:
  NodeBuilder(Importer &importer, NodeScope &scope, const onnx::NodeProto &node, int64_t index,
              const SchemaInfo &schema, int opset);

  // The node.
  const onnx::NodeProto &node;
  const SchemaInfo &schema;
  const int opset;
  Importer &importer;
  NodeScope &scope;
  llvm::StringRef op() const { return schema.name; }
  int since() const { return schema.since; }
  NodePlace place() const;

  // Operands. `i` may be beyond the last; then the operand is absent.
  unsigned numInputs() const { return inputs.size(); }
  bool has(unsigned i) const { return i < inputs.size() && inputs[i]; }
  bool allKnown() const;
  Operand &operand(unsigned i) { return *inputs[i]; }
  mlir::RankedTensorType type(unsigned i) const { return inputs[i]->type; }
  Type elementType(unsigned i) const { return type(i).getElementType(); }
  int64_t rank(unsigned i) const { return type(i).getRank(); }
  Sizes sizes(unsigned i) const { return graph::getSizes(type(i)); }
  SizeExpr size(unsigned i, int64_t dim) const { return graph::getSize(type(i), dim); }
  /// The operand as data; null (without a problem) when absent.
  Value in(unsigned i);
  /// Elements if they are shape arithmetic or a small constant. Never looks at model inputs.
  const std::optional<Contents> &contents(unsigned i);
  /// The elements of a control operand, as sizes; reads a model input on the host if it has to.
  std::optional<Sizes> control(unsigned i);
  /// The same where only numbers will do (axes): constants.
  std::optional<Ints> constants(unsigned i);
  /// The elements of a control operand that may be real (scales); reads a model input as `control` does.
  std::optional<Contents> numbers(unsigned i);
  /// Floating-point constants of a control operand.
  std::optional<llvm::SmallVector<double>> reals(unsigned i);

  // Attributes; those absent have the schema's default, or the one given.
  bool hasAttr(llvm::StringRef name) const { return findAttr(name) != nullptr; }
  const onnx::AttributeProto *findAttr(llvm::StringRef name) const;
  int64_t integer(llvm::StringRef name, int64_t otherwise = 0) const;
  double real(llvm::StringRef name, double otherwise = 0) const;
  std::string string(llvm::StringRef name, llvm::StringRef otherwise = "") const;
  std::optional<Ints> integers(llvm::StringRef name) const;
  std::optional<llvm::SmallVector<double>> floats(llvm::StringRef name) const;

  // Results.
  unsigned numOutputs() const { return outputs.size(); }
  bool wants(unsigned i) const { return i < outputs.size() && outputs[i]; }
  Operand &result(unsigned i) { return *outputs[i]; }
  llvm::LogicalResult out(unsigned i, Value value);
  llvm::LogicalResult out(Value value) { return out(0, value); }
  /// A result that is known before launch.
  llvm::LogicalResult outContents(unsigned i, mlir::RankedTensorType type, Contents contents);
  /// Remembers contents beside a value that is data.
  void alsoContents(unsigned i, Contents contents);
  /// The result is another operand under a new name.
  llvm::LogicalResult outSame(unsigned i, Operand &operand);
  llvm::LogicalResult outData(unsigned i, TensorData data);

  // Problems of this node. All return failure.
  llvm::LogicalResult fail(llvm::StringRef code, const llvm::Twine &message,
                           const llvm::Twine &supported = "");
  /// A null value after a problem, for use in expressions.
  Value failValue(llvm::StringRef code, const llvm::Twine &message) {
    (void)fail(code, message);
    return {};
  }
  bool hasFailed() const { return failedAlready; }
  /// Axis in [-rank, rank) to [0, rank), or a problem.
  std::optional<int64_t> axis(int64_t axis, int64_t rank);
  std::optional<Ints> axes(llvm::ArrayRef<int64_t> axes, int64_t rank);
  /// Adds a problem unless the condition may hold; what is not known yet is checked at launch.
  bool require(const SizeExpr &condition, const llvm::Twine &message);
  bool requireEqual(const SizeExpr &a, const SizeExpr &b, const llvm::Twine &what);

  // Building.
  mlir::OpBuilder &builder();
  mlir::Location location() const { return loc; }
  mlir::MLIRContext *context();
  mlir::RankedTensorType makeType(Type element, llvm::ArrayRef<SizeExpr> sizes) {
    return graph::makeTensorType(context(), element, sizes);
  }
  Type i64() { return builder().getI64Type(); }
  Type i1() { return builder().getI1Type(); }
  Type f32() { return builder().getF32Type(); }

  /// Creates an op whose (first) result type is inferred or, if it is a stated one, checked.
  template <typename Op, typename... Args> Op make(mlir::TypeRange types, Args &&...args) {
    Op op = Op::create(builder(), loc, types, std::forward<Args>(args)...);
    return inferTypes(op) ? op : Op();
  }
  template <typename Op, typename... Args> Value emit(Type stated, Args &&...args) {
    Op op = Op::create(builder(), loc, stated, std::forward<Args>(args)...);
    return inferTypes(op) ? Value(op->getResult(0)) : Value();
  }

  Value unary(graph::UnaryKind kind, Value x, std::optional<double> alpha = {},
              std::optional<double> beta = {});
  Value binary(graph::BinaryKind kind, Value a, Value b);
  Value add(Value a, Value b) { return binary(graph::BinaryKind::Add, a, b); }
  Value sub(Value a, Value b) { return binary(graph::BinaryKind::Sub, a, b); }
  Value mul(Value a, Value b) { return binary(graph::BinaryKind::Mul, a, b); }
  Value div(Value a, Value b) { return binary(graph::BinaryKind::Div, a, b); }
  Value select(Value c, Value a, Value b);
  Value cast(Value x, Type elementType);
  Value reshape(Value x, llvm::ArrayRef<SizeExpr> sizes);
  Value transpose(Value x, llvm::ArrayRef<int64_t> perm);
  Value broadcast(Value x, llvm::ArrayRef<SizeExpr> sizes);
  Value slice(Value x, llvm::ArrayRef<SizeExpr> starts, llvm::ArrayRef<SizeExpr> sizes,
              llvm::ArrayRef<SizeExpr> steps);
  Value pad(graph::PadMode mode, Value x, Value value, llvm::ArrayRef<SizeExpr> lo,
            llvm::ArrayRef<SizeExpr> hi);
  Value concat(llvm::ArrayRef<Value> xs, int64_t axis);
  Value reduce(graph::ReduceKind kind, Value x, llvm::ArrayRef<int64_t> axes, bool keepdims);
  Value softmax(graph::SoftmaxKind kind, Value x, int64_t axis);
  Value matmul(Value a, Value b, bool transposeA = false, bool transposeB = false);
  /// A constant splat of `elementType` and static sizes (none: a scalar).
  Value splat(Type elementType, double value, llvm::ArrayRef<int64_t> sizes = {});
  /// A vector of one element as a scalar, anything else as it is.
  Value scalarIfOne(Value v);
  /// Operand `i` that is one number or one for each of `size`: which it is can be unknown until launch.
  Value oneOrEach(unsigned i, const SizeExpr &size);
  /// Sizes as a vector of integers.
  Value fromSizes(llvm::ArrayRef<SizeExpr> sizes, Type elementType);
  /// A size as an i64 scalar.
  Value fromSize(const SizeExpr &size);
  /// 0, step, 2 step, … in i64: [size].
  Value ramp(const SizeExpr &size, int64_t step = 1);
  /// [C] to [C, 1, …] with `trailing` ones, to broadcast along a channel dimension.
  Value alignChannels(Value x, int64_t trailing);

  static Sizes sizesOf(Value x) { return graph::getSizes(x.getType()); }
  static int64_t rankOf(Value x) { return llvm::cast<mlir::RankedTensorType>(x.getType()).getRank(); }
  static Type elementOf(Value x) {
    return llvm::cast<mlir::RankedTensorType>(x.getType()).getElementType();
  }

  /// Gives a new op the types that its inference says; erases it and fails where they are wrong.
  bool inferTypes(mlir::Operation *op);

private:
  friend class Importer;

  mlir::Location loc;
  int64_t index;
  llvm::SmallVector<Operand *> inputs;  // null: absent
  llvm::SmallVector<Operand *> outputs; // null: not used
  bool failedAlready = false;
};

} // namespace cameo::importer
