# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cameo sim: what succeeds, what differs, what is found, its flags, the timeline and the footprints.
import json

import numpy as np
import pytest
from sim_kernels import HEADER, SCALE, buffer, draw, scalar, scale_launch

# Line 9 copies, line 11 reads without a wait.
EARLY = HEADER + """.visible .entry early(.param .u64 x, .param .u64 y)
{
  .reg .b64 %x, %y; .reg .b32 %s, %v; .shared .align 16 .b8 s[16];
  ld.param.u64 %x, [x]; ld.param.u64 %y, [y];
  mov.u32 %s, s;
  cp.async.ca.shared.global [%s], [%x], 16;
  cp.async.commit_group;
  ld.shared.b32 %v, [%s];
  st.global.b32 [%y], %v;
  cp.async.wait_all;
  ret;
}
"""

DEADLOCK = HEADER + """.visible .entry stuck()
{
  bar.sync 0, 64;
  ret;
}
"""

# One thread fetches a box of 4 x 8 from (x, y) and 32 threads copy it out.
TILE = ".version 8.0\n.target sm_90\n.address_size 64\n" + """
.visible .entry tile(.param .align 64 .b8 map[128], .param .u64 out, .param .u32 x, .param .u32 y)
{
  .reg .pred %p, %done; .reg .b64 %m, %o, %w; .reg .b32 %i, %x, %y, %s, %b, %v;
  .shared .align 128 .b8 tile[128];
  .shared .align 8 .b64 bar;
  ld.param.u64 %o, [out]; ld.param.u32 %x, [x]; ld.param.u32 %y, [y];
  mov.b64 %m, map; cvta.param.u64 %m, %m;
  mov.u32 %s, tile; mov.u32 %b, bar; mov.u32 %i, %tid.x;
  setp.ne.u32 %p, %i, 0;
  @%p bra MEET;
  mbarrier.init.shared.b64 [%b], 1;
  fence.mbarrier_init.release.cluster;
MEET:
  bar.sync 0;
  @%p bra WAIT;
  mbarrier.arrive.expect_tx.shared.b64 _, [%b], 128;
  cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%s], [%m, {%x, %y}], [%b];
WAIT:
  mbarrier.try_wait.parity.shared.b64 %done, [%b], 0;
  @!%done bra WAIT;
  mul.lo.u32 %i, %i, 4;
  add.u32 %s, %s, %i;
  ld.shared.b32 %v, [%s];
  cvt.u64.u32 %w, %i;
  add.u64 %o, %o, %w;
  st.global.b32 [%o], %v;
  ret;
}
"""

# Lane 0 names itself and lane 1; lane 1 names itself alone, or as PAIR says.
MASKS = HEADER + """.visible .entry masks(.param .u64 y)
{
  .reg .pred %p; .reg .b64 %y, %o; .reg .b32 %i, %m, %v;
  ld.param.u64 %y, [y];
  mov.u32 %i, %tid.x;
  setp.eq.u32 %p, %i, 0;
  selp.b32 %m, PAIR, %p;
  vote.sync.ballot.b32 %v, 1, %m;
  mul.wide.u32 %o, %i, 4;
  add.u64 %y, %y, %o;
  st.global.b32 [%y], %v;
  ret;
}
"""

# Appends the positive ones, in any order.
SELECT = HEADER + """.visible .entry select(.param .u64 x, .param .u64 y, .param .u64 count)
{
  .reg .pred %p; .reg .b64 %x, %y, %c, %o; .reg .b32 %i, %v, %at;
  ld.param.u64 %x, [x]; ld.param.u64 %y, [y]; ld.param.u64 %c, [count];
  mov.u32 %i, %tid.x;
  mul.wide.u32 %o, %i, 4;
  add.u64 %x, %x, %o;
  ld.global.s32 %v, [%x];
  setp.le.s32 %p, %v, 0;
  @%p ret;
  atom.global.add.u32 %at, [%c], 1;
  mul.wide.u32 %o, %at, 4;
  add.u64 %y, %y, %o;
  st.global.s32 [%y], %v;
  ret;
}
"""


