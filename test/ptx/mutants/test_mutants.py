# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Mutants of clean kernels, ours and those of other compilers: nearly all of them have to be noticed, most of them by a
# finding. A run of the tests takes a small sample of every kind by the commit's seed, --full the whole count.
import math
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "foreign"))

import campaign  # noqa: E402
import clean
import equivalence
import footprints
import kinds
import ours
import ptx_text
from test_foreign import NOT_YET

SOURCE = pathlib.Path(__file__).resolve().parents[3]
# The rates to reach: of all, by a finding, of each kind ("").
GOAL = {"killed": 0.95, "finding": 0.80, "": 0.80}
CHANCE = 1e-3                                # that a sample fails though the rate holds


def least(count, rate):
    """The fewest successes of `count` that a rate gives but for CHANCE."""
    tail = 0.0
    for successes in range(count + 1):
        tail += math.comb(count, successes) * rate ** successes * (1 - rate) ** (count - successes)
        if tail > CHANCE:
            return successes
    return count


SAMPLE = """.version 8.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 x)
{
  .reg .pred %p<4>; .reg .b32 %r<9>; .reg .b64 %rd<4>;
  .shared .align 8 .b64 bar[2]; // a comment; with { braces
  mbarrier.init.shared.b64 [%r1], 4;
  fence.mbarrier_init.release.cluster;
  { // a scope
  AGAIN:
  mbarrier.try_wait.parity.shared.b64 %p1,
      [%r1], %r2;
  @!%p1 bra AGAIN;
  }
  cp.async.cg.shared.global [%r3+0], [%rd1], 16;
  cp.async.cg.shared.global [%r3+512], [%rd1], 16;
  cp.async.commit_group; cp.async.wait_group 1;
  bar.sync 0;
  mov.u32 %r4, %tid.x; setp.lt.s32 %p2, %r4, 7;
  @%p2 atom.global.gpu.acq_rel.add.u32 %r5, [%rd1], 1;
  ret;
}
"""


def sites_of(text, **launch):
    function, = ptx_text.functions(text)
    return function, {kind: list(generate(function, text)) for kind, generate in kinds.KINDS.items()}


def test_statements_and_places():
    function, found = sites_of(SAMPLE)
    assert function.name == "k" and function.entry
    assert [s.line for s in found["wait"]] == [12, 18] and found["parity"][0].line == 12
    assert {s.what for s in found["stage"]} >= {"+512 bytes in shared memory", "-512 bytes in shared memory"}
    assert {s.what for s in found["scope"]} == {".gpu becomes .cta", ".acq_rel becomes .relaxed"}
    assert {s.what for s in found["bound"]} == {"+1", "-1"} and {s.line for s in found["fence"]} == {9}
    assert [s.what for s in found["group"]] == ["not committed", "one group more may be left"]
    for sites in found.values():
        for site in sites:
            assert ptx_text.edited(SAMPLE, site.edits).count("\n") == SAMPLE.count("\n")


def test_a_wait_moves_as_a_whole():
    _, found = sites_of(SAMPLE)
    text = ptx_text.edited(SAMPLE, next(s for s in found["moved"] if s.line == 12).edits)
    assert text.index("[%r3+0]") < text.index("// a scope") < text.index("AGAIN") < text.index("[%r3+512]")


def test_rules_of_equivalence():
    text = SAMPLE.replace("bar.sync 0;", "bar.sync 0; add.u32 %r4, %r4, 1; bar.sync 0; ld.shared.u32 %r6, [%r3];")
    function, found = sites_of(text)
    launch = {"grid": [4], "block": [128]}
    ruled = [equivalence.rule_of(function, s, launch) for s in found["barrier"] if s.what == "deleted"]
    assert ruled == ["barrier beside", "barrier beside"]
    narrowed = next(s for s in found["scope"] if ".gpu" in s.what)
    assert equivalence.rule_of(function, narrowed, {"grid": [1], "block": [128]}) == "one block"
    assert equivalence.rule_of(function, narrowed, launch) is None
    function, found = sites_of(SAMPLE)
    assert not any(equivalence.rule_of(function, s, launch) for s in found["barrier"] + found["wait"])


