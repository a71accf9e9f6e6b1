"""At which input shapes a graph is looked at, and the shape of every value there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx

from ..errors import InputError, XbenchError
from ..measure.inspection import LoadedModel
from ..onnxfile.axes import BATCH, PAST, SEQUENCE, TOTAL, guess, is_expression, open_axes, symbol_of
from ..onnxfile.constants import scopes
from ..onnxfile.inference import infer_shapes
from ..onnxfile.inputs import make_inputs, plan_inputs
from ..onnxfile.macs import Shape
from ..onnxfile.npz import load_sets
from ..onnxfile.seen_shapes import seen_shapes
from ..onnxfile.signature import signature
from ..onnxfile.wishes import Wanted
from ..protocols import Feeds
from ..records.artifact import TensorSpec
from .plan import Shapes

_SEED = 0
_FIRST_BATCH = 2
"""With a batch of 1, axes that are open and axes that are not there look alike."""
_SHORT = {SEQUENCE: 8, PAST: 4}
"""What is tried where the usual lengths do not run, as in a model that has few positions."""
_STEPS = (32, -32, 1, -1)
"""What is added to open axes but the batch, times 1, 2, 3, ...: convolutions may want multiples of 32."""


_Wish = tuple[Mapping[str, Shape], Mapping[str, int]]
"""Shapes by input, and sizes by axis."""


@dataclass(frozen=True)
class Sizing:
    """One or two sizings, and the shape of each value of the main graph in each.

    `inputs` and `feeds` have one entry for each sizing; `feeds` are the user's own arrays where there are some, and
    fewer than `inputs` where a sizing was only worked out and cannot be run. `shapes` leaves out what is not known.
    Where a graph has open axes and only one sizing could be had, `shapes` holds those values alone that have the
    same shape whatever is fed, and `note` says why; it is empty where nothing is amiss.
    """

    inputs: tuple[Mapping[str, Shape], ...]
    feeds: tuple[Feeds, ...]
    shapes: Shapes
    note: str = ""


@dataclass(frozen=True)
class _Found:
    """One sizing: what is fed (None where it does not run), and the shapes inside."""

    inputs: Mapping[str, Shape]
    feeds: Feeds | None
    values: Mapping[str, Shape]


def sized(model: onnx.ModelProto, running: LoadedModel | str, wanted: Wanted | None = None) -> Sizing:
    """The sizings of a model without local functions.

    `running` is the same file, loaded to be run, or why it cannot be. Raises InputError where a wish does not fit
    the model, and where there is neither an inference nor a run that tells any shapes.
    """
    wanted = wanted or Wanted()
    specs = signature(model).inputs
    first = _first(model, running, wanted, specs)
    if isinstance(first, str):
        raise InputError("cannot work out the shapes inside the model", first, "give --shape or --inputs")
    if not any(map(_is_open, specs)):
        return _sizing(model, (first,), "")
    second = _second(model, running, specs, first)
    if not isinstance(second, str):
        return _sizing(model, (first, second), "")
    fixed = _Found(first.inputs, first.feeds, infer_shapes(model, {}))
    return _sizing(model, (fixed,), f"its open axes could be seen at one size only: {second}")


def _sizing(model: onnx.ModelProto, found: tuple[_Found, ...], note: str) -> Sizing:
    tables = [{**_constant_shapes(model), **one.values} for one in found]
    names = [name for name in tables[0] if all(name in table for table in tables)]
    shapes = {name: tuple(table[name] for table in tables) for name in names}
    same_rank = {name: each for name, each in shapes.items() if len({len(shape) for shape in each}) == 1}
    feeds = tuple(one.feeds for one in found if one.feeds is not None)
    return Sizing(tuple(one.inputs for one in found), feeds, same_rank, note)


def _constant_shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """The shapes of the main graph's constants, as the file declares them."""
    constants = next(scopes(model)).own.values()
    return {
        each.name: tuple(each.tensor.dims) if each.tensor is not None else each.array().shape for each in constants
    }


