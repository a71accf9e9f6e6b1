"""Watches a forward call: how often each module is called, and in which one it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from ..errors import InputError
from ..sources.quiet import one_line
from .forward import MODEL_FAULTS, Inputs
from .layers import is_layer


@dataclass(slots=True)
class Watch:
    """What was seen: calls by name, the modules that are running (the innermost last), and who finished last."""

    root: nn.Module
    calls: Counter[str] = field(default_factory=Counter)
    running: list[str] = field(default_factory=list)
    finished: str = ""

    @property
    def reused(self) -> frozenset[str]:
        """The Linear and convolution layers that were called more than once."""
        return frozenset(
            name for name, times in self.calls.items() if times > 1 and is_layer(self.root.get_submodule(name))
        )

    def told(self, error: BaseException) -> str:
        """What went wrong, and in which layer, for a message."""
        if not self.running:
            return one_line(error)
        name = self.running[-1]
        kind = type(self.root.get_submodule(name)).__name__
        if name:
            return f"in {name!r} ({kind}): {one_line(error)}"
        after = f", after {self.finished!r}" if self.finished else ""
        return f"in the forward method of {kind}{after}: {one_line(error)}"


@contextmanager
def watched(module: nn.Module) -> Iterator[Watch]:
    """Everything that is called in the module while the block runs."""
    watch = Watch(module)

    def begin(name: str) -> None:
        watch.calls[name] += 1
        watch.running.append(name)

    def end(name: str) -> None:
        watch.running.pop()
        watch.finished = name

    hooks = [
        hook
        for name, part in module.named_modules()
        for hook in (
            part.register_forward_pre_hook(lambda *_, name=name: begin(name)),
            part.register_forward_hook(lambda *_, name=name: end(name)),
        )
    ]
    try:
        yield watch
    finally:
        for hook in hooks:
            hook.remove()


def reused_layers(module: nn.Module, inputs: Inputs) -> frozenset[str]:
    """The layers that one forward call calls more than once. Raises InputError for a module that does not run."""
    return run_watched(module, inputs).reused


def run_watched(module: nn.Module, inputs: Inputs) -> Watch:
    """One forward call, watched. Raises InputError, naming the layer, for a module that does not run."""
    with watched(module) as watch, torch.no_grad():
        try:
            module(**inputs)
        except MODEL_FAULTS as error:
            raise InputError(
                f"The module {type(module).__name__} does not run with the example inputs",
                watch.told(error),
                "give inputs that the module runs with",
            ) from error
    return watch
