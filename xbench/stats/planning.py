"""What a larger budget would buy, and what a given one can see."""

from __future__ import annotations

import math

from scipy import special

from ..records.estimate import Estimate
from .checks import open_share
from .freedom import degrees_of_freedom

LONGEST = 100.0
"""More than this many times the time already spent is not foretold: the assumptions do not reach that far."""
REACH_OF_POWER = 2.2
"""How many half-widths beyond the noise floor a difference must lie to be seen in nine runs of ten."""


def half_width_after(half_width: float, sets: int, factor: float, confidence: float = 0.95) -> float:
    """The half-width to expect (in the unit of `half_width`, best of a logarithm) with `factor` times the sets.

    It goes like t / sqrt(K), the interval of `speedup_estimate`: the scatter of the sets stays, and t has
    the degrees of freedom of `freedom.py`. From 6 to 12 sets it falls to 0.57, not to 0.71.
    Raises ValueError for fewer than 2 sets, and a factor or half-width that is not positive and finite.
    """
    if sets < 2 or not 0 < factor < math.inf or not 0 <= half_width < math.inf:
        raise ValueError(f"{sets} sets, factor {factor}, half-width {half_width}: they foretell nothing")
    return half_width * _reach(sets * factor, confidence) / _reach(sets, confidence)


def _reach(sets: float, confidence: float) -> float:
    """The half-width over the scatter of the sets."""
    share = 0.5 + open_share(confidence, "confidence") / 2
    return float(special.stdtrit(degrees_of_freedom(sets), share)) / math.sqrt(sets)


def seconds_to_settle(speedup: Estimate, floor: float, margin: float, seconds: float, sets: int) -> float | None:
    """About how many more seconds of measuring would settle an inconclusive verdict; 0 where it is settled.

    `floor` is the noise floor and `margin` the equivalence margin (relative: 0.02 is 2 %), as `decide` takes
    them; `seconds` is what the `sets` process sets have taken so far. The answer is whole sets' time, to the
    nearer of two verdicts on the log scale, where c is the point, h the half-width and f the floor:

    - faster or slower: the interval is clear of 1 by more than the floor, |c| - h > f;
    - same: the interval and the floor are within the margin m, |c| + h < m and f <= m.

    h shrinks by `half_width_after`; f, which is the A/A interval of the same sets, shrinks alike; c stays
    where it is. So it is a middling guess, for c does move: simulated after 6 sets, 64 to 95 % of runs were
    settled by then, most of them after half the time or more.

    None where nobody can say: more than 100 times the time spent is needed (a point beside a bound), no time was
    spent so far, or interval or floor are not usable. Raises ValueError for a margin that is not positive, a
    negative floor or time, and fewer than 2 sets.
    """
    if floor < 0 or not margin > 0 or seconds < 0 or sets < 2:
        raise ValueError(f"floor {floor}, margin {margin} and {seconds} s in {sets} sets foretell nothing")
    if not (0 < speedup.low <= speedup.high < math.inf and math.isfinite(floor) and 0 < seconds < math.inf):
        return None
    needed = _shrink_needed(speedup, math.log1p(floor), math.log1p(margin))

    def settled(more: int) -> bool:
        return half_width_after(1.0, sets, (sets + more) / sets, speedup.confidence) < needed

    most = math.floor(LONGEST * sets)
    if not settled(most):
        return None
    few, enough = -1, most
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if settled(middle) else (middle, enough)
    return enough * seconds / sets


def _shrink_needed(speedup: Estimate, floor: float, margin: float) -> float:
    """Below which share of their size half-width and floor must fall for a verdict; all on the log scale."""
    low, high = math.log(speedup.low), math.log(speedup.high)
    centre, half_width = abs(low + high) / 2, (high - low) / 2
    apart = _over(centre, half_width + floor)
    alike = min(_over(margin - centre, half_width), _over(margin, floor))
    return max(apart, alike)


def _over(room: float, size: float) -> float:
    """By what `size` may be multiplied to be no more than `room`; anything if it is nothing already."""
    return room / size if size > 0 else math.copysign(math.inf, room)


def smallest_effect(half_width: float, floor: float) -> float:
    """The smallest true difference that would be called faster or slower in nine runs of ten.

    All are relative (0.02 is 2 %): `half_width` is the `relative_half_width` of a speedup of one run and
    `floor` its noise floor; the answer x is for further runs with that budget, and stands for 1 + x times as
    fast and for 1 + x times as slow.

    `decide` asks c - h - f > 0 (point, half-width, floor; on the log scale), and each of them scatters from run
    to run. Let s be the standard error of c over K sets, and t that of K-2 degrees of freedom:

    - h is t s, and has the variance v = t**2 s**2 / (2 (K - 1));
    - f is |a| + h', where the A/A point a scatters by s too, and so |a| by 0.6 s;
    - h and h' have the baseline in common, and so a quarter of v: c - h - f has the variance 1.36 s**2 + 2.5 v;
    - x = f + k h of one run has that of 0.36 s**2 + (1 + k**2 + k / 2) v.

    For nine of ten, the mean (k - 1) h must be 1.28 standard deviations of the difference of the two: k is 2.1
    for 12 sets, 2.3 for 8 and 2.4 for 6. 2.2 is taken: simulated with 6 to 12 sets, calm, with autocorrelation,
    heavy tails and a neighbour that comes and goes, 85 to 94 % of differences that large are called. Where a
    neighbour takes most of some sets from one side alone, it is two of three.

    Raises ValueError unless both are finite and not negative.
    """
    if not (0 <= half_width < math.inf and 0 <= floor < math.inf):
        raise ValueError(f"half-width {half_width} and floor {floor} must be finite and not negative")
    return math.expm1(math.log1p(floor) + REACH_OF_POWER * math.asinh(half_width))
