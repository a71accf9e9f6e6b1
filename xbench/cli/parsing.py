"""Reads option values that typer leaves as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InputError
from ..quantities import seconds, share
from ..road.context import RunOptions
from ..road.steps import StepOptions

_LONGEST_SECONDS = 86_400
_SIZE = re.compile(r"^[0-9]{1,18}$")


def _parsed(option: str, text: str | None, parse: Callable[[str], float], most: float) -> float | None:
    if text is None:
        return None
    try:
        value = parse(text)
    except ValueError as error:
        raise InputError(f"{option} cannot be used", str(error)) from error
    if not 0 < value <= most:
        raise InputError(f"{option} cannot be {text}", f"it must be above 0 and at most {most:g}")
    return value


def run_options(
    hardware: Sequence[str] | None,
    precision: str | None,
    budget: str | None,
    time_limit: str | None,
    output: Path,
    profile_dir: Sequence[Path] | None,
) -> RunOptions:
    """The options that `run` and `compare` share: `1%` or `0.01`, `30s` or `2min`. Raises InputError."""
    return RunOptions(
        output=output,
        hardware=tuple(hardware or ()),
        precision=_parsed("--precision", precision, share, 0.5),
        budget=_parsed("--budget", budget, seconds, _LONGEST_SECONDS),
        time_limit=_parsed("--time-limit", time_limit, seconds, _LONGEST_SECONDS),
        profile_folders=tuple(profile_dir or ()),
    )


def step_options(
    output: Path, variants: Sequence[str] | None, time_limit: str | None, profile_dir: Sequence[Path] | None
) -> StepOptions:
    """The options of `prune` and `export` that are more than a switch. Raises InputError."""
    return StepOptions(
        output=output,
        variants=tuple(variants or ()),
        time_limit=_parsed("--time-limit", time_limit, seconds, _LONGEST_SECONDS),
        profile_folders=tuple(profile_dir or ()),
    )


def seconds_of(option: str, text: str | None) -> float | None:
    """A time such as `30s`; None where none is given. Raises InputError."""
    return _parsed(option, text, seconds, _LONGEST_SECONDS)


def shapes(values: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """`INPUT=1x3x224x224` for each input; `INPUT=` is a scalar. Raises InputError."""
    found: dict[str, tuple[int, ...]] = {}
    for value in values:
        name, equals, sizes = value.rpartition("=")
        parts = sizes.lower().split("x") if sizes else []
        if not equals or not name or not all(_SIZE.match(part) for part in parts):
            raise InputError(
                f"--shape {value} cannot be read",
                "sizes are whole numbers with x between them",
                "write --shape INPUT=1x3x224x224",
            )
        found[name] = tuple(int(part) for part in parts)
    return found
