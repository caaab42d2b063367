// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products: MatMul, Gemm, convolutions, their integer forms, Einsum.
#include "../Window.h"

#include "llvm/ADT/StringExtras.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// MatMul's treatment of vectors: a row before, a column after, and both gone from the result.
struct MatmulOperands {
  Value a, b;
  bool dropRow, dropColumn;
};

MatmulOperands promote(NodeBuilder &b, Value x, Value y) {
  bool row = NodeBuilder::rankOf(x) == 1, column = NodeBuilder::rankOf(y) == 1;
  if (row)
    x = b.reshape(x, {SizeExpr(1), NodeBuilder::sizesOf(x)[0]});
  if (column)
    y = b.reshape(y, {NodeBuilder::sizesOf(y)[0], SizeExpr(1)});
  return {x, y, row, column};
}

Value demote(NodeBuilder &b, Value result, const MatmulOperands &operands) {
  if (!result || (!operands.dropRow && !operands.dropColumn))
    return result;
  Sizes sizes = NodeBuilder::sizesOf(result);
  if (operands.dropColumn)
    sizes.pop_back();
  if (operands.dropRow)
    sizes.erase(sizes.end() - (operands.dropColumn ? 1 : 2));
  return b.reshape(result, sizes);
}

LogicalResult checkRanks(NodeBuilder &b) {
  for (unsigned i : {0u, 1u})
    if (b.rank(i) == 0)
      return b.fail("E0701", "operand " + llvm::Twine(i) + " is a scalar");
  return success();
}

LogicalResult matmul(NodeBuilder &b) {
  if (failed(checkRanks(b)))
    return failure();
  MatmulOperands m = promote(b, b.in(0), b.in(1));
  return b.out(demote(b, b.matmul(m.a, m.b), m));
}

LogicalResult matmulInteger(NodeBuilder &b) {
  if (failed(checkRanks(b)))
    return failure();
  MatmulOperands m = promote(b, b.in(0), b.in(1));
  Value result = b.emit<graph::MatmulIntegerOp>(RankedTensorType::get({}, b.builder().getI32Type()),
                                                m.a, m.b, b.oneOrEach(2, b.size(0, std::max<int64_t>(b.rank(0) - 2, 0))),
                                                b.oneOrEach(3, b.size(1, b.rank(1) - 1)));
  return b.out(demote(b, result, m));
}

/// alpha * op(A) * op(B) + beta * C.
LogicalResult gemm(NodeBuilder &b) {
  for (unsigned i : {0u, 1u})
    if (b.rank(i) != 2)
      return b.fail("E0701", "operand " + llvm::Twine(i) + " has rank " +
                                 llvm::Twine(b.rank(i)) + ", 2 expected");
  Type element = b.elementType(0);
  auto scaled = [&](Value x, double factor) {
    return x && factor != 1 ? b.mul(x, b.splat(element, factor)) : x;
  };
  Value product = b.matmul(b.in(0), b.in(1), b.integer("transA"), b.integer("transB"));
  product = scaled(product, b.real("alpha"));
  if (!product || !b.has(2) || b.real("beta") == 0)
    return b.out(product);
  // C broadcasts to the product, never the product to C. Where the sizes do not show it, the broadcast
  // is an op of its own, which asks for it at launch.
  Value c = scaled(b.in(2), b.real("beta"));
  Sizes sizes = NodeBuilder::sizesOf(product);
  graph::SizeReporter silent([](const llvm::Twine &) {});
  auto common = graph::broadcastSizes({sizes, b.sizes(2)}, silent);
  if (c && (failed(common) || *common != sizes))
    c = b.broadcast(c, sizes);
  return b.out(c ? b.add(product, c) : Value());
}

