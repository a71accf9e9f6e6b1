"""What a suite's baseline must be where the dense model itself is compared with."""

from __future__ import annotations

from ..errors import InputError
from .model import Suite


def require_plain_baseline(suite: Suite, why: str) -> None:
    """Raise InputError where the baseline is anything but the suite's model as it is. `why` tells who needs that."""
    base = suite.baseline
    if base.prune or base.onnx or base.checkpoint or base.finetune:
        raise InputError(
            f"The baseline {base.name} is not the model as it is",
            why,
            "make a variant without prune, checkpoint, finetune and onnx the baseline",
        )
