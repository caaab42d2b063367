# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The elementary functions as they reach PTX, in ulp, on the PTX machine: special values, denormals, wide
# ranges. The bounds are those of docs/numerics.md and may not be loosened here.
import math

import bodies
import numpy as np
import pytest
from ptx_machine import Kernels

# Function -> bound in ulp, the same in f32 and f64.
BOUNDS = {"exp": 1, "exp2": 1, "expm1": 2, "log": 1, "log2": 2, "log1p": 2, "tanh": 2, "erf": 2, "rsqrt": 2, "sqrt": 0.5,
          "sinh": 3, "cosh": 3, "asinh": 3, "acosh": 3, "atanh": 3, "atan": 2, "asin": 3, "acos": 3, "sin": 2, "cos": 2,
          "tan": 4, "powf": 4, "remf": 0}
# Beyond this the reduction of f64 angles loses bits (documented).
LARGEST_ANGLE = {np.float32: np.inf, np.float64: 2.0 ** 27}
NUMPY = {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "atan": "arctan", "asin": "arcsin", "acos": "arccos",
         "powf": "power", "remf": "fmod"}
SPECIAL = [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.5, -0.5, 2, -2, 3, 7.5, 1e-30, 88.7, 88.8, -87.4, -103.9, -104.1,
           710.1, -745.2, 1e10, 1e-40, -1e-44, 3e38, 1.0000001, 0.9999999, 1024,
           -1e10, -3e38, -1e19]
COUNT = 1000
EXACT = np.longdouble


def arguments(name, rng):
    n = rng.standard_normal
    u = lambda low, high: rng.uniform(low, high, COUNT)
    ranges = {
        "exp": [u(-104, 90), u(-2, 2)], "expm1": [u(-30, 90), n(COUNT) * 1e-3], "exp2": [u(-151, 129)],
        "sinh": [u(-90, 90), n(COUNT)], "cosh": [u(-90, 90), n(COUNT)],
        "log": [np.exp(u(-100, 88)), u(0.5, 2), 1 + n(COUNT) * 1e-3], "log1p": [np.exp(u(-80, 80)), u(-0.999, 2)],
        "asin": [u(-1, 1), n(COUNT) * 1e-3], "acosh": [1 + np.exp(u(-10, 30))],
        "sin": [u(-10, 10), u(-1e7, 1e7), np.arange(1, 300) * np.pi / 2],
    }
    same = {"log2": "log", "sqrt": "log", "rsqrt": "log", "acos": "asin", "atanh": "asin", "cos": "sin", "tan": "sin"}
    return np.concatenate([SPECIAL] + ranges.get(same.get(name, name), [u(-6, 6), n(COUNT) * 1e-3, n(COUNT) * 100]))


def pairs(rng):
    a, b = np.meshgrid(SPECIAL, SPECIAL)
    return (np.concatenate([a.ravel(), np.abs(n := rng.standard_normal(COUNT)) * 3, n * np.exp(rng.uniform(-5, 40, COUNT))]),
            np.concatenate([b.ravel(), rng.standard_normal(2 * COUNT) * 10]))


def reference(name, x):
    with np.errstate(all="ignore"):
        if name == "erf":
            return np.array([math.erf(v) for v in x[0].astype(np.float64)])
        wide = [v.astype(EXACT) for v in x]
        return 1 / np.sqrt(wide[0]) if name == "rsqrt" else getattr(np, NUMPY.get(name, name))(*wide)


def distance(got, want, dtype):
    """Error in ulp of the rounded result; infinite where one is special and the other is not the same."""
    with np.errstate(all="ignore"):
        rounded = want.astype(dtype)
        error = np.abs(got.astype(EXACT) - want.astype(EXACT)) / np.spacing(np.abs(rounded)).astype(EXACT)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    finite = np.isfinite(got) & np.isfinite(rounded)
    return np.where(finite, error, np.where(same, 0, np.inf))


@pytest.fixture(scope="module")
def kernels(build_dir):
    text = ""
    for name in BOUNDS:
        op, operands = ("arith." if name == "remf" else "math.") + name, 2 if name in ("powf", "remf") else 1
        text += bodies.function(name + "_f32", op, "f32", operands) + bodies.function(name + "_f64", op, "f64", operands)
    text += bodies.function("exp_f16", "math.exp", "f16")
    return Kernels(build_dir, text)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BOUNDS)
def test_error_in_ulp(kernels, name, dtype):
    rng = np.random.default_rng(5)
    with np.errstate(all="ignore"):
        x = [v.astype(dtype) for v in (pairs(rng) if name in ("powf", "remf") else (arguments(name, rng),))]
    if name in ("sin", "cos", "tan"):
        x = [v[~(np.isfinite(v) & (np.abs(v) > LARGEST_ANGLE[dtype]))] for v in x]
    (got,) = kernels.run(f"{name}_{'f32' if dtype == np.float32 else 'f64'}", x, [x[0]], [len(x[0])])
    want = reference(name, x)
    error = distance(got, want, dtype)
    # The reference of erf in f64 and of f64 functions in general is itself rounded.
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS[name] + 0.01, (error[worst], [v[worst] for v in x], got[worst], want[worst])
    with np.errstate(all="ignore"):
        zero = (got == 0) & (want.astype(dtype) == 0)
    assert (np.signbit(got) == np.signbit(want))[zero].all(), "sign of zero"


def test_small_floats_go_through_f32(kernels):
    x = np.linspace(-12, 12, 777).astype(np.float16)
    (got,) = kernels.run("exp_f16", [x], [x], [len(x)])
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.float64)).astype(np.float16)
    np.testing.assert_array_max_ulp(got, want, maxulp=1)
