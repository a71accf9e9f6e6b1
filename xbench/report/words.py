"""What is said in sentences at the end of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..gate.deciding import worst
from ..records.comparison import Comparison
from ..records.estimate import Estimate, GateOutcome, digits_apart
from ..records.run_record import DeviceState, RunRecord

SIMULATED = " (simulated)"
EMULATED = " (emulated)"


def closing_lines(record: RunRecord) -> list[str]:
    """The gate's verdict; or that there is no gate; or that the run is still going on."""
    if record.status == "failed":
        return [f"The run {record.id} failed: {record.failure}"]
    if record.status != "complete":
        return [f"The run {record.id} is not finished: what is shown is what there is so far."]
    if not any(device.availability.available for device in record.devices):
        return ["None of the devices is here: nothing was measured, and nothing may ship."]
    if record.outcome is None:
        return ["No gate was asked for: these are measurements, not a verdict on a release."]
    return [f"Gate: {record.outcome}.", *(line for device in record.devices if (line := _device(record, device)))]


def _device(record: RunRecord, device: DeviceState) -> str:
    """What may ship to a device and what may not; empty where no rule was asked for there."""
    name = device.profile.name + (EMULATED if device.profile.emulation is not None else "")
    name += SIMULATED if device.simulated else ""
    if not device.availability.available and not device.explicit:
        return f"On {name}: not here, so there is no verdict."
    verdicts = [verdict for verdict in record.verdicts if verdict.hardware == device.profile.name]
    found: dict[str, list[GateOutcome]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.variant, []).append(verdict.outcome)
    if not found:
        return ""
    outcomes = {variant: worst(several) for variant, several in found.items()}
    ships = [variant for variant, outcome in outcomes.items() if outcome == "pass"]
    held = [f"{variant} ({outcome})" for variant, outcome in outcomes.items() if outcome != "pass"]
    counts = Counter(verdict.outcome for verdict in verdicts)
    rules = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    may = f"may ship: {', '.join(ships)}" if ships else "nothing may ship"
    return f"On {name}: {may}" + (f"; may not: {', '.join(held)}" if held else "") + f" (rules: {rules})."


def sentence(comparison: Comparison) -> str:
    """One sentence that a person can act on."""
    device = comparison.hardware + (SIMULATED if comparison.simulated else "")
    pair = f"{comparison.candidate} against {comparison.baseline} on {device}"
    if comparison.verdict == "untimed":
        return f"{pair}: {'; '.join((*comparison.reasons, *_beside(comparison)))}"
    if comparison.verdict == "invalid" or comparison.speedup is None:
        verdict = "INVALID" if comparison.verdict == "invalid" else "inconclusive"
        return f"{pair}: {verdict}: {'; '.join(comparison.reasons) or 'no reason was recorded'}"
    parts = [_speed(comparison, comparison.speedup, device), *_beside(comparison)]
    if comparison.verdict == "inconclusive":
        return f"{pair}: inconclusive: {'; '.join((*comparison.reasons, *parts[1:]))}"
    return "; ".join(parts)


def _beside(comparison: Comparison) -> Iterator[str]:
    """What stands beside the speed."""
    difference = comparison.output_max_abs_difference
    if difference is not None:
        yield "outputs are equal" if difference == 0 else f"outputs differ by at most {difference:.1e}"
    if comparison.noise_floor is not None:
        yield f"noise floor {comparison.noise_floor * 100:.1f} %"
    yield from (f"caution: {line}" for line in comparison.cautions)


def _speed(comparison: Comparison, one: Estimate, device: str) -> str:
    base, candidate = comparison.baseline, comparison.candidate
    digits = digits_apart(2, one.low, one.high)
    ratio = f"{one.point:.{digits}f}x ({one.low:.{digits}f}x to {one.high:.{digits}f}x)"
    if comparison.verdict == "same":
        return f"{candidate} is as fast as {base} on {device}, {ratio}"
    return f"{candidate} is {ratio} as fast as {base} on {device}"
