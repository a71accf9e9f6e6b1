"""Pruning recipes: data that says what is to be pruned, how much of it, by which measure and in how many steps."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .base import Record

Ratio = Annotated[float, Field(gt=0.0, lt=1.0)]
"""A share strictly between nothing and everything."""

BlockSize = Annotated[int, Field(ge=1, le=4096)]

Reference = Annotated[str, Field(pattern=r"^[\w./-]+:[A-Za-z_]\w*$")]
"""A function in code of the user: `module:function`."""

Importance = Literal["l1", "l2", "taylor", "wanda", "random"]
"""How the worth of a unit is told. `taylor` and `wanda` need calibration data."""


class Schedule(Record):
    """In how many steps the target is reached. After each step the variant's `finetune` is called."""

    steps: int = Field(default=1, ge=1, le=100, description="Steps to the target; 1: all at once.")
    curve: Literal["linear", "cubic"] = Field(
        default="linear",
        description="How the share grows: the same in each step, or much at first (arXiv 1710.01878).",
    )
    floor: dict[str, float] = Field(
        default={}, description="Lowest value of a metric, by its name; the last step above it is what is kept."
    )


class _Scoped(Record):
    """What all recipes have: which layers they may touch, in how many steps, and the seed that breaks ties."""

    include: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="Shell patterns of module names that may be pruned."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Shell patterns of module names to leave alone.")
    types: tuple[str, ...] = Field(
        default=(), description="Class names of layers that may be pruned, such as Linear; none: all kinds."
    )
    seed: int = Field(default=0, ge=0, description="Seed of everything random in this recipe.")
    schedule: Schedule = Field(default=Schedule(), description="Steps to the target.")


class _WithLoss(_Scoped):
    """What recipes have that can rank by Taylor's first order."""

    loss: Reference | None = Field(
        default=None,
        description="`module:function` of (outputs, inputs) that gives the loss, run only with --trust; none: the "
        "squared change of the model's own outputs.",
    )

    @model_validator(mode="after")
    def _loss_for_taylor(self) -> Self:
        if self.loss is not None and getattr(self, "importance", "taylor") != "taylor":
            raise ValueError("loss goes with importance: taylor")
        return self


class MagnitudeRecipe(_Scoped):
    """Unstructured: the weights of smallest absolute value become zero."""

    method: Literal["magnitude"] = Field(description="Zero the weights of smallest magnitude.")
    sparsity: Ratio = Field(description="Share of the weights to zero, between 0 and 1 (both excluded).")
    scope: Literal["layer", "global"] = Field(
        default="layer", description="Rank weights within each layer, or over all layers together."
    )


class RandomRecipe(_Scoped):
    """Unstructured, by chance: the control that any measure of importance has to beat."""

    method: Literal["random"] = Field(description="Zero weights by chance: a control.")
    sparsity: Ratio = Field(description="Share of each layer's weights to zero.")


class WandaRecipe(_Scoped):
    """Unstructured: |weight| times the norm of its input over calibration data (Sun et al., arXiv 2306.11695)."""

    method: Literal["wanda"] = Field(description="Zero the weights of smallest magnitude times activation norm.")
    sparsity: Ratio = Field(description="Share of the weights to zero.")
    scope: Literal["output", "layer"] = Field(
        default="output", description="Rank weights within each output's row, as the paper does, or in the layer."
    )


class TaylorRecipe(_WithLoss):
    """Unstructured: what removing a weight would change, to first order (Molchanov et al., arXiv 1906.10771)."""

    method: Literal["taylor"] = Field(description="Zero the weights whose removal is estimated to change least.")
    sparsity: Ratio = Field(description="Share of the weights to zero.")
    scope: Literal["layer", "global"] = Field(
        default="global", description="Rank weights within each layer, or over all layers together."
    )


class BlockRecipe(_Scoped):
    """Blocks of r x c weights (outputs x inputs) become zero together."""

    method: Literal["block"] = Field(description="Zero whole blocks of weights.")
    block: tuple[BlockSize, ...] = Field(
        min_length=2, max_length=2, description="Rows (outputs) and columns (inputs) of a block, such as [4, 4]."
    )
    sparsity: Ratio = Field(description="Share of the blocks to zero.")
    scope: Literal["layer", "global"] = Field(
        default="layer", description="Rank blocks within each layer, or over all layers together."
    )
    norm: Literal[1, 2] = Field(default=2, description="Rank blocks by their L1 or L2 norm.")

    @model_validator(mode="after")
    def _a_block(self) -> BlockRecipe:
        if self.block == (1, 1):
            raise ValueError("a block of 1 x 1 is a single weight: use method magnitude")
        return self


