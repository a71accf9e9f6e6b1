"""Writes a module's weights as a safetensors file: the same bytes for the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, StoreError

if TYPE_CHECKING:
    import torch


def save_weights(module: torch.nn.Module, path: Path) -> None:
    """Write the module's state dict. Tensors that share memory are written out each: the format knows no aliases.

    Raises InputError where the state holds something else than tensors; StoreError where it cannot be written.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    taken: set[int] = set()
    state: dict[str, torch.Tensor] = {}
    for name, value in module.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"The weights of {type(module).__name__} cannot be written",
                f"{name} of its state is no tensor, but a {type(value).__name__}",
                "keep only Parameters and buffers in the module's state",
            )
        tensor = value.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        state[name] = tensor.clone() if memory in taken else tensor
        taken.add(memory)
    try:
        save_file(state, path, metadata={"format": "pt"})
    except (SafetensorError, OSError) as error:
        raise StoreError(
            f"Weights cannot be written to {path.parent}",
            str(error),
            "choose a folder that can be written, with room, by --output DIR",
        ) from error
