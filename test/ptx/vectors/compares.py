# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Comparisons, selections and moves.
from exact import FORMATS
from forms import BITS, Form, draw, expand, register, signed, simple

ORDERED = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
           "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b}
UNSIGNED = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
BOOL = {"and": lambda t, c: t & c, "or": lambda t, c: t | c, "xor": lambda t, c: t ^ c}


def order(f, bits):
    """A number that compares as the float does."""
    return float("inf") * (-1 if f.negative(bits) else 1) if f.is_inf(bits) else f.value(bits)


def compares(op, t, ftz=False):
    """bool of (a op b) for bit patterns of type t."""
    if t in FORMATS:
        f = FORMATS[t]

        def function(a, b):
            if ftz:
                a, b = f.flush(a), f.flush(b)
            nan = f.is_nan(a) or f.is_nan(b)
            if op in ("num", "nan"):
                return nan == (op == "nan")
            return op.endswith("u") if nan else ORDERED[op.removesuffix("u") if len(op) == 3 else op](order(f, a), order(f, b))
        return function
    width = int(t[1:])
    read = (lambda v: signed(v, width)) if t[0] == "s" and op not in UNSIGNED else (lambda v: v)
    return lambda a, b: ORDERED[UNSIGNED.get(op, op)](read(a), read(b))


FLOAT_OPS = [*ORDERED, *(op + "u" for op in ORDERED), "num", "nan"]
FLOAT_TYPES = [("f32", False), ("f32", True), ("f64", False), ("f16", False), ("f16", True), ("bf16", False)]


def all_comparisons():
    """(op, type, ftz)"""
    for t in ("b16", "b32", "b64"):
        yield from ((op, t, False) for op in ("eq", "ne"))
    for t in ("u16", "u32", "u64", "s16", "s32", "s64"):
        yield from ((op, t, False) for op in (*ORDERED, *(UNSIGNED if t[0] == "u" else ())))
    for t, ftz in FLOAT_TYPES:
        yield from ((op, t, ftz) for op in FLOAT_OPS)


def near(t, name):
    """Pairs that are equal a third of the time."""
    a, b = draw([t, t], name)
    return [a, [x if i % 3 == 0 else y for i, (x, y) in enumerate(zip(a, b))]]


def predicates():
    for op, t, ftz in all_comparisons():
        name, function = f"setp.{op}{'.ftz' if ftz else ''}.{t}", compares(op, t, ftz)
        needs = "sm_90" if t == "bf16" else "sm_75"
        both = t not in ("f16", "bf16")  # those have one result
        d = "$d|$d1" if both else "$d"
        yield Form(name, [f"{name} {d}, $0, $1;"], [register(t)] * 2, near(t, name), ["pred"] * (1 + both),
                   lambda a, b, g=function, n=1 + both: [int(g(a, b)), int(not g(a, b))][:n], needs=needs)
        for boolean, combine in BOOL.items():
            name = f"setp.{op}.{boolean}{'.ftz' if ftz else ''}.{t}"
            columns = near(t, name) + draw(["pred"], name)
            yield Form(name, [f"{name} {d}, $0, $1, {'!' if boolean == 'or' else ''}$2;"], [register(t)] * 2 + ["pred"],
                       columns, ["pred"] * (1 + both),
                       lambda a, b, c, g=function, k=combine, n=boolean == "or", m=1 + both: [
                           k(int(g(a, b)), c ^ n), k(int(not g(a, b)), c ^ n)][:m], needs=needs)
    for half in ("f16", "bf16"):
        for op in FLOAT_OPS:
            for ftz in ((".ftz", "") if half == "f16" else ("",)):
                name, g = f"setp.{op}{ftz}.{half}x2", compares(op, half, bool(ftz))
                yield Form(name, [f"{name} $d|$d1, $0, $1;"], ["b32", "b32"], near(half + "x2", name), ["pred", "pred"],
                           lambda a, b, g=g: [int(g(a & 65535, b & 65535)), int(g(a >> 16, b >> 16))], needs="sm_90")


