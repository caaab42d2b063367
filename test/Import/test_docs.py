# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# docs/errors.md holds the table of codes as the importer prints it.
import subprocess


def test_errors_page(build_dir, source_dir):
    printed = subprocess.run([build_dir / "bin" / "cameo-import", "--list-errors"],
                             capture_output=True, text=True, check=True).stdout
    page = (source_dir / "docs" / "errors.md").read_text()
    assert page.split("|---|---|---|\n")[1] == printed
