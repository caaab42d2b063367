# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Families whose kernels multiply and add: matrix products on both engines, with and without an epilogue,
# convolutions, transposed convolutions, pooling (windows, though it adds nothing or only adds).
import dataclasses
import math

import numpy as np
from bounds import each, exact, rounding, sums
from problem import BF16, F16, F32, F64, I64, Problem

SMALL_BATCH = (0, 1, 2, 3, 5)
DEEP = (1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 65, 127, 128, 129, 257, 509, 1024)


def k_of(sizes):
    return sizes["K"]


def macs(sizes):
    return math.prod(sizes[name] for name in ("M", "N", "K")) * math.prod(max(sizes.get(n, 1), 1) for n in ("B", "A0", "A1"))


def broadcast_batches(rng, sizes):
    """Batches A0, A1 of the first and B0, B1 of the second operand: equal or one of them 1."""
    for axis in "01":
        size = sizes[f"A{axis}"]
        sizes[f"A{axis}"], sizes[f"B{axis}"] = [(size, size), (1, size), (size, 1)][int(rng.integers(0, 3))]


def matmul(dims_a, dims_b, dtype, access, tail=None, slope=1.0, roundings=1, tag="", **more):
    """MatMul; `tail`: f(graph, product) -> what is fused behind it."""
    def build(g):
        a, b = g.input("a", dtype, dims_a), g.input("b", dtype, dims_b)
        product = g.op("MatMul", a, b)
        g.result(tail(g, product, dtype) if tail else product, dtype=more.get("out", dtype))
    batches = broadcast_batches if "B0" in dims_b else None
    missing = [n for n in "MNK" if n not in dims_a + dims_b]
    cost = lambda s: macs({**s, **{n: 1 for n in missing}})  # noqa: E731
    pools = {"B": SMALL_BATCH, "A0": SMALL_BATCH, "A1": SMALL_BATCH, "B0": SMALL_BATCH, "B1": SMALL_BATCH}
    bound = exact if dtype.kind in "iu" else sums(k_of, slope, roundings, more.get("narrowest"), more.get("factors", 0.0))
    name = f"MatMul{tag}-{''.join(dims_a)}x{''.join(dims_b)}-{dtype.name}-{access}"
    return Problem(name, build, bound, cost=cost, pools=pools, sizes=batches, access=access, options=more.get("options", {}))


A2, B2, A3, B3 = ("M", "K"), ("K", "N"), ("B", "M", "K"), ("B", "K", "N")
A4, B4 = ("A0", "A1", "M", "K"), ("B0", "B1", "K", "N")


def f32_products():
    for a, b, dtype, access in [
            (A2, B2, F32, "plain"), (A2, B2, F32, "sliced"), (A2, B2, F32, "turned"), (A2, B2, F32, "strided"),
            (A2, B2, F32, "reversed"), (A3, B2, F32, "plain"), (A3, B3, F32, "plain"), (A3, B3, F32, "sliced"),
            (A4, B4, F32, "plain"), (A4, B4, F32, "sliced"), (("K",), B2, F32, "plain"), (A2, ("K",), F32, "sliced"),
            (("K",), ("K",), F32, "plain"), (A2, B2, F64, "plain"), (A3, B3, F64, "turned"),
            (A2, B2, np.dtype("int32"), "plain"), (A3, B2, np.dtype("uint64"), "sliced")]:
        yield matmul(a, b, dtype, access)


def mma_products():
    for dtype in (F16, BF16):
        for a, b, access in [(A2, B2, "plain"), (A2, B2, "sliced"), (A2, B2, "turned"), (A3, B3, "plain"),
                             (A4, B4, "plain"), (A3, B2, "strided"), (A2, B2, "reversed"), (A2, ("K",), "plain")]:
            yield matmul(a, b, dtype, access)


