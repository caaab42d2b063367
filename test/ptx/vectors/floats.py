# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Floating-point instructions: IEEE ones by exact rationals, bit for bit, the approximate ones within the bounds that the
# ISA gives (an absolute or a relative error, or units in the last place) against Python's doubles or exact roots.
import math
from fractions import Fraction

import exact
from exact import BF16, F16, F32, F64, FORMATS, RM, RN, RP, RZ
from forms import draw, expand, halves, modifiers, simple, Form

MODES = (RN, RZ, RM, RP)


def nan_or_equal(f):
    """Bits, but any NaN for a NaN (f64, whose NaN PTX leaves open; results that NaNs only pass through)."""
    return lambda got, want, inputs: got == want or (f.is_nan(got) and f.is_nan(want))


def zero_of_any_sign(f):
    return lambda got, want, inputs: got == want or (got | want) == f.sign


def mode_of(name):
    return next((m for m in modifiers(name) if m in MODES), RN)


def operation_of(name, f):
    op = name.split(".")[0]
    mods, mode = modifiers(name), mode_of(name)
    if op in ("mad", "fma"):
        base = lambda a, b, c: exact.fma(f, mode, a, b, c)
    elif op in ("rcp", "sqrt"):
        base = lambda a: {"rcp": exact.rcp, "sqrt": exact.sqrt}[op](f, mode, a)
    else:
        base = lambda a, b: getattr(exact, op)(f, mode, a, b)
    base = exact.flushed(f, base, "ftz" in mods)
    if "sat" in mods:
        base = exact.saturated(f, base)
    if "relu" in mods:
        base = exact.relu(f, base)
    return base


def ieee(names, t, arity, needs="sm_80", pair=False):
    f = FORMATS[t]
    for name in names:
        function = operation_of(name, f)
        kind = t + "x2" if pair else t
        close = nan_or_equal(f) if t == "f64" else zero_of_any_sign(f) if ".sat" in name and not pair else None
        yield simple(name, [kind] * arity, kind, halves(function, f.bits) if pair else function, close=close, needs=needs)


def arithmetic():
    yield from ieee(expand("{add,sub,mul}{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}.f32"), "f32", 2)
    yield from ieee(expand("{fma,mad}{.rn,.rz,.rm,.rp}{,.ftz}{,.sat}.f32"), "f32", 3)
    yield from ieee(expand("{add,sub,mul}{,.rn,.rz,.rm,.rp}.f64"), "f64", 2)
    yield from ieee(expand("{fma,mad}{.rn,.rz,.rm,.rp}.f64"), "f64", 3)
    yield from ieee(expand("div{.rn,.rz,.rm,.rp}{,.ftz}.f32"), "f32", 2)
    yield from ieee(expand("div{.rn,.rz,.rm,.rp}.f64"), "f64", 2)
    yield from ieee(expand("{rcp,sqrt}{.rn,.rz,.rm,.rp}{,.ftz}.f32"), "f32", 1)
    yield from ieee(expand("{rcp,sqrt}{.rn,.rz,.rm,.rp}.f64"), "f64", 1)
    yield from ieee(expand("{add,sub,mul}{,.rn}{,.ftz}{,.sat}.f16"), "f16", 2)
    yield from ieee(expand("{add,sub,mul}{,.rn}{,.ftz}{,.sat}.f16x2"), "f16", 2, pair=True)
    yield from ieee(expand("{add,sub,mul}{,.rn}.bf16"), "bf16", 2, needs="sm_90")
    yield from ieee(expand("{add,sub,mul}{,.rn}.bf16x2"), "bf16", 2, needs="sm_90", pair=True)
    yield from ieee(expand("fma.rn{,.ftz}{,.sat}.f16") + expand("fma.rn{,.ftz}.relu.f16"), "f16", 3)
    yield from ieee(expand("fma.rn{,.ftz}{,.sat}.f16x2") + expand("fma.rn{,.ftz}.relu.f16x2"), "f16", 3, pair=True)
    yield from ieee(expand("fma.rn{,.relu}.bf16"), "bf16", 3)
    yield from ieee(expand("fma.rn{,.relu}.bf16x2"), "bf16", 3, pair=True)
    yield from ieee(expand("{add,sub,mul}{,.rn,.rz,.rm,.rp}{,.ftz}.f32x2"), "f32", 2, needs="sm_100", pair=True)
    yield from ieee(expand("fma{.rn,.rz,.rm,.rp}{,.ftz}.f32x2"), "f32", 3, needs="sm_100", pair=True)


def mixed():
    """f32 with 16-bit factors or terms, which widen exactly."""
    for t in ("f16", "bf16"):
        half = FORMATS[t]
        wide = lambda bits, half=half: exact.convert(F32, half, bits)
        for name in expand("{add,sub}{,.rn,.rz,.rm,.rp}{,.sat}.f32." + t):
            function = operation_of(name, F32)
            yield simple(name, [t, "f32"], "f32", lambda a, b, f=function, w=wide: f(w(a), b), needs="sm_100",
                         close=zero_of_any_sign(F32) if ".sat" in name else None)
        for name in expand("fma{.rn,.rz,.rm,.rp}{,.sat}.f32." + t):
            function = operation_of(name, F32)
            yield simple(name, [t, t, "f32"], "f32", lambda a, b, c, f=function, w=wide: f(w(a), w(b), c),
                         needs="sm_100", close=zero_of_any_sign(F32) if ".sat" in name else None)


