"""What a node costs on a target, whatever it computes: its launch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import XbenchError
from ..machine.turns import alone_on_the_machine
from ..onnxfile.chain import write_chain
from ..records.measurement import NodeCost
from ..records.profile import HardwareProfile
from .inspection import loaded

_NODES = 128
_CALLS = 200
_TRIES = 3


def node_cost(profile: HardwareProfile, time_limit: float) -> tuple[NodeCost | None, str]:
    """Time a chain of one node and one of many, and profile the latter; None comes with the reason.

    Each in a worker of its own, while no other xbench of this user times. Of three medians the least counts: what
    else the machine does only adds. The chain is profiled as its file stands: no precision is to be proven of it.
    """
    try:
        with alone_on_the_machine():
            short, _ = _chain(profile, 1, time_limit)
            long, profiled = _chain(profile, _NODES + 1, time_limit)
    except XbenchError as error:
        return None, error.reason
    each = (long - short) / _NODES / 1000
    if each <= 0:
        return None, f"a chain of {_NODES + 1} nodes took no longer than one node"
    if profiled is None:
        return None, f"a chain of {_NODES + 1} nodes was not timed node by node"
    return NodeCost(timed_us=round(each, 4), profiled_us=round(profiled, 4), nodes=_NODES), ""


def _chain(profile: HardwareProfile, nodes: int, time_limit: float) -> tuple[float, float | None]:
    """The time of a call in ns, and what the profiler shows for a node in us; None where it shows none."""
    label = f"chain-{nodes}"
    with tempfile.TemporaryDirectory(prefix="xbench-") as folder:
        path = Path(folder) / f"{label}.onnx"
        feeds = write_chain(path, nodes)
        with loaded(path, label, profile, time_limit) as model:
            calls = [np.median(model.timed(feeds, _CALLS)) for _ in range(_TRIES)]
            shown = [model.profile(feeds, optimised=False).nodes for _ in range(_TRIES)]
    each = [_middle([1000 * one.time_ms for one in every], nodes) for every in shown if every]
    return float(min(calls)), min(each, default=None)


def _middle(times_us: Sequence[float], nodes: int) -> float:
    """The median; a node that took too little for a profiler to show it took 0."""
    return float(np.median([*times_us, *([0.0] * (nodes - len(times_us)))]))