/// The window of the weights, checked against kernel_shape; which says it, too, where the weights' sizes
/// are unknown until launch.
std::optional<Sizes> kernelOf(NodeBuilder &b, unsigned weights) {
  std::optional<Ints> stated = b.integers("kernel_shape");
  Sizes kernel = b.sizes(weights);
  kernel.erase(kernel.begin(), kernel.begin() + std::min<size_t>(2, kernel.size()));
  if (kernel.empty()) {
    (void)b.fail("E0701", "the weights have no spatial dimensions");
    return std::nullopt;
  }
  if (!stated || stated->empty())
    return kernel;
  bool fits = stated->size() == kernel.size();
  for (size_t d = 0; fits && d < kernel.size(); ++d) {
    fits = !eq(kernel[d], (*stated)[d]).isConstant(0);
    kernel[d] = (*stated)[d];
  }
  if (fits)
    return kernel;
  (void)b.fail("E0701", "kernel_shape differs from the window of the weights");
  return std::nullopt;
}

/// The weights with this window; a launch checks that they have it.
Value withWindow(NodeBuilder &b, unsigned weights, llvm::ArrayRef<SizeExpr> kernel) {
  Sizes sizes = b.sizes(weights);
  llvm::copy(kernel, sizes.begin() + 2);
  return b.reshape(b.in(weights), sizes);
}

/// Weights (M, C / group, …) against operand (N, C, …) and bias (M).
bool checkChannels(NodeBuilder &b, unsigned x, unsigned w, int64_t group) {
  std::optional<int64_t> m = b.size(w, 0).asConstant();
  if (m && *m % group != 0) {
    (void)b.fail("E0701", "group " + llvm::Twine(group) + " does not divide the " +
                              llvm::Twine(*m) + " output channels");
    return false;
  }
  return b.requireEqual(b.size(x, 1), b.size(w, 1) * SizeExpr(group),
                        "channels of the operand, and of the weights times group " +
                            llvm::Twine(group));
}

LogicalResult conv(NodeBuilder &b) {
  std::optional<Sizes> kernel = kernelOf(b, 1);
  if (!kernel)
    return failure();
  int64_t group = b.integer("group", 1);
  std::optional<Window> w = readWindow(b, 0, *kernel, 0.0);
  if (!w || !checkChannels(b, 0, 1, group))
    return failure();
  Value weights = withWindow(b, 1, *kernel);
  if (!weights)
    return failure();
  return b.out(b.emit<graph::ConvOp>(b.type(0), w->x, weights, b.in(2), w->strides, w->pads,
                                     w->dilations, static_cast<uint64_t>(group)));
}

LogicalResult convInteger(NodeBuilder &b) {
  std::optional<Sizes> kernel = kernelOf(b, 1);
  if (!kernel)
    return failure();
  int64_t group = b.integer("group", 1);
  std::optional<Window> w = readWindow(b, 0, *kernel, std::nullopt);
  if (!w || !checkChannels(b, 0, 1, group))
    return failure();
  Value weights = withWindow(b, 1, *kernel);
  if (!weights)
    return failure();
  return b.out(b.emit<graph::ConvIntegerOp>(RankedTensorType::get({}, b.builder().getI32Type()),
                                            w->x, weights, b.in(2), b.in(3), w->strides, w->pads,
                                            w->dilations, static_cast<uint64_t>(group)));
}

/// Pads from auto_pad and output_shape, as ONNX's formula for ConvTranspose has them.
LogicalResult transposedPads(NodeBuilder &b, Window &w, llvm::ArrayRef<int64_t> outputPadding) {
  std::string mode = b.string("auto_pad", "NOTSET");
  std::optional<Ints> shape = b.integers("output_shape");
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if ((!shape || shape->empty()) && !same)
    return success();
  size_t spatial = w.kernel.size();
  if (shape && shape->size() == spatial + 2) // some exporters state N and C, too
    shape->erase(shape->begin(), shape->begin() + 2);
  if (shape && !shape->empty() && shape->size() != spatial)
    return b.fail("E0505", "output_shape has " + llvm::Twine(shape->size()) + " entries, " +
                               llvm::Twine(spatial) + " expected");
  for (size_t d = 0; d < spatial; ++d) {
    SizeExpr extent = (w.kernel[d] - 1) * w.dilations[d] + 1;
    SizeExpr in = b.size(0, static_cast<int64_t>(d) + 2);
    SizeExpr out = shape && !shape->empty() ? SizeExpr((*shape)[d]) : in * SizeExpr(w.strides[d]);
    SizeExpr total = SizeExpr(w.strides[d]) * (in - 1) + outputPadding[d] + extent - out;
    std::optional<int64_t> pad = total.asConstant();
    if (!pad)
      return b.fail("E0809", "output_shape over a dynamic size", "pads, or a static size");
    // A negative total means that the result is larger: it grows at its end.
    int64_t shared = std::max<int64_t>(0, *pad), half = shared / 2, rest = shared - half;
    bool upper = mode == "SAME_UPPER";
    w.pads[d] = upper ? half : rest;
    w.pads[d + spatial] = (upper ? rest : half) + std::min<int64_t>(0, *pad);
  }
  return success();
}

