# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Families that keep no loops of their own: pointwise kernels under every broadcast and view, and indexed
# access (gather, scatter, slice, concat, transpose, pad, resize and the like), where results are exact.
import math

import numpy as np
from bounds import each, eps, exact, relative_to, rounding, sums, ulps
from problem import BF16, BOOL, F16, F32, F64, I64, INTS, LONG, NO_LIMIT, Problem, onnx_type

ABC = ("A", "B", "C")
TINY = (0, 1, 2, 3, 5, 8, 17)


def broadcast(rng, sizes):
    """Sizes a0.., b0.., c0.. of three operands: one size a dimension, or 1."""
    for axis in "0123":
        size = sizes[f"a{axis}"]
        for operand in "abc":
            sizes[operand + axis] = size if rng.random() < 0.7 else 1


def of_a(sizes):
    return 128 * math.prod(sizes[f"a{axis}"] for axis in range(4))


def three(dtype, access):
    """(a - b) * c with every size of every operand free: the bundle cannot know which are 1."""
    def build(g):
        a, b, c = (g.input(n, dtype, tuple(f"{n}{k}" for k in range(4)), "full" if dtype.kind in "iu" else "unit") for n in "abc")
        g.result(g.op("Mul", g.op("Sub", a, b), c), dtype=dtype)
    bound = exact if dtype.kind in "iu" else relative_to_product
    pools = {f"{n}{k}": TINY for n in "bc" for k in range(4)}
    return Problem(f"free-broadcast-{dtype.name}-{access}", build, bound, cost=of_a, pools=pools, sizes=broadcast, access=access)


def relative_to_product(run):
    """(a - b) * c with |a|, |b|, |c| <= 1: two roundings of at most 2."""
    return [2 * eps(want.dtype) * 2 + rounding(want, 1) for want in run.expected]


def known_ones(dtype, access):
    """x * scale + shift with shapes that exporters write: sizes of 1 are static."""
    def build(g):
        x = g.input("x", dtype, ("N", "C", "H"), "unit")
        scale, shift = g.input("scale", dtype, ("C", 1), "unit"), g.input("shift", dtype, (1, 1, "H"), "unit")
        scalar = g.input("s", dtype, (), "unit")
        g.result(g.op("Add", g.op("Mul", g.op("Mul", x, scale), scalar), shift), dtype=dtype)
    bound = lambda run: [6 * eps(want.dtype) + rounding(want, 1) for want in run.expected]  # noqa: E731  (all |...| <= 1)
    return Problem(f"known-broadcast-{dtype.name}-{access}", build, bound, access=access)


def functions(name, ops, dtype, values, bound, access="plain"):
    """Elementary functions of one operand, an output each."""
    def build(g):
        x = g.input("x", dtype, ("N", "C"), values)
        for op in ops:
            g.result(g.op(op, x), op, dtype)
    return Problem(f"{name}-{dtype.name}-{access}", build, bound, pools={"": LONG}, access=access)


def integers(ops, dtype, access, nonzero=False, shifts=False):
    def second(rng, shape, sizes):
        if shifts:
            return rng.integers(0, 8 * dtype.itemsize, shape)
        values = rng.integers(1, 8, shape)
        return -values if dtype.kind == "i" and rng.random() < 0.5 and not nonzero else values

    def build(g):
        a = g.input("a", dtype, ("N", "C"), "full")
        b = g.input("b", dtype, ("C",), second if nonzero or shifts else "full")
        for number, (op, attributes) in enumerate(ops):
            g.result(g.op(op, a, b, **attributes), f"y{number}", dtype)
    return Problem(f"integers-{ops[0][0]}-{dtype.name}-{access}", build, exact, access=access)


def comparisons(dtype, access):
    def build(g):
        a, b = g.input("a", dtype, ABC, "special"), g.input("b", dtype, ("B", "C"), "special")
        less, equal = g.op("Less", a, b), g.op("Equal", a, b)
        g.result(less, "less", BOOL)
        g.result(g.op("Or", equal, g.op("Not", less)), "rest", BOOL)
        g.result(g.op("Where", less, a, b), "low", dtype)
        g.result(g.op("Max", a, b), "max", dtype)
        g.result(g.op("IsNaN", a), "nan", BOOL)
    return Problem(f"comparisons-{dtype.name}-{access}", build, exact, access=access)


