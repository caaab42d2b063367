# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# When a mutant means the same as its kernel. The first rules are decided from the text and the launch, by the flow of the
# kernel; those behind the line are asked of survivors. A mutant that a rule covers is counted as equivalent.
#
#   one block          a scope narrowed to .cta where the launch has one block
#   one thread         a barrier or fence of a block of one thread
#   barrier beside     between the deleted barrier and one of the same threads before (or behind) it, on all paths, no
#                      memory is touched and nothing synchronises; or none is touched before (behind) it at all
#   wait beside        on all paths a wait for at most as many groups follows before memory is touched, or has gone
#                      before and nothing was committed since
#   nothing issued     a wait for groups to which no path comes behind anything that a group could hold
#   commit beside      no wait lets as many groups be pending as come after the commit that is missing (or more; if its group is
#                      empty: more)
#   empty group        a wait that lets one group more be pending, where that group is empty on all paths
#   nothing behind     a wait, acquire, release or fence (or a wait until writes are visible) behind which no memory is
#                      touched, or before which none was; after an atomic, other atomics without a result do not count
#   no taker           an order of atomics in a kernel where no result of an atomic or strong load is looked at, or
#                      nothing but the same word is touched behind one
#   fence beside       no memory is touched between a fence and another one at least as strong, or a barrier of the block; of
#                      two fences of the async proxy, nothing is done through it between them, and no mbarrier told
#   within barriers    a fence of the block that neither releases nor acquires weak accesses between two barriers
#   registers ordered  a wgmma.fence since whose predecessor no register of the products behind it was written
#   ---
#   nothing behind     survivors among waits on mbarriers that were changed otherwise (parity, stage) and behind which the
#                      thread only ends, in a kernel without clusters
#   separates nothing  a barrier on whose sides, up to the barriers of other lines, no two threads touch the same bytes, one
#                      of them writing, and none tells others what has been done; by what threads touch in two runs of the
#                      kernel (footprints.py)
#   wait of nothing    a wait for copies that covers none in two runs of the kernel, or only some whose bytes no thread
#                      touches any more
#   untouched group    a wait that lets one group more be pending: in two runs of the kernel no thread touches what is in that group
#                      any more
#   fence of nothing   a fence of the async proxy without which all that ordinary accesses have written in two runs is still fenced
#                      before that proxy touches it
#   nobody else's word  the scope or the order of an access to words that no other block (thread) touches in two runs
#   no flag in the block  a fence of the block in a kernel that has no word which two threads of a block access by strong
#                      accesses, one of them writing: it orders nothing for anybody in its scope
#   same order         a weaker access or fence that orders, by the letter of the memory model, everything that the kernel's
#                      orders in two runs of it (causality.py)
#   never waits        an mbarrier wait that is true at the first look in every run of the kernel; told by a trap
#   same predicate     the mutated comparison gives the same result in every execution of every run of the kernel; told
#                      by running the kernel with a trap where the two would differ
#   never executed     the edited instruction is not reached in any run of the kernel; told by a trap in its place
import dataclasses

import causality
import footprints
import group_rules
import opcode_families as families
import ptx_text
from ptx_text import reaches


def either_side(function, statement, stops, matters):
    """Nothing that matters lies between the statement and a stop (or the kernel's end) on one of its sides."""
    before = function.predecessors
    return not reaches(function, statement.index, function.successors, stops, matters) or \
        not reaches(function, statement.index, lambda i: before[i], stops, matters)


def _ends(statement):
    return statement.is_("ret", "exit")


def _orders(statement):
    return (families.is_memory(statement) or families.is_synchronisation(statement)) and not _ends(statement) and \
        not statement.is_("ld.global.nc")


def same_threads(site):
    count = site.statement.operands[1:] if site.statement.operands else []
    return lambda t: t.is_(*families.BLOCK_BARRIERS) and [o.text for o in t.operands[1:]] == [o.text for o in count]


def barrier_beside(function, site, launch):
    s = site.statement
    if s.is_(*families.BLOCK_BARRIERS):
        stops = same_threads(site)
    elif s.is_("bar.warp.sync"):
        stops = lambda t: t.is_("bar.warp.sync", *families.BLOCK_BARRIERS)
    else:
        return None
    # Other barriers of the same kind stop the search, so what synchronises otherwise must not come first.
    matters = lambda t: _orders(t) and not t.is_("shfl", "vote", "activemask", "elect", "redux", "match")
    return "barrier beside" if either_side(function, s, stops, matters) else None