LogicalResult convTranspose(NodeBuilder &b) {
  std::optional<Sizes> kernel = kernelOf(b, 1);
  if (!kernel)
    return failure();
  int64_t group = b.integer("group", 1);
  size_t spatial = kernel->size();
  auto list = [&](llvm::StringRef name, size_t length, int64_t otherwise) {
    std::optional<Ints> values = b.integers(name);
    return values && values->size() == length ? *values : Ints(length, otherwise);
  };
  for (auto [name, length] : {std::pair("strides", spatial), std::pair("dilations", spatial),
                              std::pair("pads", 2 * spatial),
                              std::pair("output_padding", spatial)})
    if (auto values = b.integers(name); values && !values->empty() && values->size() != length)
      return b.fail("E0505", "attribute \"" + llvm::Twine(name) + "\" has " +
                                 llvm::Twine(values->size()) + " entries, " +
                                 llvm::Twine(length) + " expected");
  Window w{*kernel, list("strides", spatial, 1), list("dilations", spatial, 1),
           list("pads", 2 * spatial, 0), b.in(0)};
  Ints outputPadding = list("output_padding", spatial, 0);
  if (b.rank(0) != static_cast<int64_t>(spatial) + 2)
    return b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(0)) + ", the weights " +
                               llvm::Twine(b.rank(1)));
  if (!b.requireEqual(b.size(0, 1), b.size(1, 0), "channels of the operand and of the weights") ||
      failed(transposedPads(b, w, outputPadding)))
    return failure();
  Value weights = withWindow(b, 1, *kernel);
  if (!weights)
    return failure();
  return b.out(b.emit<graph::ConvTransposeOp>(b.type(0), w.x, weights, b.in(2), w.strides, w.pads,
                                              w.dilations, outputPadding,
                                              static_cast<uint64_t>(group)));
}

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

/// One operand on the way: its value and the label of each dimension. Dimensions of an ellipsis have
/// the labels '0' … '9', aligned at the innermost.
struct Term {
  Value value;
  std::string labels;
};

SizeExpr sizeOfLabel(const Term &t, char label) {
  return NodeBuilder::sizesOf(t.value)[t.labels.find(label)];
}

/// Replaces "..." by digits, the last one always '9'.
bool expandEllipsis(std::string &labels, int64_t rank) {
  size_t dots = labels.find("...");
  if (dots == std::string::npos)
    return static_cast<int64_t>(labels.size()) == rank;
  int64_t count = rank - static_cast<int64_t>(labels.size() - 3);
  if (count < 0 || count > 10)
    return false;
  std::string digits;
  for (int64_t i = 0; i < count; ++i)
    digits += static_cast<char>('9' - (count - 1 - i));
  labels.replace(dots, 3, digits);
  return true;
}

/// Dimensions in the order of `order`, those that the operand lacks as 1.
Value arrange(NodeBuilder &b, const Term &t, const std::string &order) {
  Ints perm;
  Sizes sizes;
  for (char label : order) {
    size_t at = t.labels.find(label);
    if (at != std::string::npos)
      perm.push_back(static_cast<int64_t>(at));
    sizes.push_back(at == std::string::npos ? SizeExpr(1) : sizeOfLabel(t, label));
  }
  return b.reshape(b.transpose(t.value, perm), sizes);
}

