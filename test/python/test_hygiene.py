# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Rules about the repository itself: licence lines, nothing that names one machine or one package host, the
# walls between libraries that must not know of each other, and sources that somebody builds.
import fnmatch
import json
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SPDX = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"

# What cannot carry a comment, or is data whose first byte matters.
WITHOUT_LICENCE_LINE = ("LICENSE", "*.cameo", "*.pb", "*.npy", "*.json", "*.csv")

# Tied to one machine: absolute paths of homes and checkouts; and addresses other than those of standards.
MACHINE_PATH = re.compile(r"(?:^|[^A-Za-z0-9_.])/(?:work|farm|root|home|Users|tmp/[a-z]+)/")
ADDRESS = re.compile(r"https?://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
GOOD_HOSTS = re.compile(r"^((?:git-lfs\.)?github\.com|([a-z-]+\.)*llvm\.org|onnx\.ai|arxiv\.org|docs\.nvidia\.com|www\.apache\.org"
                        r"|([a-z]+\.)*json-schema\.org|www\.w3\.org|ui\.perfetto\.dev"
                        r"|example\.(com|org))$")


def tracked():
    output = subprocess.run(["git", "ls-files", "-z"], cwd=SOURCE, capture_output=True, check=True).stdout
    return [name for name in output.decode().split("\0") if name and (SOURCE / name).is_file()]


def text_of(name):
    try:
        return (SOURCE / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def report(findings):
    assert not findings, "\n" + "\n".join(findings)


def test_every_file_has_the_licence_line():
    report([name for name in tracked()
            if not any(fnmatch.fnmatch(name.rsplit("/", 1)[-1], pattern) for pattern in WITHOUT_LICENCE_LINE)
            and SPDX not in text_of(name)[:600]])


def test_no_machine_paths_and_no_package_hosts():
    findings = []
    for name in tracked():
        if name == "LICENSE" or name == "test/python/test_hygiene.py":
            continue
        for number, line in enumerate(text_of(name).splitlines(), 1):
            hosts = [host for host in ADDRESS.findall(line) if not GOOD_HOSTS.match(host)]
            if MACHINE_PATH.search(line) or hosts:
                findings.append(f"{name}:{number}: {line.strip()[:120]}")
    report(findings)


def test_no_binary_models():
    report([name for name in tracked() if name.endswith((".onnx", ".data", ".npz"))])


# (files, what they may not include, why)
WALLS = [
    (r"(lib|include/cameo)/(Support|HostOps|Bundle|Runtime|Ptx)/", r"(?:mlir|llvm|onnx|google)/",
     "the runtime side ships without LLVM, MLIR, ONNX and Protobuf"),
    (r"(lib|include/cameo)/Ptx/", r"cameo/(?!Ptx/)",
     "the PTX machine shares nothing with what it checks"),
    (r"(lib|include/cameo)/(Conversion|Stage|Dialect|Transforms|Import|Pipeline|Model|Evaluate|HostOps|Support|Bundle)/",
     r"cameo/Ptx/", "the emitters share nothing with what checks them"),
    (r"(lib|include/cameo)/HostOps/", r"cameo/(?!HostOps/|Support/)", "element semantics stand alone"),
    (r"(lib|include/cameo)/(Support)/", r"cameo/(?!Support/)", "Support is the bottom layer"),
    (r"(lib|include/cameo)/(?!Evaluate/)", r"Eigen/", "Eigen is for the evaluator only"),
]


@pytest.mark.parametrize("files, forbidden, why", WALLS, ids=[wall[2] for wall in WALLS])
def test_walls_between_libraries(files, forbidden, why):
    include = re.compile(r'^\s*#\s*include\s*[<"](' + forbidden + r'[^>"]*)[>"]', re.M)
    findings = []
    for name in tracked():
        if re.match(files, name) and name.endswith((".h", ".cpp", ".inc", ".def")):
            findings += [f"{name} includes {header}: {why}" for header in include.findall(text_of(name))]
    report(findings)


def test_every_source_is_built():
    """Source lists are written out, so a file in none of them is dead."""
    lists = "\n".join(text_of(name) for name in tracked() if name.endswith("CMakeLists.txt") or name.endswith(".cmake"))
    listed = set(re.findall(r"[\w./-]+\.cpp", lists))
    short = {pathlib.PurePath(entry).name for entry in listed}
    report([name for name in tracked() if name.endswith(".cpp") and pathlib.PurePath(name).name not in short
            and not fnmatch.fnmatch(name, "test/*/Inputs/*")])


def test_scripts_parse():
    for name in tracked():
        if text_of(name).startswith("#!/usr/bin/env bash"):
            subprocess.run(["bash", "-n", SOURCE / name], check=True)
        elif name.endswith(".json"):
            json.loads(text_of(name))


def test_pins_are_exact():
    lines = [line for line in text_of("scripts/requirements.txt").splitlines() if line and line[0] != "#"]
    report([line for line in lines if not re.fullmatch(r"[A-Za-z0-9_-]+==[0-9][\w.]*", line)])


def test_generated_pages_are_current():
    result = subprocess.run([SOURCE / "scripts" / "update-docs", "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_code_in_the_documentation_is_the_code():
    """A block after `<!-- from: FILE -->` stands in that file, word for word."""
    findings, blocks = [], 0
    for name in tracked():
        if not name.endswith(".md"):
            continue
        for source, block in re.findall(r"<!-- from: (\S+) -->\n```\w*\n(.*?)\n```", text_of(name), re.S):
            blocks += 1
            if block not in text_of(source):
                findings.append(f"{name}: not in {source}: {block.splitlines()[0]}")
    report(findings)
    assert blocks
