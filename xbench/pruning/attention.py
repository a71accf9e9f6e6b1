"""Reads how an attention module divides its channels into heads, and refuses by name what it does not understand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from ..errors import InputError
from .graph import Cut, Group
from .layers import Conv1D, channel_count, is_conv1d, short_list

_BERT = ("query", "key", "value")
_GROUPED = ("q_proj", "k_proj", "v_proj", "o_proj")
_OUTPUTS = ("o_proj", "out_proj", "dense")  # as Llama, OPT and Phi call it
_FUSED = ("c_attn", "c_proj")
_FAMILIES = (_BERT, _GROUPED, _FUSED)


@dataclass(frozen=True, slots=True)
class Attention:
    """A self-attention module of `units` heads, or, with grouped queries, of so many key-value heads.

    `heads` are those of the queries. A unit is `size` channels of the layer `root`. `attributes` of the module, each
    with its value for one unit, are what its forward method reshapes by. `group` is all that hangs on the root;
    None: the dependency graph knows.
    """

    name: str
    heads: int
    units: int
    size: int
    root: str
    attributes: tuple[tuple[str, int], ...]
    group: Group | None = None

    def misread(self, group: Group) -> str:
        """Why the dependency graph's view of a BERT's module is not the expected one; empty where it is."""
        expected = {f"{self.name}.{part}" for part in _BERT}
        if set(group.names("output")) != expected:
            return f"its heads hang together with {short_list(sorted(set(group.names('output')) - expected))}"
        if any(cut.channels != cut.roots for cut in group.cuts):
            return "its heads are reordered on the way to the next layer"
        return ""


def refuse(name: str, why: str) -> InputError:
    """The error for an attention module that would be pruned wrongly."""
    return InputError(
        f"The heads of attention module {name!r} cannot be pruned safely",
        why,
        "name it in exclude, or leave heads out",
    )


def projections(part: nn.Module) -> tuple[str, ...]:
    """The layers that make an attention module's queries, keys and values, by the family it seems to be of."""
    family = next((names for names in _FAMILIES if hasattr(part, names[0])), _BERT)
    return family if family is _BERT else family[:-1]


def understand(name: str, part: nn.Module) -> Attention:
    """An attention module built as BERT's, as Llama's (Mistral, Qwen), or as GPT-2's is; by structure, not by class.

    Raises InputError, naming it, for any other, and for one with weights that are not known.
    """
    if hasattr(part, _FUSED[0]):
        return _fused(name, part)
    return _grouped(name, part) if hasattr(part, _GROUPED[0]) else _bert(name, part)


def _bert(name: str, part: nn.Module) -> Attention:
    """`query`, `key` and `value`; the next layer lies outside, and the dependency graph finds it."""
    layers = _layers(name, part, _BERT)
    _refuse_further(name, part, _BERT)
    heads, size, width = _numbers(name, part, ("num_attention_heads", "attention_head_size", "all_head_size"))
    widths = [channel_count(layer, "output") for layer in layers]
    if set(widths) != {heads * size} or width != heads * size:
        raise refuse(name, f"query, key and value have widths {widths}, not {heads} heads of {size}")
    return Attention(name, heads, heads, size, f"{name}.query", (("num_attention_heads", 1), ("all_head_size", size)))


