# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The corpus of foreign kernels: compiles sources/ with nvcc and Triton, and writes for each kernel a folder with
# kernel.ptx, launch.json, the results that NumPy computes, and recipe.json (source, compiler, command, licence,
# hash). Inputs are drawn by the launch file itself. Needs no GPU:
#
#   python regenerate.py [--nvcc nvcc] [NAME…]      (Triton kernels need the package triton)
#   python regenerate.py --check                    the stored PTX has the hashes of its recipes
import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
LICENCE = "Apache-2.0 WITH LLVM-exception"


def draw(seed, shape):
    """The 31 bits of each element, as the launch format has them."""
    n = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(seed * 0x100000001) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(33)).astype(np.int64).reshape(shape)


class Buffer:
    """An argument that points to drawn numbers; `values` are those numbers."""

    def __init__(self, name, role, dtype, shape, **init):
        self.name, self.dtype = name, np.dtype(dtype)
        self.entry = {"kind": "buffer", "name": name, "role": role, "dtype": dtype, "shape": list(shape)}
        if init:
            self.entry["init"] = init
        kind = init.get("type")
        if kind == "int":
            self.values = (init["lo"] + draw(init["seed"], shape) % (init["hi"] - init["lo"] + 1)).astype(dtype)
        elif kind == "unit":
            step = (init["hi"] - init["lo"]) * (draw(init["seed"], shape) >> 7) / 2.0**24
            self.values = (init["lo"] + step).astype(np.float32).astype(dtype)
        elif kind == "zeros":
            self.values = np.zeros(shape, dtype)


def ints(name, role, dtype, shape, seed, lo, hi):
    return Buffer(name, role, dtype, shape, type="int", seed=seed, lo=lo, hi=hi)


def floats(name, role, dtype, shape, seed, lo=-1.0, hi=1.0):
    return Buffer(name, role, dtype, shape, type="unit", seed=seed, lo=lo, hi=hi)


def zeros(name, dtype, shape):
    return Buffer(name, "inout", dtype, shape, type="zeros")


def out(name, dtype, shape):
    return Buffer(name, "out", dtype, shape, type="poison", byte=255)


def scalar(dtype, value):
    return {"kind": "scalar", "name": dtype, "dtype": dtype, "value": value}


NULL = {"kind": "scratch_ptr", "name": "scratch", "bytes": 0}
EXACT = {"mode": "exact"}


def close(rtol, atol):
    return {"mode": "allclose", "rtol": rtol, "atol": atol}


class Kernel:
    """`results` maps a buffer to (expected values, comparison)."""

    def __init__(self, name, grid, block, args, results, *, arch, source=None, signature=None, constants=None,
                 warps=4, stages=3, aligned=()):
        self.name, self.grid, self.block, self.args, self.results = name, grid, block, args, results
        self.arch, self.source, self.signature = arch, source, signature
        self.constants, self.warps, self.stages, self.aligned = constants or {}, warps, stages, aligned


def nvcc_kernels():
    data = ints("data", "inout", "int32", [4128], 1, -1000, 1000)
    yield Kernel("add_one", [4], [128], [data, scalar("int32", 16)], {
        "data": (data.values + ((np.arange(4128) >= 16) & (np.arange(4128) < 16 + 4096)), EXACT)}, arch="sm_90")
    x = ints("in", "in", "int32", [9, 256], 2, -1000, 1000)
    yield Kernel("piped", [1], [128], [x, out("out", "int32", [128]), scalar("int32", 9)], {
        "out": (x.values.sum(0)[np.arange(128) * 7 % 256], EXACT)}, arch="sm_80")
    x = ints("in", "in", "int32", [9, 64], 3, -1000, 1000)
    for arch in ("sm_80", "sm_90"):
        yield Kernel("ready_filled" + arch[2:], [1], [128], [x, out("out", "int32", [64]), scalar("int32", 9)], {
            "out": (x.values.sum(0)[::-1], EXACT)}, arch=arch, source="ready_filled.cu")
    x = ints("x", "in", "int32", [512], 4, -1000, 1000)
    yield Kernel("block_scan", [1], [128], [x, out("y", "int32", [512])], {"y": (np.cumsum(x.values), EXACT)},
                 arch="sm_80")
    x = floats("x", "inout", "float32", [512], 5)
    yield Kernel("block_sort", [1], [128], [x], {"x": (np.sort(x.values), EXACT)}, arch="sm_80")
    x = floats("x", "in", "float32", [3, 256], 6)
    yield Kernel("block_reduce", [3], [256], [x, out("y", "float32", [3])], {"y": (x.values.min(1), EXACT)},
                 arch="sm_80")
    x = ints("x", "in", "uint8", [4, 512], 7, 0, 255)
    yield Kernel("block_histogram", [4], [128], [x, zeros("h", "int32", [256])], {
        "h": (np.bincount(x.values.reshape(-1), minlength=256), EXACT)}, arch="sm_80")
    a, b = floats("a", "in", "float16", [16, 64], 8), floats("b", "in", "float16", [16, 64], 9)
    yield Kernel("wmma", [1], [32], [a, b, out("c", "float32", [16, 16]), scalar("int32", 64)], {
        "c": (a.values.astype(np.float64) @ b.values.astype(np.float64).T, close(1e-5, 1e-5))}, arch="sm_80")
    x = ints("x", "in", "int32", [2, 8, 16], 10, -1000, 1000)
    total, running = x.values.sum(2, keepdims=True), np.cumsum(x.values, 2)
    yield Kernel("tiles", [2], [128], [x, out("y", "int32", [2, 8, 16])], {
        "y": (total + running + running - x.values, EXACT)}, arch="sm_80")


