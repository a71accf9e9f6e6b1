"""What the CUDA and the TensorRT provider share. Neither has run on a device yet: only what needs none is tested."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from xbench.errors import InvalidError, XbenchError
from xbench.protocols import Feeds, Outputs, ProfileReport
from xbench.records.measurement import Placement
from xbench.records.profile import Availability, HardwareProfile

from .device_binding import BoundCall, Device, device_ns
from .gpu_memory import out_of_memory
from .nvidia_probe import probe_provider
from .ort_options import OrtOptions
from .ort_precision import FLOAT, INTEGER
from .ort_session import OrtSessionRunner

TF32 = "NVIDIA_TF32_OVERRIDE"
"""Read by NVIDIA's libraries when they start: 0 switches TF32 off in all of them, whatever a program asks for
(NVIDIA, "Accelerating AI Training with NVIDIA TF32 Tensor Cores"; TensorRT Developer Guide, "TF32")."""
_EVENT_CALLS = 30


class NvidiaOptions(OrtOptions):
    """Options that both NVIDIA providers have."""

    device_id: int = Field(default=0, ge=0, description="Which GPU, as CUDA counts them.")
    io: Literal["copies", "bound"] = Field(
        default="copies",
        description="copies: inputs come from host memory and outputs go back to it, within the timed call. bound: "
        "both lie in buffers on the device that were placed there before (I/O binding). The call ends when the "
        "device has finished, either way.",
    )
    has_user_compute_stream: bool = Field(
        default=False,
        description="Compute on a stream that PyTorch made, instead of one of the provider's own. Wants PyTorch with "
        "CUDA.",
    )

    @property
    def captures(self) -> bool:
        """Whether a CUDA graph is captured, and replayed from then on."""
        return False

    def provider_options(self) -> dict[str, str]:
        """What the provider itself takes, by its own names: the fields that are neither ONNX Runtime's nor ours."""
        ours = {*OrtOptions.model_fields, *self._ours()}
        values = {name: getattr(self, name) for name in type(self).model_fields if name not in ours}
        return {name: _as_text(value) for name, value in values.items() if value not in (None, "")}

    @classmethod
    def _ours(cls) -> tuple[str, ...]:
        return "io", "has_user_compute_stream"

    def without_graph(self) -> dict[str, str]:
        """The provider's options for a profiled session: a replayed graph shows no node."""
        return self.provider_options()


def _as_text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


class Watched:
    """A call whose errors are told as xbench's own. It costs a call of Python, and nothing else."""

    def __init__(self, call: Callable[[], object], told: Callable[[Exception], Exception]) -> None:
        self._call = call
        self._told = told

    def __call__(self) -> None:
        """Make the call."""
        try:
            self._call()
        except XbenchError:
            raise
        except Exception as error:
            raise self._told(error) from error