def tf32_products():
    """f32 on the matrix engine: three products are within the bound of f32, one has factors of 11 bits."""
    for a, b, access in [(A2, B2, "plain"), (A2, B2, "turned"), (A2, B2, "sliced"), (A3, B3, "plain"), (A3, B2, "strided"), (("K",), B2, "plain")]:
        yield matmul(a, b, F32, access, tag="-tf32x3", options={"precision": "tf32x3"})
    yield matmul(A2, B2, F32, "plain", residual, 1, 4, "-tf32x3+Residual", options={"precision": "tf32x3"})
    yield matmul(A2, B2, F32, "plain", tag="-tf32", factors=2.0 ** -10, options={"precision": "tf32"})
    yield dataclasses.replace(conv(geometry([3, 3], pads=1), F32), name="Conv-tf32x3", options={"precision": "tf32x3"})


U8, S8 = np.dtype("uint8"), np.dtype("int8")


def zero_point(dtype, dims):
    """None; or a number, one for each row or column."""
    return lambda g, name: g.input(name, dtype, dims, "full", view=False) if dims is not None else ""


def matmul_integer(a, b, types, access, zeros=(None, None), constant=None):
    """MatMulInteger of all values of its bytes; sums wrap. `constant`: the zero point of b as a number."""
    def build(g):
        left, right = g.input("a", types[0], a, "full"), g.input("b", types[1], b, "full")
        p = zero_point(types[0], zeros[0])(g, "p")
        q = g.constant(np.array(constant, types[1]), types[1]) if constant is not None else zero_point(types[1], zeros[1])(g, "q")
        g.result(g.op("MatMulInteger", left, right, p, q), dtype=np.dtype("int32"))
    dims = "-".join("none" if z is None else "".join(map(str, z)) or "one" for z in zeros)
    name = f"MatMulInteger-{''.join(a)}x{''.join(b)}-{types[0].name}x{types[1].name}-{dims}-{constant}-{access}"
    missing = [n for n in "MNK" if n not in a + b]
    pools = {n: SMALL_BATCH for n in ("B", "A0", "A1", "B0", "B1")} | {"K": (*DEEP, 0)}
    return Problem(name, build, exact, cost=lambda s: macs({**s, **{n: 1 for n in missing}}), pools=pools,
                   sizes=broadcast_batches if "B0" in b else None, access=access)


def qlinear_matmul(access):
    """Operands of all values, scaled and rounded: exact, because scales are powers of two."""
    def build(g):
        a, b = g.input("a", U8, A2, "full"), g.input("b", S8, B2, "full")
        number = lambda value, dtype: g.constant(np.array(value, dtype), dtype)  # noqa: E731
        g.result(g.op("QLinearMatMul", a, number(0.25, F32), number(131, U8), b, number(0.125, F32), number(-3, S8),
                      number(64, F32), number(7, U8)), dtype=U8)
    return Problem(f"QLinearMatMul-{access}", build, exact, cost=macs, access=access)


def integer_products():
    yield matmul_integer(A2, B2, (U8, S8), "plain")
    yield matmul_integer(A2, B2, (S8, S8), "turned")
    yield matmul_integer(A2, B2, (U8, U8), "sliced", ((), ()))
    yield matmul_integer(A2, B2, (S8, U8), "plain", (("M",), ("N",)))
    yield matmul_integer(A2, B2, (U8, S8), "turned", ((), ("N",)))
    yield matmul_integer(A2, B2, (U8, S8), "plain", ((), None), constant=0)
    yield matmul_integer(A3, B3, (S8, S8), "plain", (None, ()))
    yield matmul_integer(A4, B4, (U8, S8), "plain", ((), None))
    yield matmul_integer(A3, B2, (S8, U8), "strided", ((), ()))
    yield matmul_integer(A2, B2, (S8, S8), "reversed")
    yield matmul_integer(A2, ("K",), (U8, S8), "plain", ((), ()))
    for access in ("plain", "turned", "sliced"):
        yield qlinear_matmul(access)


def relu_of_bias(g, product, dtype):
    return g.op("Relu", g.op("Add", product, g.input("bias", dtype, ("N",), view=False)))


