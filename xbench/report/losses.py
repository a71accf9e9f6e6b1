"""Where quality is lost: slices and classes that are worse than chance would have it, and single examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..records.quality import Exemplar, QualityResult, SliceResult
from .figures import examples, figure, flips_text, p_text

_CORRECTIONS = {"": "corrected", "holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}
_FIRST_ALARMS = 5
_FIRST_PAYING = 3
_FIRST_NOTES = 5
_FIRST_EXEMPLARS = 5
_LONGEST = 60


def loss_lines(run: str, results: Sequence[QualityResult], metric: str, details: bool) -> Iterator[str]:
    """Alarms first, then what pays most, slices that were not tested, and exemplars; with `details` all of them.

    `metric` is what slices are of that do not say it; `run` is the run's name.
    """
    most = None if details else _FIRST_ALARMS
    yield from _together("alarm, ", [(result.variant, _alarms(result, metric, most)) for result in results])
    yield from _together("", [(result.variant, _calm(result)) for result in results])
    yield from _together("pays most, ", [(result.variant, _paying(result, metric)) for result in results])
    yield from _untested(results, None if details else _FIRST_NOTES)
    if any(result.exemplar_count for result in results):
        if not details:  # they have a table of their own
            yield from _together("lost by ", [(result.variant, _exemplars(result)) for result in results])
        yield f"all of these examples: `xbench report {run} --exemplars FILE.csv`"


def _together(before: str, told: Sequence[tuple[str, Iterator[str]]]) -> Iterator[str]:
    """Lines by variant: one that is said of several is said once."""
    whose: dict[str, list[str]] = {}
    for variant, lines in told:
        for line in lines:
            whose.setdefault(line, []).append(variant)
    yield from (f"{before}{', '.join(variants)}: {line}" for line, variants in whose.items())


def slice_name(one: SliceResult) -> str:
    """Such as `slice language=de`, or `class 8`."""
    return f"{one.kind} {short(one.slice)}"


def short(text: str) -> str:
    """The beginning of a text out of the data."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def from_to(one: SliceResult) -> str:
    """Such as `0.981 -> 0.712`."""
    if one.value is None or one.baseline is None:
        return ""
    return f"{figure(one.baseline, one.value)} -> {figure(one.value, one.baseline)}"


def metric_name(one: SliceResult, metric: str) -> str:
    """What a slice's figures are of: the first metric, or something that means more for one class alone."""
    return "share of right answers" if one.metric == "right" else one.metric or metric


def _by_drop(slices: Sequence[SliceResult]) -> list[SliceResult]:
    return sorted(slices, key=lambda one: -(one.drop.point if one.drop is not None else 0.0))


def _alarms(result: QualityResult, metric: str, most: int | None) -> Iterator[str]:
    alarmed = _by_drop([one for one in result.slices if one.alarm])
    correction = _CORRECTIONS[result.correction]
    for one in alarmed[:most]:
        p = f", adjusted p {p_text(one.adjusted_p)} ({correction})" if one.adjusted_p is not None else ""
        flips = f", flips {flips_text(one.flips)}" if one.flips is not None else ""
        yield f"{_told(one, metric)}{p}{flips}"
    more = len(alarmed) - len(alarmed[:most])
    if more:
        yield f"{more:,} more; all of them: --details"


def _told(one: SliceResult, metric: str) -> str:
    """Such as `class 8 (accuracy 0.981 -> 0.712, 54 examples)`."""
    figures = f"{metric_name(one, metric)} {from_to(one)}, " if one.value is not None else ""
    return f"{slice_name(one)} ({figures}{examples(one.examples)})"


def _calm(result: QualityResult) -> Iterator[str]:
    """That there is no alarm, where all slices were tested."""
    tested = sum(one.adjusted_p is not None for one in result.slices)
    if tested and not any(one.alarm for one in result.slices):
        correction = _CORRECTIONS[result.correction]
        yield f"no slice or class of {tested} is worse than chance would have it ({correction})"


def _paying(result: QualityResult, metric: str) -> Iterator[str]:
    """The largest drops; where no alarm stands behind any of them, chance may."""
    worse = _by_drop([one for one in result.slices if one.drop is not None and one.drop.point > 0])[:_FIRST_PAYING]
    if worse:
        chance = "" if any(one.alarm for one in worse) else "; all of it may be chance"
        yield ", ".join(_told(one, metric) for one in worse) + chance


def _untested(results: Sequence[QualityResult], most: int | None) -> Iterator[str]:
    """Each slice that no alarm can be told of, once with its reason, and for which variants."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for one in result.slices:
            if one.note and one.p_value is None:
                found.setdefault((slice_name(one), one.note), []).append(result.variant)
    everywhere = max((len(variants) for variants in found.values()), default=0)
    for (name, note), variants in list(found.items())[:most]:
        whose = "" if len(variants) == everywhere else f"{', '.join(variants)}, "
        yield f"{whose}{name}: {note}"
    more = len(found) - len(list(found)[:most])
    if more:
        yield f"{more:,} more slices and classes were not tested; all of them: --details"


def _exemplars(result: QualityResult) -> Iterator[str]:
    """Examples that pruning loses, those that most variants lose first (arXiv 1911.05248)."""
    if result.exemplar_count:
        first = result.exemplars[:_FIRST_EXEMPLARS]
        more = result.exemplar_count - len(first)
        told = "; ".join([*(_exemplar(one) for one in first), *([f"and {more:,} more"] if more else [])])
        yield f"{examples(result.exemplar_count)} that dense answers rightly: {told}"


def _exemplar(one: Exemplar) -> str:
    return f"{short(one.id)} (label {short(one.label)}, dense {short(one.dense)}, here {short(one.answer)})"
