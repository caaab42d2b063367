# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Whether a weaker access or fence orders less in a run of a kernel: an answer by the letter of the PTX memory model, from
# what threads did (`cameo sim --footprints`), not from the machine's race checks. Each thread gets two clocks: what is
# ordered before it by the kernel, and what is by the mutant. Program order, barriers of the block and the warp,
# release and acquire patterns with their scopes, fences before and behind strong accesses, and the order of fence.sc (and
# membar) in this run make them. The mutant orders the same if, of every two accesses of different threads to one word,
# one of them writing,
#   - the mutant orders what the kernel orders,
#   - those that neither orders (or only the order that fence.sc had in this run) are both strong in the mutant as they are in
#     the kernel, at scopes that have both threads.
# Nothing is said where threads wait for copies, mbarriers, clusters or other kernels, or where runs are too long.
from dataclasses import dataclass

import numpy as np

import opcode_families as families
from footprints import (ADDRESS, BARRIER, BLOCK, BYTES, FENCE, KIND, LANE, LINE, READ, SHARED_END, WARP, WARP_BARRIER,
                        WRITE)

CTA, CLUSTER, GPU, SYS = range(4)
SCOPES = {"cta": CTA, "cluster": CLUSTER, "gpu": GPU, "gl": GPU, "sys": SYS}
MODELLED = ("ld", "st", "atom", "red", "fence", "membar", "ldmatrix", "stmatrix", "wmma.load", "wmma.store")
MOST_THREADS, MOST_ROWS, MOST_PAIRS = 2048, 150_000, 10_000_000
MOST_KEPT = 60_000_000  # of numbers in clocks that words carry


@dataclass(frozen=True)
class Access:
    """What an instruction is to the memory model."""
    scope: int = -1        # -1: weak
    acquires: bool = False
    releases: bool = False
    loads: bool = False
    stores: bool = False
    adds: bool = False        # an atomic: what was released there before stays
    sequential: bool = False  # of a fence

    @property
    def strong(self):
        return self.scope >= 0


def access_of(s):
    """The access of a memory instruction or fence."""
    parts = set(s.parts)
    scope = max([SCOPES[p] for p in parts & set(SCOPES)], default=-1)
    if s.is_("fence", "membar"):
        return Access(scope, True, True, sequential=s.is_("membar") or "sc" in parts)
    atomic = s.is_("atom", "red")
    loads = s.is_("ld", "atom", "ldmatrix", "wmma.load")
    stores = atomic or s.is_("st", "stmatrix", "wmma.store")
    strong = atomic or bool(parts & {"volatile", "mmio", "relaxed", "acquire", "release", "acq_rel"})
    if strong and scope < 0:
        scope = SYS if parts & {"volatile", "mmio"} else GPU
    return Access(scope if strong else -1, bool(parts & {"acquire", "acq_rel"}), bool(parts & {"release", "acq_rel"}),
                  loads, stores, atomic)


