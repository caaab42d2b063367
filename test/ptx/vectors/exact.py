# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Floating point by exact rationals: formats, decoding, rounding once in any direction, and the arithmetic of IEEE 754 on
# bit patterns. Slow and plain: what the PTX machine computes with vectors of doubles is compared with this.
from fractions import Fraction
from math import isqrt

RN, RZ, RM, RP, RNA = "rn", "rz", "rm", "rp", "rna"


class Format:
    def __init__(self, name, mantissa, exponent, infinity=True):
        self.name, self.m, self.e, self.infinity = name, mantissa, exponent, infinity
        self.bits = 1 + mantissa + exponent
        self.bias = (1 << exponent - 1) - 1
        self.sign = 1 << mantissa + exponent
        self.top = (1 << exponent) - 1 << mantissa  # infinity, or the binade that ends with e4m3's NaN
        self.nan = self.sign - 1
        self.inf = self.top if infinity else self.nan
        self.largest = self.top - 1 if infinity else self.nan - 1
        self.smallest_normal = 1 << mantissa

    def is_nan(self, bits):
        return (bits & self.nan) > self.inf if self.infinity else (bits & self.nan) == self.nan

    def is_inf(self, bits):
        return self.infinity and (bits & self.nan) == self.inf

    def is_subnormal(self, bits):
        return 0 < (bits & self.nan) < self.smallest_normal

    def negative(self, bits):
        return bool(bits & self.sign)

    def value(self, bits):
        """Of a finite number."""
        exponent, fraction = (bits & self.nan) >> self.m, bits & (1 << self.m) - 1
        power = max(exponent, 1) - self.bias - self.m
        number = fraction + (1 << self.m if exponent else 0)
        magnitude = Fraction(number << power) if power >= 0 else Fraction(number, 1 << -power)
        return -magnitude if self.negative(bits) else magnitude

    def flush(self, bits):
        return bits & self.sign if self.is_subnormal(bits) else bits

    def round(self, x, mode=RN, zero_sign=False, saturate=False):
        """Bits of the rational x; `zero_sign`: of an exact zero. saturate: never infinity (nor e4m3's NaN)."""
        if x == 0:
            return self.sign if zero_sign else 0
        negative, x = x < 0, abs(x)
        # floor(log2 x)
        power = x.numerator.bit_length() - x.denominator.bit_length()
        if (x.numerator << max(0, -power)) < (x.denominator << max(0, power)):
            power -= 1
        last = max(power, 1 - self.bias) - self.m
        numerator = x.numerator << max(0, -last)
        kept, rest = divmod(numerator, x.denominator << max(0, last))
        half = 2 * rest - (x.denominator << max(0, last))
        up = {RN: half > 0 or (half == 0 and kept & 1), RNA: half >= 0 and rest > 0, RZ: False,
              RM: negative and rest > 0, RP: not negative and rest > 0}[mode]
        kept += up
        if kept >> self.m + 1:
            kept, last = kept >> 1, last + 1
        sign = self.sign if negative else 0
        biased = last + self.m + self.bias if kept >> self.m else 0
        bits = (biased << self.m) + (kept & (1 << self.m) - 1)
        if bits > self.largest:
            away = mode in (RN, RNA) or (mode == RP and not negative) or (mode == RM and negative)
            bits = self.largest if saturate or not away else self.inf
        return sign | bits


F16, BF16 = Format("f16", 10, 5), Format("bf16", 7, 8)
F32, F64, TF32 = Format("f32", 23, 8), Format("f64", 52, 11), Format("tf32", 10, 8)
E4M3, E5M2 = Format("e4m3", 3, 4, infinity=False), Format("e5m2", 2, 5)
FORMATS = {f.name: f for f in (F16, BF16, F32, F64, TF32, E4M3, E5M2)}


def _sum(f, mode, x, y, xneg, yneg):
    return f.round(x + y, mode, zero_sign=(xneg and yneg) or (mode == RM and xneg != yneg)
                   if x == 0 and y == 0 else mode == RM)


def add(f, mode, a, b):
    if f.is_nan(a) or f.is_nan(b):
        return f.nan
    if f.is_inf(a) or f.is_inf(b):
        return f.nan if f.is_inf(a) and f.is_inf(b) and a != b else a if f.is_inf(a) else b
    return _sum(f, mode, f.value(a), f.value(b), f.negative(a), f.negative(b))


def sub(f, mode, a, b):
    return add(f, mode, a, b if f.is_nan(b) else b ^ f.sign)


