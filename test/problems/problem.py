# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random problems for one kernel: a model with symbolic sizes is compiled once, then run on the PTX machine
# (all checks on) at sizes drawn from 0, 1, powers of two, their neighbours and primes, and compared with the
# evaluator. A family is a list of problems (families_*.py); what differs between them is the model, which
# sizes are legal, how values are drawn and what error is allowed (bounds.py). Everything else is here: odd
# pitches and bases off by one element (inputs read through a slice, a transpose, backwards, or placed one
# element behind an aligned address), the budget of multiplications, and that every draw can be repeated
# from (problem, seed, number). Refuses nothing: a legal problem that the compiler refuses fails its test.
import dataclasses
import math
import zlib
from typing import Callable

import ml_dtypes
import numpy as np
import onnx
from onnx import helper

import cameo
from models.builder import Builder

F16, F32, F64, BF16 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64), np.dtype(ml_dtypes.bfloat16)
I64, BOOL = np.dtype(np.int64), np.dtype(bool)
INTS = [np.dtype(t) for t in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")]

SMALL = (1, 2, 3, 4, 5, 7, 8, 11, 13, 16, 17)
POOL = (1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 32, 33, 61, 64, 65, 67, 96, 127, 128, 129, 192, 251, 256, 257)
LONG = (*POOL, 509, 512, 1021, 1024, 1025, 2048, 4099, 8191, 8200)
NO_LIMIT = 2 ** 63 - 1


def onnx_type(dtype):
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


@dataclasses.dataclass
class Input:
    name: str
    dtype: np.dtype
    dims: tuple      # numbers and names of sizes, as the operator sees them
    values: object   # a style of draw_values, or f(rng, shape, sizes)
    access: str      # how the model reads it: see Graph.input

    def seen(self, array):
        """The array as the operator sees it."""
        if self.access == "sliced":
            return array[(Ellipsis, *[slice(1, None)] * min(len(self.dims), 2))]
        if self.access == "turned":
            return array.T
        step = {"strided": slice(1, None, 2), "reversed": slice(None, None, -1)}.get(self.access, slice(None))
        return array[..., step] if self.dims else array

    def stored_shape(self, sizes):
        shape = [d if isinstance(d, int) else sizes[d] for d in self.dims]
        if self.access == "sliced":
            shape[-2:] = [n + 1 for n in shape[-2:]]
        elif self.access == "strided":
            shape[-1] *= 2
        elif self.access == "turned":
            shape.reverse()
        return shape


class Graph(Builder):
    """A model whose inputs know how to be drawn."""

    def __init__(self, name, access, opset=24):
        super().__init__(name, opset=opset)
        self.access, self.drawn, self.results = access, [], []

    def input(self, name, dtype, dims, values="normal", view=True):
        """What the operator reads. By the problem's access: "plain", the input itself; "sliced", all but its
        first row and column (odd pitch, base off by one row and one element); "strided", every second
        element; "reversed", from last to first; "turned", its transpose."""
        access = self.access if view and dims else "plain"
        spec = Input(name, np.dtype(dtype), tuple(dims), values, access)
        self.drawn.append(spec)
        rank, last = len(dims), len(dims) - 1
        moved = {"sliced": range(max(rank - 2, 0), rank), "strided": [last]}.get(access, [])
        declared = [d if k not in moved else f"{name}.{k}" if isinstance(d, str) else
                    d + 1 if access == "sliced" else 2 * d for k, d in enumerate(dims)]
        if access == "turned":
            declared.reverse()
        super().input(name, declared, onnx_type(dtype))
        if access == "sliced":
            axes = list(moved)
            return self.op("Slice", name, self.constant([1] * len(axes)), self.constant([NO_LIMIT] * len(axes)),
                           self.constant(axes))
        if access == "strided":
            return self.op("Slice", name, *(self.constant([k]) for k in (1, NO_LIMIT, last, 2)))
        if access == "reversed":
            return self.op("Slice", name, *(self.constant([k]) for k in (-1, -NO_LIMIT, last, -1)))
        if access == "turned":
            return self.op("Transpose", name, perm=list(reversed(range(rank))))
        return name

    def result(self, value, name="result", dtype=None):
        self.results.append((value, name, None, onnx_type(dtype or F32)))

    def model(self):
        for result in self.results:  # last: users of a result have to be there when it is renamed
            self.output(*result)
        return super().model()


@dataclasses.dataclass(frozen=True)
class Problem:
    name: str
    build: Callable                 # f(graph): inputs, nodes, results
    bound: Callable                 # f(Run) -> allowed error of each output (bounds.py)
    cost: Callable = None           # f(sizes) -> multiplications; None: 128 an element, of all sizes' product
    pools: dict = dataclasses.field(default_factory=dict)  # size -> values to draw from; "" for all others
    sizes: Callable = None          # f(rng, sizes): mends drawn sizes (dependent ones)
    access: str = "plain"
    family: str = ""
    opset: int = 24
    options: dict = dataclasses.field(default_factory=dict)  # of compile

    def draw_sizes(self, rng, names, budget):
        """Sizes with a pool of their own keep to it; of the others, one draw in twelve makes one zero, and the
        largest shrink until the cost is within the budget."""
        sizes = {name: int(rng.choice(self.pools.get(name, self.pools.get("", POOL)))) for name in names}
        free = [name for name in names if name not in self.pools]
        cost = self.cost or (lambda s: 128 * math.prod(s.values()))
        while cost(sizes) > budget and any(sizes[name] > 3 for name in free):
            largest = max(free, key=lambda name: (sizes[name], rng.random()))
            sizes[largest] = sizes[largest] // 2 | 1
        if free and rng.random() < 1 / 12:
            sizes[str(rng.choice(free))] = 0
        if self.sizes:
            self.sizes(rng, sizes)
        return sizes


def draw_values(rng, spec, shape, sizes):
    """Values of an input. Styles: "normal" (finite, near 1), "special" (also infinities, NaN, zeros of both
    signs, subnormals, the largest numbers), "positive", "unit" ([-1, 1]), "small" (integers that do not
    overflow in sums), "full" (all integers of the type), "ties" (few distinct values)."""
    if callable(spec.values):
        return np.asarray(spec.values(rng, shape, sizes)).astype(spec.dtype)
    dtype, style = spec.dtype, spec.values
    if dtype == BOOL:
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        low, high = (info.min, info.max) if style == "full" else (max(info.min, -8), 8)
        return rng.integers(low, high, shape, dtype=dtype, endpoint=True)
    if style == "ties":
        return rng.integers(-2, 3, shape).astype(dtype)
    values = rng.uniform(-1, 1, shape) if style == "unit" else rng.standard_normal(shape)
    if style == "positive":
        values = np.abs(values) + 0.0625
    values = values.astype(dtype)
    if style == "special" and values.size:
        limits = ml_dtypes.finfo(dtype)
        odd = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, float(limits.smallest_subnormal),
                        float(limits.max), float(limits.min), 1.0, -1.0]).astype(dtype)
        here = rng.random(shape) < rng.choice([0, 0.1, 0.5])
        values = np.where(here, rng.choice(odd, shape), values).astype(dtype)
    return values