def results():
    """set: all ones, or 1.0."""
    one = {"u32": 2**32 - 1, "s32": 2**32 - 1, "f32": 0x3f800000, "u16": 0xffff, "s16": 0xffff, "f16": 0x3c00, "bf16": 0x3f80}
    for op, t, ftz in all_comparisons():
        half = t in ("f16", "bf16")
        for d in ("u32", "s32", "f32") if not half else ("u16", "s16", "u32", "s32", t):
            if half and d in ("u32", "s32", "u16", "s16") and t == "bf16" and op in ("num", "nan") and d[1:] == "32":
                continue
            function, flush = compares(op, t, ftz), ".ftz" if ftz else ""
            needs = "sm_90" if t == "bf16" else "sm_75"
            name = f"set.{op}{flush}.{d}.{t}"
            yield Form(name, [f"{name} $d, $0, $1;"], [register(t)] * 2, near(t, name), [register(d)],
                       lambda a, b, g=function, v=one[d]: [v if g(a, b) else 0], needs=needs)
            if op in ("lt", "ltu", "eq"):
                for boolean, combine in BOOL.items():
                    name = f"set.{op}.{boolean}{flush}.{d}.{t}"
                    yield Form(name, [f"{name} $d, $0, $1, $2;"], [register(t)] * 2 + ["pred"],
                               near(t, name) + draw(["pred"], name), [register(d)],
                               lambda a, b, c, g=function, k=combine, v=one[d]: [v if k(int(g(a, b)), c) else 0], needs=needs)
    for half in ("f16", "bf16"):
        value = one[half]
        for op in FLOAT_OPS:
            for ftz in ((".ftz", "") if half == "f16" else ("",)):
                g = compares(op, half, bool(ftz))
                name = f"set.{op}{ftz}.{half}x2.{half}x2"
                yield Form(name, [f"{name} $d, $0, $1;"], ["b32", "b32"], near(half + "x2", name), ["b32"],
                           lambda a, b, g=g, v=value: [(v if g(a & 65535, b & 65535) else 0) |
                                                       (v if g(a >> 16, b >> 16) else 0) << 16], needs="sm_90")


SCALARS = ["b16", "b32", "b64", "u16", "u32", "u64", "s16", "s32", "s64", "f32", "f64"]


def selections():
    for t in SCALARS:
        yield simple(f"selp.{t}", [t, t, "pred"], t, lambda a, b, c: a if c else b)
        yield simple(f"slct.{t}.s32", [t, t, "s32"], t, lambda a, b, c: a if c < 2**31 else b)
        for ftz in ("", ".ftz"):
            f = FORMATS["f32"]

            def function(a, b, c, ftz=ftz, f=f):
                c = f.flush(c) if ftz else c
                return b if f.is_nan(c) else a if not f.negative(c) or (c & f.nan) == 0 else b
            yield simple(f"slct{ftz}.{t}.f32", [t, t, "f32"], t, function)
        yield simple(f"mov.{t}", [t], t, lambda a: a)
    yield simple("mov.pred", ["pred"], "pred", lambda a: a)
    wide = 2**128 - 1
    columns = draw(["b64", "b64"], "b128")
    yield Form("mov.b128", ["{ .reg .b128 %q; mov.b128 %q, {$0, $1}; mov.b128 {$d1, $d}, %q; }"], ["b64", "b64"], columns,
               ["b64", "b64"], lambda a, b: [b, a], needs="sm_75")
    assert wide and BITS
    for name, n, part in (("mov.b32", 2, 16), ("mov.b64", 2, 32), ("mov.b64", 4, 16)):
        kinds = [f"b{part}"] * n
        ins, outs = ", ".join(f"${i}" for i in range(n)), ", ".join(f"$d{i or ''}" for i in range(n))
        total = part * n
        form = Form(name, [f"{{ .reg .b{total} %q; {name} %q, {{{ins}}}; {name} {{{outs}}}, %q; }}"], kinds,
                    draw(kinds, name + str(n)), kinds, lambda *v: list(v))
        form.name += f" ({n} parts)"
        yield form


def forms():
    yield from predicates()
    yield from results()
    yield from selections()


assert expand
