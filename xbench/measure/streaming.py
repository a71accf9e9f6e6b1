"""Many inferences one after the other: the worker computes while the parent prepares the next and uses the last.

Small batches go to the worker several at a time, so that what a message and a file cost is shared by them, and the
next group waits in the pipe when one is done. Nothing here is timed for a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import InvalidError
from ..protocols import Feeds, Outputs
from .exchange import read_sets, write_inputs
from .process import WorkerProcess

Context = TypeVar("Context")

# A message and two files take well under a millisecond: 100 ms of inference hide them.
_GROUP_SECONDS = 0.1
_MOST_BATCHES = 64
# Of inputs and outputs together: two groups are in memory, and on the disk, at once.
_MOST_BYTES = 32 << 20


class _Grouping(Generic[Context]):
    """Takes as many batches as fill a group, as far as it is known what one takes."""

    def __init__(self, batches: Iterable[tuple[Feeds, Context]]) -> None:
        self._batches = iter(batches)
        self._call_seconds = 0.0
        self._output_bytes = 0

    def learn(self, seconds: float, outputs: list[Outputs]) -> None:
        """What a group took, and what came of it."""
        self._call_seconds = seconds / len(outputs)
        self._output_bytes = max(_size(one) for one in outputs)

    def take(self) -> list[tuple[Feeds, Context]]:
        """The next group: one batch until it is known what one takes; empty at the end."""
        most = min(_MOST_BATCHES, int(_GROUP_SECONDS / self._call_seconds)) if self._call_seconds else 1
        group: list[tuple[Feeds, Context]] = []
        size = 0
        for batch in self._batches:
            group.append(batch)
            size += _size(batch[0]) + self._output_bytes
            # Whether the next one fits is guessed from this one, which cannot be put back.
            if len(group) >= most or size + size // len(group) > _MOST_BYTES:
                break
        return group


def _size(arrays: Outputs | Feeds) -> int:
    return sum(array.nbytes for array in arrays.values())


def stream(
    process: WorkerProcess, folder: Path, batches: Iterable[tuple[Feeds, Context]]
) -> Iterator[tuple[Context, Outputs]]:
    """The outputs of each batch beside what came with it, in order.

    Each answer has the process's time limit: as long for a group, which takes some 100 ms as a rule, as for a single
    inference. Raises what the worker raises. Where the caller stops before the end, or anything is raised, the worker
    is ended: it would compute what nobody asks for.
    """
    grouping = _Grouping(batches)
    running: list[Context] = []
    number = 0
    finished = False
    try:
        while group := grouping.take():
            # Two files of each kind take turns: the worker reads and writes one, while the other is used here.
            write_inputs(_inputs(folder, number), [feeds for feeds, _ in group])
            process.ask("infer", inputs=str(_inputs(folder, number)), outputs=str(_outputs(folder, number)))
            before, running = running, [context for _, context in group]
            if before:
                found = _answered(process, folder, number - 1, grouping, len(before))
                yield from zip(before, found, strict=True)
            number += 1
        if running:
            found = _answered(process, folder, number - 1, grouping, len(running))
            yield from zip(running, found, strict=True)
        finished = True
    finally:
        if not finished:
            process.end()


def _answered(
    process: WorkerProcess, folder: Path, number: int, grouping: _Grouping[Context], wanted: int
) -> list[Outputs]:
    """Wait for a group; the outputs of its batches."""
    seconds = float(process.answer("infer")["infer_ns"]) / 1e9
    found = read_sets(_outputs(folder, number))
    if len(found) != wanted:
        raise InvalidError("The model gave no outputs for these inputs")
    grouping.learn(seconds, found)
    return found


def _inputs(folder: Path, number: int) -> Path:
    return folder / f"inputs-{number % 2}"


def _outputs(folder: Path, number: int) -> Path:
    return folder / f"outputs-{number % 2}"
