# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# run_unit.py FOLDER PROGRAM: runs one GoogleTest program and leaves its JUnit report in FOLDER. A program
# that crashes or hangs writes no report of its own; then one is written for it, with a failure in it.
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

TIMEOUT_SECONDS = {"quick": 600, "default": 1200, "full": 3600}


def write_failure(report, name, message):
    report.write_text(
        f'<testsuites><testsuite name={quoteattr(name)}><testcase classname={quoteattr(name)} '
        f'name="program"><failure message={quoteattr(message)}/></testcase></testsuite></testsuites>')


def main():
    folder, program = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    report, log = folder / f"{program.name}.xml", folder / f"{program.name}.log"
    limit = TIMEOUT_SECONDS[os.environ.get("CAMEO_TEST_LEVEL", "default")]
    with open(log, "wb") as output:
        try:
            status = subprocess.run([program, f"--gtest_output=xml:{report}", "--gtest_brief=1"],
                                    stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                    timeout=limit).returncode
        except subprocess.TimeoutExpired:
            status = f"no end after {limit} s"
    if status == 0 and report.exists():
        return
    tail = log.read_bytes().decode(errors="replace")[-4000:]
    print(f"-- {folder.name}/{program.name}: {status}\n{tail}", flush=True)
    try:
        failed = int(ET.parse(report).getroot().get("failures", "0"))
    except (OSError, ET.ParseError):
        failed = 0
    if not failed:
        write_failure(report, program.name, f"the program ended with {status}, see {log.name}")


if __name__ == "__main__":
    main()
