# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What can be broken where. Each kind is a function over the statements of the kernel that yields its sites; a site is a
# description and edits of the text. What an edit needs beyond the statement (a register that is changed by one)
# is done in a scope of its own.
import re
from dataclasses import dataclass, field

import ptx_text

WAIT_GROUPS = ("cp.async.wait_group", "cp.async.wait_all", "cp.async.bulk.wait_group", "wgmma.wait_group")
TRY_WAITS = ("mbarrier.try_wait", "mbarrier.test_wait")
FENCES = ("fence", "membar", "wgmma.fence")
ARRIVALS = ("mbarrier.arrive", "mbarrier.arrive_drop", "mbarrier.expect_tx", "cp.async.mbarrier", "bar.arrive",
            "barrier.arrive", "bar.cta.arrive", "barrier.cta.arrive", "barrier.cluster.arrive")
BLOCK_BARRIERS = ("bar.sync", "barrier.sync", "bar.cta.sync", "barrier.cta.sync")
BARRIERS = BLOCK_BARRIERS + ("bar.warp.sync", "barrier.cluster.wait")
COMMITS = ("cp.async.commit_group", "cp.async.bulk.commit_group", "wgmma.commit_group")
COPIES = ("cp.async.ca", "cp.async.cg", "cp.async.bulk", "cp.reduce.async.bulk")
MATRIX_LOADS = ("ldmatrix", "stmatrix", "wmma.load", "wmma.store")
MEMORY = ("ld", "ldu", "st", "atom", "red", "wmma.load", "wmma.store", "ldmatrix", "stmatrix", "wgmma.mma_async", "cp",
          "multimem", "tensormap", "st.async", "red.async")
SYNCHRONISATION = ("bar", "barrier", "fence", "membar", "mbarrier", "wgmma", "griddepcontrol", "shfl", "vote", "match",
                   "redux", "elect", "activemask", "call", "exit", "ret", "trap", "setmaxnreg")


@dataclass
class Site:
    kind: str
    line: int
    what: str
    edits: list = field(default_factory=list)
    statement: object = None
    launch: object = None  # a function that changes the launch file
    rule: str = ""         # what equivalence.py looks at: deleted, weakened, ...
    more: list = field(default_factory=list)  # further statements that are edited

    @property
    def statements(self):
        return [self.statement] + self.more


def instructions(function):
    return [s for s in function.statements if s.kind == "instruction"]


def is_memory(s):
    """Touches memory that another thread may touch."""
    return s.is_(*MEMORY) and not s.is_("ld.param", "st.param", "ld.local", "st.local", "ld.const") and \
        not s.is_("cp.async.commit_group", "cp.async.wait_group", "cp.async.wait_all")


def is_synchronisation(s):
    return s.is_(*SYNCHRONISATION) or s.is_("cp.async.commit_group", "cp.async.wait_group", "cp.async.wait_all",
                                            "cp.async.bulk.wait_group", "cp.async.bulk.commit_group")


def replaced(s, text):
    return [(s.start, s.end, text)]


def with_operand(s, index, text):
    operand = s.operands[index]
    return [(operand.start, operand.end, text)]


def with_opcode(s, opcode, source):
    at = source.index(s.opcode, s.start)
    return [(at, at + len(s.opcode), opcode)]


def changed_register(s, index, operation, constant, width, source):
    """The statement with operand `index` OP constant in its place."""
    operand = s.operands[index]
    text = source[s.start:operand.start] + "%mutated" + source[operand.end:s.end]
    kind = "b" if operation == "xor" else "u"
    return replaced(s, f"{{ .reg .b{width} %mutated; {operation}.{kind}{width} %mutated, {operand.text}, {constant}; "
                    + " ".join(text.split()) + " }")


def added(s, index, amount, source, width=32):
    """An integer operand, or a register, plus amount."""
    value = s.operands[index].integer
    if value is not None:
        return with_operand(s, index, str(value + amount)) if value + amount >= 0 else None
    operation, amount = ("add", amount) if amount > 0 else ("sub", -amount)
    return changed_register(s, index, operation, amount, width, source)


def moved_address(operand, by):
    """[a+o] with o + by."""
    base, offset = split_address(operand)
    return f"[{base}{offset + by:+d}]" if base else f"[{offset + by}]"


def split_address(operand):
    inner = operand.text.strip("[]").replace(" ", "")
    for i in range(len(inner) - 1, 0, -1):
        if inner[i] in "+-":
            try:
                return inner[:i].rstrip("+"), int(inner[i:].lstrip("+"), 0)
            except ValueError:
                break
    return inner, 0


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


