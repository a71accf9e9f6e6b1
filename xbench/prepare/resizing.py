"""Gives the layers of a module the smaller shapes of a checkpoint, where shapes are all that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ..errors import InputError
from ..pruning.attention import understand
from ..pruning.heads import settle_configs, shrink
from ..pruning.layers import channel_count, is_conv1d, is_layer, weight_by_output
from .foreign import counted

_REMEDY = "prune it here by a recipe, or give the smaller module as a model of its own"


def resize(module: nn.Module, dense: nn.Module, state: Mapping[str, torch.Tensor], file: str) -> tuple[str, ...]:
    """Set the shapes of the tensors that `state` has smaller, in place, and tell which.

    The tensors are new and empty: load the state afterwards. `dense` is the module as it was. Raises InputError,
    naming it, for a module whose shape is not its tensors' alone, or whose attention heads cannot be told.
    """
    smaller = _smaller(module, state, file)
    told: list[str] = []
    for name, tensors in smaller.items():
        part = module.get_submodule(name)
        before = _widths(part)
        _set_sizes(part, name, tensors, file)
        for key, tensor in tensors.items():
            _replace(part, key, tensor.shape)
        if is_layer(part):
            told.append(f"{name} {before} -> {_widths(part)}")
    heads = _heads(module, dense, state, list(smaller), file)
    return (*((f"smaller than in the dense model: {counted(told)}",) if told else ()), *heads)


def _smaller(module: nn.Module, state: Mapping[str, torch.Tensor], file: str) -> dict[str, dict[str, torch.Tensor]]:
    """The tensors of other shapes, by module and by their name in it."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    shared = {id(p) for p in _shared(module)}
    for key, tensor in module.state_dict(keep_vars=True).items():
        if key not in state or state[key].shape == tensor.shape:
            continue
        now, was = [*state[key].shape], [*tensor.shape]
        if len(now) != len(was) or any(a > b for a, b in zip(now, was, strict=True)) or 0 in now:
            raise InputError(
                f"{key} of the checkpoint {file} is {now}, not {was}", "it is not a smaller one", _REMEDY
            )
        if id(tensor) in shared:
            raise InputError(
                f"{key} of the checkpoint {file} is {now}, not {was}", "several modules share it", _REMEDY
            )
        name, _, local = key.rpartition(".")
        found.setdefault(name, {})[local] = state[key]
    return found


def _shared(module: nn.Module) -> Iterator[nn.Parameter]:
    seen: set[int] = set()
    for part in module.modules():
        for parameter in part.parameters(recurse=False):
            if id(parameter) in seen:
                yield parameter
            seen.add(id(parameter))


def _widths(part: nn.Module) -> str:
    return f"{channel_count(part, 'input')}x{channel_count(part, 'output')}" if is_layer(part) else ""


def _set_sizes(part: nn.Module, name: str, tensors: Mapping[str, torch.Tensor], file: str) -> None:
    """The attributes that say how large a module is. Raises InputError for a module that is not known."""
    weight = tensors.get("weight")
    shape = tuple(weight.shape) if weight is not None else None
    sizes = _sizes(part, shape) if shape is not None else None
    if sizes is None:
        raise InputError(
            f"The checkpoint {file} has other shapes of {name or 'the model'} ({type(part).__name__})",
            "what else of such a module depends on its shape is not known",
            _REMEDY,
        )
    for attribute, size in sizes.items():
        setattr(part, attribute, size)


def _sizes(part: nn.Module, shape: tuple[int, ...]) -> dict[str, object] | None:
    """Sizes by attribute for a weight of this shape; None where the shape alone does not give them."""
    if isinstance(part, nn.Linear):
        return {"out_features": shape[0], "in_features": shape[1]}
    if is_conv1d(part):
        return {"nx": shape[0], "nf": shape[1]}
    if isinstance(part, _ConvNd):
        return _conv_sizes(part, shape)
    if isinstance(part, nn.modules.batchnorm._NormBase):
        return {"num_features": shape[0]}
    if isinstance(part, nn.LayerNorm | nn.RMSNorm):
        return {"normalized_shape": shape} if len(shape) == 1 else None
    if isinstance(part, nn.Embedding):
        return {"embedding_dim": shape[1]} if shape[0] == part.num_embeddings else None
    return None


