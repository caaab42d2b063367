# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Loads, stores and atomics: each thread works on its own bytes, which it fills and reads back by other instructions. The
# bytes of global memory are the thread's place in the first column of inputs ([%d1]).
import exact
from exact import FORMATS
from floats import nan_or_equal
from forms import BITS, Form, draw, expand, register, signed, simple

TYPES = ["b8", "b16", "b32", "b64", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64"]
CONSTANTS = [(i * 0x9E3779B97F4A7C15 + 0x123456789ABCDEF) % 2**64 for i in range(64)]
SETUP = {
    "global": ("", [], "%d1"),
    "shared": (".shared .align 32 .b8 sh[4096];", ["shl.b32 %w5, %w2, 5;", "and.b32 %w5, %w5, 4064;", "mov.b32 %w4, sh;",
                                                    "add.u32 %w5, %w5, %w4;"], "%w5"),
    "local": (".local .align 32 .b8 lo[32];", ["mov.b64 %d5, lo;"], "%d5"),
    "generic shared": (".shared .align 32 .b8 sh[4096];", ["shl.b32 %w5, %w2, 5;", "and.b32 %w5, %w5, 4064;",
                       "mov.b32 %w4, sh;", "add.u32 %w5, %w5, %w4;", "cvt.u64.u32 %d5, %w5;", "cvta.shared.u64 %d5, %d5;"], "%d5"),
    "generic local": (".local .align 32 .b8 lo[32];", ["mov.b64 %d5, lo;", "cvta.local.u64 %d5, %d5;"], "%d5"),
    "generic global": ("", ["cvta.global.u64 %d5, %d1;"], "%d5")}
SETUP["shared::cta"] = SETUP["shared"]


def width(t):
    return int(t[1:])


def extended(bits, t, to):
    value = bits & (1 << width(t)) - 1
    return signed(value, width(t)) & (1 << to) - 1 if t[0] == "s" else value


def suffix(space):
    return "" if space.startswith("generic") else "." + space


def accesses():
    """A store of a type and a load of it, of its bytes, by registers as wide and wider."""
    for space, (declare, setup, at) in SETUP.items():
        plain = "." + space.split("::")[0] if not space.startswith("generic") else ""
        for t in TYPES:
            n, wide = width(t), 64 if width(t) == 64 else 32
            name = f"ld{suffix(space)}.{t}"
            kind = f"b{wide if t[0] != 'f' else n}"
            fill = [] if space.endswith("global") else [f"st{plain}.b64 [{at}], $0;"]
            yield Form(name, [*setup, *fill, f"{name} $d, [{at}];"], ["b64"], draw(["b64"], name), [kind],
                       lambda v, t=t, k=kind: [extended(v, t, BITS[k])], declare=declare)
            name = f"st{suffix(space)}.{t}"
            yield Form(name, [*setup, *fill, f"{name} [{at}], $1;", f"ld{plain}.b64 $d, [{at}];"], ["b64", kind],
                       draw(["b64", "b64"], name), ["b64"],
                       lambda v, b, n=n: [v & ~((1 << n) - 1) | b & (1 << n) - 1], declare=declare)
            for count in (2, 4, 8):
                if n * count <= 128 and n >= 8 and count * n >= 16 and (count < 8):
                    yield from vectors(space, setup, declare, at, plain, t, count)


def vectors(space, setup, declare, at, plain, t, count):
    n = width(t)
    if space.endswith("global") and n * count > 64:
        return  # a thread's place has 8 bytes
    kind = "b32" if n <= 32 and t[0] != "f" else f"b{n}"
    names = [f"$d{i or ''}" for i in range(count)]
    name = f"ld{suffix(space)}.v{count}.{t}"
    words = max(1, n * count // 64)
    fill = [] if space.endswith("global") else [f"st{plain}.b64 [{at}+{8 * i}], ${i};" for i in range(words)]
    whole = lambda v: sum(x << 64 * i for i, x in enumerate(v))
    yield Form(name, [*setup, *fill, f"{name} {{{', '.join(names)}}}, [{at}];"], ["b64"] * words, draw(["b64"] * words, name),
               [kind] * count, lambda *v, n=n, t=t, k=kind, c=count: [
                   extended(whole(v) >> i * n, t, BITS[k]) for i in range(c)], declare=declare)
    name = f"st{suffix(space)}.v{count}.{t}"
    sources = [f"${words + i}" for i in range(count)]
    outs = [f"$d{i or ''}" for i in range(words)]

    def function(*v, n=n, c=count, w=words):
        mask = (1 << n) - 1
        total, low = sum((x & mask) << i * n for i, x in enumerate(v[w:])), whole(v[:w])
        low = low >> n * c << n * c | total
        return [low >> 64 * i & 2**64 - 1 for i in range(w)]
    fill = [f"st{plain}.b64 [{at}+{8 * i}], ${i};" for i in range(words)]
    yield Form(name, [*setup, *fill, f"{name} [{at}], {{{', '.join(sources)}}};",
                      *(f"ld{plain}.b64 {o}, [{at}+{8 * i}];" for i, o in enumerate(outs))],
               ["b64"] * words + [kind] * count, draw(["b64"] * words + [kind] * count, name), ["b64"] * words, function,
               declare=declare)


SCOPES = ["cta", "cluster", "gpu", "sys"]


def orders():
    """Semantics, scopes and hints, which do not change what a thread alone reads."""
    loads = ["ld.weak", "ld.volatile", *(f"ld.{s}.{c}" for s in ("relaxed", "acquire") for c in SCOPES)]
    stores = ["st.weak", "st.volatile", *(f"st.{s}.{c}" for s in ("relaxed", "release") for c in SCOPES)]
    for space in ("global", "shared", "generic global"):
        declare, setup, at = SETUP[space]
        plain = "." + space if " " not in space else ""
        for t in ("b32", "u64"):
            k = f"b{width(t)}"
            for load in loads:
                name = f"{load}{suffix(space)}.{t}"
                yield Form(name, [*setup, f"st{plain}.{k} [{at}], $0;", f"{name} $d, [{at}];"], [k], draw([k], name), [k],
                           lambda v: [v], declare=declare, needs="sm_90")
            for store in stores:
                name = f"{store}{suffix(space)}.{t}"
                yield Form(name, [*setup, f"{name} [{at}], $0;", f"ld{plain}.{k} $d, [{at}];"], [k], draw([k], name), [k],
                           lambda v: [v], declare=declare, needs="sm_90")
    for name, body in (("ld.mmio.relaxed.sys.global.u32", "ld.mmio.relaxed.sys.global.u32 $d, [%d1];"),
                       ("st.mmio.relaxed.sys.global.u32", "st.mmio.relaxed.sys.global.u32 [%d1], $0; ld.global.u32 $d, [%d1];")):
        yield Form(name, [body], ["b32"], draw(["b32"], name), ["b32"], lambda v: [v], needs="sm_75")


def hints():
    names = expand("ld.global{.ca,.cg,.cs,.lu,.cv}.b32") + expand("ld.global{.nc,.ca.nc,.cg.nc,.cs.nc}.b32")
    names += expand("ld.global{,.nc}{.L1::evict_normal,.L1::evict_unchanged,.L1::evict_first,.L1::evict_last,.L1::no_allocate}.b32")
    names += expand("ld.global{,.nc}{.L2::64B,.L2::128B,.L2::256B}.b32") + expand("ld.global{,.nc}.L1::no_allocate.L2::256B.b32")
    for name in names:
        yield Form(name, [f"{name} $d, [%d1];"], ["b32"], draw(["b32"], name), ["b32"], lambda v: [v], needs="sm_80")
    for name in expand("ldu.global{,.v2}.b32"):
        two = ".v2" in name
        yield Form(name, [f"{name} {'{$d, $d1}' if two else '$d'}, [%d1];"], ["b64"], draw(["b64"], name), ["b32"] * (1 + two),
                   lambda v, two=two: [v & 2**32 - 1, v >> 32][:1 + two])
    for name in expand("st.global{.wb,.cg,.cs,.wt,.L1::evict_normal,.L1::evict_unchanged,.L1::evict_first,.L1::evict_last,"
                       ".L1::no_allocate}.b32"):
        yield Form(name, [f"{name} [%d1], $1;", "ld.global.b32 $d, [%d1];"], ["b32", "b32"], draw(["b32", "b32"], name), ["b32"],
                   lambda v, b: [b])
    policies = ["createpolicy.fractional.L2::evict_last.b64 %d6, 0.5;", "createpolicy.fractional.L2::evict_first.b64 %d6;",
                "createpolicy.fractional.L2::evict_normal.L2::evict_unchanged.b64 %d6, 1.0;",
                "createpolicy.range.global.L2::evict_last.L2::evict_unchanged.b64 %d6, [%d1], 64, 128;",
                "createpolicy.cvt.L2.b64 %d6, %d1;"]
    uses = [("ld.global.L2::cache_hint.b32", "ld.global.L2::cache_hint.b32 $d, [%d1], %d6;"),
            ("ld.global.nc.L1::no_allocate.L2::cache_hint.b32", "ld.global.nc.L1::no_allocate.L2::cache_hint.b32 $d, [%d1], %d6;"),
            ("st.global.L2::cache_hint.b32", "st.global.L2::cache_hint.b32 [%d1], $0; ld.global.b32 $d, [%d1];"),
            ("st.global.L2::cache_hint.b32", "st.global.L2::cache_hint.b32 [%d1], $0, %d6; ld.global.b32 $d, [%d1];"),
            ("ld.global.L2::cache_hint.L2::128B.b32", "ld.global.L2::cache_hint.L2::128B.b32 $d, [%d1], %d6;")]
    for policy in policies:
        for name, use in uses:
            if ".L2::cache_hint.b32 [%d1], $0;" in use:
                continue
            yield Form(name, [policy, use], ["b32"], draw(["b32"], name), ["b32"], lambda v: [v], needs="sm_80")
        name = policy.split()[0]
        yield Form(name, [policy, uses[0][1]], ["b32"], draw(["b32"], name), ["b32"], lambda v: [v], needs="sm_80")
    for name, operands in (("prefetch.global.L1", "[%d1]"), ("prefetch.global.L2", "[%d1]"), ("prefetch.L1", "[%d1]"),
                           ("prefetch.L2", "[%d1]"), ("prefetchu.L1", "[%d1]"), ("prefetch.global.L2::evict_last", "[%d1]"),
                           ("prefetch.global.L2::evict_normal", "[%d1]"), ("applypriority.global.L2::evict_normal", "[%d3], 128"),
                           ("applypriority.L2::evict_normal", "[%d3], 128")):
        yield Form(name, ["and.b64 %d3, %d1, -128;", f"{name} {operands};", "ld.global.b32 $d, [%d1];"], ["b32"],
                   draw(["b32"], name), ["b32"], lambda v: [v], needs="sm_80")


def spaces():
    """cvta, isspacep and constants."""
    lanes = [list(range(64))]
    table = ", ".join(str(v) for v in CONSTANTS)
    for t in ("b8", "u16", "s16", "b32", "s32", "u64", "f64"):
        name = f"ld.const.{t}"
        kind = "b64" if width(t) == 64 else "b32"
        form = Form(name, ["mul.wide.u32 %d5, $0, 8;", "mov.u64 %d6, table;", "add.u64 %d5, %d5, %d6;", f"{name} $d, [%d5];"],
                    ["b32"], lanes, [kind], lambda i, t=t, k=kind: [extended(CONSTANTS[i], t, BITS[k])])
        form.module = f".const .align 8 .u64 table[64] = {{{table}}};\n"
        yield form
        form = Form(f"ld.{t}", ["mul.wide.u32 %d5, $0, 8;", "mov.u64 %d6, table;", "cvta.const.u64 %d6, %d6;",
                                "add.u64 %d5, %d5, %d6;", f"ld.{t} $d, [%d5];"],
                    ["b32"], lanes, [kind], lambda i, t=t, k=kind: [extended(CONSTANTS[i], t, BITS[k])])
        form.module = f".const .align 8 .u64 table[64] = {{{table}}};\n"
        yield form
    for asked in ("const", "global"):
        form = Form(f"isspacep.{asked}", ["mov.u64 %d6, table;", "cvta.const.u64 %d6, %d6;", f"isspacep.{asked} $d, %d6;"],
                    ["b32"], lanes, ["pred"], lambda v, y=asked == "const": [int(y)])
        form.module = f".const .align 8 .u64 table[64] = {{{table}}};\n"
        yield form
    for space in ("global", "shared", "local"):
        declare, setup, at = SETUP[space]
        wide = ["cvt.u64.u32 %d5, %w5;", f"cvta.{space}.u64 %d6, %d5;"] if space == "shared" else [f"cvta.{space}.u64 %d6, {at};"]
        back = [f"cvta.to.{space}.u64 %d7, %d6;"]
        for name in (f"cvta.{space}.u64", f"cvta.to.{space}.u64"):
            yield Form(name, [*setup, *wide, *back, f"st.{space}.b64 [{at}], $0;", f"ld.{space}.b64 $d, [%d7];",
                              "ld.b64 $d1, [%d6];"], ["b64"], draw(["b64"], name), ["b64", "b64"], lambda v: [v, v], declare=declare)
        for asked in ("global", "shared", "shared::cta", "local", "const"):
            name = f"isspacep.{asked}"
            yield Form(name, [*setup, *wide, f"{name} $d, %d6;"], ["b32"], lanes, ["pred"],
                       lambda v, y=asked.split("::")[0] == space: [int(y)], declare=declare)


# -- atomics -----------------------------------------------------------------------------------------------

def integer_operation(op, t):
    n = width(t)
    mask = (1 << n) - 1
    read = (lambda v: signed(v, n)) if t[0] == "s" else (lambda v: v)
    return {"add": lambda a, b: a + b & mask, "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
            "exch": lambda a, b: b, "min": lambda a, b: min(read(a), read(b)) & mask, "max": lambda a, b: max(read(a), read(b)) & mask,
            "inc": lambda a, b: 0 if a >= b else a + 1, "dec": lambda a, b: b if a == 0 or a > b else a - 1}[op]


def float_operation(op, t):
    f = FORMATS[t]
    if op == "add":
        return lambda a, b: exact.add(f, "rn", a, b)
    return lambda a, b: exact.pick(f, op == "max", False, False, a, b)


ATOMS = [("add", ("u32", "s32", "u64")), ("and", ("b32", "b64")), ("or", ("b32", "b64")), ("xor", ("b32", "b64")),
         ("exch", ("b32", "b64")), ("min", ("u32", "s32", "u64", "s64")), ("max", ("u32", "s32", "u64", "s64")),
         ("inc", ("u32",)), ("dec", ("u32",))]


def atomic(name, setup, declare, at, plain, k, function, kinds=None, close=None, hint=False):
    """As atom (old and new value) or red (new value)."""
    extra = ", %d6" if hint else ""
    policy = ["createpolicy.fractional.L2::evict_last.b64 %d6, 1.0;"] if hint else []
    columns = draw(kinds or [k, k], name)
    columns[1] = [a if i % 5 == 0 else b for i, (a, b) in enumerate(zip(*columns))]
    fill, load = f"st{plain}.{k} [{at}], $0;", f"ld{plain}.{k} $d, [{at}];"
    if name.startswith("red"):
        return Form(name, [*setup, *policy, fill, f"{name} [{at}], $1{extra};", load], [k, k], columns, [k],
                    lambda a, b: [function(a, b)], declare=declare, close=close, needs="sm_90")
    return Form(name, [*setup, *policy, fill, f"{name} $d1, [{at}], $1{extra};", load], [k, k], columns, [k, k],
                lambda a, b: [function(a, b), a], declare=declare, close=close, needs="sm_90")


def atomics():
    for space in ("global", "shared", "shared::cta", "generic shared", "generic global"):
        declare, setup, at = SETUP[space]
        plain = "." + space.split("::")[0] if " " not in space else ""
        place = (setup, declare, at, plain)
        for opcode in ("atom", "red"):
            for op, types in ATOMS:
                if opcode == "red" and op == "exch":
                    continue
                for t in types:
                    yield atomic(f"{opcode}{suffix(space)}.{op}.{t}", *place, f"b{width(t)}", integer_operation(op, t))
            flush = lambda g: lambda a, b: exact.flushed(FORMATS["f32"], g)(a, b)
            add = float_operation("add", "f32")
            yield atomic(f"{opcode}{suffix(space)}.add.f32", *place, "b32", flush(add) if space.endswith("global") else add,
                         ["f32", "f32"])
            yield atomic(f"{opcode}{suffix(space)}.add.f64", *place, "b64", float_operation("add", "f64"), ["f64", "f64"],
                         nan_or_equal(FORMATS["f64"]))
            for t in ("f16", "bf16"):
                g = float_operation("add", t)
                yield atomic(f"{opcode}{suffix(space)}.add.noftz.{t}", *place, "b16", g, [t, t])
                pair = lambda a, b, g=g: g(a & 65535, b & 65535) | g(a >> 16, b >> 16) << 16
                yield atomic(f"{opcode}{suffix(space)}.add.noftz.{t}x2", *place, "b32", pair, [t + "x2", t + "x2"])
        yield from exchanges(space, place)
    declare, setup, at = SETUP["global"]
    for opcode in ("atom", "red"):
        for order in ("relaxed", "release") + (("acquire", "acq_rel") if opcode == "atom" else ()):
            for scope in SCOPES:
                yield atomic(f"{opcode}.{order}.{scope}.global.add.u32", setup, declare, at, ".global", "b32",
                             integer_operation("add", "u32"))
        yield atomic(f"{opcode}.global.add.L2::cache_hint.u32", setup, declare, at, ".global", "b32",
                     integer_operation("add", "u32"), hint=True)
    yield from vector_atomics()


def exchanges(space, place):
    setup, declare, at, plain = place
    for k in ("b16", "b32", "b64"):
        name = f"atom{suffix(space)}.cas.{k}"
        columns = draw([k, k, k], name)
        columns[1] = [a if i % 2 else b for i, (a, b) in enumerate(zip(columns[0], columns[1]))]
        yield Form(name, [*setup, f"st{plain}.{k} [{at}], $0;", f"{name} $d1, [{at}], $1, $2;", f"ld{plain}.{k} $d, [{at}];"],
                   [k] * 3, columns, [k, k], lambda a, b, c: [c if a == b else a, a], declare=declare)
    if space.endswith("global"):
        return  # a thread's place has 8 bytes
    fill = [f"st{plain}.b64 [{at}], $0;", f"st{plain}.b64 [{at}+8], $1;"]
    load = [f"ld{plain}.b64 $d, [{at}];", f"ld{plain}.b64 $d1, [{at}+8];"]
    quad = draw(["b64"] * 6, "b128" + space)
    for i in range(0, len(quad[0]), 2):
        quad[2][i], quad[3][i] = quad[0][i], quad[1][i]
    name = f"atom{suffix(space)}.cas.b128"
    yield Form(name, [*setup, *fill, "{ .reg .b128 %q, %r, %s; mov.b128 %r, {$2, $3}; mov.b128 %s, {$4, $5};",
                      f"{name} %q, [{at}], %r, %s; mov.b128 {{$d2, $d3}}, %q; }}", *load], ["b64"] * 6, quad, ["b64"] * 4,
               lambda a, b, c, d, e, f: [e, f, a, b] if (a, b) == (c, d) else [a, b, a, b], declare=declare, needs="sm_90")
    name = f"atom{suffix(space)}.exch.b128"
    yield Form(name, [*setup, *fill, "{ .reg .b128 %q, %r; mov.b128 %r, {$2, $3};",
                      f"{name} %q, [{at}], %r; mov.b128 {{$d2, $d3}}, %q; }}", *load], ["b64"] * 4, quad[:4], ["b64"] * 4,
               lambda a, b, c, d: [c, d, a, b], declare=declare, needs="sm_90")


def vector_atomics():
    """Of global memory only; at most the 8 bytes of a thread's place."""
    rows = [(f"add.v2.f32", "f32", 2, 32, "add", ".add.v2.f32")]
    for t in ("f16", "bf16"):
        for op in ("add", "min", "max"):
            rows += [(op, t, 2, 16, op, f".{op}.noftz.v2.{t}"), (op, t, 4, 16, op, f".{op}.noftz.v4.{t}"),
                     (op, t + "x2", 2, 32, op, f".{op}.noftz.v2.{t}x2")]
    for _, t, count, bits, op, text in rows:
        half = t[:-2] if t.endswith("x2") else t
        g = float_operation(op, half)
        if half == "f32":
            g = exact.flushed(FORMATS["f32"], g)
        n, mask = FORMATS[half].bits, (1 << FORMATS[half].bits) - 1
        total = count * bits
        whole = lambda a, b, g=g, n=n, m=mask, c=total: sum(g(a >> i & m, b >> i & m) << i for i in range(0, c, n))
        for opcode in ("atom", "red"):
            name = f"{opcode}.global{text}"
            parts = [f"%v{i}" for i in range(count)]
            old = [f"%o{i}" for i in range(count)]
            split = f"{{ .reg .b{bits} {', '.join(parts + old)}; mov.b{total} {{{', '.join(parts)}}}, $1;"
            use = (f"{name} {{{', '.join(old)}}}, [%d1], {{{', '.join(parts)}}}; mov.b{total} $d1, {{{', '.join(old)}}}; }}"
                   if opcode == "atom" else f"{name} [%d1], {{{', '.join(parts)}}}; mov.b{total} $d1, $1; }}")
            draws = draw([half] * (2 * total // n), name)
            pack = lambda columns, n=n: [sum(v << i * n for i, v in enumerate(row)) for row in zip(*columns)]
            columns = [pack(draws[:total // n]), pack(draws[total // n:])]
            k = f"b{total}"
            yield Form(name, [split, use, f"ld.global.{k} $d, [%d1];"], [k, k], columns, [k, k],
                       lambda a, b, w=whole, o=opcode: [w(a, b), a if o == "atom" else b], needs="sm_90")


def forms():
    for family in (accesses, orders, hints, spaces, atomics):
        yield from family()


assert register and simple
