"""Against a version that was measured in another run: whether the two can be set against each other, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..records.artifact import Artifact
from ..records.profile import HardwareProfile
from ..stats.quotients import quotient
from .measured import Measured, find, invalid
from .production import BESIDE, profiles_apart
from .question import Evidence
from .timed_memory import peak_level

Against = Callable[[Measured, Measured, float], Evidence]
"""Evidence of one variant against another one of the same group, at a confidence."""

_TERMS = ("batch", "inputs_sha256", "load", "schedule", "simulated")


def by_way_of_dense(here: Measured, there: Measured, against: Against, confidence: float) -> Evidence:
    """A ratio to a version of another run: (candidate to dense here) over (production to dense there).

    Dense is measured in both runs, interleaved with what it is set against: what the machine has become meanwhile is
    in both ratios and cancels (rule 1 of the design; a ratio across two runs takes their drift for a difference).
    The half-widths are added in quadrature on the log scale (stats/quotients.py), and one noise floor on the other:
    (1 + a) (1 + b) - 1. The two runs must agree in all of `unlike`.
    """
    dense, older = _dense(here), _dense(there)
    if isinstance(dense, str) or isinstance(older, str):
        return invalid(f"the dense model that stands between: {dense if isinstance(dense, str) else older}")
    mine = against(here, dense, confidence)
    if there.variant == older.variant:
        return mine  # production is the very dense model that was measured here
    return _joined(mine, against(there, older, confidence), there)


def peaks_apart(here: Measured, there: Measured, confidence: float) -> Evidence:
    """The candidate's peak over production's in its own run: memory does not drift, so nothing stands between."""
    mine, its = peak_level(here, confidence), peak_level(there, confidence)
    return replace(_joined(mine, its, there), highest=None)


def _joined(mine: Evidence, its: Evidence, there: Measured) -> Evidence:
    run = there.source.record.id
    if mine.estimate is None:
        return mine
    if its.estimate is None:
        return replace(its, reason=f"in {run}: {its.reason}", advice=BESIDE)
    return replace(
        mine,
        estimate=quotient(mine.estimate, its.estimate),
        floor=(1 + mine.floor) * (1 + its.floor) - 1,
        doubts=(*mine.doubts, *(f"in {run}: {doubt}" for doubt in its.doubts)),
        advice=f"{mine.advice}, or {BESIDE}",
    )


def _dense(one: Measured) -> Measured | str:
    """The baseline of the device, which everything is compared with there."""
    record, group = one.source.record, one.group
    return find(one.source, record.baseline_on(group.hardware), group.hardware, group.workload)


def unlike(here: Measured, there: Measured) -> str:
    """The first thing that keeps figures of two runs from being set against each other, and what to do; or empty.

    It is asked for the same machine and software (`Fingerprint`), profile, inputs and load, and for the same dense
    model.
    """
    found = next(_differences(here, there), "")
    run = there.source.record.id
    return found and f"the version in production was measured in {run} under other terms: {found}; {BESIDE}"


def _differences(here: Measured, there: Measured) -> Iterator[str]:
    yield from here.source.record.fingerprint.differences(there.source.record.fingerprint)
    yield from profiles_apart(_profile(here), _profile(there))
    terms = ((name, *(getattr(one.group, name) for one in (here, there))) for name in _TERMS)
    yield from (f"{name}: {mine!r} and {other!r}" for name, mine, other in terms if mine != other)
    dense, older = (_dense_artifact(one) for one in (here, there))
    if dense is None or older is None:
        yield "the dense model: one of them has no file"
    elif not _same(dense, older):
        yield f"the dense model: sha256 {dense.sha256[:12]} and {older.sha256[:12]}"


def _profile(one: Measured) -> HardwareProfile:
    return next(d.profile for d in one.source.record.devices if d.profile.name == one.group.hardware)


def _dense_artifact(one: Measured) -> Artifact | None:
    record = one.source.record
    name = record.baseline_on(one.group.hardware)
    return next((state.artifact for state in record.variants if state.name == name), None)


def _same(dense: Artifact, older: Artifact) -> bool:
    """Whether both are one model; two exports of it at different times differ in their metadata alone."""
    return dense.sha256 == older.sha256 or dense.graph_sha256 == older.graph_sha256
