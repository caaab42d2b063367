# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# summarize.py FOLDER SKIPS: reads the JUnit reports under FOLDER, lists failures and skips with their
# reasons, and prints the closing line. Fails when a test failed, when nothing ran, when a skipped test is
# not in SKIPS, and when a skipped test is about ptxas, which scripts/setup installs everywhere.
import fnmatch
import pathlib
import sys
import xml.etree.ElementTree as ET


def read_allowed(path):
    lines = (line.split("#", 1)[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def read_cases(folder):
    """Yields (name, outcome, message) of every test case of every report."""
    for report in sorted(folder.rglob("*.xml")):
        source = report.relative_to(folder).with_suffix("")
        try:
            root = ET.parse(report).getroot()
        except ET.ParseError as error:
            yield str(source), "failed", f"unreadable report: {error}"
            continue
        for case in root.iter("testcase"):
            name = f"{source}: {case.get('classname')}.{case.get('name')}"
            bad = case.find("failure") if case.find("failure") is not None else case.find("error")
            skip = case.find("skipped")
            if bad is not None:
                yield name, "failed", bad.get("message") or ""
            elif skip is not None or case.get("status") == "notrun":
                yield name, "skipped", (skip.get("message") or skip.text or "") if skip is not None else "disabled"
            else:
                yield name, "passed", ""


def main():
    folder, allowed = pathlib.Path(sys.argv[1]), read_allowed(pathlib.Path(sys.argv[2]))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, outcome, message in read_cases(folder):
        reason = message.strip().splitlines()[0] if message.strip() else "no reason given"
        if outcome == "skipped":
            listed = any(fnmatch.fnmatch(name, pattern) for pattern in allowed)
            if "ptxas" in (name + message).lower() or not listed:
                outcome, reason = "failed", f"skipped, and test/skips.txt does not allow it: {reason}"
            else:
                print(f"skipped  {name}: {reason}")
        if outcome == "failed":
            print(f"FAILED   {name}: {reason}")
        counts[outcome] += 1
    ran = counts["passed"] + counts["failed"]
    if not ran:
        print("no test ran")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    sys.exit(1 if counts["failed"] or not ran else 0)


if __name__ == "__main__":
    main()
