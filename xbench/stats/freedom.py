"""How many degrees of freedom the interval over process sets has, given the rule that ends measuring."""

from __future__ import annotations

SETS_TO_STOP = 6
"""Fewer process sets than this never end measuring by precision: simulated, the interval then covers too little."""


def degrees_of_freedom(sets: float) -> float:
    """Of Student's t over so many process sets: K-1 below 6, K-2 from there on, and 1 at least.

    From 6 sets on, measuring may have stopped because these very sets agreed well, by luck for a part: the degree
    given away pays for that. Stopped between 5 and 12 sets, K-1 covers 92.8 % at worst and K-2 93.9 %. Below 6, the
    budget alone can have ended it, whatever the sets said: K-1 is exact for normal scatter, and K-2 would make the
    interval of three sets three times as wide for nothing. 5 and 6 sets both have 4.
    """
    return max(1.0, min(sets - 1, max(sets - 2, SETS_TO_STOP - 2)))
