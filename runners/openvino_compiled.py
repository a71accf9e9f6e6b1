"""What a model that OpenVINO has compiled tells of itself once it ran: times, precision, and sparse weights.

OpenVINO drops a hint that the machine cannot follow without a word: asked for bf16, a CPU without it computes in
f32. So what ran is read from the compiled model, node by node (docs.openvino.ai, `ov::exec_model_info`), and only
for the CPU, whose names of layers these are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xbench.errors import InvalidError
from xbench.protocols import Feeds
from xbench.records.measurement import NodeTime, OperatorTime

from .openvino_core import request
from .ort_profile import WARM_UP, call_profiled, midmean, node_ms

# Layers that multiply matrices, by the names of OpenVINO's CPU plug-in (cpu_types.cpp in its sources).
HEAVY = frozenset(
    {
        "Convolution",
        "Deconvolution",
        "DeformableConvolution",
        "FullyConnected",
        "GatherMatmul",
        "LLMMLP",
        "MHA",
        "MatMul",
        "PagedAttention",
        "QKVProjection",
        "RNNCell",
        "RNNSeq",
        "ScaledDotProductAttention",
    }
)
# Fused pieces of a graph, such as an attention: they may multiply matrices, and may not.
_FUSED = "Subgraph"
# Layers that hold graphs of their own, of which OpenVINO tells nothing.
_CLOSED = frozenset({"If", "TensorIterator"})
_FLOATS = {"fp32": "f32", "bf16": "bf16"}
_NARROW_FLOATS = frozenset({"bf16", "f16"})
_INTEGERS = frozenset({"i8", "u8"})
_WHAT = "matrix products and convolutions"


@dataclass(frozen=True, slots=True)
class RanNode:
    """A node that ran: its operator, layer, precision and kernel by OpenVINO's names; `times_ns` of each run.

    `originals` are the names of the nodes that OpenVINO made it of, which are its own or, as it reads an ONNX file,
    those of the file's nodes or values.
    """

    operator: str
    layer: str
    precision: str
    kernel: str
    times_ns: tuple[int, ...]
    name: str = ""
    originals: tuple[str, ...] = ()

    @property
    def time_ns(self) -> float:
        """The mean of the middle half of the runs."""
        return midmean(np.asarray(self.times_ns, float))


def computing_nodes(compiled: Any) -> int:
    """How many nodes a compiled model has, without those that are computed once, such as a transposed weight."""
    constant: set[str] = set()
    count = 0
    for node in compiled.get_runtime_model().get_ordered_ops():
        layer = node.get_rt_info()["layerType"].value
        sources = {value.get_node().get_friendly_name() for value in node.input_values()}
        if layer == "Const" or (sources and sources <= constant):
            constant.add(node.get_friendly_name())
        elif layer not in ("Input", "Output"):
            count += 1
    return count


def ran_nodes(compiled: Any, feeds: Feeds, clock: Callable[[], int]) -> list[RanNode]:
    """Run a model that was compiled with PERF_COUNT, and tell what ran. Runs to warm up do not count.

    OpenVINO says of a node that took less than a microsecond in a run that it did not run: what ran once counts.
    """
    asked = request(compiled, feeds)
    runs: list[Any] = []

    def call() -> None:
        asked.checked()
        runs.append(asked.made.profiling_info)

    call_profiled(call, clock)
    infos = {node.get_friendly_name(): node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()}
    counted = runs[WARM_UP:]
    found = []
    for place, info in enumerate(counted[-1]):
        about = infos.get(info.node_name)
        if about is not None and any(one[place].status == info.status.EXECUTED for one in counted):
            times = tuple(_nanoseconds(one[place].real_time) for one in counted)
            layer, precision = about["layerType"].value, about["runtimePrecision"].value
            originals = tuple(name for name in about["originalLayersNames"].value.split(",") if name)
            found.append(RanNode(info.node_type, layer, precision, info.exec_type, times, info.node_name, originals))
    return found


def _nanoseconds(delta: Any) -> int:
    return int(delta.total_seconds() * 1e6) * 1000  # OpenVINO counts whole microseconds


def operator_times(nodes: Iterable[RanNode], provider: str) -> tuple[OperatorTime, ...]:
    """Times by operator, the longest first."""
    by_operator: dict[str, list[RanNode]] = {}
    for node in nodes:
        by_operator.setdefault(node.operator, []).append(node)
    times = (
        OperatorTime(
            operator=operator,
            provider=provider,
            nodes=len(ran),
            time_ms=midmean(np.sum([node.times_ns for node in ran], axis=0, dtype=float)) / 1e6,
        )
        for operator, ran in by_operator.items()
    )
    return tuple(sorted(times, key=lambda time: (-time.time_ms, time.operator)))


def node_times(nodes: Iterable[RanNode], provider: str) -> tuple[NodeTime, ...]:
    """Times by node, the longest first."""
    times = (
        NodeTime(
            node=node.name,
            operator=node.operator,
            provider=provider,
            time_ms=node_ms(np.asarray(node.times_ns, float)),
        )
        for node in nodes
    )
    return tuple(sorted(times, key=lambda time: (-time.time_ms, time.node)))


def node_origins(nodes: Iterable[RanNode]) -> dict[str, tuple[str, ...]]:
    """What the nodes that multiply matrices were made of. A Gemm's product bears its name with an addition."""
    return {
        node.name: tuple(name.removesuffix("/WithoutBiases") for name in node.originals)
        for node in nodes
        if node.layer in HEAVY and node.originals
    }


