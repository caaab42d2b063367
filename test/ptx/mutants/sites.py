# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A site is a description and edits of the text; here are the edits. What one needs beyond the statement (a register that
# is changed by one) is done in a scope of its own.
from dataclasses import dataclass, field


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
