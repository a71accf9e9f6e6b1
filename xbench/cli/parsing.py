"""Reads option values that typer leaves as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..errors import InputError
from ..quantities import seconds, share

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


def precision(text: str | None) -> float | None:
    """`1%` or `0.01`. Raises InputError."""
    return _parsed("--precision", text, share, 0.5)


def duration(option: str, text: str | None) -> float | None:
    """`30s`, `2min`: seconds. Raises InputError."""
    return _parsed(option, text, seconds, 86_400)


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
