# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# wmma: which thread holds what is nobody's business, so a vector is a whole product: three matrices are loaded from
# memory by rows or columns, with or without a stride, from shared or global memory, multiplied, and the result is
# stored. Each thread brings its part of the images of the matrices as words of 64 bits; the image of D is what comes out.
import random

import numpy as np

from exact import FORMATS
from forms import Form, Later
from matrices import SMALL, accumulator, clamp

LANES = 32


def width(kind):
    return {"tf32": 32}.get(kind) or (FORMATS[kind].bits if kind in FORMATS else int(kind[1:]))


class Image:
    """A matrix in memory."""

    def __init__(self, rows, columns, kind, layout, r):
        self.rows, self.columns, self.bits, self.layout = rows, columns, width(kind), layout
        self.lead = columns if layout == "row" else rows  # elements that lie side by side
        self.given = r.random() < 0.7
        self.stride = self.lead * (r.choice((1, 2)) if self.given else 1)
        other = rows if layout == "row" else columns
        self.words = -(-other * self.stride * self.bits // 64 // LANES) * LANES

    def write(self, codes):
        """The image as words of 64 bits, from bit patterns [row][column]."""
        total = 0
        for i in range(self.rows):
            for j in range(self.columns):
                at = i * self.stride + j if self.layout == "row" else j * self.stride + i
                total |= codes[i][j] << at * self.bits
        return [total >> 64 * w & (1 << 64) - 1 for w in range(self.words)]


def values(kind, rows, columns, r):
    """(bit patterns, twice their values)"""
    if kind in FORMATS:
        f, small = FORMATS[kind], 2 * SMALL[kind]
        twice = np.array([[r.randrange(-small, small + 1) for _ in range(columns)] for _ in range(rows)], dtype=np.int64)
        table = {v: f.round(__import__("fractions").Fraction(v, 2)) << (13 if kind == "tf32" else 0)
                 for v in range(-small, small + 1)}
        return [[table[int(v)] for v in row] for row in twice], twice
    bits = int(kind[1:])
    codes = [[r.choice((0, (1 << bits) - 1, 1 << bits - 1)) if r.random() < 0.2 else r.randrange(1 << bits)
              for _ in range(columns)] for _ in range(rows)]
    signed = np.array(codes, dtype=np.int64)
    return codes, 2 * (np.where(signed >> bits - 1, signed - (1 << bits), signed) if kind[0] == "s" else signed)


def registers(count, kind, multiplicand):
    if multiplicand and kind == "f16":
        return 8
    return max(1, count * width(kind) // 32 // max(32, width(kind)))


def product(shape, a, c, d, layouts, options="", number=0):
    """layouts: of A, B, C, D."""
    m, n, k = shape
    text = f"m{m}n{n}k{k}"
    r = random.Random(f"{text}/{a}/{c}/{d}/{layouts}/{options}/{number}")
    images = [Image(*dims, kind, layout, r) for dims, kind, layout in
              zip(((m, k), (k, n), (m, n), (m, n)), (a, a, c, d), layouts)]
    A, B = values(a, m, k, r), values(a, k, n, r)
    C = np.array([[r.randrange(-64, 64) for _ in range(n)] for _ in range(m)], dtype=np.int64)
    if options in ("xor.popc", "and.popc"):
        bits = [np.array(x[0], dtype=np.int64) for x in (A, B)]
        both = bits[0] @ bits[1]
        ones = bits[0].sum(1)[:, None] + bits[1].sum(0)[None, :]
        total = C + (both if options == "and.popc" else ones - 2 * both)
    else:
        total = C + A[1] @ B[1] // 4
        halves = A[1] @ B[1] % 4
    exact = lambda i, j: __import__("fractions").Fraction(int(total[i][j]) * 4 + int(halves[i][j]), 4) if a[0] not in "su" \
        and a != "b1" else int(total[i][j])
    limit = clamp if options == "satfinite" else lambda v: v
    D = [[accumulator(d, limit(exact(i, j))) for j in range(n)] for i in range(m)]
    codes = [A[0], B[0], [[accumulator(c, int(v)) for v in row] for row in C]]
    words = [image.write(x) for image, x in zip(images, codes)]
    columns = [w[p:p + LANES] for w in words for p in range(0, len(w), LANES)]
    wanted = images[3].write(D)
    results = [wanted[lane::LANES] for lane in range(LANES)]
    return form(shape, (a, a, c, d), images, columns, results, layouts, options, r)


def multiplication(shape, kinds, layouts, options):
    """Its name."""
    a, b, c, d = kinds
    types = f"{d}.{c}" if a == "f16" else f"{d}.{a}.{b}.{c}"
    logic, more = f".{options}" if "popc" in options else "", ".satfinite" if options == "satfinite" else ""
    return (f"wmma.mma{logic}.sync.aligned.{layouts[0]}.{layouts[1]}.m{shape[0]}n{shape[1]}k{shape[2]}"
            f"{'.rn' * (options == 'rn')}.{types}{more}")


def form(shape, kinds, images, columns, results, layouts, options, r):
    """One warp, one product. The input is an image of A, B and C in global memory already; `spaces` says from where each is
    loaded."""
    inputs, outputs = len(columns), len(results[0])
    spaces = [r.choice(("", ".shared", ".global", ".shared::cta")) for _ in range(4)]
    lines = ["and.b32 %w5, %w2, 31;", "mul.wide.u32 %d4, %w5, 8;", "sub.u64 %d5, %d1, %d4;", "sub.u64 %d6, %d2, %d4;",
             "mov.b32 %w4, sh;", "shl.b32 %w5, %w5, 3;", "add.u32 %w5, %w5, %w4;", "mov.b64 %d7, sh;",
             "cvta.shared.u64 %d7, %d7;"]
    lines += [f"st.shared.b64 [%w5+{256 * i}], ${i};" for i in range(inputs)]
    lines += [f"st.shared.b64 [%w5+{256 * (inputs + i)}], 0;" for i in range(outputs)]
    lines += [f"st.global.b64 [%d2+{256 * i}], 0;" for i in range(outputs)] + ["bar.warp.sync -1;"]
    names, offset = [], 0
    text = f"m{shape[0]}n{shape[1]}k{shape[2]}"
    counts = [registers(x.rows * x.columns, kind, i < 2) for i, (x, kind) in enumerate(zip(images, kinds))]
    wide = "b64" if kinds[0] == "f64" else "b32"
    lines = [f".reg .{wide} {', '.join(f'%{x}{i}' for x, n in zip('efgj', counts) for i in range(n))};"] + lines

    def address(number, space, is_output=False):
        at = offset if not is_output or "shared" in space or not space else 0
        base = "%w4" if "shared" in space else "%d7" if not space else "%d6" if is_output else "%d5"
        return f"[{base}+{at}]"
    for x, image, kind, n, space in zip("efgj", images, kinds, counts, spaces):
        regs = "{" + ", ".join(f"%{x}{i}" for i in range(n)) + "}"
        stride = f", {image.stride}" if image.given else ""
        part = {"e": "load.a", "f": "load.b", "g": "load.c", "j": "store.d"}[x]
        name = f"wmma.{part}.sync.aligned.{image.layout}.{text}{space}.{kind}"
        names.append(name)
        if x != "j":
            lines.append(f"{name} {regs}, {address(x, space)}{stride};")
        else:
            every = ["{" + ", ".join(f"%{y}{i}" for i in range(c)) + "}" for y, c in zip("efgj", counts)]
            names.append(multiplication(shape, kinds, layouts, options))
            lines.append(f"{names[-1]} {every[3]}, {every[0]}, {every[1]}, {every[2]};")
            lines.append(f"{name} {address(x, space, True)}, {regs}{stride};")
        offset += 8 * image.words
    lines.append("bar.warp.sync -1;")
    back = [f"ld.global.b64 $d{i or ''}, [%d2+{256 * i}];" if spaces[3] == ".global" else
            f"ld.shared.b64 $d{i or ''}, [%w5+{256 * (inputs + i)}];" for i in range(outputs)]
    columns = columns + [list(range(LANES))]
    return Form(names[-1], lines + back, ["b64"] * inputs + ["b32"], columns, ["b64"] * outputs, lambda *v: results[v[-1]],
                declare=".shared .align 128 .b8 sh[16384];", threads=LANES, needs="sm_80")


def forms():
    square = ((16, 16, 16), (32, 8, 16), (8, 32, 16))
    rows = [(s, "f16", c, d, "") for s in square for c in ("f16", "f32") for d in ("f16", "f32")]
    rows += [(s, "bf16", "f32", "f32", "") for s in square] + [((16, 16, 8), "tf32", "f32", "f32", "")]
    rows += [((8, 8, 4), "f64", "f64", "f64", o) for o in ("", "rn")]
    rows += [(s, a, "s32", "s32", o) for s in square for a in ("s8", "u8") for o in ("", "satfinite")]
    rows += [((8, 8, 32), a, "s32", "s32", o) for a in ("s4", "u4") for o in ("", "satfinite")]
    rows += [((8, 8, 128), "b1", "s32", "s32", o) for o in ("xor.popc", "and.popc")]
    for shape, a, c, d, options in rows:
        r = random.Random(f"layouts/{shape}/{a}/{c}/{d}/{options}")
        narrow = width(a) < 8
        for x in ("row",) if narrow else ("row", "col"):
            for y in ("col",) if narrow else ("row", "col"):
                for number in range(2):
                    layouts = (x, y, r.choice(("row", "col")), r.choice(("row", "col")))
                    yield Later(multiplication(shape, (a, a, c, d), layouts, options), product, shape, a, c, d, layouts, options, number)
