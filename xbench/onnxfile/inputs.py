"""Makes inputs for any model: shapes that are worth measuring, and values that the graph can take."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx

from ..errors import InputError
from ..records.artifact import TensorSpec
from .axes import SEQUENCE, is_past
from .consumers import Consumers
from .dtypes import is_float, numpy_dtype
from .npz import load_inputs
from .plan import Fill, InputPlan, PlannedInput
from .shaping import Shaped, choose_shapes
from .signature import shape_text, signature
from .walk import shown
from .wishes import Shape, Wishes

__all__ = ["load_inputs", "make_inputs", "plan_inputs"]

_FED = re.compile(r"^(bool|u?int(8|16|32|64)|b?float(16|32|64)|float8_\w+|complex(64|128))$")
"""Types that can be made here. 2-bit and 4-bit inputs have no agreed form in NumPy."""
_USUAL_SAMPLE_RATE = 16000


def plan_inputs(
    model: onnx.ModelProto, shapes: Mapping[str, Shape], batch: int | None, axes: Mapping[str, int]
) -> InputPlan:
    """Chooses a shape and a kind of values for every input of the model.

    `shapes` (by input) win over `axes` (by axis name, or by what it is taken for, as `sequence`), these over
    `batch`. Raises InputError where a wish does not fit, and for inputs that cannot be made up.
    """
    specs = signature(model).inputs
    if not specs:
        found = "it has no inputs: there is nothing to feed; it computes the same each time"
        raise InputError("cannot make inputs for this model", found, "export it with an input")
    for spec in specs:
        _check_type(spec)
        _check_not_empty(spec)
    consumers = Consumers(model)
    shaped = choose_shapes(specs, Wishes(shapes, batch, axes), consumers)
    length = _usual_length(shaped)
    return InputPlan(inputs=tuple(_planned(spec, shaped[spec.name], consumers, length) for spec in specs))


def make_inputs(plan: InputPlan, seed: int) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of a plan. They depend on the seed and on each input's name, not on the order of inputs:
    two models that list the same inputs differently are fed the same values.
    """
    return {planned.name: _array(planned, seed) for planned in plan.inputs}


def _check_type(spec: TensorSpec) -> None:
    if _FED.match(spec.dtype):
        return
    needs = "text" if spec.dtype == "string" else f"values of type {spec.dtype}"
    remedy = "give them with --inputs file.npz" if spec.dtype == "string" else "export it with plain tensor inputs"
    raise InputError(f"cannot make up input {shown(spec.name)}", f"it needs {needs}", remedy)


def _check_not_empty(spec: TensorSpec) -> None:
    """An empty cache, or an empty list in place of an option, is in order; an empty image is not."""
    shape = spec.shape or ()
    if 0 in shape and len(shape) > 1 and not is_past(spec):
        found = f"the file fixes its shape at {shape_text(shape)}: it can only be empty"
        raise InputError(f"cannot make up input {shown(spec.name)}", found, "export it with an open axis")


class _Values(NamedTuple):
    fill: Fill
    low: int
    high: int
    drawn: str


def _planned(spec: TensorSpec, shaped: Shaped, consumers: Consumers, length: int) -> PlannedInput:
    rank = len(shaped.shape)
    if spec.dtype != "bool" and (use := consumers.size_use(spec.name, rank)):
        raise InputError(
            f"cannot make up input {shown(spec.name)} ({spec.dtype}, rank {rank})",
            f"{use}: only you know a value that makes sense",
            "give the inputs with --inputs file.npz",
        )
    values = _values(spec, shaped, consumers, length)
    return PlannedInput(
        name=spec.name, dtype=spec.dtype, shape=shaped.shape, chosen=shaped.chosen, **values._asdict()
    )


