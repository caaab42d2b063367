# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the decoder takes against what ptxas takes. Instructions of the vectors and of the opcode table are changed, one
# modifier at a time (left out, added, exchanged for another of the same opcode or for a general one) or one operand,
# and both are asked, thousands of lines at once: both name the lines that they refuse. ptxas is asked for several
# targets, since only the opcode counts here. `meant` says which differences are to be.
#
#   python strictness.py [--count 20000] [--seed 1] [--only PATTERN] [--all]
import argparse
import collections
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import opcodes  # noqa: E402
import runner  # noqa: E402
import vectors  # noqa: E402
from forms import Later  # noqa: E402

TARGETS = ("sm_90a", "sm_100a", "sm_120a")
TYPES = ".u8 .s8 .b8 .u16 .s16 .b16 .f16 .bf16 .u32 .s32 .b32 .f32 .f16x2 .bf16x2 .u64 .s64 .b64 .f64 .b128 .pred".split()
GENERAL = TYPES + ".rn .rz .rna .rni .ftz .sat .satfinite .relu .NaN .abs .cc .lo .hi .wide .approx .full .uni .sync .aligned .cta " \
    ".gpu .sys .cluster .relaxed .acquire .release .volatile .weak .global .shared .local .param .const .generic .v2 .v4 .nc " \
    ".noftz .trans .x2 .x4 .row .col .to .and .xor .popc .parity .read .tile .im2col".split()
WIDTH = {"8": "h", "16": "h", "32": "w", "64": "d"}
DECLARE = (".reg .pred %p<200>; .reg .b16 %h<200>; .reg .b32 %w<200>; .reg .b64 %d<200>; .reg .b128 %q<200>;\n"
           ".reg .b32 %e<20>, %f<20>, %g<20>, %j<20>;\n.shared .align 1024 .b8 sh[1024], tile[1024], bar[64], bars[64];\n")
PREFIX = {"pred": "p", "b8": "h", "b16": "h", "b32": "w", "b64": "d", "b128": "q"}


def concrete(form):
    """The instructions of a form with registers instead of its placeholders."""
    def register(m):
        i = int(m[1].lstrip("d") or 0)
        kinds = form.outputs if m[1].startswith("d") else form.inputs
        return f"%{PREFIX[kinds[i]]}{(100 if m[1].startswith('d') else 20) + i}"
    for line in form.body:
        for part in re.split(r"(?<=;)\s*|[{](?=\s*\.reg)", re.sub(r"\$(d\d*|\d+)", register, line)):
            part = re.sub(r"^@!?%\w+\s+", "", part.strip())
            if re.match(r"[a-z]\w*(\.[\w:]+)+\s[^;]*;$", part) and part.split(".")[0] in opcodes.OPCODES and "bra" not in part:
                part = re.sub(r"%([qrs])\b", lambda m: f"%q{'qrs'.index(m[1]) + 1}", part)
                if ".m8n8k4." in part and ".f64" in part:
                    part = re.sub(r"%[efgj](?=\d)", "%d10", part)
                yield re.sub(r"%[vo](?=\d)", "%" + (class_of("." + part.split()[0].split(".")[-1]) or "w"), part)


def bases():
    """{form: instruction}: one instruction of each name."""
    found = {}
    everything = vectors.load(dear=False)
    seen = set()
    for form in everything:
        if isinstance(form, Later):
            key = re.sub(r"n\d+k", "nk", re.sub(r"\d", "", form.name))
            if key in seen:
                continue
            seen.add(key)
            form = form.form()
        for text in concrete(form):
            found.setdefault(text.split()[0], text)
    for text in opcodes.candidates().values():
        found.setdefault(text.split()[0].rstrip(";"), text)
    return found


def class_of(modifier):
    m = re.fullmatch(r"\.[a-z]+(\d+)(x2)?", modifier)
    return WIDTH.get(str(int(m[1]) * (2 if m[2] else 1))) if m and modifier in TYPES else None


