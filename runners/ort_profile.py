"""Times by operator and by node, and output shapes, out of the profile that ONNX Runtime writes of a session.

The profile is a list of events in the order in which they ended (onnxruntime.ai, "Profiling Tools"). Each node
that ran has one of category `Node`, whose duration `dur` is in whole microseconds, rounded down; each call of
`run` ends with one that is called `model_run`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xbench.protocols import ProfileReport
from xbench.records.measurement import NodeTime, OperatorTime

from .ort_names import origins

Event = dict[str, Any]

WARM_UP = 2
"""Runs whose times do not count: they allocate, and fill caches."""
_FEWEST, _MOST = 3, 50
_NANOSECONDS = 500_000_000
_KERNEL = "_kernel_time"
# Whose kernels have computed when they return. On others the duration is what it took to launch the kernel: the
# documentation's own example shows 17 us at the host and 33 us on the device.
_WAITED_FOR = frozenset({"CPUExecutionProvider"})


def counted_runs(run_ns: int) -> int:
    """How many runs are counted of a model that takes so long: about half a second in all, 3 at least, 50 at most."""
    return min(_MOST, max(_FEWEST, round(_NANOSECONDS / max(1, run_ns))))


def call_profiled(call: Callable[[], object], clock: Callable[[], int]) -> None:
    """Make the runs of a profiled session: those to warm up, then those that count."""
    for _ in range(WARM_UP):
        start = clock()
        call()
        took = clock() - start
    for _ in range(counted_runs(took)):
        call()


@dataclass(slots=True)
class _Kernel:
    """A node that ran. `path` names the nodes whose subgraph it is in, and itself; `own_us` is without theirs."""

    path: tuple[tuple[str, str], ...]
    operator: str
    provider: str
    start_us: int
    own_us: int
    shapes: list[list[int]]


def read_profile(events: Sequence[Event]) -> ProfileReport:
    """Times by operator and provider and by node, and the shapes that the nodes of the main graph put out.

    The time of an operator is summed over its nodes in each run, and the sums are averaged over the middle half
    of the runs that count (the midmean; Tukey 1977, "Exploratory Data Analysis"; of three runs it is the
    median). So a run that was disturbed does not count, and yet a node of a few microseconds gets a finer figure
    than the whole microseconds of the profile. What is lost by rounding down is up to 1 us for each node.

    The kernel time of `If`, `Loop` and the like holds that of the nodes in their subgraphs; it is taken off, so
    that nothing counts twice among operators; by node, it is theirs. ONNX Runtime keeps a million events: where that
    is less than the runs to warm up and one more, there are no operators and no nodes, and the providers' time is
    that of the events that were kept. Nor are there any where a provider does not wait for its kernels.
    """
    whole, rest = _runs(events)
    counted = whole[WARM_UP:]
    kernels = [_kernels(run) for run in (counted or [*whole, rest])]
    times = _times(kernels)
    provider_ns: dict[str, int] = {}
    for time in times:
        provider_ns[time.provider] = provider_ns.get(time.provider, 0) + round(time.time_ms * 1e6)
    known = bool(counted) and provider_ns.keys() <= _WAITED_FOR
    nodes = _node_times(kernels) if known else ()
    return ProfileReport(
        provider_ns=provider_ns,
        output_shapes=_shapes(kernels),
        operators=times if known else (),
        nodes=nodes,
        origins={node.node: found for node in nodes if (found := origins(node.node, node.operator))},
    )


def _runs(events: Sequence[Event]) -> tuple[list[list[Event]], list[Event]]:
    """The nodes' events of each run that ended, and those that came after."""
    whole: list[list[Event]] = []
    rest: list[Event] = []
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            rest.append(event)
        elif event["name"] == "model_run":
            whole.append(rest)
            rest = []
    return whole, rest


def _kernels(events: Sequence[Event]) -> list[_Kernel]:
    """The nodes of one run, each with its own time.

    An event that ended before another one, and began after that had begun, is inside of it. Threads have their
    own nesting: a subgraph runs on the thread of its node.
    """
    found: list[_Kernel] = []
    around: dict[int, list[_Kernel]] = {}
    for event in reversed(events):
        above = around.setdefault(event["tid"], [])
        while above and _came_before(event, above[-1]):
            above.pop()
        if above:
            above[-1].own_us -= event["dur"]
        outer = above[-1].path if above else ()
        args = event["args"]
        outputs = args.get("output_type_shape", [])
        kernel = _Kernel(
            path=(*outer, (event["name"].removesuffix(_KERNEL), args.get("node_index", ""))),
            operator=args["op_name"],
            provider=args["provider"],
            start_us=event["ts"],
            own_us=event["dur"],
            shapes=[list(shape) for output in outputs for shape in output.values()],
        )
        above.append(kernel)
        found.append(kernel)
    return found


def _came_before(event: Event, later: _Kernel) -> bool:
    """Whether an event was over when a later one began. In the same microsecond, only one of no length can be."""
    began: int = event["ts"]
    return began < later.start_us or (began == later.start_us and event["dur"] == 0)


def _times(runs: Sequence[Sequence[_Kernel]]) -> tuple[OperatorTime, ...]:
    """By operator and provider, the longest first. A node that does not run in each run counts with 0 there."""
    totals: dict[tuple[str, str], NDArray[np.float64]] = {}
    nodes: dict[tuple[str, str], set[tuple[tuple[str, str], ...]]] = {}
    for index, run in enumerate(runs):
        for kernel in run:
            key = kernel.operator, kernel.provider
            totals.setdefault(key, np.zeros(len(runs)))[index] += kernel.own_us
            nodes.setdefault(key, set()).add(kernel.path)
    times = (
        OperatorTime(operator=key[0], provider=key[1], nodes=len(nodes[key]), time_ms=midmean(total) / 1000)
        for key, total in totals.items()
    )
    return tuple(sorted(times, key=lambda time: (-time.time_ms, time.operator, time.provider)))


def _node_times(runs: Sequence[Sequence[_Kernel]]) -> tuple[NodeTime, ...]:
    """By node of the main graph, the longest first; what runs in a node's subgraph is that node's."""
    totals: dict[tuple[str, str], NDArray[np.float64]] = {}
    outer: dict[tuple[str, str], _Kernel] = {}
    for index, run in enumerate(runs):
        for kernel in run:
            totals.setdefault(kernel.path[0], np.zeros(len(runs)))[index] += kernel.own_us
            if len(kernel.path) == 1:
                outer[kernel.path[0]] = kernel
    times = (
        NodeTime(node=key[0], operator=kernel.operator, provider=kernel.provider, time_ms=node_ms(totals[key] * 1000))
        for key, kernel in outer.items()
    )
    return tuple(sorted(times, key=lambda time: (-time.time_ms, time.node)))


def node_ms(times_ns: NDArray[np.float64]) -> float:
    """The time of one node in ms; more digits than these, 0.1 us, would be the profiler's own noise."""
    return round(midmean(times_ns) / 1e6, 4)


def midmean(values: NDArray[np.float64]) -> float:
    """The mean of the middle half; a value at each end is always left out, if there are three."""
    cut = max(len(values) // 4, 1 if len(values) >= _FEWEST else 0)
    return float(np.sort(values)[cut : len(values) - cut].mean())


def _shapes(runs: Sequence[Sequence[_Kernel]]) -> dict[str, list[list[int]]]:
    return {kernel.path[0][0]: kernel.shapes for run in runs for kernel in run if len(kernel.path) == 1}
