"""How long one layer takes at several widths: measured on a target, never worked out."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field

from .base import Record
from .profile import Precision

LayerOperator = Literal["Conv", "MatMul", "Gemm"]


class LayerSignature(Record):
    """All of a layer that its time depends on, but for its widths. Layers of one signature share a table."""

    op_type: LayerOperator = Field(description="The operator.")
    dtype: str = Field(description="NumPy's name of the type of its weights and activations.")
    shape: tuple[int, ...] = Field(
        description="Of a convolution: batch, and the sizes of what it slides over. Of a product: all sizes of its "
        "input but the last."
    )
    kernel: tuple[int, ...] = Field(default=(), description="Sizes of a convolution's kernel.")
    strides: tuple[int, ...] = Field(default=(), description="A convolution's strides.")
    pads: tuple[int, ...] = Field(default=(), description="A convolution's pads, as ONNX orders them.")
    dilations: tuple[int, ...] = Field(default=(), description="A convolution's dilations.")
    groups: int = Field(default=1, ge=1, description="Groups of a convolution; 1 where `depthwise`.")
    depthwise: bool = Field(default=False, description="Each channel is a group of its own, whatever the width.")
    transposed: bool = Field(default=False, description="A Gemm whose weight is stored as outputs x inputs.")

    def output_sizes(self) -> tuple[int, ...]:
        """The sizes of what a convolution gives (ONNX operator specification, Conv); of a product, its rows."""
        if self.op_type != "Conv":
            return self.shape
        half = len(self.kernel)
        whole = zip(self.shape[1:], self.kernel, self.strides, self.dilations, strict=True)
        padded = zip(whole, self.pads[:half], self.pads[half:], strict=True)
        return tuple((n + a + b - d * (k - 1) - 1) // s + 1 for (n, k, s, d), a, b in padded)

    def macs(self, inputs: int, outputs: int) -> int:
        """Multiply-accumulates at these widths."""
        rows = math.prod(self.output_sizes())
        if self.op_type != "Conv":
            return rows * inputs * outputs
        reduced = 1 if self.depthwise else inputs // self.groups
        return self.shape[0] * rows * math.prod(self.kernel) * reduced * outputs

    def fits(self, inputs: int, outputs: int) -> bool:
        """Whether a layer of this signature can have these widths."""
        if inputs < 1 or outputs < 1:
            return False
        return inputs == outputs if self.depthwise else not (inputs % self.groups or outputs % self.groups)

    def words(self) -> str:
        """The signature in a few words, for people."""
        sizes = "x".join(map(str, self.shape))
        if self.op_type != "Conv":
            return f"{self.op_type}, rows {sizes}, {self.dtype}"
        kernel, strides = "x".join(map(str, self.kernel)), "x".join(map(str, self.strides))
        kind = "depthwise " if self.depthwise else f"{self.groups} groups " if self.groups > 1 else ""
        return f"{kind}Conv {kernel} / {strides} at {sizes}, {self.dtype}"


class LatencyPoint(Record):
    """The time of one layer at one pair of widths: what it adds to a model, microseconds."""

    inputs: int = Field(ge=1, description="Input channels or features, all groups together.")
    outputs: int = Field(ge=1, description="Output channels or features.")
    latency_us: float = Field(gt=0, description="Median over processes.")
    latency_low_us: float = Field(ge=0, description="Lower end of its interval.")
    latency_high_us: float = Field(gt=0, description="Upper end of its interval.")
    process_latencies_us: tuple[float, ...] = Field(description="One figure from each process, in their order.")
    samples: int = Field(ge=1, description="Timed calls, all processes together.")
    disturbed: int = Field(default=0, ge=0, description="Visits in which something else held the processor.")
    batch: str = Field(description="Points of one batch were measured in the same processes, and can be paired.")


class LatencyTable(Record):
    """What a machine was measured to take for layers of one signature, through one profile."""

    schema_: Literal["xbench.latency-table/1"] = Field(
        default="xbench.latency-table/1", alias="schema", description="Name and version of this format."
    )
    profile: str = Field(description="Name of the profile.")
    runner: str = Field(description="The profile's runner then.")
    options: dict[str, Any] = Field(description="The profile's options then.")
    precision: Precision = Field(description="The profile's precision then.")
    threads: int | Literal["all"] = Field(description="The profile's threads then.")
    fingerprint_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the machine's fingerprint.")
    created: str = Field(description="When it was last added to, in UTC (ISO 8601).")
    xbench_version: str = Field(description="The xbench that measured.")
    simulated: bool = Field(default=False, description="True where nothing was computed: no figure means anything.")
    signature: LayerSignature = Field(description="The layer, but for its widths.")
    confidence: float = Field(gt=0, lt=1, description="Of the intervals.")
    noise: float = Field(
        ge=0,
        description="The most by which the widest layer may differ from its own second copy, as a share.",
    )
    points: tuple[LatencyPoint, ...] = Field(description="By inputs, then outputs.")
    missing: dict[str, str] = Field(default={}, description="Why there is no figure, by `INPUTSxOUTPUTS`.")

    def point(self, inputs: int, outputs: int) -> LatencyPoint | None:
        """The point at exactly these widths."""
        return next((one for one in self.points if (one.inputs, one.outputs) == (inputs, outputs)), None)


def width_key(inputs: int, outputs: int) -> str:
    """How `missing` names a pair of widths."""
    return f"{inputs}x{outputs}"
