# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# python second_size.py: what `cameo conformance --dynamic` asks for another legal size of a case. A bundle
# that serves every size has to be tried at one that its author did not have in hand; which sizes are legal
# only ONNX knows, so candidates are tried on ONNX's shape inference and reference evaluator until one is
# taken. One process answers many questions, a line of JSON each:
#   {"model": FILE, "data": test_data_set folder, "controls": [names], "out": folder}
#   {"outcome": "ok", "sizes": {name: [...]}, "controls": {name: [...]}}  input_K.pb, output_K.pb in `out`
#   {"outcome": "forbidden" | "no reference", "reason": "..."}
#
# Candidates, in order: all sizes plus one; all but ones plus one; doubled; doubled but ones; then what can
# be changed one equal size after the other, and at last dimension by dimension, each kept if it is legal
# with those before. Sizes that are equal in the case stay equal up to the last. Where a size changes,
# elements of control operands (a shape, a split) may have to: one of them at a time is changed likewise.
# Elements are drawn from the case's own: what is legal there is legal here, and sizes only grow, so that
# indices stay inside.
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

MAX_ELEMENTS = 1 << 18  # of an input: the PTX machine is no GPU
GROW = (lambda v: v + 1, lambda v: 2 * v)
# Places to write to, where a repeated one has no defined result, and what is written there.
FIXED = {"Scatter": (1, 2), "ScatterElements": (1, 2), "ScatterND": (1, 2), "TensorScatter": (2,), "MaxUnpool": (1,)}
RTOL, ATOL = 1e-2, 1e-3  # of the reference against the case's data: only to know a broken one


class Illegal(Exception):
    """A candidate that the model does not allow."""


def read_folder(folder, stem):
    tensors = []
    for k in range(len(list(folder.glob(f"{stem}_*.pb")))):
        tensor = onnx.TensorProto.FromString((folder / f"{stem}_{k}.pb").read_bytes())
        tensors.append((tensor.name, numpy_helper.to_array(tensor)))
    return tensors


def draw(values, shape, rng):
    """Elements like those of `values`, in another shape; floats between two of them, so that none tie."""
    shape = tuple(shape)
    if values.shape == shape:
        return values
    if values.size == 0:
        return np.zeros(shape, values.dtype)
    pool = values.reshape(-1)
    drawn = pool[rng.integers(0, pool.size, shape)]
    if values.dtype in (np.float16, np.float32, np.float64) and np.isfinite(pool).all():
        distinct = pool.size > 4 and np.unique(pool).size == pool.size
        if distinct or not (pool == np.round(pool)).all():
            other, share = pool[rng.integers(0, pool.size, shape)], rng.random(shape)
            drawn = (drawn + share * (other.astype(np.float64) - drawn)).astype(values.dtype)
    return drawn


