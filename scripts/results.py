#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Results of long runs that CI does not repeat: docs/results/TOPIC.json.

A figure that only such a run shows holds while the code it covers is unchanged. So each file names the
paths it covers and a hash over them; `results.py check` (run by a test) fails when they differ.

    results.py record TOPIC --covers PATH... --command TEXT --minutes M [--seed N] FIGURES.json
    results.py check
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
FOLDER = SOURCE / "docs" / "results"


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
    options = parser.parse_args()
    if options.verb == "check":
        wrong = list(outdated())
        for topic, reason in wrong:
            print(f"docs/results/{topic}.json {reason}")
        sys.exit(1 if wrong else 0)
    print(record(options.topic, json.loads(options.figures.read_text()), covers=options.covers, command=options.command,
                 minutes=options.minutes, seed=options.seed))


if __name__ == "__main__":
    main()
