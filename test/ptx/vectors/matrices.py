# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# mma.sync, ldmatrix and stmatrix after the fragments that the ISA draws. With elements of `bits` bits a 32-bit register
# has e = 32/bits of them. Of lane l, g = l/4 and t = l%4: register r of A (m 16) begins at row g + 8(r%2), column
# t·e + 4e(r/2); of B at row t·e + 4e·r, column g; accumulators are rows g and g + 8, columns 2t and 2t + 1. Values are
# small integers and halves, so that every order of summation gives the same sum, exactly.
import random
from fractions import Fraction

from exact import FORMATS
from forms import Form, Later


def a_place(lane, index, m, e):
    """Row and column of element `index` of lane's A."""
    g, t, r, i = lane // 4, lane % 4, index // e, index % e
    return (g + 8 * (r % 2), t * e + i + 4 * e * (r // 2)) if m == 16 else (g, t * e + i + 4 * e * r)


def b_place(lane, index, e):
    return lane % 4 * e + index % e + 4 * e * (index // e), lane // 4


def c_place(lane, index):
    return lane // 4 + 8 * (index // 2), 2 * (lane % 4) + index % 2


SMALL = {"f16": 4, "bf16": 4, "tf32": 4, "f64": 64, "e4m3": 2, "e5m2": 2}


def element(kind, r):
    """(bits, value)"""
    if kind in FORMATS:
        f = FORMATS[kind]
        value = Fraction(r.randrange(-2 * SMALL[kind], 2 * SMALL[kind] + 1), 2)
        bits = f.round(value)
        return (bits << 13 if kind == "tf32" else bits), value
    width = int(kind[1:])
    bits = r.randrange(1 << width)
    if r.random() < 0.3:
        bits = r.choice((0, (1 << width) - 1, 1 << width - 1))
    return bits, bits - (1 << width) if kind[0] == "s" and bits >> width - 1 else bits


def packed(values, per, bits):
    return [sum(v << i * bits for i, v in enumerate(values[j:j + per])) for j in range(0, len(values), per)]


def accumulator(kind, value):
    return FORMATS[kind].round(Fraction(value)) if kind in FORMATS else int(value) & 0xffffffff


def mma(name, m, k, a_kind, b_kind, c_kind, d_kind, combine=lambda x, y: x * y, limit=None, tiles=2):
    """One warp a tile: columns are registers of the lanes."""
    r = random.Random(name)
    bits = {"tf32": 32}.get(a_kind) or (FORMATS[a_kind].bits if a_kind in FORMATS else int(a_kind[1:]))
    e, register = max(1, 32 // bits), 64 if bits == 64 else 32
    a_count, b_count, c_count = m * k // 32, k * 8 // 32, m * 8 // 32
    rows, results = [], []
    for _ in range(tiles):
        A = [[element(a_kind, r) for _ in range(k)] for _ in range(m)]
        B = [[element(b_kind, r) for _ in range(8)] for _ in range(k)]
        C = [[r.randrange(-64, 64) for _ in range(8)] for _ in range(m)]
        D = [[C[i][j] + sum(combine(A[i][x][1], B[x][j][1]) for x in range(k)) for j in range(8)] for i in range(m)]
        if limit:
            D = [[limit(v) for v in row] for row in D]
        for lane in range(32):
            at = lambda M, place: M[place[0]][place[1]]
            a = packed([at(A, a_place(lane, i, m, e))[0] for i in range(a_count)], e, bits)
            b = packed([at(B, b_place(lane, i, e))[0] for i in range(b_count)], e, bits)
            places = [c_place(lane, i) for i in range(c_count)]
            c, d = ([accumulator(kind, at(M, p)) for p in places] for kind, M in ((c_kind, C), (d_kind, D)))
            rows.append(a + b + (packed(c, 2, 16) if c_kind == "f16" else c))
            results.append(packed(d, 2, 16) if d_kind == "f16" else d)
    na, nb = a_count // e, b_count // e
    nc, nd = len(rows[0]) - na - nb, len(results[0])
    names = [f"${i}" for i in range(na + nb + nc)]
    group = lambda n: "{" + ", ".join(n) + "}"
    outs = [f"$d{i or ''}" for i in range(nd)]
    body = f"{name} {group(outs)}, {group(names[:na])}, {group(names[na:na + nb])}, {group(names[na + nb:])};"
    wide = f"b{register}"
    acc = "b64" if d_kind == "f64" else "b32"
    columns = [list(c) for c in zip(*rows)]
    answer = iter(results)
    return Form(name, [body], [wide] * (na + nb) + [acc] * nc, columns, [acc] * nd, lambda *v: next(answer), needs="sm_90"), results


def clamp(v):
    return min(max(v, -2**31), 2**31 - 1)


def products():
    rows = []
    for k in (8, 16):
        rows += [(16, k, "f16", "f16", c, d) for c in ("f16", "f32") for d in ("f16", "f32") if c == d]
        rows.append((16, k, "bf16", "bf16", "f32", "f32"))
    rows += [(16, k, "tf32", "tf32", "f32", "f32") for k in (4, 8)]
    rows += [(8, 4, "f64", "f64", "f64", "f64")] + [(16, k, "f64", "f64", "f64", "f64") for k in (4, 8, 16)]
    for a in ("e4m3", "e5m2"):
        for b in ("e4m3", "e5m2"):
            rows += [(16, k, a, b, t, t) for k in (16, 32) for t in ("f16", "f32")]
    for letter, shapes in (("8", ((8, 16), (16, 16), (16, 32))), ("4", ((8, 32), (16, 32), (16, 64)))):
        rows += [(m, k, x + letter, y + letter, "s32", "s32") for x in "su" for y in "su" for m, k in shapes]
    for m, k, a, b, c, d in rows:
        name = f"mma.sync.aligned.m{m}n8k{k}.row.col.{d}.{a}.{b}.{c}"
        yield Later(name, product, name, m, k, a, b, c, d)
        if d == "s32":
            name = name.replace(".row.col.", ".row.col.satfinite.")
            yield Later(name, product, name, m, k, a, b, c, d, None, clamp)
    for op, combine in (("xor", lambda x, y: x ^ y), ("and", lambda x, y: x & y)):
        for m, k in ((8, 128), (16, 128), (16, 256)):
            name = f"mma.sync.aligned.m{m}n8k{k}.row.col.s32.b1.b1.s32.{op}.popc"
            yield Later(name, product, name, m, k, "b1", "b1", "s32", "s32", combine)


def product(name, m, k, a, b, c, d, combine=None, limit=None):
    return finish(*mma(name, m, k, a, b, c, d, combine or (lambda x, y: x * y), limit))


def finish(form, results):
    """Results are looked up by the thread, whose number is one more input."""
    form.inputs, form.columns = form.inputs + ["b32"], form.columns + [list(range(form.count))]
    form.expected = lambda *v: results[v[-1]]
    return form


def loads():
    """Each warp writes 16 x 16 bytes a matrix to shared memory, and loads them as matrices; stores are the way back."""
    declare = ".shared .align 128 .b8 sh[4096];"
    setup = ["and.b32 %w5, %w2, 31;", "shr.u32 %w6, %w2, 5;", "and.b32 %w6, %w6, 3;", "shl.b32 %w6, %w6, 9;", "mov.b32 %w4, sh;",
             "add.u32 %w4, %w4, %w6;", "shl.b32 %w7, %w5, 4;", "add.u32 %w7, %w4, %w7;"]
    for opcode in ("ldmatrix", "stmatrix"):
        for number in (1, 2, 4):
            for trans in ("", ".trans"):
                for space in (".shared", "", ".shared::cta"):
                    name = f"{opcode}.sync.aligned.m8n8.x{number}{trans}{space}.b16"
                    yield matrix(name, opcode, number, trans, setup, declare, generic=not space)


def matrix(name, opcode, number, trans, setup, declare, generic):
    r = random.Random(name)
    count = 64
    rows = [[r.randrange(1 << 32) for _ in range(4)] for _ in range(count)]  # lane's 16 bytes: row `lane` of the matrices
    regs = ", ".join(f"$d{i or ''}" for i in range(number))
    address = ["cvt.u64.u32 %d5, %w7;", "cvta.shared.u64 %d5, %d5;"] if generic else []
    at = "[%d5]" if generic else "[%w7]"
    halves = lambda row: [v >> s & 65535 for v in row for s in (0, 16)]

    def fragment(warp, m, lane):
        of = lambda i, j: halves(warp[8 * m + i])[j]
        g, t = lane // 4, lane % 4
        return of(2 * t, g) | of(2 * t + 1, g) << 16 if trans else of(g, 2 * t) | of(g, 2 * t + 1) << 16
    if opcode == "ldmatrix":
        lines = [*setup, *address, "st.shared.v4.b32 [%w7], {$0, $1, $2, $3};", "bar.warp.sync -1;",
                 f"{name} {{{regs}}}, {at};"]
        results = [[fragment(rows[i // 32 * 32:][:32], m, i % 32) for m in range(number)] for i in range(count)]
        columns = [list(c) for c in zip(*rows)] + [list(range(count))]
        return Form(name, lines, ["b32"] * 5, columns, ["b32"] * number, lambda *v: results[v[-1]], declare=declare, needs="sm_75")
    # The registers hold fragments; the rows of the first `number` matrices come out, the others stay as they were.
    values = [[fragment(rows[i // 32 * 32:][:32], m, i % 32) for m in range(number)] for i in range(count)]
    sources = ", ".join(f"${i}" for i in range(number))
    lines = [*setup, *address, "st.shared.v4.b32 [%w7], {0, 0, 0, 0};", "bar.warp.sync -1;", f"{name} {at}, {{{sources}}};",
             "bar.warp.sync -1;", "ld.shared.v4.b32 {$d, $d1, $d2, $d3}, [%w7];"]
    columns = [list(c) for c in zip(*values)] + [list(range(count))]
    return Form(name, lines, ["b32"] * (number + 1), columns, ["b32"] * 4,
                lambda *v: rows[v[-1]] if v[-1] % 32 < 8 * number else [0] * 4, declare=declare, needs="sm_90")


def forms():
    yield from products()
    yield from loads()