def casts(source, targets, access, values):
    def build(g):
        x = g.input("x", source, ("N", "C"), values)
        for target in targets:
            target = np.dtype(target)
            g.result(g.op("Cast", x, to=onnx_type(target)), f"to_{target.name}", target)
    return Problem(f"casts-{np.dtype(source).name}-{access}", build, exact, access=access)


def moved_and_added(dtype, access):
    """Pointwise over a reshape of a transpose, a slice backwards, and an Expand."""
    def build(g):
        x, y = g.input("x", dtype, ABC, "unit"), g.input("y", dtype, ("C",), "unit")
        turned = g.op("Transpose", x, perm=[2, 0, 1])
        flat = g.op("Reshape", turned, g.constant([0, -1]))
        backwards = g.op("Slice", flat, *(g.constant([k]) for k in (-1, -NO_LIMIT, 1, -1)))
        column = g.op("Unsqueeze", y, g.constant([1]))
        g.result(g.op("Add", g.op("Mul", backwards, column), flat), dtype=dtype)
    bound = lambda run: [2 * eps(want.dtype) + rounding(want, 1) for want in run.expected]  # noqa: E731
    # Reshape's 0 and -1 need sizes that divide: an empty turned tensor has no -1.
    return Problem(f"views-{dtype.name}-{access}", build, bound, access=access, pools={"C": tuple(n for n in LONG if n <= 257)})


def pointwise():
    for dtype, access in [(F32, "plain"), (F32, "sliced"), (F16, "plain"), (BF16, "turned"), (F64, "plain"),
                          (np.dtype("int32"), "reversed"), (np.dtype("uint8"), "plain")]:
        yield three(dtype, access)
    for dtype, access in [(F32, "plain"), (F32, "turned"), (F16, "sliced"), (BF16, "strided")]:
        yield known_ones(dtype, access)
    plain = ("Exp", "Tanh", "Sigmoid", "Erf", "Sin", "Cos", "Atan", "Sqrt", "Log", "Reciprocal", "Softsign")
    cancelling = ("Gelu", "Softplus", "Mish", "Elu", "Selu", "HardSwish", "Celu")
    for dtype, access in [(F32, "plain"), (F32, "sliced"), (F16, "plain"), (BF16, "reversed")]:
        yield functions("functions", plain, dtype, "positive", ulps(6), access)
        which = cancelling if dtype == F32 else cancelling[:-1]
        yield functions("activations", which, dtype, "normal", relative_to(["x"], 8), access)
    yield functions("exact", ("Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Relu"), F32, "special", exact, "strided")
    yield functions("exact", ("Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Relu"), F16, "special", exact)
    plain_ops = [("Add", {}), ("Sub", {}), ("Mul", {}), ("Max", {}), ("Min", {}), ("BitwiseXor", {})]
    for dtype, access in zip(INTS, ("plain", "sliced", "turned", "strided") * 2):
        yield integers(plain_ops, dtype, access)
    for name, access in [("int8", "plain"), ("uint16", "sliced"), ("int32", "plain"), ("int64", "turned"), ("uint64", "plain")]:
        fmod = [("Mod", {"fmod": 1})] if name[0] == "i" else []
        yield integers([("Div", {}), ("Mod", {}), *fmod], np.dtype(name), access, nonzero=True)
    for name in ("uint8", "uint64"):
        yield integers([("BitShift", {"direction": "LEFT"}), ("BitShift", {"direction": "RIGHT"})], np.dtype(name), "plain", shifts=True)
    for dtype, access in [(F32, "plain"), (F16, "sliced"), (BF16, "plain"), (F64, "strided")]:
        yield comparisons(dtype, access)
    hundred = lambda rng, shape, sizes: rng.uniform(0, 100, shape)  # noqa: E731
    yield casts(F32, (F16, BF16, F64, "int8", "uint8", "int32", I64, BOOL), "plain", hundred)
    yield casts(F16, (F32, BF16, F64, "int16", "uint32"), "sliced", hundred)
    yield casts(np.dtype("int64"), (F32, F16, F64, "int8", "uint16", BOOL), "plain", "full")
    yield casts(np.dtype("uint8"), (F32, F16, BF16, "int32", "uint64"), "strided", "full")
    for dtype, access in [(F32, "plain"), (F32, "sliced"), (F16, "reversed")]:
        yield moved_and_added(dtype, access)


