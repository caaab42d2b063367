# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What is known of registers from the instructions that write them: what a value is a sum of, what it hangs on, which powers
# of two divide it, and whether an access of memory hangs on a predicate.
import ptx_text
from opcode_families import instructions, is_memory

THREAD = ("%tid", "%ctaid", "%laneid", "%warpid", "%cluster_ctaid", "%cluster_ctarank")
PREDICATES = ("and.pred", "or.pred", "xor.pred", "not.pred", "mov.pred", "selp.pred")


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