def test_results_as_expected(sim, tmp_path):
    result = sim(SCALE, scale_launch(tmp_path), "--schedule", "all", "--runs", "3", "--output-dir", tmp_path / "out")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "'scale': 15 runs, no finding, 1 of 1 buffers as expected" in result.stdout and result.stderr == ""
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["y.npy"]
    assert np.array_equal(np.load(tmp_path / "out" / "y.npy"), np.load(tmp_path / "y.npy"))


@pytest.mark.parametrize("level", ["none", "memory", "all"])
def test_json_and_counts(sim, tmp_path, level):
    result = sim(SCALE, scale_launch(tmp_path), "--json", "--counts", f"--check={level}", "--schedule", "random",
                 "--seed", "5")
    report = json.loads(result.stdout)
    assert result.returncode == report["exit_code"] == 0 and report["kernel"] == "scale"
    run, = report["runs"]
    assert run["findings"] == [] and run["schedule"] == "random" and run["seed"] == 5
    assert run["counts"]["global_load_bytes"] == run["counts"]["global_store_bytes"] == 4000


def test_a_difference(sim, tmp_path):
    launch = scale_launch(tmp_path)
    expected = np.load(tmp_path / "y.npy")
    expected[17] += 1
    np.save(tmp_path / "y.npy", expected)
    result = sim(SCALE, launch)
    assert result.returncode == 4
    assert "difference: y: 1 of 1000 elements differ; the worst at [17]" in result.stdout
    assert "replay: schedule round-robin, seed 1" in result.stdout
    launch["expected"]["y"] |= {"mode": "allclose", "atol": 1.01}
    assert sim(SCALE, launch).returncode == 0


def test_what_nobody_writes_shows_the_poison(sim, tmp_path):
    launch = scale_launch(tmp_path)
    launch["args"][3]["value"] = 990
    assert sim(SCALE, launch).returncode == 4
    expected = np.load(tmp_path / "y.npy")
    expected[990:] = np.full(10, 0xA5A5A5A5, np.uint32).view(np.float32)
    np.save(tmp_path / "y.npy", expected)
    for level in ("none", "memory", "all"):
        assert sim(SCALE, launch, f"--check={level}").returncode == 0


def test_an_input_that_is_written(sim, tmp_path):
    launch = scale_launch(tmp_path)
    launch["args"][1] = buffer("y", "in", "f32", [1000], {"type": "zeros"})
    result = sim(SCALE, launch)
    assert result.returncode == 4 and "y: is an input and was changed, first at [0]" in result.stdout


def test_bounds_are_those_of_the_shape(sim, tmp_path):
    launch = scale_launch(tmp_path)
    launch["args"][3]["value"] = 1001
    result = sim(SCALE, launch, "--json")
    report = json.loads(result.stdout)
    assert result.returncode == report["exit_code"] == 20
    finding = report["runs"][0]["findings"][0]
    assert finding["kind"] == "out-of-bounds" and finding["object"] == "x" and finding["object_bytes"] == 4000


def test_reading_an_output_first_is_found(sim, tmp_path):
    launch = scale_launch(tmp_path)
    del launch["args"][0]["init"]
    launch["args"][0]["role"] = "scratch"
    assert sim(SCALE, launch).returncode == 20
    launch["args"][0] |= {"role": "inout", "init": {"type": "poison", "byte": 0}}  # a host wrote these
    assert sim(SCALE, launch).returncode == 4


def test_a_finding_names_both_lines_and_comes_before_a_difference(sim, tmp_path):
    np.save(tmp_path / "y.npy", np.array([7], np.int32))
    launch = {"kernel": "early", "grid": [1], "block": [1],
              "args": [buffer("x", "in", "s32", [4], {"type": "values", "values": [1, 2, 3, 4]}),
                       buffer("y", "out", "s32", [1])], "expected": {"y": {"file": "y.npy"}}}
    result = sim(EARLY, launch)
    assert result.returncode == 22, result.stdout + result.stderr
    assert "early:11: async-in-flight" in result.stdout and "cp.async of line 9" in result.stdout


def test_a_deadlock_ends(sim):
    result = sim(DEADLOCK, {"kernel": "stuck", "grid": [1], "block": [32], "args": []})
    assert result.returncode == 25 and "stuck:6: deadlock" in result.stdout


