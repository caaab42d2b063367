# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Whether a barrier separates anything in a run of a kernel: an answer from what threads touched, not from the machine's
# race checks. The machine writes rows (thread, line, bytes) in the order of execution (`cameo sim --footprints`,
# lib/Ptx/Footprints.h). Without the barrier of one line the stretches on its two sides become one, up to the barriers of
# other lines. The barrier is needless in that run if in no stretch so joined
#   - two threads touch the same bytes on different sides, and one of them writes them (atomics count as writes, a
#     copy is there where it is issued and where a wait covers it, an mbarrier's initialisation writes it),
#   - a thread has seen a phase on one side that arrivals of another thread on the other side are to follow,
#   - a thread tells others (arrives at an mbarrier, writes a flag) what other threads have done before the barrier, or other
#     threads use behind it what one has been told.
# Where warps do not all pass the same barriers, in clusters, and where kernels wait for other kernels, nothing is said.
import numpy as np

(READ, WRITE, MATRIX_READ, MBARRIER, WAITED, MATRIX_WAITED, BARRIER, WARP_BARRIER, COPY_WAIT, FENCE,
 COMMIT) = range(11)
BLOCK, WARP, LANE, KIND, LINE, BYTES, ADDRESS = range(7)
SHARED_END = 1 << 24   # addresses of shared memory are offsets
MOST_TEXT = 80 << 20
MOST_PARTS = 20_000_000
STRONG = {"volatile", "relaxed", "acquire", "release", "acq_rel", "mmio"}


def read(text):
    """Rows, or None where there are too many."""
    if len(text) > MOST_TEXT or text.endswith("truncated\n"):
        return None
    rows = np.array(text.split(), dtype=np.int64).reshape(-1, 7)
    # Global memory that nobody writes in this run orders nothing.
    outside = (rows[:, KIND] <= WRITE) & (rows[:, ADDRESS] >= SHARED_END)
    written = rows[outside & (rows[:, KIND] == WRITE)]
    first, last = written[:, ADDRESS] >> 4, (written[:, ADDRESS] + written[:, BYTES] - 1) >> 4
    length = last - first + 1
    units = np.unique(np.repeat(first, length) + np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length))
    constant = outside & ~np.isin(rows[:, ADDRESS] >> 4, units) & \
        ~np.isin((rows[:, ADDRESS] + rows[:, BYTES] - 1) >> 4, units)
    return rows[~constant]


def says_nothing(function, launch):
    outside = ("griddepcontrol", "barrier.cluster", "mapa", "call")
    return any(e > 1 for e in launch.get("cluster") or []) or \
        any(s.kind == "instruction" and s.is_(*outside) for s in function.statements)


def needless(rows, function, line, of_warp, warps_stay=False):
    """Whether the barrier of that line separates nothing in these rows; with `warps_stay` a barrier of the warp is left in
    its place, and only what is of different warps counts."""
    opcodes = {}
    for s in function.statements:
        if s.kind == "instruction":
            if s.line in opcodes and line == s.line:
                return False
            opcodes[s.line] = s
    return all(_needless_in_block(rows[rows[:, BLOCK] == block], opcodes, line, of_warp, warps_stay)
               for block in np.unique(rows[:, BLOCK]))


def wait_of_nothing(rows, line):
    """The wait of that line covers no copy, or only copies whose bytes in shared memory no thread touches any more (for
    what a copy reads: writes)."""
    for block in np.unique(rows[:, BLOCK]):
        here = rows[rows[:, BLOCK] == block]
        begins = np.flatnonzero((here[:, KIND] == COPY_WAIT) & (here[:, LINE] == line) & (here[:, BYTES] != 0))
        if any(_is_touched(here, begin) for begin in begins.tolist()):
            return False
    return True


def _is_touched(rows, begin):
    end = begin + 1 + int(np.argmax(rows[begin + 1:, KIND] == COPY_WAIT))
    shared = rows[:, ADDRESS] < SHARED_END
    covered = rows[begin + 1:end][shared[begin + 1:end]]
    later = rows[end + 1:][shared[end + 1:] & (rows[end + 1:, KIND] <= MATRIX_READ)]
    reads = covered[:, KIND] == READ
    return overlap(covered[~reads], later) or overlap(covered[reads], later[later[:, KIND] == WRITE])


