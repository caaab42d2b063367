# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Bugs that were published, each as a small kernel, broken and mended. The broken one has to be found by a finding of the
# right kind that names the lines that conflict; the mended one is clean, with the right numbers, under
# all schedules, seeds and points of completion.
import json
import pathlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent

# Kinds that say what is wrong; parts of the two lines that the finding has to name ("" where there is one only).
BUGS = {
    "cudf_13485": ({"race"}, "st.shared.u32 [%r4], %r9", "ld.shared.v4.u32"),
    "cudnn_frontend_1049": ({"async-source", "uninitialised", "race"}, "cp.reduce.async.bulk", ""),
    "cudnn_frontend_784": ({"proxy"}, "st.shared.u32 [%r4], %r6", "cp.async.bulk.tensor"),
    "cutlass_2162": ({"tensor-map"}, "cp.async.bulk.tensor", "tensormap.replace"),
    "cutlass_3643": ({"race"}, "st.shared::cluster.u32", "ld.shared.u32"),
    "deepep_642": ({"proxy"}, "cp.async.bulk.shared::cluster", "st.global.u32 [%rd7]"),
    "deepep_657": ({"async-source"}, "cp.async.bulk.shared::cluster.global", "cp.async.bulk.global.shared::cta"),
    "flash_attention_1344": ({"race", "uninitialised"}, "ld.shared.u32 %r8", ""),
    "flashinfer_3700": ({"deadlock", "barrier"}, "bar.", ""),
    "flashkda_24_barrier_init": ({"proxy", "mbarrier"}, "cp.async.bulk.shared::cluster", "mbarrier.init"),
    "flashkda_24_empty_sequence": ({"proxy"}, "cp.async.bulk.global", "st.shared.u32 [%r5], %r7"),
    "fuser_1552_barrier_init": ({"mbarrier", "race"}, "mbarrier.", ""),
    "fuser_3428": ({"async-in-flight", "uninitialised", "race"}, "ld.shared.u32 %r7", ""),
    "kokkos_6217": ({"race"}, "ld.shared.u32", "st.shared.u32"),
    "sglang_32907": ({"use-after-free", "race"}, "ld.shared::cluster.u32", ""),
    "sglang_39124": ({"proxy"}, "wgmma.mma_async", "st.shared.v4.u32"),
    "tilelang_3087": ({"mbarrier", "async-in-flight"}, "", ""),
    "triton_10035": ({"async-in-flight", "async-source", "mbarrier", "deadlock", "race"}, "", ""),
}


def simulate(cameo, name, which, seed, runs):
    result = cameo("sim", HERE / name / f"{which}.ptx", "--launch", HERE / name / "launch.json", "--schedule", "all",
                   "--runs", str(runs), "--seed", str(seed), "--json", "--time-limit", "60", check=False)
    return result.returncode, json.loads(result.stdout)["runs"], result.stderr


def lines_with(name, part):
    text = (HERE / name / "broken.ptx").read_text().splitlines()
    return {i + 1 for i, line in enumerate(text) if part in line}


def test_every_bug_is_listed():
    assert {path.parent.name for path in HERE.glob("*/launch.json")} == set(BUGS)


@pytest.mark.parametrize("name", BUGS)
def test_mended_is_clean(cameo, name, seed):
    code, runs, said = simulate(cameo, name, "mended", seed, 10)
    assert code == 0 and len(runs) == 50, (runs[-1]["findings"], runs[-1]["differences"], said)


@pytest.mark.parametrize("name", BUGS)
def test_broken_is_found(cameo, name, seed):
    kinds, first, second = BUGS[name]
    code, runs, said = simulate(cameo, name, "broken", seed, 10)
    assert 20 <= code <= 25, (code, runs[-1]["differences"], said)
    finding = next(f for f in runs[-1]["findings"] if f["exit_code"] == code)
    assert finding["kind"] in kinds and finding["remedy"], finding
    text = finding["message"]
    named = {finding["line"]} | {line for line in range(1, 300) if f"line {line} " in text + " " or f"line {line}," in text}
    for part in (first, second):
        assert not part or named & lines_with(name, part), (part, finding)
