"""Which layers' pruning costs quality, what sparing them wins back, and what it costs: `xbench sensitivity`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Record
from .estimate import Estimate
from .fingerprint import Fingerprint
from .quality import Better, DataFacts


class SensitivePart(Record):
    """One layer, group or block, its pruning undone alone; everything is of the examples that choose.

    Gains are in the metric's own units, above 0 where the undone one is better.
    """

    name: str = Field(description="What `exclude` calls it by.")
    kind: str = Field(description="weights, channels, neurons, heads, or layers: what its pruning takes.")
    layers: tuple[str, ...] = Field(description="Layers with weights that its pruning changes.")
    weights_back: int = Field(description="Weights that come back where it is spared.")
    weights_share: float = Field(description="The same as a share of all weights that pruning took.")
    macs_share: float | None = Field(
        default=None, description="Multiply-adds that come back, as a share of all that pruning took."
    )
    value: float | None = Field(default=None, description="The metric with this part dense, the rest pruned.")
    gain: Estimate | None = Field(default=None, description="Over the pruned variant, two-sided at 90 %.")
    p_value: float | None = Field(default=None, description="One-sided, that undoing it does not help.")
    adjusted_p: float | None = Field(default=None, description="The same, corrected for all parts (Holm).")
    beyond_chance: bool = Field(default=False, description="Whether it helps, corrected for all parts.")
    won: int | None = Field(default=None, description="Answers that become right.")
    lost: int | None = Field(default=None, description="Answers that become wrong.")
    won_ids: tuple[str, ...] = Field(default=(), description="The first examples that become right.")
    alone_drop: Estimate | None = Field(
        default=None,
        description="What pruning this part alone costs against dense, two-sided at 90 %; looked at, and ranked by, "
        "only where undoing no part helps beyond chance.",
    )
    failure: str = Field(default="", description="Why it has no figure.")

    @property
    def worth(self) -> float | None:
        """What it is ranked by: the drop that pruning it alone costs, where that was looked at, else the gain."""
        found = self.alone_drop or self.gain
        return None if found is None else found.point


class SparingStep(Record):
    """Some parts spared together, pruned again with them in `exclude`; of the examples that choose."""

    spared: tuple[str, ...]
    value: float | None = None
    gain: Estimate | None = Field(default=None, description="Over the pruned variant, two-sided at 90 %.")
    weights_share: float | None = Field(default=None, description="Weights that come back, of all that were taken.")
    gate_met: bool | None = Field(default=None, description="Whether the suite's gate on the metric would be met.")
    failure: str = ""


class Confirmed(Record):
    """A recipe, scored on the examples that were not used to choose anything."""

    variant: str = Field(description="Its name in the written suite.")
    spared: tuple[str, ...] = Field(description="The parts that it leaves alone.")
    prune: dict[str, Any] = Field(description="The recipe, as in a suite.")
    value: float
    gain: Estimate = Field(description="Over the pruned variant, two-sided at 90 %.")
    p_value: float | None = Field(default=None, description="One-sided, that it is no better than the pruned one.")
    beyond_chance: bool = Field(description="Whether it is shown to be better: p below 5 %, or the interval above 0.")
    drop: Estimate = Field(description="Against dense, above 0 is worse, two-sided at 90 %.")
    gate: str = Field(default="", description="pass, fail or inconclusive by the gate on the metric; empty: no gate.")
    zeros_share: float = Field(description="Weights that pruning takes, as a share of the dense model's.")
    weights_share: float = Field(description="Weights that come back, as a share of all that were taken.")
    macs_share: float | None = None


class SensitivityRecord(Record):
    """All of it. Values of `dense` and `pruned` are by half: those that choose, and those that confirm."""

    schema_: Literal["xbench.sensitivity/1"] = Field(default="xbench.sensitivity/1", alias="schema")
    suite: str
    suite_sha256: str
    xbench_version: str
    fingerprint: Fingerprint
    variant: str
    metric: str
    better: Better
    data: DataFacts
    seed: int
    choosing: int = Field(description="Examples that choose.")
    confirming: int = Field(description="Examples that confirm, and are looked at once.")
    left_out: int = Field(default=0, description="Examples that some model could not be scored on.")
    dense: tuple[float, float]
    pruned: tuple[float, float]
    pruned_drop: Estimate = Field(description="Of the pruned variant against dense, on the examples that choose.")
    max_drop: float | None = Field(default=None, description="What the gate allows; null: no gate on this metric.")
    zeros_share: float = Field(description="Weights that the variant's pruning takes, of the dense model's.")
    parts: tuple[SensitivePart, ...] = Field(description="The one worth most first.")
    steps: tuple[SparingStep, ...] = Field(default=(), description="In the order in which they were tried.")
    confirmed: tuple[Confirmed, ...] = Field(
        default=(), description="The proposal; then the same parts spared at as many zeros, where that can be."
    )
    nothing: str = Field(default="", description="Why nothing is proposed; empty where something is.")
    same_zeros_note: str = Field(default="", description="Why there is none at as many zeros.")
    file: str = Field(default="", description="The suite that was written.")
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
