# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels for forms, and devices to run them on. A form is one entry: thread i loads input i of each column (8 bytes
# each, one column after the other), executes the form's lines and stores its outputs likewise. The same text runs on the
# PTX machine and, through the driver's interface, on a GPU.
import ctypes as C
import pathlib
import re
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "kernels"))

from ptx_machine import P, U32, U64, Kernel, Launch, Machine, sized  # noqa: E402

BLOCK = 128


def header(target="sm_90a", version="8.8"):
    return f".version {version}\n.target {target}\n.address_size 64\n"


def entry(name, form):
    """The PTX of one form."""
    count, lines, stores = form.count, [], []
    registers = {"pred": 0, "b16": 0, "b32": 0, "b64": 0}

    def new(kind):
        registers[kind] += 1
        return f"%{dict(pred='p', b16='h', b32='w', b64='d')[kind]}{registers[kind] + 9}"

    names = {}
    for i, kind in enumerate(form.inputs):
        names[f"${i}"] = r = new(kind)
        at = f"[%d1+{8 * i * count}]"
        if kind == "pred":
            lines += [f"ld.global.b32 %w1, {at};", f"setp.ne.u32 {r}, %w1, 0;"]
        else:
            lines.append(f"ld.global.{kind} {r}, {at};")
    for i, kind in enumerate(form.outputs):
        names[f"$d{i or ''}"] = r = new(kind)
        at = f"[%d2+{8 * i * count}]"
        if kind == "pred":
            stores += [f"selp.b32 %w1, 1, 0, {r};", f"st.global.b32 {at}, %w1;"]
        else:
            stores.append(f"st.global.{kind} {at}, {r};")
    for line in form.body:
        lines.append(re.sub(r"\$(d?\d*)", lambda m: names["$" + m[1]], line))
    decl = [f".reg .pred %p<{registers['pred'] + 10}>;", f".reg .b16 %h<{registers['b16'] + 10}>;",
            f".reg .b32 %w<{registers['b32'] + 10}>;", f".reg .b64 %d<{registers['b64'] + 10}>;"]
    block = form.threads or BLOCK
    prologue = ["ld.param.u64 %d1, [in];", "ld.param.u64 %d2, [out];", "mov.u32 %w2, %tid.x;", "mov.u32 %w3, %ctaid.x;",
                f"mad.lo.u32 %w2, %w3, {block}, %w2;", f"setp.ge.u32 %p1, %w2, {count};", "@%p1 bra $end;",
                "mul.wide.u32 %d3, %w2, 8;", "add.u64 %d1, %d1, %d3;", "add.u64 %d2, %d2, %d3;"]
    lines = [line.replace(" table;", f" table_{name};") for line in lines]
    tensor = ", .param .align 64 .b8 map[128]" if getattr(form, "map", None) else ""
    directives = getattr(form, "directives", "")
    body = "\n".join("\t" + x for x in [form.declare] * bool(form.declare) + decl + prologue + lines + stores)
    return f"{getattr(form, 'module', '').replace('table', 'table_' + name)}.visible .entry {name}(.param .u64 in, .param .u64 out{tensor}) {directives}\n{{\n{body}\n$end:\n\tret;\n}}\n"


def geometry(form):
    block = form.threads or BLOCK
    return (form.count + block - 1) // block, block


def packed_inputs(form):
    data = np.zeros((len(form.inputs), form.count), np.uint64)
    for row, column in zip(data, form.columns):
        row[:] = np.array(column, dtype=np.uint64)
    return data


def wanted(form):
    """Columns of expected outputs."""
    if form.together:
        parts = []
        for begin in range(0, form.count, 32):
            parts.append(form.expected(*(c[begin:begin + 32] for c in form.columns)))
        return [[v for part in parts for v in part[o]] for o in range(len(form.outputs))]
    rows = [form.expected(*row) for row in zip(*form.columns)]
    return [list(column) for column in zip(*rows)]


def differences(form, got):
    """[(vector, output, inputs, got, wanted)]"""
    found = []
    for o, column in enumerate(wanted(form)):
        for i, want in enumerate(column):
            value = int(got[o][i])
            inputs = [c[i] for c in form.columns]
            same = form.close(value, want, inputs) if form.close and want is not None else want is None or value == want
            if not same:
                found.append((i, o, inputs, value, want))
    return found


class Refused(Exception):
    pass


