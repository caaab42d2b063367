# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Rules of equivalence that are worked out from runs and groups: what each covers, and what it must not cover. And clean
# runs: what is the run of every seed is made once.
import dataclasses
import pathlib
import types

import campaign
import causality
import clean
import footprints
import group_rules
import kinds
import ptx_text
import pytest
from footprints import BARRIER, COMMIT, COPY_WAIT, FENCE, READ, WRITE

HANDOVER = """.entry k() {
  st.volatile.global.u32 [%rd1], %r1;
  membar.gl;
  st.volatile.global.u32 [%rd2], 1;
  ld.volatile.global.u32 %r2, [%rd2];
  membar.gl;
  ld.volatile.global.u32 %r3, [%rd1];
  bar.sync 0;
}
"""
DATA, FLAG = 1 << 40, 2 << 40


def recorded(*wanted):
    """(block, kind, line, bytes or mask, address) of lane 0 of warp 0."""
    return footprints.read("".join(f"{b} 0 0 {k} {l} {n} {a}\n" for b, k, l, n, a in wanted))


def handed_over(same_block=False):
    other = 0 if same_block else 1
    return recorded((0, WRITE, 2, 4, DATA), (0, FENCE, 3, 1, 0), (0, WRITE, 4, 4, FLAG),
                    (other, READ, 5, 4, FLAG), (other, FENCE, 6, 1, 0), (other, READ, 7, 4, DATA))


@pytest.mark.parametrize("line,opcode,same", [
    (2, "st.global.u32", True),                 # data may be weak: fences order them
    (7, "ld.global.u32", True),
    (4, "st.global.u32", False),                # the flag may not: the two race
    (5, "ld.global.u32", False),
    (3, None, False), (6, None, False),         # nor may a fence be missing
    (3, "membar.cta", False), (6, "fence.acq_rel.cta", False),
    (4, "st.relaxed.cta.global.u32", False),    # or the flag be of the block
    (3, "membar.sys", True),
])
def test_what_orders_the_same(line, opcode, same):
    function, = ptx_text.functions(HANDOVER)
    s = next(t for t in function.statements if t.line == line and t.kind == "instruction")
    mutated = opcode and causality.access_of(dataclasses.replace(s, opcode=opcode))
    assert causality.same_order(handed_over(), function, line, mutated) == same


def test_the_order_of_fences_in_one_run_proves_no_weak_access():
    """Two threads fence, nobody acquires: another run has the fences the other way round."""
    text = HANDOVER.replace("st.volatile.global.u32 [%rd2], 1;", "atom.global.add.u32 %r4, [%rd2], 1;")
    function, = ptx_text.functions(text)
    rows = recorded((0, WRITE, 2, 4, DATA), (0, FENCE, 3, 1, 0), (0, WRITE, 4, 4, FLAG), (1, FENCE, 3, 1, 0),
                    (1, WRITE, 4, 4, FLAG), (1, READ, 7, 4, DATA))
    weak = causality.Access(loads=True)
    assert not causality.same_order(rows, function, 7, weak) and not causality.same_order(rows, function, 3, None)


def test_runs_that_say_nothing():
    function, = ptx_text.functions(HANDOVER)
    weak = causality.Access(stores=True)
    assert not causality.same_order(recorded((0, footprints.MBARRIER, 2, 8, 64), (0, WRITE, 2, 4, DATA)), function, 2, weak)
    assert not causality.same_order(recorded((0, WRITE, 99, 4, DATA), (1, WRITE, 2, 4, DATA)), function, 2, weak)
    # A barrier orders threads of its block: the two are of two.
    rows = recorded((0, WRITE, 2, 4, DATA), (0, BARRIER, 8, 1, 0), (1, READ, 7, 4, DATA))
    assert not causality.same_order(rows, function, 2, weak)


GROUPS = """.entry k() {
  cp.async.cg.shared.global [%r1], [%rd1], 16;
  cp.async.commit_group;
  cp.async.commit_group;
  cp.async.cg.shared.global [%r2], [%rd1], 16;
  cp.async.commit_group;
  cp.async.wait_group 1;
  ld.shared.u32 %r3, [%r1];
  cp.async.wait_group 0;
  ld.shared.u32 %r4, [%r2];
}
"""


def group_sites(text):
    function, = ptx_text.functions(text)
    return function, [s for s in kinds.KINDS["group"](function, text)]


def test_groups_are_told_by_their_number():
    function, (first, empty, last, one, none) = group_sites(GROUPS)
    assert [s.line for s in (first, empty, last, one, none)] == [3, 4, 6, 7, 9]
    # Without the empty group the first is one nearer to the newest, and the wait for all but one still covers it.
    assert group_rules.commit_beside(function, empty, {}) == "commit beside"
    assert group_rules.commit_beside(function, last, {}) is None and group_rules.commit_beside(function, first, {}) == "commit beside"
    assert group_rules.empty_group(function, one, {}) == "empty group" and group_rules.empty_group(function, none, {}) is None
    # With two groups that may be pending the empty one is needed.
    function, (first, empty, *_) = group_sites(GROUPS.replace("wait_group 1", "wait_group 2"))
    assert group_rules.commit_beside(function, empty, {}) is None and group_rules.commit_beside(function, first, {}) is None


