# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# docs/errors.md holds the table of codes as the importer prints it.
import re
import subprocess


def test_errors_page(build_dir, source_dir):
    printed = subprocess.run([build_dir / "bin" / "cameo-import", "--list-errors"],
                             capture_output=True, text=True, check=True).stdout
    page = (source_dir / "docs" / "errors.md").read_text()
    assert page.split("|---|---|---|\n")[1] == printed


def test_every_row_of_import_safety_has_its_tests(source_dir):
    """docs/import-safety.md names tests; all of them exist."""
    page = (source_dir / "docs" / "import-safety.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("|")][2:]
    tests = "".join(path.read_text() for pattern in ("*.py", "*.cpp") for path in (source_dir / "test").rglob(pattern))
    for row in rows:
        names = re.findall(r"`(\w+)`", row[3])
        assert names, row[2]
        for name in names:
            assert re.search(rf"def {name}\(|TEST\w*\(\w+, {name}\)", tests), name
