# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a cubin's machine code says about its kernels: the main loop's instructions by kind, registers, shared memory.

The main loop is the innermost backward branch around the most matrix instructions (HMMA, IMMA, DMMA, QMMA); a kernel
without one has none. Needs nvdisasm and cuobjdump of the CUDA toolkit.
"""
import collections
import dataclasses
import re
import subprocess

LABEL = re.compile(r"^(\.L_\S+):")
SECTION = re.compile(r"^\s*\.section\s+\.text\.([^\s,]+)")
USAGE = re.compile(r"Function (\S+):\s+REG:(\d+)")
INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(.*?)\s*;")
BRANCH = re.compile(r"\bBRA\b.*?`\((\.L_\S+?)\)")
PREDICATE = re.compile(r"^@!?U?P\w+\s+")
# Of every multiprocessor: registers, shared memory (bytes), threads, blocks (CUDA C++ Programming Guide 13.0, "Compute
# Capabilities"); a block takes 1 KiB of shared memory more than it asks for.
SM = {"sm_80": (65536, 164 << 10, 2048, 32), "sm_86": (65536, 100 << 10, 1536, 16), "sm_89": (65536, 100 << 10, 1536, 24),
      "sm_90a": (65536, 228 << 10, 2048, 32), "sm_120": (65536, 100 << 10, 1536, 24)}


def matrix_count(loop):
    return sum(count for kind, count in loop.items() if kind.endswith("MMA"))


@dataclasses.dataclass
class Kernel:
    name: str
    loop: collections.Counter  # kind of instruction -> count, of the main loop
    instructions: int          # of the whole kernel
    registers: int
    spills: int                # instructions that touch local memory

    @property
    def matrix(self):
        return matrix_count(self.loop)

    @property
    def other_per_matrix(self):
        return (self.loop.total() - self.matrix) / self.matrix if self.matrix else float("nan")

    def occupancy(self, target, threads, shared):
        """Blocks on one multiprocessor, and its warps, for a launch of `threads` with `shared` bytes."""
        registers, memory, most, blocks = SM[target]
        warps = -(-threads // 32)
        per_warp = -(-self.registers * 32 // 256) * 256
        fit = min(registers // (per_warp * warps), memory // (shared + 1024), most // threads, blocks)
        return fit, fit * warps


def kind_of(instruction):
    return PREDICATE.sub("", instruction).split()[0].split(".")[0]


def main_loop(code):
    """`code`: ("label", name) and ("op", text) in order."""
    labels = {text: i for i, (what, text) in enumerate(code) if what == "label"}
    best = collections.Counter()
    for i, (what, text) in enumerate(code):
        branch = BRANCH.search(text) if what == "op" else None
        begin = labels.get(branch.group(1), i + 1) if branch else i + 1
        if begin > i:
            continue
        body = collections.Counter(kind_of(text) for what, text in code[begin:i + 1] if what == "op")
        matrix, known = matrix_count(body), matrix_count(best)
        if matrix and (not known or matrix > known or (matrix == known and body.total() < best.total())):
            best = body
    return best


def kernels(cubin, tool):
    """The kernels of a cubin, by name. `tool` says where a program of the toolkit is."""
    text = subprocess.run([tool("nvdisasm"), "-c", cubin], check=True, capture_output=True, text=True).stdout
    usage = subprocess.run([tool("cuobjdump"), "-res-usage", cubin], check=True, capture_output=True, text=True).stdout
    registers, code, name = dict(USAGE.findall(usage)), collections.defaultdict(list), None
    for line in text.splitlines():
        if section := SECTION.match(line):
            name = section.group(1)
        elif name and (label := LABEL.match(line.strip())):
            code[name].append(("label", label.group(1)))
        elif name and (op := INSTRUCTION.match(line)):
            code[name].append(("op", op.group(1)))
    found = {}
    for name, lines in code.items():
        ops = [text for what, text in lines if what == "op"]
        spills = sum(kind_of(op) in ("LDL", "STL") for op in ops)
        found[name] = Kernel(name, main_loop(lines), len(ops), int(registers[name]), spills)
    return found


def assemble(ptx, target, cubin, tool):
    """Assembles; returns the kernels. C75xx remarks (products that ptxas serialised) and errors are raised."""
    done = subprocess.run([tool("ptxas"), f"-arch={target}", "-v", ptx, "-o", cubin], capture_output=True, text=True)
    if done.returncode or re.search(r"C75\d\d", done.stderr):
        raise RuntimeError(done.stderr)
    return kernels(cubin, tool)
