# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ONNX's own node tests: every case of one node whose operator hostops-run knows must agree with the
# stored outputs within the case's tolerance. Cases whose operator it does not know are not collected,
# and the number that is run may not shrink.
import numpy as np
from hostops_client import HostOpsError, node_attributes
from onnx import TensorProto, numpy_helper

LEAST_CASES = 990

# Attributes that live in the operator's older versions, or cases that test what HostOps leaves to the
# importer: the reason is the value.
LEFT_OUT = {
    "test_batchnorm_example_training_mode": "training mode",
    "test_batchnorm_epsilon_training_mode": "training mode",
}


def _cases():
    from onnx.backend.test.case.node import collect_testcases

    found = []
    for case in collect_testcases(None):
        graph = case.model.graph
        domain = graph.node[0].domain if graph.node else "none"
        strings = any(v.type.tensor_type.elem_type == 8 for v in [*graph.input, *graph.output])
        plain = all(v.type.HasField("tensor_type") for v in [*graph.input, *graph.output])
        subgraphs = any(a.type in (5, 10) for n in graph.node for a in n.attribute)
        if len(graph.node) == 1 and domain == "" and plain and not strings and not subgraphs \
                and not case.model.functions and not graph.initializer and case.name not in LEFT_OUT:
            found.append(case)
    return found


def run_case(hostops, case):
    """None when it passes or the operator is unknown (second value), else what differs."""
    node = case.model.graph.node[0]
    attributes = node_attributes(node)
    if node.op_type == "Split":
        attributes.setdefault("num_outputs", len(node.output))
    for inputs, outputs in case.data_sets:
        given = iter(inputs)
        arguments = [next(given) if name else None for name in node.input]
        arguments = [numpy_helper.to_array(a) if isinstance(a, TensorProto) else a for a in arguments]
        outputs = [numpy_helper.to_array(a) if isinstance(a, TensorProto) else a for a in outputs]
        try:
            results = hostops(node.op_type, *arguments, **attributes)
        except HostOpsError as fault:
            if "no such operator" in str(fault):
                return None, False
            return str(fault), True
        wanted = [i for i, name in enumerate(node.output) if name]
        for k, expected in zip(wanted, outputs):
            expected = np.asarray(expected)
            if k >= len(results) or results[k] is None:
                return f"output {k} is missing", True
            actual = results[k]
            if actual.dtype != expected.dtype or actual.shape != expected.shape:
                return f"{actual.dtype}{actual.shape} for {expected.dtype}{expected.shape}", True
            if not np.allclose(actual.astype(np.float64) if actual.dtype.kind != "c" else actual,
                               expected.astype(np.float64) if actual.dtype.kind != "c" else expected,
                               rtol=case.rtol, atol=case.atol, equal_nan=True):
                with np.errstate(all="ignore"):
                    error = np.nanmax(np.abs(actual.astype(np.float64) - expected.astype(np.float64)))
                return f"output {k} differs by {error}", True
    return None, True


def test_onnx_node_cases(hostops):
    ran, failures = 0, []
    for case in _cases():
        message, known = run_case(hostops, case)
        ran += known
        if message:
            failures.append(f"{case.name}: {message}")
    assert not failures, f"{len(failures)} of {ran}:\n" + "\n".join(failures)
    assert ran >= LEAST_CASES, f"only {ran} cases were run"
