# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Runs operators of lib/HostOps, or whole models on the evaluator, from NumPy, through one process for
# many problems (the protocol is described in Wire.h). ONNX's own serialisation packs the narrow types.
import struct
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class HostOpsError(Exception):
    """The operator refused its arguments."""


def _text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def _attribute(name, value):
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        return _text(name) + b"s" + _text(value)
    if isinstance(value, (int, np.integer)):
        return _text(name) + b"i" + struct.pack("<q", value)
    if isinstance(value, (float, np.floating)):
        return _text(name) + b"f" + struct.pack("<d", value)
    values = list(value)
    if any(isinstance(v, float) for v in values):
        return _text(name) + b"F" + struct.pack(f"<I{len(values)}d", len(values), *values)
    return _text(name) + b"I" + struct.pack(f"<I{len(values)}q", len(values), *values)


def _tensor(array):
    if array is None:
        return struct.pack("<BIQ", 0, 0, 0)
    array = np.asarray(array)
    proto = numpy_helper.from_array(array)
    data = proto.raw_data
    return struct.pack(f"<BI{array.ndim}qQ", proto.data_type, array.ndim, *array.shape, len(data)) + data


class Driver:
    """A process that speaks the protocol of Wire.h."""

    def __init__(self, tool):
        self.tool = tool
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)

    def close(self):
        self.process.stdin.write(_text(""))
        self.process.stdin.close()
        return self.process.wait()

    def _read(self, form):
        size = struct.calcsize("<" + form)
        data = self.process.stdout.read(size)
        if len(data) != size:
            raise RuntimeError(f"{self.tool} ended: {self.process.wait()}")
        return struct.unpack("<" + form, data)

    def _read_tensor(self):
        data_type, rank = self._read("BI")
        dims = self._read(f"{rank}q")
        (size,) = self._read("Q")
        data = self.process.stdout.read(size)
        if data_type == 0:
            return None
        proto = TensorProto(data_type=data_type, dims=dims, raw_data=data)
        return numpy_helper.to_array(proto)

    def _ask(self, request, inputs):
        request = [*request, struct.pack("<I", len(inputs)), *map(_tensor, inputs)]
        self.process.stdin.write(b"".join(request))
        self.process.stdin.flush()
        (ok,) = self._read("B")
        if not ok:
            (length,) = self._read("I")
            raise HostOpsError(self.process.stdout.read(length).decode())
        (count,) = self._read("I")
        return [self._read_tensor() for _ in range(count)]


class HostOps(Driver):
    """op, inputs, attributes -> outputs."""

    def __call__(self, op, *inputs, **attributes):
        request = [_text(op), struct.pack("<I", len(attributes))]
        request += [_attribute(name, value) for name, value in attributes.items()]
        return self._ask(request, inputs)


class Evaluator(Driver):
    """Path of a model, inputs -> outputs, at one of evaluate-run's levels."""

    def __call__(self, path, *inputs, level="import"):
        return self._ask([_text(level), _text(str(path))], inputs)


def node_attributes(node):
    """The attributes of an ONNX node that hostops-run can take."""
    kinds = (a := onnx.AttributeProto).INT, a.FLOAT, a.STRING, a.INTS, a.FLOATS
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute if a.type in kinds}


def reference(op, *inputs, opset=None, outputs=1, **attributes):
    """The same operator by ONNX's reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, **attributes)
    given = {n: np.asarray(x) for n, x in zip(names, inputs) if n}
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for n, x in given.items()],
        [helper.make_value_info(r, onnx.TypeProto()) for r in results])
    version = opset or onnx.defs.onnx_opset_version()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    return ReferenceEvaluator(model).run(None, given)