def changed(text, pool, r, operands_too=True):
    """An instruction that differs in one modifier or operand."""
    head, _, operands = text.partition(" ")
    opcode, *mods = re.findall(r"[\w:]+", head.rstrip(";"))
    mods = ["." + m for m in mods]
    kind, at = r.randrange(10 if operands_too else 8), r.randrange(len(mods)) if mods else 0
    other = r.choice(pool if r.random() < 0.7 else GENERAL)
    if kind == 0 and mods:
        del mods[at]
    elif kind < 4:
        mods.insert(r.randrange(len(mods) + 1), other)
    elif kind < 8 and mods:
        old, new = class_of(mods[at]), class_of(other)
        if old and r.random() < 0.8:
            other = r.choice([m for m in (pool if r.random() < 0.7 else TYPES) if class_of(m)] or TYPES)
            new = class_of(other)
        mods[at] = other
        if old and new and old != new and r.random() < 0.8:
            operands = re.sub(rf"%{old}(?=\d)", f"%{new}", operands)
    else:
        parts = re.split(r",\s*(?![^{\[]*[}\]])", operands.rstrip(";"))
        i = r.randrange(len(parts))
        choice = r.randrange(5)
        if choice == 0:
            del parts[i]
        elif choice == 1:
            parts.insert(i, r.choice(parts))
        else:
            parts[i] = r.choice(["%w7", "%d7", "%h7", "%p7", "1", "-1", "0f3F800000", "_", "[%d7]", "[%w7]", "{%w7, %w8}", "!%p7", "%q7"])
        operands = ", ".join(parts) + ";"
    return f"{opcode}{''.join(mods)} {operands}".strip() if operands.strip() else f"{opcode}{''.join(mods)};"