class TensorMap(C.Structure):
    """cameo_ptx_tensor_map"""
    _fields_ = [("struct_size", U32), ("element_type", U32), ("rank", U32), ("interleave", U32), ("swizzle", U32),
                ("l2_promotion", U32), ("oob_fill", U32), ("reserved", U32), ("address", U64), ("size", U64 * 5),
                ("stride_bytes", U64 * 4), ("box", U32 * 5), ("element_stride", U32 * 5), ("mode", U32),
                ("lower", C.c_int32 * 3), ("upper", C.c_int32 * 3), ("channels", U32), ("pixels", U32)]


def fill_map(value, fields, addresses):
    """`over`: 0 the input buffer, 1 the output buffer; the others are the driver's, lists from the innermost on."""
    for name, field in fields.items():
        if name == "over":
            value.address = addresses[field]
        elif isinstance(field, (list, tuple)):
            for i, v in enumerate(field):
                getattr(value, name)[i] = v
        else:
            setattr(value, name, field)


class Simulator:
    """The PTX machine, through its C interface."""

    def __init__(self, library):
        self.machine = Machine(library)
        self.call = self.machine.call

    def parse(self, text):
        data, module, errors = text.encode(), P(), P()
        status = self.call("module_parse", C.c_char_p(data), C.c_size_t(len(data)), b"vectors.ptx", C.pointer(module),
                           C.pointer(errors))
        if status:
            said = self.call("text_data", errors, result=C.c_char_p).decode()
            self.call("text_destroy", errors, result=None)
            raise Refused(said)
        return module

    def accepts(self, text):
        """None, or the errors by line."""
        try:
            self.call("module_destroy", self.parse(text), result=None)
            return {}
        except Refused as refused:
            return {int(m[1]): m[2] for m in re.finditer(r"vectors\.ptx:(\d+): (.*)", str(refused))}

    def run(self, module, index, form, seed=1):
        grid, block = geometry(form)
        memory, addresses = P(), []
        self.call("memory_create", U64(0), C.pointer(memory))
        inputs, outputs = packed_inputs(form), np.zeros((len(form.outputs), form.count), np.uint64)
        for array in (inputs, outputs):
            address = U64()
            assert self.call("memory_alloc", memory, U64(array.nbytes), U64(256), b"buffer", C.pointer(address)) == 0
            self.call("memory_write", memory, address, P(array.ctypes.data), U64(array.nbytes))
            addresses.append(address.value)
        packed = (C.c_uint64 * 24)(*addresses)  # a tensor map begins at a multiple of 64
        if getattr(form, "map", None):
            self.encode(form.map, addresses, C.addressof(packed) + 64)
        launch = sized(Launch)
        launch.grid[:], launch.block[:] = [grid, 1, 1], [block, 1, 1]
        launch.args, launch.arg_bytes = C.addressof(packed), 192 if getattr(form, "map", None) else 16
        launch.checks, launch.host_threads = 2, 1
        launch.schedule, launch.async_point, launch.seed = seed % 5, seed // 5 % 3, seed
        result = P()
        status = self.call("launch", module, U32(index), memory, C.pointer(launch), C.pointer(result))
        said = self.call("result_text", result, result=C.c_char_p).decode(errors="replace")
        self.call("memory_read", memory, U64(addresses[1]), P(outputs.ctypes.data), U64(outputs.nbytes))
        self.call("result_destroy", result, result=None)
        self.call("memory_destroy", memory, result=None)
        if status:
            raise Refused(f"status {status}: {said}")
        return outputs

    def encode(self, fields, addresses, into):
        value, error = sized(TensorMap), P()
        fill_map(value, fields, addresses)
        if self.call("tensor_map_encode", C.pointer(value), P(into), C.pointer(error)):
            raise Refused(self.call("text_data", error, result=C.c_char_p).decode())

    def destroy(self, module):
        self.call("module_destroy", module, result=None)