def signs():
    for t, ftz in (("f32", True), ("f64", False), ("f16", True), ("bf16", False)):
        f = FORMATS[t]
        for name in expand("{abs,neg}{,.ftz}." + t if ftz else "{abs,neg}." + t):
            def function(a, f=f, name=name):
                a = f.flush(a) if ".ftz" in name else a
                return a & f.nan if name.startswith("abs") else a ^ f.sign
            yield simple(name, [t], t, function, close=nan_or_equal(f), needs="sm_80")
            if t in ("f16", "bf16"):
                pair_close = lambda got, want, inputs, f=f: all(
                    nan_or_equal(f)(got >> s & 0xffff, want >> s & 0xffff, None) for s in (0, 16))
                yield simple(name + "x2", [t + "x2"], t + "x2", halves(function), close=pair_close, needs="sm_80")
    for t in ("f32", "f64"):
        f = FORMATS[t]
        yield simple(f"copysign.{t}", [t, t], t, lambda a, b, f=f: a & f.sign | b & f.nan)
        tests = {"finite": lambda a, f=f: not f.is_nan(a) and not f.is_inf(a), "infinite": lambda a, f=f: f.is_inf(a),
                 "number": lambda a, f=f: not f.is_nan(a), "notanumber": lambda a, f=f: f.is_nan(a),
                 "normal": lambda a, f=f: f.smallest_normal <= a & f.nan < f.inf, "subnormal": lambda a, f=f: f.is_subnormal(a)}
        for test, function in tests.items():
            yield simple(f"testp.{test}.{t}", [t], "pred", lambda a, g=function: int(g(a)))


def picks():
    rows = [("f32", "{min,max}{,.ftz}{,.NaN}{,.xorsign.abs}.f32", "sm_86"), ("f64", "{min,max}.f64", "sm_75"),
            ("f16", "{min,max}{,.ftz}{,.NaN}{,.xorsign.abs}.f16", "sm_86"), ("bf16", "{min,max}{,.NaN}{,.xorsign.abs}.bf16", "sm_86")]
    for t, pattern, needs in rows:
        f = FORMATS[t]
        for name in expand(pattern):
            function = exact.flushed(f, lambda *v, f=f, n=name: exact.pick(
                f, n.startswith("max"), ".NaN" in n, "xorsign" in n, *v), ".ftz" in name)
            yield simple(name, [t, t], t, function, needs=needs, close=nan_or_equal(f) if t == "f64" else None)
            if t in ("f16", "bf16"):
                yield simple(name + "x2", [t + "x2"] * 2, t + "x2", halves(function), needs=needs)
    for name in expand("{min,max}{,.ftz}{,.NaN}{,.abs}.f32"):
        function = exact.flushed(F32, lambda *v, n=name: exact.pick(
            F32, n.startswith("max"), ".NaN" in n, False, *(x & F32.nan if ".abs" in n else x for x in v)), ".ftz" in name)
        three = simple(name, ["f32"] * 3, "f32", function, needs="sm_100")
        three.name += " (three)"
        yield three


# -- approximations ------------------------------------------------------------------------------------

def number(f, bits):
    if f.is_nan(bits):
        return math.nan
    if f.is_inf(bits):
        return -math.inf if f.negative(bits) else math.inf
    return math.copysign(float(f.value(bits)), -1 if f.negative(bits) else 1)


def ulp(f, x):
    if x == 0 or math.isinf(x) or math.isnan(x):
        return 0.0
    return 2.0 ** (max(math.frexp(x)[1] - 1, 1 - f.bias) - f.m)


def within(f, truth, bound, ftz):
    """got close to truth(inputs) by bound(truth, inputs); specials and flushed results exactly."""
    def compare(got, want, inputs):
        values = [number(f, f.flush(i) if ftz else i) for i in inputs]
        exactly, value = truth(*values), number(f, got)
        if math.isnan(exactly) or math.isnan(value):
            return math.isnan(exactly) and math.isnan(value)
        largest = float(f.value(f.largest))
        if math.isinf(exactly) or abs(exactly) > largest:
            return value == math.copysign(math.inf, exactly) or abs(value) == largest and not math.isinf(exactly)
        smallest = float(f.value(f.smallest_normal))
        if abs(exactly) < smallest * 1.01 and ftz and value == 0:
            return True
        return abs(value - exactly) <= bound(exactly, *values) + ulp(f, exactly) * 0.5
    return compare


def guarded(function):
    def call(*values):
        try:
            return function(*values)
        except (ValueError, OverflowError, ZeroDivisionError):
            return math.nan
    return call


