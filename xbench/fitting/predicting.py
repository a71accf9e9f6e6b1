"""Measures the tables, and predicts from them what widths would take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError, InvalidError
from ..progress import Journey
from .bench import Bench
from .dialling import choices, dials, kept, sides, touched, uniform_widths
from .keeping import Shelf
from .layers import LEAST_SHARE, FittedLayer
from .measuring import Widths, expected_seconds, measure_tables, wanted_points
from .reaching import ROUNDS, Choice
from .searching import Search, Timed
from .table import Tables

_SHARES = 40  # bisections of a share: more than any width can tell apart


@dataclass
class Prediction:
    """What the tables say of any widths, and the two ways of choosing them; `search` is the first one's.

    `notes` tell which layers have no table: their time counts as fixed.
    """

    bench: Bench
    search: Search
    tables: Tables
    widths: list[tuple[int, ...]]
    dense_us: float
    notes: tuple[str, ...]

    @property
    def layers_us(self) -> float:
        """The sum of the dense layers that have tables."""
        return self.search.dense().latency_us - self.search.rest_us

    @property
    def most(self) -> float:
        """The speedup that is predicted of everything at its narrowest."""
        return self._dense_us / self.search.fastest().latency_us

    @property
    def _dense_us(self) -> float:
        return self.search.dense().latency_us

    def require(self, wanted: float) -> None:
        """Raise InputError where no widths can be so fast, even if all but the narrowest layers took no time."""
        least = self.search.fastest().latency_us - self.search.rest_us
        bound = self._dense_us / least if least > 0 else math.inf
        if bound < wanted:
            raise InputError(
                f"A speedup of {wanted:g} cannot be reached on {self.bench.profile.name}",
                f"at their narrowest the layers that may be pruned alone leave {bound:.2f}x at most",
                f"ask for less than {self.most:.2f}x, which is what the tables predict of the narrowest widths; "
                "or let more be pruned (include, kinds of units)",
            )

    def latency_aware(self, target: float) -> Choice:
        """The least loss of importance at a predicted speedup; the fastest there is where that cannot be."""
        found = self.search.within(self._dense_us / target) or self.search.fastest()
        names = [dial.name for dial in self.search.dials]
        return Choice(dict(zip(names, found.widths, strict=True)), self._dense_us / found.latency_us, found.loss)

    def uniform(self, target: float) -> Choice:
        """The least share, the same of all groups, at a predicted speedup; the largest where none is enough."""
        low, high = 0.0, 1 - LEAST_SHARE
        for _ in range(_SHARES):
            middle = (low + high) / 2
            if self._speedup(self._uniform(middle)) >= target:
                high = middle
            else:
                low = middle
        widths = self._uniform(high)
        return Choice(widths, self._speedup(widths), sum(self.lost(widths).values()))

    def share_of(self, widths: Mapping[str, int]) -> float:
        """The largest share of units that goes of any group: what uniform widths stay within."""
        return max(1 - widths[group.name] / group.units for group in self.bench.prunable.groups)

    def lost(self, widths: Mapping[str, int]) -> dict[str, float]:
        """The importance that widths lose, by group."""
        return kept(self.bench.prunable.groups, widths, self.bench.recipe.importance)

    def _uniform(self, share: float) -> dict[str, int]:
        return uniform_widths(self.bench.prunable.groups, self.widths, share, self.bench.multiple)

    def _speedup(self, widths: Mapping[str, int]) -> float:
        return self._dense_us / self.search.time_at([widths[dial.name] for dial in self.search.dials])


def _layers(bench: Bench) -> tuple[list[tuple[FittedLayer, Timed]], list[tuple[int, ...]], Widths]:
    """The layers that some group sets, the widths of each group, and what is to be measured of each layer."""
    groups = bench.prunable.groups
    widths = choices(groups, bench.layers, bench.workshop.width_multiple)
    found = touched(groups, bench.layers)
    if not found:
        raise InvalidError(
            f"No layer of {bench.dense.variant} that may be pruned has a table of latency",
            next(
                (layer.missing for layer in bench.layers if layer.missing), "none of them was found in the ONNX file"
            ),
        )
    return found, widths, {layer.node: sides(timed, widths) for layer, timed in found}


def tell_cost(bench: Bench, journey: Journey) -> None:
    """Say what is about to be measured and how long it may take, and what is there from before."""
    found, _, wanted = _layers(bench)
    layers = [layer for layer, _ in found]
    pairs = wanted_points(layers, wanted)
    shelf = Shelf(bench.profile, bench.fingerprint)
    kept = {signature: shelf.read(signature) for signature in pairs}
    there = sum(table.point(*pair) is not None for s, table in kept.items() if table for pair in pairs[s])
    whole = sum(len(found) for found in pairs.values())
    seconds = expected_seconds(layers, wanted, bench.profile, bench.fingerprint)
    journey.note(
        f"to do on {bench.profile.name}: {whole - there} of {whole} points of {len(pairs)} latency tables, about "
        f"{_time(seconds)} ({there} are there from before)"
    )
    rounds = 2 * ROUNDS * (bench.make_seconds + bench.budget) + 2 * bench.budget
    journey.note(
        f"then up to {ROUNDS} rounds of pruning, export and {bench.budget:g} s of measuring for each of two ways, "
        f"and one comparison of both: at most about {_time(rounds)}"
    )


def predict(bench: Bench, journey: Journey) -> Prediction:
    """Measure the tables that are not there yet, and the dense model. Raises as `measure_tables` and `travel` do."""
    found, widths, wanted = _layers(bench)
    layers = [layer for layer, _ in found]
    tables = measure_tables(layers, wanted, bench.profile, bench.fingerprint, journey)

    def latency(table: int, inputs: int, outputs: int) -> float:
        signature = found[table][0].signature
        assert signature is not None  # noqa: S101 - `touched` takes no other
        try:
            return tables.latency_us(signature, inputs, outputs).point
        except InvalidError:  # what was not measured is never chosen
            return math.inf

    timed, notes = [], []
    for layer, one in found:
        if math.isfinite(latency(one.table, layer.inputs, layer.outputs)):
            timed.append(one)
        else:
            notes.append(f"the time of {layer.node} counts as fixed: its dense widths could not be measured")
    groups = bench.prunable.groups
    search = Search(dials(groups, widths, bench.recipe.importance), timed, latency)
    dense_us = bench.dense_latency_us()
    search.rest_us = max(0.0, dense_us - search.dense().latency_us)
    return Prediction(bench, search, tables, widths, dense_us, tuple(notes))


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
