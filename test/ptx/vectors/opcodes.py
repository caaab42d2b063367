# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The opcode forms that the PTX machine implements. Candidates are all combinations of opcode, modifiers and types after
# the syntax lines of the PTX ISA 9.0 (SYNTAX: braces are alternatives, the operands follow); what the decoder accepts of
# them is the table. A form counts as reached where a kernel of another compiler has it or a vector tests it. Cache and
# prefetch hints are no form of their own; `.shared::cta` is `.shared`.
#
#   python opcodes.py [--list] [--json] [--unreached] [--opcodes]
import argparse
import collections
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import runner  # noqa: E402
import vectors  # noqa: E402
from forms import Later, expand  # noqa: E402

HINT = re.compile(r"\.(ca|cg|cs|lu|cv|wb|wt|unified)(?=\.|$)|\.L[12]::\w+|\.level::\w+")

# Every opcode of the ISA up to 9.0, and what becomes of it. `refused`: by name and line, before anything runs.
REFUSED = {"tcgen05": "sm_100", "tex": "textures", "tld4": "textures", "txq": "textures", "istypep": "textures",
           "suld": "surfaces", "sust": "surfaces", "sured": "surfaces", "suq": "surfaces", "multimem": "several GPUs",
           "clusterlaunchcontrol": "sm_100", "alloca": "run-time stack", "stacksave": "run-time stack",
           "stackrestore": "run-time stack",
           **{f"v{op}": "video" for op in ("add", "sub", "absdiff", "min", "max", "shl", "shr", "mad", "set")},
           **{f"v{op}{n}": "video" for op in ("add", "sub", "avrg", "min", "max", "set") for n in (2, 4)}}
BEING_BUILT = {"tensormap"}  # may be refused still
OPCODES = """abs activemask add addc and applypriority atom bar barrier bfe bfi bfind bmsk bra brev brkpt brx call clz cnot
copysign cos cp createpolicy cvt cvta discard div dp2a dp4a elect ex2 exit fence fma fns getctarank griddepcontrol isspacep ld
ldmatrix ldu lg2 lop3 mad mad24 madc mapa match max mbarrier membar min mma mov movmatrix mul mul24 nanosleep neg not or pmevent
popc prefetch prefetchu prmt rcp red redux rem ret rsqrt sad selp set setmaxnreg setp shf shfl shl shr sin slct sqrt st stmatrix
sub subc szext tanh tensormap testp trap vabsdiff2 vabsdiff4 vote wgmma wmma xor""".split()

