# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Launch files of `cameo sim`: what buffers begin with, results in files, and every refusal with the path of the
# value at fault.
import json
import random

import numpy as np
import pytest
from sim_kernels import HEADER, SCALE, buffer, draw, scalar, scale_launch, unit

# Copies n bytes; what a buffer begins with becomes what another ends with.
COPY = HEADER + """.visible .entry copy(.param .u64 x, .param .u64 y, .param .u32 n)
{
  .reg .pred %p; .reg .b64 %x, %y, %o; .reg .b32 %i, %n, %v;
  ld.param.u64 %x, [x]; ld.param.u64 %y, [y]; ld.param.u32 %n, [n];
  mov.u32 %i, %tid.x;
  setp.ge.u32 %p, %i, %n;
  @%p ret;
  cvt.u64.u32 %o, %i;
  add.u64 %x, %x, %o;
  add.u64 %y, %y, %o;
  ld.global.u8 %v, [%x];
  st.global.u8 [%y], %v;
  ret;
}
"""


# The same of a structure that is passed by value: {u8 tag; u8 *x; u32 n; u8 *y;}.
COPY_FIELDS = COPY.replace("(.param .u64 x, .param .u64 y, .param .u32 n)", "(.param .align 8 .b8 s[32])").replace("[x]", "[s+8]", 1)
COPY_FIELDS = COPY_FIELDS.replace("%y, [y]", "%y, [s+24]", 1).replace("[n]", "[s+16]", 1)


def copy_by_structure():
    members = [scalar("u8", 7), buffer("x", "in", "u8", [60], {"type": "int", "seed": 1, "lo": 0, "hi": 255}), scalar("u32", 60),
               buffer("y", "out", "u8", [60])]
    return {"kernel": "copy", "grid": [1], "block": [64], "args": [{"kind": "struct", "name": "s", "members": members}],
            "expected": {"y": {"file": "y.npy"}}}


def test_structures_by_value(sim, tmp_path):
    np.save(tmp_path / "y.npy", (draw(1, 60) % 256).astype(np.uint8))
    launch = copy_by_structure()
    assert sim(COPY_FIELDS, launch).returncode == 0
    for entry, at in zip(launch["args"][0]["members"], (0, 8, 16, 24), strict=True):
        entry["at"] = at
    assert sim(COPY_FIELDS, launch).returncode == 0
    launch["args"][0]["members"][0]["kind"] = "struct"
    assert "args[0].members[0].kind: a structure in a structure" in sim(COPY_FIELDS, launch).stderr
    longer = copy_by_structure()
    longer["args"][0]["members"].append(scalar("u32", 1))
    refused = sim(COPY_FIELDS, longer)
    assert refused.returncode == 8 and "args[0]: the members of the structure end at 36, the parameter 's' has 32" in refused.stderr
    empty = copy_by_structure() | {"expected": {}}
    empty["args"][0]["members"] = []
    assert "args[0].members: expected a list" in sim(COPY_FIELDS, empty).stderr


