# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The machine code of products on tensor cores: no spill, and little in the main loop beside the products.
import json
import pathlib
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# At most so many other instructions per matrix instruction in the main loop, by tile. Fillers (NOP) that some
# versions of ptxas put behind products on sm_120 are not ours.
HALF = {(128, 128, 32): 1.0, (64, 64, 64): 2.0}
# Bytes whose rows are k take a permutation for every second product.
MOST = {"f16": HALF, "bf16": HALF, "s8": {(128, 128, 64): 1.5, (64, 64, 128): 3.0}}


@pytest.mark.parametrize("target", ["sm_80", "sm_120"])
def test_main_loops(build_dir, tmp_path, target):
    subprocess.run([sys.executable, SOURCE / "scripts" / "compare-sass", "--target", target, "--build", build_dir,
                    "--no-rival", "--json", tmp_path / "rows.json"], check=True)
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {(row["dtype"], tuple(row["tile"])) for row in rows} == {(d, t) for d in MOST for t in MOST[d]}
    for row in rows:
        other = (sum(row["loop"].values()) - row["matrix instructions"] - row["loop"].get("NOP", 0)) / row["matrix instructions"]
        assert other <= MOST[row["dtype"]][tuple(row["tile"])], row
        assert row["spills"] == 0 and row["blocks"] >= 2, row
