"""Takes weights that were pruned elsewhere as they are, and finds out what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ..errors import InputError, InvalidError
from ..pruning import copied
from ..pruning.blocks import take_out
from ..pruning.cutting import run
from ..pruning.forward import MODEL_FAULTS, Inputs
from ..pruning.layers import count_weights, weight_layers
from ..pruning.stacks import find_stacks
from ..pruning.watching import watched
from ..records.artifact import PruneReport
from ..sources.checkpoint import read_checkpoint
from .finding import patterns
from .foreign import State, converted, counted, plain
from .resizing import resize
from .workshop import Workshop

_DIGITS = 12


def adopted(path: Path, workshop: Workshop) -> tuple[nn.Module, PruneReport]:
    """A copy of the dense module with the weights of a file, in eval mode, and what was found in them.

    The file may hold the dense module's own shapes, `weight_orig` and `weight_mask` of torch.nn.utils.prune,
    smaller layers, and fewer of a model's repeated blocks. Nothing in it is run.

    Raises InputError for a file that cannot be read or does not fit, InvalidError where it holds NaN, or the module
    does not run with it or gives outputs of other shapes.
    """
    dense = workshop.dense.module
    module = copied(dense).eval()
    wanted = module.state_dict()
    state, notes = plain(read_checkpoint(path), wanted.keys(), path.name)
    state |= _tied(module, state)
    notes += converted(state, wanted, path.name)
    absent = _absent_blocks(dense, state, workshop.dense.example_inputs)
    prefixes = tuple(f"{block}." for blocks in absent.values() for block in blocks)
    _require_keys([key for key in wanted if not key.startswith(prefixes)], state, type(dense).__name__, path.name)
    notes += resize(module, dense, state, path.name)
    module.load_state_dict(state, strict=False)
    notes += _without(module, absent)
    _require_runs(module, dense, workshop.dense.example_inputs, path.name)
    return module, _report(module, dense, _file(path), notes)


def _file(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"taken from {path.name} (sha256 {digest[:_DIGITS]})"


def _tied(module: nn.Module, state: Mapping[str, torch.Tensor]) -> State:
    """Keys that the file has not, whose weight it has under another name: safetensors keeps shared weights once."""
    tensors = module.state_dict(keep_vars=True)
    known = {id(tensor): key for key, tensor in tensors.items() if key in state}
    return {key: state[known[id(t)]] for key, t in tensors.items() if key not in state and id(t) in known}


def _absent_blocks(dense: nn.Module, state: Mapping[str, torch.Tensor], inputs: Inputs) -> dict[str, list[str]]:
    """The blocks of each stack (see `find_stacks`) of which the file has nothing at all, by the stack's name.

    Never all blocks of a stack: that would be another model.
    """
    if all(key in state for key in dense.state_dict()):
        return {}
    found: dict[str, list[str]] = {}
    for stack in find_stacks(dense, inputs):
        absent = [block for block in stack.blocks if not any(key.startswith(f"{block}.") for key in state)]
        if 0 < len(absent) < len(stack.blocks):
            found[stack.name] = absent
    return found


def _without(module: nn.Module, absent: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Take the blocks out. The others were loaded under the names that they had before."""
    for stack, blocks in absent.items():
        take_out(module, stack, blocks)
    names = [block for blocks in absent.values() for block in blocks]
    return (f"without the blocks {counted(names)}",) if names else ()


def _require_keys(wanted: list[str], state: State, model: str, file: str) -> None:
    parts = (
        ("missing", [key for key in wanted if key not in state]),
        ("unknown", [key for key in state if key not in wanted]),
    )
    found = [f"{len(keys)} {what}: {counted(keys)}" for what, keys in parts if keys]
    if found:
        raise InputError(
            f"The checkpoint {file} does not fit {model}",
            "; ".join(found),
            "save module.state_dict() of the same architecture, alone and under the same names",
        )


def _require_runs(module: nn.Module, dense: nn.Module, inputs: Inputs, file: str) -> None:
    """The module gives outputs of the dense module's shapes; else the first layer that fails is named."""
    asked = f"The model does not run with the shapes of the checkpoint {file}"
    remedy = "sizes that the forward method holds fixed must fit: give the smaller module as a model of its own"
    with watched(module) as watch:
        try:
            found = [[*tensor.shape] for tensor in run(module, inputs)]
        except MODEL_FAULTS as error:
            raise InvalidError(asked, watch.told(error), remedy) from error
    wanted = [[*tensor.shape] for tensor in run(dense, inputs)]
    if found != wanted:
        raise InvalidError(asked, f"its outputs are {found}, and the dense model's {wanted}", remedy)


def _report(module: nn.Module, dense: nn.Module, source: str, notes: tuple[str, ...]) -> PruneReport:
    before, _ = count_weights(dense)
    after, zeros = count_weights(module)
    shapes = {name: layer.weight.shape for name, layer in weight_layers(dense).items()}
    there = weight_layers(module)
    touched = [
        name
        for name, layer in there.items()
        if shapes.get(name) != layer.weight.shape or bool((layer.weight.detach() == 0).any())
    ]
    told = (source, *notes, *patterns(there))
    if not touched and after == before:
        told = (*told, "nothing is pruned in it: no weight is zero, and every shape is the dense model's")
    return PruneReport(
        method="checkpoint",
        elements_before=before,
        elements_after=after,
        zeros=zeros,
        layers=tuple(touched),
        notes=told,
    )
