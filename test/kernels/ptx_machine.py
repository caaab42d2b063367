# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernel texts on the PTX machine: cameo-opt makes PTX of kernel.funcs, the machine's C interface runs one
# variant, the caller compares with NumPy. The machine's own checks (bounds, alignment, uninitialised
# reads) are on, and an output that no instruction wrote is an error.
import ctypes as C
import re
import subprocess

import numpy as np

U32, U64, P = C.c_uint32, C.c_uint64, C.c_void_p

FUNCTIONS = """text_data text_destroy module_parse module_destroy module_version module_kernel_count module_kernel
module_find module_param memory_create memory_destroy memory_alloc memory_import memory_free memory_write memory_read
memory_fill memory_copy memory_poison memory_unwritten memory_in_use launch result_destroy result_finding_count
result_finding result_counts result_exit_code result_text result_json tensor_map_encode""".split()


class Api(C.Structure):
    _fields_ = [("struct_size", U32), ("version", U32)] + [(name, P) for name in FUNCTIONS]


class Kernel(C.Structure):
    _fields_ = [("struct_size", U32), ("param_count", U32), ("arg_bytes", U32), ("name", C.c_char_p),
                ("static_shared_bytes", U32), ("local_bytes", U32), ("reqntid", U32 * 3), ("maxntid", U32 * 3),
                ("uses_dynamic_shared", U32), ("instructions", U32)]


class Param(C.Structure):
    _fields_ = [("struct_size", U32), ("offset", U32), ("size", U32), ("align", U32), ("name", C.c_char_p),
                ("is_pointer", U32)]


class Launch(C.Structure):
    _fields_ = [("struct_size", U32), ("grid", U32 * 3), ("block", U32 * 3), ("dynamic_shared_bytes", U32),
                ("args", P), ("arg_bytes", U64), ("checks", U32), ("schedule", U32), ("async_point", U32),
                ("counts", U32), ("seed", U64), ("step_limit", U64), ("cancel", P), ("host_threads", U32),
                ("max_findings", U32)]


def sized(struct):
    value = struct()
    value.struct_size = C.sizeof(struct)
    return value


class Machine:
    def __init__(self, library):
        self.library = C.CDLL(str(library))
        self.library.cameo_ptx_api.restype = P
        self.library.cameo_ptx_api.argtypes = [C.c_int]
        self.api = Api.from_address(self.library.cameo_ptx_api(1))

    def call(self, name, *args, result=C.c_int):
        types = [type(a) if not isinstance(a, (bytes, int)) else C.c_char_p if isinstance(a, bytes) else U64 for a in args]
        return C.CFUNCTYPE(result, *types)(getattr(self.api, name))(*args)

    def parse(self, text):
        data, module, errors = text.encode(), P(), P()
        status = self.call("module_parse", data, C.c_size_t(len(data)), b"kernel.ptx", C.pointer(module), C.pointer(errors))
        assert status == 0, self.call("text_data", errors, result=C.c_char_p).decode()
        return module

    def run(self, module, name, grid, inputs, outputs, sizes, shared=0, schedule=0):
        """outputs: arrays to be filled; those given as (array,) hold their contents before the launch. `shared`: bytes
        of shared memory that the launch brings."""
        index = U32()
        assert self.call("module_find", module, name.encode(), C.pointer(index)) == 0, name
        kernel = sized(Kernel)
        self.call("module_kernel", module, index, C.pointer(kernel))
        memory = P()
        self.call("memory_create", U64(0), C.pointer(memory))
        arrays = [np.ascontiguousarray(a) for a in inputs]
        results = [o[0].copy() if isinstance(o, tuple) else np.empty_like(o) for o in outputs]
        values = []
        for i, array in enumerate(arrays + results):
            address = U64()
            assert self.call("memory_alloc", memory, U64(array.nbytes), U64(256), b"buffer%d" % i, C.pointer(address)) == 0
            values.append(address.value)
            if i < len(arrays) or isinstance(outputs[i - len(arrays)], tuple):
                self.call("memory_write", memory, address, P(array.ctypes.data), U64(array.nbytes))
        packed = (C.c_uint8 * kernel.arg_bytes)()
        values += [int(s) for s in sizes]
        assert len(values) == kernel.param_count
        for i, value in enumerate(values):
            param = sized(Param)
            self.call("module_param", module, index, U32(i), C.pointer(param))
            packed[param.offset:param.offset + param.size] = value.to_bytes(param.size, "little", signed=value < 0)
        launch = sized(Launch)
        launch.grid[:] = [int(g) for g in grid]
        launch.block[:] = list(kernel.reqntid)
        launch.dynamic_shared_bytes, launch.schedule = shared, schedule
        launch.args, launch.arg_bytes, launch.checks, launch.host_threads = C.addressof(packed), kernel.arg_bytes, 2, 1
        result = P()
        status = self.call("launch", module, index, memory, C.pointer(launch), C.pointer(result))
        assert status == 0, self.call("result_text", result, result=C.c_char_p).decode()
        for i, array in enumerate(results):
            address = U64(values[len(arrays) + i])
            self.call("memory_read", memory, address, P(array.ctypes.data), U64(array.nbytes))
            missing, first = U64(), U64()
            self.call("memory_unwritten", memory, address, U64(array.nbytes), C.pointer(missing), C.pointer(first))
            assert isinstance(outputs[i], tuple) or missing.value == 0, f"{missing.value} bytes unwritten from {first.value}"
        self.call("result_destroy", result, result=None)
        self.call("memory_destroy", memory, result=None)
        return results


