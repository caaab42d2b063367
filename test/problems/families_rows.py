# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Families whose kernels walk rows or columns: reductions, softmax, normalizations, running sums. All axes, so
# that memory runs along the row, across it, or in pieces; long rows take every variant.
import numpy as np
from bounds import each, exact, log_sum_exp, normalized, rounding, softmax, sums
from problem import BF16, F16, F32, F64, I64, LONG, Problem, Run

FLOATS = (F32, F16, BF16, F64)
ABC = ("A", "B", "C")


def rows(axes):
    """K of a reduction of (A, B, C) over `axes`."""
    return lambda sizes: np.prod([sizes[ABC[axis]] for axis in axes])


def reduction(op, axes, dtype, values, bound, access="plain", keepdims=1, **attributes):
    def build(g):
        x = g.input("x", dtype, ABC, values)
        g.result(g.op(op, x, g.constant(axes), keepdims=keepdims, **attributes), dtype=dtype)
    name = f"{op}-{'_'.join(map(str, axes))}-{dtype.name}-{access}"
    return Problem(name, build, bound, pools={"": LONG}, access=access)


def products(axes):
    """Each factor of the product rounds once."""
    return lambda run: [rounding(want) + (rows(axes)(run.sizes) + 8) * 2.0 ** -23 * np.abs(want.astype(np.float64))
                        for want in run.expected]


def reductions():
    for axes, dtype, access in [
            ((2,), F32, "plain"), ((2,), F32, "sliced"), ((2,), F32, "turned"), ((2,), F16, "sliced"),
            ((2,), BF16, "reversed"), ((1,), F32, "plain"), ((1,), F16, "strided"), ((0,), F32, "plain"),
            ((0,), F32, "turned"), ((0, 2), F32, "plain"), ((0, 1), BF16, "plain"), ((1, 2), F32, "sliced"),
            ((0, 1, 2), F32, "plain"), ((2,), F64, "plain"), ((0, 2), F16, "turned")]:
        yield reduction("ReduceSum", axes, dtype, "normal", sums(rows(axes)), access)
    for axes, op, dtype, access in [
            ((2,), "ReduceMean", F16, "plain"), ((1,), "ReduceMean", F32, "sliced"), ((2,), "ReduceL1", F32, "strided"),
            ((2,), "ReduceSumSquare", F32, "plain"), ((0, 1), "ReduceL2", F32, "plain"), ((2,), "ReduceL2", BF16, "sliced")]:
        # A mean of nothing is NaN on both sides, and counts as equal.
        yield reduction(op, axes, dtype, "unit", sums(rows(axes)), access)
    for op, axes, dtype, values, access in [
            ("ReduceMax", (2,), F32, "special", "plain"), ("ReduceMin", (1,), F16, "special", "sliced"),
            ("ReduceMax", (0, 2), BF16, "special", "turned"), ("ReduceMin", (0,), np.dtype("int8"), "full", "plain"),
            ("ReduceMax", (2,), np.dtype("uint64"), "full", "plain"), ("ReduceSum", (2,), np.dtype("int32"), "full", "sliced"),
            ("ReduceSum", (1,), np.dtype("uint64"), "full", "plain"), ("ReduceProd", (2,), I64, "full", "plain")]:
        yield reduction(op, axes, dtype, values, exact, access, keepdims=0)
    yield reduction("ReduceProd", (2,), F32, lambda rng, shape, sizes: np.exp(rng.normal(0, 0.05, shape)), products((2,)))
    for axes, dtype, access in [((2,), F32, "plain"), ((0, 1), F32, "sliced"), ((2,), F16, "plain")]:
        yield reduction("ReduceLogSumExp", axes, dtype, "normal", log_sum_exp(axes), access)
    for axis, dtype, values, op, last, access in [
            (2, F32, "ties", "ArgMax", 0, "plain"), (0, F32, "special", "ArgMin", 0, "sliced"),
            (1, F16, "special", "ArgMax", 1, "plain"), (2, np.dtype("int32"), "full", "ArgMin", 1, "turned")]:
        yield arg_reduction(op, axis, dtype, values, last, access)


def arg_reduction(op, axis, dtype, values, last, access):
    def build(g):
        x = g.input("x", dtype, ABC, values)
        g.result(g.op(op, x, axis=axis, select_last_index=last, keepdims=last), dtype=I64)

    def at_least_one(rng, sizes):
        sizes[ABC[axis]] = max(sizes[ABC[axis]], 1)
    return Problem(f"{op}-{axis}-{dtype.name}-{access}", build, exact, pools={"": LONG}, sizes=at_least_one, access=access)


def softmax_problem(op, axis, dtype, access):
    def build(g):
        scaled = lambda rng, shape, sizes: rng.standard_normal(shape) * rng.choice([1, 10])  # noqa: E731
        g.result(g.op(op, g.input("x", dtype, ABC, "ties" if op == "Hardmax" else scaled), axis=axis), dtype=dtype)
    bound = exact if op == "Hardmax" else softmax(axis, op == "LogSoftmax")
    return Problem(f"{op}-{axis}-{dtype.name}-{access}", build, bound, pools={"": LONG}, access=access)


