"""What recipes were expected to do, beside what they did. It decides nothing: a gate does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from ..gate.deciding import decide_quality, decide_speed
from ..records.base import Record
from ..records.estimate import Estimate, GateOutcome, digits_apart
from ..records.recipe import Expectation
from ..records.run_record import GroupState, RunRecord, VariantState
from ..suite.model import GateSpec

Outcome = Literal["reached", "not reached", "undecided", "not measured"]
_OUTCOMES: dict[GateOutcome, Outcome] = {
    "pass": "reached",
    "fail": "not reached",
    "inconclusive": "undecided",
    "invalid": "not measured",
}


class Beside(Record):
    """One expectation of one variant on one device and workload. `what`: `speedup`, or `max_drop.METRIC`.

    `found` is None where nothing was measured. The outcome is what a gate of the same bound would say: `undecided`
    where the interval, widened by the noise floor, holds what was expected. `reason` tells why.
    """

    variant: str
    hardware: str
    workload: str
    what: str
    expected: float
    found: Estimate | None
    outcome: Outcome
    reason: str

    @property
    def text(self) -> str:
        """Such as `half: expected 1.8x, found 1.02x (1.01 to 1.03): not reached`."""
        metric = self.what.partition(".")[2]
        expected = f"{metric} to drop by {self.expected:g} at most" if metric else f"{self.expected:g}x"
        if self.found is None or self.outcome == "not measured":
            return f"{self.variant}: expected {expected}: {self.outcome} ({self.reason})"
        one, unit = self.found, "" if metric else "x"
        digits = digits_apart(3 if metric else 2, one.low, one.high, self.expected)
        interval = f"{one.point:.{digits}f}{unit} ({one.low:.{digits}f} to {one.high:.{digits}f})"
        told = f"{self.variant}: expected {expected}, found {interval}: {self.outcome}"
        return f"{told} ({self.reason})" if self.outcome == "undecided" else told


def expectations(record: RunRecord, group: GroupState) -> Iterator[Beside]:
    """All that the suite expects of the variants, as it was found on one device and workload."""
    for state in record.states_on(group.hardware):
        asked = _asked(record, state)
        if asked is not None and state.source != record.baseline:
            yield from _speed(asked, state, group)
            yield from _quality(asked, state, group, record)


def _asked(record: RunRecord, state: VariantState) -> Expectation | None:
    """What the suite, as the record holds it, says of the variant that this one was made of."""
    variants: list[dict[str, Any]] = record.suite.get("variants", [])
    found = next((one.get("expect") for one in variants if one.get("name") == (state.of or state.name)), None)
    return Expectation.model_validate(found) if found is not None else None


def _speed(asked: Expectation, state: VariantState, group: GroupState) -> Iterator[Beside]:
    if asked.speedup is None:
        return
    comparison = next((one for one in group.comparisons if one.candidate == state.name), None)
    verdict = decide_speed(GateSpec(min_speedup=asked.speedup), comparison) if comparison is not None else None
    found = comparison.speedup if comparison is not None and comparison.verdict != "invalid" else None
    yield Beside(
        variant=state.name,
        hardware=group.hardware,
        workload=group.workload,
        what="speedup",
        expected=asked.speedup,
        found=found,
        outcome=_OUTCOMES[verdict.outcome] if verdict is not None and found is not None else "not measured",
        reason=verdict.reason if verdict is not None else state.failure or "it was not compared",
    )


def _quality(asked: Expectation, state: VariantState, group: GroupState, record: RunRecord) -> Iterator[Beside]:
    result = record.quality_of(state.name, group.hardware)
    first = next((one.metrics[0].metric for one in record.quality if one.metrics), "quality")
    drops = asked.max_drop if isinstance(asked.max_drop, dict) else {first: asked.max_drop}
    for metric, bound in drops.items():
        if bound is None:
            continue
        verdict = decide_quality(GateSpec(max_drop={metric: bound}), result)[0] if result is not None else None
        measured = result.metric(metric) if result is not None else None
        found = measured.drop if measured is not None else None
        yield Beside(
            variant=state.name,
            hardware=group.hardware,
            workload=group.workload,
            what=f"max_drop.{metric}",
            expected=bound,
            found=found,
            outcome=_OUTCOMES[verdict.outcome] if verdict is not None else "not measured",
            reason=verdict.reason if verdict is not None else state.failure or "its quality was not scored",
        )
