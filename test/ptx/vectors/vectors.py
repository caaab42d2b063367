# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Runs the vectors: on the PTX machine or on a GPU, against the independent computation, and records what a device gave
# so that another can be compared with it later.
#
#   python vectors.py                                          all forms on the PTX machine
#   python vectors.py --only 'cvt.*e4m3' --list                their names
#   python vectors.py --device cuda --record h100.npz          on the GPU of this machine, with name and date
#   python vectors.py --compare h100.npz                       the PTX machine against what was recorded there
import argparse
import collections
import datetime
import importlib
import pathlib
import random
import re
import sys
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import runner  # noqa: E402
from forms import Later  # noqa: E402

FAMILIES = ["integers", "floats", "compares", "conversions", "warps", "memory", "matrices", "barriers", "sparse", "wmma", "wgmma", "copies", "tensors"]


def load(only="", sample=1.0, seed=1, families=FAMILIES, dear=True):
    """All forms, or a sample of them by seed. dear False: those whose vectors take long to draw stay Later."""
    chosen = []
    for family in families:
        for form in importlib.import_module(family).forms():
            if re.search(only, form.name) and (sample >= 1 or random.Random(f"{seed}/{form.name}").random() < sample):
                chosen.append(form.form() if isinstance(form, Later) and dear else form)
    return chosen


def runnable(form, capability):
    """A GPU of this capability executes it."""
    return capability >= int(re.sub(r"\D", "", form.needs))


def key(form, number):
    return f"{number}:{zlib.crc32(repr((form.name, form.body, form.columns)).encode()):08x}:{form.name}"


def keys(forms):
    numbers = collections.Counter()
    for form in forms:
        yield key(form, numbers[form.name])
        numbers[form.name] += 1


def record(path, device, forms, outputs):
    names = [k for k, out in zip(keys(forms), outputs) if out is not None]
    arrays = {f"o{i}": out for i, out in enumerate(o for o in outputs if o is not None)}
    np.savez_compressed(path, keys=np.array(names), device=np.array(device),
                        date=np.array(datetime.date.today().isoformat()), **arrays)


def compare(path, forms, outputs):
    """[(form, vectors that differ from the recording)], how many forms were compared, and what it is of."""
    stored = np.load(path)
    position = {k: i for i, k in enumerate(stored["keys"].tolist())}
    found, compared = [], 0
    for form, k, out in zip(forms, keys(forms), outputs):
        if out is None or k not in position:
            continue
        compared += 1
        there = stored[f"o{position[k]}"]
        differ = sorted({int(i) for i in np.argwhere(there != out)[:, 1]})
        if differ:
            found.append((form, differ, there))
    return found, compared, f"{stored['device']} of {stored['date']}"


def show(form, found):
    i, o, inputs, got, want = found[0]
    want = "within its bound" if form.close and want == 0 else "nothing" if want is None else f"{want:#x}"
    return (f"{form.name}: {len(found)} of {form.count} vectors; {i}: inputs {', '.join(hex(v) for v in inputs)} "
            f"output {o}: {got:#x}, wanted {want}")


def run(device, forms, seed=1, capability=None):
    """(outputs by form, lines about what is wrong)"""
    outputs, wrong = [], []
    able = [f for f in forms if capability is None or runnable(f, capability)]
    results = {id(f): (out, said) for f, out, said in runner.run_forms(device, able, seed=seed)}
    for form in forms:
        out, said = results.get(id(form), (None, ""))
        outputs.append(out)
        if said:
            wrong.append(f"{form.name}: {said.strip().splitlines()[0]}")
        elif out is not None and (found := runner.differences(form, out)):
            wrong.append(show(form, found))
    return outputs, wrong


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("sim", "cuda"), default="sim")
    parser.add_argument("--library", default="build/release/lib/libcameo-ptx.so")
    parser.add_argument("--only", default="", help="a pattern of names")
    parser.add_argument("--sample", type=float, default=1.0, help="this part of the forms, by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=pathlib.Path, help="write what the device gave")
    parser.add_argument("--compare", type=pathlib.Path, help="list the differences from a recording")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args(arguments)
    if args.list:
        print("\n".join(sorted({f.name for f in load(args.only, args.sample, args.seed, dear=False)})))
        return 0
    try:
        device = runner.Gpu() if args.device == "cuda" else runner.Simulator(args.library)
    except runner.Refused as refused:
        print(f"ptx-vectors: {refused}", file=sys.stderr)
        return 9
    forms = load(args.only, args.sample, args.seed)
    outputs, wrong = run(device, forms, args.seed, getattr(device, "capability", None))
    ran = sum(out is not None for out in outputs)
    vectors = sum(f.count for f, out in zip(forms, outputs) if out is not None)
    print(f"{ran} forms with {vectors} vectors on {getattr(device, 'name', 'the PTX machine')}: {len(wrong)} differ or failed")
    print("\n".join(wrong), end="\n" if wrong else "")
    if args.record:
        record(args.record, getattr(device, "name", "the PTX machine"), forms, outputs)
    if args.compare:
        found, compared, what = compare(args.compare, forms, outputs)
        print(f"{compared} forms compared with {what}: {len(found)} differ")
        for form, differ, there in found:
            print(f"{form.name}: vectors {differ[:8]}, first input {[hex(c[differ[0]]) for c in form.columns]}, "
                  f"recorded {[hex(int(v)) for v in there[:, differ[0]]]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