# Indexed access. All results are elements of the operands, so that they are exact in every type.

def indices(into):
    """Legal indices, from the end too; `into`: the size they index."""
    def values(rng, shape, sizes):
        n = into if isinstance(into, int) else sizes[into]
        return rng.integers(-n, n, shape) if n else np.zeros(shape)
    return values


def indexed(name, build, dtype, access, sizes=None, pools=None, bound=exact, cost=None, opset=24):
    return Problem(f"{name}-{dtype.name}-{access}", build, bound, sizes=sizes, pools=pools or {}, access=access, cost=cost, opset=opset)


def nonempty(name, also=()):
    """An indexed size may be empty only where nothing is asked of it."""
    def mend(rng, sizes):
        if sizes[name] == 0 and all(sizes[n] for n in also):
            sizes[name] = 1
    return mend


def gather(axis, dtype, access):
    def build(g):
        x = g.input("x", dtype, ABC, "full")
        i = g.input("i", I64, ("I", "J"), indices(ABC[axis]), view=access == "sliced")
        g.result(g.op("Gather", x, i, axis=axis), dtype=dtype)
    cost = lambda s: 128 * s["I"] * s["J"] * math.prod(s[n] for n in ABC)  # noqa: E731
    return indexed(f"Gather-{axis}", build, dtype, access, lambda rng, s: s.update({ABC[axis]: max(s[ABC[axis]], 1)}), cost=cost)


def gather_elements(axis, dtype, access):
    def build(g):
        x = g.input("x", dtype, ABC, "full")
        dims = tuple("I" if k == axis else n for k, n in enumerate(ABC))
        i = g.input("i", np.dtype("int32"), dims, indices(ABC[axis]))
        g.result(g.op("GatherElements", x, i, axis=axis), dtype=dtype)
    return indexed(f"GatherElements-{axis}", build, dtype, access, lambda rng, s: s.update({ABC[axis]: max(s[ABC[axis]], 1)}))


def gather_nd(dtype, access):
    def build(g):
        x = g.input("x", dtype, ("A", 3, 5, "D"), "full")
        i = g.input("i", I64, ("A", "I", 2), lambda rng, shape, sizes: rng.integers([-3, -5], [3, 5], shape), view=False)
        g.result(g.op("GatherND", x, i, batch_dims=1), dtype=dtype)
    return indexed("GatherND", build, dtype, access)


def unique_indices(axis):
    def values(rng, shape, sizes):
        n, m = sizes[ABC[axis]], shape[axis]
        order = np.argsort(rng.random([n if k == axis else size for k, size in enumerate(shape)]), axis)
        chosen = np.take(order, np.arange(m), axis)
        return chosen - n * rng.integers(0, 2, shape)
    return values


def scatter(axis, dtype, access, reduction="none"):
    def build(g):
        x = g.input("x", dtype, ABC, "small")
        dims = tuple("I" if k == axis else n for k, n in enumerate(ABC))
        i = g.input("i", I64, dims, unique_indices(axis) if reduction == "none" else indices(ABC[axis]), view=False)
        u = g.input("u", dtype, dims, "small")
        g.result(g.op("ScatterElements", x, i, u, axis=axis, reduction=reduction), dtype=dtype)

    def sizes(rng, s):
        s[ABC[axis]] = max(s[ABC[axis]], 1)
        if reduction == "none":
            s["I"] = min(s["I"], s[ABC[axis]])
    bound = exact if dtype.kind in "iu" or reduction != "add" else sums(lambda s: s["I"] + 1)
    return indexed(f"ScatterElements-{axis}-{reduction}", build, dtype, access, sizes, bound=bound)