def in_words(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def is_finite(value):
    return value.dtype not in (np.float16, np.float32, np.float64) or bool(np.isfinite(value).all())


def check_operands(node, values):
    """What ONNX says of operands' sizes, and neither its shape inference nor its reference checks."""
    def given(*places):
        return [values[node.input[k]] for k in places if k < len(node.input) and node.input[k] in values]

    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        scale_and_zero = given(1, 2)
        if len({value.size for value in scale_and_zero}) > 1:
            raise ValueError("scale and zero point have different sizes")
    elif node.op_type == "AffineGrid":
        theta, size = (given(0) or [None])[0], (given(1) or [None])[0]
        if theta is not None and size is not None and theta.shape[0] != size[0]:
            raise ValueError("theta and size have different batches")
    elif node.op_type == "Split" and len(given(0, 1)) == 2:
        operand, parts = given(0, 1)
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        if parts.sum() != operand.shape[axis]:
            raise ValueError("the parts do not add up to the size that is split")
    elif node.op_type == "Attention":
        # The reference extends a short mask; ONNX's own function body does not.
        keys = sum(value.shape[-2] for value in given(1, 4))
        if any(mask.shape[-1] not in (1, keys) for mask in given(3)):
            raise ValueError("the mask has another length than the keys")
    elif node.op_type == "NonMaxSuppression":
        if any(boxes.shape[-1] != 4 for boxes in given(0)) or any(value.size != 1 for value in given(2, 3, 4)):
            raise ValueError("a box has four coordinates; limits and thresholds are scalars")
        if len({(boxes.shape[0], boxes.shape[1]) for boxes in given(0)} |
               {(scores.shape[0], scores.shape[2]) for scores in given(1)}) > 1:
            raise ValueError("boxes and scores differ in batches or in number")


class Case:
    def __init__(self, model, inputs, expected, controls):
        self.model, self.inputs = model, inputs
        self.ranks = [np.ndim(value) for _, value in expected]
        self.finite = all(is_finite(value) for _, value in expected)
        self.session = ReferenceEvaluator(model)
        self.fixed = set(controls)
        for node in model.graph.node:
            self.fixed.update(node.input[k] for k in FIXED.get(node.op_type, ()) if k < len(node.input))
        self.shapes = {name: value.shape for name, value in inputs}
        self.controls = {name: value for name, value in inputs
                         if name in controls and value.ndim <= 1 and value.size and value.dtype.kind in "iu"}
        # The reference counts the indices of a MaxPool from the start of each channel, not of the tensor.
        channels = {node.input[0] for node in model.graph.node if node.op_type == "MaxPool" and len(node.output) > 1}
        # (input, dimension) of everything that may change.
        self.places = [(name, d) for name, shape in self.shapes.items() if name not in self.fixed
                       for d in range(2 if name in channels else 0, len(shape))]

    def run(self, inputs):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self.session.run(None, dict(inputs))

    def infer(self, inputs):
        """ONNX's own checks of shapes; raises what it finds."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.value_info[:]
        values = dict(inputs)
        for node in model.graph.node:
            check_operands(node, values)
        for info in model.graph.input:
            dims = info.type.tensor_type.shape.dim
            for d, size in zip(dims, values[info.name].shape):
                d.dim_value = size
        for info in model.graph.output:
            if info.type.HasField("tensor_type"):
                info.type.tensor_type.ClearField("shape")
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)

    def attempt(self, sizes, controls):
        """The inputs and outputs at these sizes, or Illegal."""
        rng = np.random.default_rng(1)
        inputs = []
        for name, value in self.inputs:
            if name in controls:
                value = controls[name]
            shape = [sizes.get((name, d), size) for d, size in enumerate(value.shape)]
            if np.prod(shape, dtype=np.int64) > MAX_ELEMENTS:
                raise Illegal("more elements than are tried here")
            inputs.append((name, np.asarray(draw(value, shape, rng))))
        try:
            self.infer(inputs)
            outputs = self.run(inputs)
        except Exception as error:  # whatever the reference throws means: not this size
            raise Illegal(in_words(error)) from None
        if not all(isinstance(value, (np.ndarray, np.generic)) for value in outputs):
            raise Illegal("an output is no tensor")
        outputs = [np.asarray(value) for value in outputs]
        if [value.ndim for value in outputs] != self.ranks:
            raise Illegal("the sizes decide the rank of an output")
        if self.finite and not all(is_finite(value) for value in outputs):
            raise Illegal("the reference overflows")
        return inputs, outputs

    def steered(self, controls):
        """The control operands as they are, then each with one element changed."""
        yield controls
        for name, value in self.controls.items():
            value = controls.get(name, value)
            for k in range(value.size):
                for grow in GROW:
                    if value.reshape(-1)[k] > 0:
                        changed = value.copy()
                        changed.reshape(-1)[k] = grow(int(changed.reshape(-1)[k]))
                        yield {**controls, name: changed}

    def accepted(self, sizes, controls):
        """(controls, results) of the first accepted way to run at these sizes; Illegal if none is."""
        first = None
        for candidate in self.steered(controls):
            try:
                return candidate, self.attempt(sizes, candidate)
            except Illegal as error:
                first = first or error
        raise first

    def together(self, grow, with_ones):
        sizes = {(name, d): grow(self.shapes[name][d]) for name, d in self.places
                 if with_ones or self.shapes[name][d] != 1}
        if not sizes:
            raise Illegal("no size to change")
        return sizes, *self.accepted(sizes, {})

    def one_by_one(self, groups):
        sizes, controls, results, last = {}, {}, None, Illegal("no size to change")
        for group in groups:
            for grow in GROW:
                trial = {**sizes, **{(name, d): grow(self.shapes[name][d]) for name, d in group}}
                try:
                    controls, results = self.accepted(trial, controls)
                    sizes = trial
                    break
                except Illegal as error:
                    last = error
        if results is None:
            raise last
        return sizes, controls, results

    def search(self):
        if not self.places:
            raise Illegal("no input has a size that could change")
        groups = {}
        for name, d in self.places:
            groups.setdefault(self.shapes[name][d], []).append((name, d))
        ways = [lambda grow=grow, ones=ones: self.together(grow, ones) for grow in GROW for ones in (True, False)]
        ways += [lambda: self.one_by_one(list(groups.values())),
                 lambda: self.one_by_one([[place] for place in self.places])]
        first = None
        for way in ways:
            try:
                return way()
            except Illegal as error:
                first = first or error
        raise first


def agrees(outputs, expected):
    if len(outputs) != len(expected):
        return False
    for actual, (_, wanted) in zip(outputs, expected):
        actual = np.asarray(actual)
        if actual.shape != wanted.shape or actual.dtype != wanted.dtype:
            return False
        if wanted.dtype.kind in "OSU":
            if not (actual == wanted).all():
                return False
            continue
        wide = wanted.dtype if wanted.dtype.kind in "ciub" else np.float64
        if not np.allclose(actual.astype(wide), wanted.astype(wide), RTOL, ATOL, equal_nan=True):
            return False
    return True


def write(folder, stem, named):
    for k, (name, value) in enumerate(named):
        tensor = numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        (folder / f"{stem}_{k}.pb").write_bytes(tensor.SerializeToString())


def miscounts(node):
    """The reference names several positions for one maximum (seen with pads 2, kernel 5, operand 6 x 6)."""
    pads = [value for attribute in node.attribute if attribute.name == "pads" for value in attribute.ints]
    return node.op_type == "MaxPool" and len(node.output) > 1 and any(pads)


def answer(question):
    data, out = pathlib.Path(question["data"]), pathlib.Path(question["out"])
    model = onnx.load(question["model"])
    try:
        inputs, expected = read_folder(data, "input"), read_folder(data, "output")
        case = Case(model, inputs, expected, question["controls"])
        if not agrees(case.run(inputs), expected):
            return {"outcome": "no reference", "reason": "ONNX's reference does not give the case's own outputs"}
    except Exception as error:
        return {"outcome": "no reference", "reason": in_words(error)}
    if any(miscounts(node) for node in model.graph.node):
        return {"outcome": "no reference", "reason": "ONNX's reference miscounts the indices of a padded MaxPool"}
    try:
        sizes, controls, (values, outputs) = case.search()
    except Illegal as error:
        return {"outcome": "forbidden", "reason": str(error)}
    write(out, "input", values)
    write(out, "output", [(info.name, value) for info, value in zip(model.graph.output, outputs)])
    changed = {name for name, _ in sizes}
    return {"outcome": "ok", "sizes": {name: list(value.shape) for name, value in values if name in changed},
            "controls": {name: value.tolist() for name, value in controls.items()}}


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
