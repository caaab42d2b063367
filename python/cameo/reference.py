# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# reference.py ort|onnx-reference MODEL DIR: runs MODEL with another engine on DIR/input_K.pb (tensors that
# carry their names) and writes DIR/output_K.pb, in the order of DIR/outputs.txt (a name a line; any value of
# the graph) or of the model's outputs. What `cameo verify --ref` calls. Exit status: 0, 1 the engine cannot run
# the model, 3 a package is missing. Opsets that ONNX Runtime does not know yet are tried; it says what it lacks.
import pathlib
import sys

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
except ImportError as missing:
    print(f"error: {missing} (the reference needs numpy and onnx)", file=sys.stderr)
    sys.exit(3)


def read_inputs(folder):
    inputs = {}
    for index in range(len(list(folder.glob("input_*.pb")))):
        tensor = onnx.TensorProto.FromString((folder / f"input_{index}.pb").read_bytes())
        inputs[tensor.name] = numpy_helper.to_array(tensor)
    return inputs


def with_outputs(path, names):
    """The model, or its path where it has these outputs already: large weights then are not read here."""
    model = onnx.load(path, load_external_data=False)  # values only, for the names
    have = [output.name for output in model.graph.output]
    if names == have:
        return str(path)
    model = onnx.load(path)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in have)
    return model


def run_ort(model, names, inputs):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    # The reference is the model as written: no fusion that changes its arithmetic.
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, str) else model.SerializeToString()
    session = onnxruntime.InferenceSession(source, settings, providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    return session.run(names, {name: value for name, value in inputs.items() if name in wanted})


def run_onnx(model, names, inputs):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(names, inputs)


ENGINES = {"ort": run_ort, "onnx-reference": run_onnx}


def fail(status, message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in ENGINES:
        fail(2, "usage: reference.py ort|onnx-reference MODEL DIR")
    engine, path, folder = arguments[0], pathlib.Path(arguments[1]), pathlib.Path(arguments[2])
    listed = folder / "outputs.txt"
    names = (listed.read_text().splitlines() if listed.exists() else
             [output.name for output in onnx.load(path, load_external_data=False).graph.output])
    try:
        outputs = ENGINES[engine](with_outputs(path, names), names, read_inputs(folder))
    except ImportError as missing:
        fail(3, f"{engine}: {missing}")
    except Exception as error:  # whatever an engine throws is the message, not our stack
        fail(1, f"{engine}: {error}")
    for index, (name, value) in enumerate(zip(names, outputs)):
        if not isinstance(value, np.ndarray):
            value = np.asarray(value)
        tensor = numpy_helper.from_array(value, name)
        (folder / f"output_{index}.pb").write_bytes(tensor.SerializeToString())


if __name__ == "__main__":
    main(sys.argv[1:])
