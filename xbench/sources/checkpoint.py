"""Loads weights into a module, from safetensors or a PyTorch file of tensors; never runs code from a file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .quiet import hushed, one_line

if TYPE_CHECKING:
    import torch


def load_checkpoint(module: torch.nn.Module, path: Path) -> None:
    """Load the weights in the file `path` into `module`, in place, on the devices that its weights are on.

    `.safetensors` files are read as such, all others by `torch.load(weights_only=True)`, which refuses
    every pickle that holds more than tensors and plain containers.
    Raises InputError where the file is missing, unsafe or damaged, and where its keys or shapes
    are not those of the module; the module is then unchanged.
    """
    state = read_checkpoint(path)
    _require_fit(module, state, path)
    module.load_state_dict(state, strict=True)


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in a file by name, on the CPU and as they were stored; nothing in the file is run.

    Raises InputError where the file is missing, unsafe or damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise InputError("The checkpoint is not there", str(path), "check the path")
    return _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, OSError) as error:
        raise _unreadable(path, error) from error


def _torch_file(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        with hushed():
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"The checkpoint {path.name} is refused: it is not made of tensors alone",
            "loading it could run code that is hidden in it; nothing was run",
            "save module.state_dict(), best as .safetensors",
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError, LookupError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        found = ", ".join(map(str, list(state)[:5])) if isinstance(state, Mapping) else type(state).__name__
        raise InputError(
            f"The checkpoint {path.name} is not a plain state dict",
            f"it holds {found}",
            "save module.state_dict() alone",
        )
    return dict(state)


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"The checkpoint {path.name} cannot be read", one_line(error), "write it again")


def _require_fit(module: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    wanted = module.state_dict()
    reshaped = [
        f"{key} is {[*state[key].shape]}, not {[*wanted[key].shape]}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    parts = (
        ("missing", [key for key in wanted if key not in state]),
        ("unknown", [key for key in state if key not in wanted]),
        ("of another shape", reshaped),
    )
    found = [f"{what}: {', '.join(keys[:5])}{' ...' * (len(keys) > 5)}" for what, keys in parts if keys]
    if found:
        raise InputError(
            f"The checkpoint {path.name} does not fit {type(module).__name__}",
            "; ".join(found),
            "load it into the architecture that it was saved from",
        )
