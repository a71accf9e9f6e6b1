"""Pruning recipes: data that says what is to be pruned, how much of it, and by which measure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Record

Ratio = Annotated[float, Field(gt=0.0, lt=1.0)]
"""A share strictly between nothing and everything."""


class _Scoped(Record):
    """What all recipes have: which layers they may touch, and the seed that ties are broken with."""

    include: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="Shell patterns of module names that may be pruned."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Shell patterns of module names to leave alone.")
    seed: int = Field(default=0, ge=0, description="Seed of everything random in this recipe.")


class MagnitudeRecipe(_Scoped):
    """Unstructured: the weights of smallest absolute value become zero."""

    method: Literal["magnitude"] = Field(description="Zero the weights of smallest magnitude.")
    sparsity: Ratio = Field(description="Share of the weights to zero, between 0 and 1 (both excluded).")
    scope: Literal["layer", "global"] = Field(
        default="layer", description="Rank weights within each layer, or over all layers together."
    )


class NMRecipe(_Scoped):
    """N:M: of each M consecutive weights along the reduced axis, N stay and the rest become zero."""

    method: Literal["n:m"] = Field(description="Keep N of each M consecutive weights.")
    n: int = Field(default=2, ge=1, description="Weights kept in each group.")
    m: int = Field(default=4, ge=2, le=64, description="Size of a group.")

    @model_validator(mode="after")
    def _n_below_m(self) -> NMRecipe:
        if self.n >= self.m:
            raise ValueError(f"n ({self.n}) must be below m ({self.m}): otherwise nothing is pruned")
        return self


class StructuredRecipe(_Scoped):
    """Structured: whole channels, neurons or attention heads go, by Torch-Pruning's dependency graph.

    With `remove: false` the same groups are chosen and only zeroed: the twin that shows what removal buys.
    """

    method: Literal["structured"] = Field(description="Take out whole channels, neurons or attention heads.")
    channels: Ratio | None = Field(default=None, description="Share of the output channels of convolutions.")
    neurons: Ratio | None = Field(
        default=None, description="Share of the hidden neurons of feed-forward (Linear) layers."
    )
    heads: Ratio | None = Field(default=None, description="Share of the attention heads of each layer.")
    remove: bool = Field(default=True, description="Remove what is pruned; false zeroes it and keeps shapes.")
    norm: Literal[1, 2] = Field(default=2, description="Rank groups by their L1 or L2 norm.")
    round_to: int = Field(default=1, ge=1, description="Keep widths a multiple of this (8 or 16 suits kernels).")

    @model_validator(mode="after")
    def _something_to_prune(self) -> StructuredRecipe:
        if self.channels is None and self.neurons is None and self.heads is None:
            raise ValueError("name at least one of channels, neurons, heads, each with its share")
        return self


Recipe = Annotated[MagnitudeRecipe | NMRecipe | StructuredRecipe, Field(discriminator="method")]
"""Any recipe; `method` tells which."""
