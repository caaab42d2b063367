# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels that other compilers made (regenerate.py): all checks, all five schedules, the numbers of NumPy, and no
# finding. Each also runs on numbers drawn anew. A mutilated one has to be noticed, or the checks did not run.
import json
import pathlib
import random
import re
import subprocess
import sys

import pytest

import regenerate

HERE = pathlib.Path(__file__).resolve().parent
KERNELS = regenerate.definitions()
SCHEDULES = ("round-robin", "random", "producer-starved", "consumer-starved", "later-blocks-starved")

# What the machine refuses still, and why. A kernel that runs has to leave this list.
NOT_YET = {}


def expected_to_run(name):
    reason = NOT_YET.get(name)
    return pytest.param(name, marks=[pytest.mark.xfail(reason=reason, strict=True)] if reason else [])


def simulate(cameo, ptx, launch, runs, *flags):
    result = cameo("sim", ptx, "--launch", launch, "--json", *flags, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr
    assert result.stderr == "" and len(json.loads(result.stdout)["runs"]) == runs


@pytest.mark.parametrize("name", map(expected_to_run, KERNELS))
def test_numbers_and_no_finding(cameo, name, seed):
    """A third of the corpus under all schedules, chosen by the seed; the others under one of them."""
    chance = random.Random(f"{seed} {name}")
    schedule = "all" if chance.random() < 1 / 3 else chance.choice(SCHEDULES)
    simulate(cameo, HERE / name / "kernel.ptx", HERE / name / "launch.json", 5 if schedule == "all" else 1,
             "--schedule", schedule, "--seed", str(seed))


@pytest.mark.full
@pytest.mark.parametrize("name", map(expected_to_run, KERNELS))
def test_all_schedules_and_many_seeds(cameo, name, seed):
    simulate(cameo, HERE / name / "kernel.ptx", HERE / name / "launch.json", 50, "--schedule", "all", "--runs", "10",
             "--seed", str(seed))


@pytest.mark.parametrize("name", map(expected_to_run, KERNELS))
def test_numbers_drawn_anew(cameo, name, seed, tmp_path):
    stored = json.loads((HERE / name / "launch.json").read_text())
    KERNELS[name][1].redraw(stored, tmp_path, 1 + seed % 1000)
    simulate(cameo, HERE / name / "kernel.ptx", tmp_path / "launch.json", 1, "--schedule", "random", "--seed", str(seed))


def test_what_is_stored_is_what_the_definitions_say(tmp_path):
    subprocess.run([sys.executable, HERE / "regenerate.py", "--check"], check=True)
    assert set(KERNELS) == {path.parent.name for path in HERE.glob("*/launch.json")}
    for name, (_, kernel) in KERNELS.items():
        recipe = json.loads((HERE / name / "recipe.json").read_text())
        assert {"source", "compiler", "command", "licence", "sha256"} <= recipe.keys()
        assert (HERE / recipe["source"]).exists()
        stored = json.loads((HERE / name / "launch.json").read_text())
        assert {key: stored[key] for key in ("grid", "block", "target")} == {
            "grid": kernel.grid, "block": kernel.block, "target": kernel.arch}
        assert stored["args"][:len(kernel.args)] == kernel.args and stored.get("buffers", []) == kernel.buffers
        kernel.redraw(stored, tmp_path, 0)
        for file in (HERE / name).glob("*.npy"):
            assert file.read_bytes() == (tmp_path / file.name).read_bytes(), f"{name}/{file.name}"
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) < 5 << 20


def test_the_page_lists_the_corpus():
    assert regenerate.PAGE.read_text() == regenerate.table()


# What is taken out, and what then has to be said: exit codes of findings, or 4 for wrong numbers.
MUTANTS = {
    "piped": (r"mbarrier\.arrive\.\S+\s+%rd\d+,\s+\[%r\d+\]", {20, 21, 22, 23, 25}),
    "add_one": (r"cp\.async\.bulk\.wait_group", {22}),
    "matmul_f16": (r"cp\.async\.wait_group", {21, 22}),
    "block_scan": (r"bar(rier)?\.sync", {4, 20, 21}),
    "sort": (r"shfl\.sync", {4, 20}),
    "argmax": (r"selp", {4, 20}),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutilated_kernel_is_noticed(cameo, tmp_path, name):
    pattern, codes = MUTANTS[name]
    text, count = re.subn(rf"(?m)^(\s*)((@!?%p\d+ )?{pattern}.*;.*)$", r"\1// \2", (HERE / name / "kernel.ptx").read_text())
    assert count
    (tmp_path / "kernel.ptx").write_text(text)
    result = cameo("sim", tmp_path / "kernel.ptx", "--launch", HERE / name / "launch.json", "--schedule", "all",
                   "--time-limit", "60", check=False)
    assert result.returncode in codes, result.stdout[-2000:] + result.stderr


# Counts as one works them out by hand from the source and the sizes.
BY_HAND = {
    # 3 blocks of 8 warps load a float a lane; a lane of each warp leaves its minimum, the first thread reads 7 of them.
    "block_reduce": {"global_load_requests": 24, "global_load_bytes": 3 * 256 * 4, "global_load_sectors": 24 * 4,
                     "shared_store_bytes": 24 * 4, "shared_load_requests": 3 * 7, "global_store_sectors": 3, "barriers": 24},
    # 4 blocks copy 4 KiB in and out, and read and write each word once, 32 a request.
    "add_one": {"async_copy_bytes": 4 * 2 * 4096, "shared_load_requests": 128, "shared_store_wavefronts": 128, "global_load_bytes": 0},
    # 2 x 2 tiles of 64 x 64, 256 deep; two columns of blocks copy the 72 rows of A, two rows the 90 of B; each of 16
    # steps of a block reads 64 x 16 of A and of B twice, 512 bytes a request without conflicts; the ring is zeroed first.
    "cute_matmul_f16_80": {"mma_fma": 4 * 64 * 64 * 256, "mma_instructions": 4 * 64 * 64 * 256 // 2048,
                           "async_copy_bytes": 2 * 72 * 256 * 2 + 2 * 90 * 256 * 2, "shared_load_bytes": 4 * 16 * 4 * 64 * 16 * 2,
                           "shared_load_requests": 1024, "shared_load_wavefronts": 4096, "shared_store_bytes": 4 * 3 * 2 * 64 * 32 * 2,
                           "global_store_bytes": 72 * 90 * 4, "barriers": 4 * 4 * 9},
    # Blocks of 256 elements in 8 groups: two atomics for each element.
    "extremes": {"atomic_threads": 2 * 1000, "global_load_bytes": 4000},
    # 9 tiles of 1 KiB for each of 2 blocks by cp.async; a word a thread and tile, 3 apart: no conflict.
    "group_copies": {"async_copy_bytes": 2 * 9 * 1024, "shared_load_requests": 2 * 9 * 4, "shared_load_wavefronts": 2 * 9 * 4,
                     "global_store_bytes": 2 * 128 * 4},
}


@pytest.mark.parametrize("name", BY_HAND)
def test_counts_worked_out_by_hand(cameo, name):
    result = cameo("sim", HERE / name / "kernel.ptx", "--launch", HERE / name / "launch.json", "--counts", "--json")
    counts = json.loads(result.stdout)["runs"][-1]["counts"]
    assert {key: counts[key] for key in BY_HAND[name]} == BY_HAND[name]
