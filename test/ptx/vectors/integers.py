# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Integer, logic and bit-field instructions, by Python's integers.
from forms import BITS, Form, draw, expand, halves, register, signed, simple


def typed(function, t):
    """A function of Python integers on the bit patterns of type t ('s32', 'u64', 'b16')."""
    width = int(t[1:])
    read = (lambda v: signed(v, width)) if t[0] == "s" else (lambda v: v)
    return lambda *v: function(*(read(x) for x in v)) & (1 << width) - 1


def clamp(v, width):
    return min(max(v, -(1 << width - 1)), (1 << width - 1) - 1)


def quotient(a, b):
    q = abs(a) // abs(b)
    return -q if (a < 0) != (b < 0) else q


# PTX leaves a division by zero open; what the hardware gives is all ones, and the dividend as remainder.
def div(a, b):
    return -1 if b == 0 else quotient(a, b)


def rem(a, b):
    return a if b == 0 else a - b * quotient(a, b)


ALL = ["u16", "u32", "u64", "s16", "s32", "s64"]


def arithmetic():
    for t in ALL:
        width, two = int(t[1:]), [t, t]
        yield simple(f"add.{t}", two, t, typed(lambda a, b: a + b, t))
        yield simple(f"sub.{t}", two, t, typed(lambda a, b: a - b, t))
        yield simple(f"div.{t}", two, t, typed(div, t))
        yield simple(f"rem.{t}", two, t, typed(rem, t))
        yield simple(f"min.{t}", two, t, typed(min, t))
        yield simple(f"max.{t}", two, t, typed(max, t))
        yield simple(f"sad.{t}", [t] * 3, t, typed(lambda a, b, c: c + abs(a - b), t))
        for mode, shift in (("lo", 0), ("hi", width)):
            yield simple(f"mul.{mode}.{t}", two, t, typed(lambda a, b, s=shift: a * b >> s, t))
            yield simple(f"mad.{mode}.{t}", [t] * 3, t, typed(lambda a, b, c, s=shift: (a * b >> s) + c, t))
        if width < 64:
            wide = f"{t[0]}{2 * width}"
            read = (lambda v, w=width: signed(v, w)) if t[0] == "s" else (lambda v: v)
            mask = (1 << 2 * width) - 1
            yield simple(f"mul.wide.{t}", two, wide, lambda a, b, r=read, m=mask: r(a) * r(b) & m)
            yield simple(f"mad.wide.{t}", [t, t, wide], wide, lambda a, b, c, r=read, m=mask: r(a) * r(b) + c & m)
        if t[0] == "s":
            yield simple(f"abs.{t}", [t], t, typed(abs, t))
            yield simple(f"neg.{t}", [t], t, typed(lambda a: -a, t))
    yield simple("add.sat.s32", ["s32"] * 2, "s32", typed(lambda a, b: clamp(a + b, 32), "s32"))
    yield simple("sub.sat.s32", ["s32"] * 2, "s32", typed(lambda a, b: clamp(a - b, 32), "s32"))
    yield simple("mad.hi.sat.s32", ["s32"] * 3, "s32", typed(lambda a, b, c: clamp((a * b >> 32) + c, 32), "s32"))
    for t in ("u16", "s16"):
        pair = t + "x2"
        yield simple(f"add.{pair}", [pair] * 2, pair, halves(typed(lambda a, b: a + b, t)), needs="sm_90")
        yield simple(f"min.{pair}", [pair] * 2, pair, halves(typed(min, t)), needs="sm_90")
        yield simple(f"max.{pair}", [pair] * 2, pair, halves(typed(max, t)), needs="sm_90")
    for name, f in (("min", min), ("max", max)):
        relu = lambda a, b, f=f: max(f(a, b), 0)
        yield simple(f"{name}.relu.s32", ["s32"] * 2, "s32", typed(relu, "s32"), needs="sm_90")
        yield simple(f"{name}.relu.s16x2", ["s16x2"] * 2, "s16x2", halves(typed(relu, "s16")), needs="sm_90")