def _is_shared_address(s, operand):
    if not operand.is_address or "," in operand.text:
        return False
    if s.is_("cp.async.ca", "cp.async.cg"):
        return operand is s.operands[0]
    if s.is_("cp.async.bulk", "cp.reduce.async.bulk"):
        spaces = [p for p in s.parts if p in ("shared::cta", "shared::cluster", "global")]
        shared = [i for i, space in enumerate(spaces[:2]) if space != "global"]
        return any(operand is s.operands[i] for i in shared if i < len(s.operands))
    return s.is_("mbarrier")


def stages(function, source):
    """Another stage of a ring: the place that a like copy uses with the same base; the neighbouring mbarrier; a ring of
    one stage more or less; the next stage where the ring's index becomes an offset."""
    body = instructions(function)
    if not any(s.is_(*COPIES) or s.is_("mbarrier.init") for s in body):
        return
    places = {}
    for s in body:
        for operand in s.operands:
            if _is_shared_address(s, operand):
                base, offset = split_address(operand)
                places.setdefault((s.opcode, base), set()).add(offset)
    for s in body:
        for operand in s.operands:
            if not _is_shared_address(s, operand):
                continue
            base, offset = split_address(operand)
            others = sorted(places[s.opcode, base])
            at = others.index(offset)
            near = [others[i] for i in (at - 1, at + 1) if 0 <= i < len(others)]
            if s.is_("mbarrier") and not near:
                near = [offset + 8]
            for other in near:
                yield Site("stage", s.line, f"{other - offset:+d} bytes in shared memory",
                           [(operand.start, operand.end, moved_address(operand, other - offset))], s)
    yield from ring_sizes(body, source)


def ring_sizes(body, source):
    """setp p, i, K followed by selp i, .., 0, p (either way round), and what multiplies i by the size of a stage."""
    indices = {s.operands[0].text for s in body if s.is_("selp") and "0" in (s.operands[1].text, s.operands[2].text)}
    for s in body:
        factor = s.operands[2].integer if s.is_("shl.b32", "mul.lo", "mad.lo") and len(s.operands) > 2 else None
        if factor is None or s.operands[1].text not in indices:
            continue
        size = 1 << factor if s.is_("shl") else factor
        if 256 <= size <= 1 << 17:
            result = s.operands[0].text
            yield Site("stage", s.line, "the next stage", [(s.end, s.end, f" add.u32 {result}, {result}, {size};")], s)
    for s, near in ((s, body[i + 1:i + 8]) for i, s in enumerate(body)):
        if not s.is_("setp") or (s.operands[-1].integer or 0) < 2 or len(s.operands) != 3:
            continue
        if any(t.is_("selp") and t.operands[3].text == s.operands[0].text and
               "0" in (t.operands[1].text, t.operands[2].text) for t in near):
            for by in (1, -1):
                yield Site("stage", s.line, f"a ring of {by:+d} stages", added(s, 2, by, source), s, rule="predicate")


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


ORDERED = ("lt", "le", "gt", "ge", "lo", "ls", "hi", "hs")
PREDICATES = ("and.pred", "or.pred", "xor.pred", "not.pred", "mov.pred", "selp.pred")


def bounds(function, source):
    """A bound with which indices are compared before memory is touched is off by one step of the index, wherever the
    kernel compares with it so: of thirty comparisons of an unrolled index one meets the bound. An index hangs on the thread, on
    the block or on a loop; what only hangs on the arguments of a launch is a question about the launch."""
    flow = Values(function)
    found = {}
    for s in instructions(function):
        if s.is_("setp") and len(s.parts) == 3 and s.parts[1] in ORDERED and len(s.operands) == 3 and \
                s.parts[2] in ("s16", "u16", "s32", "u32", "s64", "u64") and flow.varies(s.operands[1].text) and \
                flow.decides_access(s.operands[0].text):
            constant = s.operands[2].integer
            # A comparison with 0 asks for a sign, one with a huge number for padding or for the bits of a float.
            if constant is None or (constant and abs(constant) < 1 << 24):
                # Of a bound that is known when it is compiled the unrolled index's constant is taken away.
                of = s.operands[2].text if constant is None else flow.leaves(s.operands[1].text)
                found.setdefault((s.parts[1], s.parts[2], of), []).append(s)
    for (_, kind, _), group in found.items():
        step = min(flow.step(s.operands[1].text) for s in group)
        for by in (step, -step):
            edits = [added(s, 2, by, source, int(kind[1:])) for s in group]
            if all(edits):
                more = f" in {len(group)} comparisons" if len(group) > 1 else ""
                yield Site("bound", group[0].line, f"{by:+d}{more}", [e for edit in edits for e in edit], group[0],
                           rule="predicate", more=group[1:])


THREAD = ("%tid", "%ctaid", "%laneid", "%warpid", "%cluster_ctaid", "%cluster_ctarank")


