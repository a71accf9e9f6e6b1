"""The interval of one proportion."""

from __future__ import annotations

import math

from scipy import special

from ..records.estimate import Estimate
from .checks import open_share


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """The share of successes and its two-sided score interval, Wilson (1927), JASA 22:209-212.

    All p with |successes - n p| <= z sqrt(n p (1 - p)). It stays within 0 and 1, and with no success among n it is
    0 to z**2 / (n + z**2), not +- 0.

    Raises ValueError for counts that cannot be and a confidence that is not strictly between 0 and 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} cannot be")
    z2 = float(special.ndtri(0.5 + open_share(confidence, "confidence") / 2)) ** 2
    share = successes / n
    centre = (successes + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * n * (share * (1 - share) + z2 / (4 * n))) / (n + z2)
    return Estimate(
        point=share,
        low=0.0 if successes == 0 else min(centre - half, share),
        high=1.0 if successes == n else max(centre + half, share),
        confidence=confidence,
        method=f"Wilson score interval, {successes} of {n}",
    )
