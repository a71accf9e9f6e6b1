"""`xbench`: the one command line. Command bodies import what they need, so that `--help` is quick."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .._version import __version__
from ..errors import InterruptedRunError, XbenchError
from .options import (
    AsIs,
    Budget,
    Force,
    Hardware,
    Json,
    Output,
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
) -> None:
    """The whole road: prune, export, run, score, gate; the per-device table; the verdicts."""
    from ..suite.loading import default_suite, load_suite
    from .parsing import run_options
    from .travelling import travel_and_show

    options = run_options(hardware, precision, budget, time_limit, output, profile_dir)
    options = replace(options, trusted=trust, resume=resume, as_is=as_is)
    raise typer.Exit(travel_and_show(load_suite(suite or default_suite()), options, json_file, quiet))


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


@app.command("self-test")
def self_test(
    hardware: Annotated[str, typer.Option(metavar="NAME", help="Hardware profile to try.")] = "cpu",
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time to measure for, such as 90s. Default: 30s, as compare.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Results folder to keep the run in. Default: it is not kept.")
    ] = None,
    json_file: Json = None,
    quiet: Quiet = False,
    profile_dir: ProfileDir = None,
    as_is: AsIs = False,
) -> None:
    """Whether this machine is fit to measure on: a copy of a model, and a planted slowdown of 5 %."""
    from .parsing import run_options
    from .self_testing import self_test_and_show

    options = run_options([hardware], None, budget, None, output or RESULTS, profile_dir)
    options = replace(options, as_is=as_is)
    raise typer.Exit(self_test_and_show(options, output is not None, json_file, quiet))


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
            help="Also percentiles, energy and cost, what coming up takes, the machine meanwhile, time by operator.",
        ),
    ] = False,
    output: Output = RESULTS,
) -> None:
    """The tables of a recorded run, without running anything."""
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
def gate(name: RunName = "last", output: Output = RESULTS) -> None:
    """The verdicts again, computed from the recorded samples."""
    from .reporting import gate_run

    raise typer.Exit(gate_run(name, output))


@app.command()
def doctor(json_file: Json = None, quiet: Quiet = False) -> None:
    """What runs here, what does not, why, and the command that mends it; and known traps."""
    from .doctoring import doctor_and_show

    raise typer.Exit(doctor_and_show(json_file, quiet))


@hardware_app.command("list")
def hardware_list(
    here: Annotated[bool, typer.Option("--here", help="Only those that can run here.")] = False,
    profile_dir: ProfileDir = None,
) -> None:
    """All profiles: whether this machine is it, and if not, what differs."""
    from .hardware import list_profiles

    list_profiles(tuple(profile_dir or ()), here)


@hardware_app.command("show")
def hardware_show(name: str, profile_dir: ProfileDir = None) -> None:
    """One profile, whole: its files, whether this machine is it, and all that differs."""
    from .hardware import show_profile

    show_profile(name, tuple(profile_dir or ()))


@hardware_app.command("check")
def hardware_check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Profiles. Default: all that can run here.")
    ] = None,
    profile_dir: ProfileDir = None,
) -> None:
    """Whether these profiles can run here; the exit code is 4 where one cannot."""
    from .hardware import check_profiles

    raise typer.Exit(check_profiles(names or (), tuple(profile_dir or ())))


@hardware_app.command("probe")
def hardware_probe(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The profile.")] = "cpu",
    json_file: Json = None,
    quiet: Quiet = False,
    profile_dir: ProfileDir = None,
) -> None:
    """Measure what this machine reaches at best: memory copy, and matrix products by precision."""
    from .probing import probe_and_show

    probe_and_show(name, tuple(profile_dir or ()), json_file, quiet)


@suite_app.command("schema")
def suite_schema() -> None:
    """The JSON Schema of a suite, for editors."""
    import json

    from ..suite.model import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=1) + "\n")


@results_app.command("list")
def results_list(output: Output = RESULTS) -> None:
    """All runs in the results folder."""
    from .reporting import list_runs

    list_runs(output)


@results_app.command("export")
def results_export(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs, each as `report` takes it.")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE.tar.gz", help="The bundle to write.")],
    output: Output = RESULTS,
) -> None:
    """Put runs into one file, to be imported on another machine."""
    from .reporting import export_runs

    export_runs(names, to, output)


@results_app.command("import")
def results_import(
    bundle: Annotated[Path, typer.Argument(metavar="FILE.tar.gz", help="What `results export` wrote.")],
    output: Output = RESULTS,
) -> None:
    """Take in the runs of a bundle, each file checked by its digest: all of them or none."""
    from .reporting import import_runs

    import_runs(bundle, output)


def main() -> None:
    """The entry point: the only place that ends the process, with the codes of the design's section 7."""
    # --debug may stand anywhere: it is added to the end of a command that went wrong.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        app(arguments)
    except XbenchError as error:
        _fail(error, error.exit_code, debug)
    except KeyboardInterrupt:
        _fail(InterruptedRunError("Interrupted"), InterruptedRunError.exit_code, debug)
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence: told, never swallowed
        _fail(error, 5, debug)


def _fail(error: Exception, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    elif isinstance(error, XbenchError):
        _say(str(error))
    else:
        _say(f"a fault of xbench or of the machine: {type(error).__name__}: {error}\nsee more with --debug")
    sys.exit(code)


def _say(text: str) -> None:
    from ..report.text import visible

    lines = [visible(line) for line in text.splitlines()]
    sys.stderr.write("xbench: " + "\n        ".join(lines) + "\n")
