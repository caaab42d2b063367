# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The table of opcode forms: nearly all that the decoder accepts is reached by a vector or a foreign kernel; the list of
# the ISA's opcodes says the truth about each; what is refused is refused at once, by name and line.
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import opcodes  # noqa: E402
from forms import Form  # noqa: E402


@pytest.fixture(scope="module")
def simulator(build_dir):
    return opcodes.runner.Simulator(build_dir / "lib" / "libcameo-ptx.so")


def test_forms_are_reached_by_vectors_or_foreign_kernels(simulator):
    rows = opcodes.report(simulator)
    reached = [row for row in rows if row["vector"] or row["kernels"]]
    missing = [row["form"] for row in rows if row not in reached]
    assert len(rows) > 2500 and len(reached) >= 0.9 * len(rows), missing


def test_every_opcode_of_the_isa_is_implemented_or_refused_by_name(simulator):
    status = opcodes.opcode_status(simulator)
    refused = {opcode for opcode, what in status.items() if what == "refused"}
    assert refused - opcodes.BEING_BUILT == set(opcodes.REFUSED), refused ^ set(opcodes.REFUSED)


def test_the_decoder_knows_no_opcode_that_the_list_lacks():
    text = (HERE.parents[2] / "lib" / "Ptx" / "Decode.cpp").read_text()
    rows = set(re.findall(r'\{"(\w+)",\s*&D::\w+\}', text))
    assert len(rows) > 90 and rows <= set(opcodes.OPCODES), rows - set(opcodes.OPCODES)


def test_the_documentation_has_each_status(simulator, source_dir):
    text = (source_dir / "docs" / "ptx-opcodes.md").read_text()
    said = {m[1]: m[2] for m in re.finditer(r"(?m)^\| `(\w+)` \| (implemented|refused)", text)}
    status = opcodes.opcode_status(simulator)
    differ = {opcode for opcode in {*said, *status} if said.get(opcode) != status.get(opcode)} - opcodes.BEING_BUILT
    assert not differ, f"{differ}: run test/ptx/vectors/opcodes.py --markdown > docs/ptx-opcodes.md"


def test_all_that_is_refused_is_said_at_once(simulator):
    lines = ["tcgen05.wait::ld.sync.aligned;", "tex.2d.v4.f32.f32 {%f1,%f2,%f3,%f4}, [t, {%f1,%f2}];", "add.f31 %r1, %r1, %r1;",
             "ld.global.foo.b32 %r1, [%d1];", "mul.lo.sat.s32 %r1, %r1, %r1;", "mov.b32 %r1, %r1;", "vadd.u32.u32.u32 %r1, %r1, %r1;"]
    text = opcodes.runner.header() + ".entry k()\n{\n.reg .b32 %r<9>; .reg .b64 %d<9>; .reg .f32 %f<9>;\n" + "\n".join(lines) + "\n}\n"
    errors = simulator.accepts(text)
    first = 1 + text[:text.index("tcgen05")].count("\n")
    assert sorted(errors) == [first + i for i in (0, 1, 2, 3, 4, 6)]
    assert "tcgen05" in errors[first] and "add.f31" in errors[first + 2] and "'.foo'" in errors[first + 3]


