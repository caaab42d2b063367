# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# PTX text as a list of statements with their places, for edits that leave every other line where it is. Only what
# edits need is read: comments, functions, labels, guards, opcodes, operands, and where branches go. It depends on no
# compiler's formatting; types and registers are not checked (the machine does that).
import functools
import re
from dataclasses import dataclass, field

COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"', re.S)
FUNCTION = re.compile(r"\.(entry|func)\b")
LABEL = re.compile(r"([A-Za-z_$%][\w$]*)\s*:(?!:)")
NAME = re.compile(r"[A-Za-z_$%][\w$]*")


@dataclass
class Operand:
    text: str
    start: int
    end: int

    @property
    def is_address(self):
        return self.text.startswith("[")

    @property
    def integer(self):
        try:
            return int(self.text.rstrip("U"), 0)
        except ValueError:
            return None


@dataclass
class Statement:
    kind: str  # instruction, label, open, close
    start: int
    end: int
    line: int
    guard: str = ""
    opcode: str = ""
    name: str = ""  # of a label
    operands: list = field(default_factory=list)
    index: int = 0
    scope: tuple = ()

    def is_(self, *prefixes):
        """Whether the opcode begins with one of these, at a dot."""
        return any(self.opcode == p or self.opcode.startswith(p + ".") for p in prefixes)

    @property
    def parts(self):
        return self.opcode.split(".")

    @property
    def registers(self):
        return {name for operand in self.operands for name in NAME.findall(operand.text)}


@dataclass
class Function:
    name: str
    entry: bool
    statements: list

    def __post_init__(self):
        scope, opened = (), 0
        self.labels = {}  # inline assembly repeats names in scopes of its own
        for i, statement in enumerate(self.statements):
            statement.index = i
            if statement.kind == "open":
                opened += 1
                scope += (opened,)
            statement.scope = scope
            if statement.kind == "close":
                scope = scope[:-1]
            if statement.kind == "label":
                self.labels.setdefault(statement.name, []).append(statement)

    def target(self, statement, name):
        """The label of that name in the innermost scope around the statement."""
        seen = [label for label in self.labels.get(name, []) if statement.scope[:len(label.scope)] == label.scope]
        return [max(seen, key=lambda label: len(label.scope)).index] if seen else []

    def successors(self, index):
        """The statements that may run after this one."""
        statement, following = self.statements[index], [index + 1] if index + 1 < len(self.statements) else []
        if statement.kind != "instruction":
            return following
        if statement.is_("bra"):
            targets = [i for o in statement.operands for i in self.target(statement, o.text)]
            return targets + (following if statement.guard else [])
        if statement.is_("brx"):
            return [label.index for labels in self.labels.values() for label in labels]
        if statement.is_("ret", "exit", "trap") and not statement.guard:
            return []
        return following

    @functools.cached_property
    def predecessors(self):
        before = [[] for _ in self.statements]
        for i in range(len(self.statements)):
            for j in self.successors(i):
                before[j].append(i)
        return before


def _blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def without_comments(source):
    """The text with blanks for comments and strings: every place stays where it is."""
    return COMMENT.sub(_blank, source)


def _matching(text, at, opening, closing):
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == opening) - (text[i] == closing)
        if depth == 0:
            return i
    raise ValueError(f"no {closing!r} for the {opening!r} at offset {at}")


def _operands(text, start, end):
    result, depth, begin = [], 0, start
    for i in range(start, end + 1):
        here = text[i] if i < end else ","
        depth += (here in "{[(") - (here in "}])")
        if here == "," and depth == 0:
            piece = text[begin:i]
            if piece.strip():
                left = begin + len(piece) - len(piece.lstrip())
                result.append(Operand(piece.strip(), left, left + len(piece.strip())))
            begin = i + 1
    return result


def _instruction(text, start, end, line):
    """`start` to the semicolon at `end`."""
    match = re.compile(r"(@!?\s*[\w$%]+)?\s*([\w.:]+)").match(text, start, end)
    if not match:
        raise ValueError(f"line {line}: no instruction")
    return Statement("instruction", start, end + 1, line, guard=match[1] or "", opcode=match[2],
                     operands=_operands(text, match.end(), end))


def _body(text, begin, end):
    statements, at, counted, line = [], begin, 0, 1
    while at < end:
        here = text[at]
        line += text.count("\n", counted, at)
        counted = at
        if here.isspace() or here == ";":
            at += 1
        elif here in "{}":
            statements.append(Statement("open" if here == "{" else "close", at, at + 1, line))
            at += 1
        elif label := LABEL.match(text, at, end):
            statements.append(Statement("label", at, label.end(), line, name=label[1]))
            at = label.end()
        elif re.compile(r"\.(loc|file)\b").match(text, at):
            at = (text.find("\n", at) + 1) or end
        else:
            stop = text.index(";", at, end)
            if here != ".":
                statements.append(_instruction(text, at, stop, line))
            at = stop + 1
    return statements


def functions(source):
    """The functions with bodies, in their order."""
    text = without_comments(source)
    result, at = [], 0
    while found := FUNCTION.search(text, at):
        at = found.end()
        head = re.compile(r"\s*(?:\([^)]*\))?\s*([\w$%]+)").match(text, at)
        if not head:
            continue
        at = head.end()
        while at < len(text) and text[at] not in "{;":
            at = _matching(text, at, "(", ")") + 1 if text[at] == "(" else at + 1
        if at < len(text) and text[at] == "{":
            stop = _matching(text, at, "{", "}")
            result.append(Function(head[1], found[1] == "entry", _body(text, at + 1, stop)))
            at = stop + 1
    return result


def edited(source, edits):
    """`edits`: (start, end, text), disjoint. Line numbers of everything else stay as they are."""
    for start, end, text in sorted(edits, reverse=True):
        removed = source[start:end].count("\n")
        assert text.count("\n") <= removed or start == end
        source = source[:start] + text + "\n" * (removed - text.count("\n")) + source[end:]
    return source


def reaches(function, start, successors, stops, matters):
    """Whether, from `start` (not itself), something that matters comes before a stop on some path."""
    seen, work = {start}, list(successors(start))
    while work:
        index = work.pop()
        if index in seen:
            continue
        seen.add(index)
        statement = function.statements[index]
        if statement.kind == "instruction":
            if stops(statement):
                continue
            if matters(statement):
                return True
        work += successors(index)
    return False
