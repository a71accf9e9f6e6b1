"""Holds the graph that a runtime made of a file against the file: no zero may be lost on the way (rule 14)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..onnxfile.following import Followed, Traced, follow, told_gains
from ..onnxfile.opening import open_model
from ..onnxfile.tracing import traced, traced_as_written
from ..protocols import Runner
from ..records.audit import OptimisedAudit


def optimised_audit(runner: Runner, path: Path, label: str) -> OptimisedAudit:
    """What became of the file's zeros in the graph of a runner that can write it down (`write_optimised`).

    Raises InvalidError that names the weight where zeros are gone.
    """
    write = getattr(runner, "write_optimised", None)
    if write is None:
        return OptimisedAudit(note="the graph that this runtime makes of the file cannot be looked into")
    before = traced(open_model(path))
    holding = [index for index, weight in enumerate(before) if weight.zeros]
    if not holding:
        return OptimisedAudit(note="no weight of the file holds a zero")
    asked = OptimisedAudit(weights=len(holding), file_zeros=sum(before[index].zeros for index in holding))
    with tempfile.TemporaryDirectory(prefix="xbench-optimised-") as folder:
        target = Path(folder) / "optimised.onnx"
        if why := write(target):
            return asked.model_copy(update={"note": f"the optimised graph cannot be looked into: {why}"})
        try:
            after = traced_as_written(target)
        except InputError as error:
            # Operators of the runtime's own may hold what no file may: that is no fault of the model.
            return asked.model_copy(update={"note": f"the optimised graph cannot be read: {error.reason}"})
    return _summed(before, after, asked, label)


def _summed(before: Sequence[Traced], after: Sequence[Traced], asked: OptimisedAudit, label: str) -> OptimisedAudit:
    found = follow(
        before,
        after,
        f"Zeros of {label} were lost in the graph that the runtime optimised",
        "try another level (option optimisation of the profile)",
    )
    lost_sight = [before[index] for index in found.missing if before[index].zeros]
    return asked.model_copy(
        update={
            "followed": asked.weights - len(lost_sight),
            "zeros": asked.file_zeros - sum(weight.zeros for weight in lost_sight),
            "unfollowed": tuple(f"{weight.whose}: nothing of its size is left to compare" for weight in lost_sight),
            "note": "; ".join(_seen(before, after, found)),
        }
    )


def _seen(before: Sequence[Traced], after: Sequence[Traced], found: Followed) -> list[str]:
    """What else is worth a word: masks, and zeros that came on the way."""
    masked = [weight.whose for weight in before if weight.mask]
    still = [weight.whose for weight in after if weight.mask]
    told = [*told_gains(found, "in the file")]
    if still:
        told.append(f"multiplied by its mask in each inference: {', '.join(still)}")
    elif masked:
        told.append(f"the mask was multiplied in when the file was loaded: {', '.join(masked)}")
    return told