def tile_launch(folder, x=6, y=-1, **fields):
    a = (draw(5, 160) % 1000).astype(np.int32).reshape(10, 16)
    expected = np.zeros((8, 4), np.int32)
    for i in range(8):
        for j in range(4):
            if 0 <= y + i < 9 and 0 <= x + j < 9:
                expected[i, j] = a[y + i, x + j]
    np.save(folder / "y.npy", expected)
    entry = {"kind": "tensormap", "name": "map", "over": "a", "dtype": "int32", "rank": 2, "dims": [9, 9],
             "strides_bytes": [64], "box": [4, 8], "element_strides": [1, 1], "interleave": "none", "swizzle": "none",
             "oob_fill": "zero", "param": {"size": 128, "align": 64, "offset": 0}}
    return {"kernel": "tile", "grid": [1], "block": [32],
            "buffers": [buffer("a", "in", "int32", [10, 16], {"type": "int", "seed": 5, "lo": 0, "hi": 999})],
            "args": [entry | fields, buffer("y", "out", "int32", [8, 4]), scalar("i32", x), scalar("i32", y)],
            "expected": {"y": {"file": "y.npy"}}}


@pytest.mark.parametrize("x, y", [(0, 0), (6, -1), (-3, 5), (9, 9)])
def test_a_tensor_map(sim, tmp_path, x, y):
    result = sim(TILE, tile_launch(tmp_path, x, y), "--schedule", "all", "--runs", "3")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("fields, message, code", [
    ({"over": "b"}, "args[0].over: there is no buffer 'b'", 8), ({"dtype": "u4"}, "args[0].dtype: 'u4' is no", 8),
    ({"dims": []}, "args[0]: the rank is 0", 8), ({"dims": [9, 0]}, "args[0]: ", 8), ({"dims": [9, -1]}, "args[0].dims: ", 8),
    ({"rank": 3}, "args[0].rank: is 3, there are 2 dims", 8), ({"strides_bytes": [60]}, "args[0]: ", 8),
    ({"strides_bytes": []}, "args[0].strides_bytes: expected 1 sizes", 8), ({"box": [4]}, "args[0].box: expected 2", 8),
    ({"box": [3, 8]}, "args[0]: ", 8), ({"box": [4, 300]}, "args[0]: ", 8), ({"element_strides": [1, 9]}, "args[0]: ", 8),
    ({"swizzle": "48B"}, "args[0].swizzle: expected one of none, 32b", 8), ({"oob_fill": "one"}, "args[0].oob_fill: ", 8),
    ({"mode": "im2col_wide"}, "args[0].mode: 'im2col_wide'", 2),
    ({"mode": "im2col"}, "im2col is for 3 to 5 dimensions", 8), ({"param": {"size": 64}}, "args[0].param.size: is 64", 8),
    ({"kind": "scratch_ptr"}, "args[0]: a pointer has 8 bytes, the parameter 'map' 128", 8)])
def test_tensor_maps_that_are_refused(sim, tmp_path, fields, message, code):
    result = sim(TILE, tile_launch(tmp_path, **fields))
    assert result.returncode == code and message in result.stderr, result.stderr


@pytest.mark.parametrize("pair, code", [("1, 2", 0), ("3, 3", 4), ("3, 2", 24), ("2, 1", 24)])
def test_lanes_with_masks_of_their_own(sim, tmp_path, pair, code):
    np.save(tmp_path / "y.npy", np.array([1, 2], np.uint32))
    launch = {"kernel": "masks", "grid": [1], "block": [2], "args": [buffer("y", "out", "u32", [2])],
              "expected": {"y": {"file": "y.npy"}}}
    result = sim(MASKS.replace("PAIR", pair), launch, "--schedule", "all")
    assert result.returncode == code, result.stdout


def test_a_multiset(sim, tmp_path):
    x = draw(3, 64) % 21 - 10
    np.save(tmp_path / "y.npy", x[x > 0].astype(np.int32))
    launch = {"kernel": "select", "grid": [1], "block": [64],
              "buffers": [buffer("n", "inout", "u32", [1], {"type": "zeros"})],
              "args": [buffer("x", "in", "i32", [64], {"type": "int", "seed": 3, "lo": -10, "hi": 10}),
                       buffer("y", "inout", "i32", [8, 8], {"type": "poison", "byte": 1}),
                       {"kind": "ref", "name": "n"}],
              "expected": {"y": {"file": "y.npy", "mode": "multiset_prefix", "count_from": "n"}}}
    result = sim(SELECT, launch, "--schedule", "all", "--runs", "4")
    assert result.returncode == 0, result.stdout + result.stderr
    np.save(tmp_path / "y.npy", x[x > 0].astype(np.int32)[1:])
    result = sim(SELECT, launch)
    assert result.returncode == 4
    assert "n: says" in result.stdout and "lies behind" in result.stdout and "elements differ" in result.stdout


