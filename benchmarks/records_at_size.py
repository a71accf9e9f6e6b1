"""The index of recorded runs at size: how long it takes to make, to list, and to ask.

    python benchmarks/records_at_size.py [--runs 2000] [--cases 50] [--json results/records_at_size.json]
    python benchmarks/records_at_size.py --page [--check]

Runs are made by the functions that record real ones: complete, sealed, each with a record as large as real ones, and
without raw samples, which the index does not read. They are copies of a kept run, with other names, days and figures.
A quarter, a half and all of them are looked at, each command in a new process as a user starts it, and the same
questions from Python in one process. The file is written after each, and its rows are replaced. With --page the table
of docs/results-index.md is written from the file, and nothing is run. All of it takes --folder some GB, which is
deleted at the end, and minutes.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import paging
from asking import TIME_LIMIT, XBENCH, ask
from paging import ROOT, Kept, Row, parser_of, recorded_on, write_page
from tabulate import tabulate

from xbench.records.estimate import Estimate
from xbench.records.run_record import GroupState, RunRecord
from xbench.results import open_results
from xbench.results.index import INDEX
from xbench.results.rows import case_rows
from xbench.store.folder import ResultsFolder, RunFolder

SCHEMA = "xbench.records-at-size/1"
PAGE = ROOT / "docs/results-index.md"
JSON = ROOT / "results/records_at_size.json"
TEMPLATE = "20261123T014823Z-digits"
SUITES = ("digits", "digits-b1", "digits-nightly", "digits-release")
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
REPEATS = 5
"""How often each question is asked; the median is told."""


def made(template: RunRecord, number: int, cases: int) -> RunRecord:
    """The template as another run: its first device alone, and as many workloads as give so many cases."""
    generator = np.random.default_rng(number)
    hardware = template.groups[0].hardware
    begun = FIRST_DAY + timedelta(minutes=90 * number)
    suite = SUITES[number % len(SUITES)]
    workloads = [f"w{index:02d}" for index in range(math.ceil(cases / len(template.variants)))]
    return template.model_copy(
        update={
            "id": f"{begun:%Y%m%dT%H%M%SZ}-{suite}-{number:06x}",
            "created": begun.isoformat(),
            "suite": {**template.suite, "name": suite, "workloads": [{"name": name} for name in workloads]},
            "devices": tuple(one for one in template.devices if one.profile.name == hardware),
            "groups": tuple(_group(template.groups[0], name, generator) for name in workloads),
        }
    )


def _group(group: GroupState, workload: str, generator: np.random.Generator) -> GroupState:
    """Each comparison some per cent beside the template's."""
    factors = np.exp(generator.normal(0, 0.02, len(group.comparisons)))
    compared = [
        one.model_copy(update={"workload": workload, "speedup": _times(one.speedup, factor)})
        for one, factor in zip(group.comparisons, factors, strict=True)
    ]
    measured = [one.model_copy(update={"workload": workload}) for one in group.cases]
    return group.model_copy(update={"workload": workload, "comparisons": tuple(compared), "cases": tuple(measured)})


def _times(one: Estimate | None, factor: float) -> Estimate | None:
    if one is None:
        return None
    ends = {name: getattr(one, name) * float(factor) for name in ("point", "low", "high")}
    return one.model_copy(update=ends)


def write_runs(folder: Path, template: RunRecord, numbers: Sequence[int], cases: int) -> int:
    """Record them as `xbench run` does; returns how many cases they have."""
    count = 0
    for number in numbers:
        record = made(template, number, cases)
        run_folder = RunFolder(folder / record.id)
        run_folder.path.mkdir(parents=True)
        rows = case_rows(record)
        run_folder.seal(record, rows)
        count += len(rows)
    return count


def looked_at(folder: Path, runs: int, cases: int) -> Row:
    """Seconds of each question, from outside and from Python, and the size on the disk."""
    variant, day = "channels-half", "2025-01-10"
    whole = ["results", "list", "--output", str(folder)]
    filtered = [*whole, "--variant", variant, "--since", day, "--verdict", "faster"]
    rebuild = _command([*whole, "--rebuild"], 1)
    results = open_results(folder)
    return {
        "runs": runs,
        "cases": cases,
        "rebuild_s": rebuild,
        "list_s": _command(whole, REPEATS),
        "filtered_s": _command(filtered, REPEATS),
        "export_csv_s": _command(_export(folder), 1),
        "python_runs_s": _seconds(results.runs),
        "python_filtered_s": _seconds(lambda: results.cases(variant=variant, since=day, verdict="faster")),
        "index_mib": (folder / INDEX).stat().st_size / 2**20,
        "records_mib": sum(file.stat().st_size for file in folder.glob("*/*")) / 2**20,
    }


def _export(folder: Path) -> list[str]:
    return ["results", "export", "--to", str(folder / "all.csv"), "--force", "--output", str(folder)]


def _command(arguments: list[str], repeats: int) -> float:
    """The median time of a new process, in seconds."""

    def once() -> None:
        said = ask([str(XBENCH), *arguments], TIME_LIMIT)
        assert said.exit_code == 0, said.last_words

    return _seconds(once, repeats)


def _seconds(question: Callable[[], object], repeats: int = REPEATS) -> float:
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        question()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def table(data: Row) -> str:
    """The table of the page."""
    headers = (
        "runs",
        "cases",
        "rebuild and list",
        "a case of it",
        "list",
        "filtered",
        "all as CSV",
        "list, from Python",
        "filtered, from Python",
        "index",
        "records",
    )
    cells = [
        [
            f"{row['runs']:,}",
            f"{row['cases']:,}",
            f"{row['rebuild_s']:.2f} s",
            f"{1e6 * row['rebuild_s'] / row['cases']:.0f} us",
            f"{row['list_s']:.2f} s",
            f"{row['filtered_s']:.2f} s",
            f"{row['export_csv_s']:.2f} s",
            f"{1000 * row['python_runs_s']:.0f} ms",
            f"{1000 * row['python_filtered_s']:.0f} ms",
            f"{row['index_mib']:.0f} MiB",
            f"{row['records_mib']:,.0f} MiB",
        ]
        for row in sorted(data["rows"], key=lambda row: row["cases"])
    ]
    return recorded_on(data) + "\n" + tabulate(cells, headers, tablefmt="github", disable_numparse=True) + "\n"


def main() -> int:
    """The runs, or the page."""
    parser = parser_of(__doc__, PAGE, JSON)
    parser.add_argument("--runs", type=int, default=2000, help="how many in all")
    parser.add_argument("--cases", type=int, default=50, help="how many each run has at least")
    parser.add_argument("--folder", type=Path, help="where they are made; default: the system's temporary folder")
    asked = parser.parse_args()
    if asked.page:
        return write_page(PAGE, paging.filled(PAGE.read_text(), asked.json, table), asked.check)
    template = ResultsFolder(ROOT / "results").find(TEMPLATE).load()
    kept = Kept(asked.json, SCHEMA, asked.conditions)
    with tempfile.TemporaryDirectory(prefix="records-", dir=asked.folder) as name:
        folder, there, cases = Path(name), 0, 0
        for runs in (asked.runs // 4, asked.runs // 2, asked.runs):
            cases += write_runs(folder, template, range(there, runs), asked.cases)
            there = runs
            row = looked_at(folder, runs, cases)
            kept.put([row], ("runs", "cases"))
            print({key: round(value, 3) for key, value in row.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
