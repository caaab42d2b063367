# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The examples of docs/ptx-machine.md: the broken form is found, with the message that the page shows; the mended one
# is clean under every schedule and point of completion.
import pytest
from checks import END, BEGIN, examples, page, simulate


@pytest.fixture(scope="module")
def tool(build_dir):
    return build_dir / "bin" / "cameo"


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_mended_form_is_clean(tool, example, seed):
    result = simulate(tool, example, "mended", "--schedule", "all", "--runs", "3", "--seed", str(seed))
    assert result.returncode == 0, result.stdout + result.stderr


def test_page_shows_what_is_found(tool, source_dir):
    text = (source_dir / "docs" / "ptx-machine.md").read_text()
    assert text.split(BEGIN)[1].split(END)[0] == "\n" + page(tool), "run scripts/update-docs"
