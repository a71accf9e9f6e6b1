"""How much each unit of a group is worth, and how many of them go."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

import torch
from torch import nn

from ..records.recipe import StructuredRecipe
from .activation import wanda_scores
from .eligible import producers
from .forward import Material
from .graph import Group
from .layers import Layer
from .layout import by_output
from .sensitivity import taylor_scores


class Scorer:
    """Tells units apart by the recipe's `importance`. A unit's score is a sum over the weights that make it.

    - l1, l2: |w| and w^2. Torch-Pruning's GroupMagnitudeImportance has the same terms, and more: there the norms
      behind a layer and the layers that read it count too.
    - taylor: the scores of `taylor_scores`, summed as Molchanov et al. sum them over a filter's weights
      (arXiv 1906.10771, equation 8 for each weight).
    - wanda: (|w| * ||x||)^2, with |w| * ||x|| of `wanda_scores`. Squared, since then the sum is the energy of what
      the unit gives, up to its bias and to how its inputs hang together; the plain sum has no such meaning.
    - random: by chance, the control. A unit whose weights are all zero goes first, so that the steps of a schedule
      that only zeroes take no others than the last step does.

    Biases do not count, nor do the weights that read a unit.
    """

    def __init__(self, module: nn.Module, recipe: StructuredRecipe, material: Material) -> None:
        self._module = module
        self._recipe = recipe
        self._material = material
        self._calibrated: dict[str, torch.Tensor] = {}

    def prepare(self, layers: Mapping[str, Layer]) -> None:
        """Compute what needs calibration data, for all these layers at once. Raises InputError without such data."""
        new = {name: layer for name, layer in layers.items() if name not in self._calibrated}
        if new and self._recipe.importance == "taylor":
            self._calibrated |= taylor_scores(self._module, new, self._material, self._recipe.seed)
        elif new and self._recipe.importance == "wanda":
            scores = wanda_scores(self._module, new, self._material)
            self._calibrated |= {name: score.square() for name, score in scores.items()}

    def of_weights(self, name: str, layer: Layer) -> torch.Tensor:
        """A score for each weight, float64, of the weight's shape. `random` has none: 1 where w is not zero."""
        weight = layer.weight.detach().double()
        if self._recipe.importance == "l1":
            return weight.abs()
        if self._recipe.importance == "l2":
            return weight.square()
        return (weight != 0).double() if self._recipe.importance == "random" else self._calibrated[name].double()

    def of_units(self, group: Group, units: int, width: int) -> torch.Tensor:
        """The score of each unit of a group, `width` channels of the root each: float64, shape [units]."""
        total = torch.zeros(units * width, dtype=torch.float64)
        for name, layer in producers(self._module, group).items():
            rows = by_output(self.of_weights(name, layer), layer).flatten(1).sum(1).cpu()
            for cut in group.cuts:
                if cut.name == name and cut.side == "output":
                    total.index_add_(0, torch.tensor(cut.roots), rows[list(cut.channels)])
        return self.settled(total.reshape(units, width).sum(1))

    def settled(self, sums: torch.Tensor) -> torch.Tensor:
        """Sums of `of_weights`, by unit, as scores; chance comes in here."""
        return torch.rand(len(sums), dtype=sums.dtype) * (sums > 0) if self._recipe.importance == "random" else sums


def weakest(scores: torch.Tensor, count: int) -> list[int]:
    """The indices of the smallest scores, in order; equal ones are told apart by torch's random state."""
    shuffle = torch.randperm(len(scores))
    order = shuffle[scores[shuffle].argsort(stable=True)]
    return sorted(int(index) for index in order[:count])


def units_to_remove(units: int, share: float, width: int, round_to: int, dense_units: int | None = None) -> int:
    """How many units, each `width` channels wide, go, so that a multiple of `round_to` channels is left.

    It is never more than the share, and never all of them. The share is one of `dense_units` where steps before
    this one have removed some: then as many are left as one step would have left.
    """
    step = round_to // gcd(round_to, width)
    dense = units if dense_units is None else dense_units
    # The small addend: 10 * 0.3 is 2.9999999999999996 in binary.
    left = dense - int(dense * share + 1e-9)
    left = max(-(-left // step) * step, 1)
    return max(units - left, 0)
