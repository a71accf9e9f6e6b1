"""Judges a machine by how it measured what is known. Pure: records in, a record out."""

from __future__ import annotations

from collections.abc import Iterator

from ..records.comparison import Comparison
from ..records.estimate import digits_apart
from ..records.fingerprint import Fingerprint
from ..records.measurement import DisturbanceSummary
from ..records.run_record import GroupState
from ..stats.planning import smallest_effect
from .advice import remedies
from .planting import COPY, EXPECTED, PLANTED, SLOWDOWN
from .record import CopyResult, Fitness, PlantedResult, SelfTest
from .wording import interval, per_cent

Finding = tuple[Fitness, str]
_WORST_FIRST: tuple[Fitness, ...] = ("unfit", "inconclusive", "noisy", "fit")


def judge(group: GroupState, fingerprint: Fingerprint, budget_seconds: float, margin: float) -> SelfTest:
    """The verdict on a machine, from the group in which `planting.plant` was measured.

    `margin` is the equivalence margin (relative). The worst finding decides:

    - unfit: a model could not be measured, its copy is called faster or slower, the noise floor hides the planted
      slowdown, or that is decided and wrong (missed, or of another size by more than the margin);
    - inconclusive: the budget was too short to decide the planted slowdown, or for any interval;
    - noisy: fit for effects above the smallest one that can be seen, which is more than the margin;
    - fit: no effect that is more than the margin is lost here.

    Raises KeyError where one of the two comparisons is not in the group.
    """
    compared = {comparison.candidate: comparison for comparison in group.comparisons}
    copy, planted = _copy_result(compared[COPY]), _planted_result(compared[PLANTED], margin)
    floor, half_width = group.noise_floor, _half_width(copy, planted)
    effect = None if floor is None or half_width is None else smallest_effect(half_width, floor)
    findings = [*_of_copy(copy), *_of_planted(planted), *_of_noise(floor, effect, margin)]
    verdict = next(one for one in _WORST_FIRST if one in {fitness for fitness, _ in findings})
    disturbance = _worst_disturbance(group)
    return SelfTest(
        fingerprint=fingerprint,
        hardware=group.hardware,
        simulated=group.simulated,
        process_sets=group.sets,
        measured_seconds=group.seconds,
        budget_seconds=budget_seconds,
        margin=margin,
        noise_floor=floor,
        half_width=half_width,
        smallest_effect=effect,
        copy=copy,
        planted=planted,
        disturbance=disturbance,
        verdict=verdict,
        reasons=tuple(reason for fitness, reason in findings if fitness == verdict),
        remedies=remedies(verdict, group, disturbance, fingerprint, compared[PLANTED].seconds_to_settle),
    )


def _copy_result(comparison: Comparison) -> CopyResult:
    usable = comparison.speedup is not None and comparison.speedup.usable and comparison.verdict != "invalid"
    return CopyResult(
        speedup=comparison.speedup if usable else None, verdict=comparison.verdict, reasons=comparison.reasons
    )


def _planted_result(comparison: Comparison, margin: float) -> PlantedResult:
    one = _copy_result(comparison)
    agrees = one.speedup is not None and one.speedup.low / (1 + margin) <= EXPECTED <= one.speedup.high * (1 + margin)
    return PlantedResult(**dict(one), expected=EXPECTED, found=one.verdict == "slower" and agrees)


def _half_width(copy: CopyResult, planted: PlantedResult) -> float | None:
    """Of the wider interval; None unless there are both."""
    widths = [one.speedup.relative_half_width for one in (copy, planted) if one.speedup is not None]
    return max(widths) if len(widths) == 2 else None


def _of_copy(copy: CopyResult) -> Iterator[Finding]:
    if copy.speedup is None:
        yield _unmeasured("copy", copy)
    elif copy.verdict in ("faster", "slower"):
        yield "unfit", f"false alarm: the model's own copy is called {copy.verdict}, {interval(copy.speedup)}"
    else:
        yield "fit", "the model's own copy is called neither faster nor slower"


def _of_planted(planted: PlantedResult) -> Iterator[Finding]:
    what = f"the planted slowdown of {per_cent(SLOWDOWN)}"
    if planted.speedup is None:
        yield _unmeasured("planted slowdown", planted)
        return
    digits = digits_apart(2, planted.speedup.low, planted.speedup.high)
    seen = f"{interval(planted.speedup)}, expected {EXPECTED:.{digits}f}x"
    if planted.found:
        yield "fit", f"{what} is found: {seen}"
    elif planted.verdict == "inconclusive":
        yield "inconclusive", f"{what} could not be decided: {'; '.join(planted.reasons)}"
    elif planted.verdict == "slower":
        yield "unfit", f"{what} is measured wrongly: {seen}"
    else:
        yield "unfit", f"{what} is not found: it is called {planted.verdict}, {seen}"


def _unmeasured(what: str, one: CopyResult) -> Finding:
    fitness: Fitness = "inconclusive" if one.verdict == "inconclusive" else "unfit"
    return fitness, f"the {what} could not be measured: {'; '.join(one.reasons) or 'no reason was recorded'}"


def _of_noise(floor: float | None, effect: float | None, margin: float) -> Iterator[Finding]:
    if floor is not None and floor >= SLOWDOWN:
        yield "unfit", f"the noise floor of {per_cent(floor)} hides a slowdown of {per_cent(SLOWDOWN)}"
    elif effect is not None and effect > margin:
        yield "noisy", f"effects up to {per_cent(effect)} are lost in the noise"
    elif effect is not None:
        yield "fit", f"effects above {per_cent(effect)} can be seen, within the margin of {per_cent(margin)}"


def _worst_disturbance(group: GroupState) -> DisturbanceSummary | None:
    """That of the variant with the largest share of disturbed blocks; None where none was recorded."""
    summaries = (case.summary for case in group.cases if case.summary is not None)
    found = [summary.disturbance for summary in summaries if summary.disturbance is not None]
    return max(found, key=lambda one: one.disturbed_share, default=None)
