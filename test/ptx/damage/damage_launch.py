# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Damaged launch files: launch.json of the foreign kernels with bytes, tokens and values changed by a seed, each given
# to `cameo sim`. It has to end by an exit code of the list, with a message where that is a refusal, and in time.
#
#   python damage_launch.py --cameo build/release/bin/cameo --seed 1 --count 1000
import argparse
import collections
import json
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
VALUES = ["null", "true", "-1", "0", "1", "1e308", "-1e400", "4294967296", "9223372036854775807", "18446744073709551616",
          "1.5", '""', '"f32"', '"nan"', "[]", "{}", "[[[[[[]]]]]]", "[" * 600 + "]" * 600, '"../../../etc/passwd"',
          '"\\u0000"', '"x.npy"', "[1048576, 1048576]", "[2147483647]", "[0]", "[-5]", '"tensormap"', '"ref"', '"file"']
ENDS = {0, 2, 3, 4, 8, 9, 10, 20, 21, 22, 23, 24, 25}


def leaves(value, path=()):
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield path + (key,)
            yield from leaves(inner, path + (key,))


def change_value(text, r):
    """One value of the tree by another, or away, or twice."""
    tree = json.loads(text)
    path = r.choice(list(leaves(tree)))
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    kind = r.randrange(6)
    if kind == 0:
        del parent[path[-1]]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(path[-1], parent[path[-1]])
    elif kind == 1:
        parent[str(path[-1]) + r.choice("sx_")] = parent[path[-1]]
    else:
        parent[path[-1]] = "@@"
    return json.dumps(tree).replace('"@@"', r.choice(VALUES))


def change_bytes(text, r):
    data = bytearray(text.encode())
    at = r.randrange(len(data))
    kind = r.randrange(4)
    if kind == 0:
        data[at] = r.randrange(256)
    elif kind == 1:
        del data[at:at + r.choice((1, 3, 40))]
    elif kind == 2:
        data[at:at] = bytes(r.randrange(256) for _ in range(r.randrange(1, 5)))
    else:
        del data[at:]
    return data.decode("latin-1")


def change_token(text, r):
    found = [m.span() for m in re.finditer(r'"[^"]*"|-?[\d.]+|[\[\]{},:]', text)]
    (i, j), (k, m) = r.choice(found), r.choice(found)
    return text[:i] + (text[k:m] if r.random() < 0.6 else r.choice(VALUES)) + text[j:]


def mutant(seed, index):
    r = random.Random(f"launch/{seed}/{index}")
    launches = sorted(HERE.parent.glob("foreign/*/launch.json"))
    origin = r.choice(launches)
    text = origin.read_text()
    for _ in range(r.choice((1, 1, 2, 4))):
        change = r.choice((change_value, change_value, change_value, change_bytes, change_token))
        try:
            text = change(text, r)
        except (ValueError, IndexError):
            text = change_bytes(text, r) if text else "{"
    return origin.parent, text


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (24 << 30, 24 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_all(cameo, seed, count, first=0):
    """(exit codes, failures [(index, what)])"""
    codes, failures = collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for index in range(first, first + count):
            origin, text = mutant(seed, index)
            here = pathlib.Path(folder) / origin.name
            if not here.exists():
                shutil.copytree(origin, here)
            (here / "launch.json").write_bytes(text.encode("latin-1", "replace"))
            command = [cameo, "sim", here / "kernel.ptx", "--launch", here / "launch.json", "--time-limit", "3"]
            try:
                done = subprocess.run(command, capture_output=True, timeout=60, preexec_fn=limits)
            except subprocess.TimeoutExpired:
                failures.append((index, f"hang ({origin.name})"))
                continue
            codes[done.returncode] += 1
            said = done.stdout + done.stderr
            if done.returncode not in ENDS or (done.returncode and not said.strip()):
                failures.append((index, f"exit {done.returncode} ({origin.name}): {said[-300:]!r}"))
    return codes, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameo", default="build/release/bin/cameo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--show", type=int, help="print this mutant instead")
    args = parser.parse_args()
    if args.show is not None:
        print(mutant(args.seed, args.show)[1])
        return 0
    codes, failures = run_all(args.cameo, args.seed, args.count, args.first)
    print(f"{args.count} launch files of seed {args.seed}: "
          + ", ".join(f"{n} with exit code {code}" for code, n in sorted(codes.items())))
    for index, wrong in failures:
        print(f"launch file {index}: {wrong}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
