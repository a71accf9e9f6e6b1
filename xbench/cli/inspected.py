"""The words in which an inspection is told. Whatever comes from the file is made visible."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..artifacts.provenance import PREFIX
from ..inspecting.grouping import grouped, members, rounded
from ..inspecting.record import Inspection, TargetWorth
from ..onnxfile.signature import shape_text
from ..records.artifact import TensorSpec
from ..records.audit import LayerAudit
from ..records.work import Bound, Ceiling, LayerWork
from ..report.text import visible
from ..worth.working import not_counted
from .plain_table import visible_table

HEAVIEST = 10
_WIDTH = 110
_MIB = 2**20
_SHOWN_TENSORS = 8
_SPEED_WIDTH = 8
_AT_BEST = (
    "What the zeros can be worth, AT BEST: by a roofline of the target's rates, dense and sparse both at the",
    "ceiling and everything else free. Nothing of this was measured; `xbench compare` measures.",
)
_HEADERS = (
    *("layer", "operator", "weight", "type", "zeros", "pattern", "zeroed out/in", "N:M"),
    *("MACs", "bytes", "op/byte"),
)


def as_text(found: Inspection, every_layer: bool, every_target: bool) -> str:
    """The whole inspection: every layer or the heaviest, every target by itself or in groups."""
    parts = [
        [*_file(found), *_provenance(found)],
        _zeros(found),
        _work(found),
        _optimised(found),
    ]
    head = "\n\n".join("\n".join(visible(line) for line in part) for part in parts)
    return f"{head}\n\n{_layers(found, every_layer)}\n{_targets(found.targets, every_target)}"


def _file(found: Inspection) -> Iterator[str]:
    yield f"{found.file}: {found.size_bytes / _MIB:.2f} MiB, IR {found.ir_version}, opset {found.opset}"
    yield f"  sha256      {found.sha256}"
    for what, specs in (("inputs", found.signature.inputs), ("outputs", found.signature.outputs)):
        yield f"  {what:<11} {_specs(specs)}"
    kinds = ", ".join(f"{count} {dtype}" for dtype, count in _kinds(found.audit.layers).most_common())
    yield f"  parameters  {found.audit.parameters:,} in floats; weights of layers: {kinds or 'none'}"
    denormals = found.audit.denormals
    told = "a CPU may compute with them many times slower" if denormals else "none of its parameters"
    yield f"  denormals   {denormals:,}: {told}"


def _kinds(layers: Iterable[LayerAudit]) -> Counter[str]:
    return Counter(layer.dtype or "of an unknown type" for layer in layers)


def _specs(specs: Sequence[TensorSpec]) -> str:
    told = [f"{spec.name} {spec.dtype} {shape_text(spec.shape)}" for spec in specs[:_SHOWN_TENSORS]]
    more = f" and {len(specs) - _SHOWN_TENSORS} more" if len(specs) > _SHOWN_TENSORS else ""
    return (", ".join(told) or "none") + more


def _provenance(found: Inspection) -> Iterator[str]:
    if found.provenance_fault:
        yield f"  provenance  INVALID: {found.provenance_fault}"
    elif not found.provenance:
        yield "  provenance  the file says nothing of its making"
    elif any(key.startswith(PREFIX) for key in found.provenance):
        yield "  provenance  verified: the graph and its zeros are those that xbench wrote down"
    for key, value in found.provenance.items():
        yield f"  provenance  {key}: {_shortened(value, 80)}"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _zeros(found: Inspection) -> list[str]:
    audit = found.audit
    if not audit.layers:
        return ["Zeros: no matrix product or convolution of this file has a weight that can be seen."]
    patterns = Counter(layer.pattern or "not told" for layer in audit.layers)
    told = ", ".join(f"{name} in {count}" for name, count in patterns.most_common())
    lines = [
        f"Zeros: {audit.sparsity:.1%} of {audit.elements:,} weights in {_layers_of(len(audit.layers))}: "
        f"{audit.pattern or 'pattern not told'}",
        f"  patterns    {told}",
    ]
    held = Counter(name for layer in audit.layers for name in layer.holds)
    if held:
        lines.append(f"  N:M holds   {', '.join(f'{name} in {count}' for name, count in sorted(held.items()))}")
    lines += [_widths(audit.layers), *_zeroed(audit.layers)]
    masks = [layer for layer in audit.layers if layer.unmerged_mask]
    lines += [
        f"  mask        {layer.node}: the graph still multiplies {layer.weight} by {layer.unmerged_mask}, in each run"
        " unless the runtime folds it"
        for layer in masks[:_SHOWN_TENSORS]
    ]
    return lines


def _layers_of(count: int) -> str:
    return f"{count} layer{'s' * (count != 1)}"


def _widths(layers: Sequence[LayerAudit]) -> str:
    """Kernels for matrices want multiples of 8 or 16; what is removed should leave such widths."""
    least = [min(layer.output_alignment, layer.input_alignment) for layer in layers]
    told = [f"multiples of {width} in {sum(one >= width for one in least)}" for width in (8, 16)]
    return f"  widths      outputs and inputs are {', '.join(told)} of {_layers_of(len(layers))}"


def _zeroed(layers: Sequence[LayerAudit]) -> Iterator[str]:
    outputs, inputs = sum(layer.zero_outputs for layer in layers), sum(layer.zero_inputs for layer in layers)
    heads = sum(layer.zero_heads for layer in layers)
    if outputs or inputs:
        told = f"{outputs:,} outputs and {inputs:,} inputs of layers" + f", {heads:,} whole heads" * bool(heads)
        yield f"  zeroed      {told}: nobody gains before they are removed; `xbench compact` does it"


def _work(found: Inspection) -> list[str]:
    work = found.work
    lines = [f"Work of one inference: {_count(work.macs)} multiply-accumulates in products and convolutions"]
    lines += [f"  at          {line}" for line in work.inputs]
    sources = {"run": "seen in a run on this CPU", "inferred": "worked out, not run", "": "not known"}
    lines.append(f"  shapes      {sources[work.shapes_from]}{f': {work.note}' if work.note else ''}")
    moved = "not known" if work.activation_bytes is None else f"{work.activation_bytes:,} bytes of activations"
    intensity = _intensity(work.operations_per_byte)
    lines.append(f"  bytes       {work.weight_bytes:,} bytes of weights, {moved}; {intensity}")
    lines += [f"  not counted {reason}" for reason in work.uncounted[:_SHOWN_TENSORS]]
    if len(work.uncounted) > _SHOWN_TENSORS:
        lines.append(f"  not counted and {len(work.uncounted) - _SHOWN_TENSORS} more: see --json")
    return lines


def _count(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"


def _intensity(value: float | None) -> str:
    return "operations per byte not known" if value is None else f"{value:.2f} operations per byte"


def _optimised(found: Inspection) -> list[str]:
    audit = found.optimised
    lines = ["The graph that ONNX Runtime's CPU provider makes of it:"]
    if audit.weights:
        lines.append(
            f"  zeros       {audit.followed} of {audit.weights} weights were found again, with {audit.zeros:,} of "
            f"{audit.file_zeros:,} zeros"
        )
    if found.lost:
        lines.append(f"  LOST        {found.lost}")
    lines += [f"  not found   {one}" for one in audit.unfollowed[:_SHOWN_TENSORS]]
    if audit.note:
        lines.append(f"  note        {audit.note}")
    return lines


def _layers(found: Inspection, every: bool) -> str:
    rows = [(layer.macs or 0, _elements(layer.audit), _row(layer)) for layer in found.work.layers]
    rows += [(0, layer.elements, _row_of_audit(layer)) for layer in not_counted(found.audit, found.work.layers)]
    if not rows:
        return "Layers: none.\n"
    if every or len(rows) <= HEAVIEST:
        return f"Layers:\n{visible_table([row for _, _, row in rows], _HEADERS)}"
    heaviest = sorted(rows, key=lambda row: row[:2], reverse=True)[:HEAVIEST]
    table = visible_table([row for _, _, row in heaviest], _HEADERS)
    return f"The {HEAVIEST} heaviest of {len(rows)} layers (--details shows all):\n{table}"


def _elements(audit: LayerAudit | None) -> int:
    return audit.elements if audit else 0


def _row(layer: LayerWork) -> tuple[object, ...]:
    moved = None if layer.activation_bytes is None else layer.weight_bytes + layer.activation_bytes
    work = (
        layer.missing or "?" if layer.macs is None else f"{layer.macs:,}",
        "?" if moved is None else f"{moved:,}",
        "?" if layer.operations_per_byte is None else f"{layer.operations_per_byte:.1f}",
    )
    return (*_of_weight(layer.node, layer.op_type, layer.audit), *work)


def _row_of_audit(layer: LayerAudit) -> tuple[object, ...]:
    return (*_of_weight(layer.node, layer.op_type, layer), "not counted", "?", "?")


def _of_weight(node: str, op_type: str, audit: LayerAudit | None) -> tuple[object, ...]:
    name = _shortened(node, 48)
    if audit is None:
        return name, op_type, "none", "", "", "", "", ""
    zeroed = f"{audit.zero_outputs}/{audit.outputs} {audit.zero_inputs}/{audit.inputs}"
    holds = ", ".join(audit.holds) or audit.n_m
    shape, share = shape_text(audit.shape), f"{audit.sparsity:.1%}"
    return name, op_type, shape, audit.dtype, share, audit.pattern, zeroed, holds or "no"


def _targets(worths: Sequence[TargetWorth], every: bool) -> str:
    if not worths:
        return ""
    lines = _one_by_one(worths) if every else [*_as_is(worths), *_removed(worths)]
    return "\n".join(visible(line) for line in [*_AT_BEST, *lines]) + "\n"


def _one_by_one(worths: Sequence[TargetWorth]) -> Iterator[str]:
    """Each target with all that is known of it, its ceiling too."""
    for one in worths:
        yield ""
        yield from _wrapped(_speed(one.as_is), one.hardware)
        yield from _wrapped("", f"{one.why}{_both(one.as_is)}")
        if one.as_is.speedup is None and one.why != one.as_is.missing:
            yield from _wrapped("", _in_words(one.as_is))
        if one.if_removed is not None:
            yield from _wrapped("", f"if what is only zeroed were removed: {_in_words(one.if_removed)}")
        if one.ceiling is not None:
            yield from _wrapped("", _ceiling(one, one.ceiling))


def _as_is(worths: Sequence[TargetWorth]) -> Iterator[str]:
    """The gains of the file as it is, the largest first, and below each who is meant and why."""
    groups = grouped(worths, lambda one: rounded(one.as_is))
    for group in sorted(groups.values(), key=lambda group: group[0].as_is.speedup or 0.0, reverse=True):
        yield ""
        before = _speed(group[0].as_is)
        for some in grouped(group, lambda one: (one.why, _lack(one.as_is, one.why))).values():
            lack = _lack(some[0].as_is, some[0].why)
            rates = f" ({_whose(some)})" if some[0].as_is.roofline_speedup is not None else ""
            yield from _wrapped(before, f"{some[0].why}{lack and f'; {lack}'}{rates}: {members(some, worths)}")
            before = ""


def _removed(worths: Sequence[TargetWorth]) -> Iterator[str]:
    """The gains if what is only zeroed were removed."""
    asked = [(one, one.if_removed) for one in worths if one.if_removed is not None]
    if not asked:
        return
    yield from ("", "If what is only zeroed were removed, as much as can be at best:")
    bounds = {one.hardware: bound for one, bound in asked}
    groups = grouped([one for one, _ in asked], lambda one: rounded(bounds[one.hardware]))
    for group in sorted(groups.values(), key=lambda some: bounds[some[0].hardware].speedup or 0.0, reverse=True):
        bound = bounds[group[0].hardware]
        untimed = f"{_fewer(bound)}; no time: too few rates are known" if bound.macs_ratio else bound.missing
        how = _whose(group) if bound.speedup is not None else untimed
        yield from ["", *_wrapped(_speed(bound), f"{how}: {members(group, worths)}")]


def _whose(group: Sequence[TargetWorth]) -> str:
    kinds = {one.ceiling.measured for one in group if one.ceiling is not None}
    told = " and ".join("measured here" if measured else "datasheet" for measured in sorted(kinds))
    return f"by each one's own rates, {told}; --hardware NAME shows them" if kinds else "no rates needed"


def _lack(bound: Bound, why: str) -> str:
    return "" if bound.speedup is not None or why == bound.missing else _in_words(bound)


def _wrapped(before: str, text: str) -> list[str]:
    indent = " " * (_SPEED_WIDTH + 2)
    first = f"{before:>{_SPEED_WIDTH}}  "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _speed(bound: Bound) -> str:
    return "not told" if bound.speedup is None else f"{bound.speedup:.2f}x"


def _in_words(bound: Bound) -> str:
    if bound.speedup is not None:
        return f"{bound.speedup:.2f}x at best{_both(bound)}"
    return f"{_fewer(bound)}; no time: {bound.missing}" if bound.macs_ratio else bound.missing


def _both(bound: Bound) -> str:
    """The two figures of which the larger is told."""
    if bound.roofline_speedup is None or bound.macs_ratio is None:
        return ""
    return f" ({bound.macs_ratio:.2f}x by the work alone, {bound.roofline_speedup:.2f}x with every byte from memory)"


def _fewer(bound: Bound) -> str:
    ratio = bound.macs_ratio or 1.0
    return f"{ratio:.2f}x less to compute" if round(ratio, 2) > 1 else "as much to compute, and fewer bytes to move"


def _ceiling(one: TargetWorth, ceiling: Ceiling) -> str:
    sparse = f", {ceiling.sparse_peak_tops:g} with 2:4" if ceiling.sparse_peak_tops else ""
    rates = f"{ceiling.peak_tops:g} TOPS in {one.precision}{sparse}, {ceiling.memory_gb_per_s:g} GB/s"
    return f"ceiling ({'measured here' if ceiling.measured else 'datasheet'}): {rates}: {ceiling.source}"
