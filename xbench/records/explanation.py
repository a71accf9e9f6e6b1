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
not touch (Amdahl). `still dense`: the recipe removed units, and the shapes in the file are the dense ones."""


class Reason(Record):
    """One reason why the ideal was not reached, with its evidence."""

    kind: Kind = Field(description="Which reason.")
    text: str = Field(description="One sentence.")
    evidence: tuple[str, ...] = Field(description="The figures that it rests on, each with where it is from.")
    layers: tuple[str, ...] = Field(default=(), description="The layers that it is about, the heaviest first.")
    time_share: float | None = Field(
        default=None, description="Share of the variant's profiled time that it is about; null: not known."
    )


class Explanation(Record):
    """One comparison explained. `reached` is the time saved by the time that the ideal would save:
    (1 - 1/measured) / (1 - 1/ideal), with the ends of the interval; null where there is no ideal above 1."""

    variant: str = Field(description="The candidate.")
    baseline: str = Field(description="What it was compared with.")
    hardware: str = Field(description="Name of the profile.")
    workload: str = Field(description="Name of the workload.")
    simulated: bool = Field(default=False, description="The times are scripted, by a runner for tests.")
    ideal: Bound = Field(description="At best, if this target skipped every zero and used every removal.")
    on_this_target: Bound = Field(description="At best, with the zeros that this target can skip.")
    measured: Estimate | None = Field(default=None, description="The speedup; null where there is none.")
    reached: Estimate | None = Field(default=None, description="Share of the ideal saving that was reached.")
    reasons: tuple[Reason, ...] = Field(default=(), description="What stands between, the weightiest first.")
    next_steps: tuple[str, ...] = Field(default=(), description="What to do next, the most promising first.")
    missing: tuple[str, ...] = Field(default=(), description="What could not be looked at, and why.")
