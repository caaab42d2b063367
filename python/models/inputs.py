# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random inputs for a model of the generator: normal values for floats, ids within the vocabulary, masks
# of ones with a masked tail. Dynamic sizes get the values asked for, or small defaults.
import pathlib

import numpy as np
from onnx import helper, numpy_helper

DEFAULT_SIZES = {"batch": 2, "sequence": 7, "past": 5}


def _vocabulary(model):
    """Rows of the smallest embedding that ids look up; ids below it are legal everywhere."""
    tables = {t.name: t.dims for t in model.graph.initializer if len(t.dims) == 2}
    inputs = {value.name for value in model.graph.input}
    rows = [tables[node.input[0]][0] for node in model.graph.node
            if node.op_type == "Gather" and node.input[0] in tables and node.input[1] in inputs]
    return min(rows, default=2)


def random_inputs(model, sizes=None, seed=0):
    """{input name: array}; `sizes` maps dynamic dimensions' names to numbers."""
    sizes = {**DEFAULT_SIZES, **(sizes or {})}
    random = np.random.default_rng(seed)
    arrays = {}
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = []
        for dim in kind.shape.dim:
            if dim.dim_param and dim.dim_param not in sizes:
                raise ValueError(f"no size for dimension {dim.dim_param!r} of input {value.name!r}")
            shape.append(sizes[dim.dim_param] if dim.dim_param else dim.dim_value)
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        if "mask" in value.name:
            array = np.ones(shape, dtype)
            array[-1, shape[1] - shape[1] // 3:] = 0
        elif value.name == "timestep":
            array = random.uniform(0, 1000, shape).astype(dtype)
        elif np.issubdtype(dtype, np.integer):
            high = 2 if "type" in value.name else _vocabulary(model)
            array = random.integers(0, high, shape).astype(dtype)
        else:
            array = random.standard_normal(shape, np.float32).astype(dtype)
        arrays[value.name] = array
    return arrays


def write_data_set(arrays, folder):
    """input_K.pb in the order of the inputs, and <name>.npy for those that NumPy's format can hold."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for index, (name, array) in enumerate(arrays.items()):
        tensor = numpy_helper.from_array(np.asarray(array, order="C"), name)  # scalars stay scalars
        (folder / f"input_{index}.pb").write_bytes(tensor.SerializeToString())
        if array.dtype.kind in "biuf":
            np.save(folder / f"{name.replace('/', '_')}.npy", array)
