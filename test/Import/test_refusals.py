# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Hostile and broken model files. Each case is a model that is made here, and the code with which the
# importer has to refuse it: bytes, nesting, tensors, element types, external data, graphs, functions,
# shapes, attributes, quantization. Every case also has a sound neighbour that is accepted, so that a
# refusal is for its reason. Never a crash, a hang, or memory beyond a gigabyte.
import json
import os
import resource
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

F, I64 = TensorProto.FLOAT, TensorProto.INT64


def limits():
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


@pytest.fixture
def check(build_dir, tmp_path):
    """Imports bytes or a model; returns (exit code, the problems by code)."""

    def run(model, *flags, name="m.onnx"):
        path = tmp_path / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        result = subprocess.run([build_dir / "bin" / "cameo-import", "--json", *flags, path],
                                capture_output=True, text=True, timeout=60, preexec_fn=limits)
        assert result.returncode in (0, 2, 3, 9), (result.returncode, result.stderr[-500:])
        problems = json.loads(result.stdout)["problems"]
        return result.returncode, {p["code"]: p for p in problems}

    return run


def info(name, shape=(2, 3), dtype=F):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs=None, outputs=None, opset=21, initializers=(), functions=(), imports=None,
          **kwargs):
    graph = helper.make_graph(nodes, "g", inputs if inputs is not None else [info("x")],
                              outputs if outputs is not None else [info("y")], list(initializers))
    imports = imports or [helper.make_opsetid("", opset)]
    m = helper.make_model(graph, opset_imports=imports, functions=list(functions), **kwargs)
    m.ir_version = 10
    return m


def node(op, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), **attributes)


def relu():
    return model([node("Relu")])


def with_tensor(tensor, op="Add"):
    return model([node(op, ("x", "w"))], initializers=[tensor])


def tensor(dims=(3,), dtype=F, name="w", **fields):
    t = TensorProto(name=name, data_type=dtype, dims=dims)
    for key, value in fields.items():
        getattr(t, key).extend(value) if isinstance(value, list) else setattr(t, key, value)
    return t


def test_sound_models_are_accepted(check):
    assert check(relu()) == (0, {})
    assert check(with_tensor(tensor(float_data=[1, 2, 3]))) == (0, {})
    big = numpy_helper.from_array(np.ones((1000, 3), np.float32), "w")
    assert check(model([node("Add", ("x", "w"))], [info("x", (1000, 3))], [info("y", (1000, 3))],
                       initializers=[big])) == (0, {})


# --- bytes ---------------------------------------------------------------------------------------

def field(number, payload):
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


BYTES = {
    "empty": (b"", "E0004"),
    "text": (b"ir_version: 7 graph { }", "E0009"),
    "json": (b'{"irVersion": 7}', "E0009"),
    "zip": (b"PK\x03\x04rest", "E0009"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "E0009"),
    "trailing garbage": (relu().SerializeToString() + b"\xff\xff\xff", "E0005"),
    "unknown field": (relu().SerializeToString() + field(15, b"abc"), "E0006"),
    "group": (relu().SerializeToString() + b"\x0b\x0c", "E0005"),
    "length beyond the file": (relu().SerializeToString() + b"\x72\xff\xff\xff\xff\x0f", "E0005"),
    "endless varint": (b"\x08" + b"\xff" * 11, "E0005"),
    "two graphs": (relu().SerializeToString() * 2, "E0008"),
    "only noise": (bytes(range(256)), "E0006"),
}


@pytest.mark.parametrize("case", BYTES)
def test_bytes(check, case):
    data, code = BYTES[case]
    status, problems = check(data)
    assert status in (3, 9) and problems, problems
    assert code in problems or case in ("only noise", "group"), problems


def test_every_truncation_is_refused(check, build_dir, tmp_path):
    data = with_tensor(numpy_helper.from_array(np.ones(3, np.float32), "w")).SerializeToString()
    paths = []
    for length in range(len(data)):
        path = tmp_path / f"t{length}.onnx"
        path.write_bytes(data[:length])
        paths.append(path)
    result = subprocess.run([build_dir / "bin" / "cameo-import", "--summary", *paths],
                            capture_output=True, text=True, timeout=120, preexec_fn=limits)
    assert result.returncode == 0, result.stderr[-500:]
    lines = result.stdout.splitlines()
    assert len(lines) == len(data)
    # A cut at a field's boundary of the model message itself can leave a complete model.
    accepted = [line for line in lines if ": ok" in line]
    for line in accepted:
        onnx.checker.check_model(line.split(":")[0])