def _conv_sizes(part: _ConvNd, shape: tuple[int, ...]) -> dict[str, object] | None:
    """Of groups only depthwise ones, one for each channel, are told by the shape."""
    if shape[2:] != tuple(part.weight.shape[2:]):
        return None
    outputs, inputs = (shape[1], shape[0]) if isinstance(part, _ConvTransposeNd) else (shape[0], shape[1])
    if part.groups == 1:
        return {"out_channels": outputs, "in_channels": inputs}
    if part.groups == part.in_channels == part.out_channels:
        return {"out_channels": shape[0], "in_channels": shape[0], "groups": shape[0]}
    return None


def _replace(part: nn.Module, key: str, shape: Sequence[int]) -> None:
    old = getattr(part, key)
    new = torch.zeros(tuple(shape), dtype=old.dtype, device=old.device)
    if isinstance(old, nn.Parameter):
        setattr(part, key, nn.Parameter(new, requires_grad=old.requires_grad))
    else:
        setattr(part, key, new)


def _heads(
    module: nn.Module, dense: nn.Module, state: Mapping[str, torch.Tensor], resized: Sequence[str], file: str
) -> list[str]:
    """Attention modules whose projections became narrower have fewer heads, of the size that they had.

    Shapes do not tell fewer heads from narrower ones. Where the rows are the dense module's own, they do.
    """
    narrower = [name for name in resized if _narrower(module, dense, name)]
    owners = dict.fromkeys(owner for name in narrower if (owner := _attention_of(dense, name)))
    told: list[str] = []
    unsure: list[str] = []
    shrunk = []
    for owner in owners:
        before = understand(owner, dense.get_submodule(owner))
        units, rest = divmod(_width(module, before.root) * before.units, _width(dense, before.root))
        shrink(module, before, units)
        after = understand(owner, module.get_submodule(owner)) if units and not rest else before
        kept = _kept(dense, state, before.root)
        whole = kept is None or _are_units(kept[: units * before.size], before.size)
        if not whole or (after.units, after.heads) != (units, before.heads // before.units * units):
            left = f"{_width(module, before.root)} of {_width(dense, before.root)} channels of {before.root} are left"
            why = f"and a head has {before.size}" if whole else "and they are parts of heads"
            raise InputError(f"{owner} in the checkpoint {file} has no whole heads", f"{left}, {why}", _REMEDY)
        shrunk.append(after)
        told.append(f"{owner} {before.heads} -> {after.heads}")
        unsure += [] if kept else [owner]
    notes = [f"fewer heads: {counted(told)}"] if told else []
    if unsure:
        notes.append(
            f"which heads went is not to be told, and they are taken to be as wide as before: {counted(unsure)}"
        )
    return [*notes, *settle_configs(module, shrunk)]


def _kept(dense: nn.Module, state: Mapping[str, torch.Tensor], root: str) -> list[int] | None:
    """Which outputs of the dense layer those of the checkpoint are, bit for bit; None where they are not the same."""
    layer = dense.get_submodule(root)
    assert is_layer(layer)  # noqa: S101 - `understand` takes no other
    now = state[f"{root}.weight"]
    rows = now.t() if is_conv1d(layer) else now
    known = {row.tobytes(): index for index, row in enumerate(weight_by_output(layer).cpu().contiguous().numpy())}
    found = [known.get(row.tobytes()) for row in rows.contiguous().numpy()]
    return [index for index in found if index is not None] if None not in found else None


def _are_units(kept: Sequence[int], size: int) -> bool:
    """Whether these places are runs of `size`, each of which begins at a multiple of it."""
    runs = [list(kept[start : start + size]) for start in range(0, len(kept), size)]
    return all(run[0] % size == 0 and run == list(range(run[0], run[0] + size)) for run in runs)


def _width(module: nn.Module, name: str) -> int:
    layer = module.get_submodule(name)
    return channel_count(layer, "output") if is_layer(layer) else 0


def _narrower(module: nn.Module, dense: nn.Module, name: str) -> bool:
    return 0 < _width(module, name) < _width(dense, name)


def _attention_of(dense: nn.Module, name: str) -> str:
    """The attention module that a layer is directly in; empty for none."""
    owner = name.rpartition(".")[0]
    return owner if "attention" in type(dense.get_submodule(owner)).__name__.lower() else ""
