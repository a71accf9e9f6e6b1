"""Figures in words."""

from __future__ import annotations

import math

from ..records.estimate import Estimate, digits_apart


def per_cent(share: float) -> str:
    """Such as `2.1 %`: rounded up to a tenth of a per cent, so that no noise is told smaller than it is."""
    return f"{math.ceil(round(1000 * share, 6)) / 10:g} %"


def interval(speedup: Estimate) -> str:
    """Such as `0.95x (0.94x to 0.96x)`, with as many digits as tell the ends apart."""
    digits = digits_apart(2, speedup.low, speedup.high)
    return f"{speedup.point:.{digits}f}x ({speedup.low:.{digits}f}x to {speedup.high:.{digits}f}x)"
