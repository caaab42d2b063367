# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What can be broken where. Each kind is a function over the statements of the kernel that yields its sites: what makes
# threads wait for each other here, what says where data lies in places.py, waits that move in moves.py.
import re

from moves import moved_waits
from opcode_families import ARRIVALS, BARRIERS, BLOCK_BARRIERS, COMMITS, FENCES, TRY_WAITS, WAIT_GROUPS, instructions
from places import bounds, descriptors, stages, swizzles
from sites import Site, added, changed_register, replaced, with_opcode, with_operand


def waits(function, source):
    for s in instructions(function):
        if s.is_(*WAIT_GROUPS):
            yield Site("wait", s.line, "deleted", replaced(s, ""), s, rule="wait deleted")
            if s.is_("cp.async.bulk.wait_group") and "read" not in s.parts:
                yield Site("wait", s.line, "waits for reads only", with_opcode(s, s.opcode + ".read", source), s,
                           rule="read only")
        elif s.is_(*TRY_WAITS):
            yield Site("wait", s.line, "succeeds at once",
                       replaced(s, f"{s.guard} setp.eq.u32 {s.operands[0].text.split('|')[0]}, 0, 0;"), s,
                       rule="wait succeeds")


def fences(function, source):
    for s in instructions(function):
        if s.is_(*FENCES):
            yield Site("fence", s.line, "deleted", replaced(s, ""), s, rule="fence deleted")


def arrivals(function, source):
    for s in instructions(function):
        if not s.is_(*ARRIVALS):
            continue
        state = s.operands[0].text if s.is_("mbarrier.arrive", "mbarrier.arrive_drop") and len(s.operands) > 1 else "_"
        token = "" if state == "_" or state.startswith("[") else f"{s.guard} mov.b64 {state}, 0;"
        yield Site("arrive", s.line, "deleted", replaced(s, token), s, rule="arrive deleted")
        if s.is_("mbarrier.arrive.expect_tx"):
            last = s.operands[-1]
            comma = source.rindex(",", s.start, last.start)
            yield Site("arrive", s.line, "expects no bytes",
                       with_opcode(s, s.opcode.replace(".expect_tx", ""), source) + [(comma, last.end, "")], s)


def barriers(function, source, threads=1024):
    previous = None
    for s in instructions(function):
        if s.is_(*BARRIERS):
            edits = replaced(s, "")
            if s.is_("barrier.cluster.wait") and previous and previous.is_("barrier.cluster.arrive"):
                edits += replaced(previous, "")
            yield Site("barrier", s.line, "deleted", edits, s, rule="barrier deleted")
        if s.is_(*BLOCK_BARRIERS) and threads > 32:
            yield Site("barrier", s.line, "of the warp only", replaced(s, f"{s.guard} bar.warp.sync -1;"), s,
                       rule="barrier deleted")
        previous = s


def parities(function, source):
    for s in instructions(function):
        if not (s.is_(*TRY_WAITS) and "parity" in s.parts and len(s.operands) > 2):
            continue
        value = s.operands[2].integer
        edits = changed_register(s, 2, "xor", 1, 32, source) if value is None else with_operand(s, 2, str(value ^ 1))
        yield Site("parity", s.line, "of the other phase", edits, s)


def byte_counts(function, source):
    for s in instructions(function):
        index = None
        if s.is_("mbarrier.expect_tx") or (s.is_("mbarrier.arrive", "mbarrier.arrive_drop") and "expect_tx" in s.parts):
            index = len(s.operands) - 1
        elif s.is_("cp.async.bulk", "cp.reduce.async.bulk") and len(s.operands) >= 3 and "tensor" not in s.parts:
            index = 2 if "prefetch" not in s.parts else None
        if index is not None:
            for by in (16, -16):
                edits = added(s, index, by, source)
                if edits:
                    yield Site("bytes", s.line, f"{by:+d} bytes", edits, s)
        elif s.is_("cp.async.ca", "cp.async.cg") and len(s.operands) in (3, 4) and (s.operands[2].integer or 0) >= 8:
            half = s.operands[2].integer // 2
            edits = with_operand(s, 2, str(half)) + with_opcode(s, s.opcode.replace(".cg", ".ca"), source)
            if len(s.operands) == 4 and s.operands[3].integer is None:
                edits = changed_register(s, 3, "min", half, 32, source)
                whole = edits[0][2].replace(s.opcode, s.opcode.replace(".cg", ".ca"))
                size = s.operands[2].text
                edits = replaced(s, re.sub(rf",\s*{size}\s*,\s*%mutated", f", {half}, %mutated", whole))
            yield Site("bytes", s.line, f"{half} bytes", edits, s)


