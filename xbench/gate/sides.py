"""The two whose examples a question on quality sets side by side: the candidate, and what it is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.exemplars import example_id
from ..analysis.quality import not_alike
from ..analysis.scored import example_count, unscored_by_either
from ..errors import InvalidError, StoreError
from ..quantities import examples_text
from ..records.comparison import Comparison, Sample
from ..records.quality import ExampleFacts, ExampleScores, QualityResult
from .question import Question, Reference, Source
from .sampling import scored_sample

# Keys of `evaluate` that change no score of a metric that both have: the data have a digest of their own.
_NO_SCORES = frozenset({"metrics", "slices", "correction", "expected_change", "dataset", "documents", "judgements"})


@dataclass(frozen=True)
class Held:
    """What a rule is held against: a variant of a run, as messages call it. A fixed figure has neither."""

    name: str = ""
    whose: str = ""
    source: Source | None = None
    historical: bool = False


@dataclass(frozen=True)
class Sides:
    """Scores of the candidate, and of the other where there is one, on the same examples.

    `members`: (examples,), those that the question is of. `failed`: the reasons of those members that either could
    not be scored in, by their number. `rows`: the members that are left.
    """

    candidate: ExampleScores
    other: ExampleScores | None
    members: NDArray[np.bool_]
    failed: dict[int, str]
    examples: ExampleFacts | None

    @property
    def rows(self) -> NDArray[np.bool_]:
        """(examples,): the members that both have scores of."""
        found = self.members.copy()
        found[list(self.failed)] = False
        return found

    @property
    def failed_text(self) -> str:
        """How many could not be scored, and the first of them; empty where all could."""
        first = next(iter(self.failed.items()), None)
        return "" if first is None else failed_text(len(self.failed), example_id(self.examples, first[0]), first[1])


def failed_text(count: int, first: str = "", reason: str = "") -> str:
    """How many examples a drop does not know of: they may be the very ones that got worse."""
    what = "1 example could not be scored" if count == 1 else f"{count:,} examples could not be scored"
    return what + (f": {'' if count == 1 else 'the first, '}{first}, {reason}" if first else "")


def usable_result(source: Source, question: Question) -> QualityResult:
    """The candidate's quality. Raises InvalidError where there is none, or it did not work while it was timed."""
    return _usable(source, question.variant.name, question.hardware)


def _usable(source: Source, name: str, hardware: str) -> QualityResult:
    result = source.record.quality_of(name, hardware)
    if result is not None and result.failure:
        raise InvalidError(result.failure)
    for workload in source.suite.workloads if name != source.record.baseline_on(hardware) else ():
        comparison = _comparison(source, name, hardware, workload.name)
        if comparison is None or comparison.verdict == "invalid":
            raise InvalidError("; ".join(comparison.reasons) if comparison is not None else "it was not measured")
    if result is None:
        raise InvalidError("quality was not scored")
    return result


def _comparison(source: Source, name: str, hardware: str, workload: str) -> Comparison | None:
    """The first comparison of a variant is the one in its own precision."""
    group = source.record.group(hardware, workload)
    return None if group is None else next((c for c in group.comparisons if c.candidate == name), None)


def held_against(source: Source, question: Question) -> Held:
    """What the question's rule is held against. Raises InvalidError where that cannot be looked at."""
    if question.rule.against == "value":
        return Held()
    if question.rule.against == "dense":
        return Held(source.record.baseline_on(question.hardware), "the baseline", source)
    found = (source.production or {}).get(question.hardware)
    if not isinstance(found, Reference):
        raise InvalidError(found or f"no version in production is named for {question.hardware}")
    whose = f"{found.variant} in production"
    try:
        _usable(found.source, found.variant, question.hardware)
    except InvalidError as error:
        raise InvalidError(whose, error.reason) from error
    if found.historical:
        _require_same_evaluation(source, found.source)
    return Held(found.variant, whose, found.source, found.historical)


def _require_same_evaluation(source: Source, other: Source) -> None:
    """The same question put to the same data; that these are the same is checked where scores are paired."""
    then, now = _evaluation(other), _evaluation(source)
    for key in dict.fromkeys((*then, *now)):
        if then.get(key) != now.get(key):
            raise InvalidError(
                f"the run of production was scored otherwise: evaluate.{key} was {then.get(key)!r}, "
                f"and is {now.get(key)!r}"
            )


def _evaluation(source: Source) -> dict[str, Any]:
    evaluate = source.suite.evaluate
    told = {} if evaluate is None else evaluate.model_dump(mode="json")
    return {key: value for key, value in told.items() if key not in _NO_SCORES}


def sides(source: Source, question: Question, held: Held) -> Sides:
    """The scores that the question is about. Raises InvalidError where they are not there, or cannot be paired."""
    candidate = _scores(source, question.variant.name, question.hardware)
    other = None if held.source is None else _others(held, question.hardware)
    why = not_alike(candidate, other, source.examples, held.whose)
    if why:
        raise InvalidError(why)
    members = _members(source, question.slice, example_count(candidate))
    failed = unscored_by_either(candidate, other, held.whose)
    return Sides(candidate, other, members, {i: why for i, why in failed.items() if members[i]}, source.examples)


def _scores(source: Source, variant: str, hardware: str) -> ExampleScores:
    if source.folder is None:
        raise InvalidError(f"what each example of {variant} scored is not here", "it takes the run's folder")
    found = source.scores(variant, hardware)
    if found is None:
        raise InvalidError(f"the scores of the examples of {variant} are gone from the run's folder")
    return found


def _others(held: Held, hardware: str) -> ExampleScores:
    """Of what it is held against. Damage in the folder of another run is a reason, and no error of this one."""
    assert held.source is not None  # noqa: S101 - the caller looked
    try:
        return _scores(held.source, held.name, hardware)
    except StoreError as error:
        if held.historical:
            raise InvalidError(f"{held.whose}: {error.reason}") from error
        raise


def _members(source: Source, name: str, count: int) -> NDArray[np.bool_]:
    if not name:
        return np.ones(count, np.bool_)
    known = {} if source.examples is None else source.examples.slices
    if name not in known:
        raise InvalidError(f"there is no slice {name!r}", f"known are {', '.join(known) or 'none'}")
    if not known[name].any():
        raise InvalidError(f"the slice {name} has {examples_text(0)}")
    return known[name]


def samples_of(source: Source, question: Question, held: Held) -> tuple[Sample, ...]:
    """The files that hold what decides; none without a folder. Raises StoreError."""
    name, hardware = question.variant.name, question.hardware
    if source.folder is None:
        return ()
    if held.source is None:
        return (scored_sample(source, [name], hardware),)
    if not held.historical:
        return (scored_sample(source, [name, held.name], hardware),)
    theirs = scored_sample(held.source, [held.name], hardware, held.source.record.id)
    return scored_sample(source, [name], hardware), theirs