def half_bits(seed, n, low, high):
    z = draw(seed, (n + 1) // 2)
    q = np.stack([z & 0x7FFF, z >> 15 & 0x7FFF], 1).reshape(-1)[:n]
    return ((q & 1) << 15 | (low + (q >> 1) % (high - low + 1)) << 10 | (q >> 6 & 1023)).astype(np.uint16)


CASES = {
    "int": ("i16", {"type": "int", "seed": 9, "lo": -5, "hi": 100}, lambda: (draw(9, 60) % 106 - 5).astype(np.int16)),
    "scaled": ("f16", {"type": "int", "seed": -1, "lo": -8, "hi": 8, "scale": 0.25},
               lambda: ((draw(-1, 60) % 17 - 8) * 0.25).astype(np.float16)),
    "unit-half": ("f16", {"type": "unit", "seed": 2, "lo": 0, "hi": 1}, lambda: unit(2, 60, 0, 1).astype(np.float16)),
    "f16bits": ("f16", {"type": "f16bits", "seed": 4, "emin": 3, "emax": 20}, lambda: half_bits(4, 60, 3, 20)),
    "f16bits-pairs": ("u32", {"type": "f16bits", "seed": 4, "emin": 0, "emax": 31},
                      lambda: half_bits(4, 120, 0, 31).view(np.uint32)),
    "segments": ("i64", {"type": "sorted_segments", "seed": 6, "every": 3},
                 lambda: np.cumsum(draw(6, 60) % 3 == 0).astype(np.int64)),
    "values": ("u64", {"type": "values", "values": [[2**64 - 1 - i for i in range(30)]] * 2},
               lambda: np.array([2**64 - 1 - i for i in range(30)] * 2, np.uint64)),
    "floats": ("f64", {"type": "values", "values": ["inf", "-inf", "nan", 0.1] * 15},
               lambda: np.array([np.inf, -np.inf, np.nan, 0.1] * 15)),
    "zeros": ("bool", {"type": "zeros"}, lambda: np.zeros(60, bool)),
    "poison": ("u8", {"type": "poison", "byte": 66}, lambda: np.full(60, 66, np.uint8)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_buffers_begin_with(sim, tmp_path, case):
    dtype, init, reference = CASES[case]
    data = reference()
    np.save(tmp_path / "y.npy", data)
    stored = {"stored_as": "uint16"} if data.dtype == np.uint16 else {}
    launch = {"kernel": "copy", "grid": [1], "block": [512],
              "args": [buffer("x", "in", dtype, [4, 15], init), buffer("y", "out", dtype, [60]), scalar("u32", data.nbytes)],
              "expected": {"y": {"file": "y.npy", **stored}}}
    result = sim(COPY, launch)
    assert result.returncode == 0, result.stdout + result.stderr


def test_files_and_bits(sim, tmp_path):
    values = np.arange(60, dtype=np.float32)
    np.save(tmp_path / "bits.npy", (values.view(np.uint32) >> 16).astype(np.uint16))
    np.save(tmp_path / "wide.npy", values)
    file = {"type": "file", "file": "bits.npy", "stored_as": "uint16"}
    for expected in ({"file": "bits.npy", "stored_as": "uint16"}, {"file": "wide.npy", "mode": "allclose", "atol": 0}):
        launch = {"kernel": "copy", "grid": [1], "block": [128],
                  "args": [buffer("x", "in", "bf16", [60], file), buffer("y", "out", "bf16", [60]), scalar("u32", 120)],
                  "expected": {"y": expected}}
        result = sim(COPY, launch)
        assert result.returncode == 0, result.stdout + result.stderr


def changed(**how):
    def change(launch):
        launch.update(how)
    return change


def at(index, **how):
    def change(launch):
        launch["args"][index].update(how)
    return change


def init(**how):
    def change(launch):
        launch["args"][0]["init"] = how
    return change


def expect(**how):
    def change(launch):
        launch["expected"]["y"].update(how)
    return change


UNIT = {"type": "unit", "seed": 1, "lo": 0, "hi": 1}
REFUSED = {
    "no grid": (lambda launch: launch.pop("grid"), "grid: is missing", 8),
    "grid of nothing": (changed(grid=[0, 1, 1]), "grid[0]: expected a size", 8),
    "grid below nothing": (changed(grid=[1, -1, 1]), "grid[1]: expected a size", 8),
    "grid of 2^31": (changed(grid=[2**31, 1, 1]), "grid[0]: expected a size", 8),
    "grid of texts": (changed(grid=["8"]), "grid[0]: expected a size", 8),
    "grid of four": (changed(grid=[1] * 4), "grid: expected a list", 8),
    "block of 2048": (changed(block=[64, 32, 1]), "block: a block has at most 1024", 8),
    "clusters": (changed(cluster=[4, 8, 1]), "cluster: a cluster has at most 16 blocks", 8),
    "too much shared": (changed(dynamic_shared_bytes=1 << 30), "dynamic_shared_bytes: expected", 8),
    "another kernel": (changed(kernel="other"), "kernel: 'other' is not there; the PTX has scale", 8),
    "a kernel that is no text": (changed(kernel=3), "kernel: expected a text", 8),
    "a misspelt key": (changed(dynamic_shared_byte=4), "is 'dynamic_shared_bytes' meant?", 8),
    "args that are no list": (changed(args={}), "args: expected a list", 8),
    "an arg that is no object": (lambda launch: launch["args"].append(3), "args[4]: expected an object", 8),
    "too few args": (lambda launch: launch["args"].pop(), "args: the kernel has 4 parameters, given are 3", 8),
    "cooperative beyond the machine": (changed(cooperative=True, grid=[513]), "grid: the machine has at most 512", 2),
    "no kind": (lambda launch: launch["args"][0].pop("kind"), "args[0].kind: is missing", 8),
    "an unknown kind": (at(0, kind="texture"), "args[0].kind: 'texture' is none of", 8),
    "a tensor map": (at(0, kind="tensormap"), "args[0].over: is missing", 8),
    "no such buffer": (at(0, kind="ref", name="z"), "args[0].name: there is no buffer 'z'", 8),
    "a name twice": (at(1, name="x"), "args[1].name: 'x' is there already", 8),
    "an unknown role": (at(0, role="input"), "args[0].role: 'input' is none of in, out", 8),
    "an unknown type": (at(0, dtype="f31"), "args[0].dtype: 'f31' is no element type", 8),
    "a packed type": (at(0, dtype="u4"), "args[0].dtype: 'u4' is no element type", 8),
    "a negative size": (at(0, shape=[-4]), "args[0].shape: expected", 8),
    "sizes that overflow": (at(0, shape=[2**40, 2**40]), "args[0].shape: expected", 8),
    "more than there is": (at(0, shape=[2**50]), "args[0].init: the buffers need more memory", 9),
    "no init of an input": (lambda launch: launch["args"][0].pop("init"), "args[0].init: is missing", 8),
    "an unknown init": (init(type="random"), "args[0].init.type: 'random' is none of", 8),
    "no seed": (init(type="unit", lo=0, hi=1), "args[0].init.seed: is missing", 8),
    "a misspelt seed": (init(type="unit", seeed=1, lo=0, hi=1), "args[0].init.seeed: unknown key; is 'seed'", 8),
    "bounds that are crossed": (init(type="int", seed=1, lo=3, hi=2), "args[0].init.hi: is below lo", 8),
    "inexact integers": (init(type="int", seed=1, lo=2**24, hi=2**26), "args[0].init.lo: f32 cannot hold", 8),
    "a byte of 256": (init(type="poison", byte=256), "args[0].init.byte: expected an integer from 0 to 255", 8),
    "too few values": (init(type="values", values=[1]), "args[0].init.values: has 1 elements, the shape 1000", 8),
    "values that are none": (init(type="values", values=[None]), "args[0].init.values: expected numbers", 8),
    "no such file": (init(type="file", file="none.npy"), "args[0].init.file: ", 8),
    "a file elsewhere": (init(type="file", file="../y.npy"), "args[0].init.file: '../y.npy': expected a .npy file", 8),
    "no floats": (at(0, dtype="i32", init=UNIT), "args[0].init.type: 'unit' is for floating-point", 8),
    "another size of a parameter": (at(2, param={"size": 8}), "args[2].param.size: is 8, the PTX says 4", 8),
    "another offset": (at(1, param={"offset": 16}), "args[1].param.offset: is 16, the PTX says 8", 8),
    "a value of 8 bytes for 4": (at(2, dtype="f64"), "args[2]: the value has 8 bytes, the parameter 'a' 4", 8),
    "a pointer for 4 bytes": (at(2, kind="scratch_ptr", bytes=4), "args[2]: a pointer has 8 bytes", 8),
    "a scalar out of range": (at(3, value=2**32), "args[3].value: element 0 is no u32", 8),
    "a fraction for an integer": (at(3, value=0.5), "args[3].value: element 0 is no u32", 8),
    "an alignment of 3": (at(0, kind="scratch_ptr", bytes=4, align=3), "args[0].align: expected a power of two", 8),
    "results of nobody": (changed(expected={"z": {"file": "y.npy"}}), "expected.z: there is no such buffer", 8),
    "results without a file": (changed(expected={"y": {}}), "expected.y.file: is missing", 8),
    "an unknown mode": (expect(mode="close"), "expected.y.mode: 'close' is none of exact", 8),
    "a tolerance below zero": (expect(mode="allclose", atol=-1), "expected.y.atol: expected a number", 8),
    "a count of nobody": (expect(count_from="z"), "expected.y.count_from: there is no buffer 'z'", 8),
    "another number of results": (at(1, shape=[999]), "expected.y.file: has 1000 elements, 'y' 999", 8),
    "another type of results": (at(1, dtype="i32"), "expected.y.file: holds f32, the buffer i32", 8),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(sim, tmp_path, case):
    change, message, code = REFUSED[case]
    launch = scale_launch(tmp_path)
    change(launch)
    result = sim(SCALE, launch, "--json")
    assert result.returncode == code and message in result.stderr, result.stderr
    report = json.loads(result.stdout)
    assert report["exit_code"] == code and any(problem["exit_code"] == code for problem in report["problems"])


def test_every_problem_at_once(sim, tmp_path):
    launch = scale_launch(tmp_path)
    for name in ("no grid", "an unknown type", "a scalar out of range", "an unknown mode", "clusters"):
        REFUSED[name][0](launch)
    result = sim(SCALE, launch)
    assert result.returncode == 8
    for name in ("no grid", "an unknown type", "a scalar out of range", "an unknown mode", "clusters"):
        assert REFUSED[name][1] in result.stderr


def test_informative_keys_are_ignored(sim, tmp_path):
    launch = scale_launch(tmp_path) | {"licence": "Apache-2.0", "confidence": "high"}
    result = sim(SCALE, launch)
    assert result.returncode == 0 and result.stderr.endswith("launch.json: licence: unknown key, ignored\n")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100000, b'{"a":' * 100000, b"{} {}"])
def test_what_is_no_launch(sim, text):
    result = sim(SCALE, text)
    assert result.returncode == 8 and "launch.json: " in result.stderr


def test_damaged_launch_files(sim, tmp_path, seed):
    """A byte or a stretch changed: a diagnosis or a run, never a crash."""
    rng = random.Random(seed)
    text = json.dumps(scale_launch(tmp_path, n=40)).encode()
    for _ in range(100):
        data = bytearray(text)
        begin = rng.randrange(len(data))
        data[begin:begin + rng.choice((0, 1, 1, 1, 8))] = bytes(rng.choice(b'0123456789-"{}[],:.e\x00\xff')
                                                                for _ in range(rng.randrange(3)))
        result = sim(SCALE, bytes(data), "--time-limit", "20")
        assert result.returncode in (0, 2, 4, 8, 9, 10, 20), (bytes(data), result)
