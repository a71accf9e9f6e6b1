"""What is said in sentences at the end of a report."""

from __future__ import annotations

from collections import Counter

from ..records.comparison import Comparison
from ..records.run_record import RunRecord


def closing_lines(record: RunRecord) -> list[str]:
    """The gate's verdict; or that there is no gate; or that the run is still going on."""
    if record.status == "failed":
        return [f"The run {record.id} failed: {record.failure}"]
    if record.status != "complete":
        return [f"The run {record.id} is not finished: what is shown is what there is so far."]
    if record.outcome is None:
        return ["No gate was asked for: these are measurements, not a verdict on a release."]
    lines = [f"Gate: {record.outcome}."]
    for device in record.devices:
        verdicts = [v for v in record.verdicts if v.hardware == device.profile.name]
        by_variant: dict[str, set[str]] = {}
        for verdict in verdicts:
            by_variant.setdefault(verdict.variant, set()).add(verdict.outcome)
        ships = [name for name, outcomes in by_variant.items() if outcomes == {"pass"}]
        if by_variant:
            counts = Counter(verdict.outcome for verdict in verdicts)
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
            may = f"may ship: {', '.join(ships)}" if ships else "nothing may ship"
            lines.append(f"On {device.profile.name}: {may} (rules: {told}).")
    return lines


def sentence(comparison: Comparison) -> str:
    """One sentence that a person can act on."""
    base, candidate, device = comparison.baseline, comparison.candidate, comparison.hardware
    if comparison.verdict == "invalid":
        return f"{candidate} against {base} on {device}: INVALID: {'; '.join(comparison.reasons)}"
    if comparison.speedup is None:
        return f"{candidate} against {base} on {device}: inconclusive: {'; '.join(comparison.reasons)}"
    parts = [f"{_speed(comparison)} on {device}"]
    difference = comparison.output_max_abs_difference
    if difference is not None:
        parts.append("outputs are equal" if difference == 0 else f"outputs differ by at most {difference:.1e}")
    if comparison.noise_floor is not None:
        parts.append(f"noise floor {comparison.noise_floor * 100:.1f} %")
    if comparison.verdict == "inconclusive":
        parts.append(f"inconclusive: {'; '.join(comparison.reasons)}")
    return "; ".join(parts)


def _speed(comparison: Comparison) -> str:
    assert comparison.speedup is not None  # noqa: S101 - the caller has looked
    one = comparison.speedup
    interval = f"{one.point:.2f}x ({one.low:.2f}x to {one.high:.2f}x) as fast as {comparison.baseline}"
    if comparison.verdict == "same":
        return f"{comparison.candidate} is the same speed as {comparison.baseline}: {interval}"
    return f"{comparison.candidate} is {interval}"
