# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Antialiased Resize on the PTX machine against ONNX's reference: ranks, coordinate rules, scales that
# are no simple numbers, sizes as constants and as inputs, aspect ratio policies, crops, static and
# dynamic dimensions; and an infinity, which may reach the elements under its filter only.
import cameo
import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save_model
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_resize import _compute_x_ori

MODES = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
         "tf_crop_and_resize"]
# The reference rounds scales and roi to f32, whatever is resized.
DTYPES = {np.dtype(np.float32): (TensorProto.FLOAT, 2e-6), np.dtype(np.float64): (TensorProto.DOUBLE, 1e-6),
          np.dtype(np.float16): (TensorProto.FLOAT16, 2e-3), np.dtype(ml_dtypes.bfloat16): (TensorProto.BFLOAT16, 2e-2)}


def resize(x, given, dynamic, roi=None, steering=(), **attributes):
    """A model that resizes x; `given` is ("scales" | "sizes", values), an input of the model if in steering."""
    name, values = given
    values = np.asarray(values, np.float32 if name == "scales" else np.int64)
    weights = [numpy_helper.from_array(values, name)] if name not in steering else []
    if roi is not None:
        weights.append(numpy_helper.from_array(np.asarray(roi, np.float32), "roi"))
    operands = ["x", "roi" if roi is not None else "", "scales" if name == "scales" else ""]
    node = helper.make_node("Resize", operands + (["sizes"] if name == "sizes" else []), ["y"], antialias=1, **attributes)
    number = DTYPES[x.dtype][0]
    dims = [f"N{i}" for i in range(x.ndim)] if dynamic else x.shape
    inputs = [helper.make_tensor_value_info("x", number, dims)]
    feeds = {"x": x}
    if name in steering:
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT if name == "scales" else TensorProto.INT64,
                                                    values.shape))
        feeds[name] = values
    outputs = [helper.make_tensor_value_info("y", number, [None] * x.ndim)]
    graph = helper.make_graph([node], "g", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10), feeds


def run(model, feeds, folder):
    save_model(model, folder / "m.onnx")
    cameo.compile(folder / "m.onnx", folder / "m.cameo")
    return cameo.Session(folder / "m.cameo", device="sim").run(None, feeds)[0]


def beside_an_integer(shape, given, attributes):
    """Some position differs from an integer by its last bits only. There the reference mixes the filter of
    the one side with the neighbours of the other: it adds its padding to the position before it looks for
    neighbours, which rounds it to the integer, and after it has worked the filter out (ONNX 1.23)."""
    lengths = np.array([shape[axis] for axis in attributes["axes"]])
    scales = np.asarray(given[1], np.float32).astype(np.float64) if given[0] == "scales" else given[1] / lengths
    policy = attributes.get("keep_aspect_ratio_policy")
    if policy:
        scales = np.full(len(lengths), scales.min() if policy == "not_larger" else scales.max())
    roi = np.asarray(attributes.get("roi", [0.0] * len(lengths) + [1.0] * len(lengths)), np.float32).reshape(2, -1).T
    for scale, length, window in zip(scales, lengths, roi):
        size = int(scale * length + 0.5) if policy else round(scale * length) if given[0] == "sizes" else int(scale * length)
        at, _ = _compute_x_ori(attributes["coordinate_transformation_mode"], np.arange(size), scale, length,
                               scale * length, size, window)
        away = np.abs(at - np.rint(at))
        if np.any((away != 0) & (away < 1e-12)):
            return True
    return False


def draw(rng, mode, where):
    """One problem: an operand, axes, and scales or sizes for them."""
    while True:
        shape, given, dynamic, attributes = draw_any(rng, mode, where)
        if not beside_an_integer(shape, given, attributes):
            return shape, given, dynamic, attributes


