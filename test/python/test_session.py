# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The Python package on the device `sim`, with the frozen bundle: c = (a + b) * w over f32[N], where N has
# to be 4. Skipped where the build has no Python extension (CAMEO_BUILD_PYTHON=ON).
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

FROZEN = pathlib.Path(__file__).resolve().parents[1] / "bundle" / "v1.0.cameo"
W = np.array([1.5, -2.0, 0.25, 3.0], np.float32)


@pytest.fixture(scope="module")
def cameo_package(build_dir):
    package = build_dir / "python"
    if not list((package / "cameo").glob("_runtime*.so")):
        pytest.skip("this build has no Python extension")
    import cameo  # of this build: conftest.py puts it on the path
    assert pathlib.Path(cameo.__file__).is_relative_to(package)
    return cameo


@pytest.fixture
def session(cameo_package):
    return cameo_package.Session(FROZEN, device="sim")


def arrays(n=4):
    return np.arange(n, dtype=np.float32), np.full(n, 10, np.float32)


def test_runs_like_onnx_runtime(session):
    a, b = arrays()
    (c,) = session.run(None, {"a": a, "b": b})
    np.testing.assert_array_equal(c, (a + b) * W)
    (again,) = session.run(["c"], {"b": b, "a": a})
    np.testing.assert_array_equal(again, c)
    assert c.dtype == np.float32 and session.unwritten_bytes("c") == 0


def test_ports(session):
    assert [port.name for port in session.get_inputs()] == ["a", "b"]
    assert session.get_inputs()[0].shape == ("N",)
    assert session.get_outputs()[0].type == "float32"


def test_dlpack_in_and_out(session):
    class Foreign:  # an array of another library: only DLPack
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **kwargs):
            return self.array.__dlpack__()

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    a, b = arrays()
    (c,) = session.run(None, {"a": Foreign(a), "b": b})
    np.testing.assert_array_equal(np.from_dlpack(c), (a + b) * W)
    with pytest.raises(ValueError, match="not contiguous"):
        session.run(None, {"a": Foreign(np.zeros(8, np.float32)[::2]), "b": b})


def test_strided_numpy_is_copied(session):
    wide = np.arange(8, dtype=np.float32)
    (c,) = session.run(None, {"a": wide[::2], "b": np.zeros(4, np.float32)})
    np.testing.assert_array_equal(c, wide[::2] * W)


@pytest.mark.parametrize("inputs, message", [
    ({"a": np.zeros(4, np.float32)}, "input 'b' is missing"),
    ({"a": np.zeros(4, np.float32), "b": np.zeros(4, np.float32), "x": 0}, "no input 'x'"),
    ({"a": np.zeros(4, np.float64), "b": np.zeros(4, np.float32)}, "input 'a' is f64"),
    ({"a": np.zeros((2, 2), np.float32), "b": np.zeros(4, np.float32)}, "has rank 2"),
    ({"a": np.zeros(4, np.float32), "b": np.zeros(3, np.float32)}, "where N is dimension 0 of input 'a'"),
    ({"a": np.zeros(4, "U3"), "b": np.zeros(4, np.float32)}, "which no model has"),
])
def test_wrong_inputs(session, cameo_package, inputs, message):
    with pytest.raises(cameo_package.InputError, match=message) as caught:
        session.run(None, inputs)
    assert caught.value.code == 8


def test_a_failed_check_names_the_nodes(session, cameo_package):
    with pytest.raises(cameo_package.InputError) as caught:
        session.run(None, dict(zip("ab", arrays(5))))
    assert caught.value.nodes == ["/mul"]


