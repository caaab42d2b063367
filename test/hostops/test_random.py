# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random problems (sizes 0, 1 and primes, odd strides and pads, all kinds of values) against NumPy and
# ONNX's reference evaluator. References run in float64 where the type is a float, so that the bound is
# one rounding of the result's type plus the reference's own error.
import warnings

import ml_dtypes
import numpy as np
import pytest
from hostops_client import reference

warnings.filterwarnings("ignore")
FLOATS = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
INTS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
SMALL = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float6_e2m3fn",
         "float6_e3m2fn", "float4_e2m1fn"]
SIZES = [0, 1, 2, 3, 5, 7, 13]


def ulp(dtype):
    return float(ml_dtypes.finfo(dtype).eps)


def draw(rng, shape, dtype, low=-3, high=3):
    dtype = np.dtype(dtype)
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(np.bool_)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    return rng.uniform(low, high, shape).astype(dtype)


def close(actual, expected, dtype, factor=1.0, floor=1e-6):
    """`expected` in float64; equal up to `factor` roundings of the type."""
    assert actual.dtype == np.dtype(dtype)
    assert actual.shape == expected.shape
    actual = actual.astype(np.float64)
    largest = float(ml_dtypes.finfo(dtype).max)
    expected = np.where(np.abs(expected) > largest * (1 + ulp(dtype) / 4), np.sign(expected) * np.inf, expected)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    smallest = float(ml_dtypes.finfo(dtype).smallest_subnormal)
    bound = factor * (ulp(dtype) * np.abs(expected) + smallest) + floor * ulp(dtype)
    assert np.all(same | (np.abs(actual - expected) <= bound)), \
        np.nanmax(np.where(same, 0, np.abs(actual - expected)))


def shapes_that_broadcast(rng, count):
    rank = rng.integers(0, 4)
    full = [int(rng.choice(SIZES)) for _ in range(rank)]
    result = []
    for _ in range(count):
        cut = rng.integers(0, rank + 1)
        result.append([1 if rng.random() < 0.3 else n for n in full[cut:]])
    return result


@pytest.mark.parametrize("name", SMALL + ["bfloat16", "float16", "float8_e8m0fnu"])
def test_every_code_of_a_small_float_agrees_with_ml_dtypes(hostops, name):
    dtype = np.dtype(getattr(ml_dtypes, name, None) or np.float16)
    bits = {"float6_e2m3fn": 6, "float6_e3m2fn": 6, "float4_e2m1fn": 4}.get(name, 8 * dtype.itemsize)
    codes = np.arange(2 ** bits, dtype=np.uint16 if bits == 16 else np.uint8).view(dtype)
    (decoded,) = hostops("Cast", codes, to=11)
    np.testing.assert_array_equal(decoded, codes.astype(np.float64))


@pytest.mark.parametrize("name", SMALL + ["bfloat16", "float16"])
def test_encoding_agrees_with_ml_dtypes(hostops, seed, name):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(getattr(ml_dtypes, name, None) or np.float16)
    from onnx.helper import np_dtype_to_tensor_dtype as number

    values = (rng.standard_normal(20000) * 2.0 ** rng.integers(-20, 20, 20000)).astype(np.float32)
    values = np.concatenate([values, [np.inf, -np.inf, 0.0, -0.0]]).astype(np.float32)
    (actual,) = hostops("Cast", values, to=number(dtype), saturate=0)
    expected = values.astype(dtype)
    same = actual.view(np.uint16 if dtype.itemsize == 2 else np.uint8) == \
        expected.view(np.uint16 if dtype.itemsize == 2 else np.uint8)
    same |= np.isnan(actual.astype(np.float32)) & np.isnan(expected.astype(np.float32))
    assert same.all(), (values[~same][:5], actual[~same][:5], expected[~same][:5])


