"""Commands that look after recorded runs. Bodies import what they need: `--help` is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import RESULTS, results_app
from .options import Output


@results_app.command("verify")
def results_verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs, each as `report` takes it. Default: all.")
    ] = None,
    digest: Annotated[
        str, typer.Option("--digest", metavar="SHA256", help="What the digest of the run's manifest was noted to be.")
    ] = "",
    output: Output = RESULTS,
) -> None:
    """Whether recorded runs are as they were sealed: each file by its digest."""
    from .keeping import verify_runs

    raise typer.Exit(verify_runs(names or (), digest, output))


@results_app.command("gc")
def results_gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    output: Output = RESULTS,
) -> None:
    """Remove artifacts that no run names, and what killed processes have left. Never a run, never a baseline."""
    from .keeping import sweep_results

    sweep_results(output, dry_run)
