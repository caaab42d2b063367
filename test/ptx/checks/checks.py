# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Examples of what the PTX machine checks: one file each, with a broken and a mended form. A line that ends with
`// broken` or `// mended` belongs to that form alone; the head says title, text, launch (`// launch: FLAGS` of
`cameo sim`) and under which flags the page shows the message (`// shown: FLAGS`).

As a program it writes the examples into docs/ptx-machine.md, between its two markers; with --check it fails where
they are not current."""
import argparse
import dataclasses
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- checks: written by scripts/update-docs -->", "<!-- end of checks -->"


@dataclasses.dataclass
class Example:
    name: str
    title: str
    text: str
    launch: list
    shown: list
    lines: list

    def form(self, which):
        """The PTX of one form; lines of the other are blank, so that numbers agree."""
        other = {"broken": "mended", "mended": "broken"}[which]
        lines = ["" if line.rstrip().endswith(f"// {other}") else re.sub(rf"\s*// {which}$", "", line)
                 for line in self.lines]
        return "\n".join(lines) + "\n"

    def excerpt(self):
        """What is between `begin` and `end`, as a difference."""
        inside, rows = False, []
        for line in self.lines:
            if line.strip() in ("// begin", "// end"):
                inside = line.strip() == "// begin"
            elif match := re.fullmatch(r"(.*?)\s*// (broken|mended)", line):
                rows.append(("- " if match[2] == "broken" else "+ ") + match[1])
            elif inside or ".shared" in line:
                rows.append("  " + line)
        return "\n".join(rows)


def load(path):
    lines = path.read_text().splitlines()
    head = [line[3:] if line != "//" else "" for line in lines if line.startswith("//")][1:]
    fields = {key: next((line.split(": ", 1)[1] for line in head if line.startswith(key + ": ")), "")
              for key in ("launch", "shown")}
    text = [line for line in head[1:] if line and not line.startswith(("launch: ", "shown: "))]
    return Example(path.stem, head[0], " ".join(text), shlex.split(fields["launch"]), shlex.split(fields["shown"]), lines)


def examples():
    return [load(path) for path in sorted(HERE.glob("*.ptx"))]


def simulate(cameo, example, which, *flags):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "kernel.ptx").write_text(example.form(which))
        return subprocess.run([cameo, "sim", "kernel.ptx", *example.launch, *flags], cwd=folder, capture_output=True,
                              text=True)


def section(cameo, example):
    result = simulate(cameo, example, "broken", *example.shown)
    if not 20 <= result.returncode <= 25:
        raise SystemExit(f"{example.name}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    message = "\n".join(line for line in result.stdout.splitlines() if "replay:" not in line)
    flags = shlex.join(["cameo", "sim", f"{example.name}.ptx", *example.launch, *example.shown])
    return (f"### {example.title}\n\n{example.text}\n\n```diff\n{example.excerpt()}\n```\n"
            f"`{flags}`, exit code {result.returncode}:\n```\n{message}\n```\n").replace("\n\n\n", "\n\n")


def page(cameo):
    return "\n".join(section(cameo, example) for example in examples())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cameo", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    old = arguments.page.read_text()
    before, rest = old.split(BEGIN)
    new = f"{before}{BEGIN}\n{page(arguments.cameo)}{END}{rest.split(END)[1]}"
    if arguments.check and new != old:
        sys.exit(f"{arguments.page} is not current: run scripts/update-docs")
    if not arguments.check:
        arguments.page.write_text(new)


if __name__ == "__main__":
    main()
