"""Tables of measured latency: what a layer takes at given widths, and where widths make no difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import InvalidError
from ..records.estimate import Estimate
from ..records.latency import LatencyPoint, LatencyTable, LayerSignature, width_key
from .flatness import stretches_of

_Corners = tuple[LatencyPoint, LatencyPoint, LatencyPoint, LatencyPoint]


@dataclass(frozen=True)
class Grid:
    """The points of one table, to be looked up by widths. Between them it is linear; outside it knows nothing."""

    table: LatencyTable

    @cached_property
    def points(self) -> Mapping[tuple[int, int], LatencyPoint]:
        """By (inputs, outputs)."""
        return {(one.inputs, one.outputs): one for one in self.table.points}

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Measured input widths, rising."""
        return tuple(sorted({one.inputs for one in self.table.points}))

    @cached_property
    def outputs(self) -> tuple[int, ...]:
        """Measured output widths, rising."""
        return tuple(sorted({one.outputs for one in self.table.points}))

    def latency_us(self, inputs: int, outputs: int) -> Estimate:
        """See `Tables.latency_us`."""
        exact = self.points.get((inputs, outputs))
        if exact is not None:
            return self._estimate([(exact, 1.0)], "median over processes")
        weights = self._weights(inputs, outputs)
        if weights is None:
            why = self.table.missing.get(width_key(inputs, outputs))
            raise InvalidError(
                f"The time of {self.table.signature.words()} at {inputs} x {outputs} (inputs x outputs) is not known",
                why or f"measured are inputs {_span(self.inputs)} and outputs {_span(self.outputs)}",
                "measure it: outside of what was measured nothing is guessed",
            )
        return self._estimate(weights, "linear between measured widths")

    def _weights(self, inputs: int, outputs: int) -> list[tuple[LatencyPoint, float]] | None:
        """The measured points around, with their weights; None where the widths are not within measured ones."""
        if self.table.signature.depthwise:
            diagonal = _around(self.inputs, inputs) if inputs == outputs else None
            if diagonal is None:
                return None
            low, high, share = diagonal
            return [(self.points[low, low], 1 - share), (self.points[high, high], share)]
        corners = self._tightest(inputs, outputs)
        if corners is None:
            return None
        a, b, c, d = corners
        x = _share(a.inputs, c.inputs, inputs)
        y = _share(a.outputs, b.outputs, outputs)
        return [(a, (1 - x) * (1 - y)), (b, (1 - x) * y), (c, x * (1 - y)), (d, x * y)]

    def _tightest(self, inputs: int, outputs: int) -> _Corners | None:
        """The smallest rectangle of measured points around: layers of several widths share a table, with gaps."""
        best: _Corners | None = None
        area = 0
        for low, high in _brackets(self.inputs, inputs):
            for left, right in _brackets(self.outputs, outputs):
                size = (high - low + 1) * (right - left + 1)
                if best is not None and size >= area:
                    continue
                at = [(low, left), (low, right), (high, left), (high, right)]
                if all(one in self.points for one in at):
                    a, b, c, d = (self.points[one] for one in at)
                    best, area = (a, b, c, d), size
        return best

    def _estimate(self, weights: Iterable[tuple[LatencyPoint, float]], method: str) -> Estimate:
        """The ends of the interval are mixed as the points are: errors may all have one sign."""
        known = list(weights)
        return Estimate(
            point=sum(share * one.latency_us for one, share in known),
            low=sum(share * one.latency_low_us for one, share in known),
            high=sum(share * one.latency_high_us for one, share in known),
            confidence=self.table.confidence,
            method=method,
        )


@dataclass(frozen=True)
class Tables:
    """The tables of all signatures of a model on one target. `failures`: why one has none, by signature."""

    tables: Mapping[LayerSignature, LatencyTable]
    failures: Mapping[LayerSignature, str] = field(default_factory=dict)

    @cached_property
    def _grids(self) -> dict[LayerSignature, Grid]:
        return {signature: Grid(table) for signature, table in self.tables.items()}

    def latency_us(self, signature: LayerSignature, inputs: int, outputs: int) -> Estimate:
        """What such a layer adds to a model, microseconds, with its interval; between measured widths it is linear.

        Raises InvalidError outside of what was measured, and where it could not be measured: nothing is guessed.
        """
        grid = self._grids.get(signature)
        if grid is None:
            why = self.failures.get(signature, "no table of it was asked for")
            raise InvalidError(f"The time of {signature.words()} is not known", why)
        return grid.latency_us(inputs, outputs)

    def flat_stretches(self) -> tuple[str, ...]:
        """Where widths make no difference, in words: a line for each stretch, and for what is too noisy to tell."""
        return tuple(line for table in self.tables.values() for line in stretches_of(table))

    @property
    def simulated(self) -> bool:
        """Whether any of it comes from a runner that computes nothing."""
        return any(table.simulated for table in self.tables.values())


def _around(widths: tuple[int, ...], wanted: int) -> tuple[int, int, float] | None:
    """The nearest measured widths on both sides, and how far along the wanted one lies."""
    found = min(_brackets(widths, wanted), key=lambda ends: ends[1] - ends[0], default=None)
    return None if found is None else (*found, _share(*found, wanted))


def _brackets(widths: tuple[int, ...], wanted: int) -> Iterator[tuple[int, int]]:
    """All pairs of measured widths around the wanted one, the nearest first; one width alone where it is that."""
    below = [width for width in reversed(widths) if width <= wanted]
    above = [width for width in widths if width >= wanted]
    if wanted in widths:
        yield wanted, wanted
    yield from ((low, high) for low in below for high in above if low < high)


def _share(low: int, high: int, wanted: int) -> float:
    return (wanted - low) / (high - low) if high > low else 0.0


def _span(widths: tuple[int, ...]) -> str:
    return f"{widths[0]} to {widths[-1]}" if widths else "none"
