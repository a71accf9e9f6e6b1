"""Finds the attention modules whose heads can be pruned, and refuses by name those it does not understand."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ..errors import InputError
from .graph import Group
from .layers import Scope, in_scope, short_list

_PROJECTIONS = ("query", "key", "value")
_ATTRIBUTES = ("num_attention_heads", "attention_head_size", "all_head_size")


@dataclass(frozen=True, slots=True)
class Attention:
    """A self-attention module as Hugging Face's BERT family builds it: `heads` of `size` features each."""

    name: str
    heads: int
    size: int

    @property
    def root(self) -> str:
        """The layer that the dependency graph is asked about."""
        return f"{self.name}.query"

    def misread(self, group: Group) -> str:
        """Why the dependency graph's view of this module is not the expected one; empty where it is."""
        expected = {f"{self.name}.{part}" for part in _PROJECTIONS}
        if set(group.names("output")) != expected:
            return f"its heads hang together with {short_list(sorted(set(group.names('output')) - expected))}"
        if any(cut.channels != cut.roots for cut in group.cuts):
            return "its heads are reordered on the way to the next layer"
        return ""


def find_attention(module: nn.Module, scope: Scope) -> list[Attention]:
    """The attention modules in scope, in the module's order.

    Raises InputError where there are none, and, naming it, for one that is not built as BERT's are.
    """
    found = [(name, part) for name, part in module.named_modules() if _is_attention(part)]
    if not found:
        raise InputError(
            "The recipe prunes heads, but the model has no attention module",
            f"{type(module).__name__} has no module whose class is called Attention",
            "leave heads out, and name channels or neurons",
        )
    chosen = [(name, part) for name, part in found if _in_scope(name, scope)]
    if not chosen:
        raise InputError(
            "The recipe prunes heads, but none of its patterns covers an attention module",
            f"attention modules: {short_list([name for name, _ in found])}",
            "name one of them in include",
        )
    return [_understand(name, part) for name, part in chosen]


def shrink(module: nn.Module, attention: Attention, heads: int) -> None:
    """Put the attributes right that the forward method reshapes by, for `heads` heads that are left."""
    part = module.get_submodule(attention.name)
    part.num_attention_heads = heads  # type: ignore[assignment]
    part.all_head_size = heads * attention.size  # type: ignore[assignment]


def refuse(name: str, why: str) -> InputError:
    """The error for an attention module that would be pruned wrongly."""
    return InputError(
        f"The heads of attention module {name!r} cannot be pruned safely",
        why,
        "name it in exclude, or leave heads out",
    )


def _is_attention(part: nn.Module) -> bool:
    """Whether it is an attention module, and not only a frame around one."""
    return _named_attention(part) and not any(_named_attention(p) for p in part.modules() if p is not part)


def _named_attention(part: nn.Module) -> bool:
    return "attention" in type(part).__name__.lower()


def _in_scope(name: str, scope: Scope) -> bool:
    return all(in_scope(f"{name}.{part}", scope) for part in _PROJECTIONS)


def _understand(name: str, part: nn.Module) -> Attention:
    projections = {key: getattr(part, key, None) for key in _PROJECTIONS}
    missing = [key for key, layer in projections.items() if not isinstance(layer, nn.Linear)]
    missing += [key for key in _ATTRIBUTES if not isinstance(getattr(part, key, None), int)]
    if missing:
        raise refuse(name, f"{type(part).__name__} is not built as BERT's: no {', '.join(missing)}")
    # A bias for each head, say, would have to be pruned too: whatever has weights of its own must be known.
    others = {key.split(".")[0] for key, _ in part.named_parameters()} - set(_PROJECTIONS)
    if others:
        raise refuse(name, f"{type(part).__name__} has further weights: {', '.join(sorted(others))}")
    heads, size, width = (int(getattr(part, key)) for key in _ATTRIBUTES)
    widths = [layer.out_features for layer in projections.values() if isinstance(layer, nn.Linear)]
    if set(widths) != {heads * size} or width != heads * size:
        raise refuse(name, f"query, key and value have widths {widths}, not {heads} heads of {size}")
    return Attention(name=name, heads=heads, size=size)
