# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Weights outside of the bundle: --weights=reference. Ten gigabytes (a sparse file) cost no memory; a file that
# is missing, changed, shorter or elsewhere is refused by name.
import os
import pathlib
import subprocess
import threading

import numpy as np
import pytest
import small

GIGA = 1 << 30


def peak_anonymous(command):
    """The largest RssAnon of a process, looked at every few milliseconds."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    peak, done = [0], threading.Event()

    def look():
        status = pathlib.Path(f"/proc/{process.pid}/status")
        while not done.wait(0.003):
            try:
                for line in status.read_text().splitlines():
                    if line.startswith("RssAnon"):
                        peak[0] = max(peak[0], int(line.split()[1]) * 1024)
            except OSError:
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    output = process.communicate(timeout=400)[0]
    done.set()
    watcher.join()
    assert process.returncode == 0, output
    return peak[0], output


def test_ten_gigabytes_grow_memory_by_less_than_256_megabytes(build_dir, tmp_path):
    tool = build_dir / "bin" / "cameo"
    (tmp_path / "little").mkdir()
    little = small.external(tmp_path / "little" / "m.onnx", (16, 16))
    base, _ = peak_anonymous([tool, "compile", little, "-o", tmp_path / "little" / "m.cameo"])
    large = small.external(tmp_path / "m.onnx", (10 * GIGA // 4,))
    peak, _ = peak_anonymous([tool, "compile", large, "-o", tmp_path / "m.cameo"])
    print(f"anonymous memory: {base >> 20} MB for 1 KB of weights, {peak >> 20} MB for 10 GB")
    assert peak - base < 256 << 20
    # Above 1 GiB they stay where they are, without being asked.
    assert (tmp_path / "m.cameo").stat().st_size < 1 << 20


@pytest.fixture
def referenced(cameo, tmp_path):
    w = np.arange(600, dtype=np.float32)
    path = small.external(tmp_path / "m.onnx", (600,), data=w.tobytes())
    cameo("compile", path, "--weights=reference", "-o", tmp_path / "m.cameo")
    return tmp_path / "m.cameo"


def refused(cameo, bundle, *words, status=3):
    result = cameo("run", bundle, "--device", "sim", check=False)
    assert result.returncode == status, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_a_reference_runs_as_what_is_embedded_does(cameo, referenced, tmp_path):
    embedded = tmp_path / "e.cameo"
    cameo("compile", tmp_path / "m.onnx", "--weights=embed", "-o", embedded)
    np.save(tmp_path / "x.npy", np.full(1, 0.5, np.float32))
    for bundle in (referenced, embedded):
        cameo("run", bundle, "--device", "sim", f"--input=x=@{tmp_path}/x.npy", "--output-dir", tmp_path / bundle.stem)
        np.testing.assert_array_equal(np.load(tmp_path / bundle.stem / "y.npy"), np.arange(600, dtype=np.float32) + 0.5)
    assert referenced.stat().st_size + 2400 <= embedded.stat().st_size
    assert "1 weights, 2400 bytes, 2400 of them in files beside the bundle" in cameo("inspect", referenced).stdout


def test_it_moves_with_its_folder(cameo, referenced, tmp_path):
    (tmp_path / "moved").mkdir()
    for name in ("m.cameo", "weights.bin"):
        os.rename(tmp_path / name, tmp_path / "moved" / name)
    cameo("run", tmp_path / "moved" / "m.cameo", "--device", "sim")


def test_a_missing_file(cameo, referenced, tmp_path):
    os.remove(tmp_path / "weights.bin")
    refused(cameo, referenced, "weight 'w'", "weights.bin", status=9)


def test_a_changed_file(cameo, referenced, tmp_path):
    with open(tmp_path / "weights.bin", "r+b") as file:
        file.seek(1000)
        file.write(b"\x55")
    refused(cameo, referenced, "weight 'w'", "not the file that the model was compiled with")


def test_a_shorter_file(cameo, referenced, tmp_path):
    os.truncate(tmp_path / "weights.bin", 2399)
    refused(cameo, referenced, "weight 'w'", "beyond the end")


def test_a_link_that_leads_out(cameo, referenced, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "weights.bin"
    os.rename(tmp_path / "weights.bin", outside)
    os.symlink(outside, tmp_path / "weights.bin")
    refused(cameo, referenced, "leads out of the bundle's folder")


def test_a_pipe(cameo, referenced, tmp_path):
    os.remove(tmp_path / "weights.bin")
    os.mkfifo(tmp_path / "weights.bin")
    refused(cameo, referenced, "not a regular file")


def test_a_bundle_elsewhere_cannot_refer(cameo, referenced, tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    result = cameo("compile", tmp_path / "m.onnx", "--weights=reference", "-o", elsewhere / "m.cameo", check=False)
    assert result.returncode == 1 and "not below the bundle's folder" in result.stderr
    assert list(elsewhere.iterdir()) == []
    cameo("compile", tmp_path / "m.onnx", "-o", elsewhere / "m.cameo")  # auto: embedded
    cameo("run", elsewhere / "m.cameo", "--device", "sim")