def overlap(some, others):
    if not len(some) or not len(others):
        return False
    touched = np.zeros(SHARED_END >> 4, bool)  # by 16 bytes: more than there is at worst
    for address, size in set(zip(some[:, ADDRESS].tolist(), some[:, BYTES].tolist())):
        touched[address >> 4:(address + size + 15) >> 4] = True
    return bool(touched[others[:, ADDRESS] >> 4].any() or touched[(others[:, ADDRESS] + others[:, BYTES] - 1) >> 4].any())


def own_words(rows, line, among_threads):
    """What the access of that line touches no other block touches (or no other thread): nobody shares a word with it."""
    data = rows[rows[:, KIND] <= WRITE]
    owner = data[:, BLOCK] * 65536 + (data[:, WARP] * 32 + data[:, LANE] if among_threads else 0)
    owner = np.where((data[:, ADDRESS] < SHARED_END) & ~among_threads, -1, owner)
    shared = _same_words(data, data[:, LINE] == line)
    return not _conflict(data[shared], np.zeros(shared.sum(), np.int64), owner[shared], owner[shared],
                         np.ones(shared.sum(), bool), np.ones(shared.sum(), bool))


def without_flags(rows, function, near):
    """Near a fence of the block (`near`: the lines that are reached from it, or it from them, with no barrier of the block
    between) no thread reads or writes by a strong access what another one of its block has written so, or
    writes so what another one reads: nothing there for the fence to hang on."""
    if any(s.kind == "instruction" and s.is_("mbarrier") and "relaxed" in s.parts for s in function.statements):
        return False
    lines = [s.line for s in function.statements if s.kind == "instruction" and _is_strong(s)]
    rows = rows[np.isin(rows[:, LINE], lines) & (rows[:, KIND] <= WRITE)]
    rows = rows[_same_words(rows, np.isin(rows[:, LINE], near))]
    # Each row has a side of its own thread: then all pairs of threads count.
    thread = rows[:, WARP] * 32 + rows[:, LANE]
    return not _conflict(rows, rows[:, BLOCK], thread, thread, rows[:, KIND] <= WRITE, rows[:, KIND] == WRITE)


def _same_words(rows, asked):
    """The rows that touch a word that one of `asked` touches."""
    units = np.stack([np.where(at < rows[:, BYTES], (rows[:, ADDRESS] + at) >> 2, -1) for at in (0, 4, 8, 12)])
    return np.isin(units, np.setdiff1d(units[:, asked], [-1])).any(axis=0)


def _is_strong(s):
    return s.is_("atom", "red") or (s.is_("ld", "st") and bool(STRONG & set(s.parts)))


def _counted(rows, of_warp, line):
    """(stretch, side) of each row: how many barriers of other lines, and how many of all, its warp has met."""
    stretch, side = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    met = {}
    for warp in np.unique(rows[:, WARP]):
        at = np.flatnonzero(rows[:, WARP] == warp)
        own = rows[at]
        lanes = own[:, KIND] == BARRIER
        whole = own[lanes, BYTES].max(initial=0)
        counts = lanes.copy()
        if (own[lanes, BYTES] != whole).any():
            return None
        if of_warp:
            synced = own[:, KIND] == WARP_BARRIER
            all_lanes = np.bitwise_or.reduce(1 << own[(own[:, KIND] < BARRIER), LANE]) if len(own) else 0
            counts |= synced & (((own[:, BYTES] & all_lanes) == all_lanes) | (own[:, LINE] == line))
        met[warp] = [tuple(r) for r in own[lanes][:, [LINE, ADDRESS]]]
        stretch[at] = np.cumsum(counts & (own[:, LINE] != line))
        side[at] = np.cumsum(counts)
    longest = max(met.values(), key=len, default=[])
    if any(longest[:len(m)] != m for m in met.values()):
        return None
    return stretch, side


