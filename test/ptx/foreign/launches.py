# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What a kernel of the corpus is, apart from its compiler: arguments drawn by the launch format, a NumPy reference, and
# how to compare. Numbers are drawn anew for each `shift`, so the same PTX also runs on inputs that nobody has stored.
import copy
import json
import types

import ml_dtypes
import numpy as np

SMALL_FLOATS = {"bfloat16": ml_dtypes.bfloat16, "float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2}
SHIFT_STRIDE = 1009  # seeds of one kernel never meet those of its next shift


def numpy_type(name):
    return np.dtype(SMALL_FLOATS.get(name, name))


def draw(seed, shape):
    """The 31 bits of each element, as the launch format has them."""
    n = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(seed * 0x100000001) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(33)).astype(np.int64).reshape(shape)


def initial(entry):
    """The numbers that a buffer of a launch file begins with; None where nobody may read them."""
    init = entry.get("init", {"type": "poison"})
    shape, dtype = entry["shape"], numpy_type(entry["dtype"])
    if init["type"] == "int":
        return (init["lo"] + draw(init["seed"], shape) % (init["hi"] - init["lo"] + 1)).astype(dtype) * dtype.type(init.get("scale", 1))
    if init["type"] == "unit":
        step = (init["hi"] - init["lo"]) * (draw(init["seed"], shape) >> 7) / 2.0**24
        return (init["lo"] + step).astype(np.float32).astype(dtype)
    if init["type"] == "zeros":
        return np.zeros(shape, dtype)
    if init["type"] == "values":
        return np.array(init["values"]).astype(dtype).reshape(shape)
    return None  # never written, or a file whose numbers are derived


def buffer(name, role, dtype, shape, **init):
    return {"kind": "buffer", "name": name, "role": role, "dtype": dtype, "shape": list(shape), "init": init}


def ints(name, dtype, shape, seed, lo, hi, role="in", **scale):
    return buffer(name, role, dtype, shape, type="int", seed=seed, lo=lo, hi=hi, **scale)


def floats(name, dtype, shape, seed, lo=-1.0, hi=1.0, role="in"):
    return buffer(name, role, dtype, shape, type="unit", seed=seed, lo=lo, hi=hi)


def listed(name, dtype, values, role="in"):
    return buffer(name, role, dtype, np.shape(values), type="values", values=values)


def derived(name, dtype, shape, role="in"):
    """Numbers that depend on those of other buffers: `derive` of the kernel computes them, and a file holds them."""
    return buffer(name, role, dtype, shape, type="file", file=f"{name}.in.npy")


def zeros(name, dtype, shape, role="inout"):
    return buffer(name, role, dtype, shape, type="zeros")


def out(name, dtype, shape):
    return buffer(name, "out", dtype, shape, type="poison", byte=255)


def scratch(name, dtype, shape):
    return buffer(name, "scratch", dtype, shape, type="poison", byte=255)


def scalar(dtype, value):
    return {"kind": "scalar", "name": dtype, "dtype": dtype, "value": value}


def ref(name):
    return {"kind": "ref", "name": name}


def tensor_map(over, box, swizzle):
    """A map over a whole row-major buffer; `box` in the order of its shape."""
    shape, size = over["shape"], numpy_type(over["dtype"]).itemsize
    strides = [int(np.prod(shape[i:])) * size for i in range(len(shape) - 1, 0, -1)]
    return {"kind": "tensormap", "name": "map of " + over["name"], "over": over["name"], "dtype": over["dtype"],
            "rank": len(shape), "dims": shape[::-1], "strides_bytes": strides, "box": list(box)[::-1],
            "element_strides": [1] * len(shape), "interleave": "none", "swizzle": swizzle, "oob_fill": "zero",
            "l2_promotion": "none"}


def im2col_map(over, lower, upper, channels, pixels):
    """A map over an NHWC buffer; corners as (w, h)."""
    return tensor_map(over, [], "none") | {"mode": "im2col", "pixel_box_lower_corner": list(lower),
                                           "pixel_box_upper_corner": list(upper), "channels_per_pixel": channels,
                                           "pixels_per_column": pixels}


