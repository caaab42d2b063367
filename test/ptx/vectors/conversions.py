# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cvt: every pair of types, rounding and saturation that PTX has for sm_90 and before. 8-bit sources exhaustively.
from fractions import Fraction
from functools import lru_cache

import exact
from exact import BF16, E4M3, E5M2, F16, F32, F64, FORMATS, TF32
from floats import nan_or_equal
from forms import Form, draw, expand, float_edges, modifiers, register, signed, simple

INTEGERS = ["u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64"]
FLOATS = ["f16", "bf16", "f32", "f64"]
DIRECTIONS = {"rn": "rn", "rz": "rz", "rm": "rm", "rp": "rp", "rni": "rn", "rzi": "rz", "rmi": "rm", "rpi": "rp",
              "rna": "rna"}


def direction(name):
    return next((DIRECTIONS[m] for m in modifiers(name) if m in DIRECTIONS), "rn")


def read(bits, t):
    width = int(t[1:])
    bits &= (1 << width) - 1
    return signed(bits, width) if t[0] == "s" else bits


def fit(value, t):
    """Clamped to the integer type."""
    width = int(t[1:])
    least, most = (-(1 << width - 1), (1 << width - 1) - 1) if t[0] == "s" else (0, (1 << width) - 1)
    return min(max(value, least), most)


def fill(value, t):
    """As a register of at least 16 bits holds it: extended by the type's sign."""
    width = int(t[1:])
    value &= (1 << width) - 1
    return signed(value, width) & (1 << max(16, width)) - 1 if t[0] == "s" else value


def columns(source, name):
    """Of the source's register; bits above the type are noise."""
    if source in ("u8", "s8"):
        return [[v | (v * 37 & 255) << 8 for v in range(256)]]
    if source in FORMATS:
        f = FORMATS[source]
        edges = float_edges(source)
        whole = [f.round(Fraction(v, 2) * s) for v in (1, 3, 5, 254, 255, 256, 511, 65535, 131071, 2**32 - 1, 2**33, 2**63)
                 for s in (1, -1)]
        rest = draw([source, source], name)
        return [(edges + [v & (1 << f.bits) - 1 for v in whole] + rest[0] + rest[1])[:160]]
    return draw([source], name)


def between_integers():
    for d in INTEGERS:
        for s in INTEGERS:
            # .sat only where it can do anything.
            narrows = fit(-2**70, d) > fit(-2**70, s) or fit(2**70, d) < fit(2**70, s)
            for name in expand(f"cvt{{,.sat}}.{d}.{s}" if narrows else f"cvt.{d}.{s}"):
                function = lambda a, d=d, s=s, sat=".sat" in name: [fill(fit(read(a, s), d) if sat else read(a, s), d)]
                yield Form(name, [f"{name} $d, $0;"], [register(s if s[1:] != "8" else "b16")], columns(s, name),
                           [register(d if d[1:] != "8" else "b16")], function)


def to_integer(name, f, d):
    mode, ftz, width = direction(name), ".ftz" in name, int(d[1:])

    def function(a):
        a = f.flush(a) if ftz else a
        if f.is_nan(a):
            return [fill(1 << width - 1 if f is F64 or width == 64 else 0, d)]
        if f.is_inf(a):
            return [fill(fit(-(1 << 70) if f.negative(a) else 1 << 70, d), d)]
        return [fill(fit(exact.integral(f.value(a), mode), d), d)]
    return function


def floats_and_integers():
    for t in FLOATS:
        f = FORMATS[t]
        for i in INTEGERS if t != "bf16" else [i for i in INTEGERS if i[1:] != "8"]:
            sat = "{,.sat}" if t != "bf16" else ""
            register_of = "b16" if i[1:] == "8" else register(i)
            for name in expand(f"cvt{{.rn,.rz,.rm,.rp}}{sat}.{t}.{i}"):
                def function(a, f=f, i=i, mode=direction(name), sat=".sat" in name):
                    x = Fraction(read(a, i))
                    return [f.round(min(max(x, Fraction(0)), Fraction(1)) if sat else x, mode)]
                yield Form(name, [f"{name} $d, $0;"], [register_of], columns(i, name), [register(t)], function, needs="sm_90")
            for name in expand(f"cvt{{.rni,.rzi,.rmi,.rpi}}{{,.ftz}}{{,.sat}}.{i}.{t}" if t == "f32" else
                               f"cvt{{.rni,.rzi,.rmi,.rpi}}{sat}.{i}.{t}"):
                yield Form(name, [f"{name} $d, $0;"], [register(t)], columns(t, name), [register_of],
                           to_integer(name, f, i), needs="sm_90")


def float_to_float(name, to, source):
    mode, ftz, sat = direction(name), ".ftz" in name, ".sat." in name
    integral = any(m in ("rni", "rzi", "rmi", "rpi") for m in modifiers(name))
    relu, satfinite = ".relu" in name, ".satfinite" in name

    def function(a):
        if ftz and source is F32:
            a = F32.flush(a)
        if integral and not source.is_nan(a) and not source.is_inf(a):
            a = source.round(Fraction(exact.integral(source.value(a), mode)), zero_sign=source.negative(a))
        r = exact.convert(to, source, a, mode, relu=relu, satfinite=satfinite, sat=sat)
        return F32.flush(r) if ftz and to is F32 else r
    return function