def last_wait(function, site, launch):
    """A wait on an mbarrier behind which the thread only ends (or waits again); in a cluster it keeps the block alive."""
    cluster = any(extent > 1 for extent in launch.get("cluster") or [])
    matters = lambda t: _orders(t) and not t.is_(*families.TRY_WAITS)
    behind = reaches(function, site.statement.index, function.successors, lambda t: False, matters)
    return None if cluster or behind or not site.statement.is_(*families.TRY_WAITS) else "nothing behind"


def no_taker(function, site, launch):
    """An acquire whose result nobody looks at, or behind which nothing but the same word is touched, tells nobody
    anything; where all are so, no release is taken either."""
    def takes(t):
        if t.is_("mbarrier.test_wait", "mbarrier.try_wait", "barrier.cluster.wait"):
            return True
        loads = t.is_("ld") and set(t.parts) & {"acquire", "relaxed", "volatile"}
        if not loads and not (t.is_("atom") and _used(function, t.operands[0].text)):
            return False
        word = {o.text for o in t.operands if o.is_address}
        other = lambda u: families.touches(u) and not (_strong(u, u.is_("st", "red", "atom")) and {o.text for o in u.operands if o.is_address} == word)
        return reaches(function, t.index, function.successors, lambda u: False, other)
    return None if any(takes(t) for t in families.instructions(function)) else "no taker"


def nothing_behind(function, site, launch):
    s = site.statement
    def _observes(t):
        """Global memory, but for atomics whose result nobody uses: they commute."""
        if not families.touches(t) or any(p.startswith("shared") for p in t.parts):
            return False
        return not (t.is_("red") or (t.is_("atom") and not t.is_("atom.cas", "atom.exch") and
                                     not _used(function, t.operands[0].text)))
    never = lambda t: False
    if site.rule == "read only":
        read = lambda t: t.is_("ld", "atom", "ldu", "cp", "red") and not t.is_("ld.param", "ld.shared", "ld.global.nc") or \
            t.is_("st.global", "mbarrier", "barrier.cluster", "griddepcontrol")
        return None if reaches(function, s.index, function.successors, never, read) else "nothing behind"
    if s.is_("atom", "red") and not reaches(function, s.index, function.successors, never, _observes) and \
            not reaches(function, s.index, function.successors, lambda t: t.is_(*families.BLOCK_BARRIERS), _reads_shared(function)):
        return "nothing behind"
    return "nothing behind" if either_side(function, s, never, families.touches) else None


def _used(function, register):
    return any(register in {n for o in t.operands[1:] for n in ptx_text.NAME.findall(o.text)}
               for t in families.instructions(function))


def _reads_shared(function):
    return lambda t: families.touches(t) and any(p.startswith("shared") for p in t.parts)


def _strong(statement, writes):
    kinds_of = ("st", "atom", "red", "mbarrier.arrive") if writes else ("ld", "atom", "mbarrier.test_wait", "mbarrier.try_wait")
    marks = {"relaxed", "acquire", "release", "acq_rel", "volatile"}
    return statement.is_(*kinds_of) and (bool(marks & set(statement.parts)) or statement.is_("atom", "red", "mbarrier"))


def _weak(statement):
    return families.touches(statement) and not _strong(statement, True) and not _strong(statement, False)


def within_barriers(function, site, launch):
    """A fence of the block, where barriers of the block stand on both sides: it matters as a release of weak accesses by
    a strong write, or as an acquire by a strong read of weak accesses, all of them between the same barriers."""
    s = site.statement
    if not s.is_("membar.cta", "fence.acq_rel.cta", "fence.sc.cta"):
        return None
    stops = lambda t: t.is_(*families.BLOCK_BARRIERS)
    behind = lambda matters: reaches(function, s.index, function.successors, stops, matters)
    ahead = lambda matters: reaches(function, s.index, lambda i: function.predecessors[i], stops, matters)
    releases = ahead(_weak) and behind(lambda t: _strong(t, True))
    acquires = ahead(lambda t: _strong(t, False)) and behind(_weak)
    return None if releases or acquires else "within barriers"


