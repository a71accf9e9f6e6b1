"""Every example that a recorded run's candidates lose, out of the scores in its folder; nothing is run."""

from __future__ import annotations

from ..errors import InputError
from ..records.quality import Exemplar
from ..records.run_record import RunRecord
from ..store.folder import RunFolder
from ..suite.model import Suite
from .qualities import lost_by
from .recomputing import known_of, saved_scores

Lost = tuple[str, str, Exemplar]
"""A hardware profile, a variant, and an example that it loses there."""


def lost_examples(record: RunRecord, suite: Suite, folder: RunFolder) -> tuple[Lost, ...]:
    """All of them, not only the first that the record lists; by device and variant, those that most lose first.

    Raises InputError where the run holds no examples, or none whose answers could be right; StoreError where what it
    holds is damaged.
    """
    known = known_of(suite, {}, folder)
    if known.examples is None:
        raise InputError(
            f"The run {record.id} holds no examples",
            "it scored no quality, or is from before examples were kept",
            "run a suite with `evaluate`",
        )
    found: list[Lost] = []
    answered = False
    for number, device in enumerate(record.devices):
        hardware = device.profile.name
        base, scores = record.baseline_on(hardware), saved_scores(record, folder, hardware, number)
        if base not in scores:
            continue
        answered = answered or scores[base].right is not None
        for name in scores:
            if name != base:
                lost = lost_by(record, name, hardware, scores, known)
                found += ((hardware, name, exemplar) for exemplar in lost)
    if not answered:
        raise InputError(
            f"No example of the run {record.id} can be lost",
            "its task has no answers that are right or wrong, or the baseline was not scored",
        )
    return tuple(found)