class Clocks:
    """What each thread knows to be over of the others, up to which of their events."""

    def __init__(self, threads, blocks, sequential=True):
        self.sequential = sequential  # whether fence.sc order each other as they came in this run
        self.known = np.zeros((threads, threads), np.int32)
        self.block = blocks
        self.flags, self.fences, self.pending, self.kept = {}, {}, {}, 0
        self.sequence = {}  # what fence.sc of each block, and of all (-1), have come behind

    def reaches(self, one, other, *scopes):
        return self.block[one] == self.block[other] or min(scopes) >= GPU

    def join(self, threads):
        self.known[threads] = self.known[threads].max(axis=0)

    def fence(self, thread, access, now):
        for (writer, scope), clock in self.pending.pop(thread, {}).items():
            if self.reaches(thread, writer, scope, access.scope):
                np.maximum(self.known[thread], clock, out=self.known[thread])
        if access.sequential and self.sequential:
            places = [int(self.block[thread])] + ([-1] if access.scope >= GPU else [])
            for place in places:
                if place in self.sequence:
                    np.maximum(self.known[thread], self.sequence[place], out=self.known[thread])
            own = self._own(thread, now)
            for place in places:
                self.sequence[place] = np.maximum(self.sequence.get(place, own), own)
        # A later fence hands on all that an earlier one of its scope or less does.
        kept = [f for f in self.fences.get(thread, []) if f[1] > access.scope]
        self.fences[thread] = kept + [(self._own(thread, now), access.scope)]

    def _own(self, thread, now):
        clock = self.known[thread].copy()
        clock[thread] = now
        return clock

    def load(self, thread, access, words):
        for word in words:
            for (writer, scope), clock in self.flags.get(word, {}).items():
                if access.acquires and self.reaches(thread, writer, scope, access.scope):
                    np.maximum(self.known[thread], clock, out=self.known[thread])
                elif not access.acquires:
                    pending, key = self.pending.setdefault(thread, {}), (writer, min(scope, access.scope))
                    pending[key] = np.maximum(pending.get(key, clock), clock)

    def store(self, thread, access, words, now):
        given = {(thread, min(scope, access.scope)): clock for clock, scope in self.fences.get(thread, [])}
        if access.releases:
            given = {(thread, access.scope): self._own(thread, now)}
        for word in words:
            flag = self.flags.setdefault(word, {})
            if not access.adds:
                flag.clear()
            flag.update(given)
            self.kept += len(given)


def same_order(rows, function, line, mutated):
    """Whether `mutated` (an Access; None: nothing) in that line orders all that the instruction itself does."""
    opcodes = _one_each(function)
    if opcodes is None or line not in opcodes or \
            not np.isin(rows[:, KIND], [READ, WRITE, BARRIER, WARP_BARRIER, FENCE]).all():
        return False
    own = {at: access_of(s) for at, s in opcodes.items() if s.is_(*MODELLED) and not s.is_("fence.proxy")}
    known = list(own) + [at for at, s in opcodes.items() if s.is_("bar", "barrier")]
    if not np.isin(rows[:, LINE], known).all():
        return False
    rows = _of_many(rows)
    return rows is not None and _Run(rows, opcodes, own, {**own, line: mutated}, line).same()


def _one_each(function):
    """The instruction of each line, or None where a line has several that matter."""
    found = {}
    for s in families.instructions(function):
        if families.is_memory(s) or families.is_synchronisation(s):
            if s.line in found and not s.is_("ret", "exit"):
                return None
            found[s.line] = s
    return found


def _of_many(rows):
    """Without accesses to words that only one thread touches, or nobody writes."""
    thread = rows[:, BLOCK] * 2048 + rows[:, WARP] * 32 + rows[:, LANE]
    data = rows[:, KIND] <= WRITE
    if (rows[data, BYTES] > 16).any():
        return None
    at = np.flatnonzero(data)
    words, which = _words(rows, at)
    pairs = np.unique(np.stack([words, thread[which]]), axis=1)[0]
    shared = np.intersect1d(pairs[1:][pairs[1:] == pairs[:-1]], words[rows[which, KIND] == WRITE])
    keep = ~data
    keep[which[np.isin(words, shared)]] = True
    rows = rows[keep]
    return rows if len(rows) <= MOST_ROWS else None


def _words(rows, at):
    """(the words that the rows `at` touch, which row it is); those of shared memory are their block's."""
    words, which = [], []
    for shift in (0, 4, 8, 12):
        some = at[(rows[at, BYTES] > shift)]
        block = np.where(rows[some, ADDRESS] < SHARED_END, rows[some, BLOCK] + 1 << 42, 0)
        words.append((rows[some, ADDRESS] + shift >> 2) + block)
        which.append(some)
    return np.concatenate(words), np.concatenate(which)


