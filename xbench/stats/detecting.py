"""What a number of examples can show, said before anything is run."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special

from .checks import open_share
from .paired import paired_bootstrap, tango_interval


def smallest_drop(examples: int, changed: float, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest true drop in the share of right answers that a one-sided test finds with chance `power`.

    `changed` is the share of the examples on which exactly one of the two models is right. A drop is found where
    the lower end of the two-sided interval at 2 `confidence` - 1 is above 0: a gate of margin 0 fails, a single
    alarm without correction rings. It is the d that solves Connor (1987), Biometrics 43:207-211,
    sqrt(n) d = z_confidence sqrt(changed) + z_power sqrt(changed - d**2).

    `math.inf` where no drop that so few changes can make (all for the worse) is found.

    Raises ValueError for no examples, and shares that do not lie between 0 and 1 (`changed` may be 1).
    """
    if examples < 1:
        raise ValueError(f"{examples} examples cannot be")
    if changed != 1:
        open_share(changed, "changed")
    z_confidence = float(special.ndtri(open_share(confidence, "confidence")))
    z_power = float(special.ndtri(open_share(power, "power")))

    def spare(drop: float) -> float:
        spread = math.sqrt(max(changed - drop * drop, 0.0))
        return math.sqrt(examples) * drop - z_confidence * math.sqrt(changed) - z_power * spread

    return float(optimize.brentq(spare, 0.0, changed)) if spare(changed) >= 0 else math.inf


def decidable(examples: int, margin: float, confidence: float = 0.95, binary: bool = True, span: float = 1.0) -> bool:
    """Whether a candidate that scores the same as the baseline on every example would pass a gate of `margin`.

    If not, none that is as good passes, whatever it is: only one that is better by chance or in truth. `binary`:
    scores are right or wrong, and the interval is Tango's; its upper end is z**2 / (n + z**2) then. Otherwise it
    is that of `paired_bootstrap` with this `span`. `confidence` is one-sided.

    Raises ValueError for no examples (fewer than 2 where not `binary`) and a confidence out of range.
    """
    two_sided = 2 * open_share(confidence, "confidence") - 1
    if binary:
        return tango_interval(0, 0, examples, two_sided).high <= margin
    same = np.zeros(examples)
    return paired_bootstrap(same, same, two_sided, span=span).high <= margin
