"""What is said of a candidate against the baseline of the same run."""

from __future__ import annotations

from .base import Record
from .estimate import Estimate, GateOutcome, SpeedVerdict
from .measurement import CaseSummary
from .policy import Against, Waiver

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


class Sample(Record):
    """What a verdict was decided on: files of a run's folder, and the digest of their contents in that order.

    `count` is how many `units` they hold, such as 6 `process sets` or 275 `examples`. `run` is the run that they
    are of; empty: the verdict's own.
    """

    files: tuple[str, ...]
    sha256: str
    count: int
    units: str
    run: str = ""


class GateVerdict(Record):
    """One rule of the release, applied to one variant on one device.

    `gate` is the rule's label (`min_speedup`, `max_drop.recall_at_1`), `bound` what it asks for, in `unit`. `slice`:
    of which part of the examples. `against` and `reference`: what it is relative to, and the name of that variant.
    `estimate` is what was found, with the two-sided interval that decided, whose ends are each one-sided at
    `confidence` less what the looks of `looks_allowed` cost (docs/gates.md). `historical`: the reference was measured
    in another run. `measurable`: more time on the device could decide it. `samples` decided. `waiver` holds on the
    day of the decision. Older records have none of these.
    """

    variant: str
    hardware: str
    workload: str
    gate: str
    bound: float
    outcome: GateOutcome
    reason: str
    slice: str = ""
    unit: str = ""
    against: Against = "dense"
    reference: str = ""
    historical: bool = False
    confidence: float | None = None
    estimate: Estimate | None = None
    looks_allowed: int = 1
    measurable: bool = False
    samples: tuple[Sample, ...] = ()
    waiver: Waiver | None = None


class Decision(Record):
    """Whether one variant may ship on one device. `outcome` is the worst of its gates, waived or not.

    `deciding` are the gates that it hangs on, by label: where it is held the worst of those that are not waived,
    otherwise those of that outcome. `waived` did not pass and are waived. It `ships` where every gate passes or is
    waived; what is invalid cannot be waived, and without a gate nothing ships.
    """

    variant: str
    hardware: str
    outcome: GateOutcome
    ships: bool
    deciding: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
