# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Every form of every opcode against an independent computation: a quarter of the forms by the run's seed, all of them
# with `full`.
import pathlib
import subprocess
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import vectors  # noqa: E402
from exact import E4M3, F16, F32, F64  # noqa: E402
from forms import Form  # noqa: E402
from fractions import Fraction  # noqa: E402


def check(build_dir, family, sample, seed):
    forms = vectors.load("", sample, seed, [family])
    assert forms and all(form.count >= 32 for form in forms)
    simulator = vectors.runner.Simulator(build_dir / "lib" / "libcameo-ptx.so")
    outputs, wrong = vectors.run(simulator, forms, seed)
    assert not wrong, f"{len(wrong)} of {len(forms)} forms:\n" + "\n".join(wrong[:40])


@pytest.mark.parametrize("family", vectors.FAMILIES)
def test_a_sample_of_the_forms(build_dir, family, seed):
    check(build_dir, family, 0.25, seed)


@pytest.mark.full
@pytest.mark.parametrize("family", vectors.FAMILIES)
def test_every_form(build_dir, family, seed):
    check(build_dir, family, 1.0, seed)


def test_a_wrong_result_is_seen(build_dir):
    """The harness itself: an expectation that is off by one bit in one vector is the one that is named."""
    right = Form("add.u32", ["add.u32 $d, $0, 1;"], ["b32"], [list(range(64))], ["b32"], lambda a: [a + 1])
    off = Form("add.u32", ["add.u32 $d, $0, 1;"], ["b32"], [list(range(64))], ["b32"], lambda a: [a + 1 + (a == 37)])
    unknown = Form("addd.u32", ["addd.u32 $d, $0, 1;"], ["b32"], [list(range(64))], ["b32"], lambda a: [a])
    simulator = vectors.runner.Simulator(build_dir / "lib" / "libcameo-ptx.so")
    _, wrong = vectors.run(simulator, [right, off, unknown])
    assert wrong[0].startswith("add.u32: 1 of 64 vectors; 37: inputs 0x25 output 0: 0x26, wanted 0x27")
    assert "opcode 'addd'" in wrong[1] and len(wrong) == 2


def test_recordings_are_compared(build_dir, tmp_path):
    forms = vectors.load(r"^(popc|clz)\.b32$", families=["integers"])
    simulator = vectors.runner.Simulator(build_dir / "lib" / "libcameo-ptx.so")
    outputs, wrong = vectors.run(simulator, forms)
    assert not wrong
    changed = [out.copy() for out in outputs]
    changed[1][0, 5] ^= 1
    vectors.record(tmp_path / "there.npz", "another device", forms, changed)
    found, compared, what = vectors.compare(tmp_path / "there.npz", forms, outputs)
    assert compared == 2 and what.startswith("another device of 2")
    assert [(form.name, differ) for form, differ, _ in found] == [(forms[1].name, [5])]


def test_without_a_gpu_it_is_said():
    try:
        vectors.runner.Gpu()
    except vectors.runner.Refused:
        done = subprocess.run([sys.executable, HERE / "vectors.py", "--device", "cuda", "--only", "^popc"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 9 and "ptx-vectors: " in done.stderr


@pytest.mark.parametrize("f, dtype, bits", [(F16, np.float16, np.uint16), (F32, np.float32, np.uint32),
                                            (F64, np.float64, np.uint64)])
def test_the_rationals_round_as_numpy_does(f, dtype, bits):
    values = np.random.default_rng(1).standard_normal(300) * 10.0 ** np.random.default_rng(2).integers(-9, 9, 300)
    for v in values:
        got = f.round(Fraction(float(v)))
        with np.errstate(over="ignore"):
            assert got == int(np.array(v).astype(dtype).view(bits))


def test_known_roundings():
    assert E4M3.round(Fraction(448)) == 0x7e and E4M3.round(Fraction(465)) == 0x7f
    assert E4M3.round(Fraction(10**6), saturate=True) == 0x7e
    assert F16.round(Fraction(65520)) == 0x7c00 and F16.round(Fraction(65520), "rz") == 0x7bff
    assert F32.round(Fraction(1, 3), "rp") == 0x3eaaaaab and F32.round(Fraction(1, 3), "rm") == 0x3eaaaaaa
    assert F32.round(-Fraction(1, 2**160), "rm") == 0x80000001 and F32.round(-Fraction(1, 2**160)) == 0x80000000
