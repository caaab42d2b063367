// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RNN, GRU and LSTM as recurrences over time. The inputs of all steps are projected by one product
// before the loop; a step adds the product of the last state, and applies the gates. Directions are
// recurrences of their own, the reverse one over reversed slices. Where sequences have lengths, a
// step beyond a sequence's end keeps its state and gives zeros, in both directions. Types shorter
// than f32 compute in f32.
#include "../Importer.h"
#include "../Recurrence.h"
#include "../Rows.h"

#include "llvm/ADT/StringExtras.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::UnaryKind;

namespace {

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

struct Activation {
  const char *name;
  std::optional<UnaryKind> kind; ///< nothing: alpha and beta by a formula
  unsigned parameters;           ///< how many of alpha, beta it takes
  double alpha = 0, beta = 0;    ///< where the node gives none
};

constexpr Activation kActivations[] = {
    {"affine", std::nullopt, 2, 1, 0},
    {"elu", UnaryKind::Elu, 1, 1},
    {"hardsigmoid", UnaryKind::HardSigmoid, 2, 0.2, 0.5},
    {"leakyrelu", UnaryKind::LeakyRelu, 1, 0.01},
    {"relu", UnaryKind::Relu, 0},
    {"scaledtanh", UnaryKind::Tanh, 2, 1, 1},
    {"sigmoid", UnaryKind::Sigmoid, 0},
    {"softplus", UnaryKind::Softplus, 0},
    {"softsign", UnaryKind::Softsign, 0},
    {"tanh", UnaryKind::Tanh, 0},
    {"thresholdedrelu", UnaryKind::ThresholdedRelu, 1, 1},
};

/// The layer while it is imported.
class Layer {
public:
  Layer(NodeBuilder &b, unsigned gates) : b(b), gates(gates) {}

  LogicalResult build(llvm::ArrayRef<llvm::StringRef> defaults) {
    isLstm = b.op() == "LSTM";
    directions = b.string("direction", "forward") == "bidirectional" ? 2 : 1;
    clip = b.hasAttr("clip") ? std::optional(b.real("clip")) : std::nullopt;
    if (!readActivations(defaults) || !checkOperands())
      return failure();
    element = b.elementType(0);
    compute = element.isF64() ? element : b.f32();
    batchFirst = b.integer("layout") == 1;
    x = b.cast(b.in(0), compute);
    if (batchFirst)
      x = b.transpose(x, {1, 0, 2});
    std::vector<llvm::SmallVector<Value>> results;
    for (int64_t d = 0; d < directions; ++d) {
      auto result = direction(d);
      if (!result)
        return failure();
      results.push_back(std::move(*result));
    }
    return finish(results);
  }

private:
  bool readActivations(llvm::ArrayRef<llvm::StringRef> defaults) {
    std::vector<std::string> names;
    if (const onnx::AttributeProto *given = b.findAttr("activations"))
      names.assign(given->strings().begin(), given->strings().end());
    for (int64_t d = 0; names.size() < defaults.size() * size_t(directions) && d < directions; ++d)
      if (!b.hasAttr("activations") || b.findAttr("activations")->strings_size() == 0)
        names.insert(names.end(), defaults.begin(), defaults.end());
    if (names.size() != defaults.size() * size_t(directions)) {
      (void)b.fail("E0505", llvm::Twine(names.size()) + " activations for " +
                                llvm::Twine(directions) + " directions of " +
                                llvm::Twine(defaults.size()));
      return false;
    }
    auto alphas = b.floats("activation_alpha"), betas = b.floats("activation_beta");
    size_t nextAlpha = 0, nextBeta = 0;
    for (const std::string &name : names) {
      const Activation *found = llvm::find_if(kActivations, [&](const Activation &a) {
        return llvm::StringRef(name).equals_insensitive(a.name);
      });
      if (found == std::end(kActivations)) {
        (void)b.fail("E0804", "activation \"" + name + "\"");
        return false;
      }
      Activation activation = *found;
      if (activation.parameters >= 1 && alphas && nextAlpha < alphas->size())
        activation.alpha = (*alphas)[nextAlpha++];
      if (activation.parameters >= 2 && betas && nextBeta < betas->size())
        activation.beta = (*betas)[nextBeta++];
      activations.push_back(activation);
    }
    return true;
  }

