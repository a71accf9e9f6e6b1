"""Whether a candidate is worse than the baseline on the same examples: a p-value, for alarms."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .checks import Floats
from .paired import paired_drops

_EXACT = 16  # so many differences are enumerated: 65,536 ways
_DRAWS = 20_000  # the smallest p-value is 5e-5: 5 % after Holm over 1,000 slices
_CHUNK = 4_000_000  # signs drawn at a time: 16 MB


def worse_p_value(baseline: ArrayLike, candidate: ArrayLike, seed: int = 0) -> float:
    """The chance of a drop at least as large as the one seen, if the candidate is no worse; one-sided.

    Scores of the same examples, both (examples,); higher must be better. If it is no worse, each difference is as
    likely to point the other way: Fisher's sign-flip test (1935, The Design of Experiments, section 21) of the sum
    of those that are not zero. Up to 16 of them all signs are gone through; of more, 20,000 are drawn, and the
    p-value is (1 + as large) / (1 + drawn), which is never too small (Phipson and Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9:39).

    For right and wrong, all scores 0 or 1, the same test is McNemar's in its exact form: the binomial tail of the
    discordant pairs. It is the plain one, not the mid-p, which finds more but does not guarantee its level
    (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91). With fewer than 5 changed examples
    no p-value is below 5 %.

    Raises ValueError for arrays that differ in length, are empty or are not finite.
    """
    drops = paired_drops(baseline, candidate, least=1)
    changed = drops[drops != 0]
    if changed.size == 0:
        return 1.0
    if (np.abs(changed) == np.abs(changed[0])).all():
        return _binomial_tail(int((changed > 0).sum()), changed.size)
    # The flipped sum is as large as the sum seen where the differences that are flipped sum up to 0 or less. What
    # is not 0 only by rounding counts as 0.
    least = 1e-12 * float(np.abs(changed).sum())
    if changed.size <= _EXACT:
        return float((_subset_sums(changed) <= least).mean())
    return (1 + _drawn_at_most(changed, least, seed)) / (1 + _DRAWS)


def _binomial_tail(worse: int, changed: int) -> float:
    """P(X >= worse) for `changed` throws of a fair coin."""
    return 1.0 if worse == 0 else float(special.betainc(worse, changed - worse + 1, 0.5))


def _subset_sums(values: Floats) -> Floats:
    """The sums of all 2**n subsets."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate((sums, sums + value))
    return sums


def _drawn_at_most(values: Floats, least: float, seed: int) -> int:
    """How many of the subsets that are drawn sum up to `least` at most."""
    generator = np.random.default_rng(seed)
    found = 0
    step = max(1, _CHUNK // values.size)
    for start in range(0, _DRAWS, step):
        rows = min(step, _DRAWS - start)
        packed = np.frombuffer(generator.bytes(rows * -(-values.size // 8)), dtype=np.uint8).reshape(rows, -1)
        taken = np.unpackbits(packed, axis=1, count=values.size).astype(np.float64)
        found += int((taken @ values <= least).sum())
    return found
