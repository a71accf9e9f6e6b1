"""What the user asked of the shapes, checked against the file before anything is chosen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..records.artifact import TensorSpec
from .axes import PAST, guess, is_expression, is_past, names_in, open_axes, symbol_of
from .signature import shape_text
from .walk import shown

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Wanted:
    """What the user asked to be fed: sizes by input, or arrays in files."""

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    inputs: Sequence[Path] = ()


class Wishes(NamedTuple):
    """What the user asked for: shapes by input, one batch size, sizes by axis name."""

    shapes: Mapping[str, Shape]
    batch: int | None
    axes: Mapping[str, int]


def check_wishes(specs: tuple[TensorSpec, ...], wishes: Wishes) -> None:
    """Raises InputError for names that are not there and for sizes that do not fit."""
    by_name = {spec.name: spec for spec in specs}
    for name, shape in wishes.shapes.items():
        if name not in by_name:
            raise InputError(
                f"--shape {name}: no such input", f"the model has {_listed(by_name)}", _near(name, by_name)
            )
        _check_shape(by_name[name], shape)
    symbols = {symbol_of(spec, axis) for spec in specs for axis in open_axes(spec)} - {""}
    symbols |= {name for symbol in symbols if is_expression(symbol) for name in names_in(symbol)}
    roles = {guess(spec, axis).role for spec in specs for axis in open_axes(spec)}
    for name, size in wishes.axes.items():
        if name not in symbols | roles:
            found = f"the open axes are {_listed(symbols or roles)}"
            raise InputError(f"axis {shown(name)}: no such axis", found, _near(name, symbols | roles))
        if size < 1 and guess(TensorSpec(name="", dtype="int64", shape=(name,)), 0).role != PAST:
            raise InputError(f"axis {shown(name)}: cannot have size {size}", "", "give a size of 1 or more")
    if wishes.batch is not None and wishes.batch < 1:
        raise InputError(f"batch {wishes.batch}: not a batch size", "", "give 1 or more")


def _check_shape(spec: TensorSpec, shape: Shape) -> None:
    asked = f"--shape {spec.name}={shape_text(shape)}"
    if any(size < 0 for size in shape):
        raise InputError(asked, "a size is below 0", "give sizes of 1 or more")
    if spec.shape is None:
        return
    remedy = f"give --shape {spec.name}={shape_text(spec.shape)}, with a number for each name or ?"
    if len(shape) != len(spec.shape):
        raise InputError(asked, f"the input has rank {len(spec.shape)}, not {len(shape)}", remedy)
    for axis, (dim, size) in enumerate(zip(spec.shape, shape, strict=True)):
        if isinstance(dim, int) and dim != size:
            raise InputError(asked, f"axis {axis} is fixed at {dim}", remedy)
        if size == 0 and dim != 0 and not is_past(spec) and guess(spec, axis).role != PAST:
            raise InputError(asked, f"axis {axis} is 0: nothing would be computed", "give sizes of 1 or more")


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    return ", ".join(map(shown, every[:8])) + (f" and {len(every) - 8} more" if len(every) > 8 else "") or "none"


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.4)
    return f"did you mean {shown(near[0])}?" if near else "use one of these names"
