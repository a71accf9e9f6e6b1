"""The speedup of one pair of variants, from the raw samples of their process sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..records.comparison import AA_SUFFIX
from ..records.estimate import Estimate
from ..records.load import Load
from ..records.measurement import ProcessSet, Run
from ..stats.peaks import peak_ratio
from ..stats.percentile_ratio import percentile_ratio
from ..stats.ratio import MIN_ROUNDS, MIN_SETS, speedup_estimate
from .latency import latencies_ns
from .ratios import Statistic, cpu_time, log_ratios, statistic_of
from .serving import rate_ratio


def aa_label(baseline: str) -> str:
    """The name under which the second copy of the baseline is measured (rule 3 of the design)."""
    return baseline + AA_SUFFIX


@dataclass(frozen=True, slots=True)
class Pair:
    """The samples of two variants of one group, and what belongs to judging them.

    `cpus` is how many the machine has; `seed` is that of the resampling, and of the arrivals in Server.
    """

    sets: Sequence[ProcessSet]
    baseline: str
    candidate: str
    load: Load
    cpus: int
    seed: int

    @property
    def statistic(self) -> Statistic:
        """What stands for a block."""
        return statistic_of(self.load)


def speedup_of(pair: Pair, confidence: float = 0.95) -> Estimate | None:
    """The speedup with its two-sided interval; None with too few process sets or rounds for one.

    In the scenario Server it is the ratio of the highest rates, else that of the times.
    """
    if pair.load.scenario == "Server":
        return rate_ratio(pair.load, pair.sets, pair.baseline, pair.candidate, pair.seed, confidence)
    return ratio_of(pair, pair.statistic, confidence)


def cpu_time_speedup_of(pair: Pair) -> Estimate | None:
    """The ratio of CPU times; None as above."""
    return ratio_of(pair, cpu_time)


def ratio_of(pair: Pair, statistic: Statistic, confidence: float = 0.95) -> Estimate | None:
    """The ratio of any figure of a block, baseline over candidate; None with too few sets or rounds."""
    ratios = log_ratios(pair.sets, pair.baseline, pair.candidate, statistic)
    usable = [rounds for rounds in ratios if len(rounds) >= MIN_ROUNDS]
    return speedup_estimate(usable, confidence=confidence, seed=pair.seed) if len(usable) >= MIN_SETS else None


def percentile_ratio_of(pair: Pair, percentile: float, confidence: float = 0.95) -> Estimate | None:
    """The candidate's percentile of the latency over the baseline's; None as `percentile_ratio` has it.

    In the scenario Server it means nothing: latencies are those of the rate that each holds by itself.
    """
    both = _both(pair)
    base, other = ([latencies_ns(runs[side]) for runs in both] for side in (0, 1))
    return percentile_ratio(base, other, percentile, confidence)


def peak_ratio_of(pair: Pair, confidence: float = 0.95) -> Estimate | None:
    """The candidate's peak memory over the baseline's; None with too few sets, or where a peak is not above 0."""
    both = _both(pair)
    base, other = ([runs[side].memory.peak_mib for runs in both] for side in (0, 1))
    usable = len(both) >= MIN_SETS and min(*base, *other) > 0
    return peak_ratio(base, other, confidence) if usable else None


def _both(pair: Pair) -> list[tuple[Run, Run]]:
    """The runs of both, of the sets that have one of each."""
    found = ((one.run_of(pair.baseline), one.run_of(pair.candidate)) for one in pair.sets)
    return [(base, other) for base, other in found if base and other and base.blocks and other.blocks]
