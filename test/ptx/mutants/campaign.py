# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A campaign: the cases (a kernel with its launch file), all their sites, a sample of them, and what the machine says of
# each. Every mutant is a process of its own (`cameo sim`) with a limit of time, under all schedules, seeds and
# points of completion, until one run tells. What was decided is kept in a file as it comes, so that a campaign that
# was stopped goes on where it was.
import collections
import concurrent.futures
import functools
import hashlib
import json
import pathlib
import random
import subprocess
import tempfile
import threading
from dataclasses import dataclass

import equivalence
import footprints
import kinds
import launch_sites
import ptx_text
from clean import CleanRuns

FINDINGS = range(20, 26)
NUMBERS, UNSUPPORTED, NOT_PTX, BAD_LAUNCH, TIME = 4, 2, 3, 8, 10


@dataclass
class Case:
    name: str
    ptx: pathlib.Path
    launch_path: pathlib.Path

    def __post_init__(self):
        self.reached = None  # the lines that some thread executes (Machine.reach), None: any
        self.source = self.ptx.read_text()
        self.launch = json.loads(self.launch_path.read_text())
        entries = [f for f in ptx_text.functions(self.source)]
        wanted = self.launch.get("kernel")
        self.functions = [f for f in entries if not f.entry or f.name == wanted or not wanted]

    @functools.cached_property
    def threads(self):
        return functools.reduce(lambda a, b: a * b, self.launch["block"], 1)

    @functools.cached_property
    def blocks(self):
        return functools.reduce(lambda a, b: a * b, self.launch["grid"], 1)

    def sites(self):
        """All sites that the launch reaches, in the order of kinds and of the text; those that a rule of equivalence
        covers are counted only."""
        self.without_effect = 0
        for function, site in self._sites():
            if function is not None and self.reached is not None and not self.reached & {s.line for s in site.statements}:
                continue
            if function is not None and equivalence.rule_of(function, site, self.launch):
                self.without_effect += 1
            else:
                yield function, site

    def _sites(self):
        for function in self.functions:
            for kind, generate in kinds.KINDS.items():
                more = {"participants": {"threads": self.threads}, "scope": {"blocks": self.blocks},
                        "moved": {"threads": self.threads}, "barrier": {"threads": self.threads}}.get(kind, {})
                for site in generate(function, self.source, **more):
                    if site.edits:
                        yield function, site
        for site in launch_sites.sites(self.launch):
            yield None, site


def find_cases(folders):
    """Folders with launch.json beside kernel.ptx or mended.ptx."""
    result = []
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("launch.json")):
            for name in ("kernel.ptx", "mended.ptx"):
                if (path.parent / name).exists():
                    result.append(Case(path.parent.name, path.parent / name, path))
    return result


@dataclass
class Mutant:
    case: Case
    function: object
    site: object
    number: int  # among the sites of the case

    @property
    def name(self):
        return f"{self.case.name}#{self.number}"

    @property
    def kind(self):
        return self.site.kind

    def text(self):
        return ptx_text.edited(self.case.source, self.site.edits)


def enumerate_mutants(cases):
    return [Mutant(case, function, site, i) for case in cases for i, (function, site) in enumerate(case.sites())]


