"""Spares more and more of the parts that cost most, takes the fewest that do, and tells what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..errors import InputError, InvalidError
from ..progress import Journey
from ..records.estimate import interval_text
from ..records.quality import ExampleScores
from ..records.recipe import Recipe
from ..records.sensitivity import Confirmed, SensitivePart, SparingStep
from ..stats.paired import non_inferior
from .judging import Judge
from .lab import Lab
from .proposing import at_as_many_zeros, fewest, ladder, sparing

if TYPE_CHECKING:
    from ..pruning.undoing import Work

SPARED = "-spared"
SAME_ZEROS = "-spared-same-zeros"

_WORTH_IT = 0.1
"""A share of the loss. On many examples a difference is shown that nobody would give a layer's zeros for."""


@dataclass(frozen=True)
class Proposal:
    """What was tried, and what came of it; `nothing` says why nothing is proposed, empty where something is."""

    steps: tuple[SparingStep, ...] = ()
    confirmed: tuple[Confirmed, ...] = ()
    nothing: str = ""
    same_zeros_note: str = ""


@dataclass(frozen=True)
class _Try:
    """Some parts spared: the recipe, its scores, and what it leaves."""

    recipe: Recipe
    scores: ExampleScores
    work: Work
    step: SparingStep


def propose(lab: Lab, judge: Judge, parts: Sequence[SensitivePart], journey: Journey) -> Proposal:
    """Choose on one half of the examples which parts to spare, and tell on the other half what that gains.

    As many are spared as `--spare` says; else more and more of those that help alone (see `ladder`), until the
    suite's gate on the metric would be met, and then the fewest that no other try is shown to be better than.
    """
    helping = [one.name for one in parts if one.worth is not None and one.worth > 0]
    order = [one.name for one in parts if one.worth is not None]
    counts = (lab.asked.spare,) if lab.asked.spare else ladder(len(helping), len(lab.parts))
    worse = judge.shown(judge.dense, judge.pruned, judge.choosing)
    if not counts or (lab.asked.spare is None and not worse):
        return Proposal(nothing=_nothing(lab, judge, helping, worse))
    steps, tries = _tried(lab, judge, [order[:count] for count in counts], journey)
    if not tries:
        return Proposal(steps=steps, nothing="no recipe that spares them could be made and scored")
    chosen = _chosen(judge, tries)
    if lab.asked.spare is None and not judge.shown(chosen.scores, judge.pruned, judge.choosing):
        why = f"sparing up to {len(tries[-1].step.spared)} of them gains nothing beyond chance"
        return Proposal(steps=steps, nothing=why)
    confirmed = [_confirmed(lab, judge, chosen, SPARED)]
    same, note = _same_zeros(lab, judge, chosen, journey)
    if same is not None:
        confirmed.append(_confirmed(lab, judge, same, SAME_ZEROS))
    return Proposal(steps=steps, confirmed=tuple(confirmed), same_zeros_note=note)


def _nothing(lab: Lab, judge: Judge, helping: Sequence[str], worse: bool) -> str:
    if not worse:
        return f"{lab.spec.name} is not shown to be worse than dense (drop {interval_text(judge.lost, '', 4)})"
    if not helping:
        return "no part by itself makes a difference on the examples that choose"
    return f"the recipe prunes {len(lab.parts)} part alone: without it nothing is left to prune"


def _tried(
    lab: Lab, judge: Judge, sets: Sequence[Sequence[str]], journey: Journey
) -> tuple[tuple[SparingStep, ...], list[_Try]]:
    """Each set of parts spared, until the gate would be met."""
    journey.plan("sparing", len(sets) + 1, journey.seconds["layers"] / len(lab.parts))
    steps, tries = [], []
    for names in sets:
        journey.begin("sparing", f"{len(names)} of {len(lab.parts)}")
        try:
            made = _made(lab, judge, sparing(lab.recipe, names), names, journey)
        except (InputError, InvalidError) as error:
            steps.append(SparingStep(spared=tuple(names), failure=error.reason))
            continue
        except ValidationError:
            steps.append(SparingStep(spared=tuple(names), failure="the recipe would prune nothing"))
            continue
        except ValueError as error:
            steps.append(SparingStep(spared=tuple(names), failure=f"{judge.name} is not defined: {error}"))
            continue
        tries.append(made)
        steps.append(made.step)
        if made.step.gate_met:
            break
    journey.end()
    return tuple(steps), tries