def test_every_flipped_byte_is_survived(build_dir, tmp_path):
    data = with_tensor(numpy_helper.from_array(np.ones(3, np.float32), "w")).SerializeToString()
    paths = []
    for position in range(len(data)):
        for bit in (0, 3, 7):
            path = tmp_path / f"f{position}.{bit}.onnx"
            path.write_bytes(data[:position] + bytes([data[position] ^ 1 << bit])
                             + data[position + 1:])
            paths.append(path)
    result = subprocess.run([build_dir / "bin" / "cameo-import", "--summary", *paths],
                            capture_output=True, text=True, errors="replace", timeout=120,
                            preexec_fn=limits)
    assert result.returncode == 0, result.stderr[-500:]
    assert len(result.stdout.splitlines()) == len(paths)
    assert "E0902" not in result.stdout


@pytest.mark.parametrize("version", [0, 2, 99, -1])
def test_ir_version(check, version):
    m = relu()
    m.ir_version = version
    assert check(m)[1].keys() == {"E0011"}


def test_not_a_file(build_dir, tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    for path in (tmp_path, tmp_path / "pipe.onnx", tmp_path / "absent.onnx"):
        result = subprocess.run([build_dir / "bin" / "cameo-import", "--json", path],
                                capture_output=True, text=True, timeout=30)
        assert result.returncode == 9, path


def nested_if(depth):
    condition = helper.make_node("Constant", [], ["c"],
                                 value=helper.make_tensor("", TensorProto.BOOL, [], [1]))
    body = helper.make_graph([node("Identity", ["x"], ["leaf"])], "b", [], [info("leaf")])
    for level in range(depth):
        name = f"v{level}"
        other = helper.make_graph([node("Identity", ["x"], [f"e{level}"])], "e", [],
                                  [info(f"e{level}")])
        inner = helper.make_node("If", ["c"], [name], then_branch=body, else_branch=other)
        body = helper.make_graph([inner], "b", [], [info(name)])
    out = body.node[0]
    out.output[0] = "y"
    return model([condition, out])


def tower(depth):
    """Graphs within graphs, deeper than Python's Protobuf writes them."""
    graph = b""
    for _ in range(depth):
        graph = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, graph)))
    return b"\x08\x0a" + field(7, graph) + field(8, b"\x10\x15")


def test_nesting(check):
    assert check(nested_if(20))[0] == 0
    assert "E0007" not in check(tower(30))[1]
    for depth in (40, 2000):
        status, problems = check(tower(depth))
        assert status == 9 and "E0007" in problems
    assert "E0007" in check(nested_if(20), "--max-nesting", "30")[1]


# --- tensors -------------------------------------------------------------------------------------

