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


def exact_interval(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """The share of successes and its two-sided exact interval, Clopper and Pearson (1934), Biometrika 26:404-413.

    Each end is a one-sided bound that holds with at least 1 - (1 - confidence) / 2, whatever the true share: it is
    wider than Wilson's, which is right on average and may be too short for rare events. With no success among n the
    upper end is 1 - a**(1 / n), where a is (1 - confidence) / 2.

    Raises ValueError for counts that cannot be and a confidence that is not strictly between 0 and 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} cannot be")
    missed = (1 - open_share(confidence, "confidence")) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, n - successes + 1, missed))
    high = 1.0 if successes == n else float(special.betaincinv(successes + 1, n - successes, 1 - missed))
    return Estimate(
        point=successes / n,
        low=low,
        high=high,
        confidence=confidence,
        method=f"Clopper-Pearson interval, {successes} of {n}",
    )


def samples_for_share(share: float, bound: float, confidence: float = 0.95) -> int:
    """Of how many samples `share` must be seen for the upper end of `exact_interval` to be at most `bound`.

    None among n: n = log(a) / log(1 - bound), where a is (1 - confidence) / 2, 299 for 1 % at a one-sided 95 %.

    Raises ValueError unless 0 <= share < bound < 1.
    """
    if not 0 <= share < bound < 1:
        raise ValueError(f"a share of {share} never shows one of at most {bound}")
    missed = (1 - open_share(confidence, "confidence")) / 2
    fewest, most = 0, 1
    while _upper_end(share, most, missed) > bound:
        fewest, most = most, 2 * most
    while most - fewest > 1:
        middle = (fewest + most) // 2
        above = _upper_end(share, middle, missed) > bound
        fewest, most = (middle, most) if above else (fewest, middle)
    return most


def _upper_end(share: float, n: int, missed: float) -> float:
    """As that of `exact_interval`, also between whole numbers of successes."""
    return float(special.betaincinv(share * n + 1, n - share * n, 1 - missed))
