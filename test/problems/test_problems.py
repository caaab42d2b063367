# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Every family of kernels at random sizes, from one bundle a kernel (problem.py says how). With --full each
# family gets 500 draws or more, spread over all its problems; by default a tenth of that, over a sample of
# the problems that the seed chooses, every family present. A failure names problem, seed and draw:
#   python test/problems/repeat.py PROBLEM SEED DRAW
import math
import os
import pathlib
import random
import re
import sys

import numpy as np
import onnx
import pytest

import models

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "hostops"), str(HERE.parents[1] / "scripts")]
from assembly import ARCHITECTURES, assemble, complaints, modules_of  # noqa: E402
from families import FAMILIES  # noqa: E402
from hostops_client import Evaluator  # noqa: E402
from problem import F16, F32, Bench, Graph  # noqa: E402
from results import FULL_DRAWS  # noqa: E402

GENERATED = sorted(set(models.FAMILIES) - {"digits"})
DEFAULT_SHARE, DEFAULT_PROBLEMS = 10, 4


def share(level):
    """[(problem, draws)] of a run at this level."""
    chosen = []
    for family, problems in FAMILIES.items():
        draws = FULL_DRAWS
        if level != "full":
            # Collected by every worker alike, so from the environment; the fixture `seed` says the same.
            generator = random.Random(f"{os.environ.get('CAMEO_TEST_SEED', '1')} {family}")
            problems = generator.sample(problems, min(DEFAULT_PROBLEMS, len(problems)))
            draws //= DEFAULT_SHARE
        chosen += [(problem, math.ceil(draws / len(problems))) for problem in problems]
    return chosen


def pytest_generate_tests(metafunc):
    level = metafunc.config.getoption("--level")
    if "problem" in metafunc.fixturenames:
        chosen = share(level)
        metafunc.parametrize("problem, draws", chosen, ids=[f"{p.family}-{p.name}" for p, _ in chosen])
    if "family" in metafunc.fixturenames:  # assembling one takes a minute: one by default, all in full runs
        generator = random.Random(os.environ.get("CAMEO_TEST_SEED", "1"))
        metafunc.parametrize("family", GENERATED if level == "full" else generator.sample(GENERATED, 1))


@pytest.fixture(scope="session")
def evaluator(driver):
    client = Evaluator(driver("evaluate-run"))
    yield client
    client.close()


@pytest.mark.slow
def test_random_problems(problem, draws, evaluator, seed, tmp_path, pytestconfig, cameo, ptxas, record_property):
    """Also: ptxas takes all variants of all its kernels, for the oldest and the newest architecture."""
    record_property("family", problem.family)
    record_property("draws", draws)
    bench = Bench(problem, tmp_path, evaluator)
    budget = 300_000_000 if pytestconfig.getoption("--level") == "full" else 20_000_000
    for number in range(draws):
        bench.check(seed, number, budget)
    assembled, found = assemble(cameo, bench.bundle, ptxas)
    assert not found, "\n".join(found)
    record_property("kernels", assembled)


@pytest.mark.slow
def test_kernels_of_generated_models_assemble(family, cameo, ptxas, tmp_path):
    """With the image for the newest architecture beside the portable one."""
    onnx.save_model(models.FAMILIES[family](**models.TINY[family]), tmp_path / "m.onnx")
    cameo("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.cameo", f"--target={ARCHITECTURES[-1]}")
    _, found = assemble(cameo, tmp_path / "m.cameo", ptxas)
    assert not found, "\n".join(found)


def test_a_spill_is_found(ptxas, cameo, tmp_path):
    """The check above can fail: the same kernel with too few registers, and text that is not PTX."""
    graph = Graph("spill", "plain")
    graph.result(graph.op("MatMul", graph.input("a", F32, ("M", "K")), graph.input("b", F32, ("K", "N"))))
    onnx.save_model(graph.model(), tmp_path / "m.onnx")
    cameo("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.cameo")
    (text,) = modules_of(cameo("inspect", "--ptx", tmp_path / "m.cameo").stdout)
    assert complaints(text, ptxas, "sm_80") == []
    starved = re.sub(r"^\.minnctapersm.*$", ".maxnreg 40", text, flags=re.MULTILINE)
    assert any("spill stores" in line for line in complaints(starved, ptxas, "sm_80"))
    assert any("refused" in line for line in complaints(text.replace("fma.rn.f32", "fma.xx.f32"), ptxas, "sm_80"))


# One problem a family whose operator is repeated below at several sizes.
GROWING = [("MatMul", F32, ("M", "K"), ("K", "N")), ("MatMul", F16, ("M", "K"), ("K", "N")), ("Add", F32, ("M", "N"), ("N",)),
           ("Softmax", F32, ("M", "N")), ("ReduceSum", F32, ("M", "N")), ("CumSum", F32, ("M", "N"))]


@pytest.mark.parametrize("op, dtype, dims", [(op, dtype, dims) for op, dtype, *dims in GROWING],
                         ids=[f"{op}-{np.dtype(dtype).name}" for op, dtype, *_ in GROWING])
def test_kernels_do_not_grow_with_sizes(op, dtype, dims, cameo, tmp_path):
    """A model that repeats an operator, each time at sizes of their own names, has the kernels of one of them."""
    def kernels(count):
        graph = Graph("growing", "plain")
        for number in range(count):
            operands = [graph.input(f"x{number}_{k}", dtype, tuple(f"{d}{number}" for d in shape)) for k, shape in enumerate(dims)]
            axis = [graph.constant(1)] if op == "CumSum" else [graph.constant([1])] if op == "ReduceSum" else []
            graph.result(graph.op(op, *operands, *axis), f"y{number}", dtype)
        onnx.save_model(graph.model(), tmp_path / f"{count}.onnx")
        cameo("compile", tmp_path / f"{count}.onnx", "-o", tmp_path / f"{count}.cameo")
        return cameo("inspect", "--ptx", tmp_path / f"{count}.cameo").stdout.count(".visible .entry")
    assert kernels(5) == kernels(1) > 0