@pytest.mark.parametrize("op,function", [("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply)])
@pytest.mark.parametrize("dtype", FLOATS + INTS)
def test_arithmetic_is_exact(hostops, seed, op, function, dtype):
    rng = np.random.default_rng(seed)
    for _ in range(20):
        a, b = (draw(rng, shape, dtype) for shape in shapes_that_broadcast(rng, 2))
        np.testing.assert_array_equal(hostops(op, a, b)[0], np.asarray(function(a, b)).astype(dtype))


@pytest.mark.parametrize("dtype", INTS)
def test_integer_division_truncates(hostops, seed, dtype):
    rng = np.random.default_rng(seed)
    a, b = draw(rng, [1000], dtype), draw(rng, [1000], dtype)
    b = np.where(b == 0, 1, b).astype(dtype)
    wide = [int(x) for x in a], [int(x) for x in b]
    expected = [abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1) for x, y in zip(*wide)]
    bits = 8 * np.dtype(dtype).itemsize
    expected = np.array([x % 2 ** bits for x in expected], dtype=np.uint64).astype(dtype)
    np.testing.assert_array_equal(hostops("Div", a, b)[0], expected)
    np.testing.assert_array_equal(hostops("Mod", a, b)[0], np.mod(a, b))
    np.testing.assert_array_equal(hostops("Mod", a, b, fmod=1)[0], np.fmod(a, b))


@pytest.mark.parametrize("op,function,low,high", [
    ("Exp", np.exp, -10, 10), ("Log", np.log, 0.01, 50), ("Sqrt", np.sqrt, 0, 9), ("Sin", np.sin, -9, 9),
    ("Cos", np.cos, -9, 9), ("Tanh", np.tanh, -5, 5), ("Sinh", np.sinh, -5, 5), ("Atan", np.arctan, -9, 9),
    ("Abs", np.abs, -3, 3), ("Floor", np.floor, -9, 9), ("Round", np.rint, -9, 9),
    ("Sigmoid", lambda x: 1 / (1 + np.exp(-x)), -20, 20),
    ("Softplus", lambda x: np.logaddexp(x, 0), -20, 20)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_round_once(hostops, seed, op, function, low, high, dtype):
    x = draw(np.random.default_rng(seed), [3, 7, 101], dtype, low, high)
    close(hostops(op, x)[0], function(x.astype(np.float64)), dtype, 0.51 if dtype != np.float64 else 4)


@pytest.mark.parametrize("op,function", [
    ("ReduceSum", np.sum), ("ReduceMean", np.mean), ("ReduceMax", np.max), ("ReduceMin", np.min),
    ("ReduceProd", np.prod), ("ReduceL2", lambda x, **k: np.sqrt(np.sum(x * x, **k)))])
@pytest.mark.parametrize("dtype", FLOATS)
def test_reductions(hostops, seed, op, function, dtype):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        rank = int(rng.integers(1, 5))
        shape = [int(rng.choice(SIZES[1:])) for _ in range(rank)]
        axes = sorted(rng.choice(rank, rng.integers(1, rank + 1), replace=False).tolist())
        keep = int(rng.integers(0, 2))
        x = draw(rng, shape, dtype)
        given = [a - rank if rng.random() < 0.5 else a for a in axes]
        actual = hostops(op, x, np.array(given, np.int64), keepdims=keep)[0]
        expected = function(x.astype(np.float64), axis=tuple(axes), keepdims=bool(keep))
        close(actual, np.asarray(expected), dtype, 1 if dtype != np.float64 else 200,
              1 if dtype != np.float64 else 200)


@pytest.mark.parametrize("dtype", FLOATS + [np.int32, np.uint64])
def test_matmul(hostops, seed, dtype):
    rng = np.random.default_rng(seed)
    for _ in range(25):
        m, n, k = (int(rng.choice(SIZES + [67, 129, 300])) for _ in range(3))
        batch = shapes_that_broadcast(rng, 2)
        a, b = draw(rng, batch[0] + [m, k], dtype), draw(rng, batch[1] + [k, n], dtype)
        if np.dtype(dtype).kind in "iu":
            with np.errstate(over="ignore"):
                np.testing.assert_array_equal(hostops("MatMul", a, b)[0], np.matmul(a, b))
        else:
            expected = np.matmul(a.astype(np.float64), b.astype(np.float64))
            scale = np.matmul(np.abs(a.astype(np.float64)), np.abs(b.astype(np.float64)))
            actual = hostops("MatMul", a, b)[0].astype(np.float64)
            # Both sums are of doubles in some order: each is off by at most k 2^-53 of the sum of magnitudes
            # (k <= 300: 2 * 300 * 2^-53 < 7e-14). Then one rounding to nearest: half an ulp, and where the
            # result is subnormal (sums that cancel, in f16) half the smallest number instead.
            half = (ulp(dtype) * np.abs(expected) + float(ml_dtypes.finfo(dtype).smallest_subnormal)) / 2
            assert np.all(np.abs(actual - expected) <= half + 1e-13 * scale)


def test_convolutions_of_random_geometry(hostops, seed):
    rng = np.random.default_rng(seed)
    for _ in range(60):
        rank, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
        c, m = int(rng.integers(1, 4)) * groups, int(rng.integers(1, 4)) * groups
        window = [int(rng.integers(1, 4)) for _ in range(rank)]
        dilations = [int(rng.integers(1, 3)) for _ in range(rank)]
        strides = [int(rng.integers(1, 4)) for _ in range(rank)]
        size = [(w - 1) * d + 1 + int(rng.integers(0, 5)) for w, d in zip(window, dilations)]
        pads = [int(rng.integers(0, 3)) for _ in range(2 * rank)]
        x, w = draw(rng, [2, c, *size], np.float32), draw(rng, [m, c // groups, *window], np.float32)
        b = draw(rng, [m], np.float32)
        attributes = dict(kernel_shape=window, strides=strides, dilations=dilations, pads=pads, group=groups)
        (actual,) = hostops("Conv", x, w, b, **attributes)
        padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0)] + list(zip(pads[:rank], pads[rank:])))
        out = [(s + pads[i] + pads[rank + i] - (window[i] - 1) * dilations[i] - 1) // strides[i] + 1
               for i, s in enumerate(size)]
        expected = np.zeros([2, m, *out]) + b.astype(np.float64).reshape([1, m] + [1] * rank)
        for o in np.ndindex(*out):
            region = padded[(slice(None), slice(None)) + tuple(
                slice(p * s, p * s + (k - 1) * d + 1, d)
                for p, s, k, d in zip(o, strides, window, dilations))]
            region = region.reshape(2, groups, c // groups, *window)
            weights = w.astype(np.float64).reshape(groups, m // groups, c // groups, *window)
            axes = (1 + 1 + np.arange(rank + 1)).tolist()
            value = np.stack([np.tensordot(region[:, g], weights[g], (
                [a - 1 for a in axes], [a - 1 for a in axes])) for g in range(groups)], 1)
            expected[(slice(None), slice(None)) + o] += value.reshape(2, m)
        close(actual, expected, np.float32, 1, 1)


MOVEMENT_TYPES = [np.float32, np.int8, np.bool_, np.float64, ml_dtypes.bfloat16, np.complex64]


@pytest.mark.parametrize("dtype", MOVEMENT_TYPES)
def test_movement(hostops, seed, dtype):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        rank = int(rng.integers(1, 5))
        x = draw(rng, [int(rng.choice(SIZES)) for _ in range(rank)],
                 np.float32 if dtype == np.complex64 else dtype).astype(dtype)
        perm = rng.permutation(rank).tolist()
        np.testing.assert_array_equal(hostops("Transpose", x, perm=perm)[0], np.transpose(x, perm))
        starts = rng.integers(-9, 9, rank)
        ends, steps = rng.integers(-9, 9, rank), rng.choice([-3, -2, -1, 1, 2, 3], rank)
        (expected,) = reference("Slice", x, starts, ends, np.arange(rank), steps)
        np.testing.assert_array_equal(
            hostops("Slice", x, starts, ends, np.arange(rank), steps)[0], expected)
        repeats = rng.integers(0, 4, rank)
        np.testing.assert_array_equal(hostops("Tile", x, repeats)[0], np.tile(x, repeats))
        pads = rng.integers(0, 4, 2 * rank)
        np.testing.assert_array_equal(
            hostops("Pad", x, pads)[0], np.pad(x, list(zip(pads[:rank], pads[rank:]))))
        if x.size:
            for mode in ("edge", "reflect", "wrap"):
                np.testing.assert_array_equal(hostops("Pad", x, pads, mode=mode)[0], np.pad(
                    x, list(zip(pads[:rank], pads[rank:])), mode=mode))
        axis = int(rng.integers(0, rank))
        np.testing.assert_array_equal(hostops("Concat", x, x, axis=axis)[0], np.concatenate([x, x], axis))
        if x.shape[axis]:
            indices = rng.integers(-x.shape[axis], x.shape[axis], [2, 3])
            np.testing.assert_array_equal(
                hostops("Gather", x, indices, axis=axis)[0], np.take(x, indices, axis))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize(hostops, seed, mode):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        shape = [1, 2, int(rng.integers(2, 8)), int(rng.integers(2, 8))]
        x = draw(rng, shape, np.float32)
        sizes = np.array(shape[:2] + [int(rng.integers(1, 15)), int(rng.integers(1, 15))])
        attributes = dict(
            mode=mode, antialias=int(mode != "nearest" and rng.integers(0, 2)),
            coordinate_transformation_mode=str(rng.choice(
                ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])),
            exclude_outside=int(mode == "cubic" and rng.integers(0, 2)))
        if attributes["coordinate_transformation_mode"] == "pytorch_half_pixel":
            sizes = np.maximum(sizes, 2)  # one element lies at 0 by ONNX's text, at -0.5 for the reference
        if mode == "nearest":
            attributes["nearest_mode"] = str(rng.choice(["floor", "ceil", "round_prefer_floor"]))
        (expected,) = reference("Resize", x, None, None, sizes, **attributes)
        (actual,) = hostops("Resize", x, None, None, sizes, **attributes)
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5, err_msg=str(attributes))


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
def test_pools_of_random_geometry(hostops, seed, op):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        rank = int(rng.integers(1, 3))
        window = [int(rng.integers(1, 4)) for _ in range(rank)]
        pads = [int(rng.integers(0, w)) for w in window] * 2
        attributes = dict(kernel_shape=window, strides=[int(rng.integers(1, 3)) for _ in window], pads=pads,
                          dilations=[int(rng.integers(1, 3)) for _ in window])
        if op == "MaxPool":  # the reference reads outside with dilations or pads
            attributes.update(dilations=[1] * rank, pads=[0] * 2 * rank)
        if op == "AveragePool":
            attributes["count_include_pad"] = int(rng.integers(0, 2))
        x = draw(rng, [1, 2, *[int(rng.integers(6, 12)) for _ in window]], np.float32)
        (expected,) = reference(op, x, **attributes)
        np.testing.assert_allclose(hostops(op, x, **attributes)[0], expected, rtol=1e-5, atol=1e-6,
                                   err_msg=str(attributes))


def test_scatters(hostops, seed):
    rng = np.random.default_rng(seed)
    for reduction in ("none", "add", "mul", "max", "min"):
        for _ in range(10):
            shape = [int(rng.integers(1, 6)) for _ in range(3)]
            axis = int(rng.integers(0, 3))
            x = draw(rng, shape, np.float32)
            small = [int(rng.integers(0, n + 1)) for n in shape]
            small[axis] = min(small[axis], shape[axis])
            indices = np.argsort(rng.random(shape), axis)[tuple(slice(n) for n in small)]
            indices = indices - shape[axis] * rng.integers(0, 2, small)
            updates = draw(rng, small, np.float32)
            (expected,) = reference("ScatterElements", x, indices, updates, axis=axis, reduction=reduction)
            (actual,) = hostops("ScatterElements", x, indices, updates, axis=axis, reduction=reduction)
            np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_einsum(hostops, seed):
    rng = np.random.default_rng(seed)
    for equation, shapes in [("ij,jk->ik", [(3, 5), (5, 2)]), ("bij,bjk", [(2, 3, 5), (2, 5, 7)]),
                             ("...ii->...i", [(2, 3, 3)]), ("ii", [(4, 4)]), ("i,j,k->kji", [(2,), (3,), (5,)]),
                             ("...ij,...jk->...ik", [(1, 3, 5), (2, 5, 2)]), ("ij->", [(3, 0)])]:
        xs = [draw(rng, s, np.float32) for s in shapes]
        expected = np.einsum(equation, *[x.astype(np.float64) for x in xs])
        close(hostops("Einsum", *xs, equation=equation)[0], np.asarray(expected), np.float32, 1, 1)


@pytest.mark.parametrize("op,inputs,attributes", [
    ("Add", [np.zeros([2], np.float32), np.zeros([3], np.float32)], {}),
    ("Add", [np.zeros([2], np.float32), np.zeros([2], np.int32)], {}),
    ("Exp", [np.zeros([2], np.int32)], {}),
    ("MatMul", [np.zeros([2, 3], np.float32), np.zeros([2, 3], np.float32)], {}),
    ("Gather", [np.zeros([3], np.float32), np.array([3])], {}),
    ("Gather", [np.zeros([3], np.float32), np.array([-4])], {}),
    ("ScatterND", [np.zeros([3], np.float32), np.array([[5]]), np.zeros([1], np.float32)], {}),
    ("Transpose", [np.zeros([2, 3], np.float32)], {"perm": [0, 0]}),
    ("Concat", [np.zeros([2, 3], np.float32), np.zeros([3, 3], np.float32)], {"axis": 1}),
    ("Softmax", [np.zeros([2], np.float32)], {"axis": 1}),
    ("Conv", [np.zeros([1, 3, 5], np.float32), np.zeros([2, 2, 3], np.float32)], {}),
    ("Conv", [np.zeros([1, 2, 5], np.float32), np.zeros([2, 2, 3], np.float32)], {"strides": [0]}),
    ("TopK", [np.zeros([3], np.float32), np.array([4])], {}),
    ("Range", [np.array(0), np.array(5), np.array(0)], {}),
    ("Tile", [np.zeros([2], np.float32), np.array([2 ** 62])], {}),
    ("Einsum", [np.zeros([2, 3], np.float32)], {"equation": "ij,jk->ik"}),
    ("Pad", [np.zeros([0], np.float32), np.array([1, 1])], {"mode": "reflect"}),
])
def test_refusals(hostops, op, inputs, attributes):
    from hostops_client import HostOpsError

    with pytest.raises(HostOpsError):
        hostops(op, *inputs, **attributes)
