# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Mamba: blocks whose core is a linear recurrence over time. Exporters write it as a Scan, where the loop
# was scripted, or unrolled step by step, where it was traced at one length.
import numpy as np
from onnx import TensorProto, helper

from .builder import Builder


def mamba(depth=1, width=256, dtype="f32", seed=0, opset=17, state=16, form="scan", sequence=None):
    """Mamba blocks. form "scan": the recurrence as a Scan; "unrolled": traced, for a fixed `sequence`."""
    if form not in ("scan", "unrolled"):
        raise ValueError(f"mamba form {form!r}: scan or unrolled")
    if form == "unrolled" and not sequence:
        raise ValueError("mamba form unrolled needs a sequence length")
    b = Builder("mamba", dtype, seed, opset)
    inner, rank, taps = 2 * width, max(1, width // 16), 4

    def project(name, x, inputs, outputs, bias=False):
        with b.scope(name):
            if bias:
                return b.linear(x, inputs, outputs)
            return b.op("MatMul", x, b.weight("weight", [inputs, outputs], inputs))

    def causal_conv(x):
        # Depthwise over time, padded on both sides, the tail cut off: as a traced conv1d(...)[..., :L].
        length = b.op("Unsqueeze", b.size(x, 1), b.constant([0]))
        x = b.op("Transpose", x, perm=[0, 2, 1])
        x = b.op("Conv", x, b.weight("weight", [inner, 1, taps], taps), b.near("bias", [inner], 0.0),
                 kernel_shape=[taps], strides=[1], pads=[taps - 1] * 2, dilations=[1], group=inner)
        x = b.op("Slice", x, b.constant([0]), length, b.constant([2]), b.constant([1]))
        return b.op("Transpose", x, perm=[0, 2, 1])

    def recurrence_scan(decay, drive, read):
        # Time first; h = decay * h + drive; y = sum over the state of h * read.
        steps = [b.op("Transpose", v, perm=[1, 0, *range(2, rank_)])
                 for v, rank_ in ((decay, 4), (drive, 4), (read, 3))]
        batch = b.size(decay, 0)
        zero = helper.make_tensor("value", b.dtype, [1], np.zeros(1, b.numpy_dtype).tobytes(), raw=True)
        start = b.op("ConstantOfShape", b.shape_of(batch, inner, state), value=zero)
        value = helper.make_tensor_value_info
        body = helper.make_graph(
            [helper.make_node("Mul", ["decay", "before"], ["kept"], name="keep"),
             helper.make_node("Add", ["kept", "drive"], ["after"], name="drive"),
             helper.make_node("Constant", [], ["last"], name="last",
                              value=helper.make_tensor("last", TensorProto.INT64, [1], [-1])),
             helper.make_node("Unsqueeze", ["read", "last"], ["column"], name="column"),
             helper.make_node("MatMul", ["after", "column"], ["wide"], name="read_out"),
             helper.make_node("Squeeze", ["wide", "last"], ["y"], name="y")],
            "step",
            [value("before", b.dtype, None), value("decay", b.dtype, None), value("drive", b.dtype, None),
             value("read", b.dtype, None)],
            [value("after", b.dtype, None), value("y", b.dtype, None)])
        _, y = b.op("Scan", start, *steps, outputs=2, body=body, num_scan_inputs=3)
        return b.op("Transpose", y, perm=[1, 0, 2])

    def recurrence_unrolled(decay, drive, read):
        hidden, rows = None, []
        for step in range(sequence):
            at = b.constant(step)
            now = b.op("Gather", drive, at, axis=1)
            hidden = now if hidden is None else b.op(
                "Add", b.op("Mul", b.op("Gather", decay, at, axis=1), hidden), now)
            column = b.op("Unsqueeze", b.op("Gather", read, at, axis=1), b.constant([-1]))
            y = b.op("Squeeze", b.op("MatMul", hidden, column), b.constant([-1]))
            rows.append(b.op("Unsqueeze", y, b.constant([1])))
        return b.op("Concat", *rows, axis=1) if len(rows) > 1 else rows[0]

    def block(x):
        u, gate = b.op("Split", project("in_proj", x, width, 2 * inner), b.constant([inner, inner]), axis=2, outputs=2)
        with b.scope("conv1d"):
            u = b.silu(causal_conv(u))
        dt, drive, read = b.op("Split", project("x_proj", u, inner, rank + 2 * state),
                               b.constant([rank, state, state]), axis=2, outputs=3)
        delta = b.op("Softplus", project("dt_proj", dt, rank, inner, bias=True))
        logs = b.tensor("A_log", np.log(np.tile(np.arange(1, state + 1), (inner, 1))).astype(b.numpy_dtype))
        rates = b.op("Neg", b.op("Exp", logs))
        wide_delta = b.op("Unsqueeze", delta, b.constant([-1]))
        decay = b.op("Exp", b.op("Mul", wide_delta, rates))
        input_ = b.op("Mul", b.op("Unsqueeze", b.op("Mul", delta, u), b.constant([-1])),
                      b.op("Unsqueeze", drive, b.constant([2])))
        recurrence = recurrence_scan if form == "scan" else recurrence_unrolled
        y = recurrence(decay, input_, read)
        y = b.op("Add", y, b.op("Mul", u, b.near("D", [inner], 1.0)))
        return project("out_proj", b.op("Mul", y, b.silu(gate)), inner, width)

    dims = ["batch", sequence or "sequence", width]
    x = b.input("hidden_states", dims)
    for layer in range(depth):
        with b.scope(f"layers.{layer}"):
            # Root-mean-square normalization, taken apart.
            square = b.reduce_mean(b.op("Pow", x, b.scalar(2)), -1)
            y = b.op("Div", x, b.op("Sqrt", b.op("Add", square, b.scalar(1e-5))))
            y = b.op("Mul", y, b.near("norm.weight", [width], 1.0))
            x = b.op("Add", block(y), x)
    b.output(x, "output", dims)
    return b.model()
