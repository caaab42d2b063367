# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the tests of `cameo sim` share: small kernels written by hand, entries of launch files, and the format's
# drawn numbers, computed here again in NumPy from its text.
import numpy as np

HEADER = ".version 8.0\n.target sm_80\n.address_size 64\n"

SCALE = HEADER + """
.visible .entry scale(.param .u64 x, .param .u64 y, .param .f32 a, .param .u32 n)
{
  .reg .pred %p; .reg .b32 %i, %n, %b, %t; .reg .b64 %x, %y, %o; .reg .f32 %v, %a;
  ld.param.u64 %x, [x];
  ld.param.u64 %y, [y];
  ld.param.f32 %a, [a];
  ld.param.u32 %n, [n];
  mov.u32 %b, %ctaid.x;
  mov.u32 %t, %ntid.x;
  mov.u32 %i, %tid.x;
  mad.lo.u32 %i, %b, %t, %i;
  setp.ge.u32 %p, %i, %n;
  @%p ret;
  mul.wide.u32 %o, %i, 4;
  add.u64 %x, %x, %o;
  add.u64 %y, %y, %o;
  ld.global.f32 %v, [%x];
  mul.f32 %v, %v, %a;
  st.global.f32 [%y], %v;
  ret;
}
"""


def draw(seed, n):
    """31 bits for each of n elements, as the format has them."""
    mask = (1 << 64) - 1
    out = []
    for i in range(n):
        z = (seed * 0x100000001 + (i + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append((z ^ (z >> 31)) >> 33)
    return np.array(out, np.int64)


def unit(seed, n, low, high):
    return (low + (high - low) * (draw(seed, n) >> 7) / 2.0**24).astype(np.float32)


def buffer(name, role, dtype, shape, init=None):
    entry = {"kind": "buffer", "name": name, "role": role, "dtype": dtype, "shape": shape}
    return {**entry, "init": init} if init else entry


def scalar(dtype, value):
    return {"kind": "scalar", "name": "s", "dtype": dtype, "value": value}


def scale_launch(folder, n=1000, factor=2.5):
    x = unit(7, n, -3, 5)
    np.save(folder / "y.npy", x * np.float32(factor))
    return {"kernel": "scale", "grid": [(n + 127) // 128, 1, 1], "block": [128, 1, 1], "compiler": "by hand",
            "args": [{**buffer("x", "in", "f32", [n], {"type": "unit", "seed": 7, "lo": -3, "hi": 5}),
                      "param": {"size": 8, "align": 8, "offset": 0}},
                     buffer("y", "out", "float32", [n], {"type": "poison", "byte": 165}),
                     {**scalar("fp32", factor), "param": {"size": 4, "align": 4, "offset": 16}}, scalar("u32", n)],
            "expected": {"y": {"file": "y.npy", "mode": "exact"}}}
