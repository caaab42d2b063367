# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels that nobody has mutated, over many seeds under all schedules and points of completion: nothing may be found. A run
# says whether it has drawn a random number. One that has drawn none is the run of every other seed, too, so that only
# those that draw are made anew for each seed. The pieces (a kernel, a schedule, a point) are processes of their own
# and are kept in the journal, so that what was stopped goes on.
import concurrent.futures
import hashlib
import json
import time

POINTS = ("latest", "earliest", "random")  # seed s of a schedule lands copies at point s % 3
TIME = 10


class CleanRuns:
    def __init__(self, machine, seed, seeds, journal=None, minutes=60):
        self.machine, self.seed, self.seeds, self.journal = machine, seed, seeds, journal
        self.until = time.monotonic() + 60 * minutes
        self.known = {}
        for line in journal.read_text().splitlines() if journal and journal.exists() else []:
            entry = json.loads(line)
            if "clean" in entry:
                self.known[entry["digest"]] = entry

    def _piece(self, case, schedule, point, first, runs):
        """{code, what, runs: [(schedule, point, whether it drew)]} of some runs, from the journal or made now."""
        key = hashlib.sha256(f"{case.name}\0{case.source}\0{json.dumps(case.launch)}\0{schedule}\0{point}\0{first}\0{runs}\0"
                             f"{self.machine.identity}".encode()).hexdigest()[:24]
        if key in self.known:
            return self.known[key]
        limit = int(max(30, self.until - time.monotonic()))
        code, made, said = self.machine.runs_of(case.ptx, case.launch_path, first, runs, schedule, point, limit)
        last = made[-1] if made else {}
        found = [f"line {f['line']}: {f['message']}" for f in last.get("findings", [])]
        entry = {"clean": case.name, "digest": key, "code": code,
                 "what": (found or last.get("differences") or said.strip()[:500]) if code else "",
                 "runs": [(r.get("schedule"), r.get("async_point"), r.get("draws", True)) for r in made]}
        if self.journal and code != TIME:
            with open(self.journal, "a") as file:
                file.write(json.dumps(entry) + "\n")
        return entry

    def first(self, case):
        """Each schedule once at each point."""
        return self._piece(case, "all", None, self.seed, min(self.seeds, len(POINTS)))

    def problem(self, case):
        """Nothing, or what is wrong with the kernel in one of the seeds."""
        entry = self.first(case)
        drawing = sorted({(schedule, point) for schedule, point, draws in entry["runs"] if draws})
        for schedule, point in drawing if not entry["code"] else []:
            share = len(range(POINTS.index(point) + len(POINTS), self.seeds, len(POINTS)))
            if share:
                entry = self._piece(case, schedule, point, self.seed + len(POINTS), share)
            if entry["code"]:
                break
        return {"exit_code": entry["code"], "what": entry["what"]} if entry["code"] else None

    def all(self, cases, jobs, progress=None):
        """(what is wrong by case, the names of those that all seeds were run of): the fastest first, as far as the
        minutes go."""
        wrong, took, done = {}, {}, []

        def first(case):
            begin = time.monotonic()
            return case, self.first(case), time.monotonic() - begin

        def others(case):
            return case, {"exit_code": TIME, "what": ""} if time.monotonic() > self.until else self.problem(case)

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for case, entry, seconds in pool.map(first, cases):
                took[case.name] = seconds
                if entry["code"]:
                    wrong[case.name] = {"exit_code": entry["code"], "what": entry["what"]}
            rest = sorted((c for c in cases if c.name not in wrong), key=lambda c: took[c.name])
            for case, problem in pool.map(others, rest):
                if not problem:
                    done.append(case.name)
                elif problem["exit_code"] != TIME:
                    wrong[case.name] = problem
                if progress:
                    progress(case, problem)
        return wrong, done
