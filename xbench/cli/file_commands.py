"""Commands on single ONNX files. Bodies import what they need: `--help` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import RESULTS, app
from .options import (
    Force,
    Json,
    ProfileDir,
    Quiet,
    Shapes,
    TimeLimit,
)


@app.command()
def inspect(
    files: Annotated[list[Path], typer.Argument(metavar="MODEL.onnx", help="One ONNX file, or several.")],
    hardware: Annotated[
        list[str] | None,
        typer.Option("--hardware", metavar="NAME", help="Hardware profile; repeatable. Default: all, put together."),
    ] = None,
    shape: Shapes = None,
    inputs: Annotated[
        Path | None, typer.Option("--inputs", metavar="FILE", help="An .npz file with an array for each input.")
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", "--layers", help="Every layer, not only the heaviest.")
    ] = False,
    time_limit: TimeLimit = None,
    json_file: Json = None,
    quiet: Quiet = False,
    profile_dir: ProfileDir = None,
) -> None:
    """Which sparsity is in a file, and what it can be worth at best on which target. Times nothing."""
    from ..onnxfile.wishes import Wanted
    from .inspecting import Asked, inspect_and_show
    from .parsing import run_options, shapes

    options = run_options(hardware, None, None, time_limit, RESULTS, profile_dir)
    wanted = Wanted(shapes(shape or ()), () if inputs is None else (inputs,))
    limit, folders = options.time_limit, options.profile_folders
    raise typer.Exit(
        inspect_and_show(files, Asked(options.hardware, folders, wanted, limit, details, json_file, quiet))
    )


@app.command()
def compact(
    masked: Annotated[Path, typer.Argument(metavar="MASKED.onnx", help="The file whose units are only zeroed.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    shape: Shapes = None,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--inputs", metavar="FILE", help="An .npz file with real inputs to verify with; repeatable, of any sizes."
        ),
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Every group, output and set of inputs.")] = False,
    force: Force = False,
    time_limit: TimeLimit = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Remove channels, neurons and heads that are only zeroed. Written only if it computes the same."""
    from ..compacting.compacting import Compacting
    from ..compacting.verifying import Verifying
    from .compacting import compact_and_show
    from .parsing import run_options, shapes

    limit = run_options(None, None, None, time_limit, RESULTS, None).time_limit or Verifying.time_limit
    how = Compacting(shapes(shape or ()), tuple(inputs or ()), force, Verifying(limit))
    raise typer.Exit(compact_and_show(masked, out, how, details, json_file, quiet))
