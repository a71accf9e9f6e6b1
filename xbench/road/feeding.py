"""What is fed while a group is timed: made from the baseline's signature, or the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..onnxfile.axes import BATCH
from ..onnxfile.inputs import make_inputs, plan_inputs
from ..onnxfile.npz import load_sets
from ..onnxfile.opening import open_model
from ..onnxfile.plan import InputPlan
from ..protocols import Feeds
from ..records.artifact import Artifact
from ..records.load import Load
from ..suite.model import WorkloadSpec

# Sets of inputs that take turns: none is always in the cache, and none is all that was tried.
SETS = 4
# Above this, one set: they would be most of what the process holds.
_MANY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Feeding:
    """Sets of inputs, in words and as arrays."""

    sets: Sequence[Feeds]
    lines: tuple[str, ...]
    batch: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each input."""
        return {name: array.shape for name, array in self.sets[0].items()}

    @property
    def sha256(self) -> str:
        """Digest of all arrays with their names."""
        digest = hashlib.sha256()
        for feeds in self.sets:
            for name, array in sorted(feeds.items()):
                digest.update(f"{name} {array.dtype} {array.shape}".encode())
                digest.update(repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes())
        return digest.hexdigest()


def feeding(baseline: Artifact, workload: WorkloadSpec, own: Sequence[Path], seed: int) -> Feeding:
    """The inputs of a workload. Raises InputError that names the input and the option that gives it."""
    if own:
        sets = load_sets(own, baseline.signature)
        names = ", ".join(file.name for file in own)
        lines = tuple(f"{name}: {'x'.join(map(str, a.shape))} from {names}" for name, a in sets[0].items())
        first = next(iter(sets[0].values()))
        return Feeding(sets, lines, first.shape[0] if first.ndim > 1 else 1)
    model = open_model(Path(baseline.path), load_external=False)
    plan = plan_inputs(model, workload.shapes, workload.batch, workload.axes)
    first_set = make_inputs(plan, seed)
    size = sum(array.nbytes for array in first_set.values())
    count = SETS if size <= _MANY_BYTES else 1
    made = [first_set, *(make_inputs(plan, seed + i) for i in range(1, count))]
    return Feeding(made, plan.describe(), _batch(plan, workload))


def _batch(plan: InputPlan, workload: WorkloadSpec) -> int:
    """Samples of one inference: the size of the batch axis, what was asked, or the first input's first axis."""
    for planned in plan.inputs:
        for axis in planned.chosen:
            if axis.label == BATCH:
                return axis.size
    if workload.batch is not None:
        return workload.batch
    shape = plan.inputs[0].shape
    return shape[0] if len(shape) > 1 else 1


def load_of(workload: WorkloadSpec, batch: int) -> Load:
    """The load of a workload whose inputs hold `batch` samples. Raises InputError where queries come out uneven."""
    try:
        calls_per_query = workload.calls_per_query(batch)
    except ValueError as error:
        raise InputError(f"The workload {workload.name!r} cannot be measured", str(error)) from error
    return Load(
        scenario=workload.scenario,
        calls_per_query=calls_per_query,
        objective_ns=round((workload.latency_objective or 0.0) * 1e9),
        percentile=workload.latency_percentile,
    )
