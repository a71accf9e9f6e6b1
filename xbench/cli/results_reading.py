"""Commands that read recorded runs: one, two, or all in a row. Bodies import what they need: `--help` is quick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .app import RESULTS, RunName, results_app
from .options import Json, Output
from .results_commands import Device, Model, Since, SuiteName, Until, Variant, Workload

if TYPE_CHECKING:
    from ..results.filtering import Filters


@results_app.command("show")
def results_show(name: RunName = "last", json_file: Json = None, output: Output = RESULTS) -> None:
    """What a recorded run is, and how it is proven: digests, samples, verdicts and what decided them."""
    from .run_shown import show_run

    show_run(name, output, json_file)


@results_app.command("diff")
def results_diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A run, as `report` takes it.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    json_file: Json = None,
    output: Output = RESULTS,
) -> None:
    """In what two runs differ: what was measured, on what, and what came of it."""
    from .diff_shown import show_diff

    show_diff(first, second, output, json_file)


@results_app.command("history")
def results_history(
    model: Model = None,
    variant: Variant = None,
    hardware: Device = None,
    workload: Workload = None,
    suite: SuiteName = None,
    since: Since = None,
    until: Until = None,
    json_file: Json = None,
    output: Output = RESULTS,
) -> None:
    """Each case over all runs on equal machines: where it stepped, and whether it creeps."""
    from .history_shown import show_history

    wanted: Filters = {"model": model, "variant": variant, "hardware": hardware, "workload": workload, "suite": suite}
    show_history(output, {**wanted, "since": since, "until": until}, json_file)
