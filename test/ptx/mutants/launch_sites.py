# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Mutants of the launch file: fields of tensor maps, which a kernel takes as they come. Only values that an encoder
# accepts; what does not change the copied bytes is not enumerated.
import copy

from sites import Site

SWIZZLES = ["none", "32B", "64B", "128B"]


def _changed(path, change):
    def apply(launch):
        launch = copy.deepcopy(launch)
        change(launch["args"][path])
        return launch
    return apply


def sites(launch):
    for i, argument in enumerate(launch.get("args", [])):
        if argument.get("kind") != "tensormap" or argument.get("mode") == "im2col":
            continue
        yield from _fields(i, argument)


def _fields(i, argument):
    def site(kind, what, change):
        return Site(kind, 0, f"tensor map {argument.get('name', i)}: {what}", launch=_changed(i, change))
    swizzle = str(argument.get("swizzle", "none"))
    for other in SWIZZLES:
        row = argument["box"][0] * width(argument["dtype"])
        if other != swizzle and (other == "none" or row <= int(other[:-1])):
            yield site("swizzle", f"swizzle {other}", lambda a, other=other: a.update(swizzle=other))
    for d, extent in enumerate(argument["box"]):
        if extent > 1 and (d or (extent // 2) * width(argument["dtype"]) % 16 == 0):
            yield site("descriptor", f"half of box[{d}]", lambda a, d=d: a["box"].__setitem__(d, a["box"][d] // 2))
    for d, stride in enumerate(argument.get("strides_bytes", [])):
        if stride > 16:
            yield site("descriptor", f"strides_bytes[{d}] less by 16",
                       lambda a, d=d: a["strides_bytes"].__setitem__(d, a["strides_bytes"][d] - 16))
    for d, extent in enumerate(argument["dims"]):
        if extent > 1:
            yield site("descriptor", f"dims[{d}] less by 1", lambda a, d=d: a["dims"].__setitem__(d, a["dims"][d] - 1))


def width(dtype):
    digits = "".join(c for c in str(dtype) if c.isdigit())
    return max(1, int(digits or 32) // 8)

