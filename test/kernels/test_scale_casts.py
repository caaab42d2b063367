# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Casts to float8e8m0 (powers of two, the scales of MX formats) on the PTX machine: every rounding mode,
# saturating or not, from every float type, against exact arithmetic on the exponent.
import itertools
import math

import cameo
import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, save_model

SOURCES = {"f64": (TensorProto.DOUBLE, np.float64), "f32": (TensorProto.FLOAT, np.float32),
           "f16": (TensorProto.FLOAT16, np.float16), "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16)}
MODES = list(itertools.product(("up", "down", "nearest"), (0, 1)))
NAN, LARGEST = 255, 254


def expected(value, mode, saturate):
    if math.isnan(value):
        return NAN
    if math.isinf(value) or value == 0:
        return (LARGEST if value else 0) if saturate else NAN
    fraction, exponent = math.frexp(abs(value))  # fraction in [0.5, 1)
    up = {"up": fraction > 0.5, "down": False, "nearest": fraction >= 0.75}[mode]
    code = exponent - 1 + 127 + up
    if 0 <= code <= LARGEST:
        return code
    return (LARGEST if code > 0 else 0) if saturate else NAN


def values(dtype, seed):
    rng = np.random.default_rng(seed)
    info = ml_dtypes.finfo(dtype)
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, 1.5, 1.4990234, -3.0, float(info.max), float(info.tiny),
             float(info.smallest_subnormal), 2.0 ** -127, 1.5 * 2.0 ** -127, 2.0 ** -128, 2.0 ** 127]
    spread = rng.uniform(1, 2, 500) * 2.0 ** rng.integers(-150, 150, 500) * rng.choice([-1, 1], 500)
    with np.errstate(over="ignore", under="ignore"):
        return np.concatenate([edges, spread]).astype(dtype)


@pytest.mark.parametrize("source", SOURCES)
def test_rounding_modes(source, seed, tmp_path):
    number, dtype = SOURCES[source]
    nodes, outputs = [], []
    for index, (mode, saturate) in enumerate(MODES):
        nodes.append(helper.make_node("Cast", ["x"], [f"y{index}"], to=TensorProto.FLOAT8E8M0, round_mode=mode,
                                      saturate=saturate))
        outputs.append(helper.make_tensor_value_info(f"y{index}", TensorProto.FLOAT8E8M0, ["n"]))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", number, ["n"])], outputs)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)]), tmp_path / "m.onnx")
    cameo.compile(tmp_path / "m.onnx", tmp_path / "m.cameo")
    x = values(dtype, seed)
    results = cameo.Session(tmp_path / "m.cameo", device="sim").run(None, {"x": x})
    for (mode, saturate), got in zip(MODES, results):
        want = [expected(float(value), mode, saturate) for value in x]
        np.testing.assert_array_equal(got.view(np.uint8), want, err_msg=f"{mode}, saturate={saturate}")