def small_factors():
    for t in ("u32", "s32"):
        read = lambda v, t=t: signed(v & 0xffffff, 24) if t == "s32" else v & 0xffffff
        for mode, shift in (("lo", 0), ("hi", 16)):
            yield simple(f"mul24.{mode}.{t}", [t, t], t, lambda a, b, r=read, s=shift: (r(a) * r(b) >> s) & 0xffffffff)
            yield simple(f"mad24.{mode}.{t}", [t] * 3, t,
                         lambda a, b, c, r=read, s=shift: (r(a) * r(b) >> s) + c & 0xffffffff)
    read = lambda v: signed(v & 0xffffff, 24)
    yield simple("mad24.hi.sat.s32", ["s32"] * 3, "s32",
                 lambda a, b, c: clamp((read(a) * read(b) >> 16) + signed(c, 32), 32) & 0xffffffff)
    for a_type in ("u32", "s32"):
        for b_type in ("u32", "s32"):
            part = lambda v, i, w, t: signed(v >> i * w & (1 << w) - 1, w) if t == "s32" else v >> i * w & (1 << w) - 1
            yield simple(f"dp4a.{a_type}.{b_type}", ["b32"] * 3, "b32", lambda a, b, c, x=a_type, y=b_type: c + sum(
                part(a, i, 8, x) * part(b, i, 8, y) for i in range(4)) & 0xffffffff)
            for mode, first in (("lo", 0), ("hi", 2)):
                yield simple(f"dp2a.{mode}.{a_type}.{b_type}", ["b32"] * 3, "b32",
                             lambda a, b, c, x=a_type, y=b_type, f=first: c + sum(
                                 part(a, i, 16, x) * part(b, i + f, 8, y) for i in range(2)) & 0xffffffff)


def logic():
    for t in ("b16", "b32", "b64", "pred"):
        mask = (1 << BITS[t]) - 1
        yield simple(f"and.{t}", [t] * 2, t, lambda a, b: a & b)
        yield simple(f"or.{t}", [t] * 2, t, lambda a, b: a | b)
        yield simple(f"xor.{t}", [t] * 2, t, lambda a, b: a ^ b)
        yield simple(f"not.{t}", [t], t, lambda a, m=mask: ~a & m)
        if t != "pred":
            yield simple(f"cnot.{t}", [t], t, lambda a: int(a == 0))
            yield simple(f"shl.{t}", [t, [0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 255, 2**32 - 1]], t,
                         lambda a, n, m=mask: a << n & m if n < 64 else 0)
        for s in (t, *(k + t[1:] for k in "us")) if t != "pred" else ():
            yield simple(f"shr.{s}", [t, [0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 255, 2**32 - 1]], t,
                         typed_first(lambda a, n: a >> min(n, 64), s))
    for table in (0, 1, 0x80, 0xe8, 0x96, 0xca, 0x3c, 0xff):
        yield simple("lop3.b32", ["b32"] * 3, "b32", lambda a, b, c, t=table: lop3(a, b, c, t),
                     body=f"lop3.b32 $d, $0, $1, $2, {table};", count=32)
    for op, combine in (("and", lambda x, y: x & y), ("or", lambda x, y: x | y)):
        f = simple(f"lop3.{op}.b32", ["b32", "b32", "b32", "pred"], "b32", None,
                   body=f"lop3.{op}.b32 $d|$d1, $0, $1, $2, 0x80, $3;", needs="sm_82")
        f.outputs, f.expected = ["b32", "pred"], lambda a, b, c, q, k=combine: [a & b & c, k(int((a & b & c) != 0), q)]
        yield f


def typed_first(function, t):
    width = int(t[1:])
    return lambda a, n: function(signed(a, width) if t[0] == "s" else a, n) & (1 << width) - 1


def lop3(a, b, c, table):
    r = 0
    for i in range(8):
        if table >> i & 1:
            r |= (a if i & 4 else ~a) & (b if i & 2 else ~b) & (c if i & 1 else ~c)
    return r & 0xffffffff


