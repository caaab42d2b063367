# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# check_warnings.py LOG REPORT: one test case, "no warnings", from a build's log. A clean build shows every
# warning (the compiler cache repeats those of cached files); an incremental one those of what it rebuilt.
import pathlib
import re
import sys
from xml.sax.saxutils import quoteattr


def main():
    log, report = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace")).splitlines()
    warnings = sorted({line.strip() for line in lines if re.search(r"\bwarning: ", line)})
    for line in warnings[:20]:
        print(line)
    failure = f"<failure message={quoteattr(f'{len(warnings)} warnings, first: {warnings[0]}')}/>" if warnings else ""
    report.write_text(f'<testsuites><testsuite name="build"><testcase classname={quoteattr(log.stem)} '
                      f'name="no warnings">{failure}</testcase></testsuite></testsuites>')


if __name__ == "__main__":
    main()