/// Sums away the labels that nobody needs any more.
Term sumOut(NodeBuilder &b, Term t, llvm::function_ref<bool(char)> needed) {
  Ints axes;
  std::string left;
  for (auto [i, label] : llvm::enumerate(t.labels))
    if (needed(label))
      left += label;
    else
      axes.push_back(static_cast<int64_t>(i));
  if (!axes.empty())
    t = {b.reduce(graph::ReduceKind::Sum, t.value, axes, false), left};
  return t;
}

/// Repeated labels of one operand: its diagonal, by a mask over two ramps.
Term takeDiagonals(NodeBuilder &b, Term t) {
  for (size_t i = 0; i < t.labels.size() && t.value; ++i) {
    size_t j = t.labels.find(t.labels[i], i + 1);
    if (j == std::string::npos)
      continue;
    Sizes sizes = NodeBuilder::sizesOf(t.value);
    auto ramp = [&](size_t dim) {
      return b.alignChannels(b.ramp(sizes[dim]), static_cast<int64_t>(t.labels.size() - 1 - dim));
    };
    Value on = b.binary(graph::BinaryKind::Eq, ramp(i), ramp(j));
    Value zero = b.splat(NodeBuilder::elementOf(t.value), 0);
    t.value = b.reduce(graph::ReduceKind::Sum, b.select(on, t.value, zero),
                       {static_cast<int64_t>(j)}, false);
    t.labels.erase(j, 1);
    --i;
  }
  return t;
}

/// Contracts two terms: labels in both and needed later are the batch, in both and not needed are
/// summed by the product.
Term contract(NodeBuilder &b, const Term &x, const Term &y, llvm::function_ref<bool(char)> needed) {
  std::string batch, rows, columns, inner;
  auto isOne = [](const Term &t, char label) { return sizeOfLabel(t, label).isConstant(1); };
  for (char label : x.labels) {
    bool shared = y.labels.find(label) != std::string::npos;
    // A broadcast (1 against n) cannot be an inner dimension of a product.
    bool even = shared && isOne(x, label) == isOne(y, label);
    (shared ? (needed(label) || !even ? batch : inner) : rows) += label;
  }
  for (char label : y.labels)
    if (x.labels.find(label) == std::string::npos)
      columns += label;
  auto flat = [&](const Term &t, const std::string &labels) {
    SizeExpr size = 1;
    for (char label : labels)
      size *= sizeOfLabel(t, label);
    return size;
  };
  auto shaped = [&](const Term &t, const std::string &outer, const std::string &last) {
    Value v = arrange(b, t, batch + outer + last);
    Sizes sizes;
    for (char label : batch)
      sizes.push_back(sizeOfLabel(t, label));
    sizes.push_back(flat(t, outer));
    sizes.push_back(flat(t, last));
    return b.reshape(v, sizes);
  };
  Value product = b.matmul(shaped(x, rows, inner), shaped(y, inner, columns));
  if (!product)
    return {};
  Sizes sizes(NodeBuilder::sizesOf(product));
  sizes.truncate(batch.size());
  for (char label : rows)
    sizes.push_back(sizeOfLabel(x, label));
  for (char label : columns)
    sizes.push_back(sizeOfLabel(y, label));
  return {b.reshape(product, sizes), batch + rows + columns};
}

/// Labels of the result where the equation does not state them: those that occur once, sorted.
std::string implicitOutput(const std::vector<std::string> &operands) {
  std::map<char, int> counts;
  bool ellipsis = false;
  for (const std::string &labels : operands)
    for (char label : labels)
      label == '.' ? (void)(ellipsis = true) : (void)++counts[label];
  std::string result = ellipsis ? "..." : "";
  for (auto [label, count] : counts)
    if (count == 1)
      result += label;
  return result;
}

