"""One concrete shape for each input: what the user asked for, what the graph demands, what the names say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import InputError
from ..records.artifact import TensorSpec
from .axes import (
    BATCH,
    DEFAULTS,
    PAST,
    SEQUENCE,
    TOTAL,
    Guess,
    evaluate,
    guess,
    is_expression,
    is_past,
    names_in,
    open_axes,
    symbol_of,
)
from .consumers import Consumers
from .dtypes import numpy_dtype
from .plan import ChosenAxis
from .signature import shape_text
from .walk import shown
from .wishes import Shape, Wishes, check_wishes

MAX_BYTES = 4 * 2**30
"""More than this is not fed in one call."""
_BUSY_BATCH = 128


class Shaped(NamedTuple):
    """A concrete shape, and where its open axes got their sizes."""

    shape: Shape
    chosen: tuple[ChosenAxis, ...]


def choose_shapes(specs: Iterable[TensorSpec], wishes: Wishes, consumers: Consumers) -> dict[str, Shaped]:
    """A shape for each input. Raises InputError where a wish does not fit the file."""
    specs = tuple(specs)
    check_wishes(specs, wishes)
    found = _Sizes(specs, wishes, consumers).all()
    open_axes = any(shaped.chosen for shaped in found.values())
    nothing_asked = wishes.batch is None and not wishes.shapes and not wishes.axes
    if open_axes and nothing_asked and all(math.prod(shaped.shape) <= 1 for shaped in found.values()):
        why = "every other size is 1, and one number at a time measures nothing"
        found = _Sizes(specs, wishes._replace(batch=_BUSY_BATCH), consumers, why).all()
    if wishes.batch is not None:
        _check_batch(wishes, found)
    _check_size(specs, found)
    return found


class _Sizes:
    """Sizes by role and by symbol. One symbol gets one size, unless it stands twice in one input."""

    def __init__(
        self,
        specs: tuple[TensorSpec, ...],
        wishes: Wishes,
        consumers: Consumers,
        why_batch: str = "asked for",
    ) -> None:
        self._specs, self._wishes, self._consumers, self._why_batch = specs, wishes, consumers, why_batch
        self._roles = dict(DEFAULTS)
        self._asked_roles: set[str] = set()
        self._symbols: dict[str, ChosenAxis] = {}
        if wishes.batch is not None:
            self._ask(BATCH, wishes.batch)
        self._take_shapes()
        self._take_axes()
        self._id_symbols = {symbol_of(s, 1) for s in specs if s.dtype.startswith("int") and "mask" not in s.name} - {
            ""
        }
        self._has_past = self._fit_past()

    def all(self) -> dict[str, Shaped]:
        """The shape of every input."""
        return {spec.name: self._shaped(spec) for spec in self._specs}

    def _ask(self, role: str, size: int) -> None:
        self._roles[role] = size
        self._asked_roles.add(role)

    def _take_shapes(self) -> None:
        """A symbol that the wished shapes use for two sizes lies, and is not carried over to other inputs."""
        lying: set[str] = set()
        for spec in self._specs:
            for axis, size in enumerate(self._wishes.shapes.get(spec.name, ()) if spec.shape else ()):
                symbol = symbol_of(spec, axis)
                if not symbol:
                    continue
                if symbol in self._symbols and self._symbols[symbol].size != size:
                    lying.add(symbol)
                self._set(spec, axis, size, f"as asked for {shown(spec.name)}")
        for symbol in lying:
            del self._symbols[symbol]

    def _take_axes(self) -> None:
        for spec in self._specs:
            for axis in range(len(spec.shape or ())):
                symbol = symbol_of(spec, axis)
                if symbol in self._wishes.axes:
                    self._set(spec, axis, self._wishes.axes[symbol], "asked for")
        for name, size in self._wishes.axes.items():
            if name in self._roles:
                self._ask(name, size)

    def _set(self, spec: TensorSpec, axis: int, size: int, why: str) -> None:
        role = guess(spec, axis).role
        chosen = ChosenAxis(axis=axis, label=_label(spec, axis, role), size=size, why=why)
        self._symbols[symbol_of(spec, axis)] = chosen
        if role in (PAST, SEQUENCE) and not _of_encoder(symbol_of(spec, axis)):
            self._roles[role] = size

    def _fit_past(self) -> bool:
        """Fits past, step and mask of a decoder to each other. True where a model has a past."""
        open_past = [
            spec
            for spec in self._specs
            for axis in open_axes(spec)
            if guess(spec, axis).role == PAST and not is_expression(symbol_of(spec, axis))
        ]
        fixed_past = [s.shape[2] for s in self._specs if is_past(s) and s.shape and len(s.shape) == 4]
        for symbol in {symbol_of(s, axis) for s in self._specs for axis in open_axes(s)}:
            step = evaluate(symbol, dict.fromkeys(names_in(symbol), 0))
            if step and "past" in symbol and SEQUENCE not in self._asked_roles:
                self._roles[SEQUENCE] = step  # The mask is 'past + 1': one token at a time.
        if not open_past:
            self._roles[PAST] = next((size for size in fixed_past if isinstance(size, int)), 0)
        elif any(_is_mask(s) and symbol_of(s, 1) in self._id_symbols for s in self._specs):
            self._roles[PAST] = 0  # Mask and ids have one length: there is no room for a past.
        self._roles[TOTAL] = self._roles[PAST] + self._roles[SEQUENCE]
        return bool(open_past or fixed_past)

    def _shaped(self, spec: TensorSpec) -> Shaped:
        wished = self._wishes.shapes.get(spec.name)
        if wished is not None:
            sizes = (f"axis {axis}" if spec.shape is None else symbol_of(spec, axis) for axis in range(len(wished)))
            named = zip(sizes, wished, strict=True)
            chosen = [
                ChosenAxis(axis=axis, label=name or f"axis {axis}", size=size, why="asked for")
                for axis, (name, size) in enumerate(named)
                if spec.shape is None or not isinstance(spec.shape[axis], int)
            ]
            return Shaped(wished, tuple(chosen))
        if spec.shape is None:
            found, remedy = (
                "the file does not say its rank",
                f"give --shape {spec.name}=1x3x224x224 or the like",
            )
            raise InputError(f"cannot choose a shape for input {shown(spec.name)}", found, remedy)
        demanded = self._consumers.demanded(spec.name)
        axes = {axis: self._axis(spec, axis, demanded) for axis in open_axes(spec)}
        shape = tuple(axes[axis].size if axis in axes else int(str(dim)) for axis, dim in enumerate(spec.shape))
        return Shaped(shape, tuple(axes.values()))

    def _axis(self, spec: TensorSpec, axis: int, demanded: Mapping[int, int]) -> ChosenAxis:
        symbol, rank = symbol_of(spec, axis), len(spec.shape or ())
        once = bool(symbol) and sum(symbol_of(spec, each) == symbol for each in range(rank)) == 1
        known = self._symbols.get(symbol)
        size = demanded.get(axis, demanded.get(axis - rank))
        if size and not (known and known.why.startswith("as")):
            return ChosenAxis(axis=axis, label=symbol or f"axis {axis}", size=size, why="a weight takes this size")
        if known and once:
            return known.model_copy(update={"axis": axis})
        chosen = self._guessed(spec, axis)
        if once:
            self._symbols.setdefault(symbol, chosen)
        return chosen

    def _guessed(self, spec: TensorSpec, axis: int) -> ChosenAxis:
        symbol = symbol_of(spec, axis)
        if is_expression(symbol):
            sizes = {name: self._named(name) for name in names_in(symbol)}
            size = evaluate(symbol, sizes)
            if size is not None:
                return ChosenAxis(axis=axis, label=symbol, size=max(size, 0), why=f"computed from {sizes}")
        found = guess(spec, axis)
        if self._has_past and _is_mask(spec) and axis == 1 and symbol not in self._id_symbols:
            found = Guess(TOTAL, "a mask covers the past and the new tokens")
        of_encoder = found.role == SEQUENCE and _of_encoder(symbol or spec.name)
        size = DEFAULTS[SEQUENCE] if of_encoder and SEQUENCE not in self._asked_roles else self._roles[found.role]
        why = self._why_batch if found.role in self._asked_roles else found.why
        return ChosenAxis(axis=axis, label=_label(spec, axis, found.role), size=size, why=why)

    def _named(self, name: str) -> int:
        if name in self._symbols:
            return self._symbols[name].size
        spec = TensorSpec(name="", dtype="int64", shape=(name, name))
        return self._roles[guess(spec, 1).role]


def _label(spec: TensorSpec, axis: int, role: str) -> str:
    return role if role != "size" else symbol_of(spec, axis) or f"axis {axis}"


def _is_mask(spec: TensorSpec) -> bool:
    """A mask over tokens, not the one of an encoder beside the decoder."""
    return "mask" in spec.name.lower() and len(spec.shape or ()) == 2 and not _of_encoder(spec.name)


def _of_encoder(name: str) -> bool:
    return "encoder" in name.lower().replace("decoder", "")


def _check_batch(wishes: Wishes, found: Mapping[str, Shaped]) -> None:
    """A batch that no input can take must not pass for one that was measured."""
    free = any(axis.label == BATCH for shaped in found.values() for axis in shaped.chosen)
    fixed = any(shaped.shape[:1] == (wishes.batch,) for shaped in found.values())
    if not free and not fixed:
        shapes = ", ".join(f"{shown(name)} is {shape_text(shaped.shape)}" for name, shaped in list(found.items())[:3])
        found_text = f"no input has an open batch axis: {shapes}"
        raise InputError(f"cannot set batch {wishes.batch}", found_text, "export it with a dynamic batch axis")


def _check_size(specs: tuple[TensorSpec, ...], found: Mapping[str, Shaped]) -> None:
    for spec in specs:
        size = math.prod(found[spec.name].shape) * numpy_dtype(spec.dtype).itemsize
        if size > MAX_BYTES:
            text = f"{shape_text(found[spec.name].shape)} of {spec.dtype} is {size / 2**30:.1f} GiB"
            raise InputError(f"cannot feed input {shown(spec.name)}", text, f"give a smaller --shape {spec.name}=...")
