# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ONNX's own node tests through the importer and the evaluator: a case is refused by name or agrees with
# the stored outputs; anything else (a mismatch, an op without semantics, an end of the process) fails.
import collections
import pathlib
import sys

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hostops"))
from hostops_client import Evaluator, HostOpsError  # noqa: E402

LEAST_PASSED = 1530  # of 1,884; may only grow


def plain(values):
    values = [numpy_helper.to_array(v) if isinstance(v, TensorProto) else v for v in values]
    if not all(isinstance(v, (np.ndarray, np.generic)) for v in values):
        return None  # sequences, optionals
    if any(np.asarray(v).dtype.kind in "OUS" for v in values):
        return None  # strings
    return [np.asarray(v) for v in values]


def differs(actual, expected, case):
    if actual is None or actual.dtype != expected.dtype or actual.shape != expected.shape:
        kind = "nothing" if actual is None else f"{actual.dtype}{actual.shape}"
        return f"{kind} for {expected.dtype}{expected.shape}"
    wide = np.complex128 if actual.dtype.kind == "c" else np.float64
    a, b = actual.astype(wide), expected.astype(wide)
    rtol = case.rtol
    if expected.dtype in (np.float16, ml_dtypes.bfloat16):
        # The vectors round between the steps of a function body as NumPy does; two roundings of leeway.
        rtol = max(rtol, 2 * float(ml_dtypes.finfo(expected.dtype).eps))
    if np.allclose(a, b, rtol=rtol, atol=case.atol, equal_nan=True):
        return None
    with np.errstate(all="ignore"):
        return f"differs by {np.nanmax(np.abs(a - b))}"


def run_case(evaluator, case, path, level="import"):
    path.write_bytes(case.model.SerializeToString())
    for inputs, outputs in case.data_sets:
        inputs, outputs = plain(inputs), plain(outputs)
        if inputs is None or outputs is None:
            return "not tensors", ""
        try:
            results = evaluator(path, *inputs, level=level)
        except HostOpsError as fault:
            text = str(fault)
            return (text.split(":")[0] if text.startswith(("refused", "passes")) else "fault"), text
        except RuntimeError as fault:
            evaluator.start()
            return "crash", str(fault)
        if len(results) != len(outputs):
            return "mismatch", f"{len(results)} outputs, not {len(outputs)}"
        for i, (actual, expected) in enumerate(zip(results, outputs)):
            if message := differs(actual, expected, case):
                return "mismatch", f"output {i}: {message}"
    return "pass", ""


@pytest.mark.full
def test_onnx_node_cases(driver, tmp_path):
    from onnx.backend.test.case.node import collect_testcases

    evaluator = Evaluator(driver("evaluate-run"))
    counts, wrong = collections.Counter(), []
    for case in collect_testcases(None):
        outcome, message = run_case(evaluator, case, tmp_path / "model.onnx")
        counts[outcome] += 1
        if outcome not in ("pass", "refused", "not tensors"):
            wrong.append(f"{case.name}: {outcome}: {message[:300]}")
    evaluator.close()
    assert not wrong, f"{dict(counts)}\n" + "\n".join(wrong)
    assert counts["pass"] >= LEAST_PASSED, dict(counts)
