# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the race checks keep of the memory that a kernel touches (`cameo sim --counts`): for each kernel of the foreign
# corpus bytes touched, bytes of shadow and seconds. Prints the worst last.
import json
import pathlib
import subprocess
import sys
import time

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "foreign"


def names():
    return sorted(path.parent.name for path in CORPUS.glob("*/launch.json"))


def figures(cameo, name):
    begin = time.time()
    result = subprocess.run([cameo, "sim", CORPUS / name / "kernel.ptx", "--launch", CORPUS / name / "launch.json",
                             "--counts", "--json"], capture_output=True, text=True)
    counts = json.loads(result.stdout)["runs"][0]["counts"]
    return counts["checked_bytes"], counts["shadow_bytes"], time.time() - begin


def main():
    cameo, *some = sys.argv[1:]
    rows = [(name, *figures(cameo, name)) for name in some or names()]
    for name, touched, shadow, seconds in sorted(rows, key=lambda row: row[2] / max(row[1], 1)):
        print(f"{name:32} {touched:10} touched {shadow:10} shadow {shadow / max(touched, 1):7.2f} x {seconds:6.2f} s")


if __name__ == "__main__":
    main()
