"""The end of a run: gates, the outcome of all, and the exit code. From records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

from ..gate.deciding import decide_quality, decide_speed, worst
from ..records.comparison import Comparison, GateVerdict
from ..records.quality import QualityResult
from ..records.run_record import RunRecord, VariantState
from ..suite.model import GateSpec, Suite

# Which of several exit codes is told: a fault before bad input before an invalid number before a verdict.
_PRECEDENCE = (5, 2, 4, 1, 3, 0)
_OF_OUTCOME = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 4}


def conclude(record: RunRecord, suite: Suite) -> RunRecord:
    """The record with its verdicts, outcome and exit code. The same record always gives the same ones."""
    # In each precision the variants have the suite's order.
    verdicts = tuple(
        verdict
        for spec, state in zip(cycle(suite.variants), record.variants, strict=False)
        if not spec.baseline
        for verdict in _verdicts(suite, suite.gate_of(spec), record, state)
    )
    outcome = worst(verdict.outcome for verdict in verdicts)
    return record.model_copy(
        update={
            "verdicts": verdicts,
            "outcome": outcome,
            "exit_code": next(code for code in _PRECEDENCE if code in _codes(record, verdicts)),
        }
    )


def _verdicts(suite: Suite, gate: GateSpec, record: RunRecord, state: VariantState) -> Iterator[GateVerdict]:
    if gate.empty:
        return
    for device in record.devices:
        hardware = device.profile.name
        if state not in record.states_on(hardware):
            continue  # it is not meant for a device of another precision
        if not device.availability.available:
            if device.explicit:
                yield from _invalid(gate, state.name, hardware, device.availability.reason)
        elif state.artifact is None:
            yield from _invalid(gate, state.name, hardware, state.failure)
        else:
            scored = record.quality_of(state.name, hardware)
            if scored is not None and scored.failure:
                # NaN on real data is a broken model, however fast it is.
                yield from _invalid(gate, state.name, hardware, scored.failure)
                continue
            comparisons = [_comparison(record, state.name, hardware, w.name) for w in suite.workloads]
            quality = _quality(record, comparisons, state.name, hardware)
            yield from _measured(gate, comparisons, quality, record.baseline_on(hardware))


def _invalid(gate: GateSpec, variant: str, hardware: str, reason: str) -> Iterator[GateVerdict]:
    bounds = {f"max_drop.{metric}": bound for metric, bound in gate.max_drop.items()}
    if gate.min_speedup is not None:
        bounds = {"min_speedup": gate.min_speedup, **bounds}
    for name, bound in bounds.items():
        yield GateVerdict(
            variant=variant,
            hardware=hardware,
            workload="",
            gate=name,
            bound=bound,
            outcome="invalid",
            reason=reason,
        )


def _measured(
    gate: GateSpec, comparisons: Sequence[Comparison], quality: QualityResult, baseline: str
) -> Iterator[GateVerdict]:
    """The first comparison of a variant is the one in its own precision: that is what pruning is answerable for."""
    for comparison in comparisons:
        verdict = decide_speed(gate, comparison)
        if verdict is not None:
            yield verdict if comparison.baseline == baseline else _against(verdict, comparison.baseline)
    yield from decide_quality(gate, quality)


def _against(verdict: GateVerdict, baseline: str) -> GateVerdict:
    """Says which baseline it was, where it is not the one that all others are compared with."""
    return verdict.model_copy(update={"reason": f"against {baseline}: {verdict.reason}"})


def _comparison(record: RunRecord, variant: str, hardware: str, workload: str) -> Comparison:
    """What was found; an invalid comparison where nothing was, since missing data never passes."""
    group = record.group(hardware, workload)
    found = next((c for c in group.comparisons if c.candidate == variant), None) if group else None
    return found or Comparison(
        baseline=record.baseline_on(hardware),
        candidate=variant,
        hardware=hardware,
        workload=workload,
        verdict="invalid",
        reasons=("it was not measured",),
    )


def _quality(record: RunRecord, comparisons: Sequence[Comparison], variant: str, hardware: str) -> QualityResult:
    """The scores; a failure where there are none, or where the variant did not work while it was timed."""
    invalid = next((c for c in comparisons if c.verdict == "invalid"), None)
    if invalid is not None:
        return QualityResult(variant=variant, hardware=hardware, failure="; ".join(invalid.reasons))
    missing = QualityResult(variant=variant, hardware=hardware, failure="quality was not scored")
    return record.quality_of(variant, hardware) or missing


def _codes(record: RunRecord, verdicts: tuple[GateVerdict, ...]) -> set[int]:
    codes = {0} | {_OF_OUTCOME[verdict.outcome] for verdict in verdicts}
    codes |= {variant.exit_code for variant in record.variants}
    if any(d.explicit and not d.availability.available for d in record.devices):
        codes.add(4)
    if not any(device.availability.available for device in record.devices):
        codes.add(4)
    compared = {comparison.verdict for group in record.groups for comparison in group.comparisons}
    if "invalid" in compared or any(result.failure for result in record.quality):
        codes.add(4)
    if any(group.untimed and not _scored(record, group.hardware) for group in record.groups):
        codes.add(4)  # a speed was asked for, and nothing else: there is no answer
    if not verdicts and "inconclusive" in compared:
        codes.add(3)
    return codes


def _scored(record: RunRecord, hardware: str) -> bool:
    return any(result.hardware == hardware for result in record.quality)
