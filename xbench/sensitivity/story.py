"""A look at sensitivity, in one go: halves, one part undone at a time, sparing the worst, and what that is worth."""

from __future__ import annotations

import time

from .._version import __version__
from ..errors import InputError, InvalidError
from ..machine.fingerprint import fingerprint
from ..progress import Journey
from ..records.sensitivity import SensitivePart, SensitivityRecord
from ..suite.loading import LoadedSuite
from .asking import Asked, check
from .each import OnPart, pruned_alone, undone_alone
from .halves import halves
from .judging import Judge, ranked
from .lab import Lab, open_lab, remarks
from .sparing import Proposal, propose
from .writing import write_suite


def look(loaded: LoadedSuite, asked: Asked, journey: Journey, on_part: OnPart) -> SensitivityRecord:
    """Undo the pruning of each part of a variant alone, score it, and propose which parts to spare.

    `on_part` hears of each as it is scored. Writes the suite with the proposal where `asked.output` names a folder
    and there is one. Raises InputError for what cannot be asked, InvalidError where dense or pruned cannot be scored.
    """
    started = time.monotonic()
    spec, recipe = check(loaded, asked)
    lab = open_lab(loaded, asked, spec, recipe, journey)
    _require_fewer(lab)
    judge = _judge(lab, journey)
    parts = ranked(undone_alone(lab, judge, journey, on_part))
    worse = judge.shown(judge.dense, judge.pruned, judge.choosing)
    if worse and not any(one.beyond_chance for one in parts):
        # Several parts each ruin the model, and undoing one of them wins nothing: each is looked at by itself.
        parts = ranked(pruned_alone(parts, lab, judge, journey))
    found = propose(lab, judge, parts, journey)
    record = _record(lab, judge, parts, found)
    file = write_suite(lab, found) if asked.output is not None else ""
    return record.model_copy(update={"file": file, "seconds": time.monotonic() - started})


def _require_fewer(lab: Lab) -> None:
    spare, count = lab.asked.spare, len(lab.parts)
    if spare is not None and spare >= count:
        raise InputError(
            f"--spare {spare} would leave nothing to prune",
            f"{lab.spec.name} prunes {count} layer{'s' if count != 1 else ''} or groups",
            f"name at most {count - 1}" if count > 1 else "prune more layers",
        )


def _judge(lab: Lab, journey: Journey) -> Judge:
    """Dense and pruned, scored. How long that takes says how long the rest will."""
    examples, seed = lab.task.examples, lab.loaded.suite.measure.seed
    choosing, confirming = halves(len(examples.ids), examples.labels, seed)
    journey.plan("dense and pruned", 2, 10.0)
    journey.plan("layers", len(lab.parts), 10.0)
    journey.begin("dense and pruned", lab.loaded.suite.baseline.name)
    dense = lab.dense_scores(journey.within)
    journey.begin("dense and pruned", lab.spec.name)
    pruned = lab.scores(lab.without(()), journey.within)
    journey.end()
    journey.plan("layers", len(lab.parts), journey.seconds["dense and pruned"] / 2)
    metric = lab.task.metrics[lab.metric]
    judge = Judge(lab.metric, metric, dense, pruned, choosing, confirming, examples.ids, seed)
    try:
        for scores in (dense, pruned):
            judge.value(scores, choosing)
            judge.value(scores, confirming)
        judge.lost  # noqa: B018 - not defined either where there is no drop
    except ValueError as error:
        raise InvalidError(
            f"{lab.metric} is not defined on half of the examples", str(error), "take more, or another --metric"
        ) from error
    return judge


def _record(lab: Lab, judge: Judge, parts: tuple[SensitivePart, ...], found: Proposal) -> SensitivityRecord:
    suite = lab.loaded.suite
    values = [
        (judge.value(one, judge.choosing), judge.value(one, judge.confirming)) for one in (judge.dense, judge.pruned)
    ]
    return SensitivityRecord(
        schema="xbench.sensitivity/1",
        suite=suite.name,
        suite_sha256=lab.loaded.sha256,
        xbench_version=__version__,
        fingerprint=fingerprint(),
        variant=lab.spec.name,
        metric=lab.metric,
        better=judge.metric.better,
        data=lab.task.data,
        seed=judge.seed,
        choosing=int(judge.choosing.sum()),
        confirming=int(judge.confirming.sum()),
        left_out=judge.left_out,
        dense=values[0],
        pruned=values[1],
        pruned_drop=judge.lost,
        max_drop=lab.max_drop,
        zeros_share=1 - lab.pruned_work.weights / lab.dense_work.weights,
        parts=parts,
        steps=found.steps,
        confirmed=found.confirmed,
        nothing=found.nothing,
        same_zeros_note=found.same_zeros_note,
        notes=remarks(lab.spec, lab.recipe),
    )
