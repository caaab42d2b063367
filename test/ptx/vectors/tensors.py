# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Tensor copies of one to five dimensions: boxes that hang over every edge, element strides, swizzles, fills, stores,
# reductions; columns of im2col. Where each element of a box comes from is counted out, one after the other; in shared
# memory the elements lie densely, then the 16-byte units of each 128-byte line change places by its number.
import itertools
import random

from copies import (DECLARE, INIT, PATTERN, REDUCTIONS, WAIT, by_element, bytes_of, common, element, fill_from_inputs,
                    outputs_from, patterned, reduction, words_of)
from exact import FORMATS
from forms import Form, Later

THREADS = 128
# The driver's number of a type, its bytes, whether it has NaN.
TYPES = {"u8": (0, 1, None), "u16": (1, 2, None), "u32": (2, 4, None), "s32": (3, 4, None), "u64": (4, 8, None), "s64": (5, 8, None),
         "f16": (6, 2, "f16"), "f32": (7, 4, "f32"), "f64": (8, 8, "f64"), "bf16": (9, 2, "bf16"), "tf32": (11, 4, "f32")}


def swizzled(at, mode):
    return at ^ (at // 128 % (1 << mode)) << 4 if mode else at


def strides_of(size, width, gap=lambda: 0):
    """Bytes from one to the next along each dimension but the first, multiples of 16; and the bytes of the whole."""
    strides, stride = [], size[0] * width
    for s in size[1:]:
        stride += -stride % 16 + gap()
        strides.append(stride)
        stride *= s
    return strides, stride


class Tensor:
    """Sizes and strides drawn so that it fits into `most` bytes; a box of it, and where the box begins."""

    def __init__(self, rank, kind, r, swizzle=0, most=8192, strided=True):
        self.rank, self.kind, self.swizzle = rank, kind, swizzle
        self.number, self.bytes, self.nan = TYPES[kind]
        inner = 16 * r.randrange(1, (1 << swizzle if swizzle else 4) + 1)
        while True:
            self.size = [max(1, inner // self.bytes + r.randrange(-3, 9))] + [r.randrange(1, 8) for _ in range(rank - 1)]
            self.strides, whole = strides_of(self.size, self.bytes, lambda: 16 * r.choice((0, 0, 1)))
            if whole <= most:
                break
        while True:
            self.box = [inner // self.bytes] + [r.randrange(1, min(9, s + 3)) for s in self.size[1:]]
            self.steps = [1] + [r.choice((1, 1, 1, 2, 3)) if strided else 1 for _ in range(rank - 1)]
            self.counts = [-(-b // s) for b, s in zip(self.box, self.steps)]
            if self.length() <= 8192:
                break
        self.begin = [r.randrange(-2, s + 1) if r.random() < 0.5 else 0 for s in self.size]

    def length(self):
        product = self.bytes
        for c in self.counts:
            product *= c
        return product

    def places(self):
        """The coordinates of each element of the box, in the order of the tile."""
        for where in itertools.product(*(range(c) for c in reversed(self.counts))):
            yield [b + i * s for b, i, s in zip(self.begin, reversed(where), self.steps)]

    def elements(self):
        """(byte in the tensor or None, byte in the tile) of each element of the box."""
        for index, at in enumerate(self.places()):
            inside = all(0 <= v < s for v, s in zip(at, self.size))
            offset = at[0] * self.bytes + sum(v * s for v, s in zip(at[1:], self.strides))
            yield (offset if inside else None), swizzled(index * self.bytes, self.swizzle)

    def map(self, over, fill=0):
        return {"element_type": self.number, "rank": self.rank, "swizzle": self.swizzle, "oob_fill": fill, "size": self.size,
                "stride_bytes": self.strides, "box": self.box, "element_stride": self.steps, "over": over}

    def coordinates(self):
        return "{" + ", ".join(map(str, self.begin)) + "}"


class Column(Tensor):
    """im2col: pixels of the bounding boxes of the images in order, each with some channels. Dimensions are channels, W, (H, (D,)) N."""

    def __init__(self, rank, kind, r, swizzle=0):
        self.rank, self.kind, self.swizzle = rank, kind, swizzle
        self.number, self.bytes, self.nan = TYPES[kind]
        spatial = rank - 2
        self.channels = 16 * r.randrange(1, (1 << swizzle if swizzle else 4) + 1) // self.bytes
        while True:
            self.size = [max(1, self.channels + r.randrange(-2, 5))] + [r.randrange(2, 6) for _ in range(spatial)] + [r.randrange(1, 4)]
            self.strides, whole = strides_of(self.size, self.bytes)
            if whole <= 8192:
                break
        self.lower = [r.randrange(-2, 2) for _ in range(spatial)]
        self.upper = [r.randrange(max(-2, lo - s + 1), 3) for lo, s in zip(self.lower, self.size[1:])]
        self.steps = [1] + [r.choice((1, 1, 2)) for _ in range(spatial)] + [1]
        self.offsets = [r.randrange(3) for _ in range(spatial)]
        boxes = [list(range(lo, s + up, step)) for lo, up, s, step in zip(self.lower, self.upper, self.size[1:], self.steps[1:])]
        self.pixels = [tuple(reversed(p)) for p in itertools.product(range(self.size[-1] + 40), *reversed(boxes))]
        inside = [i for i, p in enumerate(self.pixels) if p[-1] < self.size[-1]]
        self.first = r.choice(inside)
        self.count = r.randrange(1, min(24, 8192 // (self.channels * self.bytes), len(self.pixels) - self.first) + 1)
        self.begin = [r.choice((0, 0, 0, -1, 2)), *self.pixels[self.first]]

    def length(self):
        return self.count * self.channels * self.bytes

    def places(self):
        for *place, image in self.pixels[self.first:self.first + self.count]:
            for c in range(self.channels):
                yield [self.begin[0] + c, *(p + o for p, o in zip(place, self.offsets)), image]

    def map(self, over, fill=0):
        return {"element_type": self.number, "rank": self.rank, "swizzle": self.swizzle, "oob_fill": fill, "size": self.size,
                "stride_bytes": self.strides, "element_stride": self.steps, "over": over, "mode": 1, "lower": self.lower,
                "upper": self.upper, "channels": self.channels, "pixels": self.count}


def whole(name, lines, words, wanted, tensor_map, close=None):
    columns = [words[p:p + THREADS] for p in range(0, len(words), THREADS)] + [list(range(THREADS))]
    form = Form(name, [*common(THREADS), "mov.b64 %d3, map;", "cvta.param.u64 %d3, %d3;", *lines], ["b64"] * (len(columns) - 1) + ["b32"],
                columns, ["b64"] * (len(wanted) // THREADS), lambda *v: wanted[v[-1]::THREADS], declare=DECLARE, threads=THREADS,
                needs="sm_90", close=close)
    form.map = tensor_map
    return form


def columns_for(length):
    return -(-length // (8 * THREADS))


def same_but_for_nan(nan, size):
    """Words are equal where they are no NaN; which of them fills is the device's."""
    f = FORMATS[nan]

    def close(got, want, _):
        low = lambda v, i: v >> i & (1 << 8 * size) - 1
        return all(low(got, i) == low(want, i) or (f.is_nan(low(got, i)) and f.is_nan(low(want, i))) for i in range(0, 64, 8 * size))
    return close


def load(name, tensor, r, fill=0, operands=""):
    data = bytes_of([r.randrange(1 << 64) for _ in range(8 * THREADS)])
    size, count = tensor.length(), columns_for(tensor.length())
    got = bytes_of([PATTERN] * (count * THREADS))
    filler = (FORMATS[tensor.nan].nan if fill else 0).to_bytes(tensor.bytes, "little")
    for source, target in tensor.elements():
        got[target:target + tensor.bytes] = data[source:source + tensor.bytes] if source is not None else filler
    lines = patterned("%w5", count, THREADS) + INIT
    lines += ["fence.proxy.async.shared::cta;", "bar.sync 0;", f"@%p2 mbarrier.arrive.expect_tx.shared::cta.b64 %d8, [%w6], {size};",
              f"@%p2 {name} [%w4], [%d3, {tensor.coordinates()}], [%w6]{operands};", *WAIT, *outputs_from("%w5", count, THREADS)]
    return whole(name, lines, words_of(data), words_of(got), tensor.map(0, fill),
                 same_but_for_nan(tensor.nan, tensor.bytes) if fill else None)


def store(name, tensor, r, op="", kind=""):
    """The tensor lies in the output buffer: whatever is not stored to stays. Sources are a tile of the tensor's elements."""
    span, count = 8 * THREADS * 8, columns_for(tensor.length())
    draws = lambda n: [sum(element(kind, r) << i for i in range(0, 64, 8 * tensor.bytes)) if kind else r.randrange(1 << 64)
                       for _ in range(n)]
    tile, before = draws(count * THREADS), draws(span // 8) if op else [PATTERN] * (span // 8)
    got, new = bytes_of(before), bytes_of(tile)
    whole_word = reduction(op, kind) if op else lambda old, value: value
    number = lambda data, at: int.from_bytes(data[at:at + tensor.bytes], "little")
    for target, source in tensor.elements():
        if target is not None:
            value = whole_word(number(got, target), number(new, source))
            got[target:target + tensor.bytes] = value.to_bytes(tensor.bytes, "little")
    lines = fill_from_inputs(count, THREADS)
    lines += [f"st.global.b64 [%d2+{8 * THREADS * i}], ${count + i};" for i in range(8)] if op else patterned("%d2", 8, THREADS, "global")
    lines += ["fence.proxy.async;", "bar.sync 0;", f"@%p2 {name} [%d3, {tensor.coordinates()}], [%w4];",
              "@%p2 cp.async.bulk.commit_group;", "@%p2 cp.async.bulk.wait_group 0;", "bar.sync 0;",
              *outputs_from("%d2", 8, THREADS, "global")]
    return whole(name, lines, tile + (before if op else []), words_of(got), tensor.map(1))


def loads():
    for rank in range(1, 6):
        for kind, swizzle in itertools.product(TYPES, range(4)):
            r = random.Random(f"load/{rank}/{kind}/{swizzle}")
            space, tile = r.choice((".shared::cluster", ".shared::cta")), r.choice(("", ".tile"))
            name = f"cp.async.bulk.tensor.{rank}d{space}.global{tile}.mbarrier::complete_tx::bytes"
            for fill in range(1 + bool(TYPES[kind][2])):
                yield Later(name, lambda n, r, *shape, f=fill: load(n, Tensor(*shape[:2], r, shape[2]), r, f), name,
                            random.Random(f"{name}/{kind}/{swizzle}/{fill}"), rank, kind, swizzle)


def columns():
    for rank in (3, 4, 5):
        for kind, swizzle, number in itertools.product(("u8", "f16", "f32", "u64"), range(4), range(2)):
            r = random.Random(f"column/{rank}/{kind}/{swizzle}/{number}")
            name = f"cp.async.bulk.tensor.{rank}d.{r.choice(('shared::cluster', 'shared::cta'))}.global.im2col.mbarrier::complete_tx::bytes"
            yield Later(name, column, name, rank, kind, r, swizzle, int(bool(TYPES[kind][2]) and number))


def column(name, rank, kind, r, swizzle, fill):
    drawn = Column(rank, kind, r, swizzle)
    return load(name, drawn, r, fill, ", {" + ", ".join(map(str, drawn.offsets)) + "}")


def store_of(name, rank, kind, r, swizzle, op="", reduced=""):
    return store(name, Tensor(rank, kind, r, swizzle, strided=False), r, op, reduced)


def stores():
    for rank in range(1, 6):
        for kind, swizzle in itertools.product(("u8", "bf16", "u32", "f64"), range(4)):
            r = random.Random(f"store/{rank}/{kind}/{swizzle}")
            name = f"cp.async.bulk.tensor.{rank}d.global.shared::cta{r.choice(('', '.tile'))}.bulk_group"
            yield Later(name, store_of, name, rank, kind, r, swizzle)


def reductions():
    untyped = {"b32": ("u32", "s32"), "b64": ("u64", "s64")}
    for op, kinds in REDUCTIONS.items():
        for kind in kinds.split():
            for rank in range(1, 6):
                r = random.Random(f"reduce/{op}/{kind}/{rank}")
                name = f"cp.reduce.async.bulk.tensor.{rank}d.global.shared::cta.{op}{r.choice(('', '.tile'))}.bulk_group"
                of_map = r.choice(untyped.get(kind, (kind,)))
                yield Later(name, store_of, name, rank, of_map, r, r.randrange(4), op, kind)


def forms():
    for family in (loads, columns, stores, reductions):
        yield from family()
