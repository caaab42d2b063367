# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Instructions of a warp: what each lane gets from the 32 inputs, by plain Python over the lanes.
import random

from exact import F32
from forms import Form, draw, register, signed

FULL = 0xffffffff


def shuffle(mode, lane, b, c):
    """(the lane it reads, whether that is in range): the pseudocode of the ISA."""
    bound, mask = c & 31, c >> 8 & 31
    most = lane & mask | bound & ~mask & 31
    least = lane & mask
    b &= 31
    if mode == "up":
        j = lane - b
        inside = j >= most
    elif mode == "down":
        j = lane + b
        inside = j <= most
    elif mode == "bfly":
        j = lane ^ b
        inside = j <= most
    else:
        j = least | b & ~mask & 31
        inside = j <= most
    return (j if inside else lane), inside


def shuffles():
    for mode in ("up", "down", "bfly", "idx"):
        name = f"shfl.sync.{mode}.b32"
        controls = [0x1f, 0x181f, 0x1c1f, 0x1e1f, 0x1f1f, 0, 0x1800, 0x0f, 0x1003] if mode != "up" else [0, 0x1800, 0x1c00, 0x1e00, 4]

        def function(a, b, c, mode=mode):
            found = [shuffle(mode, i, b[i], c[i]) for i in range(32)]
            return [[a[j] for j, _ in found], [int(p) for _, p in found]]
        yield Form(name, [f"{name} $d|$d1, $0, $1, $2, -1;"], ["b32"] * 3,
                   draw(["b32", list(range(34)), controls], name, 192), ["b32", "pred"], function, together=True, needs="sm_75")


def votes():
    patterns = [[0] * 32, [1] * 32, [1] + [0] * 31] + [[random.Random(i).randrange(2) for _ in range(32)] for i in range(3)]
    column = [v for p in patterns for v in p]
    rules = {"all": lambda a: int(all(a)), "any": lambda a: int(any(a)), "uni": lambda a: int(len(set(a)) == 1)}
    for mode, rule in rules.items():
        for negated in ("", "!"):
            yield Form(f"vote.sync.{mode}.pred", [f"vote.sync.{mode}.pred $d, {negated}$0, -1;"], ["pred"], [column], ["pred"],
                       lambda a, r=rule, n=negated: [[r([v ^ bool(n) for v in a])] * 32], together=True)
    yield Form("vote.sync.ballot.b32", ["vote.sync.ballot.b32 $d, $0, -1;"], ["pred"], [column], ["b32"],
               lambda a: [[sum(v << i for i, v in enumerate(a))] * 32], together=True)


def matches():
    for t in ("b32", "b64"):
        few = [1, 2, 3, 2**31, 2**32 + 1 if t == "b64" else 7]
        column = draw([few], t, 160)[0]
        column[64:96] = [5] * 32
        yield Form(f"match.any.sync.{t}", [f"match.any.sync.{t} $d, $0, -1;"], [t], [column], ["b32"],
                   lambda a: [[sum((x == y) << j for j, y in enumerate(a)) for x in a]], together=True)
        yield Form(f"match.all.sync.{t}", [f"match.all.sync.{t} $d|$d1, $0, -1;"], [t], [column], ["b32", "pred"],
                   lambda a: [[FULL if len(set(a)) == 1 else 0] * 32, [int(len(set(a)) == 1)] * 32], together=True)


