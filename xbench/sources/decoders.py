"""Decoders of Transformers whose past keys and values are inputs and outputs of their own, as in an ONNX file."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

FEATURES, GENERATION, WITH_PAST = "feature-extraction", "text-generation", "text-generation-with-past"

_PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_CAUSAL = ("ForCausalLM", "LMHeadModel")


def is_past_name(name: str) -> bool:
    """Whether an input is a past key or value: `past_key_values.LAYER.key`, `past_key_values.LAYER.value`."""
    return _PAST.fullmatch(name) is not None


def is_causal(class_name: str) -> bool:
    """Whether a class of Transformers is a decoder with a language model's head, by its name."""
    return class_name.endswith(_CAUSAL)


def holds_decoder(directory: Path) -> bool:
    """Whether the folder's model was saved as a decoder with its head; False where config.json does not say."""
    try:
        config = json.loads((directory / "config.json").read_bytes())
        return any(is_causal(name) for name in config.get("architectures") or ())
    except (OSError, ValueError, AttributeError, TypeError):
        return False  # whoever loads the folder says what is wrong with it


def flat_past(cache: Any) -> dict[str, torch.Tensor]:
    """The keys and values of a cache by the names that the inputs have, each `[batch, heads, length, size]`."""
    pairs = cache.to_legacy_cache()
    return {
        f"past_key_values.{layer}.{kind}": tensor
        for layer, pair in enumerate(pairs)
        for kind, tensor in zip(("key", "value"), pair, strict=True)
    }


def with_flat_past(module: torch.nn.Module) -> torch.nn.Module:
    """Let a decoder take `past_key_values.LAYER.key | value` as keyword arguments, and give the module itself back.

    With them it gives a mapping: `logits`, and `present.LAYER.key | value`, which are the past and what this call
    adds to it. Without them it does what it did. The names of its parts stay as they are.
    """
    base: Any = type(module)

    @functools.wraps(base.forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        past = {name: kwargs.pop(name) for name in list(kwargs) if is_past_name(name)}
        if not past:
            return base.forward(self, *args, **kwargs)
        output = base.forward(self, *args, **kwargs, past_key_values=_cache(past), use_cache=True)
        present = flat_past(output.past_key_values)
        return {"logits": output.logits} | {
            name.replace("past_key_values", "present"): one for name, one in present.items()
        }

    module.__class__ = type(base.__name__, (base,), {"forward": forward, "__module__": base.__module__})
    return module


def _cache(past: Mapping[str, torch.Tensor]) -> Any:
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer in range(len(past) // 2):
        cache.update(past[f"past_key_values.{layer}.key"], past[f"past_key_values.{layer}.value"], layer)
    return cache
