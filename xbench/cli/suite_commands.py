"""Commands on suites. Bodies import what they need: `--help` is quick."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .app import RESULTS, app
from .options import (
    AsIs,
    Budget,
    Force,
    Hardware,
    Json,
    Output,
    PolicyFile,
    Precision,
    ProfileDir,
    Quiet,
    RoundBudget,
    Shapes,
    Speedup,
    StepOutput,
    StepVariant,
    SuiteFile,
    Target,
    TimeLimit,
    Trust,
)


@app.command()
def run(
    suite: Annotated[
        Path | None, typer.Argument(metavar="[SUITE]", help="The suite. Default: the embedded examples/minilm.yaml.")
    ] = None,
    hardware: Hardware = None,
    precision: Precision = None,
    budget: Budget = None,
    time_limit: TimeLimit = None,
    output: Output = RESULTS,
    json_file: Json = None,
    quiet: Quiet = False,
    trust: Trust = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last unfinished run.")] = False,
    profile_dir: ProfileDir = None,
    as_is: AsIs = False,
    policy: PolicyFile = None,
) -> None:
    """The whole road: prune, export, run, score, gate; the per-device table; the verdicts."""
    from ..suite.loading import default_suite, load_suite
    from .parsing import run_options
    from .travelling import travel_and_show

    options = run_options(hardware, precision, budget, time_limit, output, profile_dir)
    options = replace(options, trusted=trust, resume=resume, as_is=as_is, policy=policy)
    raise typer.Exit(travel_and_show(load_suite(suite or default_suite()), options, json_file, quiet))


@app.command()
def baseline(
    suite: SuiteFile,
    hardware: Hardware = None,
    time_limit: TimeLimit = None,
    output: Output = RESULTS,
    json_file: Json = None,
    quiet: Quiet = False,
    trust: Trust = False,
    profile_dir: ProfileDir = None,
    as_is: AsIs = False,
) -> None:
    """Record the dense model's answers and scores once, for later runs of the suite to reuse."""
    from ..suite.loading import load_suite
    from .baseline import baseline_and_show
    from .parsing import run_options

    options = run_options(hardware, None, None, time_limit, output, profile_dir)
    options = replace(options, trusted=trust, as_is=as_is)
    raise typer.Exit(baseline_and_show(load_suite(suite), options, json_file, quiet))


@app.command()
def compare(
    base: Annotated[Path, typer.Argument(metavar="BASE.onnx", help="The baseline.")],
    candidates: Annotated[list[Path], typer.Argument(metavar="CAND.onnx", help="What is compared with it.")],
    hardware: Hardware = None,
    shape: Shapes = None,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--inputs",
            metavar="FILE",
            help="An .npz file with an array for each input; repeatable: several take turns.",
        ),
    ] = None,
    precision: Precision = None,
    budget: Budget = None,
    time_limit: TimeLimit = None,
    output: Output = RESULTS,
    json_file: Json = None,
    quiet: Quiet = False,
    profile_dir: ProfileDir = None,
    as_is: AsIs = False,
) -> None:
    """Any ONNX files against each other, with nothing configured. Needs no torch."""
    from .comparing import check_files, suite_of
    from .parsing import run_options, shapes
    from .travelling import travel_and_show

    options = run_options(hardware, precision, budget, time_limit, output, profile_dir)
    options = replace(options, inputs=tuple(inputs or ()), as_is=as_is)
    loaded = suite_of(base, candidates, shapes(shape or ()))
    check_files(loaded, options.inputs)
    raise typer.Exit(travel_and_show(loaded, options, json_file, quiet, sentences=True))


@app.command()
def prune(
    suite: SuiteFile,
    output: StepOutput,
    variant: StepVariant = None,
    target: Target = None,
    speedup: Speedup = None,
    budget: RoundBudget = None,
    time_limit: TimeLimit = None,
    json_file: Json = None,
    quiet: Quiet = False,
    trust: Trust = False,
    force: Force = False,
    profile_dir: ProfileDir = None,
) -> None:
    """Prune the variants, and nothing more: NAME.safetensors of each, with a report beside it.

    With --target and --speedup: choose the width of each layer so that the speedup is reached as measured there.
    """
    from ..suite.loading import load_suite
    from .parsing import step_options
    from .steps import walk_and_show

    options = replace(step_options(output, variant, time_limit, profile_dir), trusted=trust, force=force)
    if target is not None or speedup is not None or budget is not None:
        from .fitting import fit_and_show, fit_options

        asked = fit_options(options, target, speedup, budget)
        raise typer.Exit(fit_and_show(load_suite(suite), asked, json_file, quiet))
    raise typer.Exit(walk_and_show("prune", load_suite(suite), options, json_file, quiet))


@app.command()
def export(
    suite: SuiteFile,
    output: StepOutput,
    variant: StepVariant = None,
    time_limit: TimeLimit = None,
    json_file: Json = None,
    quiet: Quiet = False,
    trust: Trust = False,
    force: Force = False,
    profile_dir: ProfileDir = None,
) -> None:
    """Prune, export and check the variants, and measure nothing: NAME.onnx of each, with a description beside it."""
    from ..suite.loading import load_suite
    from .parsing import step_options
    from .steps import walk_and_show

    options = replace(step_options(output, variant, time_limit, profile_dir), trusted=trust, force=force)
    raise typer.Exit(walk_and_show("export", load_suite(suite), options, json_file, quiet))


@app.command()
def sensitivity(
    suite: SuiteFile,
    variant: Annotated[str, typer.Option("--variant", metavar="NAME", help="The pruned variant to look at.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Write a suite with the spared variant there; none by default."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME", help="Default: the one that the gate looks at, else the first."),
    ] = None,
    spare: Annotated[
        int | None, typer.Option("--spare", metavar="N", help="Spare so many layers. Default: as many as pay.")
    ] = None,
    time_limit: TimeLimit = None,
    json_file: Json = None,
    quiet: Quiet = False,
    trust: Trust = False,
    force: Force = False,
    profile_dir: ProfileDir = None,
) -> None:
    """Which layers' pruning costs the quality: each one's undone alone, and a recipe that spares the worst."""
    from ..sensitivity.asking import Asked
    from ..suite.loading import load_suite
    from .parsing import seconds_of
    from .sensitivity import look_and_show

    asked = Asked(
        variant=variant,
        metric=metric,
        spare=spare,
        output=output,
        time_limit=seconds_of("--time-limit", time_limit),
        trusted=trust,
        force=force,
        profile_folders=tuple(profile_dir or ()),
    )
    raise typer.Exit(look_and_show(load_suite(suite), asked, json_file, quiet))
