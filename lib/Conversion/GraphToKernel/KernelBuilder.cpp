// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See KernelBuilder.h: arguments, index arithmetic, views, and finishing a kernel. Kernels that print
// the same apart from their names and ONNX nodes are one kernel.

#include "KernelBuilder.h"

#include "Elements.h"
#include "Packed.h"
#include "ScalarOps.h"

#include "mlir/IR/Verifier.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

Type bufferType(Type graphType) {
  Type element = storageType(cast<RankedTensorType>(graphType).getElementType());
  return RankedTensorType::get({ShapedType::kDynamic}, element);
}

bool isLiteral(const std::string &name) { return name.starts_with("="); }

/// Replaces literals by their values.
SizeExpr withoutLiterals(const SizeExpr &e) {
  std::set<std::string> names;
  e.collectSymbols(names);
  std::map<std::string, SizeExpr> values;
  for (const std::string &name : names)
    if (isLiteral(name))
      values.emplace(name, SizeExpr(int64_t(std::stoll(name.substr(1)))));
  return values.empty() ? e : e.substitute(values);
}

bool onlyLiterals(const SizeExpr &e) {
  std::set<std::string> names;
  e.collectSymbols(names);
  return !names.empty() && llvm::all_of(names, isLiteral);
}

/// A divisor as a product of sizes and of literals: x / (size * 3) is x / size / 3, whose first division
/// others share and whose second is a multiplication.
std::pair<SizeExpr, SizeExpr> splitLiterals(const SizeExpr &divisor) {
  auto terms = divisor.terms();
  SizeExpr sizes = divisor, literals = 1;
  if (terms.size() != 1)
    return {sizes, literals};
  sizes = terms[0].coefficient;
  for (const SizeExpr::Factor &factor : terms[0].factors)
    (onlyLiterals(*factor.expr) ? literals : sizes) *= *factor.expr;
  return {sizes, literals};
}

/// Division that rounds towards minus infinity, for operands whose signs are not known.
Value floorDivide(OpBuilder &b, Location loc, Value x, Value y, bool remainder) {
  Value q = arith::DivSIOp::create(b, loc, x, y), r = arith::RemSIOp::create(b, loc, x, y);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  auto negative = [&](Value v) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, v, zero);
  };
  Value nonZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, r, zero);
  Value differ = arith::XOrIOp::create(b, loc, negative(r), negative(y));
  Value adjust = arith::AndIOp::create(b, loc, nonZero, differ);
  if (remainder)
    return arith::SelectOp::create(b, loc, adjust, arith::AddIOp::create(b, loc, r, y), r);
  return arith::SelectOp::create(b, loc, adjust, arith::SubIOp::create(b, loc, q, one), q);
}

std::optional<arith::CmpIPredicate> comparison(SizeExpr::Op op) {
  switch (op) {
  case SizeExpr::Op::Eq: return arith::CmpIPredicate::eq;
  case SizeExpr::Op::Ne: return arith::CmpIPredicate::ne;
  case SizeExpr::Op::Lt: return arith::CmpIPredicate::slt;
  case SizeExpr::Op::Le: return arith::CmpIPredicate::sle;
  default: return std::nullopt;
  }
}

/// The text by which kernels are compared: everything but the name and the nodes.
std::string canonicalText(kernel::FuncOp func) {
  StringAttr name = func.getSymNameAttr();
  ArrayAttr nodes = func.getNodesAttr();
  func.setSymName("k");
  func.removeNodesAttr();
  std::string text;
  llvm::raw_string_ostream os(text);
  func->print(os, OpPrintingFlags().useLocalScope());
  func.setSymNameAttr(name);
  if (nodes)
    func.setNodesAttr(nodes);
  return text;
}

} // namespace

SizeExpr linearize(ArrayRef<SizeExpr> index, ArrayRef<SizeExpr> sizes) {
  SizeExpr linear = 0;
  for (size_t i = 0; i < index.size(); ++i)
    linear = linear * sizes[i] + index[i];
  return linear;
}

