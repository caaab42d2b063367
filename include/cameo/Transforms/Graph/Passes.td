// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes of the graph stage, alphabetically. Each description says what holds afterwards; each
// pass is idempotent and has a lit test of the same name.
#ifndef CAMEO_TRANSFORMS_GRAPH_PASSES_TD
#define CAMEO_TRANSFORMS_GRAPH_PASSES_TD

include "mlir/Pass/PassBase.td"

def GraphCanonicalizePass : Pass<"graph-canonicalize", "::mlir::func::FuncOp"> {
  let summary = "Bring the graph to one form: no movement that moves nothing, no redundant casts";
  let description = [{
    Afterwards:
    - no reshape of a reshape, transpose of a transpose, broadcast of a broadcast, slice of a slice,
      or concat with an operand that is a concat along the same axis used only there, or empty;
    - no cast of a cast whose inner conversion is exact;
    - no transpose that only moves dimensions of size 1 (it is a reshape), and none of the two
      innermost dimensions before a matmul (it is a flag of the matmul);
    - no pad with constant zeros before a convolution (it is the convolution's);
    - constant operands of commutative ops are on the right; a splat operand of an elementwise op
      is a scalar unless it determines the result's sizes; a movement of a splat is a splat;
    - no neutral element (`x * 1`, integer `x + 0`), no double negation, no idempotent op twice;
    - `pow(x, 2)` is `x * x`.

    Values change in no case, down to the sign of zero.
  }];
  let statistics = [Statistic<"numRewrites", "num-rewrites", "Number of rewrites applied">];
}

def GraphDecomposePass : Pass<"graph-decompose", "::mlir::func::FuncOp"> {
  let summary = "Rewrite ops that have no kernel of their own into ops that have one";
  let description = [{
    Afterwards none of these ops are left: `quantize`, `dequantize`, `matmul_integer` with zero
    points, `conv_integer`, `one_hot`, `trilu`; nor the reductions `sum_square`,
    `l1`, `l2`, `log_sum`, `log_sum_exp` (what remains is sum, prod, max, min, mean, any, all).
    A `tile` remains only where the repetition of a symbolic size is not a whole expression.
    Sums of squares and the like of f16 and bf16 are computed in f32 and converted once.
    Run after the passes that want the composites whole.
  }];
  let statistics = [Statistic<"numRewrites", "num-rewrites", "Number of ops decomposed">];
}

def GraphFoldBatchnormPass : Pass<"graph-fold-batchnorm", "::mlir::func::FuncOp"> {
  let summary = "Move constant per-channel scales and shifts into the weights before them";
  let description = [{
    Afterwards no f32 or f64 convolution with constant weights, used once, is followed by a multiply
    or divide by, or an add or subtract of, a constant that varies along the channel alone (they are
    part of weights and bias); likewise no such matmul is followed by a multiply or divide along its
    last dimension. The arithmetic on constants is left to `graph-fold`, which runs later. Weights of
    16 bits and fewer are left alone: scaling would round them a second time, and the pointwise
    ops fuse into the convolution's kernel anyway.
  }];
  let statistics = [Statistic<"numScales", "num-scales", "Scales moved into weights">,
                    Statistic<"numShifts", "num-shifts", "Shifts moved into biases">];
}

def GraphFoldPass : Pass<"graph-fold", "::mlir::func::FuncOp"> {
  let summary = "Compute at compile time what depends on constants alone";
  let description = [{
    Afterwards every op whose operands are constants is a constant, unless its result has more than
    `max-elements` elements, or more than 64 Ki and more than four times its operands' (masks,
    broadcasts: cheaper to recompute than to load), or the evaluator cannot compute it
    (`num-refused`). No constant is left without a use. Values are the evaluator's.
  }];
  let options = [Option<"maxElements", "max-elements", "int64_t", "16 << 20",
                        "Largest result, in elements">];
  let statistics = [Statistic<"numFolded", "num-folded", "Number of ops folded">,
                    Statistic<"numRefused", "num-refused",
                              "Number of constant ops the evaluator could not compute">];
}

def GraphLayoutPass : Pass<"graph-layout", "::mlir::func::FuncOp"> {
  let summary = "Put the images of convolutions into the form that is cheapest: channels first or last";
  let description = [{
    Afterwards convolutions of f16 and bf16 with at least eight channels have `channels_last`, and so have
    the pointwise ops, pools, normalizations, softmaxes, reductions, concats, slices, pads and resizes
    between them; transposes stand where such a region begins and ends. Regions are chosen by a minimum
    cut: a transpose costs its elements, a convolution with channels first what it computes, so that a
    convolution whose transposes would cost more than it gains stays as it is. Sizes that only the launch
    knows count as 32. Weights are transposed by an op, which `graph-fold` computes where they are constant.
    Convolutions of other types, transposed and integer ones keep their channels first (`remarks` says
    which, and why). Canonicalize afterwards, so that transposes that meet become one or none.
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say which convolutions keep their channels first, and why">];
  let statistics = [Statistic<"numConvolutions", "num-convolutions", "Convolutions put to channels last">];
}

def GraphMergeMatmulsPass : Pass<"graph-merge-matmuls", "::mlir::func::FuncOp"> {
  let summary = "Make one product of those that share their left operand";
  let description = [{
    Afterwards no two matmuls of a block read the same left operand, with constant matrices of rank 2
    on the right, if merging them pays: query, key and value of an attention are one product with the
    matrices side by side (and the biases, where each is followed by the addition of one), and slices of
    its result. The operand is read once, one launch does the work of several, and the products fill the
    device together. Slices cost nothing where the result is read from memory in any case; so a product
    stays alone if a pointwise op follows (it would be computed in the product's own kernel) or the
    result leaves the function. So do products whose matrices together have more than `max-elements`
    elements, which `graph-fold`, to which the arithmetic on constants is left, would not join.
  }];
  let options = [Option<"maxElements", "max-elements", "int64_t", "16 << 20",
                        "Largest joined matrix, in elements">];
  let statistics = [Statistic<"numMerged", "num-merged", "Products that became part of another">];
}

def GraphRecognizePass : Pass<"graph-recognize", "::mlir::func::FuncOp"> {
  let summary = "Find the composites that exporters took apart";
  let description = [{
    Rewrites, where constants, axes and operands are exactly right:
    - `(x - mean(x)) / sqrt(mean((x - mean(x))²) + e)` to `normalize layer`, `x / sqrt(mean(x²) + e)`
      to `normalize rms`; then `* scale` and `+ bias` into their operands;
    - `0.5 * x * (1 + erf(x / sqrt(2)))` in any association to `unary gelu`, its tanh form to
      `unary gelu_tanh`;
    - `exp(x - max(x)) / sum(exp(x - max(x)))` to `softmax`, its logarithm to `log_softmax`;
    - `1 / (1 + exp(-x))` to `sigmoid`, `x * sigmoid(a * x)` to `silu`, `clip(x + 3, 0, 6) / 6` to
      `hard_sigmoid`, `x * hard_sigmoid(x)` to `hard_swish`, `log(1 + exp(x))` to `softplus`,
      `x * tanh(softplus(x))` to `mish`.

    Expects canonical form. Constants match to 1e-3 relative (models are exported with few digits)
    for 0.044715, sqrt(2 / pi) and sqrt(1 / 2), exactly otherwise.
  }];
  let statistics = [Statistic<"numRewrites", "num-rewrites", "Number of composites recognized">];
}

#endif // CAMEO_TRANSFORMS_GRAPH_PASSES_TD
