"""Inference whose inputs and outputs stay on the device: ONNX Runtime's I/O binding (onnxruntime.ai, "I/O Binding").

A timed call has to end when the device has finished. ONNX Runtime waits for its streams at the end of each run,
unless the run option `disable_synchronize_execution_providers` is 1 (onnxruntime_run_options_config_keys.h), and
`IOBinding.synchronize_outputs` then waits for the whole device, for a provider that runs streams of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xbench.errors import InvalidError
from xbench.protocols import Feeds, Outputs

NO_GRAPH = -1
"""The graph that is never captured: a run with this number is an ordinary one (option `gpu_graph_id`)."""
_GRAPH = "gpu_graph_id"
_UNSYNCHRONISED = "disable_synchronize_execution_providers"
_ON_HOST = "OSU"
"""NumPy's kinds of text: no device holds it."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where buffers lie, by ONNX Runtime's name for the kind of device: `cuda`, or `cpu` in tests."""

    kind: str
    index: int = 0


Shapes = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and type of each output."""


class BoundCall:
    """One inference on buffers that were placed on the device before, and stay there.

    The outputs of the first call are placed by ONNX Runtime, and are the buffers of all later ones; or `outputs`
    tells what they will be. `graph` is the number under which a CUDA graph is captured by the first call that
    finds all buffers fixed; each call object needs a number of its own, since a graph replays on the addresses
    that it was captured with ("Using CUDA Graphs in the CUDA EP").
    """

    def __init__(
        self, session: Any, feeds: Feeds, device: Device, graph: int | None = None, outputs: Shapes | None = None
    ) -> None:
        self._session = session
        self._device = device
        self._names = [output.name for output in session.get_outputs()]
        self._binding = session.io_binding()
        self._inputs = {name: _placed(array, device) for name, array in feeds.items()}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        self._outputs: list[Any] = []
        self._first_options = _run_options(None if graph is None else NO_GRAPH)
        self._options = _run_options(graph)
        self._queued_options = _run_options(graph, synchronised=False)
        self._step = self._first
        if outputs is not None:
            self._fix([_empty(*outputs[name], device) for name in self._names])

    def __call__(self) -> None:
        """One inference; the device has finished when it returns."""
        self._step()

    def _first(self) -> None:
        for name in self._names:
            self._binding.bind_output(name, self._device.kind, self._device.index)
        self._run(self._first_options)
        self._fix(self._binding.get_outputs())

    def _fix(self, values: list[Any]) -> None:
        for name, value in zip(self._names, values, strict=True):
            if not value.is_tensor():
                raise InvalidError(
                    "Inputs and outputs were to be bound to the device",
                    f"the output {name!r} is no tensor",
                    "use a profile with io: copies",
                )
            self._binding.bind_ortvalue_output(name, value)
        self._outputs = values
        self._step = self._again

    def _again(self) -> None:
        self._run(self._options)

    def _run(self, options: Any) -> None:
        self._session.run_with_iobinding(self._binding, options)
        self._binding.synchronize_outputs()

    def queue(self) -> None:
        """Launch one inference without waiting for it: for times that the device itself takes, by events."""
        self._session.run_with_iobinding(self._binding, self._queued_options)

    def feed(self, feeds: Feeds) -> None:
        """Put other values of the same shapes into the buffers."""
        for name, value in self._inputs.items():
            value.update_inplace(_contiguous(feeds[name]))

    def outputs(self) -> Outputs:
        """What the last call put out, copied to the host."""
        return {name: value.numpy() for name, value in zip(self._names, self._outputs, strict=True)}


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.flags.c_contiguous else array.copy()


def _placed(array: NDArray[Any], device: Device) -> Any:
    from onnxruntime import OrtValue

    if array.dtype.kind in _ON_HOST:
        return OrtValue.ortvalue_from_numpy(array)
    # A copy, since on the CPU the value would be the caller's own array, and `feed` would write into it.
    return OrtValue.ortvalue_from_numpy(array.copy(), device.kind, device.index)


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any], device: Device) -> Any:
    from onnxruntime import OrtValue

    return OrtValue.ortvalue_from_shape_and_type(list(shape), dtype.type, device.kind, device.index)


def _run_options(graph: int | None, *, synchronised: bool = True) -> Any:
    from onnxruntime import RunOptions

    options = RunOptions()
    if graph is not None:
        options.add_run_config_entry(_GRAPH, str(graph))
    if not synchronised:
        options.add_run_config_entry(_UNSYNCHRONISED, "1")
    return options


def device_ns(call: BoundCall, calls: int, stream: Any, event: Callable[[], Any]) -> list[int]:
    """What the device takes for each of so many inferences but the first, ns, by events in the stream that it uses.

    The calls are queued without waiting for each other, so that the time between two events is the device's own as
    long as the host launches faster than the device computes, and the host's where it does not. `event` makes one,
    as `torch.cuda.Event(enable_timing=True)` does; `elapsed_time` is in ms ("CUDA Runtime API", Event Management).
    """
    marks = [event() for _ in range(calls + 1)]
    marks[0].record(stream)
    for mark in marks[1:]:
        call.queue()
        mark.record(stream)
    marks[-1].synchronize()
    return [round(before.elapsed_time(after) * 1e6) for before, after in pairwise(marks)][1:]