S = "{.global,.shared,.shared::cta,}"
SCOPES = ".cta,.cluster,.gpu,.sys"
# What vectors do not name already: control, synchronisation, asynchronous copies. $: operands that fit.
SYNTAX = """
vabsdiff{2,4}.u32{.u32,.s32}{.u32,.s32}{,.add} %w1, %w2, %w3, %w4; | bra{,.uni} $L; | brx.idx{,.uni} %w1, targets; | call{,.uni} func; | ret{,.uni}; | exit; | trap; | brkpt; | pmevent{,.mask} 1;
nanosleep.u32 100; | bar{,.cta}.sync 0; | bar{,.cta}.sync 1, 64; | bar{,.cta}.arrive 1, 64; | barrier{,.cta}.sync{,.aligned} 0;
barrier{,.cta}.arrive{,.aligned} 1, 64; | bar.warp.sync -1; | membar{.cta,.gl,.sys};
fence{,.sc,.acq_rel,.acquire,.release}{.cta,.cluster,.gpu,.sys}; | fence.mbarrier_init.release.cluster;
fence.proxy{.alias,.async,.async.global,.async.shared::cta,.async.shared::cluster};
fence.proxy.tensormap::generic.release{.cta,.cluster,.gpu,.sys};
fence.proxy.tensormap::generic.acquire{.cta,.cluster,.gpu,.sys} [%d1], 128;
fence.acquire.sync_restrict::shared::cluster.cluster; | fence.release.sync_restrict::shared::cta.cluster;
cp.async.ca{.shared,.shared::cta}.global [%w1], [%d1], {4,8,16}; | cp.async.cg{.shared}.global [%w1], [%d1], 16;
cp.async.ca.shared.global [%w1], [%d1], 16, %w2; | cp.async.ca.shared.global [%w1], [%d1], 16, %p1;
cp.async.commit_group; | cp.async.wait_group 1; | cp.async.wait_all; | cp.async.mbarrier.arrive{,.noinc}{,.shared}.b64 [%w1];
cp.async.bulk.commit_group; | cp.async.bulk.wait_group{,.read} 0; | cp.async.bulk.prefetch.L2.global [%d1], %w1;
cp.async.bulk{.shared::cta,.shared::cluster}.global.mbarrier::complete_tx::bytes [%w1], [%d1], %w2, [%w3];
cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%w1], [%w4], %w2, [%w3];
cp.async.bulk.global.shared::cta.bulk_group [%d1], [%w1], %w2;
cp.reduce.async.bulk.global.shared::cta.bulk_group{.add.u32,.add.s32,.add.u64,.min.u32,.min.s32,.max.u32,.max.s32,.min.u64,.max.u64,.min.s64,.max.s64,.and.b32,.or.b32,.xor.b32,.and.b64,.or.b64,.xor.b64,.inc.u32,.dec.u32,.add.f32,.add.f64,.add.noftz.f16,.add.noftz.bf16,.min.f16,.max.f16,.min.bf16,.max.bf16} [%d1], [%w1], %w2;
cp.async.bulk.tensor{.1d,.2d,.3d,.4d,.5d}{.shared::cta,.shared::cluster}.global{,.tile}.mbarrier::complete_tx::bytes [%w1], [%d1, {@}], [%w2];
cp.async.bulk.tensor{.1d,.2d,.3d,.4d,.5d}.global.shared::cta{,.tile}.bulk_group [%d1, {@}], [%w1];
cp.reduce.async.bulk.tensor{.1d,.2d,.3d,.4d,.5d}.global.shared::cta{.add,.min,.max,.inc,.dec,.and,.or,.xor}{,.tile}.bulk_group [%d1, {@}], [%w1];
cp.async.bulk.prefetch.tensor{.1d,.2d,.3d,.4d,.5d}.L2.global{,.tile} [%d1, {@}];
mbarrier.init{,.shared,.shared::cta}.b64 [%w1], %w2; | mbarrier.inval{,.shared,.shared::cta}.b64 [%w1];
mbarrier.expect_tx{,.relaxed.cta}{,.shared,.shared::cta}.b64 [%w1], %w2;
mbarrier.complete_tx{,.relaxed.cta}{,.shared,.shared::cta}.b64 [%w1], %w2;
mbarrier{.arrive,.arrive_drop}{,.release.cta,.release.cluster,.relaxed.cta}{,.shared,.shared::cta}.b64 %d2, [%w1];
mbarrier{.arrive,.arrive_drop}{,.release.cta,.release.cluster,.relaxed.cta}{,.shared}.b64 %d2, [%w1], %w2;
mbarrier{.arrive,.arrive_drop}.expect_tx{,.release.cta,.relaxed.cta}{,.shared,.shared::cta}.b64 %d2, [%w1], %w2;
mbarrier{.arrive,.arrive_drop}.noComplete{,.release.cta}{,.shared}.b64 %d2, [%w1], %w2;
mbarrier{.test_wait,.try_wait}{,.acquire.cta,.acquire.cluster,.relaxed.cta}{,.shared,.shared::cta}.b64 %p1, [%w1], %d2;
mbarrier{.test_wait,.try_wait}.parity{,.acquire.cta,.acquire.cluster,.relaxed.cta}{,.shared,.shared::cta}.b64 %p1, [%w1], %w2;
mbarrier.try_wait{,.parity}{,.shared}.b64 %p1, [%w1], %w2, 100; | mbarrier.pending_count.b64 %w1, %d2;
griddepcontrol{.launch_dependents,.wait}; | setmaxnreg{.inc,.dec}.sync.aligned.u32 64;
barrier.cluster.arrive{,.release,.relaxed}{,.aligned}; | barrier.cluster.wait{,.acquire}{,.aligned};
mapa{,.shared::cluster}.u64 %d2, %d1, %w1; | mapa.shared::cluster.u32 %w2, %w3, %w1; | getctarank.u64 %w1, %d1;
getctarank.shared::cluster.u32 %w1, %w2; | discard{,.global}.L2 [%d1], 128;
prefetch{,.const,.param}.tensormap [%d1]; | wgmma.fence.sync.aligned; | wgmma.commit_group.sync.aligned; | wgmma.wait_group.sync.aligned 0;
tensormap.replace.tile.global_address{,.global}.b1024.b64 [%d1], %d2; | tensormap.replace.tile.rank{,.global}.b1024.b32 [%d1], 1;
tensormap.replace.tile{.box_dim,.global_dim,.element_stride}{,.global}.b1024.b32 [%d1], 0, %w1;
tensormap.replace.tile.global_stride{,.global}.b1024.b64 [%d1], 0, %d2;
tensormap.replace.tile{.elemtype,.interleave_layout,.swizzle_mode,.fill_mode}{,.global}.b1024.b32 [%d1], 0;
"""


