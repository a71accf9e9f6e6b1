"""How many examples would decide what these do not."""

from __future__ import annotations

import math
from statistics import NormalDist

from ..records.estimate import Estimate
from ..stats.paired import samples_for_margin
from ..stats.proportions import samples_for_share


def enough_for_drop(examples: int, drop: Estimate, bound: float, what: str = "drop", paired: bool = True) -> str:
    """How many examples would tell, if there were truly none of `what`, as the planning formula has it.

    `paired`: the interval is of differences between two models, which would keep their size.
    """
    if bound <= 0:
        return f"no number of examples can show a {what} of at most 0"
    # The spread of the paired differences, back out of the interval: for 0/1 scores it is the discordance. The
    # planning formula is one of shares; it is the same in a unit in which spread and bound are shares.
    z = round(NormalDist().inv_cdf(0.5 + drop.confidence / 2), 3)
    spread = examples * ((drop.high - drop.low) / (2 * z)) ** 2 + (drop.point**2 if paired else 0.0)
    if not 0 < spread < math.inf:
        return _not_enough(examples)
    unit = max(1.0, spread**0.5, 2 * bound)
    share = min(1.0, spread / unit**2)  # rounding may leave it above
    count = samples_for_margin(share, bound / unit, confidence=0.5 + drop.confidence / 2)
    told = ";" if count > examples else ", though"
    return f"{_not_enough(examples)}{told} with no true {what}, some {count:,} would"


def enough_for_share(examples: int, errors: int, bound: float, confidence: float) -> str:
    """How many examples would show a share of errors of at most `bound`, if as many of them failed as of these."""
    if bound <= 0:
        return "no number of examples can show an error rate of at most 0"
    if errors / examples >= bound:
        return f"{_not_enough(examples)}, and more of the same would not pass"
    count = samples_for_share(errors / examples, bound, confidence)
    rate = "if as many of them fail" if errors else "if none of them fails"
    return f"{_not_enough(examples)}; {rate}, some {count:,} would"


def _not_enough(examples: int) -> str:
    return f"not enough data: {examples:,} examples do not decide it"
