"""The program `xbench` and its groups of commands, which the modules beside this one add to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .._version import __version__

app = typer.Typer(
    name="xbench",
    help="What pruning really buys on each deployment target, and whether the pruned model may ship there.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
hardware_app = typer.Typer(help="Hardware profiles, and which of them this machine is.", no_args_is_help=True)
suite_app = typer.Typer(help="Suites.", no_args_is_help=True)
results_app = typer.Typer(help="Recorded runs.", no_args_is_help=True)
app.add_typer(hardware_app, name="hardware")
app.add_typer(suite_app, name="suite")
app.add_typer(results_app, name="results")

RESULTS = Path("results")
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, name, beginning of it, or `last`.")]


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"xbench {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; with every command.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of all commands."""