def saturates(*types):
    return "" if "bf16" in types else "{,.sat}"


def between_floats():
    rows = []
    for t in FLOATS:
        ftz = "{,.ftz}" if t == "f32" else ""
        sat = "{,.sat}" if t != "bf16" else ""
        rows += [(t, t, f"cvt{{.rni,.rzi,.rmi,.rpi}}{ftz}{sat}.{t}.{t}"), (t, t, f"cvt{ftz}{sat}.{t}.{t}")]
    for d, s in (("f32", "f16"), ("f32", "bf16"), ("f64", "f32"), ("f64", "f16"), ("f64", "bf16")):
        rows.append((d, s, f"cvt{'{,.ftz}' if 'f32' in (d, s) else ''}{saturates(d, s)}.{d}.{s}"))
    for d, s in (("f16", "f32"), ("f16", "f64"), ("f32", "f64"), ("bf16", "f32"), ("bf16", "f64"), ("bf16", "f16"), ("f16", "bf16")):
        rows.append((d, s, f"cvt{{.rn,.rz,.rm,.rp}}{'{,.ftz}' if 'f32' in (d, s) else ''}{saturates(d, s)}.{d}.{s}"))
    rows += [(d, "f32", f"cvt{{.rn,.rz}}{{,.relu}}{{,.satfinite}}.{d}.f32") for d in ("f16", "bf16")]
    seen = set()
    for d, s, pattern in rows:
        for name in expand(pattern):
            if name in seen:
                continue
            seen.add(name)
            to, source = FORMATS[d], FORMATS[s]
            yield Form(name, [f"{name} $d, $0;"], [register(s)], columns(s, name), [register(d)],
                       lambda a, g=float_to_float(name, to, source): [g(a)], needs="sm_90", close=nan_or_equal(to))
    for name in expand("cvt.rna{,.satfinite}.tf32.f32") + expand("cvt{.rn,.rz}{,.satfinite}{,.relu}.tf32.f32"):
        function = float_to_float(name, TF32, F32)
        yield Form(name, [f"{name} $d, $0;"], ["b32"], columns("f32", name), ["b32"],
                   lambda a, g=function: [0x7fffffff if F32.is_nan(a) else g(a) << 13],
                   needs="sm_100" if ".satfinite" in name else "sm_90")


def pairs():
    for d, to in (("f16x2", F16), ("bf16x2", BF16)):
        for name in expand(f"cvt{{.rn,.rz}}{{,.relu}}{{,.satfinite}}.{d}.f32"):
            g = float_to_float(name, to, F32)
            yield simple(name, ["f32", "f32"], d, lambda a, b, g=g: g(a) << 16 | g(b), needs="sm_90")
    for d, to in (("e4m3x2", E4M3), ("e5m2x2", E5M2)):
        for name in expand(f"cvt.rn.satfinite{{,.relu}}.{d}.f32"):
            g = float_to_float(name, to, F32)
            yield simple(name, ["f32", "f32"], d, lambda a, b, g=g: g(a) << 8 | g(b), needs="sm_90", count=256)
        for name in expand(f"cvt.rn.satfinite{{,.relu}}.{d}.f16x2"):
            g = lru_cache(None)(float_to_float(name, to, F16))
            every = [low | (low * 40503 & 65535) << 16 for low in range(65536)]
            yield Form(name, [f"{name} $d, $0;"], ["b32"], [every], ["b16"],
                       lambda a, g=g: [g(a >> 16) << 8 | g(a & 65535)], needs="sm_90")
        for name in expand(f"cvt.rn{{,.relu}}.f16x2.{d}"):
            g = lru_cache(None)(float_to_float(name, F16, to))
            every = [low | (low * 73 & 255) << 8 for low in range(256)]
            close = lambda got, want, v: all(nan_or_equal(F16)(got >> s & 65535, want >> s & 65535, v) for s in (0, 16))
            yield Form(name, [f"{name} $d, $0;"], ["b16"], [every], ["b32"],
                       lambda a, g=g: [g(a >> 8) << 16 | g(a & 255)], needs="sm_90", close=close)


def packs():
    for t in ("u16", "s16", "u8", "s8", "u4", "s4", "u2", "s2"):
        width, three = int(t[1:]), int(t[1:]) < 16

        def function(a, b, c=0, t=t, width=width):
            mask = (1 << width) - 1
            low, high = fit(signed(b, 32), t) & mask, fit(signed(a, 32), t) & mask
            return (low | high << width | (c << 2 * width if width < 16 else 0)) & 0xffffffff
        name = f"cvt.pack.sat.{t}.s32" + (".b32" if three else "")
        small = [v & 0xffffffff for v in (0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, -1, -2, -8,
                                          -9, -128, -129, -32768, -32769, 2**31, 2**31 - 1)]
        form = simple(name, [small, small] + ["b32"] * three, "b32", function)
        yield form


def forms():
    for family in (between_integers, floats_and_integers, between_floats, pairs, packs):
        yield from family()
