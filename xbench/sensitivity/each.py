"""Each part by itself: undone while the rest stays pruned, or pruned while the rest is dense."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import InvalidError
from ..progress import Journey
from ..records.sensitivity import SensitivePart
from .judging import Judge
from .lab import Lab, Module

OnPart = Callable[[SensitivePart], None]
"""Told of each part as it is scored."""


def undone_alone(lab: Lab, judge: Judge, journey: Journey, on_part: OnPart) -> list[SensitivePart]:
    """Each part's pruning undone alone, in the model's order. What cannot be scored has its reason."""
    rows = []
    for part in lab.parts:
        journey.begin("layers", part.name)
        module = lab.without((part.name,))
        work = lab.work(module)
        weights_share, macs_share = lab.back(work)
        row = SensitivePart(
            name=part.name,
            kind=part.kind,
            layers=part.layers,
            weights_back=work.weights - lab.pruned_work.weights,
            weights_share=weights_share,
            macs_share=macs_share,
        )
        rows.append(_scored(row, module, lab, judge, journey))
        on_part(rows[-1])
    journey.end()
    return rows


def _scored(row: SensitivePart, module: Module, lab: Lab, judge: Judge, journey: Journey) -> SensitivePart:
    """The row with its figures, or with the reason why it has none."""
    try:
        scores = lab.scores(module, journey.within)
        won, lost, ids = judge.answers(scores)
        p_value = judge.p_value(scores, judge.pruned, judge.choosing)
        return row.model_copy(
            update={
                "value": judge.value(scores, judge.choosing),
                "gain": judge.gain(scores, judge.pruned, judge.choosing),
                "p_value": p_value,
                "beyond_chance": p_value is None and judge.helps(scores, len(lab.parts)),
                "won": won,
                "lost": lost,
                "won_ids": ids,
            }
        )
    except InvalidError as error:
        return row.model_copy(update={"failure": error.reason})
    except ValueError as error:
        return row.model_copy(update={"failure": f"{judge.name} is not defined: {error}"})


def pruned_alone(rows: Sequence[SensitivePart], lab: Lab, judge: Judge, journey: Journey) -> list[SensitivePart]:
    """The rows, each with what pruning that part alone costs against dense; none where it cannot be scored."""
    journey.plan("layers alone", len(rows), journey.seconds["layers"] / len(rows))
    names = [part.name for part in lab.parts]
    found = []
    for row in rows:
        journey.begin("layers alone", row.name)
        try:
            scores = lab.scores(lab.without([name for name in names if name != row.name]), journey.within)
            drop = judge.gain(judge.dense, scores, judge.choosing)
        except (InvalidError, ValueError) as error:
            journey.note(f"{row.name}, pruned alone, cannot be scored: {error}")
            drop = None
        found.append(row.model_copy(update={"alone_drop": drop}))
    journey.end()
    return found
