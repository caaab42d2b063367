# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# python -m cameo.reference ort|onnx-reference MODEL DIR: runs MODEL with another engine on DIR/input_K.pb
# (tensors that carry their names) and writes DIR/output_K.pb in the model's order. What `cameo verify --ref`
# calls. Opsets that ONNX Runtime does not know yet are allowed; it says itself what it cannot run.
import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def read_inputs(folder):
    inputs = {}
    for index in range(len(list(folder.glob("input_*.pb")))):
        tensor = onnx.TensorProto.FromString((folder / f"input_{index}.pb").read_bytes())
        inputs[tensor.name] = numpy_helper.to_array(tensor)
    return inputs


def run_ort(path, inputs):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    # The reference is the model as written: no fusion that changes its arithmetic.
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def run_onnx(path, inputs):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(str(path)).run(None, inputs)


ENGINES = {"ort": run_ort, "onnx-reference": run_onnx}


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in ENGINES:
        sys.exit("usage: python -m cameo.reference ort|onnx-reference MODEL DIR")
    engine, path, folder = arguments[0], pathlib.Path(arguments[1]), pathlib.Path(arguments[2])
    # Values only: the weights of a large model need not be read for the names of its outputs.
    names = [output.name for output in onnx.load(path, load_external_data=False).graph.output]
    try:
        outputs = ENGINES[engine](path, read_inputs(folder))
    except Exception as error:  # whatever an engine throws is the message, not our stack
        sys.exit(f"error: {engine}: {error}")
    for index, (name, value) in enumerate(zip(names, outputs)):
        if not isinstance(value, np.ndarray):
            value = np.asarray(value)
        tensor = numpy_helper.from_array(value, name)
        (folder / f"output_{index}.pb").write_bytes(tensor.SerializeToString())


if __name__ == "__main__":
    main(sys.argv[1:])
