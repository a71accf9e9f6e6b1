"""Loads a Hugging Face model from a directory on this machine."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, UnavailableError
from .decoders import FEATURES, WITH_PAST, with_flat_past
from .quiet import hushed, one_line, stay_offline

if TYPE_CHECKING:
    import torch

WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def load_transformers(directory: Path, task: str = FEATURES) -> torch.nn.Module:
    """The model in `directory`, in eval mode, in float32, on the CPU.

    For the task feature-extraction it is the bare model, without a head; for text-generation the causal decoder
    with its head; for text-generation-with-past one that takes its past as `with_flat_past` says.

    Only files in the directory are read; code that lies beside the weights is not run.
    Raises InputError where config.json or the weights are missing, unreadable or incomplete (what is
    missing would be random), UnavailableError where transformers is not installed.
    """
    _require_files(directory)
    stay_offline()
    auto_model = _auto_model(task)
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
    if task == WITH_PAST:
        return with_flat_past(module)
    if getattr(model.config, "use_cache", False):
        model.config.use_cache = False  # nothing goes on from there: a past among the outputs would be lost work
    return module


def _auto_model(task: str) -> Any:
    try:
        with hushed():
            from transformers import AutoModel, AutoModelForCausalLM
    except ImportError as error:
        raise UnavailableError(
            "Transformers models cannot be loaded", one_line(error), "pip install 'xbench[torch,optimum]'"
        ) from error
    return AutoModel if task == FEATURES else AutoModelForCausalLM


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
