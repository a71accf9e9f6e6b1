"""`max_error_rate`: the share of the examples that could not be answered or scored."""

from __future__ import annotations

from ..analysis.scored import unscored
from ..errors import InvalidError
from ..records.estimate import Estimate
from ..stats.paired import tango_interval
from ..stats.proportions import exact_interval
from .advising import enough_for_drop, enough_for_share
from .question import Evidence, Question, Source
from .sides import Held, Sides, samples_of, sides


def error_evidence(source: Source, question: Question, held: Held, confidence: float) -> Evidence:
    """Of all examples that the question is of, or of its slice; a share, two-sided at `confidence`.

    Held against a fixed figure it is the candidate's own rate, with the exact interval of Clopper and Pearson. Held
    against another version it is by how much the rate is higher, paired by example, with Tango's interval: a
    difference of shares, 0 where both fail in equally many. Raises InvalidError where it cannot be told.
    """
    both = sides(source, question, held)
    examples = int(both.members.sum())
    if examples == 0:
        raise InvalidError("there are no examples")
    estimate, errors = _rate(both, confidence)
    bound = question.rule.bound
    return Evidence(
        reference=held.name,
        estimate=estimate,
        historical=held.historical,
        advice=enough_for_share(examples, errors, bound, confidence)
        if both.other is None
        else enough_for_drop(examples, estimate, bound, "rise"),
        samples=samples_of(source, question, held),
    )


def _rate(both: Sides, confidence: float) -> tuple[Estimate, int]:
    """The rate, or by how much it is higher, and how many examples the candidate failed in."""
    examples = int(both.members.sum())
    mine = {index for index in unscored(both.candidate) if both.members[index]}
    if both.other is None:
        return exact_interval(len(mine), examples, confidence), len(mine)
    theirs = {index for index in unscored(both.other) if both.members[index]}
    return tango_interval(len(mine - theirs), len(theirs - mine), examples, confidence), len(mine)
