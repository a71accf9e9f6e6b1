"""What may ship where: the verdicts of each variant and device together."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.comparison import Decision, GateVerdict
from ..records.estimate import GateOutcome, worst
from ..records.run_record import RunRecord


def decisions(record: RunRecord) -> tuple[Decision, ...]:
    """One decision for each variant and device that a gate was asked of, in the order of the verdicts."""
    found: dict[tuple[str, str], list[GateVerdict]] = {}
    for verdict in record.verdicts:
        found.setdefault((verdict.variant, verdict.hardware), []).append(verdict)
    return tuple(_decision(*where, verdicts) for where, verdicts in found.items())


def _decision(variant: str, hardware: str, verdicts: Sequence[GateVerdict]) -> Decision:
    outcome = worst(verdict.outcome for verdict in verdicts)
    assert outcome is not None  # noqa: S101 - it has at least the verdict that named it
    return Decision(
        variant=variant,
        hardware=hardware,
        outcome=outcome,
        ships=all(counted(verdict) == "pass" for verdict in verdicts),
        deciding=tuple(dict.fromkeys(verdict.gate for verdict in _holding(verdicts) or _of(outcome, verdicts))),
        waived=tuple(dict.fromkeys(verdict.gate for verdict in verdicts if verdict.waiver is not None)),
    )


def holding(record: RunRecord, one: Decision) -> tuple[GateVerdict, ...]:
    """The verdicts that hold a variant on a device: the worst of those that are not waived. None where it ships."""
    return _holding([v for v in record.verdicts if (v.variant, v.hardware) == (one.variant, one.hardware)])


def _holding(verdicts: Sequence[GateVerdict]) -> tuple[GateVerdict, ...]:
    open_ones = [verdict for verdict in verdicts if counted(verdict) != "pass"]
    outcome = worst(verdict.outcome for verdict in open_ones)
    return () if outcome is None else _of(outcome, open_ones)


def _of(outcome: GateOutcome, verdicts: Sequence[GateVerdict]) -> tuple[GateVerdict, ...]:
    return tuple(verdict for verdict in verdicts if verdict.outcome == outcome)


def counted(verdict: GateVerdict) -> GateOutcome:
    """As what a verdict counts for a release and its exit code: what is waived does not hold it."""
    return "pass" if verdict.waiver is not None and verdict.outcome != "invalid" else verdict.outcome
