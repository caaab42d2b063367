# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints the ```mlir examples of the graph dialect's op descriptions as functions that parse.

An example uses free names; each name means one type everywhere (the table), so that examples stay
short and readers know what %a is. Refuses an op without an example and a name outside the table.
"""
import pathlib
import re
import sys

TYPES = {
    "a": "tensor<2x3xf32>", "s": "tensor<f32>", "w": "tensor<3xf32>", "c": "tensor<3xi1>",
    "d": 'tensor<2x?xf32, #graph.sizes<["2", "N"]>>', "v": "tensor<1x3xf32>", "v2": "tensor<2xf32>",
    "m": "tensor<5x2x3xf32>", "n": "tensor<4x3xf32>",
    "x": "tensor<1x4x8x8xf32>", "k": "tensor<6x4x3x3xf32>", "kt": "tensor<4x6x3x3xf32>",
    "bias": "tensor<6xf32>",
    "p": "tensor<2x3xui8>", "q": "tensor<3x4xi8>", "zp": "tensor<ui8>",
    "xi": "tensor<1x4x8x8xui8>", "ki": "tensor<6x4x3x3xi8>",
    "i": "tensor<4xi64>", "j": "tensor<2x2xi64>", "k1": "tensor<1x1xi64>", "u": "tensor<2x2xf32>",
    "p1": "tensor<i1>", "count": "tensor<i64>",
}


def functions(text):
    for definition in re.split(r"\ndef ", text)[1:]:
        mnemonic = re.search(r'(?:Op<Graph_Dialect, |Graph_\w+Op<|Graph_OpBase<)"(\w+)"', definition)
        if not mnemonic or mnemonic[1] == "yield":
            continue
        examples = re.findall(r"```mlir\n(.*?)```", definition, re.S)
        if not examples:
            sys.exit(f"graph.{mnemonic[1]} has no example")
        for body in examples:
            defined = set(re.findall(r"%(\w+)(?=[^=\n]*= graph\.)", body)) | set(re.findall(r"[(,] *%(\w+): ", body))
            free = [n for n in dict.fromkeys(re.findall(r"%(\w+)", body)) if n not in defined]
            arguments = ", ".join(f"%{name}: {TYPES[name]}" for name in free)
            yield f"func.func @{mnemonic[1]}({arguments}) {{\n{body}    return\n}}\n"


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.td")):
    print("\n".join(functions(path.read_text())))