def test_flags_alone(cameo, tmp_path):
    (tmp_path / "kernel.ptx").write_text(SCALE)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x * 3)
    arguments = ["--grid", "2", "--block", "4,1,1", "--arg", f"in=@{tmp_path / 'x.npy'}", "--arg", "out=f32:2x3",
                 "--arg", "f32=3", "--arg", "u32=6"]
    cameo("sim", tmp_path / "kernel.ptx", *arguments, "--expect", f"arg1=@{tmp_path / 'y.npy'}")
    wrong = cameo("sim", tmp_path / "kernel.ptx", *arguments, "--expect", f"arg1=@{tmp_path / 'x.npy'}", check=False)
    assert wrong.returncode == 4
    drawn = cameo("sim", tmp_path / "kernel.ptx", "--block=32", "--arg=in=f16:64", "--arg=scratch=u32:32", "--arg=f32=inf",
                  "--arg=u32=32")
    assert "no finding" in drawn.stdout
    missing = cameo("sim", tmp_path / "kernel.ptx", "--arg=null", check=False)
    assert missing.returncode == 8 and "args: the kernel has 4 parameters" in missing.stderr


def test_bad_ptx(sim, tmp_path):
    launch = scale_launch(tmp_path)
    assert sim("this is no PTX", launch).returncode == 3
    unknown = sim(SCALE.replace("mul.f32", "frob.f32"), launch)
    assert unknown.returncode == 2 and "frob" in unknown.stderr and "kernel.ptx:22" in unknown.stderr
    assert sim(SCALE.replace(".param .u32 n)", ".param .u32 n) .reqntid 64"), launch).returncode == 8


def test_usage(cameo, sim, tmp_path):
    launch = scale_launch(tmp_path)
    for flags in (["--check=some"], ["--schedule=fair"], ["--runs=0"], ["--copies=never"], ["--threads=5000"],
                  ["--grid=2"], ["--time-limit=-1"], ["--shape", "x=1"]):
        assert sim(SCALE, launch, *flags).returncode == 1, flags
    assert cameo("sim", check=False).returncode == 1
    for missing in (["none.ptx"], [tmp_path, "--launch", tmp_path / "launch.json"],
                    [tmp_path / "kernel.ptx", "--launch", tmp_path / "none.json"]):
        assert cameo("sim", *missing, check=False).returncode == 9, missing


def test_a_grid_without_end_ends_in_time(sim, tmp_path):
    launch = scale_launch(tmp_path) | {"grid": [2**31 - 1, 65535, 65535]}
    result = sim(SCALE, launch, "--time-limit", "1", timeout=60)
    assert result.returncode == 10 and "time limit" in result.stderr


def test_help_is_by_group(cameo):
    text = cameo("sim", "--help").stdout
    assert text.index("Execution and limits:") < text.index("--schedule=") and "Input:" in text and "--launch=" in text


# --- the timeline --------------------------------------------------------------------------------

@pytest.mark.parametrize("kernel", ["piped", "add_one", "block_scan", "matmul_f16"])
def test_trace_holds_every_instruction_and_copy(cameo, source_dir, tmp_path, kernel):
    folder = source_dir / "test/ptx/foreign" / kernel
    result = cameo("sim", folder / "kernel.ptx", "--launch", folder / "launch.json", "--schedule", "random", "--counts",
                   "--json", "--trace", tmp_path / "trace.json")
    counts = json.loads(result.stdout)["runs"][-1]["counts"]
    trace = json.loads((tmp_path / "trace.json").read_text())
    events = trace["traceEvents"]
    assert trace["otherData"]["dropped_events"] == 0
    runs = [event for event in events if event["ph"] == "X" and event["cat"] == "run"]
    assert sum(event["dur"] for event in runs) == counts["warp_instructions"]
    named = {(event["pid"], event.get("tid")) for event in events if event["ph"] == "M"}
    assert all((event["pid"], event["tid"]) in named and (event["pid"], None) in named for event in runs)
    # Nothing runs while something else does: there is one host thread.
    runs.sort(key=lambda event: event["ts"])
    assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in zip(runs, runs[1:]))
    copies = {way: sorted((event["pid"], event["id"]) for event in events if event["ph"] == way) for way in "be"}
    assert copies["b"] == copies["e"] and (not counts["async_copy_bytes"] or copies["b"])
    assert bool(counts["barriers"]) == any(event.get("name") == "waits at a barrier" for event in events)
    phases = [event for event in events if event["ph"] == "i"]
    assert bool(phases) == ("mbarrier" in (folder / "kernel.ptx").read_text())


