# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# python -m models.node_cases DIR: writes ONNX's own node test cases (some 1,900) as folders
# DIR/<case>/{model.onnx, test_data_set_K/{input,output}_K.pb}, as the backend test data have always been
# laid out, and DIR/tolerances.json ({case: [rtol, atol]}). The cases come with the onnx package.
import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def to_proto(value, kind):
    """The protobuf of a value whose type is `kind` (sequences and optionals have their own messages)."""
    which = kind.WhichOneof("value")
    if which == "optional_type":
        return numpy_helper.from_optional(value)
    if which == "sequence_type":
        return numpy_helper.from_list(value)
    if which == "map_type":
        return numpy_helper.from_dict(value)
    if isinstance(value, onnx.TensorProto):
        return value
    return numpy_helper.from_array(np.asarray(value))


def write_case(case, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    graph = case.model.graph
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{number}"
        data.mkdir(exist_ok=True)
        for stem, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            if isinstance(values, dict):
                values = [values[info.name] for info in infos]
            for index, (value, info) in enumerate(zip(values, infos)):
                proto = to_proto(value, info.type)
                proto.name = info.name
                (data / f"{stem}_{index}.pb").write_bytes(proto.SerializeToString())


def write_all(folder):
    """Returns the number of cases written."""
    from onnx.backend.test.case.node import collect_testcases

    folder = pathlib.Path(folder)
    cases = [case for case in collect_testcases(None) if case.data_sets is not None]
    for case in cases:
        write_case(case, folder / case.name)
    tolerances = {case.name: [case.rtol, case.atol] for case in cases}
    (folder / "tolerances.json").write_text(json.dumps(tolerances, indent=0, sort_keys=True))
    return len(cases)


if __name__ == "__main__":
    print(f"{write_all(sys.argv[1])} cases in {sys.argv[1]}")
