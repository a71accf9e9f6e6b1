"""What inferences cost on a target that is paid by the hour."""

from __future__ import annotations

import math

_SECONDS_PER_HOUR = 3600


def cost_per_million(throughput_samples_per_s: float | None, cost_per_hour: float | None) -> float | None:
    """What a million samples cost at this throughput, in the currency of `cost_per_hour`; None without either.

    The target is taken to be busy all the time: at half the load each costs twice that. Raises ValueError where
    the throughput is not a positive, finite number, or the price is not a finite one of at least 0.
    """
    if cost_per_hour is None or throughput_samples_per_s is None:
        return None
    if not (math.isfinite(throughput_samples_per_s) and throughput_samples_per_s > 0):
        raise ValueError(f"the throughput must be positive, not {throughput_samples_per_s} samples/s")
    if not (math.isfinite(cost_per_hour) and cost_per_hour >= 0):
        raise ValueError(f"the price must be at least 0, not {cost_per_hour} an hour")
    return cost_per_hour / _SECONDS_PER_HOUR / throughput_samples_per_s * 1e6
