"""Every recipe on every model: what was asked and what came, what it costs, and what is lost without training.

    python benchmarks/recipes.py [--only minilm] [--methods "2:4" "wanda"] [--json results/recipes.json]
    python benchmarks/recipes.py --page [--check]

Each row is a call of `xbench export` in a process of its own, as a user would start it; what cannot be had keeps
its reason. One method of each kind, and each exporter, is done twice, in two processes, to see whether the bytes
are equal (`--once` leaves that out). The file is written after each row; rows of the same model and method are
replaced. With --page the tables of docs/recipes.md are written from the file, and nothing is run.

Quality is the task's metric where there is a task (MiniLM: recall@1 on docstrings, digits: accuracy on held-out
images). Elsewhere weights are random, and it is how far the first output moves from the dense model's on real
texts or images that were not calibrated with: |y - dense| / |dense|, by the Euclidean norm.

Needs the extras `torch`, `optimum` and `examples`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from paging import Kept as Rows
from paging import named, parser_of, write_page
from recipes_page import JSON, PAGE, filled

FOLDER = Path(__file__).resolve().parent
SCHEMA = "xbench.recipes/1"
LIMIT_S = 900
# One of each kind: a change of bytes comes from the exporter, or from pruning by chance, and not from the measure.
_TWICE = ("dense", "magnitude, layer", "random", "2:4", "structured, taylor")
_KEPT = (
    "asked_share",
    "zero_share",
    "removed_share",
    "parameters",
    "macs",
    "macs_note",
    "size_bytes",
    "parity_max_rel",
    "parity_cosine",
    "prune_seconds",
    "export_seconds",
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """The suite of one model, its inputs, and where its files lie."""

    name: str
    folder: Path
    once: bool

    @property
    def dense(self) -> Path:
        """The dense model's file, which the others are held against."""
        return self.folder / "first" / "dense.onnx"

    def write_suite(self, exporter: str) -> Path:
        """The suite, by one exporter."""
        from recipe_models import suite

        path = self.folder / f"{exporter}.yaml"
        path.write_text(suite(self.name, self.folder, exporter))
        return path

    def export(self, suite: Path, method: str, turn: str) -> Row:
        """The row that `xbench export` gives; one with a failure where it gives none."""
        told = self.folder / "rows.json"
        told.unlink(missing_ok=True)
        command = [sys.executable, "-m", "xbench", "export", str(suite), "--variant", method, "--trust", "--force"]
        command += [
            "--output",
            str(self.folder / turn),
            "--json",
            str(told),
            "--time-limit",
            f"{LIMIT_S}s",
            "--quiet",
        ]
        path = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
        ended = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        if not told.is_file():
            words = ended.stderr.strip().removeprefix("xbench: ").split("\n")
            return {"failure": ": ".join(line.strip() for line in words[:2]), "exit_code": ended.returncode}
        (row,) = json.loads(told.read_text())["rows"]
        return dict(row)

    def exported_twice(self, suite: Path, method: str) -> tuple[Row, Path | None]:
        """What came of one method, whether the bytes are the same again, and the file."""
        found = self.export(suite, method, "first")
        if found["failure"]:
            return {"failure": found["failure"]}, None
        row = {key: found[key] for key in _KEPT} | {"failure": ""}
        if method in _TWICE and not self.once:
            again = self.export(suite, method, "second")
            row["equal_bytes"] = not again["failure"] and again["sha256"] == found["sha256"]
            row["equal_graphs"] = not again["failure"] and again["graph_sha256"] == found["graph_sha256"]
        return row, self.folder / "first" / found["file"]


def quality(bench: Bench, suite: Path, file: Path) -> Row:
    """The task's metric, or how far the first output is from the dense model's."""
    from recipe_models import MODELS

    model = MODELS[bench.name]
    if model.metric:
        return {"metric": model.metric, "value": _scored(suite, file, model.metric)}
    with np.load(model.files(bench.folder)[1]) as archive:
        arrays = {name: archive[name] for name in archive.files}
    ours, theirs = _first_outputs(file, arrays), _first_outputs(bench.dense, arrays)
    change = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
    return {"metric": "output_change", "value": change}


