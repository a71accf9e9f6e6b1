"""Whether a compacted file is one that its users can take for the one it was made of, without running it."""

from __future__ import annotations

import os
from pathlib import Path

import onnx

from ..errors import InvalidError
from ..onnxfile.opening import open_model
from ..onnxfile.signature import shape_text, signature
from ..records.artifact import TensorSpec

REPORT = "nothing was written; please report this, with the file"
"""What to do where a compacted file is not what it should be."""


def checked(source: Path, target: Path) -> tuple[str, ...]:
    """Notes on what `onnx.checker` says of `target`, shapes and types included.

    Raises InvalidError where it refuses that and not `source`: a runtime may take what the checker refuses, and
    then the file stays as good as it was.
    """
    fault = _fault(target)
    if not fault:
        return ()
    before = _fault(source)
    if before:
        return (f"onnx.checker refuses the file as it was ({before}), and so the compacted one ({fault})",)
    raise InvalidError(
        f"The compacted form of {source.name} does not pass onnx.checker",
        fault,
        REPORT,
    )


def require_same_signature(source: Path, target: Path) -> None:
    """Raise InvalidError unless both have the same inputs and outputs: names, types, shapes, and order."""
    before, after = (signature(open_model(path, load_external=False)) for path in (source, target))
    if before != after:
        pairs = zip((*before.inputs, *before.outputs), (*after.inputs, *after.outputs), strict=False)
        changed = [f"{_spec(old)} became {_spec(new)}" for old, new in pairs if old != new]
        found = "; ".join(changed[:3]) or "their number changed"
        raise InvalidError(f"The signature of {source.name} would change", found, REPORT)


def _fault(path: Path) -> str:
    """What the checker says against a file, on one line; empty where nothing. By its path: it may exceed 2 GiB."""
    try:
        onnx.checker.check_model(os.fspath(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def _spec(spec: TensorSpec) -> str:
    return f"{spec.name!r} {spec.dtype} {shape_text(spec.shape)}"
