"""The words in which measured ceilings are told."""

from __future__ import annotations

from ..records.ceilings import Ceilings, MeasuredRate
from ..report.words import SIMULATED

# A quiet machine repeats a product of some milliseconds within a few per cent.
_BUSY = 0.1


def ceiling_lines(found: Ceilings | None) -> list[str]:
    """Measured ceilings in words, a line each; they say that they were measured, and when."""
    if found is None:
        return ["ceilings: not measured here, see `xbench hardware probe`"]
    simulated = SIMULATED if found.simulated else ""
    lines = [f"Ceilings of {found.profile}{simulated}, measured here on {found.measured_at[:10]}:"]
    rows = {"memory copy": (found.memory_copy_gb_per_s, "GB/s")}
    rows |= {f"matrix product, {name}": (rate, "TOPS") for name, rate in found.matmul_tops.items()}
    lines += [f"  {name:<22}{_words(rate, unit)}" for name, (rate, unit) in rows.items() if rate is not None]
    reasons = {key.replace("_", " "): why for key, why in found.missing.items()}
    return [*lines, *(f"  {name:<22}not measured: {why}" for name, why in reasons.items())]


def _words(rate: MeasuredRate, unit: str) -> str:
    busy = "; the machine was busy, and the ceiling may be higher" if rate.spread > _BUSY else ""
    median = f"median {rate.median:.3g}, spread {rate.spread:.0%} of {rate.repeats} repeats{busy}"
    return f"{rate.best:.3g} {unit} at best ({median}): {rate.what}"
