"""What was to be had at best, and how much of it was."""

from __future__ import annotations

from collections.abc import Callable

from ..records.comparison import Comparison
from ..records.estimate import Estimate
from ..records.explanation import Outcome
from ..records.profile import HardwareProfile
from ..records.work import Bound, Ceiling, LayerWork
from ..worth.bounding import bound_between
from ..worth.exploiting import ALL, Left, left_as_is, unfit
from ..worth.removing import left_if_removed
from .case import Side, figure
from .thresholds import LEAST_GAIN

OLDER = "the record tells no work by layer, as older ones do not"


def bounds(
    profile: HardwareProfile,
    sides: tuple[Side, Side],
    comparison: Comparison,
    ceiling: Ceiling | str,
    no_layers: str,
) -> tuple[Bound, Bound, Bound]:
    """(ideal, compacted, on this target): with all zeros skipped and all that is only zeroed removed; with only the
    latter, beside what this target skips; with what this target skips alone.

    The baseline is what this target makes of it. Where a record tells no work by layer, the first is the ratio of
    multiply-accumulates that the comparison holds, with `no_layers` as the reason, and the others are told only where
    they must be 1 or the same.
    """
    base, candidate = sides
    if comparison.ideal_note and comparison.ideal_speedup is None:
        return (Bound(missing=comparison.ideal_note),) * 3
    audit = candidate.audit
    unknown = unfit(profile, audit) if audit is not None else "there is no file"
    if not base.layers or not candidate.layers:
        return _without_layers(profile, sides, comparison, unknown, no_layers)

    def against(left: Callable[[LayerWork], Left]) -> Bound:
        before = [(layer, left_as_is(profile, layer.audit)) for layer in base.layers]
        after = [(layer, left(layer)) for layer in candidate.layers]
        return bound_between(before, after, ceiling, profile.precision)

    ideal = against(left_at_best)
    if unknown:
        return ideal, Bound(missing=unknown), Bound(missing=unknown)
    return ideal, against(lambda layer: _least(profile, layer)), against(lambda one: left_as_is(profile, one.audit))


def left_at_best(layer: LayerWork) -> Left:
    """What must be done of a layer if every zero were skipped, and every unit that is only zeroed were gone.

    Zeros that are not in such units are taken to lie evenly in what is left of it: exact where there are zeros of one
    of the two kinds alone.
    """
    removed, audit = left_if_removed(layer), layer.audit
    if audit is None or not audit.elements:
        return removed
    own = (1 - _share(audit.zero_outputs, audit.outputs)) * (1 - _share(audit.zero_inputs, audit.inputs))
    inside = min(1.0, (1 - audit.sparsity) / own) if own else 0.0
    return Left(removed.macs * inside, removed.weights * inside, removed.activations)


def touched(base: LayerWork, one: LayerWork) -> bool:
    """Whether pruning left less of a layer, or could: fewer multiply-accumulates, or other zeros."""
    return base.macs != one.macs or left_at_best(one) != left_at_best(base)


def _least(profile: HardwareProfile, layer: LayerWork) -> Left:
    skipped, removed = left_as_is(profile, layer.audit), left_if_removed(layer)
    return Left(
        min(skipped.macs, removed.macs),
        min(skipped.weights, removed.weights),
        min(skipped.activations, removed.activations),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _without_layers(
    profile: HardwareProfile, sides: tuple[Side, Side], comparison: Comparison, unknown: str, no_layers: str
) -> tuple[Bound, Bound, Bound]:
    ideal, nothing = (
        Bound(macs_ratio=comparison.ideal_speedup, missing=no_layers),
        Bound(missing=unknown or no_layers),
    )
    base, candidate = (side.audit for side in sides)
    if unknown or base is None or candidate is None:
        return ideal, nothing, nothing
    if not candidate.zeros:
        # Nothing is there to be skipped: what was removed is gone for every target.
        return ideal, ideal, ideal
    skipped = any(left_as_is(profile, layer) != ALL for layer in candidate.layers)
    if not skipped and [one.shape for one in base.layers] == [one.shape for one in candidate.layers]:
        return ideal, nothing, Bound(macs_ratio=1.0, missing=no_layers)
    return ideal, nothing, nothing


def reached(measured: Estimate | None, ideal: Bound) -> Estimate | None:
    """(1 - 1/measured) / (1 - 1/ideal), and the ends of the interval alike, since it grows with the speedup."""
    best = figure(ideal)
    if measured is None or best is None or best <= 1:
        return None
    point, low, high = ((1 - 1 / one) / (1 - 1 / best) for one in (measured.point, measured.low, measured.high))
    return Estimate(
        point=point,
        low=low,
        high=high,
        confidence=measured.confidence,
        method="time saved by the time that the ideal saves, from the speedup and the ends of its interval",
    )


def outcome(measured: Estimate | None, ideal: Bound, comparison: Comparison) -> Outcome:
    """Whether the ideal was reached: it and what was measured are told apart only beyond the interval, widened by the
    run's noise floor. Where that floor hides the ideal from 1, nothing is known."""
    best, floor = figure(ideal), comparison.noise_floor or 0.0
    if best is None:
        return "not known"
    if best <= 1 + LEAST_GAIN:
        return "nothing to reach"
    if measured is None or best <= 1 + floor:
        return "not known"
    if measured.high * (1 + floor) < best:
        return "not reached"
    return "not known" if comparison.verdict == "inconclusive" else "reached"
