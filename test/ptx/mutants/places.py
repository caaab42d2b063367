# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Where data lies: stages of a ring, bounds of indices, swizzles, and the fields of matrix descriptors.
from opcode_families import COPIES, MATRIX_LOADS, TRY_WAITS, instructions
from sites import Site, added, changed_register, moved_address, replaced, split_address, with_operand
from values import Values


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
               {"0", s.operands[1].text} == {t.operands[1].text, t.operands[2].text} for t in near):
            for by in (1, -1):
                yield Site("stage", s.line, f"a ring of {by:+d} stages", added(s, 2, by, source), s, rule="predicate")


ORDERED = ("lt", "le", "gt", "ge", "lo", "ls", "hi", "hs")


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