def _made(lab: Lab, judge: Judge, recipe: Recipe, names: Sequence[str], journey: Journey) -> _Try:
    module = lab.pruned_by(recipe)
    scores, work = lab.scores(module, journey.within), lab.work(module)
    bound = lab.max_drop
    drop = judge.gain(judge.dense, scores, judge.choosing)
    step = SparingStep(
        spared=tuple(names),
        value=judge.value(scores, judge.choosing),
        gain=judge.gain(scores, judge.pruned, judge.choosing),
        weights_share=lab.back(work)[0],
        gate_met=None if bound is None else non_inferior(drop, bound) == "pass",
    )
    return _Try(recipe, scores, work, step)


def _chosen(judge: Judge, tries: Sequence[_Try]) -> _Try:
    if tries[-1].step.gate_met:
        return tries[-1]
    sign = -1.0 if judge.metric.better == "lower" else 1.0
    return fewest(
        tries,
        lambda one: sign * (one.step.value or 0.0),
        lambda one, other: _pays(judge, one.scores, other.scores),
    )


def _pays(judge: Judge, more: ExampleScores, fewer: ExampleScores) -> bool:
    """Whether sparing more is shown to be better, and by a tenth of what pruning lost, so that it is worth it."""
    gain = judge.gain(more, fewer, judge.choosing).point
    return gain >= _WORTH_IT * judge.lost.point and judge.shown(more, fewer, judge.choosing)


def _same_zeros(lab: Lab, judge: Judge, chosen: _Try, journey: Journey) -> tuple[_Try | None, str]:
    """The same parts spared, and the others pruned more, so that as many weights go; or None, and why."""
    dense, pruned = lab.dense_work.weights, lab.pruned_work.weights
    recipe, note = at_as_many_zeros(chosen.recipe, dense - chosen.work.weights, dense - pruned)
    if recipe is None:
        return None, note
    journey.begin("sparing", "at as many zeros")
    try:
        return _made(lab, judge, recipe, chosen.step.spared, journey), ""
    except (InputError, InvalidError) as error:
        return None, error.reason
    except ValueError as error:
        return None, f"{judge.name} is not defined: {error}"
    finally:
        journey.end()


def _confirmed(lab: Lab, judge: Judge, one: _Try, ending: str) -> Confirmed:
    """On the examples that chose nothing. Raises InvalidError where the metric is not defined on these."""
    bound = lab.max_drop
    try:
        value = judge.value(one.scores, judge.confirming)
        gain = judge.gain(one.scores, judge.pruned, judge.confirming)
        drop = judge.gain(judge.dense, one.scores, judge.confirming)
        p_value = judge.p_value(one.scores, judge.pruned, judge.confirming)
        shown = judge.shown(one.scores, judge.pruned, judge.confirming)
    except ValueError as error:
        raise InvalidError(f"{judge.name} is not defined on the examples that confirm", str(error)) from error
    weights_share, macs_share = lab.back(one.work)
    return Confirmed(
        variant=lab.spec.name + ending,
        spared=one.step.spared,
        prune={"method": one.recipe.method, **one.recipe.model_dump(mode="json", exclude_defaults=True)},
        value=value,
        gain=gain,
        p_value=p_value,
        beyond_chance=shown,
        drop=drop,
        gate="" if bound is None else non_inferior(drop, bound),
        zeros_share=1 - one.work.weights / lab.dense_work.weights,
        weights_share=weights_share,
        macs_share=macs_share,
    )