FENCE_STRENGTH = {"cta": 0, "cluster": 1, "gl": 2, "gpu": 2, "sys": 3}


def fence_beside(function, site, launch):
    s = site.statement
    if s.is_("fence.proxy", "fence.mbarrier_init", "wgmma.fence"):
        strong = lambda t: t.opcode == s.opcode
    else:
        scope = max([FENCE_STRENGTH.get(p, 0) for p in s.parts])
        def strong(t):
            fence = t.is_("fence.sc", "fence.acq_rel", "membar") and max(FENCE_STRENGTH.get(p, 0) for p in t.parts) >= scope
            return (fence and ("sc" not in s.parts or "sc" in t.parts)) or (scope == 0 and t.is_(*families.BLOCK_BARRIERS))
    return "fence beside" if either_side(function, s, strong, families.touches) else None


def fenced_again(function, site, launch):
    """A fence of the async proxy covers all that its thread knows of, whoever wrote it: needless where on all paths another
    one comes before something is done through that proxy or a thread is told by an mbarrier."""
    s = site.statement
    if not s.is_("fence.proxy.async"):
        return None
    again = lambda t: t.opcode == s.opcode and not t.guard
    uses = lambda t: t.is_("wgmma.mma_async", "cp.async.bulk", "cp.reduce.async.bulk") and \
        not t.is_("cp.async.bulk.commit_group", "cp.async.bulk.wait_group")
    tells = lambda t: uses(t) or t.is_("mbarrier.arrive", "mbarrier.arrive_drop", "barrier.cluster.arrive", "bar.arrive")
    if reaches(function, s.index, function.successors, again, tells):
        return None
    elsewhere = {t.index for t in families.instructions(function) if uses(t)}
    reached = set()
    def note(t):
        reached.add(t.index)
        return False
    reaches(function, s.index, function.successors, lambda t: False, note)
    return None if elsewhere - reached else "fence beside"


def registers_ordered(function, site, launch):
    """wgmma.fence orders writes of registers before wgmma; needless where none was written since the last one."""
    s = site.statement
    if not s.is_("wgmma.fence"):
        return None
    products, fences = (lambda t: t.is_("wgmma.mma_async")), (lambda t: t.is_("wgmma.fence"))
    used = set()

    def collect(t):
        if products(t):
            used.update(n for o in t.operands for n in ptx_text.NAME.findall(o.text))
        return False
    reaches(function, s.index, function.successors, fences, collect)
    writes = lambda t: t.operands and not t.is_("st", "bra", "bar", "barrier") and not products(t) and \
        used & set(ptx_text.NAME.findall(t.operands[0].text))
    before = lambda i: function.predecessors[i]
    entered = lambda t: t.index == 0 or writes(t)
    return None if reaches(function, s.index, before, fences, entered) else "registers ordered"


def near(function, s):
    """The lines that are reached from the statement, or it from them, with no barrier of the block between."""
    lines = {s.line}
    def collect(t):
        lines.add(t.line)
        return False
    for follows in (function.successors, lambda i: function.predecessors[i]):
        reaches(function, s.index, follows, lambda t: t.is_(*families.BLOCK_BARRIERS), collect)
    return sorted(lines)


def same_order(function, site, launch, recorded):
    """By the letter of the memory model what is weaker orders all that it did in runs of the kernel itself."""
    s = site.statement
    if site.kind not in ("scope", "fence") or not s.is_("ld", "st", "atom", "red", "fence.acq_rel", "fence.sc", "membar"):
        return None
    if not function.entry or footprints.says_nothing(function, launch):
        return None
    mutated = None if site.kind == "fence" else causality.access_of(dataclasses.replace(s, opcode=site.edits[0][2]))
    asks = lambda rows: rows is not None and causality.same_order(rows, function, s.line, mutated)
    return "same order" if all(asks(rows) for rows in recorded()) else None


