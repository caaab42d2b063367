# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What ptxas says of a bundle's kernels: all variants, for the oldest and the newest architecture. A kernel that
# spills registers, or that ptxas had to serialise (C75xx, C76xx), is a defect of its schedule.
import pathlib
import re
import subprocess
import tempfile

ARCHITECTURES = ("sm_80", "sm_120")
ENTRY = re.compile(r"^\.visible \.entry", re.MULTILINE)


def modules_of(text):
    """The PTX modules in what `cameo inspect --ptx` prints."""
    return [".version" + part for part in re.split(r"^\.version", text, flags=re.MULTILINE)[1:]]


def complaints(ptx, ptxas, architecture):
    """Assembles one module; a list of what is wrong, each with its kernel."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "module.ptx"
        source.write_text(ptx)
        done = subprocess.run([ptxas, f"-arch={architecture}", "-v", str(source), "-o", "/dev/null"],
                              capture_output=True, text=True)
    report, found, kernel = done.stdout + done.stderr, [], "the module"
    if done.returncode != 0:
        found.append(f"{architecture}: refused: {report[:500]}")
    for line in report.splitlines():
        if entry := re.search(r"Compiling entry function '([^']*)'", line):
            kernel = entry[1]
        spilled = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line)
        if (spilled and (int(spilled[1]) or int(spilled[2]))) or re.search(r"\(C7[56]\d\d\)", line):
            found.append(f"{architecture}: {kernel}: {line.strip()}")
    assembled = len(re.findall("Compiling entry function", report))
    entries = len(ENTRY.findall(ptx))
    if entries == 0 or assembled != entries:
        found.append(f"{architecture}: {assembled} of {entries} kernels were assembled")
    return found


def assemble(cameo, bundle, ptxas):
    """(kernels, complaints) of all modules of a bundle. An image is assembled for its own architecture, the portable
    one for all."""
    kernels, found = 0, []
    for ptx in modules_of(cameo("inspect", "--ptx", bundle).stdout):
        own = re.search(r"^\.target (\w+)", ptx, re.MULTILINE)[1]
        for architecture in ARCHITECTURES if own == ARCHITECTURES[0] else (own,):
            kernels += len(ENTRY.findall(ptx))
            found += complaints(ptx, ptxas, architecture)
    return kernels, found