def candidates(count, seed, only="", operands_too=True):
    """Distinct changed instructions, as many of each opcode where there are so many."""
    by_opcode, pools = collections.defaultdict(list), collections.defaultdict(set)
    for name, text in sorted(bases().items()):
        opcode = name.split(".")[0]
        by_opcode[opcode].append(text)
        pools[opcode].update("." + m for m in re.findall(r"\.([\w:]+)", name))
    wanted = sorted(o for o in by_opcode if re.search(only, o))
    out = {text for o in wanted for text in by_opcode[o]}
    for opcode in wanted:
        r = random.Random(f"{seed}/{opcode}")
        pool = sorted(pools[opcode]) or GENERAL
        share = max(20, count // len(wanted))
        out.update(changed(r.choice(by_opcode[opcode]), pool, r, operands_too) for _ in range(share))
    balanced = (t for t in out if all(t.count(a) == t.count(b) for a, b in ("{}", "[]", "()")))
    return sorted(t if t.endswith(";") else t + ";" for t in balanced)


def module(lines, target="sm_90a"):
    """(text, number of the first of the lines)"""
    head = runner.header(target, "9.0") + ".func func() { ret; }\n.visible .entry k(.param .u64 in, .param .align 64 .b8 map[128]) {\n" + DECLARE
    head += "$L:\ntargets: .branchtargets $L;\n"
    return head + "\n".join(lines) + "\nret;\n}\n", head.count("\n") + 1


def refused_by_machine(simulator, lines):
    """Line by line; what does not parse hides what is wrong with the others, so it is asked again without."""
    wrong = {}
    while True:
        kept = [i for i in range(len(lines)) if i not in wrong]
        text, first = module([lines[i] for i in kept])
        found = {kept[n - first]: said for n, said in simulator.accepts(text).items() if 0 <= n - first < len(kept)}
        if not found:
            return wrong
        wrong |= found


def refused_by_ptxas(ptxas, lines, target, most=200):
    """Line by line what is wrong; what it only sees when all else is right comes in later rounds."""
    wrong = {}
    for begin in range(0, len(lines), most):
        part = lines[begin:begin + most]
        wrong |= {begin + i: said for i, said in refused_together(ptxas, part, target).items()}
    return wrong


def refused_together(ptxas, lines, target):
    wrong = {}
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "k.ptx"
        while True:
            kept = [i for i in range(len(lines)) if i not in wrong]
            text, first = module([lines[i] for i in kept], target)
            source.write_text(text)
            done = subprocess.run([ptxas, f"-arch={target}", "-O0", source, "-o", "/dev/null"], capture_output=True, text=True)
            if not done.returncode:
                return wrong
            errors = re.findall(r"line (\d+); (?:error|fatal)\s*: (.*)", done.stdout + done.stderr)
            found = {kept[int(n) - first]: said for n, said in errors if 0 <= int(n) - first < len(kept)}
            if not found and len(kept) > 1:  # it fell over something: halves, then one by one
                half = len(kept) // 2
                for some in (kept[:half], kept[half:]):
                    wrong |= {some[i]: said for i, said in refused_together(ptxas, [lines[j] for j in some], target).items()}
                return wrong
            wrong |= found or {kept[0]: (done.stdout + done.stderr).strip() or "ptxas fails"}


def compare(simulator, ptxas, lines):
    """(taken by the machine alone {line: what ptxas says}, by ptxas alone {line: what the machine says})"""
    by_machine = refused_by_machine(simulator, lines)
    left, by_ptxas = list(range(len(lines))), {}
    for target in TARGETS:
        wrong = refused_by_ptxas(ptxas, [lines[i] for i in left], target)
        by_ptxas |= {left[i]: said for i, said in wrong.items()}
        for i in set(left) - {left[j] for j in wrong}:
            by_ptxas.pop(i, None)
        left = [left[i] for i in sorted(wrong)]
    lax = {lines[i]: said for i, said in by_ptxas.items() if i not in by_machine}
    strict = {lines[i]: said for i, said in by_machine.items() if i not in by_ptxas}
    return lax, strict


# ptxas takes what the ISA does not list; the machine does not know what it would mean.
LISTED_NOWHERE = [r"^wgmma\.(?!.*aligned)", r"^testp\.f(32|64) ", r"^(addc|subc)\.[us]16 ", r"^rcp\.r.\.ftz\.f64 ", r"^(cos|sin|tanh)\.pred", r"^add\.pred",
                  r"^setmaxnreg.*\.s32 ", r"^mapa\S*\.s(32|64) ", r"\.(col|v2)\.", r"\[%h\d"]
# A generic address of 32 bits does not exist on any of the targets.
NARROW = [r"^(mapa|getctarank)\.[us]32 ", r"^(ld|st|atom|red)\.(?!.*(shared|local|const|param)).*\[%w"]
# Order of modifiers that ptxas wants here and nowhere else.
# A number that is found, with its remedy, when the instruction runs.
FOUND = [r"^(bar|barrier)\..* (-1|1, 1);", r"^cp\..*bulk.* (-1|1)(;|,)"]
ORDER = [r"^mov\.b(32|64) \S+, -?\d+\.\d", r"^(bar|barrier)\.(arrive|red|sync)\S*\.cta"]


def meant(text, by_ptxas_alone):
    """The difference is as it should be: what ptxas alone takes is a modifier twice, or in no list of the ISA."""
    modifiers = text.split()[0].rstrip(";").split(".")[1:]
    if not by_ptxas_alone:
        return any(re.search(p, text) for p in ORDER + FOUND)
    twice = len(set(modifiers)) < len(modifiers) and not re.match(r"(cvt|mma|wmma|wgmma|dp\da|slct|setp?)\.", text)
    twice = twice or any(modifiers.count(m) > 1 for m in ("sync", "aligned"))
    return twice or any(re.search(p, text) for p in LISTED_NOWHERE + NARROW)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default="build/release/lib/libcameo-ptx.so")
    parser.add_argument("--ptxas", default=shutil.which("ptxas"))
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a pattern of opcodes")
    parser.add_argument("--all", action="store_true", help="also the differences that are meant to be")
    args = parser.parse_args()
    lines = candidates(args.count, args.seed, args.only)
    lax, strict = compare(runner.Simulator(args.library), args.ptxas, lines)
    if not args.all:
        lax, strict = ({t: s for t, s in found.items() if not meant(t, alone)} for found, alone in ((lax, False), (strict, True)))
    print(f"{len(lines)} instructions: {len(lax)} taken by the machine alone, {len(strict)} by ptxas alone")
    for title, found in (("machine alone", lax), ("ptxas alone", strict)):
        for text, said in sorted(found.items()):
            print(f"{title}: {text}    {said}")
    return 1 if lax or strict else 0


if __name__ == "__main__":
    sys.exit(main())
