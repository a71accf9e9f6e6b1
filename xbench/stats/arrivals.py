"""When queries arrive."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def poisson_arrivals(rate_per_s: float, queries: int, random: np.random.Generator) -> NDArray[np.int64]:
    """When queries come, in nanoseconds from the start, shape (queries,): a Poisson process of this rate.

    Generators of one seed give one sequence of gaps, only stretched by 1 / rate: so two variants, and two rates of
    one search, meet the same rushes and lulls, and differ by what is to be found out alone (common random numbers:
    Law, "Simulation Modeling and Analysis", chapter on variance reduction). Give all variants of a round the same
    seed, and each process set another one. Raises ValueError for a rate that is not positive and finite.
    """
    if not 0 < rate_per_s < math.inf:
        raise ValueError(f"the rate of arrivals must be positive, not {rate_per_s} per second")
    gaps = random.standard_exponential(queries)
    return np.rint(np.cumsum(gaps) * (1e9 / rate_per_s)).astype(np.int64)