def _values(spec: TensorSpec, shaped: Shaped, consumers: Consumers, length: int) -> _Values:
    name = spec.name.lower()
    if spec.dtype == "bool":
        return _Values("ones", 0, 0, "true")
    if "mask" in name:
        return _Values("ones", 0, 0, "ones (mask)")
    if is_float(spec.dtype) or spec.dtype.startswith("complex"):
        return _Values("normal", 0, 0, "standard normal")
    if "token_type" in name or "segment" in name:
        return _Values("zeros", 0, 0, "zeros (segment ids)")
    return _integers(spec, shaped, consumers.index_limit(spec.name), length)


def _integers(spec: TensorSpec, shaped: Shaped, limit: int | None, length: int) -> _Values:
    name, largest = spec.name.lower(), int(np.iinfo(spec.dtype).max)
    limit = None if limit is None else min(limit, largest)
    if "position" in name:
        return _Values("positions", 0, limit or 0, "positions")
    if limit:
        return _Values("ids", 0, limit, f"token ids below {limit}")
    if re.search(r"len(gth)?s?$", name) and len(shaped.shape) <= 1:
        return _Values("constant", min(length, largest), 0, f"{min(length, largest)} (length)")
    if re.search(r"^sr$|sampl(e|ing)_?rate", name) and largest >= _USUAL_SAMPLE_RATE:
        return _Values("constant", _USUAL_SAMPLE_RATE, 0, f"{_USUAL_SAMPLE_RATE} (sample rate)")
    if spec.dtype == "uint8" and len(shaped.shape) >= 3:
        return _Values("integers", 0, 256, "integers below 256 (pixels)")
    if spec.dtype == "int8" and len(shaped.shape) >= 3:
        return _Values("integers", -128, 128, "integers from -128 to 127")
    return _Values("integers", 0, 2, "integers 0 and 1")


def _usual_length(shaped: Mapping[str, Shaped]) -> int:
    """What an input called `lengths` should say: how long the sequences are."""
    several = [each for each in shaped.values() if len(each.shape) > 1]
    lengths = [axis.size for each in several for axis in each.chosen if axis.label in (SEQUENCE, "samples")]
    return max(lengths, default=max((each.shape[1] for each in several), default=1))


def _array(planned: PlannedInput, seed: int) -> npt.NDArray[np.generic]:
    random = np.random.default_rng([seed, zlib.crc32(planned.name.encode())])
    made = _MAKERS[planned.fill](planned, random)
    return np.asarray(made).astype(numpy_dtype(planned.dtype)).reshape(planned.shape)


def _normal(planned: PlannedInput, random: np.random.Generator) -> npt.NDArray[np.generic]:
    drawn = random.standard_normal(planned.shape, np.float32)
    if planned.dtype.startswith("complex"):
        return drawn + 1j * random.standard_normal(planned.shape, np.float32)
    if planned.dtype.startswith("float8"):
        # The narrowest of them have no infinity to overflow to, and one of them no sign.
        limits = ml_dtypes.finfo(numpy_dtype(planned.dtype))  # type: ignore[no-untyped-call]
        return np.clip(np.abs(drawn) if limits.min > 0 else drawn, float(limits.min), float(limits.max))
    return drawn


def _drawn_integers(planned: PlannedInput, random: np.random.Generator) -> npt.NDArray[np.generic]:
    return random.integers(planned.low, planned.high, planned.shape)


def _positions(planned: PlannedInput, random: np.random.Generator) -> npt.NDArray[np.generic]:
    last = planned.shape[-1] if planned.shape else 1
    counted = np.arange(planned.low, planned.low + last)
    counted = counted % planned.high if planned.high else counted
    return np.broadcast_to(counted, planned.shape or (1,))


_MAKERS: dict[Fill, Callable[[PlannedInput, np.random.Generator], npt.NDArray[np.generic]]] = {
    "ids": _drawn_integers,
    "integers": _drawn_integers,
    "ones": lambda planned, _: np.ones(planned.shape),
    "zeros": lambda planned, _: np.zeros(planned.shape),
    "positions": _positions,
    "constant": lambda planned, _: np.full(planned.shape, planned.low),
    "normal": _normal,
}