def _first(
    model: onnx.ModelProto, running: LoadedModel | str, wanted: Wanted, specs: Sequence[TensorSpec]
) -> _Found | str:
    """The first sizing: the user's own arrays, or the first of those made up that runs."""
    if wanted.inputs:
        feeds = load_sets(wanted.inputs, signature(model))[0]
        return _looked(model, running, feeds)
    roles = {guess(spec, axis).role for spec in specs if spec.name not in wanted.shapes for axis in open_axes(spec)}
    batch = {BATCH: _FIRST_BATCH} if BATCH in roles else {}
    short = {role: size for role, size in _SHORT.items() if role in roles}
    plan_inputs(model, wanted.shapes, None, {})  # Raises where a wish does not fit, or nothing can be made up.
    wishes: list[dict[str, int]] = [batch, {**batch, **short}, short, {}]
    return _any_that_runs(model, running, [(wanted.shapes, axes) for axes in wishes])


def _second(
    model: onnx.ModelProto, running: LoadedModel | str, specs: Sequence[TensorSpec], first: _Found
) -> _Found | str:
    """A sizing in which every open axis has another size than in the first, and no two the same."""
    wishes: list[_Wish] = [({}, axes) for step in _STEPS if (axes := _other_sizes(specs, first.inputs, step))]
    return _any_that_runs(model, running, wishes)


def _is_open(spec: TensorSpec) -> bool:
    return spec.shape is None or bool(open_axes(spec))


def _other_sizes(specs: Sequence[TensorSpec], inputs: Mapping[str, Shape], step: int) -> dict[str, int]:
    """Other sizes for the open axes, by the axis' name; by what it is taken for where it has none.

    A length that follows from others (`past + 1`, the total of a mask) is left to them.
    """
    sizes: dict[str, int] = {}
    for spec in specs:
        for axis in open_axes(spec):
            symbol, role, now = symbol_of(spec, axis), guess(spec, axis).role, inputs[spec.name][axis]
            twice = sum(symbol_of(spec, each) == symbol for each in range(len(inputs[spec.name]))) > 1
            name = symbol if symbol and not twice else role
            if is_expression(symbol) or role == TOTAL or now == 0 or name in sizes:
                continue
            change = 1 if role == BATCH else step * (len(sizes) + 1)
            if now + change < 1:
                return {}
            sizes[name] = now + change
    return sizes


def _any_that_runs(model: onnx.ModelProto, running: LoadedModel | str, wishes: Sequence[_Wish]) -> _Found | str:
    """The first wish that runs; where none does, the first at which all shapes can be worked out; or why not."""
    reasons: list[str] = []
    for feeds in _made(model, wishes, reasons):
        found = _looked(model, running, feeds)
        if not isinstance(found, str):
            return found
        reasons.append(found)
    for feeds in _made(model, wishes, []):
        inputs = {name: array.shape for name, array in feeds.items()}
        values = _inferred(model, inputs)
        if not isinstance(values, str) and _is_complete(model, values):
            return _Found(inputs, None, values)
    return reasons[0] if reasons else "no other sizes could be made up"


def _made(model: onnx.ModelProto, wishes: Sequence[_Wish], reasons: list[str]) -> Iterator[Feeds]:
    """The inputs of each wish that can be had; why not, for the others."""
    for shapes, axes in wishes:
        try:
            plan = plan_inputs(model, shapes, None, axes)
        except InputError as error:
            reasons.append(error.reason)
            continue
        yield make_inputs(plan, _SEED)


def _looked(model: onnx.ModelProto, running: LoadedModel | str, feeds: Feeds) -> _Found | str:
    """The shapes inside at these inputs, from a run where there can be one; or why there are none."""
    inputs = {name: array.shape for name, array in feeds.items()}
    values = _inferred(model, inputs)
    if isinstance(running, str):
        return values if isinstance(values, str) else _Found(inputs, feeds, values)
    try:
        seen = running.profile(feeds, optimised=False).output_shapes
    except XbenchError as error:
        return error.reason
    table = {} if isinstance(values, str) else dict(values)
    return _Found(inputs, feeds, table | seen_shapes(model.graph, seen))


def _inferred(model: onnx.ModelProto, inputs: Mapping[str, Shape]) -> Mapping[str, Shape] | str:
    try:
        return infer_shapes(model, inputs)
    except InputError as error:
        return error.reason


def _is_complete(model: onnx.ModelProto, values: Mapping[str, Shape]) -> bool:
    return all(name in values for node in model.graph.node for name in node.output if name)