Coordinates delinearize(const SizeExpr &linear, ArrayRef<SizeExpr> sizes) {
  Coordinates index(sizes.size(), SizeExpr(0));
  SizeExpr stride = 1;
  // The outermost dimension that is not 1 needs no remainder.
  size_t outermost = 0;
  while (outermost < sizes.size() && sizes[outermost].isConstant(1))
    ++outermost;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i].isConstant(1))
      continue;
    SizeExpr digit = floorDiv(linear, stride);
    index[i] = i == outermost ? digit : mod(digit, sizes[i]);
    stride *= sizes[i];
  }
  return index;
}

SizeExpr literal(int64_t value) {
  return value >= 2 ? SizeExpr::symbol("=" + std::to_string(value)) : SizeExpr(value);
}

KernelBuilder::KernelBuilder(MLIRContext *context, Location loc, const Group &group)
    : b(context), loc(loc), group(group), region(std::make_unique<Region>()) {
  body = &region->emplaceBlock();
  b.setInsertionPointToStart(body);
}

Value KernelBuilder::input(Value value) {
  auto it = llvm::find(inputs, value);
  size_t position = size_t(it - inputs.begin());
  if (it == inputs.end()) {
    inputs.push_back(value);
    body->insertArgument(unsigned(position), bufferType(value.getType()), loc);
  }
  return body->getArgument(unsigned(position));
}

Value KernelBuilder::output(Value result) {
  auto it = llvm::find(outputs, result);
  size_t position = size_t(it - outputs.begin());
  if (it == outputs.end()) {
    outputs.push_back(result);
    body->insertArgument(unsigned(inputs.size() + position), bufferType(result.getType()), loc);
  }
  return body->getArgument(unsigned(inputs.size() + position));
}

Value KernelBuilder::size(OpBuilder &b, const SizeExpr &e, StringRef role) {
  SizeExpr plain = withoutLiterals(e);
  auto constant = plain.asConstant();
  if (constant && (onlyLiterals(e) || (*constant >= -1 && *constant <= 1)))
    return arith::ConstantIndexOp::create(b, loc, *constant);
  std::string key = plain.str();
  if (constant && distinctRoles)
    key += ("@" + role).str();
  auto it = llvm::find(sizeKeys, key);
  size_t position = size_t(it - sizeKeys.begin());
  if (it == sizeKeys.end()) {
    sizeKeys.push_back(key);
    sizeArgs.push_back(plain);
    body->addArgument(b.getIndexType(), loc);
  }
  return body->getArgument(unsigned(inputs.size() + outputs.size() + position));
}

SmallVector<Value> KernelBuilder::sizes(const Domain &domain) {
  SmallVector<Value> values;
  for (auto [name, size] : llvm::zip_equal(domain.names, domain.sizes))
    values.push_back(this->size(b, size, name));
  return values;
}

Value KernelBuilder::condition(OpBuilder &b, const Scope &scope, const SizeExpr &e) {
  auto terms = e.terms();
  if (terms.size() == 1 && terms[0].coefficient == 1 && terms[0].factors.size() == 1) {
    const SizeExpr::Factor &f = terms[0].factors[0];
    if (auto predicate = comparison(f.op))
      return arith::CmpIOp::create(b, loc, *predicate, index(b, scope, f.args[0]),
                                   index(b, scope, f.args[1]));
    if (f.op == SizeExpr::Op::And)
      return arith::AndIOp::create(b, loc, condition(b, scope, f.args[0]),
                                   condition(b, scope, f.args[1]));
    if (f.op == SizeExpr::Op::Or)
      return arith::OrIOp::create(b, loc, condition(b, scope, f.args[0]),
                                  condition(b, scope, f.args[1]));
    if (f.op == SizeExpr::Op::Not)
      return arith::XOrIOp::create(b, loc, condition(b, scope, f.args[0]),
                                   integerConstant(b, loc, b.getI1Type(), 1));
  }
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, index(b, scope, e),
                               arith::ConstantIndexOp::create(b, loc, 0));
}