  bool require(const SizeExpr &have, const SizeExpr &want, const llvm::Twine &what) {
    return b.requireEqual(have, want, what);
  }

  bool checkOperands() {
    for (unsigned i : {0u, 1u, 2u})
      if (b.rank(i) != 3) {
        (void)b.fail("E0701", "operand " + llvm::Twine(i) + " has rank " + llvm::Twine(b.rank(i)) +
                                  ", 3 is needed");
        return false;
      }
    hidden = b.size(2, 2);
    SizeExpr rows = hidden * int64_t(gates), n = directions;
    bool ok = require(b.size(1, 0), n, "the directions of W") &&
              require(b.size(2, 0), n, "the directions of R") &&
              require(b.size(1, 1), rows, "the gates of W") &&
              require(b.size(2, 1), rows, "the gates of R") &&
              require(b.size(0, 2), b.size(1, 2), "the inputs of X and W");
    if (ok && b.has(3))
      ok = b.rank(3) == 2 && require(b.size(3, 1), rows * 2, "the gates of B");
    // It repeats what R says; where that is known at launch only, R decides, as in ONNX's reference.
    if (ok && b.hasAttr("hidden_size") && hidden.asConstant())
      ok = require(hidden, b.integer("hidden_size"), "hidden_size and R");
    if (!ok && !b.hasFailed())
      (void)b.fail("E0701", "B has rank " + llvm::Twine(b.rank(3)) + ", 2 is needed");
    return ok;
  }

  /// Part `d` along the leading dimension, without it.
  Value ofDirection(Value v, int64_t d) { return v ? part(v, 0, SizeExpr(d), 1, true) : v; }

  /// `size` elements from `start` along an axis; `drop` removes the axis.
  Value part(Value v, int64_t axis, const SizeExpr &start, const SizeExpr &size,
             bool drop = false) {
    if (!v)
      return v;
    Sizes sizes = NodeBuilder::sizesOf(v), starts(sizes.size(), SizeExpr(0)),
          steps(sizes.size(), SizeExpr(1));
    starts[size_t(axis)] = start;
    sizes[size_t(axis)] = size;
    v = b.slice(v, starts, sizes, steps);
    sizes.erase(sizes.begin() + axis);
    return drop ? b.reshape(v, sizes) : v;
  }
  /// Gate `i` of the last dimension.
  Value gate(Value v, unsigned i) {
    return part(v, NodeBuilder::rankOf(v) - 1, hidden * int64_t(i), hidden);
  }

  Value clipped(Value v) {
    if (!clip || !v)
      return v;
    Value low = b.splat(compute, -*clip), high = b.splat(compute, *clip);
    return b.emit<graph::ClipOp>(v.getType(), v, low, high);
  }

  /// Activation `i` of direction `d`, of a clipped operand.
  Value activate(int64_t d, unsigned i, Value v) {
    const Activation &a = activations[size_t(d) * activations.size() / size_t(directions) + i];
    v = clipped(v);
    if (!v)
      return v;
    auto times = [&](Value y, double factor) {
      return factor == 1 ? y : b.mul(y, b.splat(compute, factor));
    };
    if (!a.kind)
      return b.add(times(v, a.alpha), b.splat(compute, a.beta));
    if (a.parameters == 2 && *a.kind == UnaryKind::Tanh)
      return times(b.unary(UnaryKind::Tanh, times(v, a.beta)), a.alpha);
    if (a.parameters == 0)
      return b.unary(*a.kind, v);
    return b.unary(*a.kind, v, a.alpha, a.parameters == 2 ? std::optional(a.beta) : std::nullopt);
  }

  Value oneMinus(Value v) { return b.sub(b.splat(compute, 1), v); }

  /// What one step needs besides its input: weights and biases of a direction.
  struct Weights {
    int64_t d;
    Value recurrent, recurrentBias, peepholes;
  };