def triton_kernels():
    i32 = "int32"
    x = floats("x", "in", "float16", [5, 300], 20, -6.0, 6.0)
    wide = x.values.astype(np.float64)
    e = np.exp(wide - wide.max(1, keepdims=True))
    for arch in ("sm_80", "sm_90"):
        yield Kernel("softmax" + arch[2:], [5], None, [x, out("y", "float32", [5, 300]), scalar(i32, 300)], {
            "y": (e / e.sum(1, keepdims=True), close(1e-5, 1e-7))}, arch=arch, source="softmax",
            signature=dict(x="*fp16", y="*fp32", n="i32"), constants=dict(B=512))
    x, w, b = (floats("x", "in", "float32", [3, 200], 21, -2.0, 5.0), floats("w", "in", "float32", [200], 22),
               floats("b", "in", "float32", [200], 23))
    wide = x.values.astype(np.float64)
    d = wide - wide.mean(1, keepdims=True)
    yield Kernel("layer_norm", [3], None, [x, w, b, out("y", "float32", [3, 200]), scalar(i32, 200), scalar("float32", 1e-5)], {
        "y": (d / np.sqrt((d * d).mean(1, keepdims=True) + 1e-5) * w.values + b.values, close(1e-5, 1e-5))}, arch="sm_80",
        signature=dict(x="*fp32", w="*fp32", b="*fp32", y="*fp32", n="i32", eps="fp32"), constants=dict(B=256))
    for name, dtype, arch, sizes, aligned in (("matmul_f16", "float16", "sm_80", (48, 64, 112), range(6)),
                                              ("matmul_f16_odd", "float16", "sm_80", (33, 45, 70), range(3)),
                                              ("matmul_f32", "float32", "sm_80", (32, 48, 80), range(6))):
        m, n, k = sizes
        a, b = floats("a", "in", dtype, [m, k], 24), floats("b", "in", dtype, [k, n], 25)
        bits = {"float16": "*fp16", "float32": "*fp32"}[dtype]
        tolerance = close(1e-5, 1e-5) if dtype == "float16" else close(2e-3, 2e-2)  # tf32
        yield Kernel(name, [-(-m // 32), -(-n // 32)], None,
                     [a, b, out("c", "float32", [m, n]), scalar(i32, m), scalar(i32, n), scalar(i32, k)], {
                         "c": (a.values.astype(np.float64) @ b.values.astype(np.float64), tolerance)}, arch=arch,
                     source="matmul", signature=dict(a=bits, b=bits, c="*fp32", M="i32", N="i32", K="i32"),
                     constants=dict(BM=32, BN=32, BK=16), aligned=aligned)
    x = ints("x", "in", i32, [2, 512], 26, -1000, 1000)
    yield Kernel("scan", [2], None, [x, out("y", i32, [2, 512])], {"y": (np.cumsum(x.values, 1), EXACT)}, arch="sm_80",
                 signature=dict(x="*i32", y="*i32"), constants=dict(B=512))
    x = floats("x", "in", "float32", [2, 256], 27)
    yield Kernel("sort", [2], None, [x, out("y", "float32", [2, 256])], {"y": (np.sort(x.values, 1), EXACT)}, arch="sm_80",
                 signature=dict(x="*fp32", y="*fp32"), constants=dict(B=256))
    x = ints("x", "in", i32, [3, 512], 28, 0, 63)
    yield Kernel("histogram", [3], None, [x, zeros("y", i32, [64])], {
        "y": (np.bincount(x.values.reshape(-1), minlength=64), EXACT)}, arch="sm_80", signature=dict(x="*i32", y="*i32"),
        constants=dict(B=512, N=64))
    x = floats("x", "in", "float32", [3, 512], 29)
    yield Kernel("argmax", [3], None, [x, out("y", i32, [3])], {"y": (x.values.argmax(1), EXACT)}, arch="sm_90",
                 signature=dict(x="*fp32", y="*i32"), constants=dict(B=512))
    x = ints("x", "in", i32, [1000], 30, -100000, 100000)
    groups = [x.values[i::8] for i in range(8)]
    yield Kernel("extremes", [4], None, [x, zeros("most", i32, [8]), zeros("least", i32, [8]), scalar(i32, 1000)], {
        "most": ([max(g.max(), 0) for g in groups], EXACT), "least": ([min(g.min(), 0) for g in groups], EXACT)},
        arch="sm_80", signature=dict(x="*i32", most="*i32", least="*i32", n="i32"), constants=dict(B=256))


def compile_nvcc(kernel, nvcc):
    source = kernel.source or kernel.name + ".cu"
    flags = ["-ptx", f"-arch={kernel.arch}", "-std=c++17", "-O3"]
    target = HERE / "generated.ptx"
    subprocess.run([nvcc, *flags, str(HERE / "sources" / source), "-o", str(target)], check=True)
    text = target.read_text()
    target.unlink()
    version = subprocess.run([nvcc, "--version"], check=True, capture_output=True, text=True).stdout
    return text, {"source": f"sources/{source}", "compiler": "nvcc " + re.search(r"V([\d.]+)", version)[1],
                  "command": " ".join(["nvcc", *flags, source])}, 0


def compile_triton(kernel):
    os.environ["TRITON_DISABLE_LINE_INFO"] = "1"  # paths of one machine
    sys.path.insert(0, str(HERE / "sources"))
    import triton
    import triton_kernels as sources
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    function = getattr(sources, kernel.source or kernel.name)
    signature = {**kernel.signature, **{key: "constexpr" for key in kernel.constants}}
    attributes = {(i,): [["tt.divisibility", 16]] for i in kernel.aligned}
    compiled = triton.compile(ASTSource(function, signature, constexprs=kernel.constants, attrs=attributes),
                              target=GPUTarget("cuda", int(kernel.arch[3:]), 32),
                              options={"num_warps": kernel.warps, "num_stages": kernel.stages})
    kernel.args += [NULL, NULL]  # scratch that these kernels do not use
    kernel.block = [32 * kernel.warps]
    return compiled.asm["ptx"], {
        "source": "sources/triton_kernels.py", "compiler": "Triton " + triton.__version__,
        "command": f"{function.__name__}: {signature}, {kernel.constants}, multiples of 16: {list(kernel.aligned)}, "
                   f"{kernel.warps} warps, {kernel.stages} stages, {kernel.arch}"}, compiled.metadata.shared


def store(kernel, compiled):
    text, recipe, shared = compiled
    folder = HERE / kernel.name
    folder.mkdir(exist_ok=True)
    text = f"// SPDX-License-Identifier: {LICENCE}\n// By {recipe['compiler']} from {recipe['source']}.\n{text}"
    text = "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"
    (folder / "kernel.ptx").write_text(text)
    entry = re.search(r"\.entry\s+([\w$]+)", text)[1]
    launch = {"kernel": entry, "compiler": recipe["compiler"], "grid": kernel.grid, "block": kernel.block,
              "dynamic_shared_bytes": shared, "target": kernel.arch,
              "args": [arg.entry if isinstance(arg, Buffer) else arg for arg in kernel.args], "expected": {}}
    types = {arg.name: arg.dtype for arg in kernel.args if isinstance(arg, Buffer)}
    for name, (values, how) in kernel.results.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(np.asarray(values).astype(types[name])))
        launch["expected"][name] = {"file": f"{name}.npy", **how}
    recipe |= {"licence": LICENCE, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    for file, content in (("launch.json", launch), ("recipe.json", recipe)):
        (folder / file).write_text(json.dumps(content, indent=1) + "\n")
    print(f"{kernel.name}: {len(text)} bytes by {recipe['compiler']}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.check:
        for recipe in sorted(HERE.glob("*/recipe.json")):
            digest = hashlib.sha256((recipe.parent / "kernel.ptx").read_bytes()).hexdigest()
            if json.loads(recipe.read_text())["sha256"] != digest:
                sys.exit(f"{recipe.parent.name}: the stored PTX is not that of its recipe")
        return
    for kernel in nvcc_kernels():
        if not options.names or kernel.name in options.names:
            store(kernel, compile_nvcc(kernel, options.nvcc))
    for kernel in triton_kernels():
        if not options.names or kernel.name in options.names:
            store(kernel, compile_triton(kernel))


if __name__ == "__main__":
    main()