def _needless_in_block(rows, opcodes, line, of_warp, warps_stay):
    counted = _counted(rows, of_warp, line)
    if counted is None:
        return False
    stretch, side = counted
    if of_warp:  # each warp for itself
        stretch = stretch * 64 + rows[:, WARP]
    # Stretches that the barrier divides.
    order = np.lexsort((side, stretch))
    keys, first, counts = np.unique(stretch[order], return_index=True, return_counts=True)
    divided = keys[side[order][first] != side[order][first + counts - 1]]
    keep = np.isin(stretch, divided)
    rows, stretch, side = rows[keep], stretch[keep], side[keep]
    thread = rows[:, WARP] * 32 + rows[:, LANE]
    kind = rows[:, KIND]

    def marks(test):
        return np.isin(rows[:, LINE], [at for at, s in opcodes.items() if test(s)])
    starts = (kind == MBARRIER) & marks(lambda s: s.is_("mbarrier.init", "mbarrier.inval"))
    arrives = (kind == MBARRIER) & marks(lambda s: s.is_("mbarrier.arrive", "mbarrier.arrive_drop", "cp.async.mbarrier"))
    updates = arrives | ((kind == MBARRIER) & marks(lambda s: s.is_("mbarrier.expect_tx", "mbarrier.complete_tx", "cp")))
    data = kind <= WRITE
    outside = data & (rows[:, ADDRESS] >= SHARED_END)
    flags = outside & marks(_is_strong)
    writes = (kind == WRITE) | starts

    touched = data | (kind == MBARRIER)
    if _conflict(rows, stretch, side, rows[:, WARP] if warps_stay else thread, touched, writes):
        return False
    matrix = kind == MATRIX_READ
    written = kind == WRITE
    if matrix.any() and (_waits_alone(rows, stretch, side) or _before_products(rows, stretch, side, matrix, written) or
                         _conflict(rows, stretch, side, rows[:, WARP] // 4, matrix | written, written)):
        return False
    waits = kind == WAITED
    if _later(stretch, side, thread, waits, updates, rows[:, ADDRESS]):
        return False
    if waits.any() and _told_alone(rows, stretch, side, thread, waits, touched | matrix):
        return False
    # Who waits behind one more barrier learns from that one.
    here = {(key, a) for key, a in _distinct(stretch[waits], rows[waits, ADDRESS])}
    heard = arrives & np.array([(key, a) in here for key, a in zip(stretch.tolist(), rows[:, ADDRESS].tolist())], bool)
    return not (_later(stretch, side, thread, touched | matrix, heard) or
                _later(stretch, side, thread, outside, flags) or
                _later(stretch, side, thread, flags, outside))


def _conflict(rows, stretch, side, thread, touched, writes):
    """Two threads, different sides of one stretch, the same bytes, one of them writes."""
    at = np.flatnonzero(touched)
    if not len(at) or not writes[at].any():
        return False
    which, place = _places(rows, stretch, at)
    if which is None:
        return True
    seen = (place, _dense(side[which]), _dense(thread[which]))
    written = writes[which]
    everything, some = _keys(seen), np.unique(_keys(seen)[written])
    kept = np.unique(everything, return_index=True)[1]
    seen = tuple(column[kept] for column in seen)

    def count(*columns):
        """How many there are with the same of these columns, for each that is written."""
        keys = sum(column << shift for column, shift in columns)
        found, back = np.unique(keys, return_inverse=True)
        return np.bincount(back)[back][np.isin(_keys(seen), some)]
    p, s, t = seen
    others = count((p, 0)) - count((p, 24), (s, 0)) - count((p, 16), (t, 0)) + 1
    return bool((others > 0).any())


def _places(rows, stretch, at):
    """The rows `at` in parts of one size: (which row, which bytes of which stretch)."""
    address, width = rows[at, ADDRESS], rows[at, BYTES]
    unit = int(np.gcd(np.gcd.reduce(address), np.gcd.reduce(width))) or 1
    parts = width // unit
    if parts.sum() > MOST_PARTS:
        return None, None
    which = np.repeat(at, parts)
    inner = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    return which, _dense(_dense(stretch[which]) << 40 | _dense(rows[which, ADDRESS] // unit + inner))


def _before_products(rows, stretch, side, matrix, written):
    """What a product reads was written on an earlier side: by three warps of its group at least it was not waited for."""
    which, place = _places(rows, stretch, np.flatnonzero(matrix | written))
    if which is None:
        return True
    first = np.full(place.max() + 1, 1 << 60)
    last = np.full(place.max() + 1, -1)
    stored = written[which]
    np.minimum.at(first, place[stored], side[which][stored])
    np.maximum.at(last, place[~stored], side[which][~stored])
    return bool((first < last).any())


def _dense(values):
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _keys(columns):
    place, side, thread = columns
    return (place * (side.max() + 1) + side) * (thread.max() + 1) + thread


def _distinct(*columns):
    return np.unique(np.stack(columns), axis=1).T.tolist()


def _later(stretch, side, thread, before, after, place=None):
    """In one stretch (and at one place) a row of `before` is on an earlier side than one of `after` by another thread."""
    place = np.zeros(len(stretch), np.int64) if place is None else place
    earlier = {}
    for key, a, s, t in _distinct(stretch[before], place[before], side[before], thread[before]):
        earlier.setdefault((key, a), []).append((s, t))
    return any(s0 < s and t0 != t for key, a, s, t in
               _distinct(stretch[after], place[after], side[after], thread[after]) for s0, t0 in earlier.get((key, a), []))


def _waits_alone(rows, stretch, side):
    """A warp has waited for products on a side on which another warp of its group has not."""
    groups = {}
    at = rows[:, KIND] == MATRIX_WAITED
    for key, s, warp, number in _distinct(stretch[at], side[at], rows[at, WARP], rows[at, ADDRESS]):
        latest = groups.setdefault((key, s, warp // 4), {})
        latest[warp] = max(latest.get(warp, 0), number)
    return any(len(latest) != 4 or len(set(latest.values())) != 1 for latest in groups.values())


def _told_alone(rows, stretch, side, thread, waits, touched):
    """Behind the barrier threads touch memory that have not waited, before it, where others have."""
    waited, later = {}, {}
    for key, s, a, t in _distinct(stretch[waits], side[waits], rows[waits, ADDRESS], thread[waits]):
        waited.setdefault((key, s, a), set()).add(t)
    for key, s, t in _distinct(stretch[touched], side[touched], thread[touched]):
        later.setdefault(key, []).append((s, t))
    return any(s0 > s and t not in threads for (key, s, _), threads in waited.items() for s0, t in later.get(key, []))


ASYNC = ("cp.async.bulk", "cp.reduce.async.bulk")


def proxy_fence_of_nothing(rows, function, line):
    """Without the fence of the async proxy in that line there is still, in all that a copy or a product touches through
    that proxy, another one by the thread that has written it last by an ordinary access, behind that access and before a barrier of
    the block that both pass. What a copy brings may come over what has been read; who initialises an mbarrier hands it on by
    the barrier of the block alone."""
    opcodes = {s.line: s for s in function.statements if s.kind == "instruction"}
    through = [at for at, s in opcodes.items() if s.is_(*ASYNC)]
    others = [at for at, s in opcodes.items() if s.is_("fence.proxy.async") and at != line]
    asynchronous = np.isin(rows[:, LINE], through) & (rows[:, KIND] <= WRITE) | (rows[:, KIND] == MATRIX_READ)
    outside = rows[:, ADDRESS] >= SHARED_END
    written = (rows[:, KIND] == WRITE) & ~asynchronous
    if "shared::cta" not in opcodes[line].parts and (asynchronous & outside).any() and (written & outside).any():
        return False
    for block in np.unique(rows[:, BLOCK]):
        mine = (rows[:, BLOCK] == block)
        counted = _counted(rows[mine], False, line)
        if counted is None or not _fenced(rows[mine], counted[1], (asynchronous & ~outside)[mine], (written & ~outside)[mine], others):
            return False
    return True


def _fenced(rows, side, asynchronous, written, fences):
    """Whether what is written is fenced in those lines, on an earlier side, before it is touched through the proxy."""
    fenced_at = {}  # by warp and lane: (row, side) of its fences
    fencing = (rows[:, KIND] == FENCE) & np.isin(rows[:, LINE], fences)
    for at in np.flatnonzero(fencing).tolist():
        for lane in range(32):
            if rows[at, BYTES] >> lane & 1:
                fenced_at.setdefault((int(rows[at, WARP]), lane), []).append((at, int(side[at])))
    last = {}  # by 4 bytes: (row, thread)
    for at in np.flatnonzero(asynchronous | written).tolist():
        _, warp, lane, _, _, size, address = rows[at].tolist()
        units = range(address >> 2, (address + max(size, 1) + 3) >> 2)
        if written[at]:
            last.update((u, (at, (warp, lane))) for u in units)
            continue
        for when, thread in {last[u] for u in units if u in last}:
            if not any(f > when and f < at and s < side[at] for f, s in fenced_at.get(thread, [])):
                return False
    return True