RAW = np.ones(3, np.float32).tobytes()
TENSORS = {
    "negative dim": (tensor((-3,), raw_data=RAW), "E0101"),
    "overflow": (tensor((1 << 33, 1 << 33), raw_data=RAW), "E0102"),
    "overflow to a small number": (tensor((1 << 32, 1 << 32, 3), raw_data=RAW), "E0102"),
    "bits overflow": (tensor((1 << 61,), raw_data=RAW), "E0102"),
    "raw too short": (tensor(raw_data=RAW[:11]), "E0103"),
    "raw too long": (tensor(raw_data=RAW + b"\0"), "E0103"),
    "large raw too long": (tensor((300,), raw_data=b"\0" * 1204), "E0103"),
    "no data": (tensor(), "E0103"),
    "typed too short": (tensor(float_data=[1, 2]), "E0103"),
    "typed and raw": (tensor(raw_data=RAW, float_data=[1, 2, 3]), "E0104"),
    "two typed fields": (tensor(float_data=[1, 2, 3], int32_data=[1]), "E0104"),
    "wrong typed field": (tensor(int32_data=[1, 2, 3]), "E0105"),
    "undefined type": (tensor(dtype=0, raw_data=RAW), "E0106"),
    "unknown type": (tensor(dtype=77, raw_data=RAW), "E0106"),
    "string with raw": (tensor(dtype=TensorProto.STRING, raw_data=RAW), "E0108"),
    "int8 out of range": (tensor(dtype=TensorProto.INT8, int32_data=[1, 2, 300]), "E0109"),
    "bool is 2": (tensor(dtype=TensorProto.BOOL, int32_data=[1, 0, 2]), "E0109"),
    "raw bool is 2": (tensor(dtype=TensorProto.BOOL, raw_data=b"\1\0\2"), "E0109"),
    "odd int4 too short": (tensor((5,), TensorProto.INT4, raw_data=b"\0\0"), "E0103"),
    "odd int4 too long": (tensor((5,), TensorProto.INT4, raw_data=b"\0\0\0\0"), "E0103"),
    "odd fp4": (tensor((3,), TensorProto.FLOAT4E2M1, raw_data=b"\0"), "E0103"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensor(check, case):
    t, code = TENSORS[case]
    assert code in check(with_tensor(t))[1]
    # The same tensor as an attribute, in a subgraph, and in training_info goes through the same check.
    assert code in check(model([helper.make_node("Constant", [], ["y"], value=t)]))[1]
    m = relu()
    m.training_info.add().algorithm.initializer.append(t)
    assert code in check(m)[1]


def test_segments_are_refused(check):
    t = tensor(raw_data=RAW)
    t.segment.begin, t.segment.end = 0, 3
    assert "E0107" in check(with_tensor(t))[1]


@pytest.mark.parametrize("dtype", [v for v in TensorProto.DataType.values()])
def test_every_element_type(check, dtype):
    """Accepted, or refused as unsupported: no element type is taken for another."""
    unsupported = {TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.COMPLEX128, 27, 28}
    m = model([node("Identity")], [info("x", dtype=dtype)], [info("y", dtype=dtype)])
    status, problems = check(m)
    if dtype == TensorProto.UNDEFINED:
        assert "E0106" in problems
    elif dtype in unsupported:
        assert status == 2 and "E0803" in problems
    else:
        assert status == 0, problems


def test_sparse_initializer(check):
    m = model([node("Add", ("x", "w"))])
    sparse = m.graph.sparse_initializer.add()
    sparse.values.CopyFrom(tensor((2,), raw_data=RAW[:8]))
    sparse.indices.CopyFrom(tensor((2,), I64, "i", raw_data=b"\0" * 15))
    sparse.dims.append(3)
    assert "E0103" in check(m)[1]


# --- external data -------------------------------------------------------------------------------

def external(**entries):
    t = tensor((3,), data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        t.external_data.add(key=key, value=str(value))
    return t


@pytest.fixture
def data_file(tmp_path):
    (tmp_path / "w.bin").write_bytes(RAW + RAW)
    return tmp_path / "w.bin"


def test_external_data(check, data_file):
    assert check(with_tensor(external(location="w.bin")))[0] == 0
    assert check(with_tensor(external(location="./w.bin", offset=12, length=12)))[0] == 0


EXTERNAL = {
    "absent key": (dict(offset=0), "E0209"),
    "empty": (dict(location=""), "E0201"),
    "absolute": (dict(location="/etc/passwd"), "E0201"),
    "drive": (dict(location="C:\\w.bin"), "E0201"),
    "UNC": (dict(location="\\\\host\\w.bin"), "E0201"),
    "parent": (dict(location="../w.bin"), "E0201"),
    "hidden parent": (dict(location="a/../../w.bin"), "E0201"),
    "backslash parent": (dict(location="a\\..\\w.bin"), "E0201"),
    "NUL": (dict(location="w.bin\0.txt"), "E0201"),
    "folder": (dict(location="."), "E0201"),
    "absent file": (dict(location="none.bin"), "E0211"),
    "negative offset": (dict(location="w.bin", offset=-4), "E0205"),
    "overflowing offset": (dict(location="w.bin", offset=2**64), "E0205"),
    "offset above INT64_MAX": (dict(location="w.bin", offset=2**63), "E0205"),
    "offset with text": (dict(location="w.bin", offset="4x"), "E0205"),
    "offset in hex": (dict(location="w.bin", offset="0x4"), "E0205"),
    "offset with blank": (dict(location="w.bin", offset=" 4"), "E0205"),
    "overlong offset": (dict(location="w.bin", offset="0" * 30), "E0205"),
    "negative length": (dict(location="w.bin", length=-1), "E0205"),
    "wrong length": (dict(location="w.bin", length=8), "E0103"),
    "beyond the end": (dict(location="w.bin", offset=13), "E0206"),
    "offset beyond the end": (dict(location="w.bin", offset=2**62), "E0206"),
    "unknown key": (dict(location="w.bin", basepath="/"), "E0207"),
}


@pytest.mark.parametrize("case", EXTERNAL)
def test_external_refusals(check, data_file, case):
    entries, code = EXTERNAL[case]
    t = external(**entries)
    assert code in check(with_tensor(t))[1]
    assert code in check(model([helper.make_node("Constant", [], ["y"], value=t)]))[1]
    inner = helper.make_graph([helper.make_node("Constant", [], ["z"], value=t)], "b", [],
                              [info("z", (3,))])
    nested = model([helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)],
                   [info("c", (), TensorProto.BOOL)], [info("y", (3,))])
    assert code in check(nested)[1]
    sparse = relu()
    s = sparse.graph.sparse_initializer.add()
    s.values.CopyFrom(t)
    assert code in check(sparse)[1]


def test_external_duplicate_key(check, data_file):
    t = external(location="w.bin")
    t.external_data.add(key="location", value="w.bin")
    assert "E0208" in check(with_tensor(t))[1]


def test_external_links(check, data_file, tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "model"
    outside.mkdir()
    inside.mkdir()
    (outside / "w.bin").write_bytes(RAW)
    os.symlink(outside / "w.bin", tmp_path / "model" / "link.bin")
    os.symlink(outside, tmp_path / "model" / "folder")
    os.link(outside / "w.bin", tmp_path / "model" / "hard.bin")
    os.mkfifo(inside / "pipe.bin")
    (inside / "dir.bin").mkdir()
    for name, code in (("link.bin", "E0202"), ("folder/w.bin", "E0202"), ("hard.bin", "E0203"),
                       ("pipe.bin", "E0204"), ("dir.bin", "E0204")):
        m = with_tensor(external(location=name))
        assert code in check(m, name="model/m.onnx")[1], name
    for name in ("link.bin", "folder/w.bin"):
        m = with_tensor(external(location=name))
        assert check(m, "--allow-external", outside, name="model/m.onnx")[0] == 0
    m = with_tensor(external(location="hard.bin"))
    assert check(m, "--allow-external", inside, name="model/m.onnx")[0] == 0


def test_external_overlap(check, data_file):
    first, second = external(location="w.bin"), external(location="w.bin", offset=4)
    second.name = "v"
    nodes = [node("Add", ("x", "w"), ("s",)), node("Add", ("s", "v"))]
    assert "E0210" in check(model(nodes, initializers=[first, second]))[1]
    second = external(location="w.bin")
    second.name = "v"  # the very same bytes: tied weights
    assert check(model(nodes, initializers=[first, second]))[0] == 0


def test_ten_gigabytes_of_weights_cost_no_memory(check, tmp_path):
    """The file is sparse; RLIMIT_DATA above bounds anonymous memory."""
    count = 10 << 28  # 10 GiB of f32
    with open(tmp_path / "big.bin", "wb") as f:
        f.truncate(4 * count)
    t = TensorProto(name="w", data_type=F, dims=(count,), data_location=TensorProto.EXTERNAL)
    t.external_data.add(key="location", value="big.bin")
    m = model([node("Mul", ("x", "w"))], [info("x", (1,))], [info("y", (count,))], initializers=[t])
    assert check(m) == (0, {})


# --- graphs --------------------------------------------------------------------------------------

def hidden_outer():
    body = helper.make_graph([node("Relu", ["x"], ["x2"]), node("Neg", ["x2"], ["x"])], "b", [],
                             [info("x")])
    return model([helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)],
                 [info("x"), info("c", (), TensorProto.BOOL)])


def untyped_input():
    m = relu()
    m.graph.input[0].ClearField("type")
    return m


def sequence_input():
    m = relu()
    m.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", F, [2]))
    return m


GRAPHS = {
    "duplicate output": (model([node("Relu", outputs=["y"]), node("Neg", outputs=["y"])]), "E0301"),
    "output is an input": (model([node("Relu", outputs=["x"]), node("Neg")]), "E0301"),
    "duplicate input": (model([node("Relu")], [info("x"), info("x")]), "E0301"),
    "duplicate initializer": (model([node("Relu")], initializers=[
        tensor(raw_data=RAW), tensor(raw_data=RAW)]), "E0301"),
    "cycle": (model([node("Add", ("x", "b"), ("a",)), node("Add", ("x", "a"), ("b",)),
                     node("Relu", ("b",))]), "E0302"),
    "own input": (model([node("Add", ("x", "y"), ("y",))]), "E0302"),
    "undefined input": (model([node("Add", ("x", "ghost"))]), "E0303"),
    "hidden outer value": (hidden_outer(), "E0304"),
    "undefined output": (model([node("Relu", outputs=["z"])]), "E0305"),
    "no outputs": (model([node("Relu")], outputs=[]), "E0305"),
    "empty op_type": (model([node("")]), "E0306"),
    "domain not imported": (model([helper.make_node("Gelu", ["x"], ["y"], domain="com.x")]), "E0307"),
    "no opset": (model([node("Relu")], imports=[helper.make_opsetid("ai.onnx.ml", 3)]), "E0307"),
    "duplicate import": (model([node("Relu")], imports=[helper.make_opsetid("", 21),
                                                        helper.make_opsetid("ai.onnx", 21)]), "E0309"),
    "opset of the future": (model([node("Relu")], opset=99), "E0310"),
    "input without type": (untyped_input(), "E0311"),
    "input is a sequence": (sequence_input(), "E0312"),
    "negative input size": (model([node("Relu")], [info("x", (-2, 3))]), "E0313"),
    "input without name": (model([node("Relu")], [info("x"), info("")]), "E0314"),
    "type of the output": (model([node("Relu")], outputs=[info("y", dtype=I64)]), "E0316"),
    "rank of the output": (model([node("Relu")], outputs=[info("y", (6,))]), "E0316"),
    "unknown operator": (model([node("RequantShift")]), "E0601"),
    "operator of a later opset": (model([node("Gelu")], opset=19), "E0602"),
    "removed operator": (model([node("Upsample", ("x", "s"))], opset=13, initializers=[
        tensor((2,), name="s", float_data=[1, 1])]), "E0606"),
    "foreign domain": (model([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")],
                             imports=[helper.make_opsetid("", 21),
                                      helper.make_opsetid("com.microsoft", 1)]), "E0808"),
    "too many inputs": (model([node("Relu", ("x", "x"))]), "E0603"),
    "required input absent": (model([node("Add", ("x", ""))]), "E0603"),
    "types differ": (model([node("Add", ("x", "z"))], [info("x"), info("z", dtype=I64)]), "E0605"),
    "type not allowed": (model([node("Relu")], [info("x", dtype=TensorProto.BOOL)],
                               [info("y", dtype=TensorProto.BOOL)]), "E0604"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_graph(check, case):
    m, code = GRAPHS[case]
    status, problems = check(m)
    assert status in (2, 3) and code in problems, problems


def test_no_opset_at_all(check):
    m = relu()
    del m.opset_import[:]
    assert "E0308" in check(m)[1]


def test_all_problems_at_once(check):
    m = model([node("Foo", ("x",), ("a",)), node("Gelu", ("a",), ("b",)), node("Add", ("b", "ghost"))],
              opset=19)
    problems = check(m)[1]
    assert {"E0601", "E0602", "E0303"} <= problems.keys()
    assert problems["E0602"]["operator"] == "Gelu" and problems["E0602"]["index"] == 1


def test_unused_imports_are_fine(check):
    assert check(model([node("Relu")], imports=[helper.make_opsetid("", 21), helper.make_opsetid(
        "org.pytorch.aten", 1)])) == (0, {})


def test_unsorted_graph(check):
    nodes = [node("Neg", ("b",)), node("Abs", ("a",), ("b",)), node("Relu", ("x",), ("a",))]
    assert check(model(nodes)) == (0, {})


# --- functions -----------------------------------------------------------------------------------

OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]


def function(name, nodes, attributes=(), inputs=("p",), outputs=("q",)):
    return helper.make_function("local", name, list(inputs), list(outputs), nodes, OPSETS,
                                list(attributes))


def call(name, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(name, list(inputs), list(outputs), domain="local", **attributes)


def chain(length):
    """f0 is a Relu; f(i+1) calls f(i) twice."""
    functions = [function("f0", [node("Relu", ("p",), ("q",))])]
    for i in range(length):
        functions.append(function(f"f{i + 1}", [call(f"f{i}", ("p",), ("t",)),
                                                call(f"f{i}", ("t",), ("q",))]))
    return model([call(f"f{length}")], imports=OPSETS, functions=functions)


def test_functions(check):
    leaky = function("leaky", [helper.make_node("LeakyRelu", ["p"], ["q"])], ["slope"])
    leaky.node[0].attribute.add(name="alpha", ref_attr_name="slope",
                                type=onnx.AttributeProto.FLOAT)
    assert check(model([call("leaky", slope=0.5)], imports=OPSETS, functions=[leaky])) == (0, {})
    assert check(chain(4)) == (0, {})
    assert "E0402" in check(model([call("leaky", other=1.0)], imports=OPSETS, functions=[leaky]))[1]
    assert "E0402" in check(model([call("leaky", ("x", "x"))], imports=OPSETS, functions=[leaky]))[1]
    assert "E0405" in check(model([call("leaky")], imports=OPSETS, functions=[leaky, leaky]))[1]
    leaky.node[0].attribute[0].ref_attr_name = "absent"
    assert "E0403" in check(model([call("leaky")], imports=OPSETS, functions=[leaky]))[1]


def test_recursion(check):
    itself = function("f", [call("f", ("p",), ("q",))])
    assert "E0401" in check(model([call("f")], imports=OPSETS, functions=[itself]))[1]
    pair = [function("f", [call("g", ("p",), ("q",))]), function("g", [call("f", ("p",), ("q",))])]
    assert "E0401" in check(model([call("f")], imports=OPSETS, functions=pair))[1]
    assert "E0401" in check(model([node("Relu")], imports=OPSETS, functions=[itself]))[1]


def test_expansion_is_counted_before_it_is_done(check):
    status, problems = check(chain(40))
    assert status == 9 and "E0404" in problems
    assert "E0404" in check(chain(6), "--max-nodes", "50")[1]


def test_deep_calls(check):
    functions = [function("f0", [node("Relu", ("p",), ("q",))])]
    for i in range(3000):
        functions.append(function(f"f{i + 1}", [call(f"f{i}", ("p",), ("q",))]))
    assert "E0404" in check(model([call("f3000")], imports=OPSETS, functions=functions))[1]


# --- shapes and control operands -----------------------------------------------------------------

def ints(name, values):
    return tensor((len(values),), I64, name, int64_data=list(values))


def shaped(op, values, x=(2, 3), extra=(), **attributes):
    inputs = ["x"] + [f"c{i}" for i in range(len(values))]
    out = helper.make_tensor_value_info("y", F, None)
    return model([node(op, inputs, **attributes)], [info("x", x)], [out],
                 initializers=[ints(f"c{i}", v) for i, v in enumerate(values)])


SHAPES = {
    "reshape count": (shaped("Reshape", [[7]]), "E0701"),
    "reshape two -1": (shaped("Reshape", [[-1, -1]]), "E0702"),
    "reshape -2": (shaped("Reshape", [[-2]]), "E0702"),
    "reshape 0 beyond": (shaped("Reshape", [[2, 3, 0]]), "E0702"),
    "reshape -1 and 0": (shaped("Reshape", [[0, -1]], allowzero=1), "E0702"),
    "expand": (shaped("Expand", [[4]]), "E0701"),
    "expand negative": (shaped("Expand", [[-1, 2, 3]]), "E0702"),
    "tile count": (shaped("Tile", [[2]]), "E0702"),
    "tile negative": (shaped("Tile", [[-1, 1]]), "E0702"),
    "tile bomb": (shaped("Tile", [[1 << 40, 1 << 40]]), "E0702"),
    "pad count": (shaped("Pad", [[1, 1]]), "E0702"),
    "pad below zero": (shaped("Pad", [[0, -9, 0, 0]]), "E0701"),
    "slice step 0": (shaped("Slice", [[0], [1], [0], [0]]), "E0702"),
    "slice lengths": (shaped("Slice", [[0, 0], [1]]), "E0702"),
    "slice axis": (shaped("Slice", [[0], [1], [5]]), "E0505"),
    "unsqueeze twice": (shaped("Unsqueeze", [[0, 0]]), "E0505"),
    "squeeze not 1": (shaped("Squeeze", [[0]]), "E0701"),
    "gather out of range": (shaped("Gather", [[2]]), "E0702"),
    "topk negative": (shaped("TopK", [[-1]]), "E0603"),
    "matmul": (model([node("MatMul", ("x", "z"))], [info("x"), info("z")]), "E0701"),
    "broadcast": (model([node("Add", ("x", "z"))], [info("x"), info("z", (4,))]), "E0701"),
    "concat": (model([node("Concat", ("x", "z"), axis=0)], [info("x"), info("z", (2, 4))]), "E0701"),
    "split": (shaped("Split", [[1, 2]], axis=0), "E0702"),
    "split sum": (shaped("Split", [[3]], axis=0), "E0701"),
    "conv channels": (model([node("Conv", ("x", "w"))], [info("x", (1, 3, 8, 8)),
                                                         info("w", (4, 2, 3, 3))]), "E0701"),
    "constant of shape bomb": (model([node("ConstantOfShape", ("c",))], [], [
        info("y", (1,))], initializers=[ints("c", [1 << 40, 1 << 40])]), "E0702"),
    "constant of negative shape": (model([node("ConstantOfShape", ("c",))], [], [
        info("y", (1,))], initializers=[ints("c", [-1])]), "E0702"),
    "range without end": (model([node("Range", ("a", "b", "c"))], [], [info("y", (1,), I64)],
                                initializers=[tensor((), I64, n, int64_data=[v])
                                              for n, v in (("a", 0), ("b", 5), ("c", 0))]), "E0702"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shape(check, case):
    m, code = SHAPES[case]
    status, problems = check(m)
    assert status == 3 and code in problems, problems


def test_huge_values_stay_ops(check):
    """Above the cap a value is legal and is not folded; a splat costs nothing."""
    big = [1 << 20, 1 << 12]
    m = model([node("ConstantOfShape", ("c",))], [], [info("y", big)], initializers=[ints("c", big)])
    assert check(m) == (0, {})
    scalars = [tensor((), I64, n, int64_data=[v]) for n, v in (("a", 0), ("b", 1 << 40), ("c", 1))]
    m = model([node("Range", ("a", "b", "c"))], [], [info("y", (1 << 40,), I64)],
              initializers=scalars)
    assert check(m) == (0, {})


def test_a_size_that_is_data_is_refused(check):
    m = model([node("Abs", ("s",), ("t",)), node("Cast", ("t",), ("u",), to=I64),
               node("Reshape", ("x", "u"))], [info("x"), info("s", (2,))])
    status, problems = check(m)
    assert status == 2 and problems["E0806"]["operator"] == "Reshape"


def test_a_size_that_is_an_input_is_read(check):
    y = helper.make_tensor_value_info("y", F, None)
    assert check(model([node("Reshape", ("x", "s"))], [info("x"), info("s", (2,), I64)], [y])) == (0, {})


# --- attributes ----------------------------------------------------------------------------------

def with_attribute(m, **changes):
    a = m.graph.node[0].attribute.add()
    for key, value in changes.items():
        getattr(a, key).extend(value) if isinstance(value, list) else setattr(a, key, value)
    return m


POOL = dict(inputs=[info("x", (1, 1, 8, 8))], outputs=[info("y", (1, 1, 4, 4))])
CONV = dict(inputs=[info("x", (1, 4, 8, 8)), info("w", (4, 4, 3, 3))],
            outputs=[info("y", (1, 4, 6, 6))])
INT, INTS, FLOAT = (onnx.AttributeProto.INT, onnx.AttributeProto.INTS, onnx.AttributeProto.FLOAT)
ATTRIBUTES = {
    "unknown": (model([node("Relu", slope=1.0)]), "E0501"),
    "of another version": (model([node("Squeeze", axes=[0])], [info("x", (1, 3))], [
        info("y", (3,))], opset=17), "E0501"),
    "wrong type": (model([node("LeakyRelu", alpha=1)]), "E0502"),
    "missing": (model([node("Cast")]), "E0503"),
    "twice": (with_attribute(model([node("LeakyRelu", alpha=0.1)]), name="alpha", type=FLOAT, f=1.0),
              "E0504"),
    "two values": (with_attribute(model([node("LeakyRelu")]), name="alpha", type=FLOAT, f=1.0, i=3),
                   "E0506"),
    "NaN": (model([node("LeakyRelu", alpha=float("nan"))]), "E0505"),
    "infinite": (model([node("LeakyRelu", alpha=float("inf"))]), "E0505"),
    "axis": (model([node("Softmax", axis=2)]), "E0505"),
    "axis below": (model([node("Softmax", axis=-3)]), "E0505"),
    "duplicate axes": (model([node("ReduceSum", axes=[0, 0])], opset=11), "E0505"),
    "same axis twice": (model([node("ReduceMax", axes=[0, -2])], opset=11), "E0505"),
    "perm": (model([node("Transpose", perm=[0, 0])]), "E0505"),
    "perm rank": (model([node("Transpose", perm=[0, 2, 1])]), "E0505"),
    "stride 0": (model([node("MaxPool", kernel_shape=[2, 2], strides=[0, 2])], **POOL), "E0505"),
    "negative dilation": (model([node("MaxPool", kernel_shape=[2, 2], dilations=[-1, 1])], **POOL),
                          "E0505"),
    "negative pad": (model([node("MaxPool", kernel_shape=[2, 2], pads=[-1, 0, 0, 0])], **POOL),
                     "E0505"),
    "pads length": (model([node("MaxPool", kernel_shape=[2, 2], pads=[1, 1])], **POOL), "E0505"),
    "kernel 0": (model([node("MaxPool", kernel_shape=[0, 2])], **POOL), "E0505"),
    "group 0": (model([node("Conv", ("x", "w"), group=0)], **CONV), "E0505"),
    "group": (model([node("Conv", ("x", "w"), group=3)], **CONV), "E0701"),
    "kernel_shape of others": (model([node("Conv", ("x", "w"), kernel_shape=[5, 5])], **CONV),
                               "E0701"),
    "auto_pad": (model([node("Conv", ("x", "w"), auto_pad="SOME")], **CONV), "E0505"),
    "keepdims": (model([node("ReduceMean", keepdims=2)], opset=13), "E0505"),
    "blocksize 0": (model([node("DepthToSpace", blocksize=0)], [info("x", (1, 4, 2, 2))]), "E0505"),
    "direction": (model([node("BitShift", ("x", "x"), direction="UP")], [info("x", dtype=2)],
                        [info("y", dtype=2)]), "E0505"),
    "reference outside functions": (with_attribute(model([node("LeakyRelu")]), name="alpha",
                                                   type=FLOAT, ref_attr_name="a"), "E0403"),
    "einsum": (model([node("Einsum", equation="ij,jk->ik")]), "E0505"),
    "two constants": (model([helper.make_node("Constant", [], ["y"], value_int=1, value_float=1.0)]),
                      "E0505"),
}


@pytest.mark.parametrize("case", ATTRIBUTES)
def test_attribute(check, case):
    m, code = ATTRIBUTES[case]
    status, problems = check(m)
    assert status == 3 and code in problems, problems


def test_unsupported_attribute_values_are_told_apart(check):
    m = model([node("BatchNormalization", ("x", "s", "b", "m", "v"), ("y",), training_mode=1)],
              [info("x", (2, 3))] + [info(n, (3,)) for n in "sbmv"])
    status, problems = check(m)
    assert status == 2 and "training_mode is 0" in problems["E0804"]["supported"]


# --- quantization --------------------------------------------------------------------------------

def quantize(scale, zero=None, x=(4, 6), **attributes):
    inputs = ("x", "s", "z") if zero is not None else ("x", "s")
    return model([node("QuantizeLinear", inputs, **attributes)], [info("x", x)],
                 [info("y", x, TensorProto.UINT8)],
                 initializers=[scale] + ([zero] if zero is not None else []))


def test_quantization(check):
    def scale(values, dims=None):
        return tensor((len(values),) if dims is None else dims, F, "s", float_data=values)

    def zero(count, dtype=TensorProto.UINT8):
        return tensor((count,), dtype, "z", int32_data=[0] * count)

    assert check(quantize(scale([0.5], ()))) == (0, {})
    assert check(quantize(scale([0.5] * 6), zero(6), axis=1)) == (0, {})
    assert "E0703" in check(quantize(scale([float("nan")], ())))[1]
    status, problems = check(quantize(scale([0.0], ())))
    assert status == 0 and "W0002" in problems
    assert "E0701" in check(quantize(scale([0.5] * 5), axis=1))[1]
    assert "E0703" in check(quantize(scale([0.5] * 6), zero(5), axis=1))[1]
    assert "E0505" in check(quantize(scale([0.5] * 6), zero(6), axis=2))[1]
    assert "E0701" in check(quantize(scale([0.5] * 4 * 4, (4, 4)), axis=1, block_size=2))[1]
    bad = tensor((6,), TensorProto.UINT8, "z", int32_data=[256] * 6)
    assert "E0109" in check(quantize(scale([0.5] * 6), bad, axis=1))[1]


# --- options -------------------------------------------------------------------------------------

def test_shape_option(check):
    m = model([node("Relu")], [info("x", ("N", 3))], [info("y", ("N", 3))])
    assert check(m, "--shape", "x=5x3") == (0, {})
    for flag in ("x=5x4", "x=5", "z=5x3"):
        assert "E0315" in check(m, "--shape", flag)[1], flag
