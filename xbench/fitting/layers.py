"""The layers of a model that tables are measured for, and the widths at which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..onnxfile.audit import audit as audit_of
from ..onnxfile.inference import infer_shapes
from ..onnxfile.layer_forms import UNKNOWN_SHAPE, LayerForm, layer_forms
from ..onnxfile.macs import Shape
from ..onnxfile.opening import open_model
from ..records.audit import SparsityAudit
from ..records.latency import LayerSignature
from ..records.work import LayerWork
from ..worth.working import layers_of
from .shapes import shapes_of_a_run

MOST_WIDTHS = 8
"""Widths on one side of a table, unless more are asked for: a table of both sides has 64 points."""
LEAST_SHARE = 0.125
"""Nobody prunes a layer further than to an eighth of its width."""


@dataclass(frozen=True, slots=True)
class FittedLayer:
    """One matrix product or convolution of a file. `inputs` and `outputs` are its dense widths, all groups together.

    `module` is the PyTorch layer's dotted name where it is known. `heads` counts attention heads where the graph
    shows that the outputs are split into them. `macs` are those of one inference, None where they are not known.
    `signature` is None where `missing` says why no table can be measured for it.
    """

    node: str
    op_type: str
    module: str
    inputs: int
    outputs: int
    groups: int
    heads: int | None
    macs: int | None
    signature: LayerSignature | None
    missing: str = ""


def layers_to_measure(
    path: Path, shapes: Mapping[str, Shape], audit: SparsityAudit | None = None
) -> tuple[FittedLayer, ...]:
    """Every matrix product and convolution of the file's main graph, in its order.

    `shapes` are those of the inputs, by name, or of any values. What cannot be worked out from them is seen in a run.
    `audit` is the file's, where it is known already: it may name the PyTorch layers. Raises InputError for a file
    that cannot be used, and for shapes that do not fit it.
    """
    model = open_model(path)
    known, why = {**infer_shapes(model, shapes), **shapes}, ""
    if any(form.missing == UNKNOWN_SHAPE for form in layer_forms(model, known)):
        seen = shapes_of_a_run(path, shapes)
        known, why = (known, f": {seen}") if isinstance(seen, str) else (seen, "")
    forms: dict[str, list[LayerForm]] = defaultdict(list)
    for form in layer_forms(model, known):
        forms[form.node].append(form)
    found: list[FittedLayer] = []
    for work in layers_of(model, known, audit or audit_of(model)):
        mine = forms.get(work.node)
        form = mine.pop(0) if mine else LayerForm(work.node, work.op_type, missing="two activations are multiplied")
        found.append(_fitted(form, work, why))
    return tuple(found)


def _fitted(form: LayerForm, work: LayerWork, why: str) -> FittedLayer:
    """A layer with what the audit and the count of its work tell; `why` its shape could not be seen."""
    depthwise = form.signature is not None and form.signature.depthwise
    groups = form.signature.groups if form.signature is not None else 1
    return FittedLayer(
        node=work.node,
        op_type=work.op_type,
        module=work.audit.module if work.audit else "",
        inputs=form.inputs or (work.audit.inputs if work.audit else 0),
        outputs=form.outputs or (work.audit.outputs if work.audit else 0),
        groups=form.inputs if depthwise else groups,
        heads=work.audit.heads if work.audit else None,
        macs=work.macs,
        signature=form.signature,
        missing=form.missing + (why if form.missing == UNKNOWN_SHAPE else ""),
    )


def widths_from(dense: int, step: int, most: int = MOST_WIDTHS, least_share: float = LEAST_SHARE) -> tuple[int, ...]:
    """Widths to measure, rising: the dense one, and multiples of `step` below it down to `least_share` of it.

    All of them where they are no more than `most`; else as many as that, evenly spread, the two ends among them.
    Raises ValueError for sizes below 1.
    """
    if min(dense, step, most) < 1:
        raise ValueError(f"widths below {dense} in steps of {step}, {most} at most: all must be 1 or more")
    first = max(step, -(-round(dense * least_share) // step) * step)
    every = [*range(first, dense, step), dense]
    if len(every) <= most:
        return tuple(every)
    if most == 1:
        return (dense,)
    return tuple(every[round(place * (len(every) - 1) / (most - 1))] for place in range(most))
