"""Finds the repeated blocks of a model: a Transformer's layers, residual blocks without downsampling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .forward import Inputs
from .layers import is_layer
from .watching import run_watched

See = Callable[[str, torch.Tensor, torch.Tensor], None]
"""Told of each call of a block: its name, the first input tensor and the first output tensor."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Blocks of one container (a ModuleList or a Sequential) that may be left out, by name and in order."""

    name: str
    blocks: tuple[str, ...]


def find_stacks(module: nn.Module, inputs: Inputs) -> list[Stack]:
    """The stacks of a module, in its order; none inside a child of another one's container.

    A block is one of several children of the same class in a container. It has at least two Linear or convolution
    layers, is called once, what it gives has the shape of what it takes, and it takes what the block before it gave:
    so experts and branches, which run side by side, are none. A stack has at least two, since one must stay.
    Raises InputError for a module that does not run.
    """
    seen: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    containers = [
        (name, part) for name, part in module.named_modules() if isinstance(part, nn.ModuleList | nn.Sequential)
    ]
    names = [child for name, part in containers for child in _repeated(name, part)]

    def see(name: str, taken: torch.Tensor, given: torch.Tensor) -> None:
        seen.setdefault(name, []).append((taken, given))

    with spied(module, names, see):
        run_watched(module, inputs)
    stacks: list[Stack] = []
    for name, part in containers:
        chain = [child for child in _repeated(name, part) if len(seen.get(child, ())) == 1]
        blocks = tuple(child for at, child in enumerate(chain) if _is_link(chain, at, seen))
        inside = any(name.startswith(f"{stack.name}.") for stack in stacks)
        if len(blocks) > 1 and not inside:
            stacks.append(Stack(name, blocks))
    return stacks


@contextmanager
def spied(module: nn.Module, names: Sequence[str], see: See) -> Iterator[None]:
    """While the block runs, `see` is told of each call of these modules; others than of tensors are passed over."""

    def told(name: str) -> Callable[..., None]:
        def hook(_part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
            taken, given = first_tensor((*args, *kwargs.values())), first_tensor(output)
            if taken is not None and given is not None:
                see(name, taken.detach(), given.detach())

        return hook

    hooks = [module.get_submodule(name).register_forward_hook(told(name), with_kwargs=True) for name in names]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def first_tensor(value: object) -> torch.Tensor | None:
    """A tensor itself, or the first thing in a tuple where that is a tensor."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    return value if isinstance(value, torch.Tensor) else None


def _repeated(name: str, container: nn.Module) -> list[str]:
    """The children that have two layers or more and are of one class, the most frequent one; full names."""
    children = [
        (f"{name}.{key}" if name else key, type(child))
        for key, child in container.named_children()
        if sum(is_layer(part) for part in child.modules()) > 1
    ]
    common = Counter(kind for _, kind in children).most_common(1)
    return [child for child, kind in children if kind is common[0][0]] if common and common[0][1] > 1 else []


def _is_link(chain: Sequence[str], at: int, seen: dict[str, list[tuple[torch.Tensor, torch.Tensor]]]) -> bool:
    taken, given = seen[chain[at]][0]
    before = at == 0 or _same(seen[chain[at - 1]][0][1], taken)
    after = at == len(chain) - 1 or _same(given, seen[chain[at + 1]][0][0])
    return taken.shape == given.shape and taken.dtype == given.dtype and before and after


def _same(given: torch.Tensor, taken: torch.Tensor) -> bool:
    return given is taken or (given.shape == taken.shape and torch.equal(given, taken))
