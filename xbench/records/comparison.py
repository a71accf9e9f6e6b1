"""What is said of a candidate against the baseline of the same run."""

from __future__ import annotations

from .base import Record
from .estimate import Estimate, GateOutcome, SpeedVerdict
from .measurement import CaseSummary

AA_SUFFIX = " (A/A)"
"""What is added to the baseline's name for the second copy of it that is measured."""


class Comparison(Record):
    """A candidate against the baseline, on one device and workload. Above 1 is faster.

    `speedup` is None where the verdict is `invalid`, where it is `untimed` (the processor is emulated: outputs
    are real, and times mean nothing), or where there were too few sets for an interval; `reasons` says why.
    `ideal_speedup` is the ratio of the multiply-accumulates that are not by zero; None, with a note, where they
    cannot all be counted. `noise_floor` is relative: 0.006 is 0.6 %. `simulated`: the
    times are scripted, by a runner for tests.

    `disturbed_share` is the share of rounds in which one of the two blocks was disturbed, and
    `undisturbed_speedup` the estimate without those: a check, never the figure that is shown. `doubts` are
    reasons to decide nothing, whatever the interval says. `seconds_to_settle` is about how much longer measuring
    would have to go on to decide an inconclusive comparison. `cautions` tell what else than pruning the speedup
    may come from.
    """

    baseline: str
    candidate: str
    hardware: str
    workload: str
    simulated: bool = False
    verdict: SpeedVerdict
    speedup: Estimate | None = None
    cpu_time_speedup: Estimate | None = None
    ideal_speedup: float | None = None
    ideal_note: str = ""
    noise_floor: float | None = None
    output_max_abs_difference: float | None = None
    reasons: tuple[str, ...] = ()
    disturbed_share: float | None = None
    undisturbed_speedup: Estimate | None = None
    seconds_to_settle: float | None = None
    doubts: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


class CaseResult(Record):
    """One variant on one device and workload: its figures, or why there are none."""

    variant: str
    hardware: str
    workload: str
    summary: CaseSummary | None = None
    failure: str = ""


class GateVerdict(Record):
    """One rule of the release, applied to one variant on one device.

    `gate` is the rule's name (`min_speedup`, `max_drop.recall_at_1`), `bound` what it asks for.
    """

    variant: str
    hardware: str
    workload: str
    gate: str
    bound: float
    outcome: GateOutcome
    reason: str
