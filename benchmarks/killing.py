"""What kill -9 leaves of runs, at random instants of real `xbench run` processes on a scripted device.

    python benchmarks/killing.py [--kills 200] [--seed 8] [--resumed 10] [--json results/killing.json]

All runs lie in one results folder. Each is killed at an instant that is uniform over the time that an unkilled run
takes, from the start of the process to its end; a third of them go on, by --resume, with a run that was killed.
After each kill every run has to be running or complete, every complete one as it was sealed, and the ones that
were complete before have to have the digest that they had (looked at are those whose record was touched; at the end
all). Then some of the unfinished runs are resumed, and have to come to the outcomes of the unkilled run. Ends with
status 1 where anything is lost or half. Some 200 kills take a quarter of an hour. Prints the counts, and writes them
to the file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import yaml
from asking import save
from onnx import TensorProto, helper, numpy_helper
from paging import ROOT, Row

from xbench.errors import StoreError
from xbench.machine.fingerprint import fingerprint
from xbench.records.run_record import RunRecord
from xbench.results.rows import case_rows
from xbench.store.files import is_unfinished
from xbench.store.folder import ResultsFolder, RunFolder, is_run_id
from xbench.store.verifying import verify

JSON = ROOT / "results/killing.json"
SCHEMA = "xbench.killing/1"
# Far apart, so that every run comes to the same outcome.
LATENCIES_US = {"dense": 1000, "half": 500}
RESUME_EACH = 3


def write_suite(folder: Path) -> Path:
    """A suite of small finished files on a device whose times are scripted."""
    scripts = {name: {"latency_us": latency, "noise": 0.01} for name, latency in LATENCIES_US.items()}
    profile = {
        "schema": "xbench.profile/1",
        "name": "sim",
        "title": "scripted",
        "runner": "fake",
        "options": {"seed": 7, "scripts": scripts},
        "evidence": "scripted",
    }
    suite = {
        "schema": "xbench.suite/1",
        "name": "killed",
        "variants": [{"name": n, "onnx": f"{n}.onnx", "baseline": n == "dense"} for n in LATENCIES_US],
        "hardware": ["sim"],
        "gate": {"min_speedup": 1.2},
        "measure": {"precision": 0.5, "budget": 120},
    }
    (folder / "profiles").mkdir(parents=True)
    (folder / "profiles" / "sim.yaml").write_text(yaml.safe_dump(profile))
    for scale, name in enumerate(LATENCIES_US):
        write_model(folder / f"{name}.onnx", 1.0 + scale)
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    return folder / "suite.yaml"


def write_model(path: Path, scale: float) -> None:
    """One product with a matrix, which nobody computes."""
    weight = numpy_helper.from_array(np.full((4, 4), scale, np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def command(suite: Path, results: Path, *more: str) -> list[str]:
    """`xbench run` of the suite."""
    options = ["--output", str(results), "--profile-dir", str(suite.parent / "profiles"), "--quiet", *more]
    return [sys.executable, "-m", "xbench", "run", str(suite), *options]


def finished(suite: Path, results: Path, *more: str) -> float:
    """Run to the end. Returns the seconds that it took."""
    begin = time.monotonic()
    done = subprocess.run(command(suite, results, *more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - begin


def outcomes(record: RunRecord) -> list[tuple[str, str, str]]:
    """What the gates came to."""
    return [(one.variant, one.gate, one.outcome) for one in record.verdicts]


@dataclass
class Looks:
    """What was found of all runs, look after look: of those whose record was touched since, or of all."""

    results: ResultsFolder
    digests: dict[str, str] = field(default_factory=dict)
    half: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    _seen: dict[str, tuple[int, str]] = field(default_factory=dict)

    def look(self, *, thorough: bool = False) -> Counter[str]:
        """How many runs are in which state; what is half or lost is kept in words."""
        if thorough:
            self._seen.clear()
        states: Counter[str] = Counter()
        for path in sorted(self.results.path.iterdir()):
            if is_run_id(path.name):
                states[self._state(RunFolder(path))] += 1
        there = {run.id for run in self.results.runs()}
        self.lost += [f"{name} is gone" for name in self.digests if name not in there]
        return states

    def _state(self, run: RunFolder) -> str:
        if not (run.path / "run.json").exists():
            return "without a record"
        touched = (run.path / "run.json").stat().st_mtime_ns
        before, state = self._seen.get(run.id, (0, ""))
        if touched != before:
            state = self._looked_at(run)
            self._seen[run.id] = touched, state
        return state

    def _looked_at(self, run: RunFolder) -> str:
        try:
            status = run.load().status
            found = verify(run, case_rows)
        except StoreError as error:
            self.half.append(error.reason)
            return "half"
        if found.problems or status not in ("running", "complete") or found.sealed != (status == "complete"):
            self.half.append(f"{run.id} is {status}: {'; '.join(found.problems)}")
        if self.digests.get(run.id, found.manifest_sha256) != found.manifest_sha256:
            self.lost.append(f"{run.id} was complete and is another now")
        if found.sealed:
            self.digests[run.id] = found.manifest_sha256
        return status


def kill_all(suite: Path, looks: Looks, kills: int, seconds: float, seed: int) -> Counter[str]:
    """Start and kill so many, and look after each. Returns in which state the runs were left, by kill."""
    chance, left, before = np.random.default_rng(seed), Counter[str](), looks.look()
    for number in range(kills):
        more = ("--resume",) if number % RESUME_EACH == RESUME_EACH - 1 and before["running"] else ()
        process = subprocess.Popen(
            command(suite, looks.results.path, *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0, seconds))
        process.kill()
        process.wait()
        now = looks.look()
        new = [state for state in now if now[state] > before[state]]
        left[new[0] if new else "resumed, and running" if more else "before there was a folder"] += 1
        before = now
        print(f"{number + 1} kills: {dict(now)}", flush=True)
    return left


def resumed(suite: Path, looks: Looks, most: int, truth: list[tuple[str, str, str]]) -> tuple[int, int]:
    """Resume unfinished runs, the latest first. Returns how many, and how many came to the same outcomes."""
    done = same = 0
    while done < most and looks.look()["running"]:
        unfinished = [run for run in looks.results.runs() if run.load().status == "running"]
        finished(suite, looks.results.path, "--resume")
        done += 1
        same += outcomes(unfinished[-1].load()) == truth
    return done, same


def temporary(results: Path) -> int:
    """How many temporary files were left, which `xbench results gc` removes when they are old enough."""
    return sum(is_unfinished(path.name) for path in results.rglob(".*"))


def listed(results: Path) -> int:
    """How many of its commands on the folder failed: they read all runs, and make the index."""
    asked = (["results", "list"], ["results", "verify"], ["results", "gc", "--dry-run"])
    ends = [
        subprocess.run(
            [sys.executable, "-m", "xbench", *one, "--output", str(results)], capture_output=True, check=False
        )
        for one in asked
    ]
    return sum(end.returncode != 0 for end in ends)


def tried(place: Path, kills: int, seed: int, most: int) -> Row:
    """The whole trial, in a folder of its own."""
    suite = write_suite(place / "suite")
    seconds = max(finished(suite, place / "unkilled") for _ in range(2))
    truth = outcomes(next(ResultsFolder(place / "unkilled").runs()).load())
    results = ResultsFolder(place / "results")
    results.make_room()
    looks = Looks(results)
    left = kill_all(suite, looks, kills, seconds, seed)
    after = looks.look(thorough=True)
    many, same = resumed(suite, looks, most, truth)
    looks.look(thorough=True)
    return {
        "kills": kills,
        "seed": seed,
        "seconds_unkilled": round(seconds, 2),
        "left_by_kill": dict(sorted(left.items())),
        "runs_after_all_kills": dict(sorted(after.items())),
        "temporary_files_left": temporary(results.path),
        "resumed": many,
        "resumed_with_the_same_outcomes": same,
        "commands_that_failed": listed(results.path),
        "half": looks.half,
        "lost": looks.lost,
    }


def main() -> int:
    """Parse, try, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--resumed", type=int, default=10, help="how many of the unfinished runs are resumed")
    parser.add_argument("--json", type=Path, default=JSON, metavar="FILE")
    asked = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="xbench-killing-"))
    try:
        found = tried(place, asked.kills, asked.seed, asked.resumed)
    finally:
        shutil.rmtree(place)
    save({"schema": SCHEMA, **found, "fingerprint": fingerprint().model_dump(mode="json")}, asked.json)
    print("\n".join(f"{name}: {value}" for name, value in found.items()))
    good = not found["half"] and not found["lost"] and not found["commands_that_failed"]
    return int(not (good and found["resumed"] == found["resumed_with_the_same_outcomes"]))


if __name__ == "__main__":
    sys.exit(main())
