# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What a kernel's result may differ from the evaluator's by, as docs/numerics.md states it, element by
# element. The evaluator computes in double and rounds once a node; so its share is half an ulp a node.
#   exact          moves, integers, comparisons, choices
#   ulps(n)        n roundings of the result, and n of the smallest number
#   sums(k, ...)   products and sums: 2 (K + 8) u sum |a||b| with u of the accumulator, and one ulp of the result.
#                  sum |a||b| is the evaluator's own result for the magnitudes of all inputs.
#   normalized     (x - mean) / sqrt(var + eps): derived there
import ml_dtypes
import numpy as np


def eps(dtype):
    return float(ml_dtypes.finfo(dtype).eps)


def tiny(dtype):
    return float(ml_dtypes.finfo(dtype).smallest_subnormal)


def unit(dtype):
    """Half an ulp of 1 in the type that sums are kept in."""
    return 2.0 ** -53 if np.dtype(dtype) == np.float64 else 2.0 ** -24


def is_float(dtype):
    return np.dtype(dtype).kind not in "iub"


def rounding(values, n=1, dtype=None):
    """n ulps of the values (of their type, or another), in double."""
    dtype = dtype or values.dtype
    return n * (eps(dtype) * np.abs(values.astype(np.float64)) + tiny(dtype)) if is_float(dtype) else 0.0


def exact(run):
    return [0.0] * len(run.expected)


def ulps(n):
    return lambda run: [rounding(want, n) for want in run.expected]


def magnitudes(run):
    """The evaluator's results for the absolute values of all inputs of floats, in double; no more than the
    largest number of their type, which only makes bounds smaller."""
    positive = {name: np.abs(array) if is_float(array.dtype) else array for name, array in run.inputs.items()}
    results = run.again(positive)
    return [np.minimum(r.astype(np.float64), float(ml_dtypes.finfo(r.dtype).max)) if is_float(r.dtype) else 0.0
            for r in results]


def sums(depth, slope=1.0, roundings=1, narrowest=None, factors=0.0):
    """`depth`: f(sizes) -> K. `slope`: how much what follows the sum may stretch an error. `roundings`: of the
    result's type, of which each fused node whose rounding the evaluator repeats counts one. `narrowest`: the type of the
    product, if what is fused behind it widens. `factors`: the relative error of a product of rounded factors."""
    def bound(run):
        k = depth(run.sizes)
        return [slope * (2 * (k + 8) * unit(want.dtype) + factors) * scale + rounding(want, roundings, narrowest) +
                (roundings - 1) * eps(narrowest or want.dtype) * scale if is_float(want.dtype) else 0.0
                for want, scale in zip(run.expected, magnitudes(run))]
    return bound


def each(*bounds):
    """One bound an output."""
    return lambda run: [bound(run)[index] for index, bound in enumerate(bounds)]


def relative_to(names, n):
    """n roundings of the result and of the operands named: functions whose parts cancel (gelu, softplus)."""
    def bound(run):
        scale = sum(np.abs(run.seen(name)) for name in names)
        return [rounding(want, n) + n * eps(want.dtype) * scale for want in run.expected]
    return bound


def softmax(axis, log=False):
    """x - max is off by u |x - max|, which exp makes relative; the sum adds 2 (K + 8) u. Of log_softmax the same
    is absolute."""
    def bound(run):
        x = run.seen("x")
        u = unit(run.expected[0].dtype)
        spread = np.max(x, axis=axis, keepdims=True, initial=-np.inf) - x
        wrong = 2 * (x.shape[axis] + 8) * u + 2 * u * np.where(np.isfinite(spread), spread, 0)
        # What is summed is off too, by no more than its largest part's own error.
        wrong = wrong + 2 * u * np.log(max(x.shape[axis], 1))
        return [wrong * (1 if log else np.abs(want.astype(np.float64))) + rounding(want, 2) for want in run.expected]
    return bound


def log_sum_exp(axes):
    def bound(run):
        x = run.seen("x")
        k = np.prod([x.shape[axis] for axis in axes])
        u = unit(run.expected[0].dtype)
        return [2 * (k + 8) * u + 2 * u * np.max(np.abs(x), initial=0) + rounding(want, 3) for want in run.expected]
    return bound


def normalized(axes, epsilon, center=True, factors=(), stash=None):
    """With d = x - mean: the mean is off by (K + 1) u mean|x|, so d by that plus u |d|; then v = mean d^2 by
    2 mean|d| max(off d) + (K + 2) u v, 1 / sqrt(v + eps) relatively by half of that over v + eps, and the result
    by the sum of both. K + 8 for K + 1, and twice, as for all sums. `factors`: the scale and the bias, which round
    once each. `axes`: those of the result over which the input "x" is normalized. `stash`: the type of the
    moments, if the operator fixes it (ONNX's default is f32, for f64 too)."""
    def bound(run):
        x = run.seen("x")
        want = run.expected[0]
        u, over = unit(stash or want.dtype), dict(axis=tuple(axes), keepdims=True)
        k = max(np.prod([x.shape[axis] for axis in axes]), 1)
        mean = np.mean(x, **over) if center else 0.0
        d = x - mean
        off = 2 * (k + 8) * u * np.mean(np.abs(x), **over) * center + u * np.abs(d)
        v = np.mean(d * d, **over)
        worst = np.max(off, initial=0, **over)
        relative = (2 * np.mean(np.abs(d), **over) * worst + worst ** 2 + 2 * (k + 8) * u * v) / (v + epsilon) + 4 * u
        error = (off + np.abs(d) * relative) / np.sqrt(v + epsilon)
        plain = np.abs(d) / np.sqrt(v + epsilon)
        for factor in factors:
            error, plain = error * np.abs(factor(run, 0)), plain * np.abs(factor(run, 0)) + np.abs(factor(run, 1))
        return [error + rounding(want, 1) + 4 * u * plain + 2 * len(factors) * eps(want.dtype) * plain * (want.dtype.itemsize < 4)]
    return bound