UNKNOWN = """tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [t, {%f1, %f2}]; | tld4.r.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [t, {%f1, %f2}];
txq.width.b32 %r1, [%d1]; | suld.b.1d.b32.trap %r1, [%d1, {%r2}]; | sust.b.1d.b32.trap [%d1, {%r2}], %r1; | suq.width.b32 %r1, [%d1];
sured.b.add.1d.u32.trap [%d1, {%r2}], %r1; | istypep.texref %p1, %d1; | vadd.s32.s32.s32 %r1, %r2, %r3; | alloca.u64 %d1, 16;
vadd4.u32.u32.u32.add %r1, %r2, %r3, %r4; | vset.s32.s32.lt %r1, %r2, %r3; | stacksave.u64 %d1; | stackrestore.u64 %d1;
cvt.rn.satfinite.e2m1x2.f32 %h1, %f1, %f2; | cvt.rn.satfinite.e2m3x2.f32 %h1, %f1, %f2; | cvt.rn.f16x2.e3m2x2 %r1, %h1;
cvt.rp.satfinite.ue8m0x2.f32 %h1, %f1, %f2; | cvt.rs.f16x2.f32 %r1, %f1, %f2, %r2; | redux.sync.add.f32 %f1, %f2, -1;
mma.sync.aligned.kind::f8f6f4.m16n8k32.row.col.f32.e2m1.e2m1.f32 {%f1, %f2, %f3, %f4}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%f1, %f2, %f3, %f4};
cp.async.bulk.tensor.4d.shared::cluster.global.im2col::w.mbarrier::complete_tx::bytes [%r1], [%d1, {%r1, %r2, %r3, %r4}], [%r5], {%h1, %h2};
cp.async.bulk.tensor.2d.shared::cta.global.tile::gather4.mbarrier::complete_tx::bytes [%r1], [%d1, {%r1, %r2, %r3, %r4, %r5}], [%r6];
cp.async.bulk.tensor.2d.global.shared::cta.tile::scatter4.bulk_group [%d1, {%r1, %r2, %r3, %r4, %r5}], [%r6];
multimem.ld_reduce.global.add.f32 %f1, [%d1]; | clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 %p1, %q1; | st.bulk.shared::cta [%r1], 16, 0;
call (p), malloc, (q); | call free, (q);"""


def test_what_is_not_there_is_refused_by_name_and_line(simulator):
    lines = [line.strip() for line in re.split(r"\n|\|", UNKNOWN)]
    text = opcodes.runner.header() + (".extern .func (.param .b64 r) malloc(.param .b64 s);\n.extern .func free(.param .b64 s);\n"
            ".visible .entry k()\n{\n.reg .pred %p<9>; .reg .b16 %h<9>; .reg .b32 %r<9>; .reg .b64 %d<9>; .reg .f32 %f<9>; .reg .b128 %q<9>;\n"
            ".param .b64 p; .param .b64 q;\n")
    errors = simulator.accepts(text + "\n".join(lines) + "\nret;\n}\n")
    first = 1 + text.count("\n")
    for i, line in enumerate(lines):
        wanted = re.search(r"malloc|free", line)[0] if line.startswith("call") else line.split()[0].rstrip(";")
        assert wanted in errors.get(first + i, "taken") and ("not implemented" in errors[first + i] or "not defined" in errors[first + i]), (
            line, errors.get(first + i))


def test_the_table_is_printed(build_dir):
    done = subprocess.run([sys.executable, HERE / "opcodes.py", "--library", build_dir / "lib" / "libcameo-ptx.so", "--opcodes"],
                          capture_output=True, text=True, check=True)
    assert re.search(r"(?m)^fma +implemented$", done.stdout) and re.search(r"(?m)^tex +refused \(textures\)$", done.stdout)


CALLS = """
.global .align 8 .u64 functions[3] = {twice, square, negate};
.func (.param .b32 out) twice(.param .b32 in) { .reg .b32 %r<3>; ld.param.b32 %r1, [in]; add.s32 %r1, %r1, %r1;
 st.param.b32 [out], %r1; ret; }
.func (.param .b32 out) square(.param .b32 in) { .reg .b32 %r<3>; ld.param.b32 %r1, [in]; mul.lo.s32 %r1, %r1, %r1;
 st.param.b32 [out], %r1; ret; }
.func (.param .b32 out) negate(.param .b32 in) { .reg .b32 %r<3>; ld.param.b32 %r1, [in]; neg.s32 %r1, %r1;
 st.param.b32 [out], %r1; ret; }
"""
CALL = """{{ .param .b32 arg; .param .b32 res; .reg .b32 %i; .reg .b64 %a, %f; st.param.b32 [arg], $0; rem.u32 %i, $0, {count};
mul.wide.u32 %a, %i, 8; mov.u64 %f, functions; add.u64 %a, %a, %f; ld.global.u64 %f, [%a];
list: {list}; call (res), %f, (arg), list; ld.param.b32 $d, [res]; }}"""


