"""What the benchmarks share that simulate and time nothing: sections, kept one by one, and trials that are not."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from paging import Kept, Row, parser_of, write_page

Sections = Mapping[str, tuple[str, ...]]
"""By the name of a section, the keys that tell its rows apart."""


def section_parser(described: str | None, page: Path, rows: Path, sections: Iterable[str]) -> argparse.ArgumentParser:
    """A parser with the options that all simulations have."""
    parser = parser_of(described, page, rows)
    parser.add_argument("--only", action="append", choices=list(sections), help="one of the sections; repeatable")
    parser.add_argument("--quick", action="store_true", help="few repetitions: a trial")
    return parser


def refuse_kept_trial(parser: argparse.ArgumentParser, arguments: argparse.Namespace, rows: Path) -> None:
    """A trial never takes the place of the figures. Ends with a usage error."""
    if arguments.quick and arguments.json == rows:
        parser.error(f"--quick is a trial: name another file than {rows.name} with --json")


def keep_sections(
    arguments: argparse.Namespace, schema: str, sections: Sections, run: Mapping[str, Callable[[bool], Iterator[Row]]]
) -> None:
    """Each section that is asked for, saved as it is done."""
    keep = Kept(arguments.json, schema, "simulated, nothing is timed", tuple(sections))
    for name in arguments.only or run:
        rows = list(run[name](arguments.quick))
        keep.put(rows, sections[name], name)
        print(f"{name}: {len(rows)} rows", flush=True)


def simulate_or_page(
    described: str | None,
    page: Path,
    rows: Path,
    schema: str,
    sections: Sections,
    run: Mapping[str, Callable[[bool], Iterator[Row]]],
    filled: Callable[[str, Path], str],
) -> int:
    """Run the sections, or write the page, as the command line says; gives the exit status."""
    parser = section_parser(described, page, rows, sections)
    arguments = parser.parse_args()
    if arguments.page:
        return write_page(page, filled(page.read_text(), arguments.json), arguments.check)
    refuse_kept_trial(parser, arguments, rows)
    keep_sections(arguments, schema, sections, run)
    return 0