NULL = {"kind": "scratch_ptr", "name": "scratch", "bytes": 0}
EXACT = {"mode": "exact"}


def close(rtol, atol):
    return {"mode": "allclose", "rtol": rtol, "atol": atol}


class Kernel:
    """`reference` maps the numbers that buffers begin with (attributes by name) to those that they end with, in a
    dictionary, or alone where only one buffer changes. `how` is one comparison, or one for each buffer."""

    def __init__(self, name, exercises, grid, block, args, reference, how=EXACT, *, arch, buffers=(), cluster=None,
                 together=False, **build):
        self.name, self.exercises, self.grid, self.block, self.args = name, exercises, grid, block, args
        self.reference, self.how, self.arch, self.buffers = reference, how, arch, list(buffers)
        self.cluster, self.together = cluster, together
        self.build = types.SimpleNamespace(**build)

    def memory(self):
        return [entry for entry in [*self.buffers, *self.args] if entry["kind"] == "buffer"]

    def results(self, shift=0):
        """{buffer: its numbers in the end}, by NumPy, in the type of the buffer; and those that inputs derive from others."""
        entries = {entry["name"]: shifted(entry, shift) for entry in self.memory()}
        values = types.SimpleNamespace(**{name: initial(entry) for name, entry in entries.items()})
        for name, value in self.derivations(values).items():
            setattr(values, name, value.astype(numpy_type(entries[name]["dtype"])).reshape(entries[name]["shape"]))
        results = self.reference(values)
        if not isinstance(results, dict):
            name, = [name for name, entry in entries.items() if entry["role"] in ("out", "inout")]
            results = {name: results}
        results = {name: np.asarray(value).astype(numpy_type(entries[name]["dtype"])) for name, value in results.items()}
        for name in results:  # of some buffers, only the beginning is expected
            if self.comparison(name)["mode"] != "multiset_prefix":
                results[name] = np.ascontiguousarray(results[name].reshape(entries[name]["shape"]))
        return results, {name: vars(values)[name] for name in self.derivations(values)}

    def derivations(self, values):
        return getattr(self.build, "derive", lambda v: {})(values)

    def comparison(self, name):
        return self.how if "mode" in self.how else self.how[name]

    def launch(self, entry, shared, args=(), shift=0):
        """The launch file; `args` are those that only the compiler knows of."""
        launch = {"kernel": entry, "grid": self.grid, "block": self.block}
        if self.cluster:
            launch["cluster"] = self.cluster
        launch |= {"dynamic_shared_bytes": shared, "target": self.arch}
        if self.together:
            launch[self.together] = True
        if self.buffers:
            launch["buffers"] = [shifted(entry, shift) for entry in self.buffers]
        launch["args"] = [shifted(entry, shift) for entry in [*self.args, *args]]
        return launch

    def write_results(self, folder, launch, shift=0):
        """The files of expected numbers, and what the launch file says of them."""
        launch["expected"] = {}
        results, inputs = self.results(shift)
        for name, value in inputs.items():
            np.save(folder / f"{name}.in.npy", value)
        for name, value in results.items():
            bits = np.dtype(f"uint{8 * value.itemsize}")
            stored = {"stored_as": bits.name} if value.dtype in SMALL_FLOATS.values() else {}
            np.save(folder / f"{name}.npy", value.view(bits) if stored else value)
            launch["expected"][name] = {"file": f"{name}.npy", **self.comparison(name), **stored}
        (folder / "launch.json").write_text(json.dumps(launch, indent=1) + "\n")

    def redraw(self, stored, folder, shift):
        """Another launch of the same PTX, with other numbers."""
        launch = copy.deepcopy(stored)
        for key in ("buffers", "args"):
            if key in launch:
                launch[key] = [shifted(entry, shift) for entry in launch[key]]
        self.write_results(folder, launch, shift)


def shifted(entry, shift):
    if "seed" not in entry.get("init", {}):
        return entry
    return entry | {"init": entry["init"] | {"seed": entry["init"]["seed"] + shift * SHIFT_STRIDE}}