class Values:
    """What is known of registers from the instructions that write them."""

    def __init__(self, function):
        self.writers, self.readers = {}, {}
        for s in instructions(function):
            if s.operands and not s.is_("st", "red", "bra", "bar", "barrier"):
                for name in ptx_text.NAME.findall(s.operands[0].text):
                    self.writers.setdefault(name, []).append(s)
            for operand in s.operands[1:]:
                for name in ptx_text.NAME.findall(operand.text):
                    self.readers.setdefault(name, []).append(s)
            if s.guard:
                self.readers.setdefault(s.guard.lstrip("@!").strip(), []).append(s)
        self.function = function
        self._steps = {}

    def leaves(self, name, depth=12):
        """The registers that the value is a sum (or a join of bits) of, but for constants."""
        writers = self.writers.get(name, [])
        if len(writers) == 1 and depth and not writers[0].guard:
            s = writers[0]
            if s.is_("mov", "cvt") and len(s.operands) == 2 and s.operands[1].text.startswith("%"):
                return self.leaves(s.operands[1].text, depth - 1)
            if s.is_("add", "or") and len(s.operands) == 3:
                return frozenset(n for o in s.operands[1:] if o.integer is None for n in self.leaves(o.text, depth - 1))
        return frozenset([name])

    def varies(self, name):
        """Whether the value hangs on the thread, the block, on memory or on a loop."""
        seen, work = set(), [name]
        while work:
            name = work.pop()
            if name in seen:
                continue
            seen.add(name)
            writers = self.writers.get(name, [])
            if name.startswith(THREAD) or len(writers) > 1 or \
                    any(s.is_("ld", "atom", "shfl") and not s.is_("ld.param") for s in writers):
                return True
            work += [n for s in writers for o in s.operands[1:] for n in ptx_text.NAME.findall(o.text)]
        return False

    def step(self, name):
        """The power of two that all values of the register are multiples of, apart from what constants add."""
        zeros = [self.zeros(leaf) for leaf in self.leaves(name)]
        return 1 << min(min(zeros, default=0), 12)

    def zeros(self, name):
        """How many low bits are zero."""
        if name not in self._steps:
            self._steps[name] = 64
            while True:  # to the greatest that holds: loops add to what they began with
                before = dict(self._steps)
                for known in list(self._steps):
                    self._steps[known] = min([self._of(s) for s in self.writers.get(known, [])] or [0])
                if before == self._steps:
                    break
        return self._steps[name]

    def _of(self, s):
        def bits(operand):
            value = operand.integer
            if value is not None:
                return 64 if value == 0 else (value & -value).bit_length() - 1
            return self._steps.setdefault(operand.text, 64) if operand.text in self.writers else 0
        o = s.operands[1:]
        last = o[-1].integer if o else None
        if s.is_("mov", "cvt") and len(o) == 1:
            return bits(o[0])
        if s.is_("add", "sub", "or", "xor", "min", "max", "selp") and len(o) >= 2:
            return min(bits(o[0]), bits(o[1]))
        if s.is_("and") and len(o) == 2:
            return max(bits(o[0]), bits(o[1]))
        if s.is_("shl") and last is not None:
            return bits(o[0]) + last
        if s.is_("shr") and last is not None:
            return max(0, bits(o[0]) - last)
        if s.is_("mul.lo", "mul.wide") and len(o) == 2:
            return bits(o[0]) + bits(o[1])
        if s.is_("mad.lo", "mad.wide") and len(o) == 3:
            return min(bits(o[0]) + bits(o[1]), bits(o[2]))
        return 0

    def decides_access(self, predicate):
        """Whether some access of memory is done or not by this predicate: it guards one (or the size of a copy), or a
        branch around one, itself or by other predicates."""
        seen, work = set(), [predicate]
        while work:
            name = work.pop()
            if name in seen:
                continue
            seen.add(name)
            for t in self.readers.get(name, []):
                guards = t.guard.lstrip("@!").strip() == name
                if guards and (is_memory(t) or t.is_("bra") and self.branches_around(t)):
                    return True
                if t.is_(*PREDICATES) or t.is_("setp"):
                    work += ptx_text.NAME.findall(t.operands[0].text)
                elif t.is_("selp") and "0" in (t.operands[1].text, t.operands[2].text):
                    work.append(t.operands[0].text)
                elif t.is_("cp.async") and any(name in ptx_text.NAME.findall(o.text) for o in t.operands[2:]):
                    return True
        return False

    def branches_around(self, branch):
        """Whether memory is touched on one side of the branch, before the end of its stretch of code."""
        for index in self.function.successors(branch.index):
            for t in self.function.statements[index + (self.function.statements[index].kind == "label"):]:
                if t.kind == "label" or (t.kind == "instruction" and t.is_("bra", "brx", "ret", "exit")):
                    break
                if t.kind == "instruction" and is_memory(t):
                    return True
        return False


