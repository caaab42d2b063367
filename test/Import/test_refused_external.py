# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# External data: every published way to read another file through a model, and ranges outside of the file.
import os

import pytest
from hostile import F, RAW, info, model, node, relu, with_tensor, tensor
from onnx import TensorProto, helper


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
