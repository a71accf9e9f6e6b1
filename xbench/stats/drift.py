"""Whether processes go on getting faster, or slower, while they are measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ..records.estimate import Estimate
from .checks import Floats, finite_vector, open_share
from .steady import trend

MIN_ROUNDS = 9
MIN_PROCESSES = 3


def drift_within_processes(series: Sequence[ArrayLike], confidence: float = 0.95) -> Estimate | None:
    """How many times faster processes are at their end than at their start (no unit; 1.0: no drift).

    `series` holds for each process its block medians in the order of rounds, in any unit. The datum of a
    process is ln(median of the first third of its rounds / median of the last third); the estimate is the
    mean over processes with Student's t, K-1 degrees of freedom, on the log scale. The machine's own drift
    has another sign in each process and widens the interval; a model that goes on warming up has the same
    sign in all of them and moves it away from 1.

    Processes of fewer than 9 rounds are left out; None if fewer than 3 are left. Raises ValueError for
    medians that are not positive and finite, and a confidence that is not strictly between 0 and 1.
    """
    open_share(confidence, "confidence")
    usable = [rounds for rounds in (np.asarray(one, dtype=np.float64) for one in series) if rounds.size >= MIN_ROUNDS]
    if len(usable) < MIN_PROCESSES:
        return None
    falls = np.array([_fall(rounds) for rounds in usable])
    centre = float(falls.mean())
    t = float(special.stdtrit(falls.size - 1, 0.5 + confidence / 2))
    half_width = t * float(falls.std(ddof=1)) / math.sqrt(falls.size)
    return Estimate(
        point=math.exp(centre),
        low=math.exp(centre - half_width),
        high=math.exp(centre + half_width),
        confidence=confidence,
        method=f"first over last third of the rounds, {falls.size} processes, log scale, t, {falls.size - 1} d.f.",
    )


def _fall(rounds: Floats) -> float:
    """ln(median of the first third / median of the last third) of one process's block medians."""
    medians = finite_vector(rounds, "block medians")
    if not (medians > 0).all():
        raise ValueError("block medians must be positive")
    return -trend(np.log(medians))
