"""Evidence for the gates on what is timed: `min_speedup`, `max_latency_p99_ms` and `max_memory_mib`.

Each is looked up for one variant on one device and workload, in the precision of that variant: what is `against`
dense is so against the dense model in its own precision, since that is what pruning is answerable for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import StoreError
from .historical import Against, by_way_of_dense, peaks_apart, unlike
from .measured import SHOWN, Measured, find, invalid, is_shown
from .question import Evidence, Question, Reference, Source
from .timed_latency import p99_against, p99_level
from .timed_memory import peak_against, peak_level
from .timed_speed import speed_against, speed_level

_BESIDE = "name the version in production under `production` of the policy"


@dataclass(frozen=True, slots=True)
class _Gate:
    """How one gate finds its evidence: a level, against a variant of the same group, and of another run."""

    level: Callable[[Measured, Question], Evidence]
    against: Against
    apart: Against


def timed_evidence(source: Source, question: Question) -> Evidence:
    """What a run says of one rule on what is timed, two-sided at `question.confidence`.

    At the confidence of tables, speed against dense is the record's own interval, and needs no folder; all else is
    computed from the raw samples, as tables are. Raises StoreError where those are damaged.
    """
    baseline = source.record.baseline_on(question.hardware)
    dense = question.rule.against == "dense"
    found = find(source, question.variant.name, question.hardware, question.workload)
    if isinstance(found, str):
        return replace(invalid(found), reference=_first(source, question) or baseline if dense else "")
    gate = _GATES[question.rule.gate]
    if question.rule.against == "value":
        return replace(gate.level(found, question), samples=found.sample())
    if question.rule.against == "production":
        return _against_production(found, question, gate)
    # The comparison of the two knows what became of either.
    reference = Measured(source, found.group, _first(source, question) or baseline, None)
    return _beside(found, reference, question, gate)


def _first(source: Source, question: Question) -> str:
    """What the variant's first comparison is with; empty where there is none."""
    group = source.record.group(question.hardware, question.workload)
    comparisons = group.comparisons if group is not None else ()
    return next((one.baseline for one in comparisons if one.candidate == question.variant.name), "")


def _beside(candidate: Measured, reference: Measured, question: Question, gate: _Gate) -> Evidence:
    """Against a variant that was measured in the same process sets."""
    found = gate.against(candidate, reference, _confidence(question))
    return replace(found, reference=reference.variant, samples=candidate.sample(reference.variant))


def _against_production(candidate: Measured, question: Question, gate: _Gate) -> Evidence:
    named = (candidate.source.production or {}).get(question.hardware)
    if named is None:
        return invalid(f"no version is named as the one in production on {question.hardware}: {_BESIDE}")
    if isinstance(named, str):
        return invalid(named)
    if named.historical:
        return _of_another_run(candidate, named, question, gate)
    reference = find(candidate.source, named.variant, question.hardware, question.workload)
    if isinstance(reference, str):
        return replace(invalid(f"{named.variant}, the version in production: {reference}"), reference=named.variant)
    return _beside(candidate, reference, question, gate)


def _of_another_run(candidate: Measured, named: Reference, question: Question, gate: _Gate) -> Evidence:
    run = named.source.record.id
    there = find(named.source, named.variant, question.hardware, question.workload)
    if isinstance(there, str):
        found = invalid(f"{named.variant}, the version in production, in {run}: {there}")
        return replace(found, reference=named.variant, historical=True)
    why = _damage(there) or unlike(candidate, there)
    if why:
        return replace(invalid(why), reference=named.variant, historical=True)
    found = gate.apart(candidate, there, _confidence(question))
    dense = candidate.source.record.baseline_on(question.hardware)
    samples = candidate.sample(dense) + there.sample(named.source.record.baseline_on(question.hardware), run=run)
    return replace(found, reference=named.variant, historical=True, samples=samples)


def _damage(there: Measured) -> str:
    """Why the samples of another run cannot be read: that is a reason, and no error of this run."""
    try:
        _ = there.sets
    except StoreError as error:
        return f"{there.source.record.id}, the run of the version in production: {error.reason}"
    return ""


def _confidence(question: Question) -> float:
    """The very confidence of tables where it is that but for rounding: then the figures are theirs as well."""
    return SHOWN if is_shown(question.confidence) else question.confidence


def _speed_level(candidate: Measured, question: Question) -> Evidence:
    value = question.rule.value
    if value is None:
        return invalid("the rule names no fixed figure: give the median latency in ms as `value`")
    return speed_level(candidate, value, _confidence(question))


_GATES = {
    "min_speedup": _Gate(_speed_level, speed_against, lambda a, b, c: by_way_of_dense(a, b, speed_against, c)),
    "max_latency_p99_ms": _Gate(
        lambda one, asked: p99_level(one, _confidence(asked)),
        p99_against,
        lambda a, b, c: by_way_of_dense(a, b, p99_against, c),
    ),
    "max_memory_mib": _Gate(lambda one, asked: peak_level(one, _confidence(asked)), peak_against, peaks_apart),
}