def softmaxes():
    for axis, dtype, access in [
            (2, F32, "plain"), (2, F32, "sliced"), (2, F32, "turned"), (2, F16, "plain"), (2, BF16, "strided"), (1, F32, "plain"),
            (1, F16, "sliced"), (0, F32, "plain"), (0, BF16, "turned"), (2, F64, "plain"), (2, F16, "reversed")]:
        yield softmax_problem("Softmax", axis, dtype, access)
    for op, axis, dtype, access in [
            ("LogSoftmax", 2, F32, "plain"), ("LogSoftmax", 1, F16, "plain"), ("LogSoftmax", 0, F32, "sliced"),
            ("Hardmax", 2, F32, "plain"), ("Hardmax", 1, F16, "sliced")]:
        yield softmax_problem(op, axis, dtype, access)


def factor(shape):
    """Scale (0) and bias (1) as they lie along x."""
    return lambda run, which: run.seen("scale" if which == 0 else "bias").reshape(shape(run)) if which == 0 or has(run, "bias") else 0.0


def has(run, name):
    return any(spec.name == name for spec in run.specs)


def layer_norm(op, axis, dtype, access, bias=True):
    axes = tuple(range(axis, 3))

    def build(g):
        x = g.input("x", dtype, ABC, lambda rng, shape, sizes: rng.standard_normal(shape) + rng.choice([0, 3]))
        factors = [g.input(name, dtype, ABC[axis:]) for name in ("scale", "bias")[:1 + bias]]
        g.result(g.op(op, x, *factors, axis=axis, epsilon=1e-5), dtype=dtype)
    bound = normalized(axes, 1e-5, op == "LayerNormalization", [factor(lambda run: run.seen("scale").shape)], F32)
    return Problem(f"{op}-{axis}-{dtype.name}-{access}", build, bound, pools={"": LONG}, access=access)


def channel_norm(op, dtype, access, groups=None):
    """Instance and group normalization of (N, C, H, W); groups: static, channels a multiple."""
    def build(g):
        x = g.input("x", dtype, ("N", "C", "H", "W"), lambda rng, shape, sizes: rng.standard_normal(shape) + 1)
        factors = [g.input(name, dtype, ("C",), view=False) for name in ("scale", "bias")]
        g.result(g.op(op, x, *factors, epsilon=1e-3, **({"num_groups": groups} if groups else {})), dtype=dtype)

    def bound(run: Run):
        x = run.seen("x")
        parts = groups or x.shape[1]
        folded = (x.shape[0], parts, max(x.shape[1] // parts, 1), *x.shape[2:])
        inner = Run(run.problem, run.sizes, {"x": x.reshape(folded)}, [], [run.expected[0].reshape(folded)], None,
                    [Folded(run, folded)])
        per_channel = lambda _, which: run.seen(("scale", "bias")[which]).reshape(1, parts, -1, *[1] * (x.ndim - 2))  # noqa: E731
        return [normalized((2, 3, 4), 1e-3, True, [per_channel])(inner)[0].reshape(x.shape)]
    pools = {"C": tuple((groups or 1) * n for n in (1, 2, 3, 8))}
    return Problem(f"{op}-{dtype.name}-{access}", build, bound, pools=pools, access=access)


class Folded:
    """The input "x" with its channels split in groups."""
    name = "x"

    def __init__(self, run, shape):
        self.shape = shape

    def seen(self, array):
        return array.reshape(self.shape)


def normalizations():
    for op, axis, dtype, access in [
            ("LayerNormalization", 2, F32, "plain"), ("LayerNormalization", 2, F32, "sliced"), ("LayerNormalization", 2, F16, "plain"),
            ("LayerNormalization", 2, BF16, "turned"), ("LayerNormalization", 1, F32, "plain"), ("LayerNormalization", 0, F16, "strided"),
            ("LayerNormalization", 2, F64, "plain"), ("RMSNormalization", 2, F32, "plain"), ("RMSNormalization", 2, F16, "sliced"),
            ("RMSNormalization", 1, BF16, "plain")]:
        yield layer_norm(op, axis, dtype, access, bias=op == "LayerNormalization")
    for op, dtype, access, groups in [
            ("InstanceNormalization", F32, "plain", None), ("InstanceNormalization", F16, "sliced", None),
            ("GroupNormalization", F32, "plain", 4), ("GroupNormalization", BF16, "turned", 2)]:
        yield channel_norm(op, dtype, access, groups)


def scan(axis, dtype, access, exclusive=0, reverse=0):
    def build(g):
        x = g.input("x", dtype, ABC, "full" if dtype.kind in "iu" else "normal")
        g.result(g.op("CumSum", x, g.constant(axis), exclusive=exclusive, reverse=reverse), dtype=dtype)
    bound = sums(rows((axis,))) if dtype.kind not in "iu" else exact
    return Problem(f"CumSum-{axis}{'-exclusive' * exclusive}{'-reverse' * reverse}-{dtype.name}-{access}", build, bound,
                   pools={"": LONG}, access=access)


def scans():
    yield scan(2, F32, "plain")
    yield scan(2, F32, "sliced", reverse=1)
    yield scan(2, F16, "plain", exclusive=1)
    yield scan(1, F32, "turned", exclusive=1, reverse=1)
    yield scan(0, BF16, "plain")
    yield scan(1, np.dtype("int32"), "strided")
    yield scan(2, np.dtype("uint64"), "plain", reverse=1)
    yield scan(0, F64, "reversed", exclusive=1)


FAMILIES = {"reduction": reductions, "softmax": softmaxes, "normalization": normalizations, "scan": scans}