class NMRecipe(_WithLoss):
    """N:M: of each M consecutive weights along the reduced axis, N stay and the rest become zero."""

    method: Literal["n:m"] = Field(description="Keep N of each M consecutive weights.")
    n: int = Field(default=2, ge=1, description="Weights kept in each group.")
    m: int = Field(default=4, ge=2, le=64, description="Size of a group.")
    importance: Literal["magnitude", "wanda", "taylor"] = Field(
        default="magnitude", description="Which weights of a group stay; wanda and taylor need calibration data."
    )
    permute: bool = Field(
        default=False,
        description="First search an order of the input channels that loses less (Pool and Yu, NeurIPS 2021), where "
        "the layers before and after can be reordered alike.",
    )

    @model_validator(mode="after")
    def _n_below_m(self) -> NMRecipe:
        if self.n >= self.m:
            raise ValueError(f"n ({self.n}) must be below m ({self.m}): otherwise nothing is pruned")
        if self.schedule.steps > 1:
            raise ValueError("N:M has no steps in between: leave out schedule.steps")
        return self


class StructuredRecipe(_WithLoss):
    """Structured: whole channels, neurons, attention heads or layers go, by Torch-Pruning's dependency graph.

    With `remove: false` the same groups are chosen and only zeroed: the twin that shows what removal buys.
    """

    method: Literal["structured"] = Field(description="Take out whole channels, neurons, attention heads or layers.")
    channels: Ratio | None = Field(default=None, description="Share of the output channels of convolutions.")
    neurons: Ratio | None = Field(
        default=None, description="Share of the hidden neurons of feed-forward (Linear) layers."
    )
    heads: Ratio | None = Field(
        default=None,
        description="Share of the attention heads of each layer; with grouped queries, of the key-value heads.",
    )
    layers: Ratio | None = Field(
        default=None, description="Share of the repeated blocks (a Transformer's layers) that go as a whole."
    )
    widths: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default={},
        description="Channels, neurons or heads to keep, by the layer (or attention module) that makes them; others "
        "keep all of theirs. In place of shares: as `xbench prune --target` writes them.",
    )
    remove: bool = Field(default=True, description="Remove what is pruned; false zeroes it and keeps shapes.")
    importance: Importance = Field(default="l2", description="How channels, neurons, heads and layers are ranked.")
    round_to: Annotated[int, Field(ge=1, le=1024)] | Literal["profile"] = Field(
        default=1,
        description="Keep widths a multiple of this (8 or 16 suits kernels); profile: as the suite's targets say.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_the_older_key(cls, data: Any) -> Any:
        """Suites in records of xbench.run/2 that were made before there was `importance` have `norm: 1` or `2`."""
        if isinstance(data, dict) and data.get("norm") in (1, 2) and "importance" not in data:
            return {key: value for key, value in data.items() if key != "norm"} | {"importance": f"l{data['norm']}"}
        return data

    @model_validator(mode="after")
    def _something_to_prune(self) -> StructuredRecipe:
        if not self.shares and not self.widths:
            raise ValueError("name at least one of channels, neurons, heads, layers, each with its share; or widths")
        if self.layers is not None and not self.remove:
            raise ValueError("whole layers can only be removed: leave out remove: false, or layers")
        return self

    @model_validator(mode="after")
    def _widths_alone(self) -> StructuredRecipe:
        if self.widths and self.shares:
            raise ValueError(f"widths say what stays, and shares what goes: leave out {', '.join(self.shares)}")
        if self.widths and self.round_to != 1:
            raise ValueError("widths are kept as they are given: leave out round_to")
        if self.widths and self.schedule.steps > 1:
            raise ValueError("widths have no steps in between: leave out schedule.steps")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """The share of each unit that goes, by the unit's name; none where the recipe names widths."""
        named = {"channels": self.channels, "neurons": self.neurons, "heads": self.heads, "layers": self.layers}
        return {unit: share for unit, share in named.items() if share is not None}


Recipe = Annotated[
    MagnitudeRecipe | RandomRecipe | WandaRecipe | TaylorRecipe | BlockRecipe | NMRecipe | StructuredRecipe,
    Field(discriminator="method"),
]
"""Any recipe; `method` tells which."""


class Distillation(Record):
    """The built-in fine-tuning: the pruned module learns the dense module's outputs on unlabelled inputs.

    The loss is the mean squared difference of the outputs, relative to their own mean square (Hinton et al.,
    arXiv 1503.02531, with outputs in place of soft labels). Zeros stay zeros.
    """

    method: Literal["distill"] = Field(description="Learn the dense model's outputs on calibration inputs.")
    steps: int = Field(default=100, ge=1, le=1_000_000, description="Optimiser steps, after each step of a schedule.")
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="Of AdamW.")
    seed: int = Field(default=0, ge=0, description="Seed of the order of the inputs.")


class Expectation(Record):
    """What a recipe is expected to do; the report sets it beside what it did. It decides nothing: a gate does."""

    speedup: float | None = Field(default=None, gt=0, le=1000, description="Expected speedup, such as 1.8.")
    max_drop: dict[str, Annotated[float, Field(ge=0, le=1)]] | Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Expected drop at most, by metric; a single number is of the first metric."
    )

    @model_validator(mode="after")
    def _something(self) -> Expectation:
        if self.speedup is None and self.max_drop is None:
            raise ValueError("expect needs speedup, max_drop, or both")
        return self
