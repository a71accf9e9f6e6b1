"""Why a variant is as fast as it is on a device, and what to do next."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Record
from .estimate import Estimate
from .work import Bound

Kind = Literal[
    "zeros multiplied",
    "only zeroed",
    "no sparse tactic",
    "narrow widths",
    "memory-bound",
    "launch-bound",
    "not pruned",
    "still dense",
    "placement",
    "not known",
]
"""`only zeroed`: whole channels, neurons or heads are zero and still there. `not pruned`: operators that pruning does
not touch (Amdahl). `still dense`: the recipe removed units, and the shapes in the file are the dense ones.
`not known`: what all others leave over, as a share."""

Outcome = Literal["reached", "not reached", "nothing to reach", "not known"]
"""`nothing to reach`: the ideal saves next to nothing. `not known`: a figure is missing, or the interval, with the
noise floor, holds both."""


class Reason(Record):
    """One reason why the ideal was not reached, with its evidence."""

    kind: Kind = Field(description="Which reason.")
    text: str = Field(description="One sentence.")
    evidence: tuple[str, ...] = Field(description="The figures that it rests on, each with where it is from.")
    layers: tuple[str, ...] = Field(default=(), description="The layers that it is about, the heaviest first.")
    time_share: float | None = Field(
        default=None,
        description="Share of the variant's profiled time that it is about, of launches the share of its latency; "
        "null: not known.",
    )
    lost: float | None = Field(
        default=None,
        description="Share of the ideal saving that it can account for; null: not known. Those of several reasons "
        "may overlap.",
    )


class Explanation(Record):
    """One comparison explained. `reached` is the time saved by the time that the ideal would save:
    (1 - 1/measured) / (1 - 1/ideal), with the ends of the interval; null where there is no ideal above 1.

    The ideal is `ideal.speedup`, or where there are no ceilings `ideal.macs_ratio`. Below 0 it is slower than the
    baseline. Above 1 it is faster than the ideal: what is left may fit into a cache, or the baseline does worse than
    its ceilings by more; no ideal is a law.
    """

    variant: str = Field(description="The candidate.")
    baseline: str = Field(description="What it was compared with.")
    hardware: str = Field(description="Name of the profile.")
    workload: str = Field(description="Name of the workload.")
    simulated: bool = Field(default=False, description="The times are scripted, by a runner for tests.")
    outcome: Outcome = Field(description="Whether the ideal was reached, within the interval and the noise floor.")
    summary: str = Field(description="All of it in one line.")
    ideal: Bound = Field(description="At best, if this target skipped every zero and used every removal.")
    on_this_target: Bound = Field(description="At best, with the zeros that this target can skip.")
    measured: Estimate | None = Field(default=None, description="The speedup; null where there is none.")
    reached: Estimate | None = Field(default=None, description="Share of the ideal saving that was reached.")
    reasons: tuple[Reason, ...] = Field(default=(), description="What stands between, the weightiest first.")
    next_steps: tuple[str, ...] = Field(default=(), description="What to do next, the most promising first.")
    missing: tuple[str, ...] = Field(default=(), description="What could not be looked at, and why.")