class NvidiaRunner(OrtSessionRunner):
    """What both NVIDIA providers share. `library` is the provider's file in ONNX Runtime's package.

    `homes`: providers that may hold matrix products, convolutions and attention.
    """

    library: ClassVar[str]
    homes: ClassVar[frozenset[str]]
    buffers: ClassVar[str] = "cuda"
    options: NvidiaOptions

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        super().__init__(path, label, profile)
        self.device_index = self.options.device_id
        self._stream: Any = None
        self._forget_calls()

    def _forget_calls(self) -> None:
        self._graphs = itertools.count(1)
        self._captured: dict[tuple[Any, ...], BoundCall] = {}

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Driver, GPU package, a GPU, and the libraries that the provider links to."""
        cls.check_options(profile)
        return probe_provider(cls.library)

    @classmethod
    def warm_import(cls) -> None:
        """Import ONNX Runtime and load the CUDA libraries that came as Python packages."""
        super().warm_import()
        import onnxruntime

        onnxruntime.preload_dlls()

    def __enter__(self) -> Self:
        settle_tf32(self.profile.precision)
        if self.options.has_user_compute_stream:
            _torch_with_cuda()
        return super().__enter__()

    def close(self) -> None:
        """Let go of the session, its graphs and its buffers."""
        self._forget_calls()
        super().close()

    def load(self) -> None:
        """Create the session that is measured."""
        if self.options.has_user_compute_stream and self._stream is None:
            self._stream = _torch_with_cuda().cuda.Stream(self.options.device_id)
        super().load()

    def _own_options(self, options: Any) -> dict[str, str]:
        """The provider's options for a session; `options` are those of ONNX Runtime."""
        own = self.options.without_graph() if options.enable_profiling else self.options.provider_options()
        if self._stream is not None:
            own["user_compute_stream"] = str(self._stream.cuda_stream)
        return own

    def _providers(self, options: Any) -> dict[str, Any]:
        given = super()._providers(options)
        given["providers"][0] = (self.provider, self._own_options(options))
        return given

    def _create(self, options: Any) -> Any:
        try:
            return super()._create(options)
        except InvalidError as error:
            raise self._told(error.__cause__ or error, error) from error

    def _told(self, error: BaseException, otherwise: XbenchError | None = None) -> XbenchError:
        """The error for people: too little memory, or else `otherwise`."""
        told: XbenchError | None = out_of_memory(str(error), self.label, self.options.device_id)
        return (
            told
            or otherwise
            or InvalidError("The model does not run on these inputs", " ".join(str(error).split())[:500])
        )

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """The timed call: `session.run` on host arrays, or one inference on buffers of the device."""
        call = self._bound(feeds) if self.options.io == "bound" else super().bind(feeds)
        return Watched(call, self._told)

    def _bound(self, feeds: Feeds) -> BoundCall:
        return self._new_call(self._session, feeds)

    def _new_call(self, session: Any, feeds: Feeds) -> BoundCall:
        graph = next(self._graphs) if self.options.captures else None
        return BoundCall(session, feeds, Device(self.buffers, self.options.device_id), graph)

    def infer(self, feeds: Feeds) -> Outputs:
        """One inference the way that is timed: with bound buffers from these, with a graph from its replay."""
        if self.options.io == "copies":
            try:
                return super().infer(feeds)
            except InvalidError as error:
                raise self._told(error.__cause__ or error, error) from error
        call = self._call_for(feeds)
        timed = Watched(call, self._told)
        # With a graph: an ordinary run, one that captures, one that replays. Else: the first, and one on its buffers.
        for _ in range(3 if self.options.captures else 2):
            timed()
        return call.outputs()

    def _call_for(self, feeds: Feeds) -> BoundCall:
        """A new call; or the one whose graph has been captured for these shapes, since graphs are not given back."""
        if not self.options.captures:
            return self._bound(feeds)
        key = tuple(sorted((name, array.shape, str(array.dtype)) for name, array in feeds.items()))
        call = self._captured.get(key)
        if call is None:
            call = self._captured[key] = self._bound(feeds)
        else:
            call.feed(feeds)
        return call

    def placement(self) -> Placement:
        """Nodes by provider. Raises InvalidError where a matrix product, convolution or attention is elsewhere.

        Shares of time cannot tell that alone: ONNX Runtime's profiler shows how long a kernel took to launch.
        """
        strays: Counter[tuple[str, str]] = Counter()
        for subgraph in self._session.get_provider_graph_assignment_info():
            if subgraph.ep_name not in self.homes:
                heavy = (node.op_type for node in subgraph.get_nodes() if node.op_type in FLOAT | INTEGER)
                strays.update((subgraph.ep_name, operator) for operator in heavy)
        if strays:
            told = ", ".join(f"{count} {operator} on {name}" for (name, operator), count in sorted(strays.items()))
            raise InvalidError(
                f"{self.label} has heavy nodes that are not on {self.provider}",
                told,
                "operators that the provider does not have fall back to another one",
            )
        return super().placement()

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """As ONNX Runtime's profiler tells it; with bound buffers also what the device itself takes, as a note."""
        report = super().profile_run(feeds, optimised=optimised)
        if not optimised or self.options.io != "bound":
            return report
        return replace(report, notes=(*report.notes, self._device_time(feeds)))

    def _device_time(self, feeds: Feeds) -> str:
        """What the device itself takes for an inference, apart from the timed calls; or why it is not known.

        In a session of its own, on a stream that PyTorch made: events can be put into that one only.
        """
        try:
            torch = _torch_with_cuda()
        except InvalidError as error:
            return f"device time by events is not known: {error.found}"
        before, self._stream = self._stream, torch.cuda.Stream(self.options.device_id)
        try:
            call = self._new_call(self._create(self._session_options(optimised=True)), feeds)
            timed = Watched(call, self._told)
            for _ in range(3):
                timed()
            times = device_ns(call, _EVENT_CALLS, self._stream, lambda: torch.cuda.Event(enable_timing=True))
        finally:
            self._stream = before
        return f"device time by CUDA events {np.median(times) / 1e6:.3f} ms an inference (median of {len(times)})"


def settle_tf32(precision: str) -> None:
    """Make sure that a process computes with TF32 or without, as the profile's precision says.

    Raises InvalidError where the environment, or a library that has begun already, makes it impossible.
    """
    if precision == "tf32" and os.environ.get(TF32) == "0":
        raise InvalidError(
            "The profile's precision is tf32", f"{TF32}=0 in the environment switches it off", f"unset {TF32}"
        )
    if precision != "fp32" or os.environ.get(TF32) == "0":
        return
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise InvalidError(
            "The profile's precision is fp32",
            "CUDA was started in this process before TF32 could be switched off",
            f"set {TF32}=0 before the start",
        )
    os.environ[TF32] = "0"


def _torch_with_cuda() -> Any:
    """PyTorch. Raises InvalidError where it is not here, or has no CUDA."""
    try:
        import torch
    except ImportError as error:
        found = str(error)
    else:
        if torch.cuda.is_available():
            return torch
        found = f"PyTorch {torch.__version__} sees no GPU"
    raise InvalidError("A stream that PyTorch made was asked for", found, "install PyTorch with CUDA")
