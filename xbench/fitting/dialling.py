"""Sets a search up: what each group may be, what each width loses, and which layers' times hang on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .layers import FittedLayer, widths_from
from .searching import Dial, Timed

if TYPE_CHECKING:
    from ..pruning.groups import PrunableGroup

ONE_SIDED, TWO_SIDED, TWO_SIDED_OF_FEW = 12, 6, 9
"""Widths of a group that are tried, where no layer is cut on both sides, and where one is: then a table has the
square of it. Few groups need finer steps to come near a speedup, and have few tables."""
_FEW = 4
_ENOUGH_STEPS = 8


def loss_unit(importance: str) -> str:
    """What losses are, in words."""
    if importance == "taylor":
        return "estimated change of the loss, or squared relative change of the outputs, summed over what goes"
    return "-ln of the kept share of each group's own importance, summed over groups"


def losses(scores: Sequence[float], widths: Sequence[int], importance: str) -> tuple[float, ...]:
    """What keeping so many of a group's units loses; `scores` rise, and the lowest go first.

    Losses of different groups are added up, so they must have one unit. Taylor's scores have: each is an estimate
    of the same quantity, a change of the loss or of the outputs (arXiv 1906.10771 ranks over all layers by them).
    Sums of |w| or w^2 have not: they grow with the fan-in and the scale of a layer. There the loss is -ln(kept share
    of the group's own sum). For l2 this is what LAMP's greedy order goes down by (Lee et al., arXiv 2010.07611: w^2
    over the sum of all w^2 that are still there, whose integral it is): every group's first per cent costs the same,
    and its last unit costs without bound.
    """
    total = math.fsum(scores)
    gone = [math.fsum(scores[: len(scores) - width]) for width in widths]
    if importance == "taylor":
        return tuple(gone)
    if total <= 0:
        return tuple(0.0 for _ in widths)
    return tuple(-math.log(max(total - lost, 1e-300) / total) if lost else 0.0 for lost in gone)


def choices(groups: Sequence[PrunableGroup], layers: Sequence[FittedLayer], multiple: int) -> list[tuple[int, ...]]:
    """The widths of each group that are measured and chosen from, in units, rising, the dense one last.

    They are multiples of what the target's kernels like (`multiple` channels; 8 where it says nothing), or of less
    where a group is too narrow for eight steps of that.
    """
    modules = {layer.module for layer in layers if layer.module}
    both = {name for name in modules if any(name in g.makes for g in groups) and any(name in g.reads for g in groups)}
    found = []
    for group in groups:
        step = max(multiple, 8 if multiple == 1 else 1)
        units = step // math.gcd(step, group.unit_width)
        while units > 1 and group.units < _ENOUGH_STEPS * units:
            units //= 2
        square = not both.isdisjoint({*group.makes, *group.reads})
        most = (TWO_SIDED_OF_FEW if len(groups) <= _FEW else TWO_SIDED) if square else ONE_SIDED
        found.append(widths_from(group.units, units, most))
    return found


def dials(groups: Sequence[PrunableGroup], widths: Sequence[tuple[int, ...]], importance: str) -> list[Dial]:
    """One for each group."""
    return [
        Dial(group.name, chosen, losses(group.scores, chosen, importance))
        for group, chosen in zip(groups, widths, strict=True)
    ]


def touched(groups: Sequence[PrunableGroup], layers: Sequence[FittedLayer]) -> list[tuple[FittedLayer, Timed]]:
    """The layers whose width some group sets, each with how; `Timed.table` is its position among these."""
    found: list[tuple[FittedLayer, Timed]] = []
    for layer in layers:
        reads = tuple(
            (at, group.reads[layer.module]) for at, group in enumerate(groups) if layer.module in group.reads
        )
        makes = tuple(
            (at, group.makes[layer.module]) for at, group in enumerate(groups) if layer.module in group.makes
        )
        if layer.module and layer.signature is not None and (reads or makes):
            found.append((layer, Timed(len(found), layer.inputs, layer.outputs, reads, makes)))
    return found


def sides(timed: Timed, widths: Sequence[tuple[int, ...]]) -> tuple[list[int], list[int]]:
    """The inputs and the outputs at which a layer is to be measured: all that single groups can make of them.

    A side that several groups set (a concatenation) is measured with all of them narrowed alike.
    """
    inputs, outputs = _side(timed.inputs, timed.reads, widths), _side(timed.outputs, timed.makes, widths)
    return list(inputs), list(outputs)


def _side(dense: int, parts: Sequence[tuple[int, int]], widths: Sequence[tuple[int, ...]]) -> Iterator[int]:
    if not parts:
        yield dense
        return
    steps = max(len(widths[at]) for at, _ in parts)
    seen: set[int] = set()
    for step in range(steps):
        gone = 0
        for at, each in parts:
            mine = widths[at]
            place = round(step * (len(mine) - 1) / max(steps - 1, 1))
            gone += each * (mine[-1] - mine[place])
        if dense - gone not in seen:
            seen.add(dense - gone)
            yield dense - gone


def uniform_widths(
    groups: Sequence[PrunableGroup], widths: Sequence[tuple[int, ...]], share: float, multiple: int
) -> dict[str, int]:
    """What is left when the same share of all groups goes: never more than the share, as a recipe's.

    What is left is a multiple of `multiple` channels, and no less than the narrowest of a group's `widths`: below
    these no table knows anything.
    """
    found = {}
    for group, chosen in zip(groups, widths, strict=True):
        step = multiple // math.gcd(multiple, group.unit_width)
        left = group.units - int(group.units * share + 1e-9)
        found[group.name] = min(max(-(-left // step) * step, chosen[0]), group.units)
    return found


def kept(groups: Sequence[PrunableGroup], widths: Mapping[str, int], importance: str) -> dict[str, float]:
    """The importance that these widths lose, by group."""
    return {
        group.name: losses(group.scores, (widths.get(group.name, group.units),), importance)[0] for group in groups
    }
