"""What is said in sentences at the end of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..gate.releasing import decisions, holding
from ..records.comparison import Comparison, Decision
from ..records.estimate import Estimate, digits_apart
from ..records.policy import Waiver
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
    if record.outcome is None and record.policy.gates:
        return ["No rule of the policy is held here: nothing was decided, and nothing may ship."]
    if record.outcome is None:
        return ["No gate was asked for: these are measurements, not a verdict on a release."]
    lines = [line for device in record.devices if (line := _device(record, device))]
    return [f"Gate: {record.outcome}{_all_waived(record)}.", *lines]


def _all_waived(record: RunRecord) -> str:
    """Said where nothing holds a variant any more, though not every gate passed."""
    ships = all(one.ships for one in decisions(record))
    return ", and all that did not pass is waived" if ships and record.outcome != "pass" else ""


def device_label(device: DeviceState) -> str:
    """A device's name, and that its times are none where they are not."""
    name = device.profile.name + (EMULATED if device.profile.emulation is not None else "")
    return name + (SIMULATED if device.simulated else "")


def waiver_text(waiver: Waiver) -> str:
    """Such as `waived by Ada until 2026-12-31: the loss is known`."""
    return f"waived by {waiver.who} until {waiver.until}: {waiver.reason}"


def _device(record: RunRecord, device: DeviceState) -> str:
    """What may ship to a device and what may not; empty where no rule was asked for there."""
    name = device_label(device)
    if not device.availability.available and not device.explicit:
        return f"On {name}: not here, so there is no verdict."
    found = [one for one in decisions(record) if one.hardware == device.profile.name]
    if not found:
        return ""
    ships = [_shipping(one) for one in found if one.ships]
    held = [f"{one.variant} ({holding(record, one)[0].outcome})" for one in found if not one.ships]
    counts = Counter(verdict.outcome for verdict in record.verdicts if verdict.hardware == device.profile.name)
    rules = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    may = f"may ship: {', '.join(ships)}" if ships else "nothing may ship"
    return f"On {name}: {may}" + (f"; may not: {', '.join(held)}" if held else "") + f" (rules: {rules})."


def _shipping(one: Decision) -> str:
    """A variant that may ship; not without the waivers that it needs for that."""
    return f"{one.variant} ({one.outcome}, waived: {', '.join(one.waived)})" if one.waived else one.variant


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