def mul(f, mode, a, b):
    return fma(f, mode, a, b, None)


def fma(f, mode, a, b, c):
    """c None: a product alone."""
    if f.is_nan(a) or f.is_nan(b) or (c is not None and f.is_nan(c)):
        return f.nan
    negative = f.negative(a) != f.negative(b)
    zero = (a & f.nan) == 0 or (b & f.nan) == 0
    if f.is_inf(a) or f.is_inf(b):
        infinite = f.inf | (f.sign if negative else 0)
        return f.nan if zero or (c is not None and f.is_inf(c) and c != infinite) else infinite
    product = f.value(a) * f.value(b)
    if c is None:
        return f.round(product, mode, zero_sign=negative)
    return c if f.is_inf(c) else _sum(f, mode, product, f.value(c), negative, f.negative(c))


def div(f, mode, a, b):
    if f.is_nan(a) or f.is_nan(b) or (f.is_inf(a) and f.is_inf(b)):
        return f.nan
    sign = (a ^ b) & f.sign
    if f.is_inf(a):
        return f.inf | sign
    if f.is_inf(b):
        return sign
    if (b & f.nan) == 0:
        return f.nan if (a & f.nan) == 0 else f.inf | sign
    return f.round(f.value(a) / f.value(b), mode, zero_sign=bool(sign))


def rcp(f, mode, a):
    return div(f, mode, f.round(Fraction(1)), a)


def root(x, bits):
    """The square root of a positive rational to `bits` bits, the last one sticky."""
    shift = max(0, 2 * bits - x.numerator.bit_length() + x.denominator.bit_length())
    shift += shift & 1
    scaled = (x.numerator << shift) // x.denominator
    whole = isqrt(scaled)
    exact = whole * whole == scaled and (x.numerator << shift) % x.denominator == 0
    return Fraction(2 * whole + (not exact), 1 << shift // 2 + 1)


def sqrt(f, mode, a):
    if f.is_nan(a) or (f.negative(a) and a & f.nan):
        return f.nan
    if f.is_inf(a) or (a & f.nan) == 0:
        return a
    return f.round(root(f.value(a), f.m + 8), mode)


def flushed(f, operation, ftz=True):
    """The operation with subnormal inputs and results as zeros of their sign."""
    if not ftz:
        return operation
    return lambda *inputs: f.flush(operation(*(f.flush(i) if i is not None else None for i in inputs)))


def saturated(f, operation):
    """Clamped to [0, 1]; NaN gives +0."""
    one = f.round(Fraction(1))

    def clamp(*inputs):
        r = operation(*inputs)
        return 0 if f.is_nan(r) or f.negative(r) else min(r, one)
    return clamp


def relu(f, operation):
    """Negative results are 0; NaN stays."""
    def clamp(*inputs):
        r = operation(*inputs)
        return f.nan if f.is_nan(r) else 0 if f.negative(r) else r
    return clamp


def pick(f, greatest, nan, xorsign, *inputs):
    """min and max: -0 below +0, the other one of a NaN (or NaN), with xorsign of the magnitudes."""
    sign = 0
    if xorsign:
        sign = (inputs[0] ^ inputs[1]) & f.sign
        inputs = [i & f.nan for i in inputs]
    numbers = [i for i in inputs if not f.is_nan(i)]
    if not numbers or (nan and len(numbers) < len(inputs)):
        return f.nan

    def key(bits):
        return -(bits & f.nan) - 1 if f.negative(bits) else bits
    return (max if greatest else min)(numbers, key=key) | sign


def convert(to, source, bits, mode=RN, relu=False, satfinite=False, sat=False):
    """A number of format `source` in format `to`."""
    negative = source.negative(bits)
    if source.is_nan(bits):
        return 0 if sat else to.nan
    if relu and negative:
        return 0
    if source.is_inf(bits):
        if sat:
            return 0 if negative else to.round(Fraction(1))
        return (to.largest if satfinite else to.inf) | (to.sign if negative else 0)
    x = source.value(bits)
    if sat:
        x, negative = min(max(x, Fraction(0)), Fraction(1)), False
    return to.round(x, mode, zero_sign=negative, saturate=satfinite)


def integral(x, mode):
    floor = x.numerator // x.denominator
    rest = x - floor
    if mode == RM:
        return floor
    if mode == RP:
        return floor + (rest > 0)
    if mode == RZ:
        return floor + (rest > 0 and x < 0)
    return floor + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and floor & 1))
