# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What a test vector is: a form of an opcode (with its modifiers and types), the PTX lines that execute it, bit patterns
# of its inputs and what has to come out. The files beside this one list forms, by families; `runner` makes kernels.
import itertools
import random
import re

from exact import FORMATS

BITS = {"b8": 8, "b16": 16, "b32": 32, "b64": 64, "b128": 128, "pred": 1}


class Form:
    """name: the opcode as it is written. body: its PTX with $0, $1, … for inputs, $d, $d1, … for outputs and $p for a
    predicate to use. columns: of the inputs, lists of bit patterns. expected: from one thread's inputs to its outputs, or
    with `together` from the columns of a warp (lists of 32) to columns. close: compares (got, want, inputs) where
    bits need not be equal. needs: the target."""

    def __init__(self, name, body, inputs, columns, outputs, expected, together=False, close=None, needs="sm_75",
                 declare="", threads=None):
        self.name, self.body, self.inputs, self.outputs = name, body, inputs, outputs
        self.columns, self.expected, self.together = columns, expected, together
        self.close, self.needs, self.declare, self.threads = close, needs, declare, threads

    @property
    def count(self):
        return len(self.columns[0])


class Later:
    """A form whose vectors are dear: they are drawn when it is among those that are wanted."""

    def __init__(self, name, make, *arguments):
        self.name, self.make, self.arguments = name, make, arguments

    def form(self):
        return self.make(*self.arguments)


def expand(pattern):
    """'a{b,c}{,d}' → ab, abd, ac, acd."""
    parts = re.split(r"\{([^}]*)\}", pattern)
    choices = [p.split(",") if i % 2 else [p] for i, p in enumerate(parts)]
    return ["".join(c) for c in itertools.product(*choices)]


def modifiers(name):
    return name.split(".")[1:]


def integer_edges(width):
    top = 1 << width - 1
    return [0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, top - 1, top, top + 1, 2 * top - 1, 2 * top - 2, (2 * top - 1) // 3]


def float_edges(name):
    f = FORMATS[name]
    magnitudes = [0, 1, 2, f.smallest_normal - 1, f.smallest_normal, f.smallest_normal + 1, f.largest, f.largest - 1,
                  f.inf, f.nan, f.inf + 1 if f.infinity else f.nan, 1 << f.m - 1]
    one = f.bias << f.m
    magnitudes += [one, one - 1, one + 1, one + (1 << f.m), one + (1 << f.m - 1), one - (1 << f.m), one | (1 << f.m) - 1]
    return [b & (1 << f.bits) - 1 for m in magnitudes for b in (m, m | f.sign)]


def draw(kinds, seed, count=96):
    """Columns for inputs of these kinds ('b32', 's16', 'f32', 'f16x2', …, or a list to draw from): edges against edges,
    edges against anything, anything; `count` vectors, a multiple of 32."""
    r = random.Random(seed)
    rows = []

    def anything(kind):
        if isinstance(kind, (list, tuple)):
            return r.choice(kind)
        if kind == "pred":
            return r.randrange(2)
        if kind.endswith("x2"):
            half = kind[:-2]
            width = FORMATS[half].bits if half in FORMATS else int(half[1:])
            return one(half) | one(half) << width
        if kind in FORMATS:
            f = FORMATS[kind]
            near = f.bias + r.randrange(-12, 12)  # such that sums and products meet
            bits = r.randrange(1 << f.bits)
            return bits if r.random() < 0.3 else bits & ~f.top | min(max(near, 0), (1 << f.e) - 1) << f.m
        return r.randrange(1 << int(kind[1:])) >> r.choice((0, 0, 0, int(kind[1:]) // 2))

    def edge(kind):
        if isinstance(kind, (list, tuple)) or kind == "pred":
            return anything(kind)
        if kind in FORMATS:
            return r.choice(float_edges(kind))
        return anything(kind) if kind.endswith("x2") else r.choice(integer_edges(int(kind[1:])))

    def one(kind):
        return edge(kind) if r.random() < 0.5 else anything(kind)

    alone = kinds[0] if len(kinds) == 1 and isinstance(kinds[0], str) else ""
    if alone in FORMATS:
        rows += [(b,) for b in float_edges(alone)]
    elif re.fullmatch(r"[bus]\d+", alone):
        rows += [(b,) for b in integer_edges(int(alone[1:]))]
    for i in range(count - len(rows) % count):
        rows.append(tuple((edge if i % 3 == 0 else anything if i % 3 == 1 else one)(k) for k in kinds))
    rows = rows[:max(count, len(rows) // 32 * 32)]
    return [list(column) for column in zip(*rows)]


def register(kind):
    """The register class of a kind of value."""
    if kind == "pred" or kind in BITS:
        return "b16" if kind == "b8" else kind
    if kind.endswith("x2"):
        half = kind[:-2]
        width = 2 * (FORMATS[half].bits if half in FORMATS else int(half[1:]))
    else:
        width = FORMATS[kind].bits if kind in FORMATS else int(kind[1:])
    if kind == "tf32":
        width = 32
    return f"b{max(16, width)}"


def simple(name, kinds, out, function, seed=1, body=None, count=96, close=None, needs="sm_75"):
    """One instruction `name d, a, b, …` whose inputs are of `kinds`."""
    columns = draw(kinds, f"{name}/{seed}", count)
    registers = [("pred" if k == "pred" else "b32" if isinstance(k, (list, tuple)) else register(k)) for k in kinds]
    text = body or f"{name} $d, " + ", ".join(f"${i}" for i in range(len(kinds))) + ";"
    return Form(name, [text] if isinstance(text, str) else text, registers, columns, [register(out)],
                lambda *v: [function(*v)], close=close, needs=needs)


def signed(bits, width):
    return bits - (1 << width) if bits >> width - 1 & 1 else bits


def halves(function, width=16):
    """The function on the low and on the high half."""
    low = (1 << width) - 1
    return lambda *v: function(*(x & low for x in v)) | function(*(x >> width for x in v)) << width