def _grouped(name: str, part: nn.Module) -> Attention:
    """`q_proj`, `k_proj`, `v_proj` and an output. A key-value head goes with all query heads that read it.

    Query head h reads key-value head h // (query heads / key-value heads): so `repeat_kv` lays them out in
    transformers' models.
    """
    last = next((other for other in _OUTPUTS if hasattr(part, other)), _OUTPUTS[0])
    names = (*_GROUPED[:-1], last)
    query, key, value, output = _layers(name, part, names)
    (size,) = _numbers(name, part, ("head_dim",))
    # Norms of queries and keys (as in Qwen3) run over one head, and serve all heads alike.
    norms = [norm for norm in ("q_norm", "k_norm") if _width_of_norm(getattr(part, norm, None)) == size]
    _refuse_further(name, part, (*names, *norms))
    wide, narrow = channel_count(query, "output"), channel_count(key, "output")
    made = (channel_count(value, "output"), channel_count(output, "input"))
    if narrow % size or wide % narrow or made != (narrow, wide):
        raise refuse(name, f"queries, keys, values and output have widths {[wide, narrow, *made]} in heads of {size}")
    ratio = wide // narrow
    queries = tuple(range(wide))
    readers = tuple(c // (size * ratio) * size + c % size for c in queries)
    keys = tuple(range(narrow))
    cuts = (
        Cut(f"{name}.k_proj", "output", keys, keys),
        Cut(f"{name}.v_proj", "output", keys, keys),
        Cut(f"{name}.q_proj", "output", queries, readers),
        Cut(f"{name}.{last}", "input", queries, readers),
    )
    counts = {"num_heads": ratio, "num_attention_heads": ratio, "num_key_value_heads": 1}
    there = tuple((key, each) for key, each in counts.items() if isinstance(getattr(part, key, None), int))
    root = f"{name}.k_proj"
    return Attention(
        name, wide // size, narrow // size, size, root, there, Group(root, cuts, frozenset(), frozenset())
    )


def _fused(name: str, part: nn.Module) -> Attention:
    """`c_attn`, which gives queries, keys and values side by side, and `c_proj`."""
    fused, output = _layers(name, part, _FUSED)
    _refuse_further(name, part, _FUSED)
    heads, size, split = _numbers(name, part, ("num_heads", "head_dim", "split_size"))
    width = heads * size
    if (channel_count(fused, "output"), channel_count(output, "input"), split) != (3 * width, width, width):
        raise refuse(
            name, f"c_attn gives {channel_count(fused, 'output')} channels, not 3 times {heads} heads of {size}"
        )
    every = tuple(range(3 * width))
    cuts = (
        Cut(f"{name}.c_attn", "output", every, tuple(c % width for c in every)),
        Cut(f"{name}.c_proj", "input", every[:width], every[:width]),
    )
    root = f"{name}.c_attn"
    group = Group(root, cuts, frozenset(), frozenset())
    return Attention(name, heads, heads, size, root, (("num_heads", 1), ("split_size", size)), group)


def _layers(name: str, part: nn.Module, names: Sequence[str]) -> list[nn.Linear | Conv1D]:
    found = {key: getattr(part, key, None) for key in names}
    linear = [layer for layer in found.values() if isinstance(layer, nn.Linear) or is_conv1d(layer)]
    if len(linear) < len(names):
        missing = [key for key, layer in found.items() if not any(layer is one for one in linear)]
        raise refuse(name, f"{_unlike(part)}: no {', '.join(missing)}")
    return linear


def _numbers(name: str, part: nn.Module, names: Sequence[str]) -> list[int]:
    missing = [key for key in names if not isinstance(getattr(part, key, None), int)]
    if missing:
        raise refuse(name, f"{_unlike(part)}: no {', '.join(missing)}")
    return [int(getattr(part, key)) for key in names]


def _unlike(part: nn.Module) -> str:
    return f"{type(part).__name__} is not built as BERT's, Llama's or GPT-2's"


def _refuse_further(name: str, part: nn.Module, known: Sequence[str]) -> None:
    """A bias for each head, say, would have to be pruned too: whatever has weights of its own must be known."""
    others = sorted({key.split(".")[0] for key in _parameters(part)} - set(known))
    if others:
        raise refuse(name, f"{type(part).__name__} has further weights: {', '.join(others)}")


def _parameters(part: nn.Module) -> Iterator[str]:
    # With repeats: a tied weight would else be listed under one of its names alone.
    return (key for key, _ in part.named_parameters(remove_duplicate=False))


def _width_of_norm(norm: object) -> int:
    weight = getattr(norm, "weight", None)
    return weight.numel() if isinstance(weight, nn.Parameter) else 0