Value KernelBuilder::factor(OpBuilder &b, const Scope &scope, const SizeExpr::Factor &f) {
  using Op = SizeExpr::Op;
  if (f.op == Op::Symbol)
    return scope.values.at(f.name);
  if (comparison(f.op) || f.op == Op::And || f.op == Op::Or || f.op == Op::Not)
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), condition(b, scope, *f.expr));
  if (f.op == Op::Select)
    return arith::SelectOp::create(b, loc, condition(b, scope, f.args[0]),
                                   index(b, scope, f.args[1]), index(b, scope, f.args[2]));
  if (f.op == Op::FloorDiv && f.args[0].provablyNonNegative(scope.ranges))
    if (auto [sizes, literals] = splitLiterals(f.args[1]); !sizes.asConstant() && !literals.isConstant(1)) {
      Value x = arith::DivUIOp::create(b, loc, index(b, scope, f.args[0]), index(b, scope, sizes));
      return arith::DivUIOp::create(b, loc, x, index(b, scope, literals));
    }
  Value x = index(b, scope, f.args[0]), y = index(b, scope, f.args[1]);
  switch (f.op) {
  case Op::Min: return arith::MinSIOp::create(b, loc, x, y);
  case Op::Max: return arith::MaxSIOp::create(b, loc, x, y);
  case Op::Mul: return arith::MulIOp::create(b, loc, x, y);
  default: break;
  }
  bool remainder = f.op == Op::Mod;
  if (!f.args[0].provablyNonNegative(scope.ranges))
    return floorDivide(b, loc, x, y, remainder);
  return remainder ? arith::RemUIOp::create(b, loc, x, y).getResult()
                   : arith::DivUIOp::create(b, loc, x, y).getResult();
}

Value KernelBuilder::index(OpBuilder &b, const Scope &scope, const SizeExpr &e) {
  // Collect the coordinate-free coefficient of each product of coordinates, so that it becomes one
  // size argument however many sizes it multiplies.
  struct Part {
    SizeExpr coefficient = 0;
    SmallVector<SizeExpr::Factor> factors;
  };
  llvm::MapVector<StringRef, Part> parts;
  llvm::BumpPtrAllocator names;
  llvm::StringSaver saver(names);
  for (const SizeExpr::Term &term : e.terms()) {
    SizeExpr coefficient = term.coefficient, product = 1;
    SmallVector<SizeExpr::Factor> factors;
    for (const SizeExpr::Factor &f : term.factors) {
      if (!scope.mentioned(*f.expr)) {
        coefficient *= *f.expr;
        continue;
      }
      product *= *f.expr;
      factors.push_back(f);
    }
    Part &part = parts[saver.save(product.str())];
    part.coefficient += coefficient;
    part.factors = std::move(factors);
  }
  Value sum;
  for (auto &[name, part] : parts) {
    Value value;
    for (const SizeExpr::Factor &f : part.factors) {
      Value next = factor(b, scope, f);
      value = value ? arith::MulIOp::create(b, loc, value, next).getResult() : next;
    }
    if (!value)
      value = size(b, part.coefficient);
    else if (!part.coefficient.isConstant(1))
      value = arith::MulIOp::create(b, loc, value, size(b, part.coefficient));
    sum = sum ? arith::AddIOp::create(b, loc, sum, value).getResult() : value;
  }
  return sum ? sum : arith::ConstantIndexOp::create(b, loc, 0).getResult();
}

Value KernelBuilder::stridedView(Value buffer, const SizeExpr &offset, const Domain &domain) {
  SizeExpr rest = offset;
  SmallVector<SizeExpr> strides;
  for (const std::string &name : domain.names) {
    auto linear = rest.linearIn(name);
    if (!linear)
      return {};
    for (const std::string &other : domain.names)
      if (linear->coefficient->mentions(other))
        return {};
    strides.push_back(*linear->coefficient);
    rest = *linear->rest;
  }
  std::string role = "view" + std::to_string(viewCount++);
  Value start = size(b, rest, role);
  SmallVector<Value> extents = sizes(domain), strideValues;
  for (auto [name, stride] : llvm::zip_equal(domain.names, strides))
    strideValues.push_back(size(b, stride, role + name));
  return kernel::StridedViewOp::create(b, loc, buffer, start, extents, strideValues);
}