def scatter_nd(dtype, access, reduction):
    def build(g):
        x = g.input("x", dtype, (7, 3, "C"), "small")

        def values(rng, shape, sizes):
            flat = rng.permutation(21)[:shape[0]] if reduction == "none" else rng.integers(0, 21, shape[0])
            return np.stack([flat // 3, flat % 3 - 3 * rng.integers(0, 2, shape[0])], -1)
        i = g.input("i", I64, ("I", 2), values, view=False)
        u = g.input("u", dtype, ("I", "C"), "small")
        g.result(g.op("ScatterND", x, i, u, reduction=reduction), dtype=dtype)
    return indexed(f"ScatterND-{reduction}", build, dtype, access, pools={"I": (0, 1, 2, 5, 13, 21)})


def concat(axis, dtype, access):
    """Three operands, one of them a product: producers write into the slices of the result."""
    def build(g):
        dims = lambda n: tuple(f"{n}{k}" if k == axis else s for k, s in enumerate(ABC))  # noqa: E731
        x, y, z = (g.input(n, dtype, dims(n), "full") for n in "xyz")
        g.result(g.op("Concat", x, g.op("Add", y, y), z, axis=axis), dtype=dtype)
    cost = lambda s: 128 * math.prod(s[n] for n in s if n[0] in "ABCx")  # noqa: E731
    return indexed(f"Concat-{axis}", build, dtype, access, cost=cost)


def transpose(perm, dtype, access):
    def build(g):
        x = g.input("x", dtype, ("A", "B", "C", "D")[:len(perm)], "full")
        g.result(g.op("Transpose", x, perm=list(perm)), dtype=dtype)
    return indexed(f"Transpose-{''.join(map(str, perm))}", build, dtype, access)


def pad(mode, dtype, access, pads):
    def build(g):
        x = g.input("x", dtype, ABC, "full")
        value = [g.input("v", dtype, (), "full")] if mode == "constant" else []
        g.result(g.op("Pad", x, g.constant(pads), *value, mode=mode), dtype=dtype)

    def sizes(rng, s):  # reflect needs more elements than it repeats; edge and wrap some
        for k, name in enumerate(ABC):
            amount = max(pads[k], pads[3 + k])
            if amount > 0 and mode != "constant":
                s[name] = max(s[name], amount + 1)
            s[name] = max(s[name], -pads[k] - pads[3 + k])
    return indexed(f"Pad-{mode}", build, dtype, access, sizes)


def slices(dtype, access):
    """starts, ends and steps are inputs: known at launch only."""
    def build(g):
        x = g.input("x", dtype, ABC, "full")
        control = [g.input(n, I64, (2,), low, view=False) for n, low in (
            ("starts", lambda rng, shape, sizes: rng.integers(-9, 9, shape)), ("ends", lambda rng, shape, sizes: rng.integers(-20, 20, shape)))]
        steps = g.input("steps", I64, (2,), lambda rng, shape, sizes: rng.choice([-3, -2, -1, 1, 2, 5], shape), view=False)
        g.result(g.op("Slice", x, *control, g.constant([0, 2]), steps), dtype=dtype)
    return indexed("Slice", build, dtype, access)


def resize(mode, where, nearest, dtype, access, scales, **attributes):
    def build(g):
        x = g.input("x", dtype, ("N", "C", "H", "W"), "full" if mode == "nearest" else "unit")
        more = {"nearest_mode": nearest} if mode == "nearest" else {}
        g.result(g.op("Resize", x, "", g.constant([1.0, 1.0, *scales], np.float32), mode=mode,
                      coordinate_transformation_mode=where, **more, **attributes), dtype=dtype)

    def sizes(rng, s):
        for name, scale in zip("HW", scales):
            s[name] = max(s[name], math.ceil(1 / scale), 1)
    # |x| <= 1, so that a coordinate off by u times itself moves the result by four times that at most (a cubic's
    # slope is below 2 at each of four taps); coordinates are below the operand's size.
    far = lambda run: 8 * 2.0 ** -23 * (max(run.sizes["H"], run.sizes["W"]) + 8)  # noqa: E731
    bound = exact if mode == "nearest" else lambda run: [far(run) + rounding(want, 2) for want in run.expected]
    return indexed(f"Resize-{mode}-{where}-{nearest}-{'x'.join(map(str, scales))}", build, dtype, access, sizes,
                   pools={"N": (1, 2), "C": (0, 1, 3)}, bound=bound)


def plain_movement(op, dtype, access, *more, dims=ABC, sizes=None, **attributes):
    def build(g):
        x = g.input("x", dtype, dims, "full")
        g.result(g.op(op, x, *(g.constant(m) for m in more), **attributes), dtype=dtype)
    extra = "".join(f"-{v}" for v in attributes.values())
    return indexed(f"{op}{extra}", build, dtype, access, sizes)


def indexed_access():
    int8, i32, u16 = np.dtype("int8"), np.dtype("int32"), np.dtype("uint16")
    for axis, dtype, access in [(0, F32, "plain"), (1, F16, "sliced"), (2, I64, "plain"), (2, BOOL, "turned")]:
        yield gather(axis, dtype, access)
    for axis, dtype, access in [(0, F32, "sliced"), (1, int8, "plain"), (2, F64, "reversed")]:
        yield gather_elements(axis, dtype, access)
    yield gather_nd(F32, "plain")
    yield gather_nd(u16, "sliced")
    for axis, dtype, access, reduction in [(0, F32, "plain", "none"), (2, F16, "sliced", "none"), (1, F32, "plain", "add"),
                                           (2, i32, "turned", "mul"), (0, BF16, "plain", "max"), (1, I64, "plain", "min")]:
        yield scatter(axis, dtype, access, reduction)
    for dtype, access, reduction in [(F32, "plain", "none"), (I64, "plain", "add"), (F16, "sliced", "max")]:
        yield scatter_nd(dtype, access, reduction)
    for axis, dtype, access in [(0, F32, "plain"), (1, F16, "sliced"), (2, F32, "turned"), (2, int8, "plain"), (1, I64, "reversed")]:
        yield concat(axis, dtype, access)
    for perm, dtype, access in [((1, 0), F32, "plain"), ((0, 2, 1), F16, "sliced"), ((2, 0, 1), int8, "plain"),
                                ((0, 2, 3, 1), F32, "plain"), ((3, 1, 0, 2), F64, "strided"), ((0, 3, 1, 2), BOOL, "plain")]:
        yield transpose(perm, dtype, access)
    for mode, dtype, access, pads in [
            ("constant", F32, "plain", (1, 0, 3, 0, 2, 5)), ("constant", int8, "sliced", (2, 1, -2, 0, -1, 1)),
            ("reflect", F32, "plain", (0, 1, 3, 0, 2, 2)), ("edge", F16, "turned", (2, 0, 1, 1, 4, 0)),
            ("wrap", I64, "plain", (1, 0, 2, 0, 3, 1))]:
        yield pad(mode, dtype, access, pads)
    for dtype, access in [(F32, "plain"), (int8, "turned"), (F64, "sliced")]:
        yield slices(dtype, access)
    for mode, where, dtype, access, scales in [
            ("linear", "half_pixel", F32, "plain", (0.5, 0.375)), ("linear", "align_corners", F16, "sliced", (0.25, 2.0)),
            ("cubic", "half_pixel", F32, "turned", (0.5, 0.75)), ("cubic", "asymmetric", F64, "plain", (1.5, 0.25))]:
        yield resize(mode, where, "smooth", dtype, access, scales, antialias=1)
    for mode, where, nearest, dtype, access, scales in [
            ("nearest", "asymmetric", "floor", F32, "plain", (2.0, 2.0)), ("nearest", "half_pixel", "round_prefer_ceil", F16, "sliced", (3.0, 0.5)),
            ("nearest", "asymmetric", "ceil", int8, "plain", (0.5, 0.25)), ("linear", "half_pixel", "", F32, "plain", (2.0, 2.0)),
            ("linear", "align_corners", "", F32, "sliced", (1.5, 2.5)), ("linear", "asymmetric", "", F16, "plain", (4.0, 0.5)),
            ("cubic", "half_pixel", "", F32, "plain", (2.0, 1.5)), ("cubic", "align_corners", "", F32, "turned", (0.75, 3.0))]:
        yield resize(mode, where, nearest, dtype, access, scales)
    yield plain_movement("Tile", F32, "plain", [2, 1, 3])
    yield plain_movement("Expand", F16, "sliced", [4, 1, 1, 1])
    yield plain_movement("Trilu", F32, "plain", 1, upper=0)
    yield plain_movement("Trilu", I64, "turned", -2, upper=1)
    blocks = lambda rng, s: s.update(C=s["C"] // 4 * 4, H=s["H"] // 2 * 2, W=s["W"] // 2 * 2)  # noqa: E731
    for op, mode in [("DepthToSpace", {"mode": "CRD"}), ("DepthToSpace", {"mode": "DCR"}), ("SpaceToDepth", {})]:
        yield plain_movement(op, F32, "plain", dims=("N", "C", "H", "W"), sizes=blocks, blocksize=2, **mode)


FAMILIES = {"pointwise": pointwise, "indexed": indexed_access}
