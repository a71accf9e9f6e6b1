"""Loads a Hugging Face model from a directory on this machine."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, UnavailableError
from .quiet import hushed, one_line, stay_offline

if TYPE_CHECKING:
    import torch

WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def load_transformers(directory: Path) -> torch.nn.Module:
    """The bare model (without a task's head) in `directory`, in eval mode, in float32, on the CPU.

    Only files in the directory are read; code that lies beside the weights is not run.
    Raises InputError where config.json or the weights are missing, unreadable or incomplete (what is
    missing would be random), UnavailableError where transformers is not installed.
    """
    _require_files(directory)
    stay_offline()
    auto_model = _auto_model()
    try:
        with hushed():
            model, info = auto_model.from_pretrained(
                str(directory),
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                torch_dtype="float32",
                output_loading_info=True,
            )
    except pickle.UnpicklingError as error:
        raise InputError(
            f"The weights in {directory} are refused: they are not made of tensors alone",
            "loading them could run code that is hidden in them",
            "save them again as model.safetensors",
        ) from error
    except (OSError, ValueError, RuntimeError, LookupError, ImportError, TypeError, AttributeError) as error:
        raise InputError(
            f"The model in {directory} cannot be loaded",
            one_line(error),
            "save it again with save_pretrained of a model that Transformers knows",
        ) from error
    _require_complete(directory, info["missing_keys"])
    module: torch.nn.Module = model.eval()
    return module


def _auto_model() -> Any:
    try:
        with hushed():
            from transformers import AutoModel
    except ImportError as error:
        raise UnavailableError(
            "Transformers models cannot be loaded", one_line(error), "pip install 'xbench[torch,optimum]'"
        ) from error
    return AutoModel


def _require_files(directory: Path) -> None:
    if not directory.is_dir():
        raise InputError("The model's directory is not there", str(directory), "check the path")
    if not (directory / "config.json").is_file():
        raise InputError(
            f"The directory {directory} is not a Transformers model",
            "it has no config.json",
            "name the directory that save_pretrained wrote",
        )
    if not any((directory / name).is_file() for name in WEIGHT_FILES):
        raise InputError(
            f"The directory {directory} has no weights",
            f"looked for {', '.join(WEIGHT_FILES)}",
            "name the directory that save_pretrained wrote",
        )


def _require_complete(directory: Path, missing: list[str]) -> None:
    if missing:
        shown = ", ".join(sorted(missing)[:5])
        raise InputError(
            f"The weights in {directory} are incomplete",
            f"{len(missing)} are missing and would be random: {shown}",
            "save the whole model again, or load it by a factory without the parts that are missing",
        )