class Gpu:
    """A GPU through libcuda: cuModuleLoadData, cuLaunchKernel."""

    def __init__(self):
        try:
            self.cuda = C.CDLL("libcuda.so.1")
        except OSError as error:
            raise Refused(f"no GPU: {error}") from None
        self.check(self.cuda.cuInit(0), "cuInit")
        device, context = C.c_int(), P()
        self.check(self.cuda.cuDeviceGet(C.byref(device), 0), "cuDeviceGet")
        name = C.create_string_buffer(256)
        self.check(self.cuda.cuDeviceGetName(name, 256, device), "cuDeviceGetName")
        major, minor = C.c_int(), C.c_int()
        self.check(self.cuda.cuDeviceGetAttribute(C.byref(major), 75, device), "cuDeviceGetAttribute")
        self.check(self.cuda.cuDeviceGetAttribute(C.byref(minor), 76, device), "cuDeviceGetAttribute")
        self.check(self.cuda.cuDevicePrimaryCtxRetain(C.byref(context), device), "cuDevicePrimaryCtxRetain")
        self.check(self.cuda.cuCtxSetCurrent(context), "cuCtxSetCurrent")
        self.name, self.capability = name.value.decode(), 10 * major.value + minor.value

    def check(self, status, what):
        if status:
            text = C.c_char_p()
            self.cuda.cuGetErrorString(status, C.byref(text))
            raise Refused(f"{what}: {(text.value or b'unknown error').decode()}")

    def parse(self, text):
        module = P()
        self.check(self.cuda.cuModuleLoadData(C.byref(module), C.c_char_p(text.encode() + b"\0")), "cuModuleLoadData")
        return module

    def run(self, module, index, form, seed=1):
        grid, block = geometry(form)
        inputs, outputs = packed_inputs(form), np.zeros((len(form.outputs), form.count), np.uint64)
        function, pointers = P(), []
        self.check(self.cuda.cuModuleGetFunction(C.byref(function), module, f"k{index}".encode()), "cuModuleGetFunction")
        for array in (inputs, outputs):
            pointer = U64()
            self.check(self.cuda.cuMemAlloc_v2(C.byref(pointer), C.c_size_t(array.nbytes)), "cuMemAlloc")
            self.check(self.cuda.cuMemcpyHtoD_v2(pointer, P(array.ctypes.data), C.c_size_t(array.nbytes)), "cuMemcpyHtoD")
            pointers.append(pointer)
        space = (C.c_uint8 * 192)()
        opaque = (C.addressof(space) + 63) // 64 * 64
        if getattr(form, "map", None):
            self.encode(form.map, [p.value for p in pointers], opaque)
        arguments = (P * 3)(*(C.addressof(p) for p in pointers), opaque)
        self.check(self.cuda.cuLaunchKernel(function, grid, 1, 1, block, 1, 1, 0, None, arguments, None), "cuLaunchKernel")
        self.check(self.cuda.cuCtxSynchronize(), "cuCtxSynchronize")
        self.check(self.cuda.cuMemcpyDtoH_v2(P(outputs.ctypes.data), pointers[1], C.c_size_t(outputs.nbytes)), "cuMemcpyDtoH")
        for pointer in pointers:
            self.cuda.cuMemFree_v2(pointer)
        return outputs

    def encode(self, fields, addresses, into):
        m = TensorMap()
        fill_map(m, fields, addresses)
        strides = P(C.addressof(m) + TensorMap.element_stride.offset)
        of = lambda name: P(C.addressof(m) + getattr(TensorMap, name).offset)
        ends = (m.interleave, m.swizzle, m.l2_promotion, m.oob_fill)
        if m.mode:
            status = self.cuda.cuTensorMapEncodeIm2col(P(into), m.element_type, m.rank, P(m.address), of("size"), of("stride_bytes"),
                                                       of("lower"), of("upper"), m.channels, m.pixels, strides, *ends)
        else:
            status = self.cuda.cuTensorMapEncodeTiled(P(into), m.element_type, m.rank, P(m.address), of("size"),
                                                      of("stride_bytes"), of("box"), strides, *ends)
        self.check(status, "cuTensorMapEncode")

    def destroy(self, module):
        self.cuda.cuModuleUnload(module)


assert Kernel


def batches(forms, size=40):
    for begin in range(0, len(forms), size):
        yield forms[begin:begin + size]


def run_forms(device, forms, target="sm_90a", seed=1):
    """Yields (form, outputs or None, what went wrong); a form that is refused does not take others with it."""
    for batch in batches(forms):
        pending = [batch]
        while pending:
            part = pending.pop(0)
            try:
                module = device.parse(header(target) + "".join(entry(f"k{i}", f) for i, f in enumerate(part)))
            except Refused as refused:
                if len(part) > 1:
                    pending[:0] = [part[:len(part) // 2], part[len(part) // 2:]]
                else:
                    yield part[0], None, str(refused)
                continue
            for i, form in enumerate(part):
                try:
                    yield form, device.run(module, i, form, seed), ""
                except Refused as refused:
                    yield form, None, str(refused)
            device.destroy(module)