def reciprocal(a):
    return math.copysign(math.inf, a) if a == 0 else 1 / a


def reciprocal_root(a):
    return math.copysign(math.inf, a) if a == 0 else math.nan if a < 0 else 0.0 if math.isinf(a) else 1 / math.sqrt(a)


def exponential(a):
    return math.inf if a > 1000 else 0.0 if a < -1000 else 2.0 ** a


def logarithm(a):
    return -math.inf if a == 0 else math.nan if a < 0 else math.log2(a)


def ratio(a, b):
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def circular(function):
    return lambda a: math.nan if math.isinf(a) else function(a)


def relative(power):
    return lambda truth, *v: abs(truth) * 2.0 ** power


ANGLES = [0, 0x80000000, *(F32.round(Fraction(n, 100)) for n in range(-620, 621, 9))]


def approximations():
    """Bounds of the ISA, section by section of the instructions."""
    rows = [("rcp.approx{,.ftz}.f32", guarded(reciprocal), relative(-23), 1, None),
            ("sqrt.approx{,.ftz}.f32", guarded(math.sqrt), relative(-23), 1, None),
            ("rsqrt.approx{,.ftz}.f32", guarded(reciprocal_root), relative(-22.4), 1, None),
            ("ex2.approx{,.ftz}.f32", guarded(exponential), lambda t, *v: 2 * ulp(F32, t), 1, None),
            ("lg2.approx{,.ftz}.f32", guarded(logarithm), lambda t, *v: 2.0 ** -22 * max(1.0, abs(t)), 1, None),
            ("sin.approx{,.ftz}.f32", guarded(circular(math.sin)), lambda t, *v: 2.0 ** -20.5, 1, ANGLES),
            ("cos.approx{,.ftz}.f32", guarded(circular(math.cos)), lambda t, *v: 2.0 ** -20.5, 1, ANGLES),
            ("tanh.approx.f32", math.tanh, relative(-11), 1, None),
            ("div.approx{,.ftz}.f32", guarded(ratio), lambda t, *v: 2 * ulp(F32, t), 2, None),
            ("div.full{,.ftz}.f32", guarded(ratio), lambda t, *v: 2 * ulp(F32, t), 2, None)]
    for pattern, truth, bound, arity, inputs in rows:
        for name in expand(pattern):
            form = simple(name, [inputs or "f32"] * arity, "f32", lambda *v: 0, close=within(F32, truth, bound, ".ftz" in name))
            if name.startswith("div.approx"):  # beyond 2^126 the ISA lets a quotient become 0
                limited = form.close
                form.close = lambda got, want, v, c=limited: c(got, want, v) or (
                    abs(number(F32, v[1])) > 2.0 ** 126 and number(F32, got) == 0)
            yield form
    for t, tanh, ex2 in (("f16", lambda x, *v: 2.0 ** -10.987, relative(-9.9)), ("bf16", relative(-8), relative(-7))):
        f = FORMATS[t]
        for name, truth, bound in ((f"tanh.approx.{t}", math.tanh, tanh),
                                   ("ex2.approx.f16" if t == "f16" else "ex2.approx.ftz.bf16", guarded(exponential), ex2)):
            close = within(f, truth, bound, ".ftz" in name)
            form = simple(name, [list(range(0, 65536, 17)) + list(range(64)) + [0x7c00, 0x7f80, 0xfc00, 0xff80]], t,
                          lambda a: 0, close=close, count=2048, needs="sm_90")
            form.inputs = ["b16"]
            yield form
            both = lambda got, want, v, c=close: all(c(got >> s & 0xffff, 0, [v[0] >> s & 0xffff]) for s in (0, 16))
            yield simple(name + "x2", [t + "x2"], t + "x2", lambda a: 0, close=both, count=512, needs="sm_90")
    yield from gross()


def gross():
    """f64 by the upper halves of source and result; the ISA gives no bound tighter than that."""
    for name, truth in (("rcp.approx.ftz.f64", guarded(reciprocal)), ("rsqrt.approx.f64", guarded(reciprocal_root)),
                        ("rsqrt.approx.ftz.f64", guarded(reciprocal_root))):
        yield simple(name, ["f64"], "f64", lambda a: 0, close=within(F64, truth, relative(-19.5), ".ftz" in name))


def out_of_bounds():
    """fma.oob: an operand that is the OOB NaN gives 0; its bits are those of the ISA's section on tensors."""
    for t in ("f16", "bf16"):
        f = FORMATS[t]
        for relu in ("", ".relu"):
            def function(a, b, c, f=f, relu=relu):
                oob = 0xffff  # the OOB NaN is negative and all ones
                if oob in (a, b):
                    return 0 if f.is_nan(c) is False and c == 0 else exact.fma(f, RN, 0, 0, c)
                r = exact.fma(f, RN, a, b, c)
                return exact.relu(f, lambda: r)() if relu else r
            yield f"fma.rn.oob{relu}.{t}", function


def forms():
    for family in (arithmetic, mixed, signs, picks, approximations):
        yield from family()


assert BF16 and F16 and Form and draw
