"""Finds exporters and runners by name: the shipped ones in a table, third parties' by entry point."""

from __future__ import annotations

import difflib
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from .errors import InputError
from .protocols import Exporter, Runner

RUNNERS = {
    "cpu": "xbench.runners.cpu:CpuRunner",
    "cuda": "xbench.runners.cuda:CudaRunner",
    "tensorrt": "xbench.runners.tensorrt_ep:TensorRtRunner",
    "fake": "xbench.runners.fake:FakeRunner",
}
EXPORTERS = {
    "dynamo": "xbench.exporters.torch_dynamo:TorchDynamoExporter",
    "optimum": "xbench.exporters.transformers_optimum:TransformersOptimumExporter",
}


def _reference(kind: str, name: str, shipped: dict[str, str]) -> str:
    known = dict(shipped)
    for entry in entry_points(group=f"xbench.{kind}s"):
        known.setdefault(entry.name, entry.value)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"There is no {kind} called {name!r}", f"known are {', '.join(sorted(known))}", hint.strip())


def _load(reference: str) -> object:
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def runner_class(name: str) -> type[Runner]:
    """The runner of that name. Raises InputError, with the nearest name, where there is none."""
    return cast(type[Runner], _load(_reference("runner", name, RUNNERS)))


def exporter(name: str) -> Exporter:
    """A new exporter of that name. Raises InputError, with the nearest name, where there is none."""
    return cast(type[Exporter], _load(_reference("exporter", name, EXPORTERS)))()
