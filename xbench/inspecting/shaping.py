"""At which shapes a file is looked at: those of a real run where there can be one, else what can be worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import InputError, XbenchError
from ..measure.inspection import LoadedModel
from ..onnxfile.inference import infer_shapes
from ..onnxfile.inputs import make_inputs, plan_inputs
from ..onnxfile.macs import Shape
from ..onnxfile.npz import load_sets
from ..onnxfile.opening import open_model
from ..onnxfile.seen_shapes import seen_shapes
from ..onnxfile.signature import shape_text, signature
from ..onnxfile.wishes import Wanted
from ..protocols import Feeds

_SEED = 0


@dataclass(frozen=True)
class Fed:
    """What is fed, in words and as arrays; no arrays where `note` says why."""

    feeds: Feeds | None
    lines: tuple[str, ...]
    note: str

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of each input."""
        return {} if self.feeds is None else {name: array.shape for name, array in self.feeds.items()}


@dataclass(frozen=True)
class Seen:
    """The shapes of a graph's values, where they are from, and why they are not from a run, or not known."""

    values: Mapping[str, Shape]
    inputs: dict[str, Shape]
    lines: tuple[str, ...]
    source: Literal["run", "inferred", ""]
    note: str


def what_to_feed(path: Path, wanted: Wanted) -> Fed:
    """The inputs of one inference. Raises InputError where a wish does not fit the file.

    Where nothing was wished, inputs that cannot be made up are no error: the zeros can be counted all the same.
    """
    model = open_model(path, load_external=False)
    if wanted.inputs:
        feeds = load_sets(wanted.inputs, signature(model))[0]
        names = ", ".join(file.name for file in wanted.inputs)
        lines = tuple(f"{name}: {shape_text(array.shape)} from {names}" for name, array in feeds.items())
        return Fed(feeds, lines, "")
    try:
        plan = plan_inputs(model, wanted.shapes, None, {})
    except InputError as error:
        if wanted.shapes:
            raise
        return Fed(None, (), error.reason)
    return Fed(make_inputs(plan, _SEED), plan.describe(), "")


def shapes_inside(path: Path, fed: Fed, running: LoadedModel | str) -> Seen:
    """The shapes of all values of the main graph, as far as they can be known.

    `running` is the file, loaded to be run, or why it cannot be.
    """
    model = open_model(path, load_external=False)
    note = fed.note
    try:
        values = dict(infer_shapes(model, fed.shapes))
    except InputError as error:
        values, note = {}, note or error.reason
    source: Literal["run", "inferred", ""] = "inferred" if values else ""
    if fed.feeds is not None:
        found = _of_a_run(running, fed.feeds)
        if isinstance(found, str):
            note = note or found
        else:
            source = "run"
            values |= seen_shapes(model.graph, found)
    return Seen(values, fed.shapes, fed.lines, source, note)


def _of_a_run(running: LoadedModel | str, feeds: Feeds) -> Mapping[str, Sequence[Sequence[int]]] | str:
    """The shapes of each node's outputs, by the node's key; or why the file does not run."""
    if isinstance(running, str):
        return running
    try:
        return running.profile(feeds, optimised=False).output_shapes
    except XbenchError as error:
        return error.reason
