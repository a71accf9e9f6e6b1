"""What a variant became: an ONNX file, its signature, its sparsity, its check against PyTorch."""

from __future__ import annotations

from .audit import SparsityAudit
from .base import Record

Dim = int | str | None
"""A size; the name of a dynamic axis; None where the file names neither."""


class TensorSpec(Record):
    """One input or output. `dtype` is NumPy's name (`float32`, `int64`, ...), or `string`.

    `shape` is None where the file declares no rank.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None


class Signature(Record):
    """The inputs that a caller must feed (initializers left out) and the outputs, in the file's order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class PruneStep(Record):
    """One step of a schedule: the share of the target that it went to, and what was there after fine-tuning.

    `scores` are the module's own, by metric, where the schedule has a floor. `kept` is False for the step that
    fell below it and was undone.
    """

    share: float
    elements: int
    zeros: int
    scores: dict[str, float] = {}
    kept: bool = True


class PruneReport(Record):
    """What a pruning method did to the module: weights of its Linear and convolution layers.

    `removed` is the number of weights that are gone from those layers, `zeros` the number that are there
    and zero. `asked` is the share of the weights that the recipe names; None where it names something else.
    `calibration` tells which data were looked at; empty: none. `steps` are those of a schedule with several.
    """

    method: str
    elements_before: int
    elements_after: int
    zeros: int
    layers: tuple[str, ...]
    notes: tuple[str, ...] = ()
    asked: float | None = None
    calibration: str = ""
    steps: tuple[PruneStep, ...] = ()

    @property
    def removed(self) -> int:
        """Weights that are no longer there."""
        return self.elements_before - self.elements_after


class OutputParity(Record):
    """How far one output of the ONNX file is from PyTorch's, over all inputs tried.

    `max_rel` is the largest absolute difference divided by the largest absolute reference value.
    """

    output: str
    max_abs: float
    max_rel: float
    cosine: float


class Parity(Record):
    """The check of an artifact against the module that it was exported from."""

    outputs: tuple[OutputParity, ...]
    inputs_tried: int
    tolerance: float
    passed: bool


class Artifact(Record):
    """An ONNX file that can be measured.

    `path` is absolute while a run is going on; a stored run keeps it relative to the results folder.
    `sha256` is the digest of the file (and of its external data), `graph_sha256` that of the model without
    its metadata, so that two exports of the same thing at different times can be told equal.

    `module_sha256` is the digest of the PyTorch program that is kept beside the file where a device runs modules;
    empty where there is none, and then `module_note` says why, if it was tried.

    `provenance` is what the file's `metadata_props` say. `provenance_fault` says in what they disagree with the file,
    empty where they do not: then `provenance` holds none of xbench's own. `made` is the time of the export, in
    ISO 8601, UTC; `notes` tell what the export did beside writing the file. Both are empty for files made elsewhere.
    """

    variant: str
    path: str
    sha256: str
    graph_sha256: str
    size_bytes: int
    ir_version: int
    opset: int
    signature: Signature
    audit: SparsityAudit
    parity: Parity | None = None
    prune: PruneReport | None = None
    provenance: dict[str, str] = {}
    export_seconds: float | None = None
    module_sha256: str = ""
    module_note: str = ""
    provenance_fault: str = ""
    made: str = ""
    notes: tuple[str, ...] = ()