def test_a_group_that_nobody_touches_again():
    function, _ = group_sites(GROUPS)
    copied = [(0, WRITE, 2, 16, 64), (0, COMMIT, 3, 1, 0), (0, COMMIT, 4, 1, 0), (0, WRITE, 5, 16, 128), (0, COMMIT, 6, 1, 0),
              (0, COPY_WAIT, 7, 1, 0), (0, WRITE, 2, 16, 64), (0, COPY_WAIT, 7, 0, 0), (0, READ, 8, 4, 64)]
    wait = [(0, COPY_WAIT, 9, 1, 0), (0, WRITE, 5, 16, 128), (0, COPY_WAIT, 9, 0, 0)]
    assert group_rules.left_untouched(recorded(*copied, *wait), function, 9, 0)
    assert not group_rules.left_untouched(recorded(*copied, *wait, (0, READ, 10, 4, 132)), function, 9, 0)
    assert group_rules.left_untouched(recorded(*copied, *wait, (0, READ, 10, 4, 132)), function, 7, 1)  # the empty one


class Drawing:
    """A machine whose random schedule draws, with something to find in its seventh seed."""
    identity = "x"

    def __init__(self, bad=None):
        self.asked, self.bad = [], bad

    def runs_of(self, ptx, launch, seed, runs, schedule, point, limit):
        schedules = ["round-robin", "random"] if schedule == "all" else [schedule]
        made = [{"schedule": s, "async_point": point or clean.POINTS[i % 3], "draws": s == "random"}
                for s in schedules for i in range(runs)]
        self.asked.append((schedule, point, seed, runs))
        found = self.bad in range(seed, seed + runs) and schedule != "round-robin"
        return (21 if found else 0), made, ""


def test_runs_that_draw_nothing_are_made_once(tmp_path):
    case = types.SimpleNamespace(name="k", source="", launch={}, ptx=pathlib.Path("k.ptx"), launch_path=pathlib.Path("l"))
    machine = Drawing()
    runs = clean.CleanRuns(machine, 1, 50, tmp_path / "journal")
    assert runs.problem(case) is None
    assert machine.asked[0] == ("all", None, 1, 3) and {a[0] for a in machine.asked[1:]} == {"random"}
    assert 3 + sum(a[3] for a in machine.asked[1:]) == 50
    again = Drawing(bad=5)
    assert clean.CleanRuns(again, 1, 50, tmp_path / "journal").problem(case) is None and not again.asked  # from the journal
    assert clean.CleanRuns(again, 1, 50).problem(case)["exit_code"] == 21


PROXY = """.entry k() {
  st.shared.u32 [%r1], %r2;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  @%p1 cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r1], 16;
  cp.async.bulk.wait_group.read 0;
}
"""


def test_a_fence_of_the_proxy_beside_another():
    function, = ptx_text.functions(PROXY)
    rows = recorded((0, WRITE, 2, 4, 64), (0, FENCE, 3, 1, 0), (0, BARRIER, 4, 1, 0), (0, FENCE, 5, 1, 0),
                    (0, BARRIER, 6, 1, 0), (0, READ, 7, 16, 64))
    assert footprints.proxy_fence_of_nothing(rows, function, 3) and footprints.proxy_fence_of_nothing(rows, function, 5)
    # What is stored behind the first one needs the second; other bytes need none.
    later = recorded((0, FENCE, 3, 1, 0), (0, BARRIER, 4, 1, 0), (0, WRITE, 2, 4, 64), (0, FENCE, 5, 1, 0),
                     (0, BARRIER, 6, 1, 0), (0, READ, 7, 16, 64))
    assert not footprints.proxy_fence_of_nothing(later, function, 5) and footprints.proxy_fence_of_nothing(later, function, 3)
    elsewhere = recorded((0, WRITE, 2, 4, 128), (0, FENCE, 5, 1, 0), (0, BARRIER, 6, 1, 0), (0, READ, 7, 16, 64))
    assert footprints.proxy_fence_of_nothing(elsewhere, function, 5)
    # A fence of another thread, or one behind the last barrier, is no other one.
    other = footprints.read("0 0 0 1 2 4 64\n0 1 0 9 3 1 0\n0 0 0 6 4 1 0\n0 1 0 6 4 1 0\n0 0 0 9 5 1 0\n0 0 0 6 6 1 0\n"
                            "0 1 0 6 6 1 0\n0 1 0 0 7 16 64\n")
    assert not footprints.proxy_fence_of_nothing(other, function, 5)


def test_a_wait_before_which_nothing_is_issued():
    text = ".entry k() {\n  cp.async.bulk.commit_group;\n  cp.async.bulk.wait_group.read 0;\nAGAIN:\n" \
           "  cp.async.bulk.wait_group.read 0;\n  cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r1], 16;\n" \
           "  cp.async.bulk.commit_group;\n  @%p1 bra AGAIN;\n}\n"
    function, = ptx_text.functions(text)
    first, second = [s for s in kinds.KINDS["wait"](function, text)][:2]
    assert group_rules.nothing_issued(function, first, {}) == "nothing issued"
    assert group_rules.nothing_issued(function, second, {}) is None  # by the loop


def test_sites_are_what_the_launch_reaches():
    case, = campaign.find_cases([pathlib.Path(__file__).resolve().parents[1] / "bugs" / "deepep_642"])
    everything = list(case.sites())
    case.reached = {site.line for _, site in everything[:1]}
    some = list(case.sites())
    assert 0 < len(some) < len(everything) and all(site.line in case.reached for function, site in some if function)
