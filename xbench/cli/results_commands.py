"""Commands on the results folder: what is in it, how runs travel. Bodies import what they need: `--help` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import RESULTS, results_app
from .options import Force, Json, Output

Asked = list[str] | None
Model = Annotated[Asked, typer.Option("--model", metavar="NAME", help="Cases of this model; repeatable.")]
Variant = Annotated[Asked, typer.Option("--variant", metavar="NAME", help="Of this variant; * stands for any text.")]
Device = Annotated[Asked, typer.Option("--hardware", metavar="NAME", help="On this device; repeatable.")]
Workload = Annotated[Asked, typer.Option("--workload", metavar="NAME", help="Of this workload; repeatable.")]
SuiteName = Annotated[Asked, typer.Option("--suite", metavar="NAME", help="Of runs of this suite; repeatable.")]
Since = Annotated[
    str | None, typer.Option(metavar="DATE", help="Of runs from then on: 2026-11-23, or 2026-11-23T14:00 (UTC).")
]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Of runs up to then; a day is all of it.")]
Verdict = Annotated[
    Asked,
    typer.Option(
        "--verdict",
        metavar="WORD",
        help="pass, fail, inconclusive, invalid (of the gates or of the speed), faster, slower, same or untimed.",
    ),
]


@results_app.command("list")
def results_list(
    model: Model = None,
    variant: Variant = None,
    hardware: Device = None,
    workload: Workload = None,
    suite: SuiteName = None,
    since: Since = None,
    until: Until = None,
    verdict: Verdict = None,
    cases: Annotated[
        bool, typer.Option("--cases", help="A line for each case: variant, device and workload of a run.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index of the folder anew first, out of the runs.")
    ] = False,
    json_file: Json = None,
    output: Output = RESULTS,
) -> None:
    """The runs of the results folder, the newest last; with a filter that is of cases, the cases."""
    from .listing import list_results

    filters = {"model": model, "variant": variant, "hardware": hardware, "workload": workload, "verdict": verdict}
    of_runs = {"suite": suite, "since": since, "until": until}
    list_results(output, filters, of_runs, cases=cases, rebuild=rebuild, json_file=json_file)


@results_app.command("export")
def results_export(
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            help="What to write: a bundle of whole runs (.tar.gz), or a table of cases (.csv, .parquet, .json).",
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Runs, each as `report` takes it. A table: none is all."),
    ] = None,
    model: Model = None,
    variant: Variant = None,
    hardware: Device = None,
    workload: Workload = None,
    suite: SuiteName = None,
    since: Since = None,
    until: Until = None,
    verdict: Verdict = None,
    force: Force = False,
    output: Output = RESULTS,
) -> None:
    """Put runs into one file, to be imported on another machine; or cases into a table, for other programs."""
    from .carrying import export

    filters = {"model": model, "variant": variant, "hardware": hardware, "workload": workload, "verdict": verdict}
    of_runs = {"suite": suite, "since": since, "until": until}
    export(names or (), to, output, {**filters, **of_runs}, force)


@results_app.command("import")
def results_import(
    bundle: Annotated[Path, typer.Argument(metavar="FILE.tar.gz", help="What `results export` wrote.")],
    output: Output = RESULTS,
) -> None:
    """Take in the runs of a bundle, each file checked by its digest: all of them or none."""
    from .carrying import import_runs

    import_runs(bundle, output)
