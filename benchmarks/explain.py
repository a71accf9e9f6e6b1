"""Why each pruned model is as fast as it is: method x model x target, with the ideal, the measured and the reason.

    python benchmarks/explain.py [--only digits] [--hardware cpu] [--budget 20s] [--work DIR]
    python benchmarks/explain.py --page [--check]

Each target is probed once: an ideal then counts bytes too. Each model is one `xbench run` of a suite on all targets,
and one `xbench explain last`. The file is written after
each model; rows of the same model and target are replaced. What is there with the same budget is not run again,
unless `--again` says so; with --work the run itself goes on where it was interrupted. With --page the tables of
docs/explanations.md are written from the file, and nothing is run.

Needs the extras `torch`, `optimum`, `openvino` and `examples`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asking import XBENCH, Said, ask
from explain_page import JSON, PAGE, TITLES, figure, filled
from paging import Kept as Rows
from paging import named, parser_of, write_page

FOLDER = Path(__file__).resolve().parent
SCHEMA = "xbench.explanation-figures/1"
TARGETS = ("cpu", "openvino-native-f32", "openvino-native-bf16")
"""One for each runner and precision that takes the files as they are; int8 ones want files of their own."""
BUDGET = "20s"
BATCHES = {"digits": "{name: b16, batch: 16}"}
"""Other workloads than those of the recipes: one digit takes as long as calling its few kernels does."""
LIMIT_S = 1800.0

Row = dict[str, Any]


def methods(name: str) -> Iterator[tuple[str, str]]:
    """(the method's name, its recipe as YAML), the dense model first, with none.

    The awkward widths are those of models whose kernels work on blocks of channels: 45 % gone of a width that was a
    power of two leaves one that 8 does not divide.
    """
    from recipe_models import MODELS

    model = MODELS[name]
    narrow = f", exclude: {model.narrow}" if model.narrow else ""
    yield "dense", ""
    yield "unstructured 50 %", "{method: magnitude, sparsity: 0.5}"
    yield "unstructured 90 %", "{method: magnitude, sparsity: 0.9}"
    yield "2:4", f'{{method: "n:m"{narrow}}}'
    yield "half, only zeroed", f"{{method: structured, {model.parts}, remove: false}}"
    yield "half, removed", f"{{method: structured, {model.parts}, round_to: 8}}"
    if "channels" in model.parts:
        yield "45 %, removed, any width", f"{{method: structured, {model.parts.replace('0.5', '0.45')}}}"


def suite(name: str) -> str:
    """The suite of a model, all methods in it."""
    from recipe_models import MODELS

    model = MODELS[name]
    lines = [
        f"  - {{name: {label!r}{', baseline: true' if not recipe else f', prune: {recipe}'}}}"
        for label, recipe in methods(name)
    ]
    return (
        f"schema: xbench.suite/1\nname: {name}\nmodel:\n{model.source}  exporter: {model.exporters[0]}\nvariants:\n"
        + "\n".join(lines)
        + f"\nworkloads: [{BATCHES.get(name, model.workload)}]\nhardware: [cpu]\n"
    )


def xbench(work: Path, *arguments: str | Path) -> Said:
    """A command, with the folder of the factories in sight, and ceilings kept with the runs."""
    path = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
    environment = {"PYTHONPATH": path, "XDG_DATA_HOME": str((work / "data").resolve())}
    return ask([XBENCH, *arguments], LIMIT_S, environment=environment)


def probe(work: Path, targets: list[str]) -> None:
    """What each target reaches at best, where that was not measured yet. SystemExit where it cannot be."""
    for target in targets:
        if not any((work / "data" / "xbench" / "ceilings").glob(f"{target}-????????????????.json")):
            said = xbench(work, "hardware", "probe", target, "--quiet")
            if said.exit_code:
                raise SystemExit(f"xbench hardware probe {target}: {said.last_words}")
            print("\n".join(said.stdout.splitlines()[:4]), flush=True)


@dataclass(frozen=True)
class Bench:
    """One model, and where its suite and its runs lie."""

    name: str
    work: Path

    @property
    def folder(self) -> Path:
        """Of this model."""
        return self.work / self.name

    def run(self, targets: list[str], budget: str) -> None:
        """One run of all targets, gone on with if it was interrupted. SystemExit where it gives no results."""
        self.folder.mkdir(parents=True, exist_ok=True)
        written, results = self.folder / "suite.yaml", self.folder / "results"
        written.write_text(suite(self.name))
        named = [word for target in targets for word in ("--hardware", target)]
        command = ["run", written, *named, "--budget", budget, "--output", results, "--trust", "--quiet"]
        said = xbench(self.work, *command, "--json", self.folder / "run.json", *self._resume(results))
        if said.exit_code in (2, 5, 124, 130) or said.exit_code < 0:
            raise SystemExit(f"xbench run of {self.name}: {said.last_words}\n{said.stderr[-2000:]}")

    def _resume(self, results: Path) -> list[str]:
        runs = sorted(results.glob("*/run.json"))
        unfinished = runs and json.loads(runs[-1].read_text())["status"] == "running"
        return ["--resume"] if unfinished else []

    def explained(self) -> list[Row]:
        """What `xbench explain` says of the last run."""
        said = xbench(self.work, "explain", "last", "--output", self.folder / "results", "--json", "-")
        if not said.stdout.startswith("{"):
            raise SystemExit(f"xbench explain of {self.name}: {said.last_words}\n{said.stderr[-2000:]}")
        return list(json.loads(said.stdout)["explanations"])


def here(targets: list[str]) -> list[str]:
    """Those of the targets that this machine can run, as `xbench hardware list --here` lists them."""
    listed = ask([XBENCH, "hardware", "list", "--here"], 120).stdout.splitlines()
    names = {line.split()[0] for line in listed if line.strip()}
    for target in targets:
        if target not in names:
            print(f"{target}: not here", flush=True)
    return [target for target in targets if target in names]


class Kept(Rows):
    """The file of all rows, written after each model."""

    def missing(self, model: str, targets: list[str], budget: str) -> list[str]:
        """The targets of which there are no rows with this budget."""
        there = {row["target"] for row in self.rows() if (row["model"], row["budget"]) == (model, budget)}
        return [target for target in targets if target not in there]

    def add(self, rows: list[Row]) -> None:
        """Put rows in the place of those of the same model, target and method."""
        self.put(rows, ("model", "target", "method"))
        for row in rows:
            print(f"{row['model']:13s} {row['target']:22s} {row['method']:26s} {_told(row)}", flush=True)


def _told(row: Row) -> str:
    found = row["explanation"]
    figures = (
        figure(found["ideal"]),
        (found["measured"] or {}).get("point"),
        (found["reached"] or {}).get("point"),
    )
    kinds = ", ".join(reason["kind"] for reason in found["reasons"]) or "no reason"
    return " ".join("-" if one is None else f"{one:.2f}" for one in figures) + f" {kinds}"


def run_model(name: str, work: Path, targets: list[str], budget: str) -> list[Row]:
    """The rows of a model on these targets."""
    bench = Bench(name, work)
    bench.run(targets, budget)
    return [
        {
            "model": name,
            "target": one["hardware"],
            "method": one["variant"],
            "budget": budget,
            "explanation": one,
        }
        for one in bench.explained()
    ]


def run(arguments: argparse.Namespace, work: Path) -> None:
    """All models on all targets, the rows of each model saved as they come."""
    keep = Kept(arguments.json, SCHEMA, arguments.conditions)
    targets = here(arguments.hardware or list(TARGETS))
    probe(work, targets)
    for name in arguments.only:
        wanted = targets if arguments.again else keep.missing(name, targets, arguments.budget)
        if wanted:
            keep.add(run_model(name, work, wanted, arguments.budget))


def main() -> int:
    """Run, or write the page."""
    parser = parser_of(__doc__, PAGE, JSON)
    parser.add_argument("--only", action="append", metavar="MODEL", help="one of the models; repeatable")
    parser.add_argument(
        "--hardware", action="append", metavar="NAME", help=f"repeatable (default: {', '.join(TARGETS)})"
    )
    parser.add_argument("--budget", default=BUDGET, metavar="TIME", help=f"of each model and target ({BUDGET})")
    parser.add_argument("--again", action="store_true", help="run what there is as well")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep suites and runs there, and go on with them")
    arguments = parser.parse_args()
    if arguments.page:
        return write_page(PAGE, filled(PAGE.read_text(), arguments.json), arguments.check)
    arguments.only = named(parser, arguments.only, TITLES)
    with tempfile.TemporaryDirectory(prefix="xbench-explain-") as place:
        run(arguments, arguments.work or Path(place))
    return 0


if __name__ == "__main__":
    sys.exit(main())
