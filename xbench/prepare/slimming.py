"""Simplifies an exported file by onnxslim: folded constants, fused and removed nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InvalidError, UnavailableError
from ..onnxfile.external import stored_bytes
from ..onnxfile.opening import open_model
from ..onnxfile.signature import shape_text, signature
from ..onnxfile.writing import settle, write_graph
from ..pruning.forward import MODEL_FAULTS
from ..records.artifact import Signature
from ..sources.quiet import hushed, one_line

_REMEDY = "leave out model.slim"


def require_onnxslim() -> Callable[..., Any]:
    """onnxslim's function. Raises UnavailableError, with the command that installs it, where it is not here."""
    try:
        with hushed():
            from onnxslim import slim
    except ImportError as error:
        raise UnavailableError("onnxslim is not here", one_line(error), "pip install 'xbench[slim]'") from error
    return slim  # type: ignore[no-any-return]


def slimmed(path: Path) -> str:
    """Let onnxslim write the file at `path` again, and tell what that changed: nodes, and bytes on disk.

    Raises UnavailableError without onnxslim; InvalidError where it fails, or changes the inputs or outputs.
    """
    slim = require_onnxslim()
    settle(path)
    model = open_model(path)
    before = (len(model.graph.node), stored_bytes(path, open_model(path, load_external=False)))
    asked = signature(model)
    try:
        with hushed():
            small = slim(model)
    except MODEL_FAULTS as error:
        raise InvalidError("onnxslim cannot simplify the exported file", one_line(error), _REMEDY) from error
    changed = _changed(asked, signature(small))
    if changed:
        raise InvalidError("onnxslim changed the inputs or outputs of the exported file", changed, _REMEDY)
    nodes = len(small.graph.node)
    write_graph(small, path)
    settled = settle(path)
    return (
        f"onnxslim: {before[0]} nodes became {nodes}, {before[1]} bytes {stored_bytes(path, settled)}, "
        "both before xbench's provenance"
    )


def _changed(asked: Signature, found: Signature) -> str:
    """What is no longer as it was: an input, or the name of an output; empty where nothing is."""
    now = {one.name: one for one in found.inputs}
    for one in asked.inputs:
        if one.name not in now:
            return f"the input {one.name} is gone"
        if now[one.name] != one:
            return f"{one.name}: {shape_text(one.shape)} became {shape_text(now[one.name].shape)}"
    names, before = ([one.name for one in some.outputs] for some in (found, asked))
    return "" if names == before else f"the outputs {', '.join(before)} became {', '.join(names)}"
