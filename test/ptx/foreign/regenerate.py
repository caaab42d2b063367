# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The corpus of foreign kernels: compiles sources/ with other people's compilers, and writes for each kernel a folder
# with kernel.ptx, launch.json, the results that NumPy computes, and recipe.json (source, compiler, command, licence,
# hash). Inputs are drawn by the launch file itself. Needs no GPU; a compiler that is missing is said, and its kernels
# stay as they are:
#
#   python regenerate.py [--nvcc nvcc] [--toolkit DIR] [NAME…]   compile, and store
#   python regenerate.py --compare [NAME…]       compile, and compare with what is stored; nothing is written
#   python regenerate.py --check                 the stored PTX has the hashes of its recipes
#   python regenerate.py --table                 the list in docs/foreign-kernels.md
import argparse
import hashlib
import importlib
import json
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
LICENCE = "Apache-2.0 WITH LLVM-exception"
PAGE = HERE.parents[2] / "docs" / "foreign-kernels.md"
COMPILERS = ("by_nvcc", "by_nvcc_more", "by_triton", "by_triton_more", "by_cutlass", "by_numba", "by_iree")


def definitions():
    """{name: (module that compiles it, kernel)} of all compilers, without any of them."""
    found = {}
    for name in COMPILERS:
        module = importlib.import_module(name)
        for kernel in module.kernels():
            assert kernel.name not in found, kernel.name
            found[kernel.name] = (module, kernel)
    return found


def compiled(module, kernel, options):
    """(PTX as it is stored, recipe, launch without results)."""
    text, recipe, shared, args = module.compile(kernel, options, HERE)
    text = f"// SPDX-License-Identifier: {LICENCE}\n// By {recipe['compiler']} from {recipe['source']}.\n{text}"
    text = "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"
    entries = re.findall(r"\.entry\s+([\w$]+)", text)
    wanted = getattr(kernel.build, "entry", entries[0])
    entry = wanted if wanted in entries else next(name for name in entries if wanted in name)
    recipe |= {"licence": LICENCE, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return text, recipe, kernel.launch(entry, shared, args)


def store(kernel, text, recipe, launch):
    folder = HERE / kernel.name
    folder.mkdir(exist_ok=True)
    (folder / "kernel.ptx").write_text(text)
    (folder / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n")
    kernel.write_results(folder, launch | {"compiler": recipe["compiler"]})
    print(f"{kernel.name}: {len(text)} bytes by {recipe['compiler']}")


def compare(kernel, recipe):
    """A line of difference, or None. Another version of a compiler may do as it likes."""
    stored = json.loads((HERE / kernel.name / "recipe.json").read_text())
    if stored["compiler"] != recipe["compiler"]:
        print(f"{kernel.name}: stored by {stored['compiler']}, here is {recipe['compiler']}: not compared")
    elif stored["sha256"] != recipe["sha256"]:
        return f"{kernel.name}: {recipe['compiler']} makes other PTX of {recipe['source']}"
    return None


def check_hashes():
    for recipe in sorted(HERE.glob("*/recipe.json")):
        digest = hashlib.sha256((recipe.parent / "kernel.ptx").read_bytes()).hexdigest()
        if json.loads(recipe.read_text())["sha256"] != digest:
            sys.exit(f"{recipe.parent.name}: the stored PTX is not that of its recipe")


def table():
    """The page of the corpus: one line for each kernel."""
    rows = []
    for name, (_, kernel) in definitions().items():
        recipe = json.loads((HERE / name / "recipe.json").read_text())
        rows.append(f"| `{name}` | {recipe['compiler']} | {kernel.arch} | {kernel.exercises} | `{recipe['source']}` |")
    head = PAGE.read_text().split("| kernel |")[0]
    return (f"{head}| kernel | compiler | target | exercises | source |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
            f"\n{len(rows)} kernels. Licence of all: {LICENCE}.\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--toolkit", default="/usr/local/cuda", help="where Numba finds libnvvm")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.scratch = tempfile.mkdtemp()
    if options.check:
        return check_hashes()
    if options.table:
        PAGE.write_text(table())
        return None
    differences, missing = [], {}
    for name, (module, kernel) in definitions().items():
        if (options.names and name not in options.names) or module.__name__ in missing:
            continue
        try:
            text, recipe, launch = compiled(module, kernel, options)
        except (ImportError, FileNotFoundError) as error:
            missing[module.__name__] = error
            continue
        if options.compare:
            differences.append(compare(kernel, recipe))
        else:
            store(kernel, text, recipe, launch)
    for module, error in missing.items():
        print(f"{module}: its compiler is not here: {error}")
    return "\n".join(filter(None, differences)) or None


if __name__ == "__main__":
    sys.exit(main())
