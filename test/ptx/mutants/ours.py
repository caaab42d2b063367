# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels of our own compiler as cases for mutants: kernel texts, compiled now, with a launch file each. Their numbers are
# compared with NumPy elsewhere; here the kernel's own output is what mutants have to give.
import json
import pathlib
import re
import subprocess
import sys

import numpy as np

TEST = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TEST / "kernels"))

import bodies  # noqa: E402
import ptx_machine  # noqa: E402

# kernel, inputs, output (shape, type), sizes: none of a tile, but multiples of what a thread takes at once: then an
# off-by-one meets the bound.
ROWS = [("sum", [(9, 132)], (9,), "float32", [9, 132]), ("colsum", [(300, 5)], (5,), "float32", [5, 300]),
        ("argmax", [(5, 300)], (5,), "int64", [5, 300]), ("softmax", [(3, 1028)], (3, 1028), "float32", [3, 1028]),
        ("softmax", [(17, 36)], (17, 36), "float32", [17, 36]), ("center", [(4, 520)], (4, 520), "float32", [4, 520])]


def data(shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def write_case(folder, ptx, kernel, arrays, outputs, sizes, grid, block, shared=0):
    """Buffers from files, sizes as 64-bit scalars; expected is what the kernel gives."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.ptx").write_text(ptx)
    args = []
    for i, array in enumerate(arrays):
        np.save(folder / f"in{i}.npy", array)
        args.append({"kind": "buffer", "name": f"in{i}", "dtype": str(array.dtype), "shape": list(array.shape), "role": "in",
                     "init": {"type": "file", "file": f"in{i}.npy"}})
    for i, (shape, dtype) in enumerate(outputs):
        args.append({"kind": "buffer", "name": f"out{i}", "dtype": dtype, "shape": list(shape), "role": "out",
                     "init": {"type": "poison", "byte": 255}})
    widths = re.findall(r"\.param\s+(?:\.align\s+\d+\s+)?\.[bus](\d+)", re.search(rf"\.entry\s+{kernel}\b\s*\((.*?)\)", ptx, re.S)[1])
    args += [{"kind": "scalar", "name": f"s{i}", "dtype": f"i{widths[len(args) + i]}", "value": int(size)}
             for i, size in enumerate(sizes)]
    launch = {"kernel": kernel, "grid": [int(g) for g in grid], "block": [int(b) for b in block],
              "dynamic_shared_bytes": shared, "args": args}
    (folder / "launch.json").write_text(json.dumps(launch))


def expect_own_output(cameo, folder):
    """Runs the kernel once and makes its outputs what is expected; the launch is left without them on a failure."""
    path = folder / "launch.json"
    done = subprocess.run([cameo, "sim", str(folder / "kernel.ptx"), "--launch", str(path), "--output-dir", str(folder)],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{folder.name}: {done.stdout[-2000:]}{done.stderr}")
    launch = json.loads(path.read_text())
    outputs = [a["name"] for a in launch["args"] if a.get("role") == "out"]
    launch["expected"] = {name: {"file": f"{name}.npy", "mode": "allclose", "rtol": 1e-6, "atol": 1e-6} for name in outputs}
    path.write_text(json.dumps(launch))


class Staged(ptx_machine.Kernels):
    """Kernels in the written form: rings of stages, roles of warps."""

    PIPELINE = ("builtin.module(kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,"
                "gpu.module(nvvm-to-ptx{{target={0}}}))")


def products(build, folder):
    """The pipelined product of test/Stage: C = relu(A B^T + bias), five tiles of K for two stages."""
    text = (TEST / "Stage" / "gemm-sm80.mlir").read_text()
    compiled = Staged(build, text)
    shared = int(re.search(r"shared_bytes = (\d+)", compiled.resolved)[1])
    m, n, k = 120, 112, 160
    arrays = [data((m, k), "float16", 4), data((n, k), "float16", 5), data((n,), "float16", 6)]
    case = folder / "ours_gemm_f16"
    write_case(case, compiled.ptx, "sm80_f16_v0", arrays, [((m, n), "float16")], [m, n, k], [1, 1, 1], [256],
               shared)
    expect_own_output(str(build / "bin" / "cameo"), case)


def make(build, folder):
    """Writes the cases under `folder` and returns it."""
    products(build, folder)
    compiled = ptx_machine.Kernels(build, bodies.ROWS + bodies.function("add", "arith.addf", "f32", 2))
    cases = [(name, [data(s, "float32", 3) for s in shapes], [(out, dtype)], sizes)
             for name, shapes, out, dtype, sizes in ROWS]
    cases.append(("add", [data(1023, "float32", 1), data(1023, "float32", 2)], [((1023,), "float32")], [1023]))
    for i, (kernel, arrays, outputs, sizes) in enumerate(cases):
        for variant, guard, grid in compiled.variants[kernel]:
            if ptx_machine.evaluate(guard, sizes):
                symbol = f"{kernel}_{variant}"
                block = re.search(rf"\.entry {symbol}\b.*?\.reqntid (\d+)", compiled.ptx, re.S)
                extents = [ptx_machine.evaluate(g, sizes) for g in grid]
                case = folder / f"ours_{symbol}_{i}"
                write_case(case, only(compiled.ptx, symbol), symbol, arrays, outputs, sizes, extents, [int(block[1])])
                expect_own_output(str(build / "bin" / "cameo"), case)
    return folder


def only(ptx, symbol):
    """One kernel of a module: its header, and the entry alone with what was declared before it."""
    head, *entries = re.split(r"(?m)^(?=\s*(?:\.visible |\.weak )?\.entry )", ptx)
    return head + next(e for e in entries if re.search(rf"\.entry\s+{re.escape(symbol)}\b", e))
