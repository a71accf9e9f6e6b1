"""Widths that a recipe names: which groups they mean, and what is wrong with those that mean none."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from torch import nn

from ..errors import InputError
from .finding import Candidate
from .layers import short_list


def with_widths(
    module: nn.Module, candidates: Sequence[Candidate], refused: Mapping[str, str], widths: Mapping[str, int]
) -> list[tuple[Candidate, int]]:
    """Each group that is named, with the units that it keeps, in the candidates' order.

    `refused` is why a layer may not be pruned, by its name. Raises InputError for a name that no group has, and for a
    width above what is there.
    """
    known = {one.name: one for one in candidates}
    for name, width in widths.items():
        if name not in known:
            raise _unknown(module, name, candidates, refused)
        if width > known[name].units:
            raise InputError(
                f"{name} cannot be {width} wide",
                f"it has {known[name].units} {known[name].kind}, and pruning adds none",
                "give at most that width, or leave the name out: it then keeps all",
            )
    return [(one, widths[name]) for name, one in known.items() if name in widths]


def _unknown(module: nn.Module, name: str, candidates: Sequence[Candidate], refused: Mapping[str, str]) -> InputError:
    """Why a name means no group: another one speaks for it, it may not be pruned, or there is no such module."""
    asked = f"The width of {name!r} cannot be chosen"
    owner = next((one for one in candidates if name in one.group.names("output")), None)
    if owner is not None:
        whose = f"its outputs hang together with others, and {owner.name!r} speaks for them"
        return InputError(asked, whose, f"give the width of {owner.name!r}")
    if name in refused:
        return InputError(asked, f"it may not be pruned ({refused[name]})", "leave it out of widths")
    names = [one.name for one in candidates]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3) or names
    there = any(name == known for known, _ in module.named_modules())
    found = "its outputs are not among those that may be pruned" if there else "the model has no such layer"
    hint = f"nearest that may be: {short_list(near)}" if near else "nothing may be pruned"
    return InputError(asked, found, f"{hint}; see include, exclude and types too")
