# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What is no ONNX file: foreign or damaged bytes, every truncation, every flipped byte, nesting, and paths that
# are no files. Sound neighbours are accepted, so that a refusal is for its reason.
import os
import subprocess

import numpy as np
import onnx
import pytest
from hostile import field, info, limits, model, node, relu, tensor, with_tensor
from onnx import TensorProto, helper, numpy_helper


def test_sound_models_are_accepted(check):
    assert check(relu()) == (0, {})
    assert check(with_tensor(tensor(float_data=[1, 2, 3]))) == (0, {})
    big = numpy_helper.from_array(np.ones((1000, 3), np.float32), "w")
    assert check(model([node("Add", ("x", "w"))], [info("x", (1000, 3))], [info("y", (1000, 3))],
                       initializers=[big])) == (0, {})


BYTES = {
    "empty": (b"", "E0004"),
    "text": (b"ir_version: 7 graph { }", "E0009"),
    "json": (b'{"irVersion": 7}', "E0009"),
    "zip": (b"PK\x03\x04rest", "E0009"),
    "bundle": (b"\x89CAMEO\r\nrest", "E0009"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "E0009"),
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


def test_configured_sizes(check, tmp_path):
    """Of the file, of what is parsed of it (tensors' bytes are not), and of a file of external data."""
    t = tensor((300,), raw_data=b"\0" * 1200)
    m = model([node("Add", ("x", "w"))], [info("x", (300,))], [info("y", (300,))], initializers=[t])
    size = len(m.SerializeToString())
    assert check(m, "--max-file-bytes", str(size))[0] == 0
    status, problems = check(m, "--max-file-bytes", str(size - 1))
    assert status == 9 and problems.keys() == {"E0003"}
    assert check(m, "--max-parsed-bytes", str(size - 1100))[0] == 0
    status, problems = check(m, "--max-parsed-bytes", "10")
    assert status == 9 and problems.keys() == {"E0003"}
    (tmp_path / "w.bin").write_bytes(b"\0" * 12000)
    t = tensor((3,), data_location=TensorProto.EXTERNAL)
    t.external_data.add(key="location", value="w.bin")
    assert "E0003" in check(with_tensor(t), "--max-file-bytes", "11999")[1]


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
