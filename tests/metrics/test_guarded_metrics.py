"""Metrics of others that harm: they write into what they are given, end the program, or fail in ways of their own."""

from __future__ import annotations

import numpy as np
import pytest

from xbench.errors import InvalidError
from xbench.metrics.guarding import GuardedMetric


class Harmful:
    """Writes into all of its arguments; `fault` is raised by `value`."""

    name, tasks, better, span = "harmful", ("plugin",), "higher", None
    fault: BaseException = ValueError("one class")

    def scores(self, answers, targets):
        answers["boxes"][:] = 0
        answers["ragged"][0].append(9)
        targets["truth"][:] = 0
        if not len(answers["boxes"]) % 2:
            raise SystemExit(0)
        return np.ones(len(answers["boxes"]))

    def value(self, scores, weights):
        scores[:], weights[:] = 7, 7
        raise self.fault


def given(count):
    ragged = np.empty(count, dtype=object)
    ragged[:] = [[number] for number in range(count)]
    return {"boxes": np.arange(1.0, count + 1), "ragged": ragged}, {"truth": np.arange(1, count + 1)}


def test_what_it_writes_is_read_by_nobody_else():
    answers, targets = given(3)
    assert GuardedMetric(Harmful()).scores(answers, targets).tolist() == [1, 1, 1]
    assert answers["boxes"].tolist() == targets["truth"].tolist() == [1, 2, 3]
    assert list(answers["ragged"]) == [[0], [1], [2]]


def test_it_cannot_end_the_program():
    with pytest.raises(RuntimeError, match="tried to end the program with the code 0"):
        GuardedMetric(Harmful()).scores(*given(2))


@pytest.mark.parametrize("fault", [KeyError("oops"), SystemExit(0), ZeroDivisionError()])
def test_whatever_its_value_raises_names_it(fault):
    harmful = Harmful()
    harmful.fault = fault
    scores, weights = np.arange(3.0), np.ones(3)
    with pytest.raises(InvalidError, match="The metric harmful failed"):
        GuardedMetric(harmful).value(scores, weights)
    assert (scores.tolist(), weights.tolist()) == ([0, 1, 2], [1, 1, 1])


def test_a_value_that_is_not_defined_is_no_fault():
    with pytest.raises(ValueError, match="one class"):
        GuardedMetric(Harmful()).value(np.arange(3.0), np.ones(3))