LogicalResult einsum(NodeBuilder &b) {
  std::string equation = b.string("equation");
  llvm::erase(equation, ' ');
  auto [left, right] = llvm::StringRef(equation).split("->");
  std::vector<std::string> labels;
  llvm::SmallVector<llvm::StringRef> parts;
  left.split(parts, ',');
  for (llvm::StringRef part : parts)
    labels.push_back(part.str());
  std::string output = llvm::StringRef(equation).contains("->") ? right.str()
                                                                : implicitOutput(labels);
  auto illegal = [&](const llvm::Twine &why) {
    return b.fail("E0505", "equation \"" + equation + "\": " + why);
  };
  if (labels.size() != b.numInputs())
    return illegal("it has " + llvm::Twine(labels.size()) + " terms, the node " +
                   llvm::Twine(b.numInputs()) + " inputs");
  llvm::SmallVector<Term> terms;
  std::string ellipsis;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    for (char c : labels[i])
      if (!llvm::isAlpha(c) && c != '.')
        return illegal("'" + llvm::Twine(c) + "' is no label");
    if (!expandEllipsis(labels[i], b.rank(i)))
      return illegal("term " + llvm::Twine(i) + " does not fit rank " + llvm::Twine(b.rank(i)));
    for (char c : labels[i])
      if (llvm::isDigit(c) && ellipsis.find(c) == std::string::npos)
        ellipsis += c;
    terms.push_back(takeDiagonals(b, {b.in(i), labels[i]}));
    if (!terms.back().value)
      return failure();
  }
  llvm::sort(ellipsis);
  if (size_t dots = output.find("..."); dots != std::string::npos)
    output.replace(dots, 3, ellipsis);
  for (char c : output)
    if (llvm::none_of(labels, [&](const std::string &l) { return l.find(c) != std::string::npos; }))
      return illegal("the result's label '" + llvm::Twine(c) + "' is in no term");
  auto neededAfter = [&](size_t position) {
    return [&, position](char label) {
      if (output.find(label) != std::string::npos)
        return true;
      for (size_t i = position; i < terms.size(); ++i)
        if (terms[i].labels.find(label) != std::string::npos)
          return true;
      return false;
    };
  };
  Term result = terms.front();
  for (size_t i = 1; i < terms.size() && result.value; ++i) {
    auto needed = neededAfter(i + 1);
    auto inOther = [&](char label) {
      return needed(label) || terms[i].labels.find(label) != std::string::npos;
    };
    auto inResult = [&](char label) {
      return needed(label) || result.labels.find(label) != std::string::npos;
    };
    result = sumOut(b, result, inOther);
    result = contract(b, result, sumOut(b, terms[i], inResult), needed);
  }
  if (!result.value)
    return failure();
  result = sumOut(b, result, [&](char label) { return output.find(label) != std::string::npos; });
  if (!result.value)
    return failure();
  Value arranged = arrange(b, result, output);
  return b.out(arranged);
}

constexpr TypeMask kProduct = kFloats | maskOf(6, 7, 12, 13), kBytes = maskOf(2, 3);

constexpr OpRow kRows[] = {
    {"Conv", 1, conv, kFloats},
    {"Conv", 11, conv, kFloats},
    {"Conv", 22, conv, kFloats},
    {"ConvInteger", 10, convInteger, kBytes},
    {"ConvTranspose", 1, convTranspose, kFloats},
    {"ConvTranspose", 11, convTranspose, kFloats},
    {"ConvTranspose", 22, convTranspose, kFloats},
    {"Einsum", 12, einsum, kProduct},
    {"Einsum", 28, einsum, kProduct},
    {"Gemm", 7, gemm, kProduct},
    {"Gemm", 9, gemm, kProduct},
    {"Gemm", 11, gemm, kProduct},
    {"Gemm", 13, gemm, kProduct},
    {"MatMul", 1, matmul, kProduct},
    {"MatMul", 9, matmul, kProduct},
    {"MatMul", 13, matmul, kProduct},
    {"MatMulInteger", 10, matmulInteger, kBytes},
};

} // namespace

llvm::ArrayRef<OpRow> importer::contractionRows() { return kRows; }