def reverse(v, width):
    return int(f"{v:0{width}b}"[::-1], 2)


def bfind(a, t, shiftamt):
    width = int(t[1:])
    v = ~a & (1 << width) - 1 if t[0] == "s" and a >> width - 1 else a
    return 0xffffffff if v == 0 else width - v.bit_length() if shiftamt else v.bit_length() - 1


def bfe(a, b, c, t):
    width, pos, length = int(t[1:]), b & 255, c & 255
    sign = 0 if t[0] == "u" or length == 0 else a >> min(pos + length - 1, width - 1) & 1
    return sum((a >> pos + i & 1 if i < length and pos + i < width else sign) << i for i in range(width))


def bfi(a, b, c, d, width):
    pos, length = c & 255, d & 255
    for i in range(length):
        if pos + i < width:
            b = b & ~(1 << pos + i) | (a >> i & 1) << pos + i
    return b


def fns(mask, base, offset):
    offset = signed(offset, 32)
    if offset == 0:
        return base if mask >> base & 1 else 0xffffffff
    pos, count, step = base, abs(offset) - 1, 1 if offset > 0 else -1
    while 0 <= pos < 32:
        if mask >> pos & 1:
            if count == 0:
                return pos
            count -= 1
        pos += step
    return 0xffffffff


def bmsk(a, b, clamps):
    position, width = a & 31, b & 31
    first = ~0 << position & 0xffffffff
    if clamps and a >= 32:
        first, second = 0, 0
    elif position + width >= 32 or (clamps and b >= 32):
        second = 0
    else:
        second = ~0 << position + width & 0xffffffff
    if not (clamps and (a >= 32 or b >= 32)) and position + width < 32 and width == 0:
        second = 0xffffffff
    return first & ~second & 0xffffffff


def szext(a, b, t, clamps):
    if clamps and b >= 32:
        return a
    n = b & 31
    low = a & (1 << n) - 1
    return (signed(low, n) if t == "s32" and n else low) & 0xffffffff


def funnel(a, b, n, left):
    wide = b << 32 | a
    return (wide << n >> 32 if left else wide >> n) & 0xffffffff


PRMT = {"f4e": ["3210", "4321", "5432", "6543"], "b4e": ["5670", "6701", "7012", "0123"],
        "rc8": ["0000", "1111", "2222", "3333"], "ecl": ["3210", "3211", "3222", "3333"],
        "ecr": ["0000", "1110", "2210", "3210"], "rc16": ["1010", "3232", "1010", "3232"]}


def prmt(a, b, c, mode):
    source = [(b << 32 | a) >> 8 * i & 255 for i in range(8)]
    if mode:
        return sum(source[int(s)] << 8 * (3 - i) for i, s in enumerate(PRMT[mode][c & 3]))
    r = 0
    for i in range(4):
        s = c >> 4 * i & 15
        byte = source[s & 7]
        r |= ((255 if byte & 128 else 0) if s & 8 else byte) << 8 * i
    return r