def test_trace_needs_a_place(cameo, source_dir, tmp_path):
    folder = source_dir / "test/ptx/foreign/block_scan"
    result = cameo("sim", folder / "kernel.ptx", "--launch", folder / "launch.json", "--trace", tmp_path / "no" / "t.json",
                   check=False)
    assert result.returncode == 9 and "--trace" in result.stderr


# --- footprints ----------------------------------------------------------------------------------

def test_footprints_are_rows_of_threads_and_bytes(cameo, tmp_path):
    waits = EARLY.replace("cp.async.commit_group;", "cp.async.wait_all; bar.sync 0;")
    (tmp_path / "k.ptx").write_text(waits)
    cameo("sim", tmp_path / "k.ptx", "--block", "1", "--arg", "in=f32:4", "--arg", "out=f32:1", "--footprints", tmp_path / "rows")
    rows = [[int(n) for n in line.split()] for line in (tmp_path / "rows").read_text().splitlines()]
    read, write, barrier, wait = 0, 1, 6, 8
    copy, waited, loaded = 9, 10, 11
    assert all(row[:3] == [0, 0, 0] for row in rows)
    shared = [row[3:] for row in rows if row[6] < 1 << 24]
    assert shared == [[write, copy, 16, 0], [wait, waited, 1, 0], [write, copy, 16, 0], [wait, waited, 0, 0],
                      [barrier, waited, 1, 0], [read, loaded, 4, 0], [wait, 13, 1, 0], [wait, 13, 0, 0]]
    assert [row[3:6] for row in rows if row[6] >= 1 << 24 and row[3] == write] == [[write, 12, 4]]


def test_footprints_have_every_barrier(cameo, source_dir, tmp_path):
    folder = source_dir / "test/ptx/foreign/block_scan"
    result = cameo("sim", folder / "kernel.ptx", "--launch", folder / "launch.json", "--counts", "--json", "--footprints", tmp_path / "rows")
    rows = [line.split() for line in (tmp_path / "rows").read_text().splitlines()]
    assert sum(row[3] == "6" for row in rows) == json.loads(result.stdout)["runs"][-1]["counts"]["barriers"]


@pytest.mark.parametrize("more", [["--trace", "t.json"], ["--check", "memory"]])
def test_footprints_alone_and_with_all_checks(cameo, source_dir, tmp_path, more):
    folder = source_dir / "test/ptx/foreign/block_scan"
    result = cameo("sim", folder / "kernel.ptx", "--launch", folder / "launch.json", "--footprints", tmp_path / "rows", *more, check=False)
    assert result.returncode == 1 and "--footprints" in result.stderr and not (tmp_path / "rows").exists()


@pytest.mark.parametrize("mask, code", [("-1", 0), ("0x7fffffff", 24)])
def test_a_warp_barrier_names_who_executes_it(cameo, tmp_path, mask, code):
    (tmp_path / "k.ptx").write_text(HEADER + ".visible .entry k()\n{\n" + f"bar.warp.sync {mask};\nret;\n}}\n")
    result = cameo("sim", tmp_path / "k.ptx", "--block", "32", check=False)
    assert result.returncode == code and (code == 0 or ":6: divergence: a thread executes" in result.stdout)


def test_arrivals_of_copies_fire_in_any_order(cameo, source_dir):
    """A later cp.async.mbarrier.arrive may fire first; who waits for the earlier one still knows its copies."""
    folder = source_dir / "test/ptx/foreign/piped"
    cameo("sim", folder / "kernel.ptx", "--launch", folder / "launch.json", "--copies", "random", "--runs", "6", "--seed", "505")
