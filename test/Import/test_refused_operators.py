# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What single operators refuse by themselves: ranks, sizes that do not meet, operands of wrong lengths,
# attribute values, bodies that do not fit. One row a fault; every model is sound but for it. Where the
# fault is Cameo's limit and not the model's, the status is 2, and 3 where the model is illegal.
import pytest
from hostile import F, I64, info, ints, model, node
from onnx import TensorProto, helper

BOOL, U8, C64, STRING = TensorProto.BOOL, TensorProto.UINT8, TensorProto.COMPLEX64, TensorProto.STRING


def op(name, *operands, outputs=1, opset=22, out=F, values=None, **attributes):
    """A model of one node. Operands: a shape (f32), (shape, type), a list (constant integers), or None (absent)."""
    inputs, initializers, names = [], [], []
    for i, operand in enumerate(operands):
        names.append("" if operand is None else f"x{i}")
        if isinstance(operand, list):
            initializers.append(ints(f"x{i}", operand))
        elif operand is not None:
            shape, dtype = operand if operand and isinstance(operand[0], tuple) else (operand, F)
            inputs.append(info(f"x{i}", shape, dtype))
    results = [f"y{i}" for i in range(outputs)]
    return model([node(name, names, results, **attributes)], inputs, [info(r, None, out) for r in results], opset=opset,
                 initializers=initializers)


def body(inputs, outputs, nodes):
    return helper.make_graph(nodes, "body", inputs, outputs)


def scan(carried=(3,), results=2, declared=2, num_scan_inputs=1):
    """Sums rows; `results` of its body against those the node declares."""
    inner = body([info("s", carried), info("r", (3,))], [info(f"o{i}", None) for i in range(results)],
                 [node("Add", ("s", "r"), ("o0",)), node("Identity", ("o0",), ("o1",))])
    return op("Scan", carried, (4, 3), outputs=declared, body=inner, num_scan_inputs=num_scan_inputs)


def loop(result_shape=None, results=2, inputs=3, grown=False):
    step = node("Concat", ("v", "v"), ("w",), axis=0) if grown else node("Add", ("v", "v"), ("w",))
    inner = body([info("i", (), I64), info("c", (), BOOL), info("v", (2, 3))][:inputs],
                 [info("d", (), BOOL), info("w", result_shape)][:results],
                 [node("Identity", ("c",), ("d",)), step])
    return op("Loop", [3], ((), BOOL), (2, 3), body=inner)