def residual(g, product, dtype):
    """bias, then a residual of the product's own shape, scaled."""
    biased = g.op("Add", g.input("bias", dtype, ("N",), view=False), product)
    return g.op("Add", g.op("Mul", biased, g.constant(np.array(0.5, dtype), dtype)), g.input("r", dtype, ("M", "N")))


def gelu(g, product, dtype):
    return g.op("Gelu", g.op("Add", product, g.input("bias", dtype, ("N",), view=False)))


def to_type(target):
    from problem import onnx_type
    return lambda g, product, dtype: g.op("Cast", product, to=onnx_type(target))


def gemm(dtype, access, bias, trans_a=0, trans_b=0, alpha=1.0, beta=1.0):
    def build(g):
        a = g.input("a", dtype, ("K", "M") if trans_a else A2)
        b = g.input("b", dtype, ("N", "K") if trans_b else B2)
        c = [g.input("c", dtype, bias, view=False)] if bias is not None else []
        g.result(g.op("Gemm", a, b, *c, transA=trans_a, transB=trans_b, alpha=alpha, beta=beta), dtype=dtype)
    shape = "none" if bias is None else "".join(map(str, bias)) or "scalar"
    name = f"Gemm-{trans_a}{trans_b}-{shape}-{alpha}-{beta}-{dtype.name}-{access}"
    # alpha and beta round once each, then the sum.
    return Problem(name, build, sums(k_of, roundings=3), cost=macs, access=access)


def gemms():
    for dtype, access, bias, *rest in [
            (F32, "plain", ("N",), 0, 1), (F32, "plain", ("M", "N"), 1, 0, 0.5, 2.0), (F32, "sliced", ("M", 1), 1, 1),
            (F32, "plain", (1, "N"), 0, 0, 1.0, 0.25), (F32, "turned", (), 0, 0, 2.0), (F32, "plain", None, 0, 1, 0.125),
            (F16, "plain", ("N",), 0, 1), (F16, "sliced", ("M", "N"), 1, 0, 0.5, 2.0), (BF16, "plain", ("N",), 1, 1),
            (F64, "plain", ("N",), 0, 0, 0.5, 0.5)]:
        yield gemm(dtype, access, bias, *rest)
    for dtype in (F32, F16, BF16):
        # gelu's slope is at most 1.13; the evaluator rounds after each node, the kernel only where it stores.
        for tag, tail, slope, roundings in [("Relu", relu_of_bias, 1, 3), ("Residual", residual, 1, 4), ("Gelu", gelu, 1.13, 4)]:
            yield matmul(A2, B2, dtype, "plain", tail, slope, roundings, f"+{tag}")
    yield matmul(A2, B2, F16, "sliced", to_type(F32), 1, 1, "+Cast", out=F32, narrowest=F16)
    yield matmul(A3, B3, F32, "plain", to_type(F16), 1, 2, "+Cast", out=F16)


# Convolutions: what is static in every model (window, strides, dilations, pads, groups) comes from a table,
# what models leave open (batch, channels, positions) is drawn.

def spatial(rank):
    return ("H", "W", "D")[:rank]


def geometry(window, strides=1, dilations=1, pads=0, **more):
    rank = len(window)
    wide = lambda value, n: list(value) if isinstance(value, (list, tuple)) else [value] * n  # noqa: E731
    return dict(kernel_shape=list(window), strides=wide(strides, rank), dilations=wide(dilations, rank),
                pads=wide(pads, 2 * rank), **more)


def least(shape):
    """The smallest sizes for which a window fits in."""
    rank = len(shape["kernel_shape"])
    return [max(1, (w - 1) * d + 1 - shape["pads"][i] - shape["pads"][rank + i])
            for i, (w, d) in enumerate(zip(shape["kernel_shape"], shape["dilations"]))]


