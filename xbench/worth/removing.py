"""What would be left of each layer if outputs and inputs that are only zeroed were removed."""

from __future__ import annotations

from collections.abc import Mapping

from ..onnxfile.constants import Scope
from ..records.audit import LayerAudit
from ..records.work import LayerWork
from .exploiting import ALL, Left

Outputs = tuple[str, ...]
"""The outputs of a node: they tell it, which its name does not always do."""


def removable(
    scope: Scope, audits: Mapping[Outputs, LayerAudit], constants: frozenset[str]
) -> dict[Outputs, tuple[float, float]]:
    """(outputs, inputs) of each node that could go, as shares, at best.

    An output of zeros takes with it the input of the layers after it, and an input of zeros the output of those
    before. A sum is zero where all that it adds is: the least share counts. What else may stand in the way (a bias,
    zeros in different places) is not looked at: so much goes at best.
    """
    forward, backward = _forward(scope, audits, constants), _backward(scope, audits, constants)
    found: dict[Outputs, tuple[float, float]] = {}
    for node in scope.graph.node:
        outputs = tuple(node.output)
        data = [name for name in node.input if name and name not in constants]
        audit = audits.get(outputs)
        before = max((forward.get(name, 0.0) for name in data), default=0.0)
        after = max((backward.get(name, 0.0) for name in outputs), default=0.0)
        found[outputs] = (max(_outputs(audit), after), max(_inputs(audit), before))
    return found


def left_if_removed(layer: LayerWork) -> Left:
    """The shares of work and data that are left of a layer."""
    out, into, audit = layer.removable_outputs, layer.removable_inputs, layer.audit
    if not out and not into:
        return ALL
    if audit is None:
        # Two activations are multiplied: both get narrower.
        return Left(1 - max(out, into), 1.0, 1 - max(out, into))
    work = 1 - max(out, into) if _grouped(audit) else (1 - out) * (1 - into)
    return Left(work, work, 1 - max(out, into))


def _forward(scope: Scope, audits: Mapping[Outputs, LayerAudit], constants: frozenset[str]) -> dict[str, float]:
    """The share of zeros in each value, along its channels. ONNX lists nodes in the order in which they can run."""
    found: dict[str, float] = {}
    for node in scope.graph.node:
        outputs = tuple(node.output)
        data = [found.get(name, 0.0) for name in node.input if name and name not in constants]
        pick = min if node.op_type in ("Add", "Sub", "Sum") else max
        share, audit = pick(data, default=0.0), audits.get(outputs)
        if audit is not None:
            share = max(_outputs(audit), share if _grouped(audit) else 0.0)
        found |= dict.fromkeys(outputs, share)
    return found


def _backward(scope: Scope, audits: Mapping[Outputs, LayerAudit], constants: frozenset[str]) -> dict[str, float]:
    """The share of each value, along its channels, that nothing after it looks at."""
    found = {value.name: 0.0 for value in scope.graph.output}
    for node in reversed(scope.graph.node):
        outputs = tuple(node.output)
        after = max((found.get(name, 0.0) for name in outputs), default=0.0)
        share, audit = after, audits.get(outputs)
        if audit is not None:
            share = max(_inputs(audit), after if _grouped(audit) else 0.0)
        for name in node.input:
            if name and name not in constants:
                found[name] = min(found.get(name, share), share)
    return found


def _grouped(audit: LayerAudit) -> bool:
    """A grouped convolution: an output and the inputs of its group go together."""
    return audit.op_type.endswith("Conv") and len(audit.shape) > 1 and audit.shape[1] < audit.inputs


def _outputs(audit: LayerAudit | None) -> float:
    return audit.zero_outputs / audit.outputs if audit and audit.outputs else 0.0


def _inputs(audit: LayerAudit | None) -> float:
    return audit.zero_inputs / audit.inputs if audit and audit.inputs else 0.0
