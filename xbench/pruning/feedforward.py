"""Models that Torch-Pruning cannot follow, and the feed-forward layers in them that are known by their structure."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from .graph import Cut, Group
from .layers import channel_count, is_conv1d, is_layer

# The layers that make the hidden neurons, and the one that reads them: Llama's, Mistral's and Qwen's; GPT-2's;
# Phi's; GPT-NeoX's. Between them stands an elementwise activation; the proof that removing is zeroing finds others.
_FAMILIES = (
    (("gate_proj", "up_proj"), "down_proj"),
    (("c_fc",), "c_proj"),
    (("fc1",), "fc2"),
    (("dense_h_to_4h",), "dense_4h_to_h"),
)


def beyond_tracing(module: nn.Module) -> str:
    """Why Torch-Pruning must not be asked about a module; empty where it may be.

    Its dependency graph does not come to an end over rotary position embeddings (seen with 1.6.1 on Llama's and
    Qwen's), and it does not know Conv1D.
    """
    for part in module.modules():
        if "rotary" in type(part).__name__.lower() or "inv_freq" in dict(part.named_buffers(recurse=False)):
            return "Torch-Pruning does not come to an end over rotary position embeddings"
        if is_conv1d(part):
            return "Torch-Pruning does not know the layer Conv1D"
    return ""


def feed_forwards(module: nn.Module) -> Iterator[Group]:
    """The hidden neurons of each feed-forward layer that is known, as a group whose root is its first layer."""
    for name, part in module.named_modules():
        for makers, reader in _FAMILIES:
            layers = [getattr(part, key, None) for key in (*makers, reader)]
            widths = {
                channel_count(layer, "input" if key == reader else "output")
                for key, layer in zip((*makers, reader), layers, strict=True)
                if isinstance(layer, nn.Linear) or is_conv1d(layer)
            }
            if all(is_layer(layer) for layer in layers) and len(widths) == 1:
                yield _group(name, makers, reader, *widths)


def _group(name: str, makers: tuple[str, ...], reader: str, width: int) -> Group:
    every = tuple(range(width))
    prefix = f"{name}." if name else ""
    cuts = [Cut(f"{prefix}{key}", "output", every, every) for key in makers]
    cuts.append(Cut(f"{prefix}{reader}", "input", every, every))
    return Group(cuts[0].name, tuple(cuts), frozenset(), frozenset())
