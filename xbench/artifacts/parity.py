"""How far outputs are from a reference, and how far they may be (rule 12 of the design)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import Outputs, all_finite
from ..records.artifact import OutputParity, Parity

# Relative to the largest value of the output. float32 has 24 bits (6e-8); a network of some hundred layers
# in another order of summation stays below a thousand times that. The others scale with their own epsilon.
TOLERANCE = {"fp32": 1e-4, "tf32": 1e-2, "fp16": 2e-2, "bf16": 1e-1, "int8": 2e-1}

# A file that gives such outputs cannot be closer than their own epsilon, whatever the device computes in.
_NARROW = {"float16": "fp16", "bfloat16": "bf16"}


def _numbers(array: NDArray[Any]) -> NDArray[np.float64]:
    """The values in one row; a complex number as its two parts."""
    if array.dtype.kind == "c":
        return np.stack((array.real, array.imag)).astype(np.float64).ravel()
    return array.astype(np.float64).ravel()


def _exact(array: NDArray[Any]) -> bool:
    """Whether an output counts or decides, and so has no tolerance. 8-bit integers are numbers, quantised."""
    return array.dtype.kind in "biu" and array.dtype.name not in ("int8", "uint8")


def comparable(array: NDArray[Any]) -> bool:
    """Whether an output is made of numbers; text is not."""
    return array.dtype.kind not in "OUS"


def require_finite(outputs: Outputs, whose: str) -> None:
    """Raise InvalidError where an output holds NaN or infinity: nothing that follows could be right."""
    for name, array in outputs.items():
        if comparable(array) and not all_finite(array):
            raise InvalidError(f"The output {name!r} of {whose} holds NaN or infinity")


def output_parity(name: str, reference: NDArray[Any], found: NDArray[Any]) -> OutputParity:
    """The distance of one output from its reference, both of the same shape. Raises InvalidError.

    Truth values and integers of more than 8 bits must be equal, whatever the precision: they are indices and counts,
    and no nearer for being close.
    """
    if reference.shape != found.shape:
        raise InvalidError(f"The output {name!r} has shape {found.shape}, and the reference {reference.shape}")
    if _exact(reference) and not np.array_equal(reference, found):
        raise InvalidError(
            f"The output {name!r} ({reference.dtype}) is not that of its reference",
            f"{np.count_nonzero(reference != found)} of {reference.size} values differ, and such must be equal",
        )
    ours, theirs = _numbers(found), _numbers(reference)
    largest = float(np.abs(theirs).max(initial=0.0))
    difference = float(np.abs(ours - theirs).max(initial=0.0))
    norms = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return OutputParity(
        output=name,
        max_abs=difference,
        max_rel=difference / largest if largest else difference,
        cosine=float(ours @ theirs) / norms if norms else float(difference == 0),
    )


def parity(references: Sequence[Outputs], found: Sequence[Outputs], precision: str, whose: str) -> Parity:
    """All outputs over several sets of inputs: the worst of each.

    Raises InvalidError for NaN or infinity on either side, other names or shapes, and values that must be equal and
    are not. A length that grows from set to set, as that of a decoder's `present`, is in order.
    """
    worst: dict[str, OutputParity] = {}
    for reference, outputs in zip(references, found, strict=True):
        require_finite(outputs, whose)
        require_finite(reference, f"the reference of {whose}")
        if more := outputs.keys() - reference.keys():
            raise InvalidError(f"{whose} has outputs that its reference has not: {', '.join(sorted(more))}")
        for name in reference:
            if name not in outputs:
                raise InvalidError(f"{whose} has no output {name!r}", f"it has {', '.join(outputs)}")
            if not comparable(reference[name]):
                require_same_text(name, reference[name], outputs[name], whose)
                continue
            one = output_parity(name, reference[name], outputs[name])
            before = worst.get(name)
            worst[name] = one if before is None else _worse(before, one)
    narrow = {
        _NARROW[array.dtype.name] for one in references for array in one.values() if array.dtype.name in _NARROW
    }
    tolerance = max(TOLERANCE[name] for name in {precision, *narrow})
    passed = all(one.max_rel <= tolerance for one in worst.values())
    return Parity(outputs=tuple(worst.values()), inputs_tried=len(references), tolerance=tolerance, passed=passed)


def require_same_text(name: str, reference: NDArray[Any], found: NDArray[Any], whose: str) -> None:
    """Raise InvalidError unless two outputs of text are equal."""
    if not np.array_equal(reference, found):
        raise InvalidError(f"The text output {name!r} of {whose} is not that of its reference")


def _worse(one: OutputParity, other: OutputParity) -> OutputParity:
    return OutputParity(
        output=one.output,
        max_abs=max(one.max_abs, other.max_abs),
        max_rel=max(one.max_rel, other.max_rel),
        cosine=min(one.cosine, other.cosine),
    )


def require_parity(result: Parity, whose: str, reference: str) -> None:
    """Raise InvalidError, naming the worst output, where the tolerance is not held."""
    if result.passed:
        return
    worst = max(result.outputs, key=lambda one: one.max_rel)
    raise InvalidError(
        f"{whose} does not compute what {reference} does",
        f"output {worst.output!r} differs by {worst.max_abs:.2g}, {worst.max_rel:.2g} of its largest value; "
        f"at most {result.tolerance:g} is allowed",
    )
