"""Which attention modules a recipe means, and what has to be put right in them when heads are gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ..errors import InputError
from .attention import Attention, projections, understand
from .layers import Scope, has_type, in_scope, is_layer, short_list


def find_attention(module: nn.Module, scope: Scope) -> list[Attention]:
    """The attention modules in scope, in the module's order.

    Raises InputError where there are none, and, naming it, for one that is not understood.
    """
    found = _attention_modules(module)
    if not found:
        raise InputError(
            "The recipe prunes heads, but the model has no attention module",
            f"{type(module).__name__} has no module whose class is called Attention",
            "leave heads out, and name channels or neurons",
        )
    chosen = attention_in_scope(module, scope)
    if not chosen:
        raise InputError(
            "The recipe prunes heads, but it leaves out every attention module",
            f"attention modules: {short_list([name for name, _ in found])}",
            "name one of them in include, and the class of its projections in types, if there are types",
        )
    return [understand(name, part) for name, part in chosen]


def attention_in_scope(module: nn.Module, scope: Scope) -> list[tuple[str, nn.Module]]:
    """The attention modules in scope, understood or not; none where the model has none."""
    return [(name, part) for name, part in _attention_modules(module) if _in_scope(name, part, scope)]


def shrink(module: nn.Module, attention: Attention, units: int) -> None:
    """Put the attributes right that the forward method reshapes by, for `units` units that are left."""
    part = module.get_submodule(attention.name)
    for key, each in attention.attributes:
        setattr(part, key, each * units)


def settle_configs(module: nn.Module, pruned: Sequence[Attention]) -> tuple[str, ...]:
    """Make the configurations of decoders tell the heads that are left, for what makes past keys and values.

    One configuration speaks of all layers. Where these differ now, it is left as it is, and a remark is given back.
    """
    classes = {type(module.get_submodule(one.name)) for one in pruned if one.group is not None}
    configs: dict[int, Any] = {}
    shapes: dict[int, set[tuple[int, int, int]]] = {}
    for name, part in module.named_modules():
        config = getattr(part, "config", None)
        if config is not None and type(part) in classes:
            found = understand(name, part)
            configs[id(config)] = config
            shapes.setdefault(id(config), set()).add((found.heads, found.units, found.size))
    for key, config in configs.items():
        if len(shapes[key]) == 1:
            (shape,) = shapes[key]
            for field, value in zip(("num_attention_heads", "num_key_value_heads", "head_dim"), shape, strict=True):
                if hasattr(config, field):
                    setattr(config, field, value)
    uneven = any(len(found) > 1 for found in shapes.values())
    note = "attention layers now differ in their heads: the configuration tells those of the dense model"
    return (note,) if uneven else ()


def _attention_modules(module: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, part) for name, part in module.named_modules() if _is_attention(part)]


def _is_attention(part: nn.Module) -> bool:
    """Whether it is an attention module, and not only a frame around one."""
    return _named_attention(part) and not any(_named_attention(p) for p in part.modules() if p is not part)


def _named_attention(part: nn.Module) -> bool:
    return "attention" in type(part).__name__.lower()


def _in_scope(name: str, part: nn.Module, scope: Scope) -> bool:
    layers = {f"{name}.{key}": getattr(part, key, None) for key in projections(part)}
    return all(
        in_scope(key, scope) and (not is_layer(layer) or has_type(layer, scope)) for key, layer in layers.items()
    )