def conv_sizes(shape, groups, static, transposed=False):
    def mend(rng, sizes):
        if not transposed:
            for name, low in zip(spatial(len(shape["kernel_shape"])), least(shape)):
                sizes[name] = max(sizes[name], low) if sizes[name] else low
        if not static:
            sizes["O"], sizes["C"] = sizes["O"] // groups * groups, sizes.get("Cg", sizes.get("C", 1)) * groups
    return mend


def describe(shape):
    text = "x".join(map(str, shape["kernel_shape"]))
    for key, short in (("strides", "s"), ("dilations", "d"), ("pads", "p"), ("group", "g"), ("output_padding", "o")):
        value = shape.get(key)
        if value and value != 1 and set(value if isinstance(value, list) else [value]) not in ({0}, {1} - ({1} if key == "pads" else set())):
            text += f"-{short}{''.join(map(str, value)) if isinstance(value, list) else value}"
    return text


def conv(shape, dtype, access="plain", groups=1, channels=None, bias=True, relu=False):
    """groups > 1 with `channels` (of the input) static, as depthwise convolutions have them."""
    rank, window = len(shape["kernel_shape"]), shape["kernel_shape"]
    depth = math.prod(window)

    def build(g):
        x = g.input("x", dtype, ("N", channels or "C", *spatial(rank)))
        w = g.input("w", dtype, (channels or "O", channels // groups if channels else "Cg" if groups > 1 else "C", *window), view=False)
        b = [g.input("b", dtype, (channels or "O",), view=False)] if bias else []
        y = g.op("Conv", x, w, *b, group=groups, **shape)
        g.result(g.op("Relu", y) if relu else y, dtype=dtype)

    def per_group(sizes):
        return channels // groups if channels else sizes.get("Cg", sizes.get("C", 1))
    cost = lambda s: depth * per_group(s) * s.get("O", channels) * math.prod(s[n] for n in ("N", *spatial(rank)))  # noqa: E731
    pools = {"N": (0, 1, 1, 2, 3), "Cg": (1, 2, 3, 5, 8), "O": tuple(groups * n for n in (1, 2, 3, 5, 16, 33))}
    name = f"Conv-{describe({**shape, 'group': groups})}{f'-of{channels}' if channels else ''}-{dtype.name}-{access}"
    return Problem(name, build, sums(lambda s: depth * per_group(s), roundings=1 + bias), cost=cost, pools=pools,
                   sizes=conv_sizes(shape, groups, channels), access=access)


def convolutions():
    yield conv(geometry([1, 1]), F32)
    yield conv(geometry([1, 1], strides=2), F32, "sliced", bias=False)
    yield conv(geometry([3, 3], pads=1), F32, relu=True)
    yield conv(geometry([3, 3], strides=2, pads=1), F32, "sliced")
    yield conv(geometry([3, 3], dilations=2, pads=2), F32, "turned")
    yield conv(geometry([3, 2], strides=(2, 1), dilations=(1, 3), pads=(0, 2, 1, 3)), F32)
    yield conv(geometry([7, 7], strides=2, pads=3), F32)
    yield conv(geometry([5, 1], pads=(2, 0, 2, 0)), F32, "strided")
    yield conv(geometry([3, 3], pads=1), F16)
    yield conv(geometry([1, 1]), F16, "sliced")
    yield conv(geometry([3, 3], strides=(1, 2), pads=(1, 0, 0, 1)), BF16)
    yield conv(geometry([3, 3], pads=1), F64)
    yield conv(geometry([3]), F32)
    yield conv(geometry([5], strides=3, dilations=2, pads=(4, 1)), F32, "sliced")
    yield conv(geometry([4], strides=2, pads=1), F16, "reversed")
    yield conv(geometry([3, 3, 3], pads=1), F32)
    yield conv(geometry([2, 1, 3], strides=(1, 2, 2), dilations=(2, 1, 1), pads=(1, 0, 0, 0, 1, 2)), F32, "sliced")
    yield conv(geometry([3, 3], pads=1), F32, groups=2)
    yield conv(geometry([3, 3], strides=2, pads=1), F32, "sliced", groups=4)
    yield conv(geometry([3], pads=1), F16, groups=3)
    yield conv(geometry([3, 3], pads=1), F32, groups=8, channels=8)
    yield conv(geometry([5, 5], strides=2, pads=2), F32, "sliced", groups=32, channels=32)
    yield conv(geometry([3, 3], dilations=2, pads=2), F16, groups=16, channels=16)
    yield conv(geometry([4], pads=(3, 0)), F32, groups=24, channels=24)


def channels_last(shape, dtype, access="plain", groups=1, channels=None, tail=None, bias=True):
    """A convolution as exporters of channels-last models write it: between two transposes, which meet those that
    the layout pass puts in. Channels are drawn too: multiples of eight, and not."""
    rank, window = len(shape["kernel_shape"]), shape["kernel_shape"]
    depth = math.prod(window)
    first, last = [0, rank + 1, *range(1, rank + 1)], [0, *range(2, rank + 2), 1]

    def build(g):
        x = g.input("x", dtype, ("N", *spatial(rank), channels or "C"))
        w = g.input("w", dtype, (channels or "O", channels // groups if channels else "Cg" if groups > 1 else "C", *window), view=False)
        b = [g.input("b", dtype, (channels or "O",), view=False)] if bias else []
        y = g.op("Conv", g.op("Transpose", x, perm=first), w, *b, group=groups, **shape)
        g.result(g.op("Transpose", tail(g, y, dtype) if tail else y, perm=last), dtype=dtype)

    def per_group(sizes):
        return channels // groups if channels else sizes.get("Cg", sizes.get("C", 1))
    cost = lambda s: depth * per_group(s) * s.get("O", channels) * math.prod(s[n] for n in ("N", *spatial(rank)))  # noqa: E731
    pools = {"N": (0, 1, 1, 2, 3), "Cg": (1, 2, 4, 8, 12, 16, 24), "O": tuple(groups * n for n in (1, 8, 16, 33, 63, 64, 65, 128)),
             "C": (1, 2, 4, 7, 8, 9, 16, 24, 31, 32, 33, 40, 64, 65, 72, 128)}
    name = f"ConvLast-{describe({**shape, 'group': groups})}{f'-of{channels}' if channels else ''}{tail.__name__ if tail else ''}-{dtype.name}-{access}"
    return Problem(name, build, sums(lambda s: depth * per_group(s), roundings=1 + bias + bool(tail)), cost=cost, pools=pools,
                   sizes=conv_sizes(shape, groups, channels), access=access)


def relu(g, y, dtype):
    return g.op("Relu", y)


def gated(g, y, dtype):
    """A scale for each channel of each image, as squeeze and excite has it."""
    return g.op("Mul", y, g.input("gate", dtype, ("N", "O", 1, 1), view=False))


def channels_last_convolutions():
    for dtype in (F16, BF16):
        yield channels_last(geometry([1, 1]), dtype)
        yield channels_last(geometry([3, 3], pads=1), dtype, tail=relu)
        yield channels_last(geometry([3, 3], strides=2, pads=(0, 1, 1, 0)), dtype, "sliced")
    yield channels_last(geometry([1, 1], strides=2), F16, bias=False)
    yield channels_last(geometry([3, 3], strides=(2, 1), dilations=(1, 3), pads=(2, 0, 1, 3)), F16)
    yield channels_last(geometry([5, 2], pads=(4, 0, 0, 1)), BF16, tail=gated)
    yield channels_last(geometry([7, 7], strides=2, pads=3), F16)
    yield channels_last(geometry([3], pads=1), F16, "turned")
    yield channels_last(geometry([5], strides=3, dilations=2, pads=(4, 1)), BF16)
    yield channels_last(geometry([3, 3, 3], pads=1), F16)
    yield channels_last(geometry([2, 1, 3], strides=(1, 2, 2), dilations=(2, 1, 1), pads=(1, 0, 0, 0, 1, 2)), BF16, "sliced")
    yield channels_last(geometry([3, 3], pads=1), F16, groups=2)
    yield channels_last(geometry([3, 3], strides=2, pads=1), BF16, "sliced", groups=4)
    yield channels_last(geometry([3], pads=1), F16, groups=3)
    yield channels_last(geometry([3, 3], dilations=2, pads=2), F16, groups=16, channels=16)


def conv_transpose(shape, dtype, access="plain", groups=1, bias=True):
    rank, window = len(shape["kernel_shape"]), shape["kernel_shape"]
    depth = math.prod(window)

    def build(g):
        x = g.input("x", dtype, ("N", "C", *spatial(rank)))
        w = g.input("w", dtype, ("C", "Og", *window), view=False)
        b = [g.input("b", dtype, ("O",), view=False)] if bias else []
        g.result(g.op("ConvTranspose", x, w, *b, group=groups, **shape), dtype=dtype)

    def sizes(rng, s):
        s["C"] = max(s["C"] // groups, 1) * groups
        s["O"] = s["Og"] * groups
        # At least one position of the result.
        for i, name in enumerate(spatial(rank)):
            reach = (window[i] - 1) * shape["dilations"][i] + 1 + shape.get("output_padding", [0] * rank)[i]
            cut = shape["pads"][i] + shape["pads"][rank + i]
            s[name] = max(s[name], 1 + max(0, math.ceil((cut + 1 - reach) / shape["strides"][i])))
    cost = lambda s: depth * s["C"] * s["Og"] * math.prod(shape["strides"]) * math.prod(s[n] for n in ("N", *spatial(rank)))  # noqa: E731
    pools = {"N": (0, 1, 1, 2, 3), "Og": (1, 2, 3, 5, 16), "O": (1,), "C": tuple(groups * n for n in (1, 2, 3, 5, 16, 33))}
    name = f"ConvTranspose-{describe({**shape, 'group': groups})}-{dtype.name}-{access}"
    return Problem(name, build, sums(lambda s: depth * s["C"] // groups, roundings=1 + bias), cost=cost, pools=pools,
                   sizes=sizes, access=access)


def transposed_convolutions():
    yield conv_transpose(geometry([2, 2], strides=2), F32)
    yield conv_transpose(geometry([3, 3], pads=1), F32, "sliced")
    yield conv_transpose(geometry([4, 4], strides=2, pads=1), F32, bias=False)
    yield conv_transpose(geometry([3, 3], strides=(2, 3), pads=(0, 1, 1, 2), output_padding=[1, 2]), F32)
    yield conv_transpose(geometry([3, 2], strides=(1, 2), dilations=(2, 3)), F32, "turned")
    yield conv_transpose(geometry([3, 3], strides=2, pads=1, output_padding=[1, 1]), F16)
    yield conv_transpose(geometry([3, 3], strides=2), BF16, "sliced", groups=2)
    yield conv_transpose(geometry([5], strides=3, dilations=2, pads=(1, 4)), F32)
    yield conv_transpose(geometry([4], strides=2, pads=1), F64, "reversed", groups=3)
    yield conv_transpose(geometry([2, 3, 2], strides=(2, 1, 2)), F32, groups=2)


def pool(op, shape, dtype, access="plain", values="normal", indices=False, **attributes):
    rank, window = len(shape["kernel_shape"]), shape["kernel_shape"]

    def build(g):
        x = g.input("x", dtype, ("N", "C", *spatial(rank)), values)
        kept = {k: v for k, v in shape.items() if k != "dilations" or set(v) != {1}}
        y = g.op(op, x, outputs=1 + indices, **kept, **attributes)
        g.result(y[0] if indices else y, dtype=dtype)
        if indices:
            g.result(y[1], "at", I64)

    def sizes(rng, s):
        for name, low in zip(spatial(rank), least(shape)):
            s[name] = max(s[name], low)
    k = math.prod(window)
    bound = {"MaxPool": each(exact, *[exact] * indices), "AveragePool": sums(lambda s: k),
             # The root's slope is unbounded near zero, but its relative error is not larger than that of the sum.
             "LpPool": lambda run: [(k + 16) * 2.0 ** -22 * np.abs(want.astype(np.float64)) + rounding(want, 2) for want in run.expected]}[op]
    extra = "".join(f"-{key}{value}" for key, value in attributes.items())
    cost = lambda s: 8 * k * math.prod(s.values())  # noqa: E731
    return Problem(f"{op}-{describe(shape)}{extra}{'-indices' * indices}-{dtype.name}-{access}", build, bound,
                   cost=cost, pools={"N": (0, 1, 2), "C": (0, 1, 2, 3, 7)}, sizes=sizes, access=access)


def global_pool(op, dtype, access):
    def build(g):
        g.result(g.op(op, g.input("x", dtype, ("N", "C", "H", "W"))), dtype=dtype)

    def sizes(rng, s):
        s["H"], s["W"] = max(s["H"], 1), max(s["W"], 1)
    bound = exact if op == "GlobalMaxPool" else sums(lambda s: s["H"] * s["W"])
    return Problem(f"{op}-{dtype.name}-{access}", build, bound, sizes=sizes, access=access)


def poolings():
    yield pool("MaxPool", geometry([2, 2], strides=2), F32, values="special")
    yield pool("MaxPool", geometry([3, 3], strides=2, pads=1), F32, "sliced")
    yield pool("MaxPool", geometry([3, 3], strides=2, pads=(1, 0, 0, 1)), F16, ceil_mode=1)
    yield pool("MaxPool", geometry([3, 2], strides=(1, 2), dilations=(2, 3)), F32, "turned")
    yield pool("MaxPool", geometry([3, 3], pads=1), F32, values="ties", indices=True)
    yield pool("MaxPool", geometry([2, 3], strides=(2, 1)), F32, "sliced", values="ties", indices=True, storage_order=1)
    yield pool("MaxPool", geometry([3, 3], strides=2), np.dtype("int8"), values="full")
    yield pool("MaxPool", geometry([5], strides=2, pads=(2, 1)), F64, "strided")
    yield pool("MaxPool", geometry([2, 2, 2], strides=2), BF16)
    yield pool("AveragePool", geometry([2, 2], strides=2), F32)
    yield pool("AveragePool", geometry([3, 3], pads=1), F32, "sliced")
    yield pool("AveragePool", geometry([3, 3], strides=2, pads=(1, 0, 0, 1)), F16, count_include_pad=1)
    yield pool("AveragePool", geometry([3, 3], strides=2, pads=1), F32, ceil_mode=1)
    yield pool("AveragePool", geometry([3, 2], strides=(2, 3), pads=1), F32, ceil_mode=1, count_include_pad=1)
    yield pool("AveragePool", geometry([4], strides=3, pads=(0, 2)), BF16, "reversed")
    yield pool("AveragePool", geometry([2, 3, 2], strides=(1, 2, 2), dilations=(2, 1, 1)), F32)
    yield pool("LpPool", geometry([3, 3], strides=2, pads=1), F32, p=2)
    yield pool("LpPool", geometry([3], strides=2), F16, "sliced", p=1)
    for op, dtype, access in [("GlobalAveragePool", F32, "plain"), ("GlobalAveragePool", F16, "sliced"),
                              ("GlobalMaxPool", F32, "turned"), ("GlobalAveragePool", BF16, "plain")]:
        yield global_pool(op, dtype, access)


FAMILIES = {"matmul-f32": f32_products, "matmul-mma": mma_products, "matmul-integer": integer_products, "matmul-tf32": tf32_products,
            "gemm": gemms, "convolution": convolutions, "convolution-last": channels_last_convolutions,
            "transposed-convolution": transposed_convolutions, "pooling": poolings}
