# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rival: a GEMM by Triton in its best form (grouped raster, masks along k only, everything divisible by 16).

    python triton_gemm.py TARGET DTYPE M N K WARPS STAGES OUT.ptx     (tile sizes; prints the metadata as JSON)
"""
import json
import sys

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget

TYPES = {"f16": ("fp16", "fp16", "fp32"), "bf16": ("bf16", "bf16", "fp32"), "s8": ("i8", "i32", "int32")}


@triton.jit
def gemm(a, b, c, m, n, k, stride_a, stride_b, stride_c, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
         GROUP: tl.constexpr, SUM: tl.constexpr):
    block, rows, cols = tl.program_id(0), tl.cdiv(m, BM), tl.cdiv(n, BN)
    group = block // (GROUP * cols)
    height = min(rows - group * GROUP, GROUP)
    i, j = group * GROUP + block % (GROUP * cols) % height, block % (GROUP * cols) // height
    om, on, ok = (i * BM + tl.arange(0, BM)) % m, (j * BN + tl.arange(0, BN)) % n, tl.arange(0, BK)
    pa, pb = a + om[:, None] * stride_a + ok[None, :], b + ok[:, None] * stride_b + on[None, :]
    total = tl.zeros((BM, BN), dtype=SUM)
    for step in range(0, tl.cdiv(k, BK)):
        x = tl.load(pa, mask=ok[None, :] < k - step * BK, other=0)
        y = tl.load(pb, mask=ok[:, None] < k - step * BK, other=0)
        total = tl.dot(x, y, total, out_dtype=SUM)
        pa += BK
        pb += BK * stride_b
    om, on = i * BM + tl.arange(0, BM), j * BN + tl.arange(0, BN)
    tl.store(c + om[:, None] * stride_c + on[None, :], total.to(c.dtype.element_ty), mask=(om[:, None] < m) & (on[None, :] < n))


def main():
    target, dtype, m, n, k, warps, stages, out = sys.argv[1:]
    element, result, total = TYPES[dtype]
    signature = {"a": "*" + element, "b": "*" + element, "c": "*" + result}
    signature |= dict.fromkeys(("m", "n", "k", "stride_a", "stride_b", "stride_c"), "i32")
    constants = {"BM": int(m), "BN": int(n), "BK": int(k), "GROUP": 8, "SUM": getattr(tl, {"fp32": "float32"}.get(total, total))}
    signature |= dict.fromkeys(constants, "constexpr")
    source = triton.compiler.ASTSource(fn=gemm, signature=signature, constexprs=constants,
                                       attrs={(i,): [["tt.divisibility", 16]] for i in range(9)})
    kernel = triton.compile(source, target=GPUTarget("cuda", int(target.strip("sma_")), 32),
                            options={"num_warps": int(warps), "num_stages": int(stages)})
    with open(out, "w") as file:
        file.write(kernel.asm["ptx"])
    print(json.dumps({"compiler": f"triton {triton.__version__}", "shared": kernel.metadata.shared}))


if __name__ == "__main__":
    main()
