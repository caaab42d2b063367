# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# wgmma.mma_async, one product of one warpgroup: operands in shared memory as the ISA's canonical layouts place them
# (core matrices of 8 rows of 16 bytes; atoms of 8 rows of 32, 64 or 128 bytes whose 16-byte units are exchanged by the
# number of their 128-byte line), or A in registers; both majors of 16-bit types, signs, scale-d, satfinite, sparse A.
# Each thread brings its part of the two images as words of 64 bits. Values are small: any order gives the same sum.
import random
from fractions import Fraction

import numpy as np

from exact import FORMATS
from forms import Form, Later
from matrices import SMALL, accumulator, clamp
from sparse import count_of, metadata, sparse_rows, width

THREADS = 128
FIELD = {16: 0, 128: 1, 64: 2, 32: 3}  # of a descriptor, by the bytes of an atom's row


class Layout:
    """Where element (row, k) of an operand of `rows` x `depth` elements lies; row is M or N."""

    def __init__(self, rows, depth, bits, r, major="k", most=128):
        self.rows, self.depth, self.bits, self.major = rows, depth, bits, major
        bytes_of_k = depth * bits // 8
        self.atom = r.choice([w for w in (16, 32, 64, 128) if w <= most and (w == 16 or major == "m" or w >= bytes_of_k)])
        self.start = 0
        atoms = lambda count, per: -(-count // per)
        pad = 16 * r.choice((0, 0, 1, 3)) if self.atom == 16 else 0
        if self.atom == 16:  # core matrices of 128 bytes, the dimensions in either order
            along, across = (bytes_of_k // 16, atoms(rows, 8)) if major == "k" else (depth // 8, atoms(rows, 8))
            if r.random() < 0.5:
                self.leading, self.stride = 128 + pad, along * (128 + pad)
            else:
                self.leading, self.stride = across * (128 + pad), 128 + pad
        elif major == "k":
            self.leading, self.stride = 16 * r.randrange(4), 8 * self.atom * r.choice((1, 1, 2) if rows <= 64 else (1,))
            self.start = bytes_of_k * r.randrange(self.atom // bytes_of_k)
        else:
            along, across = depth // 8, atoms(rows, self.atom // 2)
            size = 8 * self.atom
            self.stride, self.leading = (size, along * size) if r.random() < 0.5 else (across * size, size)

    def places(self):
        """Byte of each element, [row][k], from the start of the tile."""
        row, k = np.meshgrid(np.arange(self.rows), np.arange(self.depth), indexing="ij")
        byte, w = k * self.bits // 8, self.atom
        if self.major == "k":
            at = (row % 8 * 16 + row // 8 * self.stride + byte // 16 * self.leading + byte % 16 if w == 16 else
                  row % 8 * w + row // 8 * self.stride + self.start + byte)
        else:
            column = row * 2
            at = (column % 16 + row // 8 * self.stride + k % 8 * 16 + k // 8 * self.leading if w == 16 else
                  column % w + column // w * self.leading + k % 8 * w + k // 8 * self.stride)
        return at ^ (at // 128 % (w // 16)) * 16

    def descriptor(self, base):
        return base + self.start >> 4 | self.leading >> 4 << 16 | self.stride >> 4 << 32 | FIELD[self.atom] << 62

    def image(self, codes):
        """Bytes, from bit patterns [row][k]."""
        places, codes = self.places(), np.array(codes, dtype=np.uint64)
        data = np.full(int(places.max()) + 16, 0xa5, np.uint8)
        if self.bits >= 8:
            for i in range(self.bits // 8):
                data[places + i] = codes >> np.uint64(8 * i) & np.uint64(255)
        else:
            data[places] = 0
            np.bitwise_or.at(data, places, (codes << (np.arange(self.depth, dtype=np.uint64) % np.uint64(8))).astype(np.uint8))
        data = np.concatenate([data, np.zeros(-len(data) % (8 * THREADS), np.uint8)])
        return data.view(np.uint64)


def draw(kind, rows, columns, r):
    """(bit patterns, twice the values)"""
    g = np.random.default_rng(r.randrange(1 << 30))
    if kind in FORMATS:
        small = 2 * SMALL[kind]
        twice = g.integers(-small, small + 1, (rows, columns))
        table = np.array([FORMATS[kind].round(Fraction(v, 2)) << (13 if kind == "tf32" else 0) for v in range(-small, small + 1)])
        codes = table[twice + small]
        if kind == "tf32":
            codes = codes | g.integers(0, 1 << 13, codes.shape)  # which are not looked at
        return codes, twice
    bits = int(kind[1:])
    codes = g.integers(0, 1 << bits, (rows, columns))
    edge = g.choice([0, (1 << bits) - 1, 1 << bits - 1], codes.shape)
    codes = np.where(g.random(codes.shape) < 0.2, edge, codes)
    return codes, 2 * (np.where(codes >> bits - 1, codes - (1 << bits), codes) if kind[0] == "s" else codes)


def operands(a, b, d, n, sparse, registers, r):
    """A and B, their layouts, and which columns A's stored elements have; None: all."""
    bits = width(a)
    stored, k = 256 // bits, 512 // bits if sparse else 256 // bits
    majors = [r.choice("km") if bits == 16 else "k" for _ in range(2)]
    layouts = [None if registers else Layout(64, stored, bits, r, majors[0]), Layout(n, k, bits, r, majors[1])]
    kept, meta, selector = None, None, 0
    if sparse:
        kept, rows_of_bits = sparse_rows(a, 64, k, False, r)
        selector = r.randrange(2) if bits > 8 else 0
        meta = [w for warp in range(4) for w in metadata(a, rows_of_bits[16 * warp:][:16], count_of(a, k), selector, r)]
    return k, layouts, draw(a, 64, stored, r), draw(b, n, k, r), kept, meta, selector


def total_of(A, B, C, kept, a, sign):
    """Four times the sums, exactly."""
    if a == "b1":
        return 4 * (C + A[0] @ B[0].T)
    if kept is None:
        return 4 * C + sign * (A[1] @ B[1].T)
    dense = np.zeros((64, B[1].shape[1]), np.int64)
    for i, columns in enumerate(kept):
        dense[i, columns] = A[1][i]
    return 4 * C + sign * (dense @ B[1].T)


def fragments_of_a(codes, bits):
    """Four registers of each of 128 threads."""
    e, words = 32 // bits, []
    for thread in range(THREADS):
        warp, lane = divmod(thread, 32)
        words.append([sum(int(codes[16 * warp + lane // 4 + 8 * (j % 2)][lane % 4 * e + i + 4 * e * (j // 2)]) << i * bits
                          for i in range(e)) for j in range(4)])
    return words


def product(name, a, b, d, n, sparse, saturates, number=0):
    r = random.Random(f"{name}/{number}")
    registers = r.random() < 0.35
    k, layouts, A, B, kept, meta, selector = operands(a, b, d, n, sparse, registers, r)
    floats, wide = d != "s32", width(a) == 16
    signs = [r.choice((1, -1)) for _ in range(2)] if floats else [1, 1]
    scale = r.choice((0, 1, 1, 1))
    per_thread = n // 4 if d == "f16" else n // 2
    initial = [r.randrange(-64, 64) for _ in range(n // 2)]
    thread, index = np.meshgrid(np.arange(THREADS), np.arange(n // 2), indexing="ij")
    row = thread // 32 * 16 + thread % 32 // 4 + 8 * (index // 2 % 2)
    column = 8 * (index // 4) + 2 * (thread % 4) + index % 2
    C = np.zeros((64, n), np.int64)
    C[row, column] = scale * np.array(initial)[index]
    total = total_of(A, B, C, kept, a, signs[0] * signs[1])[row, column]
    code = lambda kind, v: accumulator(kind, Fraction(int(v), 4) if floats else clamp(int(v) // 4) if saturates else int(v) // 4)
    table = {v: code(d, v) for v in set(total.flat)}
    results = [[table[int(v)] for v in line] for line in total]
    starts = [accumulator(d, v) for v in initial]
    if d == "f16":
        results = [[x | y << 16 for x, y in zip(line[::2], line[1::2])] for line in results]
        starts = [x | y << 16 for x, y in zip(starts[::2], starts[1::2])]
    images = [layout.image(x[0]) for layout, x in zip(layouts, (A, B)) if layout]
    first_b = 0 if registers else 8 * len(images[0]) + -8 * len(images[0]) % 1024
    columns = [[int(v) for v in image[p:p + THREADS]] for image in images for p in range(0, len(image), THREADS)]
    kinds = ["b64"] * len(columns)
    if registers:
        columns += [list(c) for c in zip(*fragments_of_a(A[0], width(a)))]
        kinds += ["b32"] * 4
    if sparse:
        columns, kinds = columns + [meta], kinds + ["b32"]
    text = body(name, layouts, images, first_b, per_thread, starts, kinds, sparse, selector, scale, signs, floats, wide)
    columns, kinds = columns + [list(range(THREADS))], kinds + ["b32"]
    return Form(name, text, kinds, columns, ["b32"] * per_thread, lambda *v: results[v[-1]],
                declare=".shared .align 1024 .b8 tile[49152];", threads=THREADS, needs="sm_90a")


def body(name, layouts, images, first_b, per_thread, starts, kinds, sparse, selector, scale, signs, floats, wide):
    words = sum(kind == "b64" for kind in kinds)
    registers = layouts[0] is None
    lines = ["mov.b32 %w4, tile;", "shl.b32 %w5, %w2, 3;", "add.u32 %w5, %w5, %w4;"]
    at = 0
    for image, begin in zip(images, ([0] if not registers else []) + [first_b]):
        for p in range(len(image) // THREADS):
            lines.append(f"st.shared.b64 [%w5+{begin + 8 * THREADS * p}], ${at};")
            at += 1
    lines += ["cvt.u64.u32 %d5, %w4;", "shr.u64 %d5, %d5, 4;"]
    for register, layout, begin in (("%d6", layouts[0], 0), ("%d7", layouts[1], first_b)):
        if layout:
            lines += [f"add.u64 {register}, %d5, {layout.descriptor(begin):#x};"]
    lines += [f"mov.b32 $d{i or ''}, {v:#x};" for i, v in enumerate(starts)]
    lines += ["setp.ne.b32 %p2, %w4, %w4;" if not scale else "setp.eq.b32 %p2, %w4, %w4;", "fence.proxy.async.shared::cta;",
              "bar.sync 0;", "wgmma.fence.sync.aligned;"]
    source = "{" + ", ".join(f"${words + i}" for i in range(4)) + "}" if registers else "%d6"
    operands = ["{" + ", ".join(f"$d{i or ''}" for i in range(per_thread)) + "}", source, "%d7"]
    if sparse:
        operands += [f"${len(kinds) - 1}", str(selector)]
    operands.append("%p2")
    operands += [str(s) for s in signs] if floats else []
    if wide:
        majors = [layout.major for layout in layouts if layout]
        operands += [str(int(m == "m")) for m in majors]
    return lines + [f"{name} {', '.join(operands)};", "wgmma.commit_group.sync.aligned;", "wgmma.wait_group.sync.aligned 0;"]


def types():
    yield from (("f16", "f16", "f16"), ("f16", "f16", "f32"), ("bf16", "bf16", "f32"), ("tf32", "tf32", "f32"))
    for x in ("e4m3", "e5m2"):
        for y in ("e4m3", "e5m2"):
            yield from ((x, y, "f16"), (x, y, "f32"))
    for x in "su":
        for y in "su":
            yield x + "8", y + "8", "s32"
    yield "b1", "b1", "s32"


def sizes(d):
    """Every N that the type has."""
    return [n for n in range(8, 257, 8) if d != "s32" or n in (8, 24) or n % 16 == 0]


def forms():
    for a, b, d in types():
        for sparse in (False, True):
            if sparse and a == "b1":
                continue
            k = (512 if sparse else 256) // width(a)
            r = random.Random(f"sizes/{a}/{b}/{d}/{sparse}")
            chosen = sizes(d) if (a, d) == ("f16", "f32") else sorted({8, 16, 256, *r.sample(sizes(d), 4)})
            for n in chosen:
                for sat in ("", ".satfinite") if a[1:] == "8" else ("",):
                    sp, logic = ".sp" * sparse, ".and.popc" * (a == "b1")
                    name = f"wgmma.mma_async{sp}.sync.aligned.m64n{n}k{k}{sat}.{d}.{a}.{b}{logic}"
                    for number in range(3 if n <= 32 else 1):
                        yield Later(name, product, name, a, b, d, n, sparse, bool(sat), number)
