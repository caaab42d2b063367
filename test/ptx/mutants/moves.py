# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Waits that move by one: behind the first instruction that they stand before.
import ptx_text
from opcode_families import (BLOCK_BARRIERS, TRY_WAITS, WAIT_GROUPS, hands_over, instructions, is_memory,
                             touches_shared, writes_shared)
from sites import Site


def protected_by(function, s, threads):
    """Whether an instruction is one that this wait stands before: it touches what the wait says is over, or hands
    that on to threads of which one touches it before they meet again. Other waits, fences, votes and
    what only computes are not: a wait that moves behind them still stands before all that matters."""
    def behind(t, matters, stops=lambda u: False):
        return ptx_text.reaches(function, t.index, function.successors, stops, matters)

    def follows(t, touches):
        return touches(t) or (hands_over(t) and behind(t, touches, lambda u: u.is_(*BLOCK_BARRIERS)))
    if s.is_("wgmma.wait_group"):
        names = {n for t in instructions(function) if t.is_("wgmma.mma_async") for o in t.operands[:2]
                 for n in ptx_text.NAME.findall(o.text) if o.text.startswith("{")}
        products = lambda t: t.is_("wgmma.mma_async")
        # The copies that an arrival lets go are of the next round: there is one, and they are of another warpgroup.
        return lambda t: (bool(t.registers & names) and not t.is_("wgmma")) or \
            (threads > 128 and hands_over(t) and t.is_("mbarrier") and behind(t, products))
    if s.is_("cp.async.bulk.wait_group"):
        writes = writes_shared if "read" in s.parts else lambda t: is_memory(t) and not t.is_("ld.global.nc", "prefetch")
        return lambda t: follows(t, writes)
    if s.is_("cp.async.wait_group", "cp.async.wait_all"):
        return lambda t: follows(t, touches_shared)
    return lambda t: touches_shared(t) or (t.is_("mbarrier.arrive") and "expect_tx" not in t.parts)


def skipped_part(function, index):
    """The label behind a part that a branch forward skips, where nothing else leads into the part or out of it; or
    None."""
    branch = function.statements[index]
    target = (function.successors(index) or [0])[0]
    if not branch.is_("bra") or not branch.guard or target <= index:
        return None
    inside = set(range(index + 1, target))
    for i, t in enumerate(function.statements):
        if t.kind == "instruction" and t.is_("bra", "brx", "ret", "exit", "call"):
            if i in inside and (t.is_("brx", "ret", "exit", "call") or not set(function.successors(i)) <= inside | {target}):
                return None
            if i not in inside and i != index and set(function.successors(i)) & (inside | {target}):
                return None
    return target


def moved_waits(function, source, threads=1024):
    """The wait behind the first instruction that it stands before (or behind the part around it that a branch skips).
    What lies between goes along; a wait before which control comes together or apart has no such place."""
    for s in instructions(function):
        if not s.is_(*WAIT_GROUPS) and not s.is_(*TRY_WAITS):
            continue
        first, last = (s.index, s.index) if s.is_(*WAIT_GROUPS) else wait_loop(function, s)
        if first is None:
            continue
        passed, target = first_protected(function, last, protected_by(function, s, threads))
        if passed is None:
            continue
        start = function.statements[first].start
        end = function.statements[target].end
        text = ptx_text.without_comments(source)[function.statements[last].end:end]
        yield Site("moved", s.line, f"behind line {passed.line}", [(start, start, " ".join(text.split()) + " "),
                   (function.statements[last].end, end, "")], s, rule="wait deleted")


def first_protected(function, last, protected):
    """(the instruction, the statement behind which a wait that ends with `last` comes), or (None, None)."""
    joins, found = [], None
    for index in range(last + 1, len(function.statements)):
        t = function.statements[index]
        if joins and index == joins[-1]:
            joins = [j for j in joins if j != index]
            if found and not joins:
                return found, index
            continue
        if t.kind == "label":
            break
        if t.kind != "instruction":
            continue
        if t.is_("bra", "brx", "ret", "exit", "call", "trap"):
            join = skipped_part(function, index)
            if join is None or (joins and join > joins[-1]):
                break
            joins.append(join)
        elif found is None and protected(t):
            found = t
            if not joins:
                return t, index
    return None, None


def wait_loop(function, s):
    """First and last statement of the loop around a try_wait, with the braces of inline assembly; (None, None)
    where what leaves the loop is not what follows it."""
    body = function.statements
    last = s.index
    while last + 1 < len(body) and last < s.index + 6 and not (body[last].kind == "instruction" and body[last].is_("bra") and
                                   any(t <= s.index for t in function.successors(last))):
        last += 1
    if not body[last].is_("bra"):
        return None, None
    first = min(t for t in function.successors(last))
    leaves = {t for i in range(first, last + 1) for t in function.successors(i)} - set(range(first, last + 1))
    inner = body[first].scope  # of inline assembly: the labels behind the loop and the brace go with it
    while inner and last + 1 < len(body) and body[last + 1].scope == inner and body[last].kind != "close" and \
            body[last + 1].kind in ("label", "close"):
        last += 1
        leaves.discard(last)
        if body[last].kind == "close":
            while first > 0 and not (body[first].kind == "open" and body[first].scope == inner):
                first -= 1
    return (first, last) if leaves <= {last + 1} else (None, None)