  Value rnnStep(const Weights &w, Value input, Value h) {
    return activate(w.d, 0, b.add(input, b.matmul(h, w.recurrent, false, true)));
  }

  /// Gates z, r, h.
  Value gruStep(const Weights &w, Value input, Value h) {
    Value both = part(w.recurrent, 0, 0, hidden * 2),
          last = part(w.recurrent, 0, hidden * 2, hidden);
    Value sums = b.add(part(input, 1, 0, hidden * 2), b.matmul(h, both, false, true));
    Value z = activate(w.d, 0, gate(sums, 0)), r = activate(w.d, 0, gate(sums, 1));
    Value candidate;
    if (b.integer("linear_before_reset")) {
      Value product = b.matmul(h, last, false, true);
      if (w.recurrentBias)
        product = b.add(product, gate(w.recurrentBias, 2));
      candidate = b.mul(r, product);
    } else {
      candidate = b.matmul(b.mul(r, h), last, false, true);
    }
    candidate = activate(w.d, 1, b.add(gate(input, 2), candidate));
    return b.add(b.mul(oneMinus(z), candidate), b.mul(z, h));
  }

  /// Gates i, o, f, c; gives h and changes c.
  Value lstmStep(const Weights &w, Value input, Value h, Value &c) {
    Value sums = b.add(input, b.matmul(h, w.recurrent, false, true));
    auto sum = [&](unsigned g, unsigned peephole, Value cell) {
      Value s = gate(sums, g);
      return w.peepholes ? b.add(s, b.mul(gate(w.peepholes, peephole), cell)) : s;
    };
    Value in = activate(w.d, 0, sum(0, 0, c));
    Value forget = b.integer("input_forget") ? oneMinus(in) : activate(w.d, 0, sum(2, 2, c));
    Value candidate = activate(w.d, 1, gate(sums, 3));
    c = b.add(b.mul(forget, c), b.mul(in, candidate));
    return b.mul(activate(w.d, 0, sum(1, 1, c)), activate(w.d, 2, c));
  }

  /// [sequence, batch, 1]: whether a step is inside of its sequence.
  Value inside() {
    if (!b.has(4))
      return {};
    SizeExpr steps = NodeBuilder::sizesOf(x)[0], batch = NodeBuilder::sizesOf(x)[1];
    Value numbers = b.ramp(steps);
    Value lengths = b.reshape(b.cast(b.in(4), b.i64()), {SizeExpr(1), batch, SizeExpr(1)});
    return b.binary(graph::BinaryKind::Lt, b.reshape(numbers, {steps, SizeExpr(1), SizeExpr(1)}),
                    lengths);
  }

  Value initial(unsigned operand, int64_t d) {
    Sizes sizes{NodeBuilder::sizesOf(x)[1], hidden};
    if (!b.has(operand))
      return b.broadcast(b.splat(compute, 0), sizes);
    Value v = b.cast(b.in(operand), compute);
    return b.reshape(ofDirection(batchFirst ? b.transpose(v, {1, 0, 2}) : v, d), sizes);
  }

  /// h, (c,) and the stacked outputs of direction d.
  std::optional<llvm::SmallVector<Value>> direction(int64_t d) {
    bool backwards = d == 1 || b.string("direction", "forward") == "reverse";
    auto operand = [&](unsigned i) {
      return b.has(i) ? ofDirection(b.cast(b.in(i), compute), d) : Value();
    };
    Weights w{d, operand(2), {}, isLstm ? operand(7) : Value()};
    Value inputs = b.matmul(x, operand(1), false, true), mask = inside();
    if (Value bias = operand(3)) {
      SizeExpr rows = hidden * int64_t(gates);
      Value first = part(bias, 0, 0, rows);
      w.recurrentBias = part(bias, 0, rows, rows);
      inputs = b.add(inputs, first);
      bool apart = b.op() == "GRU" && b.integer("linear_before_reset");
      Value joined = w.recurrentBias;
      if (apart) // the last gate's bias belongs inside of the reset
        joined = b.concat(
            {part(joined, 0, 0, hidden * 2), b.broadcast(b.splat(compute, 0), {hidden})}, 0);
      inputs = b.add(inputs, joined);
    }
    if (backwards) {
      inputs = reversed(b, inputs, 0);
      mask = reversed(b, mask, 0);
    }
    llvm::SmallVector<Value> carried{initial(5, d)}, scanned{inputs};
    if (isLstm)
      carried.push_back(initial(6, d));
    if (mask)
      scanned.push_back(mask);
    if (llvm::is_contained(carried, Value()) || !inputs)
      return std::nullopt;
    auto results = recur(b, carried, scanned,
                         [&](auto arguments, auto &next) { return step(w, arguments, next); });
    if (results && backwards && b.wants(0))
      results->back() = reversed(b, results->back(), 0);
    return results;
  }

