# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The SIMT families on the PTX machine, against NumPy, at awkward sizes, every size from one kernel; all
# variants of a kernel that admit the size.
import bodies
import numpy as np
import pytest
from ptx_machine import Kernels, evaluate

SHAPES = [(1, 1), (3, 7), (17, 33), (9, 128), (5, 129), (3, 1024), (2, 1500), (2, 9001), (300, 5), (130, 31)]


@pytest.fixture(scope="module")
def kernels(build_dir):
    return Kernels(build_dir, bodies.ROWS + bodies.function("add", "arith.addf", "f32", 2) +
                   bodies.function("add16", "arith.addf", "f16", 2))


def variants(kernels, kernel, sizes):
    return [name for name, guard, _ in kernels.variants[kernel] if evaluate(guard, sizes)]


def test_last_variant_has_no_condition(kernels):
    for name, choices in kernels.variants.items():
        assert 1 <= len(choices) <= 4 and choices[-1][1] == "1", name


@pytest.mark.parametrize("n", [1, 3, 4, 31, 255, 1023, 1024, 1025, 4099])
def test_pointwise(kernels, n):
    rng = np.random.default_rng(n)
    for kernel, dtype in (("add", np.float32), ("add16", np.float16)):
        x, y = rng.standard_normal((2, n)).astype(dtype)
        for variant in variants(kernels, kernel, [n]):
            (z,) = kernels.run(kernel, [x, y], [x], [n], variant)
            np.testing.assert_array_equal(z, x + y, err_msg=variant)


@pytest.mark.parametrize("rows,columns", SHAPES)
def test_row_and_column_sums(kernels, rows, columns):
    x = np.random.default_rng(columns).standard_normal((rows, columns)).astype(np.float32)
    wide = x.astype(np.float64)
    cases = [("sum", x, wide.sum(1), np.abs(wide).sum(1)), ("colsum", x.T, wide.sum(1), np.abs(wide).sum(1)),
             ("sumsq", x, (wide * wide + wide).sum(1), np.abs(wide * wide + wide).sum(1))]
    for kernel, array, want, size in cases:
        for variant in variants(kernels, kernel, [rows, columns]):
            (y,) = kernels.run(kernel, [array], [np.empty(rows, np.float32)], [rows, columns], variant)
            bound = 2 * (columns + 8) * 2.0 ** -24 * size
            assert (np.abs(y - want) <= bound).all(), (kernel, variant)


@pytest.mark.parametrize("rows,columns", SHAPES)
def test_arg_max_takes_the_first(kernels, rows, columns):
    x = np.random.default_rng(columns).standard_normal((rows, columns)).astype(np.float32)
    x[:, columns // 2] = x.max()  # ties with the row's own maximum somewhere
    for variant in variants(kernels, "argmax", [rows, columns]):
        (y,) = kernels.run("argmax", [x], [np.empty(rows, np.int64)], [rows, columns], variant)
        np.testing.assert_array_equal(y, x.argmax(1), err_msg=variant)


@pytest.mark.parametrize("rows,columns", SHAPES)
def test_softmax(kernels, rows, columns):
    x = (np.random.default_rng(columns).standard_normal((rows, columns)) * 10).astype(np.float32)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    want = e / e.sum(1, keepdims=True)
    for variant in variants(kernels, "softmax", [rows, columns]):
        (y,) = kernels.run("softmax", [x], [x], [rows, columns], variant)
        np.testing.assert_allclose(y, want, rtol=4e-6, atol=1e-30, err_msg=variant)


@pytest.mark.parametrize("rows,columns", SHAPES)
def test_values_of_a_row_serve_several_loops(kernels, rows, columns):
    """(x - mean) + sum((x - mean)^2) + mean: two dependent reductions, one of whose results is used twice."""
    x = np.random.default_rng(columns).standard_normal((rows, columns)).astype(np.float32)
    wide = x.astype(np.float64)
    mean = wide.mean(1, keepdims=True)
    want = wide + ((wide - mean) ** 2).sum(1, keepdims=True)
    for variant in variants(kernels, "center", [rows, columns]):
        (y,) = kernels.run("center", [x], [x], [rows, columns], variant)
        np.testing.assert_allclose(y, want, rtol=2e-5, atol=1e-4, err_msg=variant)


@pytest.mark.parametrize("rows,columns", [s for s in SHAPES if s[1] < 2000])
def test_running_sum_and_scatter(kernels, rows, columns):
    rng = np.random.default_rng(columns)
    x = rng.integers(-8, 8, (rows, columns)).astype(np.float32)  # sums are exact
    (y,) = kernels.run("cumsum", [x], [x], [rows, columns])
    np.testing.assert_array_equal(y, x.cumsum(1))
    positions = rng.integers(0, columns + 1, (rows, columns))  # columns: left out
    start = rng.standard_normal((rows, columns)).astype(np.float32)
    want = start.copy()
    for i, j in np.ndindex(rows, columns):
        if positions[i, j] < columns:
            want[i, positions[i, j]] += x[i, j]
    (y,) = kernels.run("scatter", [x, positions], [(start,)], [rows, columns])
    np.testing.assert_array_equal(y, want)
