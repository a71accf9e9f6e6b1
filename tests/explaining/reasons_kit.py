"""What tests of planted reasons share: real files, whose zeros and work are counted, and times by script.

No process runs and no clock: the shapes, the audit and the work of each layer are those of the files, and what the
target took for which node is planted. So what is true is known, and a busy machine changes nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from records_by_hand import comparison, group, record, summary

from xbench.artifacts.describing import describe
from xbench.explaining.explaining import explain
from xbench.onnxfile.audit import audit
from xbench.onnxfile.inference import infer_shapes
from xbench.onnxfile.opening import open_model
from xbench.profiles.finding import all_profiles
from xbench.records.comparison import CaseResult
from xbench.records.explanation import Explanation, Reason
from xbench.records.measurement import NodeCost, NodeTime, OperatorTime, Placement
from xbench.records.profile import Availability
from xbench.records.run_record import DeviceState, VariantState
from xbench.records.work import Ceiling
from xbench.worth.working import layers_of

RATES = Ceiling(peak_tops=0.1, sparse_peak_tops=None, memory_gb_per_s=10.0, measured=True, source="planted")
"""100 G operations/s and 10 GB/s: at 20 operations a byte a layer is as much bound by one as by the other."""

LAUNCH = NodeCost(timed_us=3.0, profiled_us=3.0, nodes=256)
"""A node that computes next to nothing costs 3 us here, and the profiler adds nothing."""


@dataclass(frozen=True)
class Planted:
    """A file and what each of its nodes takes in a profiled run: {name of the node: milliseconds}.

    A node that is none of the file's layers has its operator after a colon: `reorder:Reorder`.
    """

    model: onnx.ModelProto
    times: Mapping[str, float]
    elsewhere: float = 0.0
    prune: Mapping[str, object] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """One inference, ms."""
        return sum(self.times.values())


def explained(
    folder: Path,
    dense: Planted,
    pruned: Planted,
    *,
    profile: str = "cpu",
    ceiling: Ceiling | None = RATES,
    speedup: float | None = None,
) -> Explanation:
    """`pruned` against `dense` on a target, measured as the sums of their times, or as `speedup`, within 1 %."""
    sides = {"dense": dense, "pruned": pruned}
    artifacts = {}
    for name, one in sides.items():
        onnx.save(one.model, folder / f"{name}.onnx")
        artifacts[name] = describe(folder / f"{name}.onnx", name)
    point = speedup or dense.total / pruned.total
    found = comparison(
        speedup=(point, point * 0.99, point * 1.01), verdict="faster" if point > 1.02 else "same", hardware=profile
    ).model_copy(update={"ideal_speedup": None})
    layers = {name: _layers(folder / f"{name}.onnx") for name in sides}
    target = all_profiles()[profile]
    provider = target.placement.provider if target.placement is not None else "P"
    nodes = {name: _nodes(one, provider, {layer.node for layer in layers[name]}) for name, one in sides.items()}
    state = group([found], hardware=profile).model_copy(
        update={
            "layers": layers,
            "nodes": nodes,
            "operators": {name: _operators(times) for name, times in nodes.items()},
            "node_cost": LAUNCH,
            "ceiling": ceiling,
            "ceiling_note": "" if ceiling else "not probed",
            "placements": {name: _shares(one, provider) for name, one in sides.items()},
            "cases": tuple(_case(name, one, profile, provider) for name, one in sides.items()),
        }
    )
    made = record(
        groups=(state,),
        devices=(DeviceState(profile=target, availability=Availability(available=True), explicit=True),),
        variants=tuple(VariantState(name=n, baseline=n == "dense", artifact=a) for n, a in artifacts.items()),
        suite={"variants": [{"name": n, **({"prune": dict(o.prune)} if o.prune else {})} for n, o in sides.items()]},
        quality=(),
    )
    return explain(made, state, found)


def kinds(found: Explanation) -> set[str]:
    """The reasons that are named."""
    return {reason.kind for reason in found.reasons}


def reason(found: Explanation, kind: str) -> Reason:
    """The one reason of a kind; fails where it is not named."""
    (one,) = [one for one in found.reasons if one.kind == kind]
    return one


def _layers(path: Path):
    model = open_model(path)
    sizes = {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in model.graph.input}
    return layers_of(model, infer_shapes(model, sizes), audit(model))


def _nodes(one: Planted, provider: str, layers: set[str]) -> tuple[NodeTime, ...]:
    operators = {node.name: node.op_type for node in one.model.graph.node}
    found = []
    for name, took in one.times.items():
        plain, _, operator = name.partition(":")
        assert operator or plain in operators, f"{plain} is no node of the file"
        layer = plain if plain in layers else ""
        found.append(
            NodeTime(node=plain, operator=operator or operators[plain], provider=provider, time_ms=took, layer=layer)
        )
    return tuple(sorted(found, key=lambda node: -node.time_ms))


def _operators(nodes: tuple[NodeTime, ...]) -> tuple[OperatorTime, ...]:
    found: dict[str, list[NodeTime]] = {}
    for node in nodes:
        found.setdefault(node.operator, []).append(node)
    return tuple(
        OperatorTime(operator=name, provider=own[0].provider, nodes=len(own), time_ms=sum(n.time_ms for n in own))
        for name, own in found.items()
    )


def _shares(one: Planted, provider: str) -> dict[str, float]:
    other = {"CPUExecutionProvider": one.elsewhere} if one.elsewhere else {}
    return {provider: 1 - one.elsewhere, **other}


def _case(name: str, one: Planted, profile: str, provider: str) -> CaseResult:
    shares = _shares(one, provider)
    where = Placement(asked=provider, providers=tuple(shares), nodes=dict.fromkeys(shares, 1), time_share=shares)
    figures = summary(one.total).model_copy(update={"placement": where})
    return CaseResult(variant=name, hardware=profile, workload="w", summary=figures)


def chain(widths, *, rows=64, weights=None, between=()) -> onnx.ModelProto:
    """x (rows, widths[0]) times a weight for each pair of widths: nodes `fc0`, `fc1`, ...

    `weights` take the place of random ones; each operator of `between` comes once, behind the last product, as a node
    of its name in lower case.
    """
    random = np.random.default_rng(0)
    sizes = list(itertools.pairwise(widths))
    stored = weights or [(random.standard_normal(size) / np.sqrt(size[0])).astype(np.float32) for size in sizes]
    nodes, last = [], "x"
    for index in range(len(sizes)):
        nodes.append(helper.make_node("MatMul", [last, f"w{index}"], [f"y{index}"], name=f"fc{index}"))
        last = f"y{index}"
    for operator in between:
        nodes.append(helper.make_node(operator, [last], [operator], name=operator.lower()))
        last = operator
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, width])
        for name, width in (("x", widths[0]), (last, widths[-1]))
    )
    constants = [numpy_helper.from_array(np.ascontiguousarray(one), f"w{i}") for i, one in enumerate(stored)]
    graph = helper.make_graph(nodes, "chain", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def weights_of(model: onnx.ModelProto) -> list[np.ndarray]:
    """The weights of a chain, in order."""
    return [numpy_helper.to_array(tensor).copy() for tensor in model.graph.initializer]


def every_second(weight: np.ndarray) -> np.ndarray:
    """Half of the weights zero, here and there: no unit is zero, and no four in a row are 2:4."""
    zeroed = weight.copy()
    zeroed[np.random.default_rng(1).random(weight.shape) < 0.5] = 0
    return zeroed
