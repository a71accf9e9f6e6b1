"""Applies the rules of a release to all variants and devices of a run. From records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import cycle

from ..records.comparison import GateVerdict
from ..records.policy import TIMED, GateRule
from ..records.run_record import DeviceState, RunRecord, VariantState
from ..suite.gates import rules_of
from .deciding import decide
from .production import is_production
from .question import Evidence, Question, Source
from .scored import scored_evidence
from .timed import timed_evidence
from .waiving import with_waiver


def judge(source: Source, on: date) -> tuple[GateVerdict, ...]:
    """The verdicts of a run, with the waivers that hold on a day. The same source and day give the same ones.

    Raises StoreError where samples that are looked at cannot be read.
    """
    record, suite = source.record, source.suite
    # In each precision the variants have the suite's order.
    return tuple(
        with_waiver(verdict, record.policy.waivers, state, on)
        for spec, state in zip(cycle(suite.variants), record.variants, strict=False)
        if not spec.baseline
        for verdict in _of_variant(source, rules_of(suite, record.policy, spec.name), state)
    )


def _of_variant(source: Source, rules: Sequence[GateRule], state: VariantState) -> Iterator[GateVerdict]:
    record = source.record
    for device in record.devices:
        hardware = device.profile.name
        meant = [rule for rule in rules if not rule.hardware or hardware in rule.hardware]
        if state not in record.states_on(hardware):
            continue  # it is not meant for a device of another precision
        if not device.availability.available and not device.explicit:
            continue  # `auto` looked for it and did not find it: it is listed, and does not count
        reason = _invalid(record, state, device)
        for rule in meant:
            if reason is not None:
                yield decide(Question(rule, state, hardware), Evidence(reason=reason))
            elif rule.against != "production" or not is_production(source, state.name, hardware):
                yield from _measured(source, rule, state, hardware)


def _invalid(record: RunRecord, state: VariantState, device: DeviceState) -> str | None:
    """Why all gates of a variant are invalid on a device; None where they can be held."""
    if not device.availability.available:
        return device.availability.reason
    if state.artifact is None:
        return state.failure
    scored = record.quality_of(state.name, device.profile.name)
    # NaN on real data is a broken model, however fast it is.
    return scored.failure if scored is not None and scored.failure else None


def _measured(source: Source, rule: GateRule, state: VariantState, hardware: str) -> Iterator[GateVerdict]:
    usual = source.record.baseline_on(hardware)
    if rule.gate in TIMED:
        for workload in _workloads(source, rule):
            looks = _looks(source.record, hardware, workload)
            question = Question(rule, state, hardware, workload, looks=looks)
            yield decide(question, timed_evidence(source, question), usual)
        return
    for name in _slices(source, rule, state, hardware):
        question = Question(rule, state, hardware, slice=name)
        yield decide(question, scored_evidence(source, question), usual)


def _workloads(source: Source, rule: GateRule) -> list[str]:
    return [one.name for one in source.suite.workloads if not rule.workloads or one.name in rule.workloads]


def _looks(record: RunRecord, hardware: str, workload: str) -> int:
    """How often a rule may be decided on growing samples; not fewer than it was, whatever a policy says now."""
    group = record.group(hardware, workload)
    return 1 + max(record.policy.again.times, len(group.looks) if group is not None else 0)


def _slices(source: Source, rule: GateRule, state: VariantState, hardware: str) -> tuple[str, ...]:
    """The parts of the examples that a rule is held on; an empty name stands for all of them.

    Without the samples, those that the record tells of. A rule on every slice of data that have none is asked once,
    and cannot be answered.
    """
    if rule.slices or rule.gate != "max_slice_drop":
        return rule.slices or ("",)
    examples = source.examples
    if examples is not None:
        return tuple(examples.slices) or ("",)
    scored = source.record.quality_of(state.name, hardware)
    return tuple(one.slice for one in (scored.slices if scored else ()) if one.kind == "slice") or ("",)
