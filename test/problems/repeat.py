# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# repeat.py PROBLEM SEED DRAW [DRAWS]: one draw again (or DRAWS from that number on), with the build under
# build/release or $CAMEO_BUILD. PROBLEM is a glob over FAMILY-NAME; "*" with DRAWS is the full run by hand.
import fnmatch
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CAMEO_BUILD", HERE.parents[1] / "build" / "release"))
sys.path[:0] = [str(HERE), str(HERE.parent / "hostops"), str(BUILD / "python"), str(HERE.parents[1] / "python")]
from families import FAMILIES  # noqa: E402
from hostops_client import Evaluator  # noqa: E402
from problem import Bench  # noqa: E402


def main(pattern, seed, first, count=1):
    evaluator = Evaluator(str(BUILD / "test" / "drivers" / "evaluate-run"))
    wrong = 0
    for problem in (p for problems in FAMILIES.values() for p in problems):
        if not fnmatch.fnmatch(f"{problem.family}-{problem.name}", pattern):
            continue
        begin = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder:
                bench = Bench(problem, pathlib.Path(folder), evaluator)
                compiled = time.monotonic()
                for number in range(int(first), int(first) + int(count)):
                    bench.check(int(seed), number)
            print(f"{problem.family}-{problem.name}: ok, compiled in {compiled - begin:.1f} s, "
                  f"{time.monotonic() - compiled:.1f} s", flush=True)
        except Exception as error:  # told, and the next one
            wrong += 1
            print(f"{problem.family}-{problem.name}: FAILED\n  {str(error)[:1500]}", flush=True)
            if evaluator.process.poll() is not None:
                evaluator.start()
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