Value KernelBuilder::computed(const Domain &domain, Type elementType,
                              llvm::function_ref<Value(OpBuilder &, Scope &)> makeElement) {
  return kernel::ComputedViewOp::create(
      b, loc, elementType, sizes(domain),
      [&](OpBuilder &inner, Location, ValueRange coordinates) {
        Scope scope;
        scope.ranges = domain.ranges;
        for (auto [name, value] : llvm::zip_equal(domain.names, coordinates))
          scope.values[name] = value;
        return makeElement(inner, scope);
      });
}

Value KernelBuilder::view(Value value, const Coordinates &at, const Domain &domain) {
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  if (isInput(value) && !isPacked(element)) {
    SizeExpr offset = linearize(at, graph::getSizes(value.getType())).simplify(domain.ranges);
    if (Value strided = stridedView(input(value), offset, domain))
      return strided;
  }
  return computed(domain, storageType(element), [&](OpBuilder &inner, Scope &scope) {
    ElementBuilder elements(*this, inner, scope);
    return toStorage(inner, loc, element, elements.at(value, at));
  });
}

void KernelBuilder::writeFlat(Value tensor, Value result, const Domain &domain) {
  kernel::WriteOp::create(b, loc, tensor, stridedView(output(result), domain.at(0), domain));
}

void KernelBuilder::write(Value tensor, Value result, const Coordinates &at, const Domain &domain) {
  Value buffer = output(result);
  SizeExpr offset = linearize(at, graph::getSizes(result.getType())).simplify(domain.ranges);
  if (Value strided = stridedView(buffer, offset, domain)) {
    kernel::WriteOp::create(b, loc, tensor, strided);
    return;
  }
  scatter(tensor, buffer, domain, [&](OpBuilder &inner, Scope &scope) -> SmallVector<Value> {
    return {index(inner, scope, offset)};
  });
}

kernel::ScatterOp
KernelBuilder::scatter(Value tensor, Value buffer, const Domain &domain,
                       llvm::function_ref<SmallVector<Value>(OpBuilder &, Scope &)> address) {
  auto op = kernel::ScatterOp::create(b, loc, tensor, buffer, ValueRange{}, sizes(domain),
                                      kernel::LayoutAttr());
  Block &block = op.getBody().emplaceBlock();
  Scope scope;
  scope.ranges = domain.ranges;
  for (const std::string &name : domain.names)
    scope.values[name] = block.addArgument(b.getIndexType(), loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&block);
  kernel::YieldOp::create(inner, loc, address(inner, scope));
  return op;
}

kernel::FuncOp KernelBuilder::finish(ModuleOp module, StringRef family) {
  kernel::EndOp::create(b, loc);
  SmallVector<Type> ins, outs;
  for (Value value : inputs)
    ins.push_back(bufferType(value.getType()));
  for (Value value : outputs)
    outs.push_back(bufferType(value.getType()));
  OpBuilder top = OpBuilder::atBlockEnd(module.getBody());
  auto func = kernel::FuncOp::create(top, loc, "k", family, ins, outs, unsigned(sizeArgs.size()));
  Block &entry = func.getEntry();
  for (auto [from, to] : llvm::zip_equal(body->getArguments(), entry.getArguments()))
    from.replaceAllUsesWith(to);
  entry.getOperations().splice(entry.end(), body->getOperations());

  std::string text = canonicalText(func);
  std::string name = (family + "_" + llvm::utohexstr(llvm::xxh3_64bits(text), true, 16)).str();
  if (auto same = module.lookupSymbol<kernel::FuncOp>(name)) {
    func.erase();
    return same;
  }
  func.setSymName(name);
  return func;
}

std::vector<std::string> KernelBuilder::launchSizes() const {
  std::vector<std::string> texts;
  for (const SizeExpr &e : sizeArgs)
    texts.push_back(e.str());
  return texts;
}

} // namespace cameo::graphtokernel
