# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Writing an ONNX model node by node the way exporters do: scoped node names, constants as Constant nodes,
# shapes computed in the graph (Shape, Gather, Unsqueeze, Concat), normalizations and activations taken
# apart. Weights are drawn from a generator keyed by (seed, name), so a deeper model keeps the weights of a
# shallower one, and scaled by their fan-in, so that activations stay near 1 at any depth.
# Refuses dtypes other than f32, f16 and bf16, opsets outside 13 to 25, and operators without bf16 there.
import contextlib
import math
import zlib

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DTYPES = {
    "f32": (TensorProto.FLOAT, np.dtype(np.float32)),
    "f16": (TensorProto.FLOAT16, np.dtype(np.float16)),
    "bf16": (TensorProto.BFLOAT16, np.dtype(ml_dtypes.bfloat16)),
}
# Operators that took bfloat16 only in opset 22.
BF16_FROM_22 = {"Conv", "GlobalAveragePool", "HardSigmoid", "HardSwish", "InstanceNormalization", "MaxPool", "Softplus"}


class Builder:
    """Collects nodes, weights, inputs and outputs. Values are named by strings, as in ONNX."""

    def __init__(self, name, dtype="f32", seed=0, opset=17):
        if dtype not in DTYPES:
            raise ValueError(f"dtype {dtype!r}: one of {', '.join(DTYPES)}")
        if not 13 <= opset <= 25:
            raise ValueError(f"opset {opset}: from 13 to 25")
        self.name, self.seed, self.opset = name, seed, opset
        self.dtype, self.numpy_dtype = DTYPES[dtype]
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self._scopes, self._taken = [], {}

    @contextlib.contextmanager
    def scope(self, name):
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def _unique(self, stem):
        path = "/" + "/".join([*self._scopes, stem])
        count = self._taken.get(path, 0)
        self._taken[path] = count + 1
        return path if count == 0 else f"{path}_{count}"

    def op(self, op_type, *inputs, outputs=1, **attributes):
        """Adds a node; returns its output's name, or a list of names when there are several."""
        if self.dtype == TensorProto.BFLOAT16 and self.opset < 22 and op_type in BF16_FROM_22:
            raise ValueError(f"{op_type} takes bf16 from opset 22 on, asked for opset {self.opset}")
        name = self._unique(op_type)
        names = [f"{name}_output_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, name=name, **attributes))
        return names[0] if outputs == 1 else names

    def input(self, name, dims, dtype=None):
        self.inputs.append(helper.make_tensor_value_info(name, dtype or self.dtype, dims))
        return name

    def output(self, value, name, dims, dtype=None):
        """Gives `value` its public name: the node that makes it writes straight to it."""
        for node in self.nodes:
            for fields in (node.input, node.output):
                for k, field in enumerate(fields):
                    if field == value:
                        fields[k] = name
        self.outputs.append(helper.make_tensor_value_info(name, dtype or self.dtype, dims))

    def constant(self, value, dtype=np.int64):
        array = np.asarray(value, dtype)
        name = self._unique("Constant")
        tensor = numpy_helper.from_array(array)
        self.nodes.append(helper.make_node("Constant", [], [f"{name}_output_0"], name=name, value=tensor))
        return f"{name}_output_0"

    def scalar(self, value):
        """A constant of the model's own type."""
        return self.constant(value, self.numpy_dtype)

    def tensor(self, name, array):
        """A named initializer with the scope as prefix (layer1.conv1.weight)."""
        name = ".".join([*self._scopes, name])
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _generator(self, name):
        key = zlib.crc32(".".join([*self._scopes, name]).encode())
        return np.random.default_rng([self.seed, key])

    def weight(self, name, shape, fan_in, gain=1.0):
        """Normal with standard deviation gain / sqrt(fan_in)."""
        draw = self._generator(name).standard_normal(shape, np.float32)
        return self.tensor(name, (draw * (gain / math.sqrt(fan_in))).astype(self.numpy_dtype))

    def near(self, name, shape, center, spread=0.1):
        """Uniform in center ± spread: biases and the factors of normalizations."""
        draw = self._generator(name).uniform(center - spread, center + spread, shape)
        return self.tensor(name, draw.astype(self.numpy_dtype))

    # What exporters write for the shapes of views.

    def size(self, value, axis):
        """Shape -> Gather: one size as a scalar."""
        return self.op("Gather", self.op("Shape", value), self.constant(axis), axis=0)

    def shape_of(self, *parts):
        """Concat of sizes: integers become constants, values (scalars) are unsqueezed."""
        pieces = []
        for part in parts:
            pieces.append(self.constant([part]) if isinstance(part, int)
                          else self.op("Unsqueeze", part, self.constant([0])))
        return self.op("Concat", *pieces, axis=0)

    def reshape(self, value, *parts):
        return self.op("Reshape", value, self.shape_of(*parts))

    def reduce_mean(self, value, axis):
        if self.opset < 18:
            return self.op("ReduceMean", value, axes=[axis], keepdims=1)
        return self.op("ReduceMean", value, self.constant([axis]), keepdims=1)

    # Composites, taken apart.

    def layer_norm(self, value, width, epsilon=1e-5):
        centered = self.op("Sub", value, self.reduce_mean(value, -1))
        variance = self.reduce_mean(self.op("Pow", centered, self.scalar(2)), -1)
        deviation = self.op("Sqrt", self.op("Add", variance, self.scalar(epsilon)))
        normal = self.op("Div", centered, deviation)
        scaled = self.op("Mul", normal, self.near("weight", [width], 1.0))
        return self.op("Add", scaled, self.near("bias", [width], 0.0))

    def gelu(self, value):
        erf = self.op("Erf", self.op("Div", value, self.scalar(math.sqrt(2))))
        return self.op("Mul", self.op("Mul", value, self.op("Add", erf, self.scalar(1))), self.scalar(0.5))

    def gelu_tanh(self, value):
        cube = self.op("Mul", self.op("Pow", value, self.scalar(3)), self.scalar(0.044715))
        inner = self.op("Mul", self.op("Add", value, cube), self.scalar(math.sqrt(2 / math.pi)))
        outer = self.op("Add", self.op("Tanh", inner), self.scalar(1))
        return self.op("Mul", self.op("Mul", value, self.scalar(0.5)), outer)

    def silu(self, value):
        return self.op("Mul", value, self.op("Sigmoid", value))

    def linear(self, value, inputs, outputs, gain=1.0):
        """MatMul and Add, as a linear layer on a value of rank 3 is written."""
        product = self.op("MatMul", value, self.weight("weight", [inputs, outputs], inputs, gain))
        return self.op("Add", self.near("bias", [outputs], 0.0), product)

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        # Of the versions that an opset allows, the oldest: other readers are often a release behind.
        ir_version = helper.find_min_ir_version_for([helper.make_opsetid("", self.opset)])
        return helper.make_model(graph, producer_name="cameo-models", ir_version=max(ir_version, 8),
                                 opset_imports=[helper.make_opsetid("", self.opset)])


def save(model, path, external_data=False):
    """Writes the model, with weights of 1 KiB or more in `<path>.data` when asked."""
    if not external_data:
        onnx.save_model(model, path)
        return
    onnx.save_model(model, path, save_as_external_data=True, all_tensors_to_one_file=True,
                    location=str(path).rsplit("/", 1)[-1] + ".data", size_threshold=1024)
