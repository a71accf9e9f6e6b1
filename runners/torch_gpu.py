"""What a GPU asks of the torch runner: to wait for it, and to say what it had no memory for. Never run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xbench.errors import InvalidError
from xbench.sources.quiet import one_line


def waited_for(call: Callable[[], object], device_index: int, label: str) -> Callable[[], object]:
    """The call that is timed: one of `call`, until the device is done with it."""
    import torch

    wait, too_large = torch.cuda.synchronize, torch.OutOfMemoryError

    def waiting() -> object:
        try:
            outputs = call()
            wait(device_index)
        except too_large as error:
            raise _too_large(error, device_index, label) from error
        return outputs

    return waiting


@contextmanager
def fitting(device_index: int | None, label: str) -> Iterator[None]:
    """Raise InvalidError, with what could not be had, where the device's memory is too small."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _too_large(error, device_index or 0, label) from error


def _too_large(error: BaseException, device_index: int, label: str) -> InvalidError:
    """PyTorch's own words tell the size that was asked for, and what the device has."""
    return InvalidError(
        f"{label} needs more memory than GPU {device_index} has free",
        one_line(error),
        "a smaller batch, or a GPU that nobody else uses",
    )