def footprint_rule(function, site, launch, recorded):
    """What threads touch in runs of the kernel itself says that the barrier, or the fence of the block, separates nothing."""
    s = site.statement
    if site.rule == "barrier deleted" and s.is_(*families.BLOCK_BARRIERS, "bar.warp.sync"):
        name, asks = "separates nothing", lambda rows: footprints.needless(rows, function, s.line, s.is_("bar.warp.sync"),
                                                                           site.what == "of the warp only")
    elif site.rule in ("scope narrowed", "relaxed") and s.is_("ld", "st", "atom", "red"):
        name, asks = "nobody else's word", lambda rows: footprints.own_words(rows, s.line, site.rule == "relaxed")
    elif site.rule == "wait deleted" and site.kind != "group" and s.is_("cp.async.wait_group", "cp.async.wait_all", "cp.async.bulk.wait_group.read"):
        name, asks = "wait of nothing", lambda rows: footprints.wait_of_nothing(rows, s.line)
    elif site.rule == "fence deleted" and s.is_("membar.cta", "fence.acq_rel.cta", "fence.sc.cta"):
        name, asks = "no flag in the block", lambda rows: footprints.without_flags(rows, function, near(function, s))
    elif site.rule == "fence deleted" and s.is_("fence.proxy.async"):
        name, asks = "fence of nothing", lambda rows: footprints.proxy_fence_of_nothing(rows, function, s.line)
    elif site.kind == "group" and s.is_("cp.async.wait_group", "cp.async.bulk.wait_group.read"):
        name, asks = "untouched group", lambda rows: group_rules.left_untouched(rows, function, s.line, s.operands[-1].integer)
    else:
        return None
    if not function.entry or footprints.says_nothing(function, launch):
        return None
    return name if all(rows is not None and asks(rows) for rows in recorded()) else None


def one_block(function, site, launch):
    blocks = 1
    for extent in launch["grid"]:
        blocks *= extent
    return "one block" if blocks == 1 else None


def one_thread(function, site, launch):
    return "one thread" if all(extent == 1 for extent in launch["block"]) else None


def fence_of_nothing(function, site, launch):
    """The scope of an atomic also says whom it is atomic for; that of a fence only orders."""
    if not site.statement.is_("fence", "membar"):
        return None
    return nothing_behind(function, site, launch) or no_taker(function, site, launch)


def orders_nothing(function, site, launch):
    """A fence of memory in a kernel where nobody takes."""
    return no_taker(function, site, launch) if site.statement.is_("fence.acq_rel") else None


RULES = {"wait succeeds": [last_wait], "scope narrowed": [one_block, fence_of_nothing], "relaxed": [nothing_behind, no_taker],
         "barrier deleted": [one_thread, barrier_beside], "wait deleted": [group_rules.nothing_issued, group_rules.wait_beside, group_rules.empty_group],
         "commit deleted": [group_rules.commit_beside],
         "read only": [group_rules.nothing_issued, nothing_behind],
         "fence deleted": [one_thread, nothing_behind, orders_nothing, fence_beside, fenced_again, within_barriers,
                           registers_ordered]}


def rule_of(function, site, launch):
    """The rule that says that this edit has no effect, or None; `predicate_probe` decides about comparisons."""
    for rule in RULES.get(site.rule, []):
        if name := rule(function, site, launch):
            return name
    return None


def predicate_probe(site, source):
    """The kernel with a trap where a mutated comparison gives another result, or None."""
    if site.rule != "predicate":
        return None
    inserted = []
    for s in site.statements:
        if not s.operands[0].text.startswith("%") or "|" in s.operands[0].text:
            return None
        mutated = ptx_text.edited(source[s.start:s.end], [(a - s.start, b - s.start, text) for a, b, text in site.edits
                                                          if s.start <= a and b <= s.end])
        at = mutated.index(s.operands[0].text, mutated.index("setp"))
        other = mutated[:at] + "%other" + mutated[at + len(s.operands[0].text):]
        inserted.append((s.end, s.end, f" {{ .reg .pred %other, %differs; mov.pred %other, {s.operands[0].text}; "
                         f"{' '.join(other.split())} xor.pred %differs, %other, {s.operands[0].text}; @%differs trap; }}"))
    return ptx_text.edited(source, inserted)


def reached_probe(site, source):
    """The kernel with a trap before the instructions, under the same guard."""
    return ptx_text.edited(source, [(s.start, s.start, f"{s.guard} trap; ") for s in site.statements])


def waiting_probe(site, source):
    """The kernel with a trap where the wait is not true at once, or None."""
    s = site.statement
    if site.kind not in ("wait", "moved") or not s.is_(*families.TRY_WAITS):
        return None
    return ptx_text.edited(source, [(s.end, s.end, f" @!{s.operands[0].text.split('|')[0]} trap;")])