def prove_precision(nodes: Sequence[RanNode], precision: str, whose: str) -> tuple[str, ...]:
    """What ran in the precision that the profile names, in words; nothing where all of it did.

    Raises InvalidError where none of the matrix products did; or, for fp32, where anything ran in a narrower
    float. Integers under the name of a float are the file's own quantisation, and are told.
    """
    heavy = [node for node in nodes if node.layer in HEAVY]
    wanted = _INTEGERS if precision == "int8" else {_FLOATS[precision]}
    named = [node for node in heavy if node.precision in wanted]
    if precision == "fp32":
        narrow = [node for node in nodes if node.layer in HEAVY | {_FUSED} and node.precision in _NARROW_FLOATS]
        if narrow:
            raise _another(precision, narrow, whose)
    told = named or (precision == "fp32" and all(node.precision in _INTEGERS for node in heavy))
    if not told:
        raise _another(precision, heavy, whose)
    closed = ", ".join(sorted({node.operator for node in nodes if node.layer in _CLOSED}))
    notes = (f"in which precision its {closed} computes cannot be seen",) if closed else ()
    if precision != "int8" and len(named) == len(heavy):
        return notes
    share = f"{_share(named, heavy):.0%} of the time of its {_WHAT} is in {precision}"
    return (f"{share} ({_counted(heavy)})", *notes)


def _another(precision: str, ran: Sequence[RanNode], whose: str) -> InvalidError:
    return InvalidError(
        f"{whose} was not computed in {precision}, which the profile names",
        f"what ran: {_counted(ran) or f'none of the {_WHAT}'}; OpenVINO does so without a word where the CPU, or the "
        "model, has it not",
        "name the precision that it computes in; int8 needs static Q/DQ in the file, bf16 a CPU with avx512_bf16 or "
        "amx_bf16",
    )


def _counted(nodes: Iterable[RanNode]) -> str:
    counts = Counter((node.layer, node.precision, node.kernel) for node in nodes).most_common()
    told = [f"{count} {layer} in {precision} by {kernel}" for (layer, precision, kernel), count in counts[:4]]
    return ", ".join(told + ([f"{len(counts) - 4} other kinds"] if counts[4:] else []))


def _share(some: Sequence[RanNode], every: Sequence[RanNode]) -> float:
    """By time; by number where the model is so small that all of its kernels took 0 us."""
    total = sum(node.time_ns for node in every)
    return sum(node.time_ns for node in some) / total if total else len(some) / len(every)


def sparse_note(nodes: Sequence[RanNode]) -> str:
    """Whether the sparse primitive ran, where it was asked for.

    OpenVINO calls it `brgemm_sparse_avx512_amx`, and sets the name where the weights lie there compressed
    (intel_cpu/src/nodes/executors/dnnl in its sources).
    """
    heavy = [node for node in nodes if node.layer in HEAVY]
    sparse = [node for node in heavy if "sparse" in node.kernel]
    if sparse:
        share = f"{len(sparse)} of {len(heavy)}, {_share(sparse, heavy):.0%} of the time"
        return f"sparse weights were used in its {_WHAT}: {share}"
    return (
        f"sparse weights were asked for and not used: {_counted(heavy) or f'it has no {_WHAT}'}; OpenVINO "
        "has them for INT8 on a CPU with AMX, sizes that are multiples of 64 and enough zeros"
    )
