# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Small models for the tests of the importer's refusals, sound ones and ones with a single fault.
import resource

import numpy as np
from onnx import TensorProto, helper

F, I64 = TensorProto.FLOAT, TensorProto.INT64
RAW = np.ones(3, np.float32).tobytes()  # the bytes of a tensor of three


def limits():
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


def info(name, shape=(2, 3), dtype=F):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs=None, outputs=None, opset=21, initializers=(), functions=(), imports=None,
          **kwargs):
    graph = helper.make_graph(nodes, "g", inputs if inputs is not None else [info("x")],
                              outputs if outputs is not None else [info("y")], list(initializers))
    imports = imports or [helper.make_opsetid("", opset)]
    m = helper.make_model(graph, opset_imports=imports, functions=list(functions), **kwargs)
    m.ir_version = 10
    return m


def node(op, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), **attributes)


def relu():
    return model([node("Relu")])


def with_tensor(tensor, op="Add"):
    return model([node(op, ("x", "w"))], initializers=[tensor])


def tensor(dims=(3,), dtype=F, name="w", **fields):
    t = TensorProto(name=name, data_type=dtype, dims=dims)
    for key, value in fields.items():
        getattr(t, key).extend(value) if isinstance(value, list) else setattr(t, key, value)
    return t


def field(number, payload):
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def ints(name, values):
    return tensor((len(values),), I64, name, int64_data=list(values))