IMAGE = (1, 2, 8, 8)
REFUSED = {
    # ONNX's own rules broken: status 3
    "BitCast to another width": (op("BitCast", (2, 3), opset=26, out=I64, to=I64), 3, "E0505"),
    "BitCast to nothing": (op("BitCast", (2, 3), opset=26), 3, "E0503"),
    "GridSample rank": (op("GridSample", IMAGE, (1, 4, 2)), 3, "E0701"),
    "GridSample coordinates": (op("GridSample", IMAGE, (1, 4, 4, 3)), 3, "E0701"),
    "GridSample images": (op("GridSample", IMAGE, (2, 4, 4, 2)), 3, "E0701"),
    "RoiAlign ranks": (op("RoiAlign", IMAGE, (3, 4), ((3, 1), I64), sampling_ratio=2), 3, "E0701"),
    "RoiAlign without elements": (op("RoiAlign", IMAGE, (3, 4), ((3,), I64), sampling_ratio=2, output_height=0), 3, "E0505"),
    "DeformConv offsets": (op("DeformConv", IMAGE, (3, 2, 3, 3), (1, 17, 6, 6)), 3, "E0701"),
    "DeformConv channels": (op("DeformConv", IMAGE, (3, 4, 3, 3), (1, 18, 6, 6)), 3, "E0701"),
    "DFT rank": (op("DFT", (2,)), 3, "E0701"),
    "DFT parts": (op("DFT", (2, 8, 3)), 3, "E0701"),
    "DFT along the parts": (op("DFT", (2, 8, 2), None, [-1]), 3, "E0701"),
    "DFT axis": (op("DFT", (2, 8, 2), None, [3]), 3, "E0505"),
    "DFT axes": (op("DFT", (2, 8, 2), None, [0, 1]), 3, "E0702"),
    "DFT lengths": (op("DFT", (2, 8, 2), [4, 4]), 3, "E0702"),
    "DFT onesided of complex": (op("DFT", (2, 8, 2), onesided=1), 3, "E0505"),
    "STFT rank": (op("STFT", (2, 64), [8], None, [16]), 3, "E0701"),
    "STFT steps": (op("STFT", (2, 64, 1), [8, 8], None, [16]), 3, "E0702"),
    "STFT without a length": (op("STFT", (2, 64, 1), [8]), 3, "E0603"),
    "STFT onesided of complex": (op("STFT", (2, 64, 2), [8], None, [16]), 3, "E0505"),
    "Det rank": (op("Det", (3,)), 3, "E0701"),
    "Det square": (op("Det", (2, 3, 4)), 3, "E0701"),
    "AffineGrid sizes": (op("AffineGrid", (1, 2, 3), [1, 1, 4, 4, 4]), 3, "E0701"),
    "AffineGrid length": (op("AffineGrid", (1, 2, 3), [1, 4, 4]), 3, "E0701"),
    "NonMaxSuppression rank": (op("NonMaxSuppression", (6, 4), (1, 2, 6), out=I64), 3, "E0701"),
    "NonMaxSuppression coordinates": (op("NonMaxSuppression", (1, 6, 5), (1, 2, 6), out=I64), 3, "E0701"),
    "NonMaxSuppression boxes": (op("NonMaxSuppression", (1, 6, 4), (1, 2, 7), out=I64), 3, "E0701"),
    "NonMaxSuppression counts": (op("NonMaxSuppression", (1, 6, 4), (1, 2, 6), [3, 3], out=I64), 3, "E0702"),
    "Unique axis": (op("Unique", (2, 3), axis=2), 3, "E0505"),
    "Compress condition": (op("Compress", (2, 3), ((2, 1), BOOL), axis=0), 3, "E0701"),
    "TensorScatter axis": (op("TensorScatter", (2, 4, 3), (2, 1, 3), axis=0, opset=24), 3, "E0701"),
    "RNN rank": (op("RNN", (5, 3), (1, 4, 3), (1, 4, 4), hidden_size=4), 3, "E0701"),
    "LSTM bias": (op("LSTM", (5, 2, 3), (1, 16, 3), (1, 16, 4), (32,), hidden_size=4), 3, "E0701"),
    "LSTM gates": (op("LSTM", (5, 2, 3), (1, 12, 3), (1, 16, 4), hidden_size=4), 3, "E0701"),
    "GRU activations": (op("GRU", (5, 2, 3), (1, 12, 3), (1, 12, 4), hidden_size=4, activations=["Tanh"]), 3, "E0505"),
    "Scan inputs": (scan(num_scan_inputs=3), 3, "E0505"),
    "Scan results": (scan(declared=1), 3, "E0603"),
    "Loop inputs": (loop(inputs=2), 3, "E0603"),
    "Loop results": (loop(results=1), 3, "E0603"),
    "Col2Im columns": (op("Col2Im", (1, 8), [4, 4], [2, 2]), 3, "E0701"),
    "Col2Im strides": (op("Col2Im", (1, 8, 9), [4, 4], [2, 2], strides=[0, 1]), 3, "E0505"),
    "MaxUnpool indices": (op("MaxUnpool", IMAGE, ((1, 2, 64), I64), kernel_shape=[2, 2]), 3, "E0701"),
    "MaxUnpool window": (op("MaxUnpool", IMAGE, (IMAGE, I64), kernel_shape=[2]), 3, "E0505"),
    "GlobalMaxPool rank": (op("GlobalMaxPool", (4,)), 3, "E0701"),
    "OneHot depths": (op("OneHot", ((3,), I64), [4, 4], (2,)), 3, "E0702"),
    "OneHot depth": (op("OneHot", ((3,), I64), [-4], (2,)), 3, "E0702"),
    "ReverseSequence axes": (op("ReverseSequence", (4, 3), ((3,), I64), batch_axis=1, time_axis=1), 3, "E0505"),
    "GatherElements ranks": (op("GatherElements", (4, 3), ((4,), I64)), 3, "E0701"),
    "GatherND depth": (op("GatherND", (4, 3), ((2, 3), I64)), 3, "E0701"),
    "ScatterElements reduction": (op("ScatterElements", (4, 3), ((4, 3), I64), (4, 3), reduction="mean"), 3, "E0505"),
    "ScatterElements updates": (op("ScatterElements", (4, 3), ((4, 3), I64), (4, 2)), 3, "E0701"),
    "ScatterND updates": (op("ScatterND", (4, 3), ((2, 1), I64), (2, 4)), 3, "E0701"),
    "Resize scales and sizes": (op("Resize", (2, 8), None, None, None), 3, "E0603"),
    "Resize count": (op("Resize", (2, 8), None, None, [4], antialias=1, mode="linear"), 3, "E0702"),
    # legal, and beyond what Cameo has a kernel for: status 2
    "BitCast of complex": (op("BitCast", ((2, 3), C64), opset=26, out=I64, to=I64), 2, "E0803"),
    "BitCast to complex": (op("BitCast", ((2, 3), I64), opset=26, out=C64, to=C64), 2, "E0803"),
    "GridSample of volumes, cubic": (op("GridSample", (1, 2, 4, 4, 4), (1, 3, 3, 3, 3), mode="cubic"), 2, "E0805"),
    "GridSample of strings": (op("GridSample", (IMAGE, STRING), (1, 4, 4, 2), out=STRING), 2, "E0803"),
    "RoiAlign by the boxes": (op("RoiAlign", IMAGE, (3, 4), ((3,), I64)), 2, "E0804"),
    "DeformConv in one dimension": (op("DeformConv", (1, 2, 8), (3, 2, 3), (1, 3, 6)), 2, "E0805"),
    "GRU activation": (op("GRU", (5, 2, 3), (1, 12, 3), (1, 12, 4), hidden_size=4, activations=["Sin", "Tanh"]), 2, "E0804"),
    "Loop that grows": (loop(grown=True), 2, "E0809"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_operator(check, case):
    m, status, code = REFUSED[case]
    actual, problems = check(m)
    assert actual == status and code in problems, problems