UNIT = 16  # bytes: swizzles permute units of 16


def swizzles(function, source):
    """Constants of XOR, or masks of what is XORed, that pick units of 16 bytes (or elements of them)."""
    body = instructions(function)
    if not any(s.is_(*COPIES) or s.is_(*MATRIX_LOADS) or s.is_("wgmma.mma_async") for s in body):
        return
    phases = {o.text for s in body if s.is_(*TRY_WAITS) for o in s.operands[2:3]}
    phases |= {o.text for s in body if s.is_("selp") and s.operands[1].text in ("0", "1") for o in s.operands[:1]}
    mixed = {o.text for s in body if s.is_("xor") and s.parts[-1] in ("b32", "s32") for o in s.operands[1:]}
    for s in body:
        value = s.operands[-1].integer if s.operands else None
        if s.is_("xor") and s.parts[-1] in ("b32", "s32") and value and 8 <= value <= 1024:
            yield Site("swizzle", s.line, f"XOR with {value ^ UNIT}", with_operand(s, 2, str(value ^ UNIT)), s)
        elif s.is_("and") and s.parts[-1] in ("b32", "s32") and value and 8 <= value <= 1024 and s.operands[0].text in mixed:
            low = value & -value
            yield Site("swizzle", s.line, f"mask {value ^ low}", with_operand(s, 2, str(value ^ low)), s)
        elif s.is_("xor") and s.parts[-1] in ("b32", "s32") and value is None and \
                not phases & {o.text for o in s.operands}:
            yield Site("swizzle", s.line, "no XOR",
                       replaced(s, f"{s.guard} mov.b32 {s.operands[0].text}, {s.operands[1].text};"), s)


DESCRIPTOR_FIELDS = {"start": 1, "leading offset": 1 << 16, "stride offset": 1 << 32, "swizzle": 1 << 62}


def descriptors(function, source):
    """Fields of the matrix descriptors of wgmma (64-bit constants beyond 32 bits), and the descriptors themselves."""
    body = instructions(function)
    if not any(s.is_("wgmma.mma_async") for s in body):
        return
    for s in body:
        if s.is_("wgmma.mma_async"):
            for i, operand in enumerate(s.operands):
                if i and not operand.text.startswith("{") and operand.text.startswith("%rd"):
                    for name, bit in DESCRIPTOR_FIELDS.items():
                        if name != "leading offset":  # what a swizzled operand does not have
                            yield Site("descriptor", s.line, f"another {name}",
                                       changed_register(s, i, "xor", bit, 64, source), s)
            continue
        value = s.operands[-1].integer if s.operands and s.parts[-1] in ("b64", "u64", "s64") else None
        if value is None or not s.is_("or", "add", "mov") or abs(value) < 1 << 32:
            continue
        for name, bit in DESCRIPTOR_FIELDS.items():
            if name == "leading offset" and value >> 62 & 3:
                continue
            yield Site("descriptor", s.line, f"another {name}",
                       with_operand(s, len(s.operands) - 1, str(signed(value ^ bit))), s)


def signed(value):
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def groups(function, source):
    for s in instructions(function):
        if s.is_(*WAIT_GROUPS) and s.operands and s.operands[-1].integer is not None:
            yield Site("group", s.line, "one group more may be left", added(s, len(s.operands) - 1, 1, source), s,
                       rule="wait deleted")
        elif s.is_(*COMMITS):
            yield Site("group", s.line, "not committed", replaced(s, ""), s, rule="commit deleted")


def touches_shared(t):
    """Data in shared memory, or memory of no named space."""
    if not is_memory(t) or t.is_("tensormap", "prefetch", "ld.global", "st.global", "atom.global", "red.global"):
        return False
    spaces = [p for p in t.parts if p.startswith("shared") or p == "global"]
    return not spaces or any(p.startswith("shared") for p in spaces)


def writes_shared(t):
    return touches_shared(t) and not t.is_("ld", "ldu", "ldmatrix", "wmma.load", "wgmma.mma_async") and \
        not t.is_("cp.async.bulk.global", "cp.async.bulk.tensor") or \
        (t.is_("cp.async.bulk.tensor") and not _stores_bulk(t))


def _stores_bulk(t):
    spaces = [p for p in t.parts if p.startswith("shared") or p == "global"]
    return spaces[:1] == ["global"]


def hands_over(t):
    """Tells other threads that something is over."""
    return t.is_(*BLOCK_BARRIERS, "bar.arrive", "barrier.arrive", "barrier.cta.arrive", "barrier.cluster.arrive") or \
        (t.is_("mbarrier.arrive", "mbarrier.arrive_drop") and "expect_tx" not in t.parts)


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