NARROWER = {"gpu": "cta", "sys": "cta", "cluster": "cta", "gl": "cta"}
SYNCHRONISING = ("acquire", "release", "acq_rel")


def scopes(function, source, blocks=2):
    for s in instructions(function):
        ordered = s.is_("atom", "red", "ld", "st", "fence", "membar", "mbarrier.arrive", "mbarrier.try_wait",
                        "mbarrier.test_wait", "mbarrier.arrive_drop")
        shared = any(p.startswith("shared") for p in s.parts) and not s.is_("mbarrier")
        if not ordered or shared or s.is_("fence.mbarrier_init", "fence.proxy"):
            continue
        for i, part in enumerate(s.parts):
            change = lambda new: with_opcode(s, ".".join(s.parts[:i] + [new] + s.parts[i + 1:]), source)
            if part in NARROWER and blocks > 1:
                yield Site("scope", s.line, f".{part} becomes .cta", change("cta"), s, rule="scope narrowed")
            elif part in SYNCHRONISING and not s.is_("fence") and not s.is_("mbarrier"):
                yield Site("scope", s.line, f".{part} becomes .relaxed", change("relaxed"), s, rule="relaxed")
        if blocks > 1 and s.is_("atom", "red") and not set(s.parts) & {"cta", "gpu", "sys", "cluster", "async"}:
            first = s.parts[0]
            yield Site("scope", s.line, "at .cta", with_opcode(s, ".".join([first, "relaxed", "cta"] + s.parts[1:]), source),
                       s, rule="scope narrowed")
        if s.is_("ld", "st") and "volatile" in s.parts:
            yield Site("scope", s.line, "weak", with_opcode(s, s.opcode.replace(".volatile", ""), source), s)


def groups(function, source):
    for s in instructions(function):
        if s.is_(*WAIT_GROUPS) and s.operands and s.operands[-1].integer is not None:
            yield Site("group", s.line, "one group more may be left", added(s, len(s.operands) - 1, 1, source), s,
                       rule="wait deleted")
        elif s.is_(*COMMITS):
            yield Site("group", s.line, "not committed", replaced(s, ""), s, rule="commit deleted")


def participants(function, source, threads=None):
    arrivals_at = {s.operands[0].text for s in instructions(function) if s.is_("bar.arrive", "barrier.arrive", "barrier.cta.arrive")}
    for s in instructions(function):
        if s.is_(*BLOCK_BARRIERS) and s.operands:
            count = s.operands[1].integer if len(s.operands) > 1 else threads
            for by in (32, -32):
                if count and count % 32 == 0 and 0 < count + by <= 1024:
                    edits = with_operand(s, 1, str(count + by)) if len(s.operands) > 1 else \
                        [(s.operands[0].end, s.operands[0].end, f", {count + by}")]
                    yield Site("participants", s.line, f"{by:+d} threads", edits, s)
            if s.operands[0].text in arrivals_at and s.operands[0].integer is not None:
                yield Site("participants", s.line, "at another barrier",
                           with_operand(s, 0, str((s.operands[0].integer + 1) % 16)), s)
        elif s.is_("mbarrier.init") and s.operands[1].integer is None:
            yield Site("participants", s.line, "one arrival more", added(s, 1, 1, source), s)
        elif s.is_("mbarrier.init"):
            for by in (1, -1):
                if s.operands[1].integer + by > 0:
                    yield Site("participants", s.line, f"{by:+d} arrivals", added(s, 1, by, source), s)
        elif s.is_("shfl.sync", "vote.sync", "redux.sync", "match.sync", "bar.warp.sync") and s.operands[-1].integer in (-1, 0xffffffff):
            yield Site("participants", s.line, "without lane 31", with_operand(s, len(s.operands) - 1, str(0x7fffffff)), s)


KINDS = {"wait": waits, "fence": fences, "arrive": arrivals, "barrier": barriers, "parity": parities,
         "bytes": byte_counts, "stage": stages, "scope": scopes, "bound": bounds, "swizzle": swizzles,
         "descriptor": descriptors, "group": groups, "moved": moved_waits, "participants": participants}
