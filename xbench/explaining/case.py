"""What is looked at: one comparison, with all that the record holds of its two files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..records.audit import SparsityAudit
from ..records.comparison import Comparison
from ..records.estimate import Estimate
from ..records.explanation import Outcome, Reason
from ..records.measurement import NodeTime, OperatorTime
from ..records.profile import HardwareProfile
from ..records.run_record import GroupState, RunRecord, VariantState
from ..records.work import Bound, Ceiling, LayerWork
from .thresholds import AGREE_WITHIN


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: its state, and what was seen of its file on this target.

    Times are without what profiling adds to them; `unsure` says why that cannot be told, where it matters.
    """

    state: VariantState
    layers: tuple[LayerWork, ...]
    nodes: tuple[NodeTime, ...]
    operators: tuple[OperatorTime, ...]
    unsure: str = ""

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.state.name

    @property
    def audit(self) -> SparsityAudit | None:
        """The zeros of its file; None where there is no file."""
        return self.state.artifact.audit if self.state.artifact is not None else None

    @property
    def profiled_ms(self) -> float:
        """Sum of its profiled times: of nodes, or where there are none, of operators."""
        return sum(one.time_ms for one in self.nodes or self.operators)

    @cached_property
    def by_layer(self) -> Mapping[str, float]:
        """Profiled milliseconds by the name of the layer, for those that nodes are known of."""
        found: dict[str, float] = {}
        for node in self.nodes:
            if node.layer:
                found[node.layer] = found.get(node.layer, 0.0) + node.time_ms
        return found


@dataclass(frozen=True)
class Case:
    """One comparison. `ceiling` may be the reason why there is none; `measured` is None where no figure counts.

    `best` is what the ideal comes to as one number, `saving` the share of the baseline's time that it would save.
    """

    record: RunRecord
    group: GroupState
    comparison: Comparison
    profile: HardwareProfile
    base: Side
    candidate: Side
    ceiling: Ceiling | str
    ideal: Bound
    compacted: Bound
    on_this_target: Bound
    measured: Estimate | None
    outcome: Outcome

    @property
    def best(self) -> float | None:
        """The ideal as one number: with the roofline, or where there are no ceilings, by the work alone."""
        return figure(self.ideal)

    @property
    def saving(self) -> float | None:
        """Share of the baseline's time that the ideal saves; None where it saves nothing."""
        return 1 - 1 / self.best if self.best is not None and self.best > 1 else None

    @cached_property
    def pairs(self) -> tuple[tuple[LayerWork, LayerWork], ...]:
        """The layers of one name in both files, in the candidate's order; none where names do not tell layers.

        They do where each of the candidate's has one in the baseline, and no name is there twice.
        """
        named = {layer.node: layer for layer in self.base.layers}
        names = {layer.node for layer in self.candidate.layers}
        unique = len(named) == len(self.base.layers) and len(names) == len(self.candidate.layers)
        if not unique or names - named.keys():
            return ()
        return tuple((named[one.node], one) for one in self.candidate.layers)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe as the suite has it; empty where the variant was not pruned here."""
        variants: list[dict[str, Any]] = self.record.suite.get("variants", [])
        found = next((one for one in variants if one.get("name") == self.candidate.state.source), {})
        return found.get("prune") or {}

    @property
    def doubt(self) -> str:
        """Why the two profiles cannot be set against each other; empty where they can."""
        sides = (self.base, self.candidate)
        sums = [side.profiled_ms for side in sides]
        if not all(sums):
            lacking = " and ".join(side.name for side, spent in zip(sides, sums, strict=True) if not spent)
            return f"there are no times by node or operator of {lacking}, beyond what profiling adds"
        if unsure := self.base.unsure or self.candidate.unsure:
            return unsure
        profiled = sums[0] / sums[1]
        if self.measured is None or 1 / AGREE_WITHIN <= profiled / self.measured.point <= AGREE_WITHIN:
            return ""
        return (
            f"by the sum of its profiled times {self.candidate.name} is {profiled:.2f}x as fast, and timed it is "
            f"{self.measured.point:.2f}x: one of the profiles was disturbed, or much of a call is outside of nodes"
        )


@dataclass(frozen=True)
class Finding:
    """What one family of reasons found: reasons, what to do about them, and what it could not look at."""

    reasons: tuple[Reason, ...] = ()
    steps: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


NOTHING = Finding()


def figure(bound: Bound) -> float | None:
    """A bound as one number: with the roofline, or where there are no ceilings, by the work alone."""
    return bound.speedup if bound.speedup is not None else bound.macs_ratio


def lost_between(case: Case, low: Bound, high: Bound) -> float | None:
    """The share of the ideal saving that lies between two bounds; None where one is not known."""
    ends = figure(low), figure(high)
    if ends[0] is None or ends[1] is None or case.saving is None:
        return None
    return max(0.0, 1 / ends[0] - 1 / ends[1]) / case.saving
