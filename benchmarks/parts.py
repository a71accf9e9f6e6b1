"""The parts of the acceptance run: for each figure to reach, what is run and how it is judged."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import peers
from asking import XBENCH, ask, compare
from neighbour import BUSY, REST, neighbour
from tools import Lab

Row = dict[str, Any]
AA_RUNS = 100
MODELS = ("resnet50", "resnet50-copy", "resnet50-half", "tiny", "tiny-copy", "chain", "chain-plus1", "chain-plus2")
"""The files of models.py that the parts run."""
WHOLE_BUDGET = ["--precision", "0.1%"]
"""Asks for more than can be had, so that the whole budget is used: a plan of so many seconds."""


@dataclass(frozen=True)
class Bench:
    """What all parts are run with. `budget` and `repeats` take the place of each part's own: a trial.

    `neighbour` disturbs all runs, not only those that a part wants disturbed.
    """

    models: Path
    python: Path
    results: Path
    aa_runs: int = AA_RUNS
    budget: float | None = None
    repeats: int | None = None
    neighbour: bool = False

    @property
    def trial(self) -> bool:
        """Whether anything is not as the figures to reach have it."""
        return self.budget is not None or self.repeats is not None or self.aa_runs != AA_RUNS or self.neighbour

    def times(self, own: int) -> range:
        """The repeats of a part."""
        return range(own if self.repeats is None else self.repeats)

    def compared(
        self, base: str, cand: str, budget: float, options: Sequence[str] = (), disturbed: bool = False
    ) -> Row:
        """One `xbench compare` of two models, with the load of the machine before it, maybe with a neighbour."""
        load = os.getloadavg()[0]
        seconds = budget if self.budget is None else self.budget
        files = [self.models / f"{name}.onnx" for name in (base, cand)]
        options = ["--hardware", "cpu", "--budget", f"{seconds:g}s", *options]
        disturbed = disturbed or self.neighbour
        phase = random.uniform(0, BUSY + REST)  # noqa: S311 - no secret
        with neighbour(phase) if disturbed else nullcontext():
            found = compare(files[0], files[1], options, self.results)
        return {"models": f"{base}, {cand}", "neighbour": disturbed, "load_before": load, **found.row()}


@dataclass(frozen=True)
class Part:
    """A figure to reach: `rows` runs, `judge` sums up; its `reached` says whether what is `wanted` was reached."""

    wanted: str
    rows: Callable[[Bench], Iterator[Row]]
    judge: Callable[[Sequence[Row]], Row]


def half_width_rows(bench: Bench) -> Iterator[Row]:
    """ResNet-50 against its copy: quiet, and with a neighbour."""
    for _ in bench.times(3):
        for disturbed in (False, True):
            yield bench.compared("resnet50", "resnet50-copy", 30, disturbed=disturbed)


def half_width_judge(rows: Sequence[Row]) -> Row:
    """The worst of each kind counts."""
    quiet = [row["half_width"] for row in rows if not row["neighbour"]]
    disturbed = [row["half_width"] for row in rows if row["neighbour"]]
    return {
        "quiet": quiet,
        "neighbour": disturbed,
        "reached": _all_within(quiet, 0.01) and _all_within(disturbed, 0.02),
    }


def _all_within(values: Sequence[float | None], bound: float) -> bool:
    """Whether all are there and at most the bound; false where there are none."""
    return bool(values) and all(value is not None and value <= bound for value in values)


def aa_rows(bench: Bench) -> Iterator[Row]:
    """A model against its copy: a small one and a large one in turn, each quiet and disturbed in turn."""
    for number in range(bench.aa_runs):
        model = ("tiny", "resnet50")[number % 2]
        yield bench.compared(model, f"{model}-copy", 8, disturbed=number // 2 % 2 == 1)


def aa_judge(rows: Sequence[Row]) -> Row:
    """Faster and slower are false alarms. A run with no verdict at all is not a good one."""
    alarms = [row for row in rows if row["verdict"] in ("faster", "slower")]
    broken = [row for row in rows if row["verdict"] in (None, "invalid")]
    return {
        "runs": len(rows),
        "verdicts": dict(Counter(str(row["verdict"]) for row in rows)),
        "false_alarms": len(alarms),
        "of": dict(Counter(f"{row['models']}{', neighbour' if row['neighbour'] else ''}" for row in alarms)),
        "reached": 100 * len(alarms) <= len(rows) and not broken,
    }


def slowdown(cand: str, budget: float) -> Part:
    """A planted slowdown, ten times: `slower` must be said, within the budget."""

    def rows(bench: Bench) -> Iterator[Row]:
        for _ in bench.times(10):
            yield bench.compared("chain", cand, budget, WHOLE_BUDGET)

    def judge(rows: Sequence[Row]) -> Row:
        found = sum(row["verdict"] == "slower" for row in rows)
        verdicts = dict(Counter(str(row["verdict"]) for row in rows))
        return {"runs": len(rows), "found": found, "verdicts": verdicts, "reached": 10 * found >= 9 * len(rows)}

    return Part(f"slower said of {cand} in 9 of 10 runs of {budget:g} s", rows, judge)


def quick_rows(bench: Bench) -> Iterator[Row]:
    """Half of the channels removed, in very little time."""
    for _ in bench.times(5):
        yield bench.compared("resnet50", "resnet50-half", 5)


def quick_judge(rows: Sequence[Row]) -> Row:
    """The seconds are those of the whole command."""
    seconds, lows = [row["seconds"] for row in rows], [row["low"] for row in rows]
    above = all(low is not None and low > 3.2 for low in lows)
    return {"seconds": seconds, "lows": lows, "reached": _all_within(seconds, 5) and above}


def _lab(bench: Bench) -> Lab:
    return Lab(bench.python, bench.budget or 30, bench.results)


def _skipped(lab: Lab) -> Iterator[Row]:
    for name, reason in peers.present(lab)[1].items():
        yield {"tool": name, "case": "skipped", "reason": reason}


def spread_rows(bench: Bench) -> Iterator[Row]:
    """The pruned ResNet-50 by xbench and by each peer, in turns."""
    lab = _lab(bench)
    yield from _skipped(lab)
    files = (bench.models / "resnet50.onnx", bench.models / "resnet50-half.onnx")
    yield from peers.speedups(lab, peers.present(lab)[0], *files, len(bench.times(6)), identical=False)


def spread_judge(rows: Sequence[Row]) -> Row:
    """(max - min) / median of the speedups."""
    tools = peers.summary([row for row in rows if row["case"] != "skipped"])
    mine = tools.get("xbench", {})
    spread = mine.get("spread")
    reached = spread is not None and not mine["failed"] and spread <= 0.03
    return {"spreads": {name: one["spread"] for name, one in tools.items()}, "reached": reached, "tools": tools}


def overhead_rows(bench: Bench) -> Iterator[Row]:
    """Whatever overhead.py prints."""
    for _ in bench.times(3):
        said = ask([sys.executable, Path(__file__).with_name("overhead.py"), "--json"], 300)
        yield json.loads(said.stdout) if said.exit_code == 0 else {"failed": said.last_words}


def overhead_judge(rows: Sequence[Row]) -> Row:
    """Both what xbench reports of a call, and what its loop takes, against the bare loop."""
    if any("failed" in row for row in rows):
        return {"reached": False}
    found = {name: median(row[name] for row in rows) for name in ("bare_us", "reported_ratio", "whole_loop_ratio")}
    return found | {"reached": max(found["reported_ratio"], found["whole_loop_ratio"]) <= 1.01}


def help_rows(bench: Bench) -> Iterator[Row]:
    """`xbench --help` and the import of typer, in random order."""
    commands: dict[str, list[str | Path]] = {
        "help": [XBENCH, "--help"],
        "typer": [sys.executable, "-c", "import typer"],
    }
    for _ in bench.times(9):
        for name in random.sample(sorted(commands), 2):
            said = ask(commands[name], 60)
            yield {"command": name, "seconds": said.seconds, "exit_code": said.exit_code}


def help_judge(rows: Sequence[Row]) -> Row:
    """Medians of both."""
    seconds = {name: median(row["seconds"] for row in rows if row["command"] == name) for name in ("help", "typer")}
    bound = max(0.15, 1.5 * seconds["typer"])
    good = all(row["exit_code"] == 0 for row in rows)
    return {
        "help_s": seconds["help"],
        "typer_s": seconds["typer"],
        "bound_s": bound,
        "reached": good and seconds["help"] <= bound,
    }


def absent_rows(bench: Bench) -> Iterator[Row]:
    """CUDA, asked of each tool, where there is none."""
    lab = _lab(bench)
    yield from _skipped(lab)
    yield from peers.absent(lab, peers.present(lab)[0], bench.models / "tiny.onnx")


def absent_judge(rows: Sequence[Row]) -> Row:
    """Exit code 4 and no figure, of xbench; what the others did stands beside it."""
    asked = {row["tool"]: row for row in rows if row["case"] == "absent" and "failed" not in row}
    answers = {name: f"exit code {row['exit_code']}, {len(row['figures'])} figures" for name, row in asked.items()}
    mine = asked.get("xbench")
    return {"answers": answers, "reached": mine is not None and mine["exit_code"] == 4 and not mine["figures"]}


PARTS = {
    "half-width": Part(
        "half-width of the interval: 1.0 % quiet, 2.0 % with a neighbour", half_width_rows, half_width_judge
    ),
    "quick": Part("in 5 s, all included, an interval that lies above 3.2x", quick_rows, quick_judge),
    "slowdown-2": slowdown("chain-plus2", 30),
    "slowdown-1": slowdown("chain-plus1", 75),
    "aa": Part("faster or slower said of a model and its copy in at most 1 of 100 runs", aa_rows, aa_judge),
    "spread": Part("the speedups of 6 repeats lie within 3 %", spread_rows, spread_judge),
    "overhead": Part("at most 1 % is added to a call of some 60 us", overhead_rows, overhead_judge),
    "help": Part("xbench --help in 0.15 s, or 1.5 times the import of typer", help_rows, help_judge),
    "absent": Part("CUDA absent: no figure, and exit code 4", absent_rows, absent_judge),
}