SIZE_FUNCTIONS = dict(floordiv=lambda a, b: a // b, mod=lambda a, b: a % b, min=min, max=max,
                      eq=lambda a, b: int(a == b), ne=lambda a, b: int(a != b), le=lambda a, b: int(a <= b),
                      lt=lambda a, b: int(a < b), select=lambda c, a, b: a if c else b,
                      and_=lambda a, b: int(bool(a and b)), or_=lambda a, b: int(bool(a or b)), not_=lambda a: int(not a))


def evaluate(expression, sizes):
    names = dict(SIZE_FUNCTIONS, **{f"s{i}": int(s) for i, s in enumerate(sizes)})
    return eval(re.sub(r"\b(and|or|not)\(", r"\1_(", expression), {"__builtins__": {}}, names)  # our own text


def ptx_of(module):
    """The PTX that a module carries: an attribute's text, in MLIR's escapes."""
    escaped = re.search(r'cameo\.ptx = "((?:[^"\\]|\\.)*)"', module)[1]
    return re.sub(r"\\([0-9A-F]{2}|.)", lambda m: chr(int(m[1], 16)) if len(m[1]) == 2 else m[1], escaped)


class Kernels:
    """kernel.funcs as text, compiled for a target; `run` picks a variant as the runtime does."""

    PIPELINE = ("builtin.module(kernel-schedule{{target={0}}},kernel-assign-layouts,convert-kernel-to-nvvm,"
                "gpu.module(nvvm-to-ptx{{target={0}}}))")

    def __init__(self, build, text, target="sm_80"):
        done = subprocess.run([str(build / "bin" / "cameo-opt"), "-", "--pass-pipeline=" + self.PIPELINE.format(target)],
                              input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.resolved = done.stdout
        self.ptx = ptx_of(done.stdout)
        self.machine = Machine(build / "lib" / "libcameo-ptx.so")
        self.module = self.machine.parse(self.ptx)
        self.variants = {}
        parts = re.split(r"kernel\.func @(\w+)", done.stdout)
        for name, body in zip(parts[1::2], parts[2::2]):
            self.variants[name] = [
                (v[1], re.search(r'guard = "([^"]*)"', v[2])[1],
                 re.findall(r'"([^"]*)"', re.search(r"grid = \[([^\]]*)\]", v[2])[1]))
                for v in re.finditer(r"kernel\.variant @(\w+) attributes \{(.*)\} \(", body)]

    def run(self, kernel, inputs, outputs, sizes, variant=None):
        for name, guard, grid in self.variants[kernel]:
            if name == variant or (variant is None and evaluate(guard, sizes)):
                extents = [evaluate(g, sizes) for g in grid]
                return self.machine.run(self.module, f"{kernel}_{name}", extents, inputs, outputs, sizes)
        raise AssertionError(f"no variant of {kernel} for {sizes}")
