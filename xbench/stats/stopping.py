"""When to stop measuring."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.estimate import Estimate


def enough(estimates: Sequence[Estimate], precision: float) -> bool:
    """Whether every estimate is known to within `precision` (relative half-width; 0.01 is +-1 %).

    `estimates` are all speedups of the run, the A/A one among them: one that is not precise keeps all of
    them going, since they share their process sets. None at all are not enough.

    Only the width is looked at, never the verdict: to stop when something becomes significant finds a
    difference where there is none, sooner or later always (Armitage, McPherson and Rowe 1969, J. Royal
    Statistical Society A 132:235-244). A stop by width costs little coverage (Chow and Robbins 1965,
    Annals of Mathematical Statistics 36:457-462), and `speedup_estimate` pays for it.

    Raises ValueError if the precision is not positive.
    """
    if not precision > 0:
        raise ValueError(f"the precision must be positive, not {precision}")
    return bool(estimates) and all(estimate.relative_half_width <= precision for estimate in estimates)
