"""Chooses a width for each group: a wanted latency at the least loss of importance, by tables of latency.

The question is NetAdapt's (Yang et al., arXiv 1804.03230), and as a knapsack HALP's (Shen et al., arXiv 2110.10811):
what each width of a group costs in importance, and what it gains in time. Two groups may meet in one layer, one in
its inputs and one in its outputs, so the time of a width depends on the others, and dynamic programming does not
apply. A Lagrange multiplier puts time and importance on one scale, each group in turn takes the width that is best
for the others as they are, and the multiplier is bisected (Everett 1963, "Generalized Lagrange Multiplier Method").
Exchanges between two groups then use up what the multiplier leaves, for it only meets the convex hull. The result is
not proven to be the best; on instances that can be searched whole, tests hold it against the best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

Latency = Callable[[int, int, int], float]
"""Of one layer, us: by the number of its table, its inputs and its outputs; infinite where it is not known."""

_BISECTIONS = 40
_REACH = 4
"""How many widths up or down an exchange tries."""
_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Dial:
    """What may be chosen for one group: `widths`, rising, the last one dense, and what each loses (0 for dense)."""

    name: str
    widths: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Timed:
    """A layer of the file: `inputs` and `outputs` as in the dense model; `reads` and `makes` tell, by the position of
    a group, how many of them go with one unit.
    """

    table: int
    inputs: int
    outputs: int
    reads: tuple[tuple[int, int], ...] = ()
    makes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A width for each group, in the groups' order, with the time and the loss that are expected of it."""

    widths: tuple[int, ...]
    latency_us: float
    loss: float


State = list[int]
"""Of each group, which of its widths."""