def canonical(form):
    """The form without hints, by the shorter of two names."""
    form = HINT.sub("", form).replace(".shared::cta", ".shared").replace(".param::entry", ".param")
    return re.sub(r"^(ld|st)\.weak\.", r"\1.", form.replace(".param::func", ".param")).replace(" (three)", "3")


def split(instruction):
    return instruction.split(None, 1)[0].rstrip(";")


def candidates():
    """{form: instruction}"""
    found = {}
    for line in re.split(r"\n|\s\|\s", SYNTAX):
        head, _, operands = line.strip().partition(" ")
        if not head:
            continue
        choice = re.match(r"(.*)\{(\d[\d,]*)\}(.*)", operands)
        variants = [choice[1] + v + choice[3] for v in choice[2].split(",")] if choice else [operands]
        for name in expand(head):
            for v in variants:
                rank = re.search(r"\.(\d)d", name)
                text = f"{name} {v}".strip().replace("@", ", ".join(["%w5"] * int(rank[1])) if rank else "")
                found.setdefault(canonical(name.rstrip(";")), text if text.endswith(";") else text + ";")
    return found


def module_of(instruction):
    return (runner.header() + ".func func() { ret; }\n.visible .entry k(.param .u64 in) {\n"
            ".reg .pred %p<9>; .reg .b32 %w<9>; .reg .b64 %d<9>;\n$L:\n" + instruction +
            "\ntargets: .branchtargets $L;\nret;\n}\n")


def implemented(simulator):
    """{form: reached by a vector} of what the decoder accepts."""
    table = {form: False for form, text in candidates().items() if not simulator.accepts(module_of(text))}
    everything = vectors.load(dear=False)
    table |= {canonical(form.name): True for form in everything if isinstance(form, Later)}  # of their bodies nothing else is new
    everything = [form for form in everything if not isinstance(form, Later)] + vectors.load(families=["wmma"])
    for batch in runner.batches(everything, 40):
        texts = runner.header() + "".join(runner.entry(f"k{i}", f) for i, f in enumerate(batch))
        whole = not simulator.accepts(texts)
        for i, form in enumerate(batch):
            if whole or not simulator.accepts(runner.header() + runner.entry("k", form)):
                table[canonical(form.name)] = True
                for line in form.body:
                    for part in re.findall(r"(?:^|[;{]\s*)([a-z][\w.:]*)\s", line):
                        if part.split(".")[0] in OPCODES:
                            table.setdefault(canonical(part), True)
    return table


