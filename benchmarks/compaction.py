"""Compacted files against physically pruned twins: parameters, measured speed, largest output difference, seconds.

    python benchmarks/compaction.py [--only resnet50] [--budget 90s] [--json results/compaction.json]
    python benchmarks/compaction.py --page [--check]

For each model `xbench export` writes the dense file, the zeroed one, and its twin from which the same units were
removed; for those with convolutions also one in which only the filters are zero, so that biases and batch norms
survive. `xbench compact` makes files of the zeroed ones. One `xbench compare` then measures all of them interleaved,
the twin being the baseline. The file is written after each model, and rows of the same model are replaced. With
--page the tables of docs/compaction-results.md are written from the file, and nothing is run.

Speedups over the dense file and over others than the twin come from the raw samples of the same run, as
`xbench compare` computes its own. `--quick` takes small models of the same make, to see whether it works.

Needs the extras `torch` and `optimum`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asking import XBENCH, Said, ask
from compaction_page import JSON, PAGE, filled
from paging import Kept as Rows
from paging import named, parser_of, write_page

FOLDER = Path(__file__).resolve().parent
SCHEMA = "xbench.compaction-figures/1"
BUDGET, QUICK_BUDGET = "90s", "10s"
LIMIT_S = 900.0
COMPACTED = "compacted"
_KINDS = ("dense", "zeroed", "removed", "filters")

Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """One model, and where its files lie."""

    name: str
    folder: Path
    quick: bool

    @property
    def files(self) -> Path:
        """The folder of all ONNX files of the model."""
        return self.folder / "files"

    def file(self, kind: str) -> Path:
        """`dense`, `zeroed`, `removed` or `filters`; `zeroed-compacted` and `filters-compacted`."""
        return self.files / f"{kind}.onnx"

    def xbench(self, *arguments: str | Path) -> Said:
        """A command, with the folder of the factories in sight. SystemExit with its words where it fails; one that
        tells of its failure in JSON has not failed here."""
        path = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
        said = ask([XBENCH, *arguments], LIMIT_S, environment={"PYTHONPATH": path})
        if not said.stdout.startswith("{") and said.exit_code:
            raise SystemExit(f"xbench {arguments[0]} of {self.name}: {said.last_words}\n{said.stderr[-2000:]}")
        return said

    def write_files(self) -> None:
        """The dense file, the zeroed ones, and the twin."""
        from compaction_models import FILTERS, MODELS, ZEROED, suite, write_filters

        written = self.folder / "suite.yaml"
        written.write_text(suite(self.name, self.quick))
        if MODELS[self.name].has_filters:
            self.xbench("prune", written, "--variant", ZEROED, "--output", self.folder, "--trust", "--quiet")
            checkpoint = self.folder / f"{FILTERS}.safetensors"
            write_filters(self.name, self.quick, self.folder / f"{ZEROED}.safetensors", checkpoint)
        self.xbench("export", written, "--output", self.files, "--trust", "--quiet")

    def compact(self, kind: str) -> Row:
        """What `xbench compact` says of a file; `seconds` are those of the whole command, from outside."""
        said = self.xbench("compact", self.file(kind), self.file(f"{kind}-{COMPACTED}"), "--json", "-", "--quiet")
        megabytes = self.file(kind).stat().st_size / 1e6
        told = json.loads(said.stdout)
        return {"seconds": said.seconds, "seconds_per_100_mb": said.seconds / megabytes * 100, **_kept(told)}


def _kept(record: Row) -> Row:
    """Of the record of a compaction, what the page shows."""
    gone: dict[str, int] = {}
    for one in record["gone"]:
        gone[one["unit"]] = gone.get(one["unit"], 0) + one["before"] - one["after"]
    return {
        "written": record["target"] is not None,
        "gone": gone,
        "stays": record["stays"],
        "folded_biases": record["folded_biases"],
        "carriers": record["carriers"],
        "notes": record["notes"],
        "max_abs": max((one["max_abs"] for one in record["differences"]), default=None),
        "max_rel": max((one["max_rel"] for one in record["differences"]), default=None),
        "parts_s": record["seconds"],
    }


def parameters(file: Path) -> int:
    """As `xbench inspect` counts them: all floats that the file holds."""
    from xbench.onnxfile.audit import audit
    from xbench.onnxfile.opening import open_model

    return audit(open_model(file)).parameters


def compared(bench: Bench, kinds: list[str], budget: str, results: Path) -> Row:
    """All files in one run, the twin first: {kind: its speedups over twin and dense}, and what the run says."""
    from compaction_models import MODELS, TWIN

    others = [kind for kind in kinds if kind != TWIN]
    shapes = [word for shape in MODELS[bench.name].shapes for word in ("--shape", shape)]
    files = [bench.file(TWIN), *(bench.file(kind) for kind in others)]
    options: list[str | Path] = ["--hardware", "cpu", "--budget", budget, "--output", results, "--quiet"]
    said = bench.xbench("compare", *files, *shapes, *options, "--json", "-")
    told = json.loads(said.stdout)
    verdicts = {Path(one["candidate"]).stem: one for one in told["comparisons"]}
    rows = {kind: _speed(results, told["run"], kind, verdicts.get(kind)) for kind in kinds}
    return {"run": told["run"], "noise_floor": told["noise_floor"], "seconds": said.seconds, "files": rows}


def _speed(results: Path, run: str, kind: str, comparison: Row | None) -> Row:
    from compaction_models import TWIN

    row: Row = {"over_twin": None, "over_dense": None, "reasons": []}
    if comparison is not None:
        row |= {"verdict": comparison["verdict"], "reasons": comparison["reasons"]}
        row |= {"over_twin": comparison["speedup"]}
    if kind != "dense" and (comparison is None or comparison["verdict"] != "invalid"):
        row["over_dense"] = speedup_from_samples(results, run, "dense.onnx", f"{kind}.onnx")
    if kind == TWIN:
        row["over_twin"] = {"point": 1.0, "low": 1.0, "high": 1.0}
    return row


def speedup_from_samples(results: Path, run: str, baseline: str, candidate: str) -> Row | None:
    """The speedup of any two of a run, with its interval, as `xbench compare` has it; None with too few blocks."""
    from xbench.analysis.estimating import Pair, speedup_of
    from xbench.store.folder import ResultsFolder

    folder = ResultsFolder(results).find(run)
    group = folder.load().groups[0]
    found = speedup_of(Pair(folder.sets(0), baseline, candidate, group.load, group.cpus, seed=0))
    return None if found is None else {"point": found.point, "low": found.low, "high": found.high}


def measured(bench: Bench, budget: str, results: Path) -> Row:
    """The row of a model."""
    from compaction_models import MODELS

    model = MODELS[bench.name]
    bench.write_files()
    kinds = [kind for kind in _KINDS if bench.file(kind).is_file()]
    compactions = {kind: bench.compact(kind) for kind in ("zeroed", "filters") if kind in kinds}
    kinds += [f"{kind}-{COMPACTED}" for kind in compactions if bench.file(f"{kind}-{COMPACTED}").is_file()]
    counts = {kind: parameters(bench.file(kind)) for kind in kinds}
    sizes = {kind: bench.file(kind).stat().st_size for kind in kinds}
    return {
        "model": bench.name,
        "trial": bench.quick,
        "budget": budget,
        "parts": model.parts,
        "twin_by": model.twin_by,
        "goal": model.goal,
        "parameters": counts,
        "size_bytes": sizes,
        "compactions": compactions,
        "speed": compared(bench, kinds, budget, results),
    }


class Kept(Rows):
    """The file of all rows, written after each."""

    def add(self, row: Row) -> None:
        """Put a row in the place of the one of the same model."""
        self.put([row], ("model",))
        print(f"{row['model']:14s} {_told(row)}", flush=True)


def _told(row: Row) -> str:
    counts, files = row["parameters"], row["speed"]["files"]
    found = files.get(f"zeroed-{COMPACTED}", {}).get("over_twin")
    speed = f"{found['point']:.3f}x of the twin" if found else "no speed"
    count = counts.get(f"zeroed-{COMPACTED}")
    size = f"{count} parameters, twin {counts['removed']}" if count else "nothing compacted"
    return f"{size}; {speed}; {row['compactions']['zeroed']['seconds']:.1f} s to compact"


def run(arguments: argparse.Namespace) -> None:
    """Each model, the row of each saved as it comes."""
    keep = Kept(arguments.json, SCHEMA, arguments.conditions)
    for name in arguments.only:
        with tempfile.TemporaryDirectory(prefix="xbench-compaction-") as place:
            bench = Bench(name, Path(place), arguments.quick)
            keep.add(measured(bench, arguments.budget, arguments.results or Path(place) / "results"))


def main() -> int:
    """Run, or write the page."""
    parser = parser_of(__doc__, PAGE, JSON)
    parser.add_argument("--only", action="append", metavar="MODEL", help="one of the models; repeatable")
    parser.add_argument("--budget", metavar="TIME", help=f"of each model's comparison (default: {BUDGET})")
    parser.add_argument("--quick", action="store_true", help="small models and a budget of some seconds: a trial")
    parser.add_argument("--results", type=Path, metavar="DIR", help="keep the records of all runs there")
    arguments = parser.parse_args()
    if arguments.page:
        return write_page(PAGE, filled(PAGE.read_text(), arguments.json), arguments.check)
    from compaction_models import MODELS

    arguments.only = named(parser, arguments.only, MODELS)
    if arguments.quick and arguments.json == JSON:
        parser.error(f"--quick is a trial: name another file than {JSON.name} with --json")
    arguments.budget = arguments.budget or (QUICK_BUDGET if arguments.quick else BUDGET)
    run(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