def run_calls(simulator, how, count=3):
    form = Form("call", [CALL.format(list=how, count=count)], ["b32"], [list(range(64))], ["b32"],
                lambda v: [[2 * v, v * v, -v][v % 3] & 0xffffffff])
    module = simulator.parse(opcodes.runner.header() + CALLS + opcodes.runner.entry("k0", form))
    return form, simulator.run(module, 0, form)


@pytest.mark.parametrize("how", [".calltargets twice, square, negate", ".callprototype (.param .b32 _) _ (.param .b32 _)"])
def test_calls_through_registers(simulator, how):
    form, got = run_calls(simulator, how)
    assert not opcodes.runner.differences(form, got)


def test_a_call_of_what_is_no_function_is_found(simulator):
    with pytest.raises(opcodes.runner.Refused, match="address of no function"):
        run_calls(simulator, ".calltargets twice, negate")
    with pytest.raises(opcodes.runner.Refused, match="out-of-bounds"):
        run_calls(simulator, ".calltargets twice, square, negate", count=4)


def test_initialisers_name_what_exists(simulator):
    errors = simulator.accepts(opcodes.runner.header() + ".global .u64 g[2] = {nothing, 1};\n")
    assert "'nothing' in the initialiser of 'g' is not declared" in errors[4]


PRINT = """
.extern .func (.param .b32 result) vprintf(.param .b64 format, .param .b64 arguments);
.global .align 1 .b8 text[40] = {37, 53, 100, 32, 37, 45, 52, 120, 124, 37, 46, 50, 102, 32, 37, 115, 32, 37, 108, 108, 100, 32,
 37, 37, 10, 0};
.global .align 1 .b8 word[4] = {97, 98, 99, 0};
.visible .entry k(.param .u64 in, .param .u64 out) {
 .local .align 8 .b8 values[40];
 .reg .b32 %r<5>; .reg .b64 %d<9>; .reg .f64 %f<3>; .reg .pred %p<2>;
 mov.u32 %r1, %tid.x; setp.ge.u32 %p1, %r1, 2; @%p1 bra $end;
 mov.u64 %d1, values; cvta.local.u64 %d2, %d1;
 st.local.u32 [%d1], %r1; st.local.u32 [%d1+4], 255; mov.f64 %f1, 0d3FF8000000000000; st.local.f64 [%d1+8], %f1;
 mov.u64 %d3, word; cvta.global.u64 %d3, %d3; st.local.u64 [%d1+16], %d3; st.local.s64 [%d1+24], -7;
 mov.u64 %d4, text; cvta.global.u64 %d4, %d4;
 { .param .b64 a; .param .b64 b; .param .b32 c; st.param.b64 [a], %d4; st.param.b64 [b], %d2;
   call.uni (c), vprintf, (a, b); ld.param.b32 %r2, [c]; }
$end: ret;
}
"""


def run_print(simulator, text):
    """What the launch says."""
    import ctypes
    runner, call = opcodes.runner, simulator.call
    module, memory, result, packed = simulator.parse(runner.header() + text), runner.P(), runner.P(), (ctypes.c_uint64 * 2)()
    call("memory_create", runner.U64(0), ctypes.pointer(memory))
    launch = runner.sized(runner.Launch)
    launch.grid[:], launch.block[:] = [1, 1, 1], [32, 1, 1]
    launch.args, launch.arg_bytes, launch.checks, launch.host_threads = ctypes.addressof(packed), 16, 2, 1
    status = call("launch", module, runner.U32(0), memory, ctypes.pointer(launch), ctypes.pointer(result))
    return status, call("result_text", result, result=ctypes.c_char_p).decode()


def test_what_kernels_print(simulator):
    assert run_print(simulator, PRINT) == (0, "    0 ff  |1.50 abc -7 %\n    1 ff  |1.50 abc -7 %\n")


def test_a_format_that_is_nowhere_is_found(simulator):
    status, said = run_print(simulator, PRINT.replace("mov.u64 %d4, text; cvta.global.u64 %d4, %d4;", "mov.u64 %d4, 64;"))
    assert status == 6 and "vprintf is given a format" in said
    status, said = run_print(simulator, PRINT.replace("st.local.u64 [%d1+16], %d3;", "st.local.u64 [%d1+16], 1;"))
    assert status == 6 and "vprintf is given a format" in said
