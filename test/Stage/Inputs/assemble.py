# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles the PTX in the `cameo.ptx` attributes of a module on stdin.

Usage: cameo-opt ... | python assemble.py sm_80

Prints the PTX and ptxas's report, and fails where it refuses, spills, or serialises products (C75xx, C76xx): the
attribute is text in MLIR's escapes, which this undoes.
"""

import re
import subprocess
import sys
import tempfile


def texts(module):
    for match in re.finditer(r'cameo\.ptx = "((?:[^"\\]|\\.)*)"', module):
        yield re.sub(r"\\([0-9A-Fa-f]{2}|.)", lambda m: chr(int(m[1], 16)) if len(m[1]) == 2 else m[1], match[1])


def main():
    target, failed, count = sys.argv[1], False, 0
    for text in texts(sys.stdin.read()):
        count += 1
        with tempfile.NamedTemporaryFile("w", suffix=".ptx") as source:
            source.write(text)
            source.flush()
            run = subprocess.run(["ptxas", f"-arch={target}", "-v", source.name, "-o", "/dev/null"],
                                 capture_output=True, text=True)
        report = run.stdout + run.stderr
        print(text)
        print(report)
        spills = [int(bytes) for bytes in re.findall(r"(\d+) bytes spill", report)]
        failed |= run.returncode != 0 or any(spills) or bool(re.search(r"C7[56]\d\d", report))
    if count == 0:
        print("no cameo.ptx attribute on stdin")
    return failed or count == 0


if __name__ == "__main__":
    sys.exit(main())