def reductions():
    def fold(op, t, a):
        values = [signed(v, 32) for v in a] if t == "s32" else list(a)
        result = {"add": sum, "min": min, "max": max}[op](values) if op in ("add", "min", "max") else values[0]
        for v in values[1:]:
            result = {"and": result & v, "or": result | v, "xor": result ^ v}.get(op, result)
        return result & FULL
    for op, types in (("add", ("u32", "s32")), ("min", ("u32", "s32")), ("max", ("u32", "s32")), ("and", ("b32",)),
                      ("or", ("b32",)), ("xor", ("b32",))):
        for t in types:
            name = f"redux.sync.{op}.{t}"
            yield Form(name, [f"{name} $d, $0, -1;"], ["b32"], draw(["b32"], name), ["b32"],
                       lambda a, o=op, t=t: [[fold(o, t, a)] * 32], together=True, needs="sm_80")
    for op in ("min", "max"):
        for magnitude in ("", ".abs"):
            for nan in ("", ".NaN"):
                name = f"redux.sync.{op}{magnitude}{nan}.f32"

                def function(a, op=op, magnitude=magnitude, nan=nan):
                    values = [v & F32.nan if magnitude and not F32.is_nan(v) else v for v in a]
                    numbers = [v for v in values if not F32.is_nan(v)]
                    if not numbers or (nan and len(numbers) < 32):
                        return [[F32.nan] * 32]
                    order = lambda v: -(v & F32.nan) - 1 if F32.negative(v) else v
                    return [[{"min": min, "max": max}[op](numbers, key=order)] * 32]
                column = draw(["f32"], name, 192)[0]
                column[:32] = [F32.nan] * 32
                column[32:64] = [F32.round(__import__("fractions").Fraction(i - 16)) for i in range(32)]
                yield Form(name, [f"{name} $d, $0, -1;"], ["b32"], [column], ["b32"], function, together=True, needs="sm_100a")


def others():
    lanes = list(range(32)) * 2
    yield Form("activemask.b32", ["activemask.b32 $d;"], ["b32"], [lanes], ["b32"], lambda a: [[FULL] * 32], together=True)
    yield Form("elect.sync", ["elect.sync $d|$d1, -1;"], ["b32"], [lanes], ["b32", "pred"],
               lambda a: [[0] * 32, [1] + [0] * 31], together=True, needs="sm_90")
    yield Form("bar.warp.sync", ["bar.warp.sync -1;", "mov.b32 $d, $0;"], ["b32"], [lanes], ["b32"], lambda a: [list(a)],
               together=True)
    masks = {"eq": lambda i: 1 << i, "le": lambda i: (2 << i) - 1, "lt": lambda i: (1 << i) - 1,
             "ge": lambda i: FULL & ~((1 << i) - 1), "gt": lambda i: FULL & ~((2 << i) - 1)}
    for mask, rule in masks.items():
        yield Form("mov.u32", [f"mov.u32 $d, %lanemask_{mask};"], ["b32"], [lanes], ["b32"],
                   lambda a, r=rule: [[r(i) for i in range(32)]], together=True)
    halves = [(i * 977 + 5) & 0xffff | (i * 331 + 1 & 0xffff) << 16 for i in range(32)] * 2

    def transpose(a):
        matrix = [[a[4 * r + c // 2] >> 16 * (c & 1) & 0xffff for c in range(8)] for r in range(8)]
        return [[matrix[2 * (i % 4)][i // 4] | matrix[2 * (i % 4) + 1][i // 4] << 16 for i in range(32)]]
    yield Form("movmatrix.sync.aligned.m8n8.trans.b16", ["movmatrix.sync.aligned.m8n8.trans.b16 $d, $0;"], ["b32"], [halves],
               ["b32"], transpose, together=True)


def barriers():
    """Of 128 threads; thread t of a block brings its predicate, all get the result."""
    column = [random.Random(5).randrange(2) for _ in range(128)] + [1] * 128 + [0] * 128
    blocks = lambda function: lambda *rows: function(*rows)
    for op, rule in (("popc", sum), ("and", lambda a: int(all(a))), ("or", lambda a: int(any(a)))):
        for opcode in ("bar.red", "bar.cta.red", "barrier.red", "barrier.cta.red"):
            for aligned in ("",) if opcode.startswith("bar.") else ("", ".aligned"):
                t, out = ("u32", "b32") if op == "popc" else ("pred", "pred")
                name = f"{opcode}.{op}{aligned}.{t}"
                results = [rule(column[i // 128 * 128:][:128]) for i in range(384)]
                form = Form(name, [f"{name} $d, 0, $0;"], ["pred"], [column, results], [out], None, threads=128)
                form.inputs = ["pred", "b32"]
                form.expected = lambda a, r: [r]
                yield form
    assert blocks and register


def forms():
    for family in (shuffles, votes, matches, reductions, others, barriers):
        yield from family()
