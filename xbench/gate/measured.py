"""What was measured of one variant on one device and workload, for the gates on what is timed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..analysis.estimating import Pair
from ..analysis.summary import runs_of
from ..records.comparison import Comparison, Sample
from ..records.estimate import Estimate
from ..records.measurement import ProcessSet, Run
from ..records.run_record import GroupState
from .question import Evidence, Source
from .sampling import timed_sample

SHOWN = 0.95
"""The confidence of the intervals that a record holds and tables show."""

LONGER = "measure longer (--budget)"
NO_SAMPLES = "the raw samples that would tell are not here: decide where the run's folder is"


def is_shown(confidence: float) -> bool:
    """Whether the record's own interval is the one that is asked for."""
    return math.isclose(confidence, SHOWN)


@dataclass(frozen=True)
class Measured:
    """One variant of a run in one of its groups.

    `comparison` is its first, in its own precision; None: it is a baseline, and what is set against it knows of both.
    """

    source: Source
    group: GroupState
    variant: str
    comparison: Comparison | None

    @property
    def sets(self) -> Sequence[ProcessSet]:
        """The process sets of the group; none without a folder."""
        return self.source.sets(self.group)

    @property
    def runs(self) -> list[Run]:
        """The variant's runs, with at least one block each."""
        return runs_of(self.sets, self.variant)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why nothing may be decided on its times."""
        return self.comparison.doubts if self.comparison is not None else ()

    def pair(self, baseline: str, candidate: str) -> Pair:
        """The samples of any two labels of its group."""
        seed = self.source.suite.measure.seed
        return Pair(self.sets, baseline, candidate, self.group.load, self.group.cpus, seed)

    def recorded(self, baseline: str) -> Comparison | None:
        """The comparison with a baseline that the record holds; None where there is none."""
        both = (baseline, self.variant)
        return next((one for one in self.group.comparisons if (one.baseline, one.candidate) == both), None)

    def sample(self, *others: str, run: str = "") -> tuple[Sample, ...]:
        """What a verdict on it rests on, beside these others; nothing without a folder."""
        if self.source.folder is None:
            return ()
        return (timed_sample(self.source, self.group, (*others, self.variant), run),)


def find(source: Source, variant: str, hardware: str, workload: str) -> Measured | str:
    """What was measured of a variant, or why nothing was."""
    group = source.record.group(hardware, workload)
    if group is None:
        return "it was not measured"
    comparison = next((one for one in group.comparisons if one.candidate == variant), None)
    if comparison is None:
        return _baseline(source, group, variant)
    if comparison.verdict in ("invalid", "untimed"):
        return "; ".join(comparison.reasons) or "the measurement is invalid"
    return Measured(source, group, variant, comparison)


def _baseline(source: Source, group: GroupState, variant: str) -> Measured | str:
    if variant != source.record.baseline_on(group.hardware):
        return "it was not measured"
    failure = group.failures.get(variant) or group.untimed
    return failure or Measured(source, group, variant, None)


def invalid(reason: str) -> Evidence:
    """Evidence that there is none, and never will be of this run."""
    return Evidence(missing="invalid", reason=reason)


def undecided(reason: str, advice: str = LONGER) -> Evidence:
    """Evidence that there is not enough yet."""
    return Evidence(missing="inconclusive", reason=reason, advice=advice)


def unusable(estimate: Estimate, what: str) -> str:
    """Why an interval cannot be decided on; empty where it can. `what` it should be of, such as `a speedup`."""
    if estimate.usable and estimate.low > 0:
        return ""
    return f"the interval {estimate.low} to {estimate.high} is not one of {what}"
