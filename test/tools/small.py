# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Models for the tests of the tool's verbs: one of several kernels with a symbolic batch, and one whose weights
# lie in a file of any size.
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F = TensorProto.FLOAT


def save(nodes, inputs, outputs, initializers, path, opset=20):
    graph = helper.make_graph(nodes, "small", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save_model(model, path)
    return path


def value(name, shape, dtype=F):
    return helper.make_tensor_value_info(name, dtype, shape)


def perceptron(path):
    """Two products, an activation between them, a softmax behind: three kernels or more, six values."""
    random = np.random.default_rng(3)
    weights = [numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
               for name, shape in (("w0", (6, 8)), ("b0", (8,)), ("w1", (8, 5)))]
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["h0"], "first"),
             helper.make_node("Add", ["h0", "b0"], ["h1"], "bias"),
             helper.make_node("Relu", ["h1"], ["h2"], "act"),
             helper.make_node("MatMul", ["h2", "w1"], ["h3"], "second"),
             helper.make_node("Softmax", ["h3"], ["y"], "soft", axis=-1)]
    return save(nodes, [value("x", ["N", 6])], [value("y", ["N", 5])], weights, path)


def slow(path, size=3000):
    """A product that takes the PTX machine far longer than any test waits."""
    nodes = [helper.make_node("MatMul", ["a", "b"], ["c"], "large")]
    return save(nodes, [value("a", [size, size]), value("b", [size, size])], [value("c", [size, size])], [], path)


def external(path, shape, location="weights.bin", data=None):
    """y = x + w with w in a file beside the model; without `data` the file is sparse and all zero."""
    size = 4 * int(np.prod(shape))
    with open(path.parent / location, "wb") as file:
        file.write(data) if data is not None else file.truncate(size)
    w = TensorProto(name="w", data_type=F, dims=shape, data_location=TensorProto.EXTERNAL)
    w.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Add", ["x", "w"], ["y"], "add")]
    return save(nodes, [value("x", [1])], [value("y", list(shape))], [w], path)
