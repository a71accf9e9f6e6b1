"""What the pages of recorded figures share: rows that a benchmark keeps one by one, and tables written from them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from asking import save

from xbench.machine.fingerprint import fingerprint

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

Row = dict[str, Any]


def filled(page: str, file: Path, figures: Callable[[Row], str]) -> str:
    """The page with its tables written anew, out of a file of rows."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, f"the page has no {BEGIN} ... {END}"
    tables = figures(json.loads(file.read_text())) if file.is_file() else "\nNot recorded yet.\n\n"
    return f"{before}{BEGIN}\n{tables}{END}{after}"


def recorded_on(data: Row) -> str:
    """The machine, and under what it was measured."""
    machine = data["fingerprint"]
    where = f"{machine['cpu_model']}, {machine['cpus_usable']} CPUs ({machine['architecture']})"
    return f"\nRecorded on {where}; {data['conditions']}.\n"


def parser_of(described: str | None, page: Path, rows: Path) -> argparse.ArgumentParser:
    """A parser with the options that all these benchmarks have."""
    parser = argparse.ArgumentParser(description=described, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=rows, metavar="FILE", help="where the rows are kept")
    parser.add_argument("--conditions", default="nothing else ran", help="what it was measured under, in words")
    parser.add_argument("--page", action="store_true", help=f"write the tables of docs/{page.name}, and run nothing")
    parser.add_argument("--check", action="store_true", help="with --page: write nothing; status 1 where it is stale")
    return parser


def named(parser: argparse.ArgumentParser, only: list[str] | None, known: Iterable[str]) -> list[str]:
    """The models that are asked for, or all. Ends with a usage error for one that there is not."""
    every = list(known)
    unknown = sorted(set(only or ()) - set(every))
    if unknown:
        parser.error(f"there is no model {unknown[0]!r}; known are {', '.join(every)}")
    return only or every


def write_page(page: Path, text: str, check: bool) -> int:
    """Write the page, or with `check` only tell by the status whether it is stale."""
    if check:
        return int(text != page.read_text())
    page.write_text(text)
    return 0


class Kept:
    """The file of all rows, written after each. `tables` are the lists of rows in it."""

    def __init__(self, path: Path, schema: str, conditions: str, tables: tuple[str, ...] = ("rows",)) -> None:
        self._path = path
        self._data: Row = {"schema": schema, **{table: [] for table in tables}}
        if path.is_file():
            self._data = json.loads(path.read_text())
        self._data |= {"conditions": conditions, "fingerprint": fingerprint().model_dump(mode="json")}

    def rows(self, table: str = "rows") -> list[Row]:
        """What there is."""
        return list(self._data[table])

    def put(self, rows: list[Row], keys: tuple[str, ...], table: str = "rows") -> None:
        """Put rows in the place of those that have the same values under these keys."""

        def key(row: Row) -> tuple[Any, ...]:
            return tuple(row[name] for name in keys)

        new = {key(row) for row in rows}
        self._data[table] = [*(one for one in self._data[table] if key(one) not in new), *rows]
        save(self._data, self._path)