def foreign(folder=HERE.parent / "foreign"):
    """{form: kernels that have it}"""
    found = collections.defaultdict(set)
    for path in sorted(folder.glob("*/kernel.ptx")):
        for m in re.finditer(r"(?m)^\s*(?:\{\s*)?(?:@!?%\w+\s+)?([a-z]\w*(?:[.][\w:]+)*)[\s;]", path.read_text()):
            if m[1].split(".")[0] in OPCODES:
                found[canonical(m[1])].add(path.parent.name)
    return found


def opcode_status(simulator):
    """{opcode: 'implemented' or 'refused'}: whether the decoder knows the name."""
    status = {}
    for opcode in sorted([*OPCODES, *REFUSED]):
        errors = " ".join(simulator.accepts(module_of(f"{opcode}.x;")).values())
        status[opcode] = "refused" if f"opcode '{opcode}'" in errors else "implemented"
    return status


def report(simulator):
    table, kernels = implemented(simulator), foreign()
    probe = {form for form in kernels if form not in table}  # the operands of these the grammar does not know
    rows = []
    for form in sorted({*table, *probe}):
        opcode = form.split(".")[0]
        rows.append({"opcode": opcode, "form": form, "vector": bool(table.get(form)), "kernels": sorted(kernels.get(form, ()))})
    return rows


PREFACE = """<!-- SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception -->
# Opcodes of the PTX ISA 9.0 in the PTX machine

Made by `python test/ptx/vectors/opcodes.py --markdown`, which asks the decoder. What is refused is refused by name and
line, before anything runs. Forms are combinations of modifiers and types that the decoder accepts, without cache hints;
`--list` prints each of them with what reaches it: a vector of `test/ptx/vectors` or kernels of `test/ptx/foreign`.

"""


def markdown(simulator):
    rows, counts = report(simulator), collections.defaultdict(lambda: [0, 0, 0])
    for row in rows:
        entry = counts[row["opcode"].removesuffix("3")]
        entry[0] += 1
        entry[1] += row["vector"]
        entry[2] += bool(row["kernels"])
    lines = ["| opcode | status | forms | by a vector | in a foreign kernel |", "|---|---|---|---|---|"]
    for opcode, status in opcode_status(simulator).items():
        if status == "refused":
            lines.append(f"| `{opcode}` | refused: {REFUSED.get(opcode, 'not yet')} | | | |")
        else:
            forms, by_vector, by_kernel = counts[opcode]
            lines.append(f"| `{opcode}` | implemented | {forms} | {by_vector} | {by_kernel} |")
    return PREFACE + "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default="build/release/lib/libcameo-ptx.so")
    parser.add_argument("--list", action="store_true", help="every form, and by what it is reached")
    parser.add_argument("--unreached", action="store_true", help="those that nothing reaches")
    parser.add_argument("--opcodes", action="store_true", help="the opcodes of the ISA, and what becomes of them")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="docs/ptx-opcodes.md")
    args = parser.parse_args()
    simulator = runner.Simulator(args.library)
    if args.opcodes:
        for opcode, status in opcode_status(simulator).items():
            print(f"{opcode:22} {status}" + (f" ({REFUSED[opcode]})" if status == "refused" and opcode in REFUSED else ""))
        return 0
    if args.markdown:
        print(markdown(simulator), end="")
        return 0
    rows = report(simulator)
    if args.json:
        print(json.dumps(rows, indent=1))
        return 0
    reached = [row for row in rows if row["vector"] or row["kernels"]]
    for row in rows:
        if args.list or (args.unreached and row not in reached):
            print(f"{row['form']:60} {'vector' if row['vector'] else '':7} {len(row['kernels']) or ''}")
    by_vector, by_kernel = sum(r["vector"] for r in rows), sum(bool(r["kernels"]) for r in rows)
    print(f"{len(rows)} forms of {len({r['opcode'] for r in rows})} opcodes: {by_vector} by a vector, {by_kernel} by a foreign "
          f"kernel, {len(reached)} ({100 * len(reached) / len(rows):.1f} %) by one of them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
