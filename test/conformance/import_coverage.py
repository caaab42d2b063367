#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# How many of ONNX's own node cases the importer takes, and which problem codes refuse the rest. Compiling
# is not tried; this is the upper bound of what `cameo conformance` can pass.
#   import_coverage.py [--build build/release] [--list]
import argparse
import collections
import pathlib
import subprocess
import tempfile
import warnings

warnings.filterwarnings("ignore")


def main():
    source = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(source / "build" / "release"))
    parser.add_argument("--list", action="store_true", help="print every case that is refused")
    options = parser.parse_args()
    from onnx.backend.test.case.node import collect_testcases

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for case in collect_testcases(None):
            path = pathlib.Path(folder, case.name + ".onnx")
            path.write_bytes(case.model.SerializeToString())
            paths.append(path)
        result = subprocess.run([pathlib.Path(options.build, "bin", "cameo-import"), "--summary", *paths],
                                capture_output=True, text=True, errors="replace", check=True)
    refused = {}
    for line in result.stdout.splitlines():
        path, _, rest = line.partition(": ")
        if rest.startswith("refused"):
            refused[pathlib.Path(path).stem] = rest.removeprefix("refused").strip()
    taken = len(paths) - len(refused)
    print(f"{taken} of {len(paths)} cases import ({100 * taken / len(paths):.1f} %)")
    for codes, count in collections.Counter(refused.values()).most_common():
        print(f"{count:5} {codes}")
    if options.list:
        for name, codes in sorted(refused.items()):
            print(f"{name}: {codes}")


if __name__ == "__main__":
    main()
