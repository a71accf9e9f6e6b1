"""What `xbench inspect` found in a file. Nothing in it was timed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..records.artifact import Signature
from ..records.audit import OptimisedAudit, SparsityAudit
from ..records.base import Record
from ..records.profile import Precision
from ..records.work import Bound, Ceiling, Work


class TargetWorth(Record):
    """What the zeros of a file can be worth on one target."""

    hardware: str = Field(description="Name of the profile.")
    family: str = Field(description="What it is listed under.")
    runner: str = Field(description="The profile's runner.")
    precision: Precision = Field(description="The profile's precision.")
    as_is: Bound = Field(description="The file as it is, against one without zeros.")
    if_removed: Bound | None = Field(
        default=None, description="What is only zeroed, removed; null where no output or input is zero."
    )
    layers: int = Field(default=0, description="Layers whose zeros this target can skip.")
    why: str = Field(description="Who skips what here, and who does not.")
    ceiling: Ceiling | None = Field(default=None, description="The rates used; null where none were needed or known.")


class Inspection(Record):
    """One file."""

    file: str = Field(description="As it was named.")
    size_bytes: int = Field(description="With external data.")
    sha256: str = Field(description="Digest of the file and its external data.")
    graph_sha256: str = Field(description="Digest of the model without its metadata.")
    ir_version: int = Field(description="Version of the ONNX format.")
    opset: int = Field(description="Version of the standard operators.")
    signature: Signature = Field(description="Inputs and outputs.")
    provenance: dict[str, str] = Field(description="What the file says of itself.")
    provenance_fault: str = Field(description="What of it is not true; empty where nothing is.")
    audit: SparsityAudit = Field(description="The zeros in the file.")
    work: Work = Field(description="What one inference computes.")
    optimised: OptimisedAudit = Field(description="The zeros in the graph that ONNX Runtime makes of it on a CPU.")
    lost: str = Field(default="", description="Which zeros are lost on the way into that graph; empty: none.")
    targets: tuple[TargetWorth, ...] = Field(description="In the order of the profiles.")

    @property
    def faults(self) -> tuple[str, ...]:
        """What makes the exit code 4."""
        return tuple(fault for fault in (self.provenance_fault, self.lost) if fault)


class Inspections(Record):
    """Several files: what `--json` gives."""

    schema_: Literal["xbench.inspect/1"] = Field(
        default="xbench.inspect/1", alias="schema", description="Name and version of this format."
    )
    xbench_version: str = Field(description="The xbench that looked.")
    files: tuple[Inspection, ...] = Field(description="In the order in which they were named.")
    exit_code: int = Field(description="0; 4 where zeros are lost or a provenance is not true.")
