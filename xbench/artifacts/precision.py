"""Which precision a file holds, beside the one that a profile names."""

from __future__ import annotations

from ..errors import InvalidError
from ..records.artifact import Artifact
from ..records.audit import SparsityAudit
from ..records.profile import HardwareProfile, Precision
from .parity import TOLERANCE

_HELD: dict[str, Precision] = {"float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8"}
# No precision of a profile, and a kernel for such weights may take 8-bit inputs (MatMulNBits does).
_NARROWER = ("int4", "uint4", "int2", "uint2", "float8", "float6", "float4")


def _of_weight(dtype: str) -> Precision:
    return "int8" if dtype.startswith(_NARROWER) else _HELD.get(dtype, "fp32")


def held_precision(audit: SparsityAudit) -> Precision:
    """The lowest precision of any weight in the file; fp32 where none is lower.

    One layer in int8 is enough to carry its error to the outputs, however few of the weights it holds.
    """
    found = [_of_weight(layer.dtype) for layer in audit.layers]
    return max(found, key=lambda precision: TOLERANCE[precision], default="fp32")


def lower_precision(profile: HardwareProfile, audit: SparsityAudit) -> Precision:
    """The lower of the precision that the profile names and the one that the file holds: outputs are held to it."""
    return max(profile.precision, held_precision(audit), key=lambda precision: TOLERANCE[precision])


def require_held(artifact: Artifact, profile: HardwareProfile) -> None:
    """Raise InvalidError where the profile names int8 and no weight of the file is int8 or uint8."""
    held = {layer.dtype for layer in artifact.audit.layers}
    if profile.precision == "int8" and not held & {"int8", "uint8"}:
        raise InvalidError(
            f"{profile.name} names the precision int8, and {artifact.variant} holds no 8-bit weights",
            f"they are {artifact.audit.precision or 'not to be told'}",
            "add int8 to the suite's precisions, quantise the file first, or choose a profile of another precision",
        )
