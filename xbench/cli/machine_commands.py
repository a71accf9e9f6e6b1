"""Commands on this machine and on what is known of others. Bodies import what they need: `--help` is quick."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .app import RESULTS, app, hardware_app, suite_app
from .options import (
    AsIs,
    Json,
    ProfileDir,
    Quiet,
)


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
def suite_schema(
    policy: Annotated[bool, typer.Option("--policy", help="The schema of a policy file instead.")] = False,
) -> None:
    """The JSON Schema of a suite, or of a policy, for editors."""
    import json

    from ..suite.model import json_schema
    from ..suite.rules import json_schema as policy_schema

    sys.stdout.write(json.dumps(policy_schema() if policy else json_schema(), indent=1) + "\n")
