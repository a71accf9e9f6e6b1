"""Makes recipes that spare parts: how many are tried, which of them is taken, and at how many zeros."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..records.recipe import Recipe, StructuredRecipe

T = TypeVar("T")


def ladder(helping: int, parts: int) -> tuple[int, ...]:
    """How many parts are spared in each try: 1, 2, 3, 5, 8 and so on, up to half of all, of those that help alone.

    Fibonacci's numbers: the steps grow with what was spared before, so that a hundred layers take ten tries.
    """
    most = min(helping, parts // 2)
    found, step = [], (1, 2)
    while step[0] < most:
        found.append(step[0])
        step = (step[1], sum(step))
    return (*found, most) if most > 0 else ()


def fewest(tries: Sequence[T], value: Callable[[T], float], is_better: Callable[[T, T], bool]) -> T:
    """The first of the tries, ordered by how many parts they spare, that the best is not shown to be better than.

    `value` is higher for better ones; `is_better(a, b)`: whether a is better than b beyond chance.
    """
    best = max(tries, key=value)
    return next(one for one in tries if one is best or not is_better(best, one))


def sparing(recipe: Recipe, names: Sequence[str]) -> Recipe:
    """The recipe that leaves these parts alone: by `exclude`, their names taken literally, or out of `widths`."""
    data = recipe.model_dump()
    if isinstance(recipe, StructuredRecipe) and recipe.widths:
        data["widths"] = {name: width for name, width in recipe.widths.items() if name not in names}
    else:
        # Shell patterns: of a name, only brackets, stars and question marks mean something else there.
        data["exclude"] = tuple(dict.fromkeys((*recipe.exclude, *map(glob.escape, names))))
    return type(recipe).model_validate(data)


def at_as_many_zeros(recipe: Recipe, taken: int, wanted: int) -> tuple[Recipe | None, str]:
    """The recipe with a higher `sparsity`, so that not `taken` but `wanted` weights go; or None, and why not."""
    sparsity = getattr(recipe, "sparsity", None)
    if sparsity is None:
        return None, "the recipe names no share of weights that could be raised for the others"
    # Rounded down: never more zeros than the pruned variant has.
    raised = int(sparsity * wanted / taken * 10_000) / 10_000 if taken else 1.0
    if raised <= sparsity:
        return None, "sparing them brings no weights back"
    if raised >= 1:
        return None, f"the others would have to lose all of their weights ({raised:.0%} is asked of them)"
    return type(recipe).model_validate(recipe.model_dump() | {"sparsity": raised}), ""
