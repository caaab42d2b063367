#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Results of long runs that CI does not repeat: docs/results/TOPIC.json.

A figure that only such a run shows holds while the code it covers is unchanged. So each file names the
paths it covers and a hash over them; `results.py check` (run by a test) fails when they differ.

    results.py record TOPIC --covers PATH... --command TEXT --minutes M [--seed N] FIGURES.json
    results.py record-problems REPORT.xml --seed N    (scripts/test --full --record does)
    results.py check
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ET

SOURCE = pathlib.Path(__file__).resolve().parent.parent
FOLDER = SOURCE / "docs" / "results"
FULL_DRAWS = 500  # of random sizes, for every family of kernels


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=SOURCE, check=True, capture_output=True, text=True).stdout


def hash_of(paths):
    """SHA-256 over the names and contents of the tracked files under `paths`, as they lie in the tree."""
    digest = hashlib.sha256()
    names = sorted(set(git("ls-files", "--", *paths).splitlines()))
    if not names:
        raise ValueError(f"no tracked file under {', '.join(paths)}")
    for name in names:
        digest.update(name.encode() + b"\0" + hashlib.sha256((SOURCE / name).read_bytes()).digest())
    return digest.hexdigest()


def record(topic, figures, *, covers, command, minutes, seed=None):
    """Writes docs/results/TOPIC.json; `figures` is whatever the run measured (JSON)."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    changed = git("status", "--porcelain", "--", *covers).strip()
    if changed:
        raise ValueError(f"commit what the result covers first:\n{changed}")
    result = {"topic": topic, "command": command, "commit": git("rev-parse", "--short", "HEAD").strip(), "seed": seed,
              "minutes": round(minutes, 1), "cores": os.cpu_count(), "covers": list(covers), "hash": hash_of(covers),
              "figures": figures}
    path = FOLDER / f"{topic}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


# What decides which kernels there are and what they compute, and the problems themselves.
PROBLEMS_COVER = ["lib/Conversion", "lib/Dialect/Kernel", "lib/Stage", "lib/Transforms", "test/problems"]


def record_problems(report, seed):
    """Random problems of a full run, from its JUnit report: for each family how many problems, draws and kernels."""
    families, seconds = {}, 0.0
    for suite in ET.parse(report).getroot().iter("testsuite"):
        seconds += float(suite.get("time", "0"))
        for case in suite.iter("testcase"):
            if not case.get("name").startswith("test_random_problems["):
                continue
            if any(case.find(bad) is not None for bad in ("failure", "error", "skipped")):
                raise ValueError(f"{case.get('name')} did not pass")
            said = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
            family = families.setdefault(said["family"], {"problems": 0, "draws": 0, "kernels": 0})
            family["problems"] += 1
            for count in ("draws", "kernels"):
                family[count] += int(said[count])
    few = [name for name, counts in families.items() if counts["draws"] < FULL_DRAWS]
    if not families or few:
        raise ValueError(f"not a full run: fewer than {FULL_DRAWS} draws of {', '.join(few) or 'any family'}")
    return record("random-problems", families, covers=PROBLEMS_COVER, command="scripts/test --full --record",
                  minutes=seconds / 60, seed=seed)


def outdated():
    """(topic, what is wrong) of each result that no longer holds."""
    for path in sorted(FOLDER.glob("*.json")):
        result = json.loads(path.read_text())
        missing = {"topic", "command", "commit", "seed", "minutes", "covers", "hash", "figures"} - result.keys()
        if missing:
            yield path.stem, f"lacks {', '.join(sorted(missing))}"
        elif hash_of(result["covers"]) != result["hash"]:
            yield path.stem, f"covers code that has changed since {result['commit']}: run `{result['command']}` again"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check")
    add = verbs.add_parser("record")
    add.add_argument("topic")
    add.add_argument("figures", type=pathlib.Path)
    add.add_argument("--covers", nargs="+", required=True)
    add.add_argument("--command", required=True)
    add.add_argument("--minutes", type=float, required=True)
    add.add_argument("--seed", type=int)
    problems = verbs.add_parser("record-problems")
    problems.add_argument("report", type=pathlib.Path)
    problems.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    if options.verb == "record-problems":
        print(record_problems(options.report, options.seed))
        return
    if options.verb == "check":
        wrong = list(outdated())
        for topic, reason in wrong:
            print(f"docs/results/{topic}.json {reason}")
        sys.exit(1 if wrong else 0)
    print(record(options.topic, json.loads(options.figures.read_text()), covers=options.covers, command=options.command,
                 minutes=options.minutes, seed=options.seed))


if __name__ == "__main__":
    main()
