# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Damaged PTX and launch files: a fresh sample by the run's seed (all 10 000 with `full`), and the texts of cases/, which
# once broke the machine or stand for a size that nobody may ask for.
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CASES = sorted(path.name for path in HERE.glob("cases/*.ptx"))


def damage(build_dir, *arguments, timeout=580):
    done = subprocess.run([sys.executable, HERE / "damage.py", "--library", build_dir / "lib" / "libcameo-ptx.so",
                           *map(str, arguments)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def damage_launch(build_dir, *arguments):
    done = subprocess.run([sys.executable, HERE / "damage_launch.py", "--cameo", build_dir / "bin" / "cameo",
                           *map(str, arguments)], capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_damaged_texts_end_with_a_diagnostic_or_within_limits(build_dir, seed):
    said = damage(build_dir, "--seed", seed, "--count", 1000)
    assert " refused" in said and "ran" in said, said


@pytest.mark.full
@pytest.mark.parametrize("part", range(5))
def test_ten_thousand_damaged_texts(build_dir, seed, part):
    damage(build_dir, "--seed", seed + 1, "--first", part * 2000, "--count", 2000)


def test_damaged_launch_files_end_with_an_exit_code(build_dir, seed):
    said = damage_launch(build_dir, "--seed", seed, "--count", 120)
    assert " exit code 8" in said, said


@pytest.mark.full
def test_a_thousand_damaged_launch_files(build_dir, seed):
    damage_launch(build_dir, "--seed", seed + 1, "--count", 1000)


@pytest.mark.parametrize("name", CASES)
def test_texts_that_once_broke_it(build_dir, name):
    """The second line says what has to become of it: `// refused: words`, `// ran`."""
    said = damage(build_dir, "--case", HERE / "cases" / name, timeout=60)
    wanted = (HERE / "cases" / name).read_bytes().split(b"\n")[1].decode().removeprefix("// ")
    outcome, _, words = wanted.partition(": ")
    assert outcome in said and words in said, f"{wanted!r} wanted, got {said!r}"


def test_the_worker_notices_a_crash_and_a_hang(tmp_path):
    """The harness itself: a worker that dies or stands still is a failure with the number of its text."""
    sys.path.insert(0, str(HERE))
    import damage as harness
    program = tmp_path / "dies.py"
    program.write_text(f"""
import os, sys, time
sys.path.insert(0, {str(HERE)!r})
import damage
damage.HANG_SECONDS = 1.0
class Broken:
    def __init__(self, library): pass
    def run(self, text, launch, r):
        Broken.count = getattr(Broken, "count", 0) + 1
        if Broken.count == 3: os.kill(os.getpid(), 11)
        if Broken.count == 2: raise damage.Failure("said so")
        if text == b"hang": time.sleep(60)
        return "ran"
damage.Runner = Broken
outcomes, failures = damage.run_all("", 1, 7)
print(outcomes["ran"], [(i, w) for i, w, _ in failures])
original = damage.Corpus.mutant
damage.Corpus.mutant = lambda self, seed, index: (b"hang", {{}}, "hang", None)
print(damage.run_all("", 1, 1)[1])
""")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["3 [(1, 'said so'), (2, 'signal 11'), (4, 'said so'), (5, 'signal 11')]",
                                        "[(0, 'hang', 'hang')]"], done.stdout + done.stderr
    assert harness.HANG_SECONDS >= 10
