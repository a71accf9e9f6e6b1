"""Commands on recorded runs: nothing is measured. Bodies import what they need: `--help` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import RESULTS, RunName, app
from .options import (
    Force,
    Json,
    Output,
)


@app.command()
def report(
    name: RunName = "last",
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORM", help="terminal, markdown or json. Default: what fits the output."),
    ] = "",
    details: Annotated[
        bool,
        typer.Option(
            "--details",
            help="Also percentiles, energy and cost, what coming up takes, the machine meanwhile, time by operator, "
            "every metric, slice and class, and more of the examples that are lost.",
        ),
    ] = False,
    exemplars: Annotated[
        Path | None,
        typer.Option(
            "--exemplars",
            metavar="FILE",
            help="Instead: write every example that dense models answer rightly and a variant does not; "
            ".csv or .jsonl.",
        ),
    ] = None,
    force: Force = False,
    output: Output = RESULTS,
) -> None:
    """The tables of a recorded run, without running anything."""
    if exemplars is not None:
        from .exemplars import export_exemplars

        return export_exemplars(name, output, exemplars, force)
    from .reporting import report_run

    report_run(name, output, form, details)


@app.command()
def explain(
    name: RunName = "last",
    variant: Annotated[
        list[str] | None, typer.Option("--variant", metavar="NAME", help="Only this variant; repeatable.")
    ] = None,
    hardware: Annotated[
        list[str] | None, typer.Option("--hardware", metavar="NAME", help="Only this device; repeatable.")
    ] = None,
    json_file: Json = None,
    output: Output = RESULTS,
) -> None:
    """Why each variant of a recorded run is as fast as it is, with evidence, and what to do next. Runs nothing."""
    from .explaining import explain_run

    explain_run(name, output, variant or (), hardware or (), json_file)


@app.command()
def gate(
    name: RunName = "last",
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", help="Decide by this policy. Default: the one that the run was measured with."
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="DATE", help="The day as of which waivers hold, such as 2026-12-31. Default: today."
        ),
    ] = None,
    json_file: Json = None,
    output: Output = RESULTS,
) -> None:
    """The verdicts again, from the recorded samples, and which of these decided. Runs nothing, and writes nothing."""
    from .gating import gate_run

    raise typer.Exit(gate_run(name, output, policy, on, json_file))
