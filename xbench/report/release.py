"""What may ship where, and why: a table of decisions, and a line for each verdict with the sample that decided it."""

from __future__ import annotations

from collections.abc import Iterator

from ..gate.releasing import decisions, holding
from ..records.comparison import Decision, GateVerdict, Sample
from ..records.estimate import interval_text
from ..records.run_record import DeviceState, RunRecord, VariantState
from .figures import NOTHING
from .table import Table
from .words import device_label, waiver_text

_COLUMNS = ("variant", "device", "release", "gates", "decided by", "reason")
_DIGITS = 12  # of a digest


def release_tables(record: RunRecord) -> Iterator[Table]:
    """One table of all variants and devices that are here; none where no gate was asked for.

    Decisions are made of the verdicts that the record holds: older records have verdicts alone.
    """
    decided = {(one.variant, one.hardware): one for one in decisions(record)}
    if not decided:
        return
    rows = tuple(
        _row(record, device, state, decided.get((state.name, device.profile.name)))
        for device in record.devices
        for state in record.states_on(device.profile.name)
        if _belongs(record, device, state, decided)
    )
    yield Table("Release", (*_under(record),), _COLUMNS, rows)


def _belongs(
    record: RunRecord, device: DeviceState, state: VariantState, decided: dict[tuple[str, str], Decision]
) -> bool:
    if (state.name, device.profile.name) in decided:
        return True
    return device.availability.available and state.source != record.baseline


def _under(record: RunRecord) -> Iterator[str]:
    """Under which policy, and as of which day, where one of them matters."""
    if record.policy_sha256:
        name = record.policy.name or "without a name"
        yield f"policy: {name}, SHA-256 {record.policy_sha256[:_DIGITS]}..."
    if record.policy.waivers and record.decided_on:
        yield f"waivers as of {record.decided_on}"


def _row(record: RunRecord, device: DeviceState, state: VariantState, one: Decision | None) -> tuple[str, ...]:
    head = (state.name, device_label(device))
    if one is None:
        return (*head, "nothing decided", NOTHING, NOTHING, _why_nothing(record, state, device.profile.name))
    verdicts = [v for v in record.verdicts if (v.variant, v.hardware) == (one.variant, one.hardware)]
    ships = ("may ship" if record.status == "complete" else "not yet") if one.ships else "held"
    told = dict.fromkeys(_reasons(verdicts, holding(record, one)))
    return (*head, ships, _counts(verdicts), ", ".join(one.deciding), "; ".join(told))


def _why_nothing(record: RunRecord, state: VariantState, hardware: str) -> str:
    """Why a variant has no verdict on a device."""
    for one in record.policy.production:
        here = not one.hardware or hardware in one.hardware
        if here and not one.run and one.variant in (state.name, state.source):
            return "it is the version in production"
    return "no gate was asked for"


def _counts(verdicts: list[GateVerdict]) -> str:
    """Such as `2 pass, 1 fail`, the waived ones beside."""
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = [f"{outcomes.count(one)} {one}" for one in dict.fromkeys(sorted(outcomes))]
    waived = sum(verdict.waiver is not None for verdict in verdicts)
    return ", ".join([*counts, *([f"{waived} waived"] if waived else [])])


def _reasons(verdicts: list[GateVerdict], held_by: tuple[GateVerdict, ...]) -> Iterator[str]:
    """What holds it, or what it ships with: waivers, and references out of older runs."""
    for verdict in verdicts:
        if verdict.waiver is not None:
            yield f"{verdict.outcome}: {verdict.gate} {waiver_text(verdict.waiver)}"
        elif verdict in held_by:
            yield verdict.reason
    if any(verdict.historical for verdict in verdicts):
        named = dict.fromkeys(verdict.reference for verdict in verdicts if verdict.historical)
        yield f"historical: {', '.join(named)} was measured in another run"


def verdict_lines(record: RunRecord) -> Iterator[str]:
    """Each verdict with its figure, how surely it holds, and the sample that decided it."""
    for verdict in record.verdicts:
        waived = f"; {waiver_text(verdict.waiver)}" if verdict.waiver is not None else ""
        held = "; ".join(_held(verdict))
        yield f"{_place(verdict)}: {verdict.outcome}: {verdict.reason}{waived}{f' [{held}]' if held else ''}"


def _place(verdict: GateVerdict) -> str:
    where = [f"{verdict.variant} on {verdict.hardware}", verdict.workload]
    part = f" (slice {verdict.slice})" if verdict.slice else ""
    return ", ".join(text for text in where if text) + f": {verdict.gate} {verdict.bound:g}{_unit(verdict)}{part}"


def _unit(verdict: GateVerdict) -> str:
    return {"x": "x", "ms": " ms", "MiB": " MiB"}.get(verdict.unit, "")


def _held(verdict: GateVerdict) -> Iterator[str]:
    one = verdict.estimate
    if one is not None:
        interval = interval_text(one, _unit(verdict), 3)
        yield f"{interval}, two-sided at {one.confidence * 100:.4g} %, {one.method}"
    if verdict.confidence is not None:
        looks = "1 look" if verdict.looks_allowed == 1 else f"{verdict.looks_allowed} looks"
        surely = f"one-sided at {verdict.confidence * 100:g} % over {looks}"
        if surely not in verdict.reason:
            yield surely
    yield from (f"decided on {sample_text(sample)}" for sample in verdict.samples)


def sample_text(sample: Sample) -> str:
    """Such as `6 process sets in 6 files, SHA-256 0123456789ab...`."""
    count = f"{sample.count:,} {sample.units}"
    files = f" in {len(sample.files)} file{'' if len(sample.files) == 1 else 's'}" if sample.files else ""
    digest = f", SHA-256 {sample.sha256[:_DIGITS]}..." if sample.sha256 else ""
    return f"{count}{files}{digest}" + (f" of the run {sample.run}" if sample.run else "")
