"""Sensible sizes for axes that a file leaves open, from their names and from the input's type and rank.

With every dynamic axis at 1 a model runs and measures nothing.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import NamedTuple

from ..records.artifact import TensorSpec
from .dtypes import is_float

BATCH, PAST, SEQUENCE, TOTAL = "batch", "past", "sequence", "total"
DEFAULTS = {
    BATCH: 1,
    PAST: 16,
    SEQUENCE: 128,
    "height": 224,
    "width": 224,
    "channels": 3,
    "frames": 16,
    "samples": 16000,
    "mel frames": 3000,
    "mel bins": 80,
    "size": 16,
}
"""What an axis is taken for, and its size: a sentence, a photograph, a second of sound at 16 kHz."""

# First match wins; each is tried on the axis' name in small letters.
_BY_NAME = (
    (PAST, re.compile(r"past|cache|kv_")),
    (TOTAL, re.compile(r"total")),
    (BATCH, re.compile(r"batch|^bs$|^bsz$")),
    ("height", re.compile(r"height|^h$")),
    ("width", re.compile(r"width|^w$")),
    ("channels", re.compile(r"channel|^c$")),
    ("mel bins", re.compile(r"^feature_size$|mel_?bins|n_mels")),
    (SEQUENCE, re.compile(r"seq|length|^len$|_len$|token|time|frame|^t$|^l$")),
)
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


class Guess(NamedTuple):
    """What an axis is taken for, and why."""

    role: str
    why: str


def guess(spec: TensorSpec, axis: int) -> Guess:
    """What a dynamic axis of this input is."""
    dim = (spec.shape or ())[axis]
    if special := _by_input(spec, axis):
        return Guess(special, f"from the input's name {spec.name!r}")
    if isinstance(dim, str):
        if axis == 0 and dim.lower() in ("n", "b"):
            return Guess(BATCH, f"named {dim!r}")
        for role, pattern in _BY_NAME:
            if pattern.search(dim.lower()):
                return Guess(role, f"named {dim!r}")
    return Guess(_by_position(spec, axis), f"axis {axis} of a rank-{len(spec.shape or ())} {spec.dtype} input")


def is_past(spec: TensorSpec) -> bool:
    """Is this the cache of a decoder: keys or values of the tokens before?"""
    return bool(re.search(r"past|cache_(?!pos)|_cache", spec.name.lower())) and is_float(spec.dtype)


def _by_input(spec: TensorSpec, axis: int) -> str | None:
    """Inputs whose names say more than the names of their axes."""
    name, shape = spec.name.lower(), spec.shape or ()
    if name == "input_features" and len(shape) == 3 and axis > 0:
        return "mel bins" if axis == 1 else "mel frames"
    audio = re.search(r"input_values|wave|audio", name) and is_float(spec.dtype) and len(shape) in (2, 3)
    if audio and axis == len(shape) - 1:
        return "samples"
    return BATCH if "timestep" in name and axis == 0 else None


def _by_position(spec: TensorSpec, axis: int) -> str:
    shape = spec.shape or ()
    rank, dynamic = len(shape), [not isinstance(dim, int) for dim in shape]
    pixels = is_float(spec.dtype) or spec.dtype == "uint8"
    if is_past(spec) and rank == 4:
        return BATCH if axis == 0 else PAST if axis == 2 else "size"
    if rank == 4 and pixels:
        last_is_colour = shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4)
        order = ("height", "width", "channels") if last_is_colour else ("channels", "height", "width")
        return (BATCH, *order)[axis]
    if rank == 5 and pixels:
        return (BATCH, "channels", "frames", "height", "width")[axis]
    if rank == 3 and pixels and shape[0] in (1, 3, 4) and all(dynamic[1:]):
        return ("channels", "height", "width")[axis]
    if rank == 3 and spec.dtype == "uint8" and shape[2] in (1, 3, 4) and all(dynamic[:2]):
        return ("height", "width", "channels")[axis]
    if rank == 1 or (rank <= 3 and axis > 0):
        return SEQUENCE
    return BATCH if axis == 0 else "size"


def is_expression(symbol: str) -> bool:
    """Is it `past_sequence_length + 1`, and not only a name?"""
    return any(sign in symbol for sign in "+-*") and evaluate(symbol, dict.fromkeys(names_in(symbol), 1)) is not None


def names_in(symbol: str) -> list[str]:
    """The names in an expression."""
    return re.findall(r"[A-Za-z_][A-Za-z0-9_.]*", symbol)


def evaluate(symbol: str, sizes: dict[str, int]) -> int | None:
    """The value of a sum, difference or product of named sizes; None where it is anything else."""
    if len(symbol) > 200:
        return None
    try:
        return _value(ast.parse(symbol.strip(), mode="eval").body, sizes)
    except (SyntaxError, ValueError):  # ast.parse raises either; the name is then only a name
        return None


def _value(node: ast.expr, sizes: dict[str, int]) -> int | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return sizes.get(node.id)
    if isinstance(node, ast.BinOp) and (combine := _OPERATORS.get(type(node.op))):
        left, right = _value(node.left, sizes), _value(node.right, sizes)
        return None if left is None or right is None else combine(left, right)
    return None


def symbol_of(spec: TensorSpec, axis: int) -> str:
    """The name of an open axis; empty where it has none or is fixed."""
    dim = spec.shape[axis] if spec.shape and axis < len(spec.shape) else None
    return dim if isinstance(dim, str) else ""


def open_axes(spec: TensorSpec) -> list[int]:
    return [axis for axis, dim in enumerate(spec.shape or ()) if not isinstance(dim, int)]
