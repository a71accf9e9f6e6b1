"""Asks a metric, which may be a third party's, for scores; an example that it fails on is told, and no more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError, XbenchError
from ..protocols import Metric, Rows
from ..sources.quiet import one_line

_REASON = 200
Scores = NDArray[np.float64]


def metered(name: str, metric: Metric, answers: Rows, targets: Rows, count: int) -> tuple[Scores, dict[int, str]]:
    """Scores of some examples, (count,) or (count, k), and by its number why one has none: its row is NaN.

    Where the metric raises, all examples are tried one by one; where it gives NaN or infinity, those are. Raises
    InvalidError for scores of a wrong shape.
    """
    try:
        scores = _called(name, metric, answers, targets, count)
        doubtful = np.flatnonzero(~np.isfinite(scores.reshape(count, -1)).all(axis=1)).tolist()
    except XbenchError:
        raise  # of ours: a missing package, a wrong shape
    except Exception:  # noqa: BLE001 - a third party's code; the reason is found with each example
        scores, doubtful = None, list(range(count))
    failed: dict[int, str] = {}
    rows = {number: _alone(name, metric, answers, targets, number, failed) for number in doubtful}
    found = [row for row in rows.values() if row is not None]
    if scores is None:
        shape = found[0].shape[1:] if found else ()
        scores = np.full((count, *shape), np.nan)
    for number, row in rows.items():
        if row is not None and row.shape[1:] != scores.shape[1:]:
            raise _wrong_shape(name, row.shape, (1, *scores.shape[1:]))
        scores[number] = np.nan if row is None else row[0]
    return scores, failed


def _alone(
    name: str, metric: Metric, answers: Rows, targets: Rows, number: int, failed: dict[int, str]
) -> Scores | None:
    """The row of one example by itself, (1, ...); None where it fails, and then `failed` has the reason."""
    try:
        row = _called(name, metric, _one(answers, number), _one(targets, number), 1)
    except XbenchError:
        raise
    except Exception as error:  # noqa: BLE001 - a third party's code: any fault of it is the example's
        failed[number] = _told(name, one_line(error))
        return None
    if not np.isfinite(row).all():
        failed[number] = _told(name, "the score is NaN or infinite")
        return None
    return row


def _one(rows: Rows, number: int) -> Rows:
    return {name: array[number : number + 1] for name, array in rows.items()}


def _told(name: str, reason: str) -> str:
    """One line of printable text."""
    line = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in f"{name}: {reason}")
    return line if len(line) <= _REASON else line[: _REASON - 3] + "..."


def _called(name: str, metric: Metric, answers: Rows, targets: Rows, count: int) -> Scores:
    """Scores as a copy. What is no array of numbers raises as the metric itself would."""
    scores = np.array(metric.scores(answers, targets), dtype=np.float64)
    if scores.ndim not in (1, 2) or len(scores) != count:
        raise _wrong_shape(name, scores.shape, (count,))
    return scores


def _wrong_shape(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> InvalidError:
    return InvalidError(
        f"The metric {name} must give a score for each example, shape {wanted} or with as many numbers for each",
        f"it gave shape {shape}",
        "mend the metric",
    )