class _Run:
    def __init__(self, rows, opcodes, own, other, line):
        self.rows, self.opcodes, self.own, self.other, self.line = rows, opcodes, own, other, line
        thread = rows[:, BLOCK] * 2048 + rows[:, WARP] * 32
        lanes = [np.flatnonzero([mask >> i & 1 for i in range(32)]) if kind > READ + 1 else np.array([lane])
                 for kind, mask, lane in rows[:, [KIND, BYTES, LANE]].tolist()]
        self.names = sorted({int(t) + int(i) for t, some in zip(thread.tolist(), lanes) for i in some})
        self.number = {name: i for i, name in enumerate(self.names)}
        self.threads = [[self.number[int(t) + int(i)] for i in some] for t, some in zip(thread.tolist(), lanes)]
        self.block = np.array([name // 2048 for name in self.names])

    def same(self):
        if not self.names or len(self.names) > MOST_THREADS:
            return not self.names
        self.ours, self.theirs = (Clocks(len(self.names), self.block) for _ in range(2))
        self.bare = Clocks(len(self.names), self.block, False)  # of the mutant, whatever order its fence.sc have
        self.clocks = ((self.ours, self.own), (self.theirs, self.other), (self.bare, self.other))
        self.now = np.zeros(len(self.names), np.int32)
        self.met, self.waits, self.touched, self.pairs = {}, {}, {}, 0
        for (block, _, _, kind, line, size, address), threads in zip(self.rows.tolist(), self.threads):
            self._leave(threads)
            if self.ours.kept * len(self.names) > MOST_KEPT:
                return False
            if kind == BARRIER:
                if "arrive" in self.opcodes[line].parts:
                    return False
                self.met.setdefault((block, address), []).extend(threads)
                self.waits.update((t, (block, address)) for t in threads)
            elif kind == WARP_BARRIER:
                self._tick(threads)
                self._join(threads)
            elif kind == FENCE:
                self._fence(threads, line)
            elif not self._access(threads[0], line, block, size, address):
                return False
        return True

    def _tick(self, threads):
        """What these threads have done is of an epoch that they have ended."""
        for t in threads:
            self.now[t] += 1
            for clocks, _ in self.clocks:
                clocks.known[t, t] = self.now[t]

    def _join(self, threads):
        for clocks, _ in self.clocks:
            clocks.join(threads)

    def _leave(self, threads):
        """A thread goes on behind a barrier: all that were to come have come."""
        for t in threads:
            if t in self.waits:
                waiting = self.met.pop(self.waits[t])
                for other in waiting:
                    del self.waits[other]
                self._tick(waiting)
                self._join(waiting)

    def _fence(self, threads, line):
        for t in threads:
            self._tick([t])
            for clocks, accesses in self.clocks:
                if accesses[line] is not None:
                    clocks.fence(t, accesses[line], self.now[t])

    def _access(self, t, line, block, size, address):
        words = [(address + at) >> 2 for at in range(0, max(size, 1), 4)]
        if address < SHARED_END:
            words = [word | (block + 1) << 42 for word in words]
        ours, theirs = self.own[line], self.other[line]
        self._tick([t])
        for clocks, accesses in self.clocks:
            if accesses[line].loads and accesses[line].strong:
                clocks.load(t, accesses[line], words)
        if not all(self._is_same(t, word, ours, theirs) for word in words):
            return False
        for clocks, accesses in self.clocks:
            access = accesses[line]
            if access.stores and access.strong:
                clocks.store(t, access, words, self.now[t])
            elif access.stores:
                for word in words:
                    clocks.flags.pop(word, None)
        return True

    def _is_same(self, t, word, ours, theirs):
        """With all accesses to the word so far: the last of each thread, kind and way."""
        before = self.touched.setdefault(word, {})
        self.pairs += len(before)
        if self.pairs > MOST_PAIRS:
            return False
        for (u, one, other), when in before.items():
            if u == t or not (ours.stores or one.stores):
                continue
            if self.theirs.known[t, u] >= min(when, self.ours.known[t, u]):
                if self.bare.known[t, u] >= when or self._moral(t, u, ours, one) == self._moral(t, u, theirs, other):
                    continue
            return False
        before[t, ours, theirs] = self.now[t]
        return True

    def _moral(self, t, u, a, b):
        return a.strong and b.strong and (self.block[t] == self.block[u] or min(a.scope, b.scope) >= GPU)
