# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Groups of copies and products: when a commit or a wait more or less means the same. A wait for all groups but the N newest
# tells groups by their number, so that a group that is empty counts, too: without it the N newest go one further back.
import footprints
import numpy as np
import opcode_families as families
from footprints import COMMIT, COPY_WAIT, KIND, LINE, READ, WRITE
from ptx_text import reaches

MEMBERS = {"cp.async": ("cp.async.ca", "cp.async.cg"), "wgmma": ("wgmma.mma_async",)}


def family_of(s):
    return s.opcode.split(".wait")[0].split(".commit")[0]


def is_member(t, family):
    """What a commit of this family takes into its group."""
    if family == "cp.async.bulk":
        return "bulk_group" in t.parts
    return t.is_(*MEMBERS[family])


def is_commit(t, family):
    return t.kind == "instruction" and t.is_(f"{family}.commit_group")


def is_empty(function, commit):
    """No path to this commit from the one before it (or from the beginning) issues anything for its group."""
    family = family_of(commit)
    return not reaches(function, commit.index, lambda i: function.predecessors[i],
                       lambda t: is_commit(t, family), lambda t: is_member(t, family))


def wait_beside(function, site, launch):
    """On all paths a wait for at most as many groups follows before memory is touched, or has gone before and nothing
    was committed since."""
    s = site.statement
    if not s.is_(*families.WAIT_GROUPS):
        return None
    family = family_of(s)
    allowed = s.operands[-1].integer if s.operands else 0

    def covers(t):
        left = t.operands[-1].integer if t.operands else 0
        return t.is_(*families.WAIT_GROUPS) and family_of(t) == family and left is not None and left <= allowed \
            and ("read" not in t.parts or "read" in s.parts) and not t.guard
    ordered = lambda t: families.touches(t) or t.is_(*families.COMMITS, *families.BARRIERS) or t.is_("mbarrier", "ret", "exit")
    if not reaches(function, s.index, function.successors, covers, ordered):
        return "wait beside"
    entered = lambda t: t.is_(*families.COMMITS) or t.index == 0
    again = reaches(function, s.index, lambda i: function.predecessors[i], covers, entered)
    return None if again else "wait beside"


STOP, MATTERS = "stop", "matters"


def walk_commits(start, function, follows, counted):
    """Whether something matters on a path from `start` (not itself): `counted` says of each statement, and of how many
    commits have come so far, how many there are behind it, or STOP or MATTERS."""
    seen, work = set(), [(i, 0) for i in follows(start)]
    while work:
        state = work.pop()
        if state in seen:
            continue
        seen.add(state)
        commits = counted(function.statements[state[0]], state[1])
        if commits == MATTERS:
            return True
        if commits != STOP:
            work += [(i, commits) for i in follows(state[0])]
    return False


def nothing_issued(function, site, launch):
    """No path to the wait has issued anything that a group of its family could hold: it waits for nothing."""
    s = site.statement
    if not s.is_(*families.WAIT_GROUPS) or not function.entry:
        return None
    issues = lambda t: t.is_("call") or is_member(t, family_of(s))
    return None if reaches(function, s.index, lambda i: function.predecessors[i], lambda t: False, issues) else "nothing issued"


def commit_beside(function, site, launch):
    """Without the commit its copies belong to the next group, and older groups are one nearer to the newest. That
    matters where a wait lets as many groups be pending as come after it (after an empty one: more)."""
    s = site.statement
    family = family_of(s)
    least = 1 if is_empty(function, s) else 0
    most = max([t.operands[-1].integer or 0 for t in families.instructions(function)
                if t.is_(f"{family}.wait_group") and t.operands] or [0])

    def counted(t, commits):
        if t is s or (not function.successors(t.index) and commits == 0 and not least):
            return MATTERS
        if t.kind == "instruction" and t.is_(f"{family}.wait_group"):
            left = t.operands[-1].integer
            if left is None or left >= commits + least:
                return MATTERS
        return min(commits + is_commit(t, family), most + 1)
    if walk_commits(s.index, function, function.successors, counted):
        return None
    return "commit beside"


def empty_group(function, site, launch):
    """A wait that lets one group more be pending, where on all paths that group is an empty one, or none."""
    s = site.statement
    if site.kind != "group" or not s.operands:
        return None
    family, left = family_of(s), s.operands[-1].integer

    def counted(t, commits):
        if not is_commit(t, family):
            return commits
        if t.guard.replace(" ", "") != s.guard.replace(" ", "") or (commits == left and not is_empty(function, t)):
            return MATTERS
        return STOP if commits == left else commits + 1
    if walk_commits(s.index, function, lambda i: function.predecessors[i], counted):
        return None
    return "empty group"


def left_untouched(rows, function, line, left):
    """In this run the group that the wait of that line lets be pending with `left` + 1 groups, and not with `left`, holds no
    copy whose bytes in shared memory a thread touches afterwards (for what a copy reads: writes)."""
    s = next(t for t in families.instructions(function) if t.line == line and t.is_(*families.WAIT_GROUPS))
    family = family_of(s)
    members = [t.line for t in families.instructions(function) if is_member(t, family)]
    commits = [t.line for t in families.instructions(function) if is_commit(t, family)]
    for block in np.unique(rows[:, 0]):
        here = rows[rows[:, 0] == block]
        if not _is_left(here, members, commits, line, left):
            return False
    return True


def _newest(groups, left):
    return groups[-1 - left] if len(groups) > left else []


def _is_left(rows, members, commits, line, left):
    interesting = np.isin(rows[:, LINE], members) & (rows[:, KIND] <= WRITE) | np.isin(rows[:, LINE], commits) & \
        (rows[:, KIND] == COMMIT) | (rows[:, KIND] == COPY_WAIT)
    open_, groups, inside = {}, {}, {}
    asked = {}  # the last group that the wait leaves, by place in the rows
    for at in np.flatnonzero(interesting).tolist():
        _, warp, lane, kind, of, size, _ = rows[at].tolist()
        if kind == COPY_WAIT:
            inside[warp] = size != 0
            if size and of == line:
                asked[at] = [row for i in range(32) if size >> i & 1 for row in _newest(groups.get((warp, i), []), left)]
        elif kind == COMMIT:
            for i in range(32):
                if size >> i & 1:
                    groups.setdefault((warp, i), []).append(open_.pop((warp, i), []))
        elif not inside.get(warp):  # rows within a wait say again what is over
            open_.setdefault((warp, lane), []).append(at)
    for at, group in asked.items():
        copies = rows[group]
        if not len(copies):
            continue
        copies = copies[copies[:, footprints.ADDRESS] < footprints.SHARED_END]
        end = at + 1 + int(np.argmax(rows[at + 1:, KIND] == COPY_WAIT))
        later = rows[end + 1:]
        later = later[(later[:, footprints.ADDRESS] < footprints.SHARED_END) & (later[:, KIND] <= footprints.MATRIX_READ)]
        reads = copies[:, KIND] == READ
        if footprints.overlap(copies[~reads], later) or \
                footprints.overlap(copies[reads], later[later[:, KIND] == WRITE]):
            return False
    return True
