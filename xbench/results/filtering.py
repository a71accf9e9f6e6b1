"""What is asked for, as a condition of SQL: names and dates are parameters, never part of its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypedDict, get_args

from ..errors import InputError, did_you_mean
from ..records.estimate import GateOutcome, SpeedVerdict

Names = str | Sequence[str] | None
"""One name or several, any of which fits; `*` stands for any text and `?` for one character."""

Moment = str | date | None
"""A day or a time; as text `2026-11-23` or `2026-11-23T14:00`, UTC where no offset is told."""

OUTCOMES: tuple[str, ...] = get_args(GateOutcome)
VERDICTS: tuple[str, ...] = tuple(dict.fromkeys((*OUTCOMES, *get_args(SpeedVerdict))))
_OF_RUNS = ("run", "suite")
_OF_CASES = ("model", "variant", "hardware", "workload", "precision")
_LONGEST = 200
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Filters(TypedDict, total=False):
    """What cases are asked for; what is left out or None asks for nothing.

    `since` and `until` are of the run's begin, both included; a day is all of it. `outcome` is that of the gates;
    `verdict` that, or the one of the speed.
    """

    run: Names
    suite: Names
    model: Names
    variant: Names
    hardware: Names
    workload: Names
    precision: Names
    since: Moment
    until: Moment
    outcome: Names
    verdict: Names


Condition = tuple[str, list[str | float]]
"""A condition and its parameters."""


def case_condition(filters: Filters) -> Condition:
    """Which cases fit. Raises InputError for a date, verdict or filter that there is not."""
    _require_known(filters)
    return _all(_run_parts(filters), _case_parts(filters))


def run_condition(filters: Filters) -> Condition:
    """Which runs fit: those with a case that does."""
    _require_known(filters)
    of_cases, parameters = _all(_case_parts(filters))
    inner = [(f"run IN (SELECT run FROM cases WHERE {of_cases})", parameters)]  # noqa: S608 - columns and marks
    return _all(_run_parts(filters), inner if parameters else ())


def _require_known(filters: Filters) -> None:
    """A filter that is misspelt would else fit everything."""
    known = tuple(Filters.__annotations__)
    for name in filters:
        if name not in known:
            one_of = f"known are {', '.join(known)}"
            raise InputError(f"There is no filter {name!r}", one_of, did_you_mean(name, known))


def _all(*groups: Iterator[Condition] | Sequence[Condition]) -> Condition:
    parts = [part for group in groups for part in group]
    values = [value for _, some in parts for value in some]
    return " AND ".join(f"({text})" for text, _ in parts) or "1", values


def _run_parts(filters: Filters) -> Iterator[Condition]:
    for column in _OF_RUNS:
        yield from _names(column, filters.get(column))
    if (since := filters.get("since")) is not None:
        yield "at >= ?", [_moment(since)]
    if (until := filters.get("until")) is not None:
        yield _until(until)


def _case_parts(filters: Filters) -> Iterator[Condition]:
    for column in _OF_CASES:
        yield from _names(column, filters.get(column))
    if outcomes := _known(filters.get("outcome"), OUTCOMES, "outcome"):
        yield _one_of("outcome", outcomes)
    if verdicts := _known(filters.get("verdict"), VERDICTS, "verdict"):
        mine, speeds = _one_of("outcome", verdicts), _one_of("speed_verdict", verdicts)
        yield f"{mine[0]} OR {speeds[0]}", [*mine[1], *speeds[1]]


def _names(column: str, asked: object) -> Iterator[Condition]:
    names = _listed(asked)
    if not names:
        return
    too_long = next((name for name in names if len(name) > _LONGEST), None)
    if too_long is not None:
        raise InputError(f"No {column} has a name of {len(too_long)} characters")
    parts: list[Condition] = [
        (f"{column} GLOB ?", [name.replace("[", "[[]")]) if "*" in name or "?" in name else (f"{column} = ?", [name])
        for name in names
    ]
    yield " OR ".join(text for text, _ in parts), [value for _, some in parts for value in some]


def _listed(asked: object) -> list[str]:
    if asked is None:
        return []
    return [asked] if isinstance(asked, str) else [str(one) for one in asked]  # type: ignore[attr-defined]


def _one_of(column: str, names: Sequence[str]) -> Condition:
    return f"{column} IN ({', '.join('?' * len(names))})", list(names)


def _known(asked: Names, known: Sequence[str], what: str) -> list[str]:
    names = _listed(asked)
    for name in names:
        if name not in known:
            raise InputError(
                f"There is no {what} {name!r}", f"known are {', '.join(known)}", did_you_mean(name, known)
            )
    return names


def _until(asked: str | date) -> Condition:
    if _is_day(asked):
        return "at < ?", [_moment(asked) + timedelta(days=1).total_seconds()]
    return "at <= ?", [_moment(asked)]


def _is_day(asked: str | date) -> bool:
    return bool(_DAY.fullmatch(asked)) if isinstance(asked, str) else not isinstance(asked, datetime)


def _moment(asked: str | date) -> float:
    """Seconds since 1970, UTC; a day is its begin. Raises InputError."""
    try:
        moment = datetime.fromisoformat(asked if isinstance(asked, str) else asked.isoformat())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{asked!r} is no date", "", "write a day such as 2026-11-23, or a time such as 2026-11-23T14:00 (UTC)"
        ) from error
