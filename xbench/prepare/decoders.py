"""Example inputs of a decoder that takes its past keys and values as inputs."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..errors import InputError
from ..protocols import Feeds
from ..pruning.forward import MODEL_FAULTS, Inputs
from ..sources.decoders import flat_past
from ..sources.quiet import one_line

BATCH, SEQUENCE, PAST = "batch", "sequence", "past_sequence"
_BATCH_SIZE, _TOKENS, _PAST_TOKENS = 2, 16, 6


def token_ids(vocabulary: int, tokens: int = _TOKENS) -> torch.Tensor:
    """Token ids `[2, tokens]`, drawn evenly from the vocabulary, always the same ones."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, vocabulary, (_BATCH_SIZE, tokens), generator=generator)


def past_of(module: torch.nn.Module, vocabulary: int) -> dict[str, torch.Tensor]:
    """Real past keys and values, by input: what the module itself keeps of six tokens. Raises InputError."""
    ids = token_ids(vocabulary, _PAST_TOKENS)
    try:
        with torch.no_grad():
            output = module(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True)
        return flat_past(output.past_key_values)
    except MODEL_FAULTS as error:
        raise InputError(
            f"{type(module).__name__} gives no past keys and values as a list of pairs",
            one_line(error),
            "give task: text-generation, which has none",
        ) from error


def with_past(inputs: Inputs, past: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inputs of a call that goes on from `past`: the mask covers it, and positions count on from it."""
    ids = inputs["input_ids"]
    before = next(iter(past.values())).shape[2]
    found = dict(inputs) | {"attention_mask": torch.ones(ids.shape[0], before + ids.shape[1], dtype=torch.int64)}
    if "position_ids" in found:
        found["position_ids"] = positions(ids, before)
    return found | dict(past)


def positions(ids: torch.Tensor, before: int = 0) -> torch.Tensor:
    """The positions of the tokens, of the shape of `ids`, after `before` others."""
    return torch.arange(before, before + ids.shape[1]).expand(ids.shape).contiguous()


def axes_with_past(inputs: Inputs, past: Mapping[str, torch.Tensor]) -> dict[str, dict[int, str]]:
    """The open axes of each input, by name."""
    axes = {name: {0: BATCH, 1: SEQUENCE} for name in inputs}
    axes["attention_mask"] = {0: BATCH, 1: f"{PAST} + {SEQUENCE}"}
    return axes | {name: {0: BATCH, 2: PAST} for name in past}


def feeds_with_past(inputs: Inputs, past: Mapping[str, torch.Tensor]) -> list[Feeds]:
    """A call that goes on from a past, and one sample that has none."""
    first = {name: tensor[:1] for name, tensor in inputs.items()}
    none = {name: tensor[:1, :, :0].contiguous() for name, tensor in past.items()}
    calls = (with_past(inputs, past), with_past(first, none))
    return [{name: tensor.numpy() for name, tensor in call.items()} for call in calls]