def test_other_failures(cameo_package, tmp_path):
    with pytest.raises(cameo_package.ResourceError):
        cameo_package.Session(tmp_path / "absent.cameo")
    (tmp_path / "x.cameo").write_bytes(FROZEN.read_bytes()[:-1])
    with pytest.raises(cameo_package.InvalidError, match="truncated"):
        cameo_package.Session(tmp_path / "x.cameo")
    with pytest.raises(cameo_package.UsageError, match="unknown device"):
        cameo_package.Session(FROZEN, device="tpu")
    with pytest.raises(cameo_package.UsageError, match="unknown option 'colour'"):
        cameo_package.Session(FROZEN, device="sim", colour=1)
    with pytest.raises(cameo_package.DeviceError):
        cameo_package.Session(FROZEN, device="cuda:999")


def test_profile(cameo_package):
    session = cameo_package.Session(FROZEN, device="sim", profile=True)
    session.run(None, dict(zip("ab", arrays())))
    assert [launch["kernel"] for launch in session.launches] == ["add", "mul"]
    assert session.launches[0]["nodes"] == ["/add"]
    assert session.launches[0]["global_load_bytes"] == 32


def test_sessions_of_threads(cameo_package):
    a, b = arrays()
    results = []

    def work():
        session = cameo_package.Session(FROZEN, device="sim", host_threads=1)
        for _ in range(5):
            results.append(session.run(None, {"a": a, "b": b})[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20
    for result in results:
        np.testing.assert_array_equal(result, (a + b) * W)


def test_cancel(session, cameo_package):
    session.cancel()
    with pytest.raises(cameo_package.Interrupted):
        session.run(None, dict(zip("ab", arrays())))
    session.run(None, dict(zip("ab", arrays())))


@pytest.mark.parametrize("name, values", [
    ("int4", [-8, 7, -1]), ("uint4", [15, 0, 9]), ("int2", [-2, 1, 0, -1, 1]), ("float4_e2m1fn", [1.5, -6, 0.5])])
def test_packed_elements_round_trip(cameo_package, name, values):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    from cameo import _arrays
    array = np.array(values, getattr(ml_dtypes, name))
    number = _arrays._NUMBERS[name]
    packed = _arrays._pack(array, _arrays._PACKED[number])
    assert packed.nbytes == -(-array.size * _arrays._PACKED[number] // 8)
    back = _arrays._unpack(packed, _arrays._PACKED[number], array.size, array.dtype)
    np.testing.assert_array_equal(back.astype(np.float32), array.astype(np.float32))


def test_the_shared_library_needs_little(build_dir):
    """No LLVM, MLIR, Protobuf, Python or CUDA in what applications link; and it exports C alone."""
    library = build_dir / "lib" / "libcameo-runtime.so"
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    needed = [line.split("[")[1].rstrip("]") for line in needed.splitlines() if "(NEEDED)" in line]
    allowed = ("libstdc++.so", "libgcc_s.so", "libm.so", "libc.so", "libdl.so", "libpthread.so", "ld-linux")
    assert needed and not [name for name in needed if not name.startswith(allowed)]
    symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    names = [line.split()[-1] for line in symbols.splitlines()]
    assert "cameo_session_run" in names and not [name for name in names if not name.startswith("cameo_")]
    assert library.resolve().stat().st_size < 8 << 20


def test_an_interrupt_ends_the_process_quickly(cameo_package, build_dir):
    """Ctrl-C during a run: KeyboardInterrupt within a second, and the session is usable afterwards."""
    program = f"""
import sys; sys.path.insert(0, {str(build_dir / 'python')!r})
import cameo, numpy as np, os, signal, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
session = cameo.Session({str(FROZEN)!r}, device="sim")
inputs = dict(a=np.zeros(4, np.float32), b=np.zeros(4, np.float32))
def press():  # again and again: Python drops an interrupt that it raises inside of a destructor
    while True:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press, daemon=True).start()
try:
    while True:
        session.run(None, inputs)
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("interrupted", flush=True)
"""
    begin = time.monotonic()
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "interrupted" in result.stdout, result.stderr
    assert time.monotonic() - begin < 15
    assert result.returncode in (0, -signal.SIGINT)