def fields():
    amounts = [0, 1, 5, 8, 15, 16, 31, 32, 33, 40, 63, 64, 100, 255, 256, 257, 2**32 - 1]
    for t in ("b32", "b64"):
        width = int(t[1:])
        yield simple(f"popc.{t}", [t], "b32", lambda a: bin(a).count("1"))
        yield simple(f"clz.{t}", [t], "b32", lambda a, w=width: w - a.bit_length())
        yield simple(f"brev.{t}", [t], t, lambda a, w=width: reverse(a, w))
        yield simple(f"bfi.{t}", [t, t, amounts, amounts], t, lambda a, b, c, d, w=width: bfi(a, b, c, d, w), count=128)
    for t in ("u32", "u64", "s32", "s64"):
        yield simple(f"bfind.{t}", [t], "b32", lambda a, t=t: bfind(a, t, False))
        yield simple(f"bfind.shiftamt.{t}", [t], "b32", lambda a, t=t: bfind(a, t, True))
        yield simple(f"bfe.{t}", [t, amounts, amounts], t, lambda a, b, c, t=t: bfe(a, b, c, t), count=128)
    yield simple("fns.b32", ["b32", list(range(32)), [0, 1, 2, 3, 31, 32, 33, 2**32 - 1, 2**32 - 2, 2**31]], "b32", fns)
    for mode in ("clamp", "wrap"):
        yield simple(f"bmsk.{mode}.b32", [amounts, amounts], "b32", lambda a, b, m=mode: bmsk(a, b, m == "clamp"), count=128)
        for t in ("u32", "s32"):
            yield simple(f"szext.{mode}.{t}", ["b32", amounts], "b32", lambda a, b, t=t, m=mode: szext(a, b, t, m == "clamp"))
        for way in "lr":
            count = (lambda n: min(n, 32)) if mode == "clamp" else (lambda n: n & 31)
            yield simple(f"shf.{way}.{mode}.b32", ["b32", "b32", amounts], "b32",
                         lambda a, b, n, c=count, w=way: funnel(a, b, c(n), w == "l"))
    for mode in ("", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"):
        name = "prmt.b32" + (f".{mode}" if mode else "")
        yield simple(name, ["b32"] * 3, "b32", lambda a, b, c, m=mode: prmt(a, b, c, m))


def chain(name, lines, width, inputs, outputs, function):
    """Several instructions that hand on a carry, under the name of the last."""
    kinds = [f"b{width}"] * inputs
    return Form(name, lines, [register(k) for k in kinds], draw(kinds, name), [f"b{width}"] * outputs, function)


def carries():
    for t in ("u32", "s32", "u64", "s64"):
        width = int(t[1:])
        mask, part = (1 << width) - 1, lambda v, i, w=width: v >> i * w & (1 << w) - 1
        three = lambda *v, w=width: sum(x << i * w for i, x in enumerate(v))
        add = lambda *v, three=three, part=part: [part(three(*v[:3]) + three(*v[3:]), i) for i in range(4)]
        lines = [f"add.cc.{t} $d, $0, $3;", f"addc.cc.{t} $d1, $1, $4;", f"addc.cc.{t} $d2, $2, $5;", f"addc.{t} $d3, 0, 0;"]
        for name in ("add.cc", "addc.cc", "addc"):
            yield chain(f"{name}.{t}", lines, width, 6, 4, add)
        # The last subtracts the borrow of a positive difference from all ones.
        sub = lambda *v, three=three, part=part: [part(three(*v[:3]) - three(*v[3:]), i) for i in range(3)] + [
            part(-(three(*v[:3]) < three(*v[3:])), 0)]
        lines = [f"sub.cc.{t} $d, $0, $3;", f"subc.cc.{t} $d1, $1, $4;", f"subc.cc.{t} $d2, $2, $5;", f"subc.{t} $d3, 0, 0;"]
        for name in ("sub.cc", "subc.cc", "subc"):
            yield chain(f"{name}.{t}", lines, width, 6, 4, sub)
        read = (lambda v, w=width: signed(v, w)) if t[0] == "s" else (lambda v: v)
        for first, second in (("lo", "hi"), ("hi", "lo")):
            def mad(a, b, c, d, e, first=first, second=second, w=width, read=read, mask=mask):
                product = read(a) * read(b)
                halves_of = {"lo": product & mask, "hi": product >> w & mask}
                x = halves_of[first] + c
                y = halves_of[second] + d + (x >> w)
                z = halves_of[first] + e + (y >> w)
                return [x & mask, y & mask, z & mask]
            lines = [f"mad.{first}.cc.{t} $d, $0, $1, $2;", f"madc.{second}.cc.{t} $d1, $0, $1, $3;",
                     f"madc.{first}.{t} $d2, $0, $1, $4;"]
            for name in (f"mad.{first}.cc", f"madc.{second}.cc", f"madc.{first}"):
                yield chain(f"{name}.{t}", lines, width, 5, 3, mad)


def forms():
    for family in (arithmetic, small_factors, logic, fields, carries):
        yield from family()


assert expand("a{b,c}") == ["ab", "ac"]
