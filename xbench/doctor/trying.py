"""Runs the model of two nodes on a profile, in a worker, as a run would."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import WorkerError, XbenchError
from ..measure.inspection import loaded
from ..onnxfile.two_nodes import TwoNodes, two_nodes
from ..protocols import Outputs
from ..records.measurement import Placement
from ..records.profile import HardwareProfile

# The answer is exact in every precision; this only forgives -0.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Tried:
    """Whether a profile ran the model, right and where it was asked to. `nodes`: by provider."""

    usable: bool
    nodes: dict[str, int] = field(default_factory=dict)
    reason: str = ""
    remedy: str = ""


def try_profile(profile: HardwareProfile, model: Path, seconds: float) -> Tried:
    """Run the two nodes in a worker of the profile's runner; each answer of it within `seconds`.

    `model` is their file, as the runner takes it. A worker that dies or hangs is this profile's fault, and is told.
    """
    known = two_nodes()[1]
    try:
        with loaded(model, profile.name, profile, seconds) as worker:
            placement = worker.placement
            (outputs,) = worker.infer([known.feeds])
    except WorkerError as error:
        # It died or hung: what the error advises is about models.
        return Tried(False, reason=error.reason)
    except XbenchError as error:
        return Tried(False, reason=error.reason, remedy=error.remedy)
    return judge(placement, outputs, known)


def judge(placement: Placement, outputs: Outputs, known: TwoNodes) -> Tried:
    """Whether all nodes lie with the provider that was asked for, and the outputs are those of NumPy."""
    nodes = dict(placement.nodes)
    if set(nodes) != {placement.asked} or not sum(nodes.values()):
        where = ", ".join(f"{count} on {name}" for name, count in nodes.items()) or "none is known"
        return Tried(False, nodes, f"{placement.asked} was asked for, and the nodes are: {where}")
    for name, expected in known.expected.items():
        found = outputs.get(name)
        if found is None or found.shape != expected.shape:
            return Tried(False, nodes, f"its output {name} is not there, or has another shape")
        difference = float(np.abs(found.astype(np.float64) - expected).max())
        if not difference <= _TOLERANCE:
            return Tried(False, nodes, f"its output differs by {difference:g} from NumPy's, which is exact here")
    return Tried(True, nodes)
