"""Every example that a recorded run's candidates lose, out of the scores in its folder; nothing is run."""

from __future__ import annotations

from ..analysis.exemplars import all_exemplars
from ..errors import InputError
from ..records.quality import Exemplar
from ..records.run_record import RunRecord
from ..store.folder import RunFolder
from ..suite.model import Suite
from .qualities import dense_variants
from .recomputing import saved_scores

Lost = tuple[str, str, Exemplar]
"""A hardware profile, a variant, and an example that it loses there."""


def lost_examples(record: RunRecord, suite: Suite, folder: RunFolder) -> tuple[Lost, ...]:
    """All of them, not only the first that the record lists; by device and variant, those that most lose first.

    Raises InputError where the run holds no examples, or none whose answers could be right; StoreError where what it
    holds is damaged.
    """
    examples = folder.examples()
    if examples is None:
        raise InputError(
            f"The run {record.id} holds no examples",
            "it scored no quality, or is from before examples were kept",
            "run a suite with `evaluate`",
        )
    labels = folder.labels()
    found: list[Lost] = []
    answered = False
    for number, device in enumerate(record.devices):
        hardware = device.profile.name
        scores = saved_scores(record, folder, hardware, number)
        baseline = scores.get(record.baseline_on(hardware))
        answered = answered or (baseline is not None and baseline.right is not None)
        dense = dense_variants(record, suite)
        for name, one in scores.items():
            if baseline is None or one is baseline:
                continue
            beside = [other for other in scores.values() if other is not one and other is not baseline]
            lost = all_exemplars(
                one,
                baseline,
                examples,
                [other for other in beside if other.variant in dense],
                [other for other in beside if other.variant not in dense],
                lambda code: labels.get(code, str(code)),
            )
            found += ((hardware, name, exemplar) for exemplar in lost)
    if not answered:
        raise InputError(
            f"No example of the run {record.id} can be lost",
            "its task has no answers that are right or wrong, or the baseline was not scored",
        )
    return tuple(found)
