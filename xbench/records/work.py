"""What a file computes layer by layer, and what a target could gain at best. Nothing in it was timed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .audit import LayerAudit
from .base import Record


class LayerWork(Record):
    """What one inference computes and touches in one matrix product or convolution."""

    node: str = Field(description="The node's name, or its first output's.")
    op_type: str = Field(description="The operator.")
    audit: LayerAudit | None = Field(
        default=None, description="The zeros of its weight; null where two activations are multiplied."
    )
    macs: int | None = Field(default=None, description="Multiply-accumulates; null where `missing` says why.")
    weight_bytes: int = Field(default=0, description="Size of its weights as stored.")
    activation_bytes: int | None = Field(
        default=None, description="Size of its other inputs and of its outputs, in the file's types."
    )
    activation_elements: int | None = Field(default=None, description="The same as a number of elements.")
    operations_per_byte: float | None = Field(
        default=None,
        description="Arithmetic intensity: two operations for each multiply-accumulate, by bytes of weights and "
        "activations, each once.",
    )
    removable_outputs: float = Field(
        default=0.0, description="Share of its outputs that are zero, or that no layer after it looks at; at best."
    )
    removable_inputs: float = Field(
        default=0.0, description="Share of its inputs that it does not look at, or that are zero before it; at best."
    )
    missing: str = Field(default="", description="Why its work is not known.")


class Work(Record):
    """What one inference computes at known shapes."""

    input_shapes: dict[str, tuple[int, ...]] = Field(default={}, description="The shape of each input.")
    inputs: tuple[str, ...] = Field(default=(), description="Each input in words: its sizes and its values.")
    shapes_from: Literal["run", "inferred", ""] = Field(
        default="", description="Whether the shapes inside were seen in a run, or worked out; empty: not known."
    )
    note: str = Field(default="", description="Why shapes or work are not known, or not from a run.")
    macs: int | None = Field(default=None, description="Sum of the layers; null where any of them is not known.")
    weight_bytes: int = Field(default=0, description="Weights of the layers, as stored, each once.")
    activation_bytes: int | None = Field(default=None, description="Sum of the layers.")
    operations_per_byte: float | None = Field(
        default=None, description="Arithmetic intensity of all layers together."
    )
    uncounted: tuple[str, ...] = Field(default=(), description="Work that is in none of these figures, and why.")
    layers: tuple[LayerWork, ...] = Field(default=(), description="In the file's order.")


class Ceiling(Record):
    """The rates that a bound stands on."""

    peak_tops: float = Field(description="10^12 operations/s; a multiply-add counts as two.")
    sparse_peak_tops: float | None = Field(default=None, description="The same with 2:4 sparse weights.")
    memory_gb_per_s: float = Field(description="10^9 bytes/s.")
    measured: bool = Field(description="Measured here by `xbench hardware probe`; else read in a datasheet.")
    source: str = Field(description="Where each figure is from.")


class Bound(Record):
    """At best: both ways of running the file are taken to reach the ceiling. Never a measurement.

    `speedup` is the larger of the two others, since data may or may not stay in a cache; null where `missing` says
    why. `macs_ratio` needs no figure of the target but the factor at which it skips.
    """

    speedup: float | None = Field(default=None, description="How many times as fast, at best.")
    roofline_speedup: float | None = Field(
        default=None, description="Sum over layers of max(operations / peak, bytes / bandwidth), before by after."
    )
    macs_ratio: float | None = Field(
        default=None, description="Work before by work after, nothing waiting for memory."
    )
    missing: str = Field(default="", description="Why there is no figure.")
