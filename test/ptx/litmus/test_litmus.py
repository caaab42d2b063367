# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Litmus tests: by scope and by proxy, each with an outcome that PTX forbids in the ordered form and allows in the other.
# The machine does not play the weak outcome but has to say that nothing forbids it, naming both accesses; the ordered
# form has to be clean under all schedules.
import json

import pytest

import clusters
import shapes


def simulate(cameo, folder, text, blocks, seed, runs=6, cluster=0):
    (folder / "kernel.ptx").write_text(text)
    u32 = lambda name, n, role: {"kind": "buffer", "name": name, "dtype": "u32", "shape": [n], "role": role, "init": {"type": "zeros"}}
    launch = {"kernel": "litmus", "grid": [blocks], "block": [64], "needs_all_blocks_co_resident": True,
              **({"cluster": [cluster, 1, 1]} if cluster else {}), "args": [u32("data", 64, "inout"), u32("flag", 4, "inout"), u32("out", 128, "inout")]}
    (folder / "launch.json").write_text(json.dumps(launch))
    result = cameo("sim", folder / "kernel.ptx", "--launch", folder / "launch.json", "--schedule", "all", "--runs", str(runs),
                   "--seed", str(seed), "--json", "--time-limit", "60", check=False)
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)["runs"]


def lines_of(text, *parts):
    return {i + 1 for i, line in enumerate(text.splitlines()) if any(part in line for part in parts)}


@pytest.mark.parametrize("scope", shapes.SCOPES)
@pytest.mark.parametrize("pattern", shapes.PATTERNS)
@pytest.mark.parametrize("where", shapes.ROLES)
def test_message_passing(cameo, tmp_path, seed, where, pattern, scope):
    text = shapes.message_passing(where, pattern, scope)
    code, runs = simulate(cameo, tmp_path, text, 2 if where == "grid" else 1, seed)
    if pattern in shapes.ORDERED and (where == "block" or scope != "cta"):
        assert code == 0, runs[-1]["findings"]
        return
    finding = runs[-1]["findings"][0]
    assert code == 21 and finding["kind"] == "race", runs[-1]
    assert finding["line"] in lines_of(text, "[%rd1]", "[%rd2]") and finding["remedy"]


@pytest.mark.parametrize("name", shapes.PROXIES)
def test_proxies_and_barriers(cameo, tmp_path, seed, name):
    forbidden, kinds, body = shapes.PROXIES[name]
    code, runs = simulate(cameo, tmp_path, shapes.of_body(body, broken=False), 2 if "blocks" in name else 1, seed)
    assert code == 0, runs[-1]["findings"]
    code, runs = simulate(cameo, tmp_path, shapes.of_body(body, broken=True), 2 if "blocks" in name else 1, seed)
    assert 20 <= code <= 25, f"nothing forbids that {forbidden}"
    assert kinds & {f["kind"] for f in runs[-1]["findings"]}, runs[-1]["findings"]


@pytest.mark.parametrize("scope", shapes.SCOPES + ("cluster",))
@pytest.mark.parametrize("pattern", shapes.PATTERNS)
def test_message_passing_in_remote_shared_memory(cameo, tmp_path, seed, pattern, scope):
    set_, poll, after = (part.format(s=scope) for part in shapes.PATTERNS[pattern])
    text = clusters.message_passing(poll, set_, after)
    code, runs = simulate(cameo, tmp_path, text, 2, seed, cluster=2)
    if pattern in shapes.ORDERED and scope != "cta":
        assert code == 0, runs[-1]["findings"]
        return
    finding = runs[-1]["findings"][0]
    assert code == 21 and finding["kind"] == "race", runs[-1]
    assert finding["line"] in lines_of(text, "[%r10]", "[%r12]", "[%r20]", "[%r22]") and finding["remedy"]


@pytest.mark.parametrize("wait", clusters.WAITS)
@pytest.mark.parametrize("form", clusters.ARRIVALS)
def test_arrivals_at_the_other_block(cameo, tmp_path, seed, form, wait):
    for scope, seen in (("cluster", "cluster"), ("cta", "cluster"), ("cluster", "cta")):
        text = clusters.arrival(form, scope, wait, seen)
        code, runs = simulate(cameo, tmp_path, text, 2, seed, cluster=2)
        if scope == seen:
            assert code == 0, runs[-1]["findings"]
            continue
        finding = runs[-1]["findings"][0]
        assert code == 21 and finding["kind"] == "race" and finding["remedy"], runs[-1]
        assert finding["line"] in lines_of(text, "ld.shared.u32 %r7"), (text, finding)
        assert any(f"line {n} " in finding["message"] for n in lines_of(text, "st.shared::cluster")), finding


@pytest.mark.parametrize("name", clusters.CASES)
def test_clusters(cameo, tmp_path, seed, name):
    forbidden, kinds, count, body = clusters.CASES[name]
    code, runs = simulate(cameo, tmp_path, clusters.kernel(count, body, broken=False), 2, seed, runs=10, cluster=2)
    assert code == 0 and len(runs) == 50, runs[-1]["findings"]
    code, runs = simulate(cameo, tmp_path, clusters.kernel(count, body, broken=True), 2, seed, runs=1, cluster=2)
    assert 20 <= code <= 25, f"nothing forbids that {forbidden}"
    found = next(f for f in runs[-1]["findings"] if f["exit_code"] == code)
    assert found["kind"] in kinds and found["remedy"], runs[-1]["findings"]


@pytest.mark.parametrize("name", shapes.PATHS)
def test_longer_paths(cameo, tmp_path, seed, name):
    forbidden, blocks, cluster, body = shapes.PATHS[name]
    code, runs = simulate(cameo, tmp_path, shapes.of_body(body, broken=False), blocks, seed, runs=10, cluster=cluster)
    clean = {f["line"]: f["message"] for r in runs for f in r["findings"]}
    assert code == 0 and len(runs) == 50, clean
    code, runs = simulate(cameo, tmp_path, shapes.of_body(body, broken=True), blocks, seed, runs=1, cluster=cluster)
    assert code == 21, f"nothing says that {forbidden}"
    assert runs[-1]["findings"][0]["kind"] == "race" and runs[-1]["findings"][0]["remedy"]
