# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The staged program of attention (test/Stage/attention-sm80.mlir) on the PTX machine, all checks on, under all five
# schedules: products whose A comes from registers, running maxima and sums, an accumulator that leaves to be scaled and
# goes back. Sizes around the tile's multiples, drawn at random, 1; outputs of rows outside are nobody's.
import random
import re
import subprocess

import numpy as np
import pytest
from ptx_machine import Machine, ptx_of

PIPELINE = ("builtin.module(kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,"
            "gpu.module(nvvm-to-ptx{target=sm_80}))")
HEAD, TILE = 64, 64
SCHEDULES = range(5)


@pytest.fixture(scope="module")
def attention(build_dir, source_dir):
    done = subprocess.run([str(build_dir / "bin" / "cameo-opt"), str(source_dir / "test/Stage/attention-sm80.mlir"),
                           "--pass-pipeline=" + PIPELINE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shared = int(re.search(r"shared_bytes = (\d+)", done.stdout)[1])
    machine = Machine(build_dir / "lib" / "libcameo-ptx.so")
    module = machine.parse(ptx_of(done.stdout))

    def run(q, k, v, schedule):
        blocks = -(-len(q) // TILE)
        return machine.run(module, "attention_f16_v0", [blocks, 1, 1], [q, k, v], [np.empty_like(q)], [len(q), len(k)],
                           shared=shared, schedule=schedule)[0]

    return run


def reference(q, k, v):
    """In f64, and the largest error that weights and result in f16 can make of it."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    scores = q @ k.T / np.sqrt(HEAD)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    result = weights @ v
    # Scores are sums of 64 products in f32; weights are rounded to f16 relative to the largest, which is 1 or less.
    score_error = 2 * (HEAD + 8) * 2.0 ** -24 * (np.abs(q) @ np.abs(k).T) / np.sqrt(HEAD)
    relative = 2.0 ** -11 + 2 * score_error.max(axis=1, keepdims=True) + 2 * (len(k) + 8) * 2.0 ** -24
    bound = 2 * relative * (weights @ np.abs(v)) + 2.0 ** -25 * np.abs(v).max() + np.abs(result) * 2.0 ** -10 + 2.0 ** -24
    return result, bound


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_sizes(attention, schedule, seed):
    generator, numbers = random.Random(f"{seed} {schedule}"), np.random.default_rng([len(str(seed)), schedule])
    sizes = [(1, 1), (TILE, TILE), (TILE + 1, 2 * TILE - 1), (generator.randint(2, 63), generator.randint(129, 330))]
    for queries, keys in sizes:
        q, k, v = (numbers.standard_normal((count, HEAD)).astype(np.float16) for count in (queries, keys, keys))
        result = attention(q, k, v, schedule)
        expected, bound = reference(q, k, v)
        ratio = np.max(np.abs(result - expected) / bound)
        assert ratio <= 1, f"{queries} queries, {keys} keys: {ratio:.2f} times the bound"


def test_far_scores(attention):
    """Each tile of keys has larger scores than the one before: every step scales the sums, by zero in the end."""
    q = np.full((3, HEAD), 4, np.float16)
    k = (np.arange(300)[:, None] / 16 * np.ones(HEAD)).astype(np.float16)
    v = np.random.default_rng(7).standard_normal((300, HEAD)).astype(np.float16)
    expected, bound = reference(q, k, v)
    assert np.all(np.abs(attention(q, k, v, 0) - expected) <= bound)


def test_undefined_scores(attention):
    """A NaN among the keys makes every row that meets it NaN, as in the definition."""
    q, k, v = (np.ones((count, HEAD), np.float16) for count in (2, 70, 70))
    k[69, 5] = np.nan
    assert np.all(np.isnan(attention(q, k, v, 0)))
