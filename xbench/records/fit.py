"""What a search for widths was asked, what it measured, and what came of it: `xbench prune --target --speedup`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Record
from .comparison import Comparison
from .estimate import Estimate
from .fingerprint import Fingerprint
from .quality import QualityResult


class FitRound(Record):
    """One choice of widths, and what was measured of it, dense and pruned interleaved."""

    target_speedup: float = Field(description="The predicted speedup that was asked of the search.")
    predicted_speedup: float = Field(description="What the tables predict for the widths.")
    importance_lost: float = Field(description="Sum over groups; see `importance` of the record.")
    widths: dict[str, int] = Field(description="Units kept, by group.")
    measured: Estimate = Field(description="Speedup over the dense model, interleaved.")


class FitSide(Record):
    """One way of choosing widths: `uniform`, the same share of each group, or `latency-aware`."""

    variant: str = Field(description="Name of the variant in the written suite.")
    rounds: tuple[FitRound, ...] = Field(description="In their order.")
    taken: int = Field(ge=0, description="Which of the rounds is kept.")
    not_reached: str = Field(
        default="", description="Why its speedup is not the wanted one; empty where it is, within the tolerance."
    )
    share: float | None = Field(default=None, description="Share of each group that goes; null for latency-aware.")

    @property
    def best(self) -> FitRound:
        """The round whose widths were kept."""
        return self.rounds[self.taken]


class FitGroup(Record):
    """One group of channels, neurons or heads: how many were there, and how many each way keeps."""

    name: str = Field(description="The layer or attention module that `widths` calls it by.")
    kind: str = Field(description="channels, neurons or heads.")
    dense: int = Field(description="Units of the dense model.")
    uniform: int = Field(description="Units that uniform pruning keeps.")
    latency_aware: int = Field(description="Units that latency-aware pruning keeps.")
    uniform_lost: float = Field(description="Importance that uniform pruning loses here.")
    latency_aware_lost: float = Field(description="Importance that latency-aware pruning loses here.")


class QualityGap(Record):
    """Latency-aware against uniform on the same examples; above 0: latency-aware is better."""

    metric: str
    latency_aware: float
    uniform: float
    gain: Estimate


class FitRecord(Record):
    """All of it. `importance_lost` of sides and groups is in the unit that `loss_unit` tells in words."""

    schema_: Literal["xbench.fit/1"] = Field(default="xbench.fit/1", alias="schema")
    suite: str
    suite_sha256: str
    xbench_version: str
    fingerprint: Fingerprint
    hardware: str
    workload: str
    simulated: bool = Field(default=False, description="True where times are scripted: no figure means anything.")
    wanted_speedup: float
    tolerance: float = Field(description="How far beyond the wanted speedup is accepted, as a share of it.")
    importance: str = Field(description="The measure of importance, as in the recipe.")
    loss_unit: str = Field(description="What `importance_lost` is, in words.")
    dense_latency_us: float = Field(description="Median of one inference of the dense model.")
    layers_latency_us: float = Field(description="Sum of the dense layers that some group changes, by the tables.")
    most_predicted_speedup: float = Field(description="Of everything at its narrowest, as predicted.")
    uniform: FitSide
    latency_aware: FitSide
    groups: tuple[FitGroup, ...]
    comparisons: tuple[Comparison, ...] = Field(description="Of the last run: dense, uniform, latency-aware.")
    quality: tuple[QualityResult, ...] = Field(default=(), description="Before any fine-tuning.")
    gaps: tuple[QualityGap, ...] = Field(default=(), description="By metric.")
    flat: tuple[str, ...] = Field(default=(), description="Where widths make no difference in time, in words.")
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = Field(default=(), description="What was written, in the output folder.")
    run: str = Field(default="", description="Id of the last run, in the folder `results` there.")
    measured_seconds: float = Field(default=0.0, description="What measuring tables and models took here.")