def test_one_index_is_one_bound():
    """Comparisons of an unrolled index change together, by the index's step; what only selects values is no bound."""
    text = SAMPLE.replace("mov.u32 %r4, %tid.x; setp.lt.s32 %p2, %r4, 7;", "mov.u32 %r1, %tid.x; shl.b32 %r4, %r1, 3; or.b32 %r6, %r4, 1; setp.lt.s32 %p2, %r4, %r7; "
                          "setp.lt.s32 %p3, %r6, %r7; @%p3 ld.global.u32 %r8, [%rd1]; setp.gt.s32 %p0, %r4, 3; "
                          "selp.b32 %r8, %r8, %r4, %p0;")
    _, found = sites_of(text)
    assert [(s.what, len(s.statements)) for s in found["bound"]] == [("+8 in 2 comparisons", 2), ("-8 in 2 comparisons", 2)]
    assert equivalence.predicate_probe(found["bound"][0], text).count("trap") == 2


BARRIERS = """.entry k() {
  st.shared.u32 [%r1], %r2;
  bar.sync 0;
  bar.sync 0;
  ld.shared.u32 %r3, [%r4];
  atom.global.add.u32 %r5, [%rd1], 1;
  cp.async.wait_group 0;
}
"""


def rows(*wanted):
    """(warp, kind, line, bytes, address) of lane 0 of each of two warps."""
    return footprints.read("".join(f"0 {w} 0 {k} {l} {b} {a}\n" for w, k, l, b, a in wanted))


def test_footprints_say_what_a_barrier_separates():
    function, = ptx_text.functions(BARRIERS)
    write, read, barrier, wait = footprints.WRITE, footprints.READ, footprints.BARRIER, footprints.COPY_WAIT
    meets = lambda line: [(w, barrier, line, 1, 0) for w in (0, 1)]
    stored, loaded = (0, write, 2, 4, 16), (1, read, 5, 4, 16)
    needless = lambda *given: footprints.needless(rows(*given), function, 3, False)
    assert not needless(stored, *meets(3), loaded)
    assert needless(stored, *meets(3), *meets(4), loaded)            # another barrier is there, too
    assert needless(stored, *meets(3), (0, read, 5, 4, 16))          # the same thread
    assert needless(stored, *meets(3), (1, read, 5, 4, 20))          # other bytes
    assert needless(loaded, *meets(3), (0, read, 5, 4, 16))          # nobody writes
    assert not needless(loaded, *meets(3), stored)                   # a write behind a read
    assert not needless((1, write, 2, 4, 1 << 40), *meets(3), (0, write, 6, 4, 2 << 40))  # a flag that tells others
    assert not needless(stored, (0, barrier, 3, 1, 0), (1, barrier, 4, 1, 0), (1, read, 5, 4, 20))  # they part
    neighbour = [footprints.read(f"0 0 {l} {k} {n} 4 16\n") for l, k, n in ((0, write, 2), (1, read, 5))]
    apart = footprints.np.concatenate([neighbour[0], rows(*meets(3)), neighbour[1]])
    assert not footprints.needless(apart, function, 3, False) and footprints.needless(apart, function, 3, False, True)
    over = [(0, wait, 7, 1, 0), (0, write, 2, 16, 64), (0, wait, 7, 0, 0)]
    assert footprints.wait_of_nothing(rows(*over, loaded), 7)
    assert not footprints.wait_of_nothing(rows(*over, (1, read, 5, 4, 68)), 7)
    assert footprints.own_words(rows(stored, loaded), 2, False) and not footprints.own_words(rows(stored, loaded), 2, True)
    flags = [(0, write, 6, 4, 1 << 40), (1, write, 6, 4, 1 << 40)]
    assert not footprints.without_flags(rows(*flags), function, [6])
    assert footprints.without_flags(rows(flags[0]), function, [6]) and footprints.without_flags(rows(*flags), function, [2])


