# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Reference bodies of kernels whose numbers the tests compare: those of bodies.mlir, and one elementary
# function a kernel.
import pathlib

ROWS = (pathlib.Path(__file__).parent / "bodies.mlir").read_text()


def function(name, op, element, operands=1):
    """A pointwise kernel z = op(x[, y])."""
    names = "xy"[:operands]
    views = "".join(f"  %v{n} = kernel.strided_view %{n} offset(%c0) sizes(%n) strides(%c1) : tensor<?x{element}> -> tensor<?x{element}>\n"
                    for n in names)
    maps = ", ".join(["affine_map<(i) -> (i)>"] * (operands + 1))
    return f"""kernel.func @{name}({', '.join(f'%{n}: tensor<?x{element}>' for n in names)}) outs(%z: tensor<?x{element}>) sizes(%n: index)
    attributes {{family = "pointwise"}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
{views}  %e = tensor.empty(%n) : tensor<?x{element}>
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      ins({', '.join('%v' + n for n in names)} : {', '.join([f'tensor<?x{element}>'] * operands)}) outs(%e : tensor<?x{element}>) {{
  ^bb0({', '.join(f'%a{n}: {element}' for n in names)}, %o: {element}):
    %s = {op} {', '.join('%a' + n for n in names)} : {element}
    linalg.yield %s : {element}
  }} -> tensor<?x{element}>
  %vz = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?x{element}> -> tensor<?x{element}>
  kernel.write %r, %vz : tensor<?x{element}>, tensor<?x{element}>
  kernel.end
}}
"""
