"""Waivers: leave to ship though a gate did not pass. They never change an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ..records.comparison import GateVerdict
from ..records.policy import Waiver
from ..records.run_record import VariantState


def with_waiver(verdict: GateVerdict, waivers: Sequence[Waiver], state: VariantState, on: date) -> GateVerdict:
    """The verdict with the waiver that holds on a day, its last one included; or why one does not hold.

    Of several, the one that holds longest. What is invalid is not waived: nobody knows what it would be.
    """
    meant = [one for one in waivers if _is_of(one, verdict, state)]
    if verdict.outcome == "pass" or not meant:
        return verdict
    last = max(meant, key=ends)
    if verdict.outcome == "invalid":
        return _but(verdict, f"the waiver of {last.who} does not count: what is invalid cannot be waived")
    if ends(last) < on:
        return _but(verdict, f"the waiver of {last.who} ended on {last.until}")
    return verdict.model_copy(update={"waiver": last})


def ends(waiver: Waiver) -> date:
    """The last day on which it holds."""
    return date.fromisoformat(waiver.until)


def _is_of(waiver: Waiver, verdict: GateVerdict, state: VariantState) -> bool:
    """A waiver of a variant of the suite is one of all its precisions."""
    named = waiver.variant in ("", state.name, state.source)
    return named and (waiver.gate, waiver.hardware) == (verdict.gate, verdict.hardware)


def _but(verdict: GateVerdict, remark: str) -> GateVerdict:
    return verdict.model_copy(update={"reason": f"{verdict.reason}; {remark}"})