def sample(mutants, count, seed, only=None):
    """The same number of each kind, uniformly among its sites; what a kind lacks the others give."""
    by_kind = collections.defaultdict(list)
    for mutant in mutants:
        if only is None or mutant.kind in only:
            by_kind[mutant.kind].append(mutant)
    chosen, left = [], count
    order = sorted(by_kind, key=lambda kind: len(by_kind[kind]))
    for i, kind in enumerate(order):
        share = min(len(by_kind[kind]), -(-left // (len(order) - i)))
        chosen += random.Random(f"{seed}/{kind}").sample(by_kind[kind], share)
        left -= share
    return chosen


def choose(machine, cases, count, seed, jobs, only=None, known=(), journal=None):
    """(mutants, what is wrong with cases that were left out): a sample over cases that are clean. Only those that
    the sample meets are run, but for those known to be clean; where one is not, another sample is taken without it."""
    wrong, checked, pool = {}, set(known), enumerate_mutants(cases)
    while True:
        chosen = sample(pool, count or len(pool), seed, only)
        fresh = [c for c in {m.case.name: m.case for m in chosen}.values() if c.name not in checked]
        if not fresh:
            return chosen, wrong
        with concurrent.futures.ThreadPoolExecutor(jobs) as workers:
            runs = CleanRuns(machine, seed, 1, journal)
            for case, problem in zip(fresh, workers.map(runs.problem, fresh)):
                checked.add(case.name)
                if problem:
                    wrong[case.name] = problem
        pool = [m for m in pool if m.case.name not in wrong]


@dataclass
class Verdict:
    status: str      # finding, numbers, survived, equivalent, time, refused, failed
    exit_code: int = 0
    finding: str = ""  # the first message, or the rule
    line: int = 0
    schedule: str = ""
    kind: str = ""


class Machine:
    def __init__(self, cameo, runs=9, limit=30, environment=None):
        self.cameo, self.runs, self.limit, self.environment = cameo, runs, limit, environment
        self.lock, self.known_footprints = threading.Lock(), {}

    def simulate(self, text, launch_path, seed, runs=None, launch=None, limit=None):
        """(exit code, the last run as JSON, what was said on stderr). Other numbers stay so where the search for a finding in
        further runs takes too long."""
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            path = pathlib.Path(folder) / "kernel.ptx"
            path.write_text(text)
            if launch is not None:
                for other in launch_path.parent.glob("*.npy"):
                    (path.parent / other.name).symlink_to(other.resolve())
                launch_path = path.parent / "launch.json"
                launch_path.write_text(json.dumps(launch))
            code, made, said = self.runs_of(path, launch_path, seed, runs or self.runs, limit=limit)
        other = next((run for run in made if run.get("differences")), None)
        if code == TIME and other:
            return NUMBERS, other, said
        return code, made[-1] if made else {}, said

    def runs_of(self, path, launch_path, seed, runs, schedule="all", point=None, limit=None):
        """(exit code, the runs as JSON, what was said on stderr) of a kernel in a file."""
        limit = limit or self.limit
        try:
            done = subprocess.run([self.cameo, "sim", str(path), "--launch", str(launch_path), "--schedule", schedule,
                                   "--runs", str(runs), "--seed", str(seed), "--json", "--time-limit", str(limit),
                                   *([f"--copies={point}"] if point else [])],
                                  capture_output=True, text=True, timeout=limit + 60, env=self.environment)
        except subprocess.TimeoutExpired:
            return TIME, [], "killed after its limit"
        try:
            return done.returncode, json.loads(done.stdout)["runs"], done.stderr
        except (ValueError, KeyError):
            return done.returncode, [], done.stderr

    def reach(self, cases, jobs):
        """Notes which lines of each kernel some thread executes under any schedule: what no thread comes to in this launch is
        no site."""
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for case, lines in zip(cases, pool.map(self._reached, cases)):
                case.reached = lines

    def _reached(self, case):
        done = subprocess.run([self.cameo, "sim", str(case.ptx), "--launch", str(case.launch_path), "--schedule", "all", "--check=none",
                               "--counts", "--json", "--time-limit", "60"], capture_output=True, text=True, env=self.environment)
        try:
            return {line["line"] for run in json.loads(done.stdout)["runs"] for line in run["lines"]
                    if line.get("thread_instructions")} or None
        except (ValueError, KeyError):
            return None

    @functools.cached_property
    def identity(self):
        """Of what runs kernels: what was decided by another build is not taken from a journal."""
        files = [pathlib.Path(self.cameo), pathlib.Path(self.cameo).parent.parent / "lib" / "libcameo-ptx.so"]
        return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.exists())).hexdigest()

    def judge(self, mutant, seed):
        launch = mutant.site.launch(mutant.case.launch) if mutant.site.launch else None
        code, last, said = self.simulate(mutant.text(), mutant.case.launch_path, seed, launch=launch)
        if code == TIME:  # other work on this machine takes time, too
            code, last, said = self.simulate(mutant.text(), mutant.case.launch_path, seed, launch=launch, limit=4 * self.limit)
        schedule = f"{last.get('schedule')}, seed {last.get('seed')}, {last.get('async_point')}"
        if code in FINDINGS:
            first = next((f for f in last.get("findings", []) if f.get("exit_code") == code), {})
            return Verdict("finding", code, first.get("message", ""), first.get("line", 0), schedule, first.get("kind", ""))
        if code == NUMBERS:
            return Verdict("numbers", code, "", 0, schedule)
        if code == TIME:
            return Verdict("time", code)
        if code in (UNSUPPORTED, NOT_PTX, BAD_LAUNCH):
            return Verdict("refused", code, said.strip().splitlines()[0] if said.strip() else "")
        if code != 0:
            return Verdict("failed", code, said[-500:])
        rule = self.rule_of(mutant, seed)
        return Verdict("equivalent", 0, rule) if rule else Verdict("survived")

    def footprints(self, case):
        """What the kernel itself touches, in runs of two schedules; None for one that touches too much."""
        with self.lock:
            if case.name not in self.known_footprints:
                self.known_footprints = {case.name: [self._footprints(case, *how) for how in (("round-robin", 1), ("random", 2))]}
            return self.known_footprints[case.name]

    def _footprints(self, case, schedule, seed):
        with tempfile.TemporaryDirectory(prefix="footprints-") as folder:
            path = pathlib.Path(folder) / "rows"
            subprocess.run([self.cameo, "sim", str(case.ptx), "--launch", str(case.launch_path), "--schedule", schedule, "--seed",
                            str(seed), "--footprints", str(path)], capture_output=True, env=self.environment)
            return footprints.read(path.read_text()) if path.exists() else None

    def rule_of(self, mutant, seed):
        if mutant.function is None:
            return None
        passes = lambda text: self.simulate(text, mutant.case.launch_path, seed)[0] == 0
        if passes(equivalence.reached_probe(mutant.site, mutant.case.source)):
            return "never executed"
        if rule := equivalence.last_wait(mutant.function, mutant.site, mutant.case.launch):
            return rule
        if rule := equivalence.footprint_rule(mutant.function, mutant.site, mutant.case.launch, lambda: self.footprints(mutant.case)):
            return rule
        if rule := equivalence.same_order(mutant.function, mutant.site, mutant.case.launch, lambda: self.footprints(mutant.case)):
            return rule
        for rule, make in (("never waits", equivalence.waiting_probe), ("same predicate", equivalence.predicate_probe)):
            probe = make(mutant.site, mutant.case.source)
            if probe is not None and passes(probe):
                return rule
        return None