  bool step(const Weights &w, llvm::ArrayRef<Value> arguments, llvm::SmallVectorImpl<Value> &next) {
    Value h = arguments[0], input = arguments[isLstm ? 2 : 1], newH, newC;
    if (isLstm) {
      newC = arguments[1];
      newH = lstmStep(w, input, h, newC);
    } else {
      newH = b.op() == "GRU" ? gruStep(w, input, h) : rnnStep(w, input, h);
    }
    Value shown = newH;
    if (b.has(4)) {
      Value mask = arguments.back();
      shown = b.select(mask, newH, b.splat(compute, 0));
      newH = b.select(mask, newH, h);
      if (isLstm)
        newC = b.select(mask, newC, arguments[1]);
    }
    next.push_back(newH);
    if (isLstm)
      next.push_back(newC);
    if (b.wants(0))
      next.push_back(shown);
    return newH && (!isLstm || newC);
  }

  /// Directions side by side, in the layout and type of the node.
  LogicalResult finish(llvm::ArrayRef<llvm::SmallVector<Value>> results) {
    auto stacked = [&](size_t i, int64_t axis) {
      llvm::SmallVector<Value> parts;
      for (const auto &result : results) {
        Sizes sizes = NodeBuilder::sizesOf(result[i]);
        sizes.insert(sizes.begin() + axis, SizeExpr(1));
        parts.push_back(b.reshape(result[i], sizes));
      }
      Value all = parts.size() == 1 ? parts[0] : b.concat(parts, axis);
      return b.cast(all, element);
    };
    auto state = [&](size_t i) {
      Value v = stacked(i, 0);
      return batchFirst ? b.transpose(v, {1, 0, 2}) : v;
    };
    if (b.wants(0)) {
      Value y = stacked(isLstm ? 2 : 1, 1); // [steps, directions, batch, hidden]
      if (failed(b.out(0, batchFirst ? b.transpose(y, {2, 0, 1, 3}) : y)))
        return failure();
    }
    if (b.wants(1) && failed(b.out(1, state(0))))
      return failure();
    return b.wants(2) ? b.out(2, state(1)) : success();
  }

  NodeBuilder &b;
  unsigned gates;
  bool isLstm = false, batchFirst = false;
  int64_t directions = 1;
  std::optional<double> clip;
  std::vector<Activation> activations;
  SizeExpr hidden;
  Type element, compute;
  Value x;
};

LogicalResult rnn(NodeBuilder &b) { return Layer(b, 1).build({"Tanh"}); }
LogicalResult gru(NodeBuilder &b) { return Layer(b, 3).build({"Sigmoid", "Tanh"}); }
LogicalResult lstm(NodeBuilder &b) { return Layer(b, 4).build({"Sigmoid", "Tanh", "Tanh"}); }

constexpr OpRow kRows[] = {
    {"GRU", 7, gru, kFloats},   {"GRU", 14, gru, kFloats},   {"GRU", 22, gru, kFloats},
    {"LSTM", 7, lstm, kFloats}, {"LSTM", 14, lstm, kFloats}, {"LSTM", 22, lstm, kFloats},
    {"RNN", 7, rnn, kFloats},   {"RNN", 14, rnn, kFloats},   {"RNN", 22, rnn, kFloats},
};

} // namespace

llvm::ArrayRef<OpRow> importer::recurrentRows() { return kRows; }