def _scored(suite: Path, file: Path, metric: str) -> float:
    from xbench.artifacts.describing import describe
    from xbench.profiles.finding import reference_profile
    from xbench.quality.evaluation import evaluate
    from xbench.quality.scoring import example_scores
    from xbench.road.opening import task_of
    from xbench.suite.loading import load_suite

    task = task_of(load_suite(suite), trusted=True)
    assert task is not None
    kept: list[dict[str, np.ndarray]] = []
    profile = reference_profile()
    evaluate(describe(file, file.stem), task, profile, LIMIT_S, kept.append, lambda _done, _all: None)
    scores = example_scores(task, kept, None, file.stem, profile.name).metrics[metric]
    return float(task.metrics[metric].value(scores, np.ones(len(scores))))


def _first_outputs(file: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    from xbench.measure.inspection import loaded
    from xbench.profiles.finding import reference_profile

    size = len(next(iter(arrays.values())))
    sets = [{name: array[at : at + 4] for name, array in arrays.items()} for at in range(0, size, 4)]
    with loaded(file, file.stem, reference_profile(), LIMIT_S) as model:
        found = np.concatenate([next(iter(outputs.values())) for outputs in model.infer(sets)])
    return found.astype(np.float64)  # squares of small outputs would be zero in their own type


def run_model(name: str, methods: list[str] | None, once: bool, keep: Kept) -> None:
    """All methods on one model, the dense one first; then each exporter on the dense model."""
    from recipe_models import MODELS, recipes, write_inputs

    with tempfile.TemporaryDirectory(prefix="xbench-recipes-") as place:
        bench = Bench(name, Path(place), once)
        write_inputs(name, bench.folder)
        suite = bench.write_suite(MODELS[name].exporters[0])
        for method, recipe in recipes(MODELS[name]):
            if methods is not None and method not in (*methods, "dense"):
                continue
            row, file = bench.exported_twice(suite, method)
            if file is not None:
                row["quality"] = quality(bench, suite, file)
                if file != bench.dense:
                    file.unlink()
            keep.add("rows", {"model": name, "method": method, "recipe": recipe, **row})
        if methods is None or "exporters" in methods:
            for exporter in MODELS[name].exporters:
                row, _ = bench.exported_twice(bench.write_suite(exporter), "dense")
                keep.add("exports", {"model": name, "method": exporter, **row})


class Kept(Rows):
    """The file of all rows, written after each."""

    def add(self, table: str, row: Row) -> None:
        """Put a row in the place of the one of the same model and method."""
        self.put([row], ("model", "method"), table)
        print(f"{row['model']:14s} {row['method']:20s} {_told(row)}", flush=True)


def _told(row: Row) -> str:
    if row["failure"]:
        return f"none: {row['failure'][:160]}"
    value = row.get("quality", {}).get("value")
    quality_told = f"quality {value:.4f}, " if value is not None else ""
    return (
        f"{row['zero_share']:.3f} zero, {quality_told}prune {row['prune_seconds']:.1f} s, "
        f"export {row['export_seconds']:.1f} s, parity {row['parity_max_rel']:.1e}, "
        f"equal bytes {row.get('equal_bytes', 'not tried')}"
    )


def main() -> int:
    """Run, or write the page."""
    parser = parser_of(__doc__, PAGE, JSON)
    parser.add_argument("--only", action="append", metavar="MODEL", help="one of the models; repeatable")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="some of the methods; `exporters` is one too")
    parser.add_argument("--once", action="store_true", help="export once: nothing is said of equal bytes")
    arguments = parser.parse_args()
    if arguments.page:
        return write_page(PAGE, filled(PAGE.read_text(), arguments.json), arguments.check)
    from recipe_models import MODELS

    models = named(parser, arguments.only, MODELS)
    keep = Kept(arguments.json, SCHEMA, arguments.conditions, ("rows", "exports"))
    for name in models:
        run_model(name, arguments.methods, arguments.once, keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