def draw_any(rng, mode, where):
    rank = int(rng.integers(1, 5))
    shape = [int(rng.integers(2, 12)) for _ in range(rank)]
    axes = sorted(rng.permutation(rank)[: int(rng.integers(1, min(rank, 2) + 1))].tolist())
    attributes = {"mode": mode, "axes": axes, "coordinate_transformation_mode": where,
                  "exclude_outside": int(rng.integers(0, 2)), "cubic_coeff_a": float(rng.choice([-0.75, -0.5]))}
    # ONNX's text and its reference differ for a single element.
    least = 2 if where in ("pytorch_half_pixel", "tf_crop_and_resize") else 1
    sizes = [int(rng.integers(least, 15)) for _ in axes]
    dynamic = bool(rng.integers(0, 2))
    kind = rng.choice(["scales", "sizes", "not_larger", "not_smaller"])
    if kind in ("not_larger", "not_smaller") and least == 1:
        attributes["keep_aspect_ratio_policy"] = str(kind)
    given = ("sizes", sizes)
    if kind == "scales":
        scales = [float(rng.choice([0.5, 0.75, 1.5])) if dynamic else float(rng.uniform(0.2, 2)) for _ in axes]
        given = ("scales", [s if int(np.float32(s) * shape[a]) >= least else 1.0 for s, a in zip(scales, axes)])
    if where == "tf_crop_and_resize":
        starts, ends = rng.uniform(-0.2, 0.5, len(axes)), rng.uniform(0.6, 1.2, len(axes))
        attributes.update(roi=np.concatenate([starts, ends]), extrapolation_value=7.5, exclude_outside=0)
    return shape, given, dynamic, attributes


@pytest.mark.parametrize("where", MODES)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_against_the_reference(mode, where, seed, tmp_path):
    rng = np.random.default_rng([seed, MODES.index(where), len(mode)])
    for _ in range(3):
        shape, given, dynamic, attributes = draw(rng, mode, where)
        x = rng.uniform(-1, 1, shape).astype(rng.choice(list(DTYPES)))
        steering = (given[0],) if rng.integers(0, 2) else ()
        model, feeds = resize(x, given, dynamic, steering=steering, **attributes)
        wide, _ = resize(x.astype(np.float64), given, dynamic, steering=steering, **attributes)
        (want,) = ReferenceEvaluator(wide).run(None, feeds | {"x": x.astype(np.float64)})
        got = run(model, feeds, tmp_path)
        assert got.shape == want.shape, (shape, given, attributes)
        np.testing.assert_allclose(got.astype(np.float64), want, rtol=0, atol=8 * DTYPES[x.dtype][1],
                                   err_msg=f"{shape} {x.dtype} {given} {steering} {dynamic} {attributes}")


def test_an_infinity_stays_under_its_filter(tmp_path):
    x = np.zeros((1, 32), np.float32)
    x[0, 16] = np.inf
    for given in [("sizes", [8]), ("scales", [0.25])]:
        got = run(*resize(x, given, True, mode="linear", axes=[1]), tmp_path)
        np.testing.assert_array_equal(np.isfinite(got[0]), [True] * 3 + [False] * 2 + [True] * 3)
        np.testing.assert_array_equal(got[0][np.isfinite(got[0])], 0)


def test_nearest_has_no_filter(tmp_path):
    x = np.arange(12, dtype=np.float32)
    model, feeds = resize(x, ("sizes", [5]), False, mode="nearest", axes=[0])
    got = run(model, feeds, tmp_path)
    model.graph.node[0].attribute.remove(next(a for a in model.graph.node[0].attribute if a.name == "antialias"))
    (want,) = ReferenceEvaluator(model).run(None, feeds)
    np.testing.assert_array_equal(got, want)


def test_beside_an_integer(tmp_path):
    """The middle of eleven elements, which a symmetric scale meets but for the last bit: as a scale that
    misses it by more, since the filter is continuous (and unlike the reference at that scale)."""
    scale = np.float32(0.4569158695584867)
    attributes = {"mode": "cubic", "axes": [0], "exclude_outside": 0, "cubic_coeff_a": -0.5,
                  "coordinate_transformation_mode": "half_pixel_symmetric"}
    assert beside_an_integer([11], ("scales", [scale]), attributes)
    x = np.random.default_rng(1).standard_normal(11)
    got = run(*resize(x, ("scales", [scale]), False, **attributes), tmp_path)
    for near in np.nextafter(scale, np.float32([0, 1])):
        assert not beside_an_integer([11], ("scales", [near]), attributes)
        (want,) = ReferenceEvaluator(resize(x, ("scales", [near]), False, **attributes)[0]).run(None, {"x": x})
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)
