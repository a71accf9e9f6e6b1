"""What may be said of a speedup: faster, slower, same, inconclusive, or nothing."""

from __future__ import annotations

import math

from ..records.estimate import Estimate, SpeedVerdict


def noise_floor(aa: Estimate) -> float:
    """The noise of a run (relative: 0.006 is 0.6 %), from the speedup of the baseline over its own copy.

    It is the farthest that the A/A interval reaches from 1, measured on the log scale so that 1.25x and
    0.8x are equally far: exp(max(|ln low|, |ln high|)) - 1. It is never below 0.
    Raises ValueError if the interval is not positive and finite: such a run has no noise floor.
    """
    if not _usable(aa):
        raise ValueError(f"the A/A interval {aa.low} to {aa.high} is not one of a ratio")
    return math.expm1(max(abs(math.log(aa.low)), abs(math.log(aa.high))))


def decide(speedup: Estimate, floor: float, margin: float) -> tuple[SpeedVerdict, str]:
    """The verdict on a speedup, and the figures that it rests on, in words.

    `floor` is the noise floor and `margin` the equivalence margin, both relative (0.02 is 2 %).

    - faster, slower: the whole interval is clear of 1 by more than the floor: above 1 + floor, or below
      1 / (1 + floor). This is asked first: a difference may be real and yet within the margin.
    - same: the whole interval lies within 1 / (1 + margin) to 1 + margin. That is two one-sided tests
      (Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15:657-680), which ask this of the 90 %
      interval for a 5 % error; of a 95 % interval it is the stricter 2.5 %. The floor must be within the
      margin too: a machine that tells the baseline from its copy by 3 % cannot vouch for 2 %.
    - inconclusive: everything else. Missing knowledge is never `same`.
    - invalid: the interval is not one of a ratio, or the floor is not a number.

    Raises ValueError for a negative floor or a margin that is not positive.
    """
    if floor < 0 or not margin > 0:
        raise ValueError(f"the floor ({floor}) must not be negative, the margin ({margin}) must be positive")
    if not _usable(speedup) or not math.isfinite(floor):
        return "invalid", f"the interval {speedup.low} to {speedup.high} or the floor {floor} is not usable"
    interval = _interval(speedup)
    noise = f"the noise floor ({_per_cent(floor)})"
    if speedup.low > 1 + floor:
        return "faster", f"{interval} is above 1 by more than {noise}"
    if speedup.high < 1 / (1 + floor):
        return "slower", f"{interval} is below 1 by more than {noise}"
    within = f"the equivalence margin ({_per_cent(margin)})"
    if not 1 / (1 + margin) < speedup.low <= speedup.high < 1 + margin:
        return "inconclusive", f"{interval} is not clear of {noise} and not within {within}"
    if floor > margin:
        return "inconclusive", f"{interval} is within {within}, but {noise} is not"
    return "same", f"{interval} is within {within}"


def _usable(ratio: Estimate) -> bool:
    """Whether the interval is one of a ratio: positive, finite, and the right way round."""
    return 0 < ratio.low <= ratio.high < math.inf


def _interval(ratio: Estimate) -> str:
    """Such as `interval 0.99x to 1.03x`, with as many digits as tell its ends apart."""
    width = ratio.high - ratio.low
    digits = 2 if width >= 0.02 else 3 if width >= 0.002 else 4
    return f"interval {ratio.low:.{digits}f}x to {ratio.high:.{digits}f}x"


def _per_cent(share: float) -> str:
    """Such as `0.6 %`, `2 %`, `14 %`."""
    value = 100 * share
    digits = 0 if value >= 10 else 1 if value >= 0.1 else 3
    return f"{round(value, digits):g} %"
