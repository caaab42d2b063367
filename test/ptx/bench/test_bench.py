# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The machine's speed and the memory of its shadow, as far as a machine that does other things too can say: ratios
# with a margin (ptx-machine-bench --quick), and for each kernel of the foreign corpus what the race checks keep of the
# memory that it touches. What is kept counts whole: cells, records, states, caches, flags of publication, and the notes of
# which words are written. A block begins with 2 KiB of it and a launch with 4 KiB.
import json
import re
import subprocess

import pytest
import shadow

LAUNCH, BLOCK = 4096, 2048
# A load or store of global or shared memory by bytes or halves, also of a matrix; vectors of them are wide enough from
# four bytes on.
NARROW = re.compile(r"\b(?:ld|st|atom|red|wmma\.load|wmma\.store)\.(?!param|local)[\w.:]*?(?:\.v(\d))?\.[busf]?f?(8|16)\s")
# Each word of their output is a flag: it is added to by an atomic with acquire and release, and carries
# what its threads know. Two thirds of their shadow is that.
FLAGS = {"flash_backward_80", "flash_backward_90", "split_k_80", "split_k_90"}


def is_narrow(text):
    return any(int(m.group(1) or 1) * int(m.group(2)) < 32 for m in NARROW.finditer(text))


def test_ratios_of_the_bench(build_dir):
    """Two host threads against one, the shadow of two products; the speeds are printed beside their floors."""
    result = subprocess.run([build_dir / "bin/ptx-machine-bench", "--quick"], capture_output=True, text=True, timeout=300)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("floor") >= 8


@pytest.mark.parametrize("name", shadow.names())
def test_shadow_of_a_foreign_kernel(build_dir, name):
    launch = json.loads((shadow.CORPUS / name / "launch.json").read_text())
    blocks = 1
    for extent in launch["grid"]:
        blocks *= extent
    touched, kept, _ = shadow.figures(build_dir / "bin/cameo", name)
    factor = 6 if is_narrow((shadow.CORPUS / name / "kernel.ptx").read_text()) or name in FLAGS else 2
    assert kept <= factor * touched + LAUNCH + BLOCK * blocks, f"{kept} bytes for {touched}: {kept / touched:.2f} x"
