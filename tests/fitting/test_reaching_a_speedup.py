"""The rounds against a scripted truth that the tables do not know."""

from __future__ import annotations

import pytest

from xbench.fitting.reaching import ROUNDS, TOLERANCE, Choice, reach
from xbench.records.estimate import Estimate


def estimate(point: float) -> Estimate:
    return Estimate(point=point, low=point * 0.99, high=point * 1.01, confidence=0.95, method="scripted")


def predicted_saving(speedup: float) -> float:
    return 1 - 1 / speedup


class Model:
    """Widths are a number from 1 to 1000. `truth` is the share of the time that is saved, by the predicted share."""

    def __init__(self, truth, most: float = 0.9, step: int = 1) -> None:
        self.truth, self.most, self.step, self.asked = truth, most, step, []

    def choose(self, target: float) -> Choice:
        saving = min(predicted_saving(target), self.most)
        width = int((1 - saving) * 1000) // self.step * self.step
        return Choice({"a": width}, 1 / (width / 1000), saving)

    def measure(self, choice: Choice) -> Estimate:
        self.asked.append(choice.speedup)
        return estimate(1 / (1 - self.truth(1 - choice.widths["a"] / 1000)))


@pytest.mark.parametrize("share", [0.6, 0.8, 1.0, 1.2])
@pytest.mark.parametrize("wanted", [1.2, 1.5, 1.9])
def test_a_sum_that_is_wrong_by_a_fifth_and_more_is_corrected(share, wanted):
    model = Model(lambda saving: share * saving)
    found = reach(wanted, model.choose, model.measure)
    assert not found.why
    assert wanted <= found.best.measured.point <= wanted * (1 + TOLERANCE)
    assert len(found.rounds) <= 3


@pytest.mark.parametrize("power", [0.5, 2.0, 3.0])
def test_a_bent_truth_is_reached_in_the_rounds_there_are(power):
    model = Model(lambda saving: saving**power, most=0.95)
    found = reach(2.0, model.choose, model.measure)
    assert not found.why
    assert 1 < len(found.rounds) <= ROUNDS


def test_what_pruning_does_not_reach_is_said_and_the_fastest_is_kept():
    model = Model(lambda saving: 0.5 * saving)
    found = reach(3.0, model.choose, model.measure)
    assert "narrowest" in found.why
    assert found.best.measured.point == max(one.measured.point for one in found.rounds)
    assert found.best.predicted_speedup == pytest.approx(10.0, rel=0.02)


def test_widths_in_coarse_steps_end_the_rounds_with_the_nearest_above():
    model = Model(lambda saving: saving, step=250)
    found = reach(1.5, model.choose, model.measure)
    assert found.why
    assert found.best.measured.point == pytest.approx(2.0)
    assert len(model.asked) == len(set(model.asked))


def test_pruning_that_saves_nothing_ends_with_the_narrowest():
    model = Model(lambda _saving: 0.0)
    found = reach(1.5, model.choose, model.measure)
    assert found.why
    assert len(found.rounds) <= ROUNDS
