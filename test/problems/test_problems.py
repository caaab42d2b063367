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
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "hostops")]
from families import FAMILIES  # noqa: E402
from hostops_client import Evaluator  # noqa: E402
from problem import Bench  # noqa: E402

FULL_DRAWS, DEFAULT_SHARE, DEFAULT_PROBLEMS = 500, 10, 4


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
    if "problem" in metafunc.fixturenames:
        chosen = share(metafunc.config.getoption("--level"))
        metafunc.parametrize("problem, draws", chosen, ids=[f"{p.family}-{p.name}" for p, _ in chosen])


@pytest.fixture(scope="session")
def evaluator(build_dir):
    tool = build_dir / "test" / "drivers" / "evaluate-run"
    if not tool.exists():
        pytest.fail(f"evaluate-run is not built: {tool}")
    client = Evaluator(str(tool))
    yield client
    client.close()


@pytest.mark.slow
def test_random_problems(problem, draws, evaluator, seed, tmp_path, pytestconfig):
    bench = Bench(problem, tmp_path, evaluator)
    budget = 300_000_000 if pytestconfig.getoption("--level") == "full" else 20_000_000
    for number in range(draws):
        bench.check(seed, number, budget)