def test_a_sample_is_even_and_repeats():
    cases = campaign.find_cases([SOURCE / "test" / "ptx" / "bugs"])
    mutants = campaign.enumerate_mutants(cases)
    first, again = (campaign.sample(mutants, 60, 3) for _ in range(2))
    assert [m.name for m in first] == [m.name for m in again] != [m.name for m in campaign.sample(mutants, 60, 4)]
    assert {m.kind for m in first} == {m.kind for m in mutants} and len({m.name for m in first}) == 60


@pytest.fixture(scope="module")
def cases(build_dir, tmp_path_factory):
    found = campaign.find_cases(campaign.stored(SOURCE) + [ours.make(build_dir, tmp_path_factory.mktemp("ours"))])
    campaign.Machine(str(build_dir / "bin" / "cameo")).reach(found, jobs=2)
    return found


def judge(build_dir, cases, count, seed):
    machine = campaign.Machine(str(build_dir / "bin" / "cameo"), runs=6, limit=30)
    chosen, wrong = campaign.choose(machine, cases, count, seed, jobs=2)
    # Kernels that a busy machine does not finish in time are left out of a sample, too.
    unclean = {name for name, problem in wrong.items() if problem["exit_code"] not in (campaign.UNSUPPORTED, campaign.TIME)}
    assert not unclean - set(NOT_YET), wrong
    results = campaign.run(machine, chosen, seed, jobs=2)
    return results, campaign.rates(results)


def hold(results, figures, count, asked):
    unkilled = [f"{m.name} line {m.site.line}: {m.site.what}: {v.status} {v.finding}" for m, v in results
                if v.status in ("survived", "time", "failed", "refused")]
    everything = figures["all"]
    living = everything["mutants"] - everything["equivalent"]
    killed = everything["finding"] + everything["numbers"]
    assert everything["mutants"] >= 0.9 * count and not everything["failed"], unkilled
    assert killed >= least(living, asked["killed"]), unkilled
    assert everything["finding"] >= least(killed, asked["finding"]), figures
    for kind, row in figures.items():
        alive = row["mutants"] - row["equivalent"]
        assert row["finding"] + row["numbers"] >= least(alive, asked.get(kind, asked[""])), (kind, unkilled)


def test_a_sample_of_mutants(build_dir, cases, seed):
    results, figures = judge(build_dir, cases, 4 * len(kinds.KINDS), seed)
    assert set(figures) == set(kinds.KINDS) | {"all"}
    hold(results, figures, 4 * len(kinds.KINDS), GOAL)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_all_mutants(build_dir, cases, seed):
    results, figures = judge(build_dir, cases, 420, seed)
    assert all(row["mutants"] >= 10 for row in figures.values()), figures
    assert len({m.case.name for m, v in results}) >= 20
    assert figures["all"]["equivalent"] <= 0.1 * figures["all"]["mutants"], figures
    hold(results, figures, 420, GOAL)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_clean_kernels_over_fifty_seeds(build_dir, cases, seed):
    runs = clean.CleanRuns(campaign.Machine(str(build_dir / "bin" / "cameo")), seed, 50)
    problems = {case.name: runs.problem(case) for case in cases if case.name not in NOT_YET}
    assert not {name: p for name, p in problems.items() if p and p["exit_code"] != campaign.UNSUPPORTED}


class Counting(campaign.Machine):
    """A machine that only counts whom it is asked about."""

    def __init__(self):
        super().__init__("none")
        self.asked = []

    def judge(self, mutant, seed):
        self.asked.append(mutant.name)
        return campaign.Verdict("survived")


def test_a_stopped_campaign_goes_on(tmp_path):
    cases = campaign.find_cases([SOURCE / "test" / "ptx" / "bugs"])
    chosen = campaign.sample(campaign.enumerate_mutants(cases), 12, 3)
    machine = Counting()
    campaign.run(machine, chosen[:8], 3, jobs=1, journal=tmp_path / "journal")
    results = campaign.run(machine, chosen, 3, jobs=1, journal=tmp_path / "journal")
    assert sorted(machine.asked) == sorted(m.name for m in chosen) and all(v.status == "survived" for _, v in results)