@dataclass
class Search:
    """The groups, the layers, and the time of all that no group changes (`rest_us`)."""

    dials: Sequence[Dial]
    layers: Sequence[Timed]
    latency: Latency
    rest_us: float = 0.0
    _known: dict[tuple[int, int, int], float] = field(default_factory=dict)
    _touched: list[list[Timed]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._touched = [
            [layer for layer in self.layers if any(at == group for at, _ in (*layer.reads, *layer.makes))]
            for group in range(len(self.dials))
        ]

    def dense(self) -> Found:
        """Everything as it is."""
        return self._found([len(dial.widths) - 1 for dial in self.dials])

    def fastest(self) -> Found:
        """The least time that any widths are seen to have: from the narrowest, each group in turn."""
        return self._found(self._settled([0] * len(self.dials), None))

    def time_at(self, widths: Sequence[int]) -> float:
        """The time that is expected of any widths, us, in the groups' order; they need not be among a group's own.

        A layer whose time is not known there counts as the dense one.
        """
        gone = [dial.widths[-1] - width for dial, width in zip(self.dials, widths, strict=True)]
        times = [self._layer_without(layer, gone.__getitem__) for layer in self.layers]
        return self.rest_us + sum(
            time if math.isfinite(time) else self.latency(layer.table, layer.inputs, layer.outputs)
            for layer, time in zip(self.layers, times, strict=True)
        )

    def within(self, limit_us: float) -> Found | None:
        """The least loss within a time; None where no widths are seen to take so little."""
        fastest = self._settled([0] * len(self.dials), None)
        if self._time(fastest) > limit_us:
            return None
        candidates = [fastest, *self._by_multiplier(limit_us)]
        improved = [self._improved(state, limit_us) for state in candidates]
        return self._found(min(improved, key=lambda state: (self._loss(state), self._time(state))))

    def _by_multiplier(self, limit_us: float) -> list[State]:
        """The states within the limit that bisecting the multiplier meets, from dense down and from the last one."""
        dense = [len(dial.widths) - 1 for dial in self.dials]
        low, high = 0.0, self._largest_price()
        met: list[State] = []
        for _ in range(_BISECTIONS):
            price = (low * high) ** 0.5 if low > 0 else high / 1e6
            starts = (dense, [0] * len(dense), *met[-1:])
            states = [self._settled(start, price) for start in starts]
            inside = [state for state in states if self._time(state) <= limit_us]
            met += inside
            low, high = (low, price) if inside else (price, high)
            if low > 0 and high / low < 1 + 1e-6:
                break
        unique = {tuple(state): state for state in met}
        return sorted(unique.values(), key=self._loss)[:3]

    def _largest_price(self) -> float:
        """A price of time, per us, above which nothing but time counts."""
        dense, least = self.dense(), self._settled([0] * len(self.dials), None)
        saved = max(dense.latency_us - self._time(least), 1e-9)
        return 1e6 * max(sum(dial.losses[0] for dial in self.dials), 1e-30) / saved

    def _settled(self, state: State, price: float | None) -> State:
        """Each group in turn takes what is best, until none moves; `price` None: only time counts."""
        state = list(state)
        for _ in range(_ROUNDS):
            moved = False
            for group, dial in enumerate(self.dials):
                best = min(range(len(dial.widths)), key=lambda at, g=group: self._cost(state, g, at, price))  # type: ignore[misc]
                if self._cost(state, group, best, price) < self._cost(state, group, state[group], price):
                    state[group], moved = best, True
            if not moved:
                break
        return state

    def _cost(self, state: State, group: int, at: int, price: float | None) -> tuple[float, float]:
        """What a group would cost there, ties told apart by the loss; differences within a group are what counts."""
        time, loss = self._time_of(group, state, {group: at}), self.dials[group].losses[at]
        return (time, loss) if price is None else (loss + price * time, loss)

    def _improved(self, state: State, limit_us: float) -> State:
        """Groups are widened while the time allows it, and widened at the cost of one other where that loses less."""
        state = self._widened(state, limit_us)
        for _ in range(_ROUNDS):
            better = self._exchanged(state, limit_us)
            if better is None:
                return state
            state = self._widened(better, limit_us)
        return state

    def _widened(self, state: State, limit_us: float) -> State:
        """Wider, the greatest gain first, while the limit holds; also where nothing is gained and no time is lost:
        so a group is never below the top of a flat stretch.
        """
        state = list(state)
        while True:
            now, moves = self._time(state), []
            for group, dial in enumerate(self.dials):
                before = self._time_of(group, state, {})
                for at in range(state[group] + 1, len(dial.widths)):
                    more = self._time_of(group, state, {group: at}) - before
                    gain = dial.losses[state[group]] - dial.losses[at]
                    if now + more <= limit_us and (gain > 0 or more <= 0):
                        moves.append((gain, -more, group, at))
            if not moves:
                return state
            _, _, group, at = max(moves)
            state[group] = at

    def _exchanged(self, state: State, limit_us: float) -> State | None:
        """The best exchange between two groups: less loss, within the limit. None where there is none."""
        now, found = self._time(state), (-1e-12 * max(self._loss(state), 1e-300), None)
        for up, down in product(range(len(self.dials)), repeat=2):
            if up == down:
                continue
            rise = range(state[up] + 1, min(state[up] + _REACH + 1, len(self.dials[up].widths)))
            fall = range(max(state[down] - _REACH, 0), state[down])
            for high, low in product(rise, fall):
                change = self._change(up, state[up], high) + self._change(down, state[down], low)
                if change < found[0] and now + self._time_change(state, {up: high, down: low}) <= limit_us:
                    found = (change, {up: high, down: low})  # type: ignore[assignment]
        moves: dict[int, int] | None = found[1]
        return None if moves is None else [moves.get(group, at) for group, at in enumerate(state)]

    def _change(self, group: int, before: int, after: int) -> float:
        return self.dials[group].losses[after] - self.dials[group].losses[before]

    def _time_change(self, state: State, moves: dict[int, int]) -> float:
        touched = {id(layer): layer for group in moves for layer in self._touched[group]}.values()
        return sum(self._layer(layer, state, moves) - self._layer(layer, state, {}) for layer in touched)

    def _time_of(self, group: int, state: State, moves: dict[int, int]) -> float:
        return sum(self._layer(layer, state, moves) for layer in self._touched[group])

    def _time(self, state: State) -> float:
        return self.rest_us + sum(self._layer(layer, state, {}) for layer in self.layers)

    def _layer(self, layer: Timed, state: State, moves: dict[int, int]) -> float:
        def gone(group: int) -> int:
            widths = self.dials[group].widths
            return widths[-1] - widths[moves.get(group, state[group])]

        return self._layer_without(layer, gone)

    def _layer_without(self, layer: Timed, gone: Callable[[int], int]) -> float:
        inputs = layer.inputs - sum(each * gone(group) for group, each in layer.reads)
        outputs = layer.outputs - sum(each * gone(group) for group, each in layer.makes)
        key = (layer.table, inputs, outputs)
        if key not in self._known:
            self._known[key] = self.latency(*key)
        return self._known[key]

    def _loss(self, state: State) -> float:
        return sum(dial.losses[at] for dial, at in zip(self.dials, state, strict=True))

    def _found(self, state: State) -> Found:
        widths = tuple(dial.widths[at] for dial, at in zip(self.dials, state, strict=True))
        return Found(widths, self._time(state), self._loss(state))