def digest(mutant, seed, identity=""):
    launch = json.dumps(mutant.site.launch(mutant.case.launch)) if mutant.site.launch else ""
    return hashlib.sha256(f"{mutant.case.name}\0{mutant.kind}\0{seed}\0{mutant.text()}\0{launch}\0{identity}".encode()).hexdigest()[:24]


def run(machine, mutants, seed, jobs=2, journal=None, progress=None):
    """[(mutant, verdict)] in the order given."""
    known = {}
    if journal and journal.exists():
        for line in journal.read_text().splitlines():
            entry = json.loads(line)
            if "clean" not in entry:
                key = entry.pop("digest")
                known[key] = Verdict(**entry)
    done = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {}
        for mutant in mutants:
            key = digest(mutant, seed, machine.identity)
            if key in known:
                done[mutant.name] = known[key]
            else:
                futures[pool.submit(machine.judge, mutant, seed)] = (mutant, key)
        for future in concurrent.futures.as_completed(futures):
            mutant, key = futures[future]
            done[mutant.name] = future.result()
            if journal:
                with open(journal, "a") as file:
                    file.write(json.dumps({"digest": key, **vars(done[mutant.name])}) + "\n")
            if progress:
                progress(mutant, done[mutant.name])
    return [(mutant, done[mutant.name]) for mutant in mutants]


def rates(results):
    """Figures per kind and together. A refusal is no mutant; a time-out without a finding kills nothing."""
    figures = {}
    for kind in list(kinds.KINDS) + ["all"]:
        counts = collections.Counter(v.status for m, v in results if kind in (m.kind, "all"))
        valid = sum(counts.values()) - counts["refused"]
        living = valid - counts["equivalent"]
        killed = counts["finding"] + counts["numbers"]
        if not valid:
            continue
        figures[kind] = {"mutants": valid, "equivalent": counts["equivalent"], "finding": counts["finding"],
                         "numbers": counts["numbers"], "survived": counts["survived"], "time": counts["time"],
                         "failed": counts["failed"], "refused": counts["refused"],
                         "killed_percent": round(100 * killed / living, 1) if living else 100.0,
                         "by_finding_percent": round(100 * counts["finding"] / killed, 1) if killed else 0.0}
    return figures


def stored(source):
    """The folders of the stored cases; those of our compiler are compiled anew (ours.py)."""
    folders = [source / "test" / "ptx" / "foreign", source / "test" / "ptx" / "bugs"]
    return [f for f in folders if f.exists()]
