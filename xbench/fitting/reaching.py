"""Reaches a measured speedup: predicts, measures, corrects the prediction by what was measured, and again.

The times of single layers do not add up to the model's: layers are fused, caches are shared, and what no table has
(softmax, reshapes, the products of two activations) becomes smaller as well. So the prediction is corrected in the
share of the time that is saved, 1 - 1 / speedup: nothing is saved by the dense model, and what was measured of one
choice of widths tells how much of the predicted saving comes about near it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..records.estimate import Estimate
from ..records.fit import FitRound

ROUNDS = 4
TOLERANCE = 0.04
"""How far beyond the wanted speedup is still no more than what was asked for: of the wanted speedup."""

_APART = 0.05
_STEEPEST = 3.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Widths by group, the speedup that is predicted for them, and the importance that they lose."""

    widths: dict[str, int]
    speedup: float
    loss: float


@dataclass(frozen=True, slots=True)
class Reached:
    """The rounds, which of them is taken (its position), and why it is not what was wanted; empty where it is."""

    rounds: tuple[FitRound, ...]
    taken: int
    why: str = ""

    @property
    def best(self) -> FitRound:
        """The round whose widths are taken."""
        return self.rounds[self.taken]


def reach(
    wanted: float,
    choose: Callable[[float], Choice],
    measure: Callable[[Choice], Estimate],
    rounds: int = ROUNDS,
    tolerance: float = TOLERANCE,
) -> Reached:
    """Widths whose measured speedup is at least `wanted` and at most `tolerance` beyond it, in so many rounds.

    `choose` gives widths of a predicted speedup, or the fastest where none are predicted to be as fast. The point of
    the interval decides: at least `wanted`. Where no round is within, the least of those beyond it is taken, or else
    the fastest, and `why` tells.
    """
    done: list[FitRound] = []
    aim, target = wanted * (1 + tolerance / 2), wanted * (1 + tolerance / 2)
    why = f"{rounds} rounds of measuring were not enough"
    while len(done) < rounds:
        choice = choose(target)
        if any(choice.widths == one.widths for one in done):
            why = _why_stuck(done, wanted, choice, target)
            break
        done.append(
            FitRound(
                target_speedup=target,
                predicted_speedup=choice.speedup,
                importance_lost=choice.loss,
                widths=choice.widths,
                measured=measure(choice),
            )
        )
        if wanted <= done[-1].measured.point <= wanted * (1 + tolerance):
            return Reached(tuple(done), len(done) - 1)
        if choice.speedup < target and done[-1].measured.point < wanted:
            why = "these are the narrowest widths: the rest of the time is spent where pruning does not reach"
            break
        target = corrected(aim, done)
    return Reached(tuple(done), _least_bad(done, wanted), why)


def corrected(aim: float, done: Sequence[FitRound]) -> float:
    """The predicted speedup to ask for, so that `aim` is measured.

    The measured saving is taken for a power of the predicted one, times a factor: through the dense model, through
    the round whose saving is nearest, and the next one where they are apart enough to tell the power; else it is 1.
    No step takes more than half of what was left after the largest one before.
    """
    points = [(_saved(one.predicted_speedup), _saved(one.measured.point)) for one in done]
    most = (1 + max(x for x, _ in points)) / 2
    wanted = _saved(aim)
    near = sorted(((x, y) for x, y in points if x > 0 and y > 0), key=lambda point: abs(math.log(point[1] / wanted)))
    if not near:
        return 1 / (1 - most)
    x, y = near[0]
    needed = x * math.pow(wanted / y, 1 / _power(near))
    return 1 / (1 - min(needed, most))


def _power(near: Sequence[tuple[float, float]]) -> float:
    """The exponent between the first two of the points, within bounds that noise must not leave."""
    if len(near) < 2:
        return 1.0
    (x, y), (other, seen) = near[:2]
    apart = math.log(other / x)
    if abs(apart) < _APART:
        return 1.0
    return min(max(math.log(seen / y) / apart, 1 / _STEEPEST), _STEEPEST)


def _saved(speedup: float) -> float:
    return 1 - 1 / speedup


def _why_stuck(done: Sequence[FitRound], wanted: float, choice: Choice, target: float) -> str:
    if choice.speedup < target and all(one.measured.point < wanted for one in done):
        return "these are the narrowest widths: the rest of the time is spent where pruning does not reach"
    return "the widths that can be chosen leave nothing closer"


def _least_bad(done: Sequence[FitRound], wanted: float) -> int:
    """The slowest of those that are fast enough; the fastest where none is."""
    enough = [at for at, one in enumerate(done) if one.measured.point >= wanted]
    if enough:
        return min(enough, key=lambda at: done[at].measured.point)
    return max(range(len(done)), key=lambda at: done[at].measured.point)