@dataclasses.dataclass
class Run:
    """One draw, as a bound sees it."""
    problem: Problem
    sizes: dict
    inputs: dict
    outputs: list
    expected: list
    again: Callable  # the evaluator on other values of the same shapes: f({name: array}) -> outputs
    specs: list

    def seen(self, name):
        """An input as the operator sees it, in double."""
        spec = next(spec for spec in self.specs if spec.name == name)
        return spec.seen(self.inputs[name]).astype(np.float64)


class Bench:
    """A problem, compiled once."""

    def __init__(self, problem, folder, evaluator):
        self.problem, self.evaluator = problem, evaluator
        graph = Graph(problem.name, problem.access, problem.opset)
        problem.build(graph)
        self.specs, model = graph.drawn, graph.model()
        self.path = folder / "model.onnx"
        onnx.save_model(model, self.path)
        self.bundle = cameo.compile(self.path, folder / "model.cameo", **problem.options)
        self.names = sorted({d for spec in self.specs for d in spec.dims if isinstance(d, str)})
        self.outputs = [output.name for output in model.graph.output]
        types = [helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in (*model.graph.input, *model.graph.output)]
        widest = max(dtype.itemsize for dtype in types)
        # Bases aligned, and off by one element of the widest type.
        self.sessions = [cameo.Session(self.bundle, device="sim", host_threads=1, checks=2, input_offset=offset)
                         for offset in (0, widest)]

    def generator(self, seed, number):
        return np.random.default_rng([seed, zlib.crc32(self.problem.name.encode()), number])

    def draw(self, seed, number, budget):
        rng = self.generator(seed, number)
        # Mostly small problems, a few that fill several blocks of a multiprocessor.
        limit = budget if rng.random() < 0.04 else min(budget, int(10 ** rng.uniform(3.5, 7)))
        sizes = self.problem.draw_sizes(rng, self.names, limit)
        inputs = {spec.name: draw_values(rng, spec, spec.stored_shape(sizes), sizes) for spec in self.specs}
        return sizes, inputs, self.sessions[int(rng.integers(0, 2))]

    def reference(self, inputs):
        return self.evaluator(self.path, *(inputs[spec.name] for spec in self.specs))

    def check(self, seed, number, budget=300_000_000):
        sizes, inputs, session = self.draw(seed, number, budget)
        where = f"{self.problem.name}, seed {seed}, draw {number}, {sizes}, {session is self.sessions[1] and 'offset' or ''}"
        try:
            outputs = session.run(None, inputs)
            expected = self.reference(inputs)
        except Exception as error:
            raise AssertionError(f"{where}: {error}") from error
        missing = [name for name in self.outputs if session.unwritten_bytes(name)]
        assert not missing, f"{where}: {missing} not fully written"
        run = Run(self.problem, sizes, inputs, outputs, expected, self.reference, self.specs)
        with np.errstate(all="ignore"):
            allowed = self.problem.bound(run)
            for name, got, want, error in zip(self.outputs, outputs, expected, allowed):
                compare(f"{where}: output {name}", got, want, error)


def compare(where, got, want, allowed):
    assert got.dtype == want.dtype and got.shape == want.shape, \
        f"{where}: {got.dtype}{got.shape}, not {want.dtype}{want.shape}"
    if got.dtype.kind in "iub":
        same, wide, right = got == want, got.astype(object), want.astype(object)
    else:
        wide, right = got.astype(np.float64), want.astype(np.float64)
        same = (wide == right) | (np.isnan(wide) & np.isnan(right))
    if np.all(same):
        return
    error = np.abs(np.where(same, 0, wide - right).astype(np.float64))
    good = same | (np.isfinite(right.astype(np.float64)) & (error <= np.broadcast_to(allowed, got.shape)))
    if not np.all(good):
        worst = tuple(int(k) for k in np.argwhere(~good)[0])
        raise AssertionError(f"{where}: {np.count_nonzero(~good)} of {got.size} wrong, first at {list(worst)}: "
                             f"{wide[worst]!r}, not {right[worst]!r} "
                             f"(allowed {np.broadcast_to(allowed, got.shape)[worst]!r}); shape {got.shape}")
