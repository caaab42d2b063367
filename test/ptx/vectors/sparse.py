# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# mma.sp: A is stored without its zeros, and metadata says where they were. Of each four elements of a row two are kept
# (of 4-bit types two pairs of each eight, of tf32 one of each two), four bits of metadata each. Stored A, B and the
# accumulators lie as those of a dense mma. 16-bit types and tf32: a word has 16 bits of row g and 16 of row g + 8, and
# a longer row goes on in the next lane. Narrower types: words of 32 bits, row g's and row g + 8's in lanes side by side.
# The selector says in which lanes of four.
import random

from forms import Form, Later
from matrices import a_place, accumulator, b_place, c_place, clamp, element, finish, packed
from exact import FORMATS

PAIRS = [(i, j) for i in range(4) for j in range(4) if i != j]


def width(kind):
    return {"tf32": 32}.get(kind) or (FORMATS[kind].bits if kind in FORMATS else int(kind[1:]))


def choice(kind, ordered, r):
    """(columns of a group that are kept, its four bits)"""
    if kind == "tf32":
        i = r.randrange(2)
        return [i], (0b0100, 0b1110)[i]
    i, j = r.choice([p for p in PAIRS if not ordered or p[0] < p[1]])
    bits = i | j << 2
    return ([2 * i, 2 * i + 1, 2 * j, 2 * j + 1] if width(kind) == 4 else [i, j]), bits


def sparse_rows(kind, m, k, ordered, r):
    """For each row the columns of its stored elements and its bits of metadata."""
    group = {"tf32": 2}.get(kind) or (8 if width(kind) == 4 else 4)
    columns, bits = [], []
    for _ in range(m):
        chosen = [choice(kind, ordered, r) for _ in range(k // group)]
        columns.append([group * g + c for g, (kept, _) in enumerate(chosen) for c in kept])
        bits.append(sum(b << 4 * g for g, (_, b) in enumerate(chosen)))
    return columns, bits


def metadata(kind, bits, count, selector, r):
    """The words of 32 lanes for 16 rows of `count` bits each; of lanes that are not asked, anything."""
    words = [r.randrange(1 << 32) for _ in range(32)]
    for g in range(8):
        if width(kind) >= 16:
            for part in range(count // 16):
                low, high = bits[g] >> 16 * part & 0xffff, bits[g + 8] >> 16 * part & 0xffff
                words[4 * g + selector * (count // 16) + part] = low | high << 16
        else:
            for part in range(count // 32):
                for upper in range(2):
                    words[4 * g + 2 * selector + 2 * part + upper] = bits[g + 8 * upper] >> 32 * part & 0xffffffff
    return words


def count_of(kind, k):
    """Bits of metadata of a row."""
    return 4 * k // (2 if kind == "tf32" else 8 if width(kind) == 4 else 4)


def selectors(kind, k):
    return 4 // (count_of(kind, k) // 16)  # a word has 16 bits of each of two rows, or 32 of one


def product(name, k, a_kind, b_kind, c_kind, d_kind, selector, limit=None, tiles=2):
    r = random.Random(f"{name}/{selector}")
    bits, ordered = width(a_kind), "ordered" in name
    e, stored = max(1, 32 // bits), k // 2
    rows, results = [], []
    for _ in range(tiles):
        kept, meta = sparse_rows(a_kind, 16, k, ordered, r)
        A = [[element(a_kind, r) for _ in range(stored)] for _ in range(16)]
        B = [[element(b_kind, r) for _ in range(8)] for _ in range(k)]
        C = [[r.randrange(-64, 64) for _ in range(8)] for _ in range(16)]
        D = [[C[i][j] + sum(A[i][s][1] * B[kept[i][s]][j][1] for s in range(stored)) for j in range(8)] for i in range(16)]
        if limit:
            D = [[limit(v) for v in row] for row in D]
        words = metadata(a_kind, meta, count_of(a_kind, k), selector, r)
        for lane in range(32):
            at = lambda M, place: M[place[0]][place[1]]
            a = packed([at(A, a_place(lane, i, 16, e))[0] for i in range(16 * stored // 32)], e, bits)
            b = packed([at(B, b_place(lane, i, e))[0] for i in range(k * 8 // 32)], e, bits)
            places = [c_place(lane, i) for i in range(4)]
            c, d = ([accumulator(kind, at(M, p)) for p in places] for kind, M in ((c_kind, C), (d_kind, D)))
            rows.append(a + b + (packed(c, 2, 16) if c_kind == "f16" else c) + [words[lane]])
            results.append(packed(d, 2, 16) if d_kind == "f16" else d)
    na, nb = 16 * stored // 32 // e, k * 8 // 32 // e
    nd = len(results[0])
    names = [f"${i}" for i in range(na + nb + nd + 1)]
    group = lambda n: "{" + ", ".join(n) + "}"
    outs = [f"$d{i or ''}" for i in range(nd)]
    body = (f"{name} {group(outs)}, {group(names[:na])}, {group(names[na:na + nb])}, {group(names[na + nb:-1])}, "
            f"{names[-1]}, {selector};")
    return finish(Form(name, [body], ["b32"] * len(names), [list(c) for c in zip(*rows)], ["b32"] * nd, None,
                       needs="sm_90"), results)


def rows():
    for k in (16, 32):
        yield k, "f16", "f16", ("f16", "f32")
        yield k, "bf16", "bf16", ("f32",)
    for k in (8, 16):
        yield k, "tf32", "tf32", ("f32",)
    for a in ("e4m3", "e5m2"):
        for b in ("e4m3", "e5m2"):
            yield 64, a, b, ("f32",)
    for letter, lengths in (("8", (32, 64)), ("4", (64, 128))):
        for x in "su":
            for y in "su":
                for k in lengths:
                    yield k, x + letter, y + letter, ("s32",)


def forms():
    for k, a, b, results in rows():
        for sp in ("sp", "sp::ordered_metadata"):
            for c in results:
                for selector in range(selectors(a, k)):
                    name = f"mma.{sp}.sync.aligned.m16n8k{k}.row.col.{c}.{a}.{b}.{c}"
                    yield Later(name, product, name, k, a, b, c, c, selector)
                    if c == "s32":
                        name = name.replace(".row.col.", ".row.col.satfinite.")
                        yield Later(name, product, name, k, a, b, c, c, selector, clamp)
