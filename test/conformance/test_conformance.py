# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ONNX's own node cases, three ways. What passes may only grow: the committed page lists every case that
# does not, and a run whose page differs fails. The bars are those the project promises.
import collections
import fcntl
import json
import os
import subprocess
import sys

import pytest

TOTAL = 1884
BARS = {"sim": 0.55, "dynamic": 0.50, "evaluator": 0.65}
ARGUMENTS = {"sim": ["--device", "sim"], "dynamic": ["--device", "sim", "--dynamic"],
             "evaluator": ["--device", "evaluator"]}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="session")
def cases(source_dir):
    folder = source_dir / "build" / "conformance" / "cases"
    if not (folder / "tolerances.json").exists():
        subprocess.run([sys.executable, "-W", "ignore", "-m", "models.node_cases", folder], check=True,
                       env={**os.environ, "PYTHONPATH": str(source_dir / "python")})
    return folder


@pytest.fixture(scope="session")
def reports(cameo, cases, source_dir):
    """Runs on demand, each once, whichever of pytest's processes asks first: {run: list of cases}."""
    folder, found = source_dir / "build" / "conformance", {}
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process {os.getpid()}")

    def report(run):
        path, stamp = folder / f"{run}.json", folder / f"{run}.session"
        with open(folder / f"{run}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (stamp.exists() and stamp.read_text() == session):
                path.unlink(missing_ok=True)
                result = cameo("conformance", cases, *ARGUMENTS[run], "--json", path, check=False, timeout=1400)
                assert result.returncode in (0, 4), result.stdout[-2000:] + result.stderr[-2000:]
                stamp.write_text(session)
        if run not in found:
            found[run] = json.loads(path.read_text())["cases"]
        return found[run]

    return report


@pytest.mark.parametrize("run", BARS)
def test_reaches_its_bar_without_wrong_results(reports, run):
    report = reports(run)
    assert len(report) == len({case["name"] for case in report}) == TOTAL
    counts = collections.Counter(case["outcome"] for case in report)
    for outcome in ("mismatch", "crash", "timeout"):
        assert not counts[outcome], [case["name"] for case in report if case["outcome"] == outcome]
    assert counts["pass"] >= BARS[run] * TOTAL


@pytest.mark.parametrize("run", BARS)
def test_refusals_have_codes(reports, run):
    refused = [case for case in reports(run) if case["outcome"] == "refused"]
    assert not [case["name"] for case in refused if not case["code"]]


def test_page_is_current(reports, source_dir):
    paths = []
    for run in BARS:
        reports(run)
        paths.append(source_dir / "build" / "conformance" / f"{run}.json")
    page = subprocess.run([source_dir / "scripts" / "conformance-page", *paths], capture_output=True, text=True,
                          check=True).stdout
    committed = (source_dir / "docs" / "conformance.md").read_text()
    # Lists, not texts: the difference names the cases.
    assert page.splitlines() == committed.splitlines(), "run scripts/update-conformance"
