"""A state dict from elsewhere, made plain: masks merged, and what only its maker's code could undo refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch

from ..errors import InputError, InvalidError
from ..pruning.layers import short_list

State = dict[str, torch.Tensor]
_ORIGINAL, _MASK = "_orig", "_mask"


def plain(state: Mapping[str, torch.Tensor], wanted: Collection[str], file: str) -> tuple[State, tuple[str, ...]]:
    """The state with each pair `weight_orig` and `weight_mask` of torch.nn.utils.prune merged, and notes on that.

    `wanted` are the keys of the dense module; `file` is what the checkpoint is called. Raises InputError for
    parametrizations, and for masks that do not fit or hold anything but 0 and 1.
    """
    computed = sorted(key for key in state if "parametrizations." in key and key not in wanted)
    if computed:
        raise InputError(
            f"The checkpoint {file} holds weights that are computed: {counted(computed)}",
            "a parametrization is code, and may hold its mask outside of the file (torch.ao.pruning does)",
            "make it permanent before saving: remove_parametrizations, or squash_mask of a sparsifier",
        )
    stems = [key.removesuffix(_ORIGINAL) for key in state if key.endswith(_ORIGINAL) and key not in wanted]
    stems = sorted(stem for stem in stems if stem + _MASK in state)
    found = {key: tensor for key, tensor in state.items() if key not in _parts(stems)}
    for stem in stems:
        found[stem] = _merged(state, stem, file)
    return found, (f"merged the masks of torch.nn.utils.prune: {counted(stems)}",) if stems else ()


def _parts(stems: Iterable[str]) -> set[str]:
    return {stem + ending for stem in stems for ending in (_ORIGINAL, _MASK)}


def _merged(state: Mapping[str, torch.Tensor], stem: str, file: str) -> torch.Tensor:
    weight, mask = state[stem + _ORIGINAL], state[stem + _MASK]
    fits = weight.shape == mask.shape and bool(((mask == 0) | (mask == 1)).all())
    if not fits or stem in state:
        why = "the weight is there a second time" if fits else "it has another shape, or values other than 0 and 1"
        raise InputError(f"The mask {stem + _MASK} of the checkpoint {file} cannot be merged", why, "save it again")
    return weight * mask.to(weight.dtype)


def converted(state: State, wanted: Mapping[str, torch.Tensor], file: str) -> tuple[str, ...]:
    """Notes on the dtypes that the file has and the module has not.

    Raises InputError for integers in place of floating weights, whose scale a checkpoint does not tell, and the other
    way round; InvalidError for NaN and infinity.
    """
    shared = [key for key in state if key in wanted]
    mixed = [key for key in shared if state[key].is_floating_point() != wanted[key].is_floating_point()]
    if mixed:
        dtypes = {f"{_name(state[key])} in place of {_name(wanted[key])}" for key in mixed}
        raise InputError(
            f"The checkpoint {file} holds other kinds of numbers than the model: {counted(mixed)}",
            ", ".join(sorted(dtypes)),
            "save floating weights; xbench quantises by itself (key precisions)",
        )
    wrong = [key for key in shared if not bool(torch.isfinite(state[key].float()).all())]
    if wrong:
        raise InvalidError(f"The checkpoint {file} holds NaN or infinity: {counted(wrong)}")
    other = {_name(state[key]) for key in shared if state[key].dtype != wanted[key].dtype}
    return (f"stored as {', '.join(sorted(other))}, computed in the model's own precision",) if other else ()


def _name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def counted(names: Collection[str]) -> str:
    """Such as `a, b, c and 4 more (7 in all)`."""
    return short_list(list(names)) + (f" ({len(names)} in all)" if len(names) > 3 else "")
