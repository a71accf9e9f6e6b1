"""OpenVINO's own runtime: OpenVINO, not through ONNX Runtime. It takes any x86 or ARM CPU, and no plug-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from xbench.errors import InvalidError
from xbench.machine.cpus import thread_count
from xbench.protocols import Feeds, Outputs, ProfileReport
from xbench.records.measurement import CacheUse, Placement
from xbench.records.profile import Availability, HardwareProfile

from .openvino_compiled import (
    computing_nodes,
    node_origins,
    node_times,
    operator_times,
    prove_precision,
    ran_nodes,
    sparse_note,
)
from .openvino_core import compile_file, core, outputs, request
from .openvino_options import PRECISIONS, OpenVinoNativeOptions, properties
from .option_checks import require_precision, typed_options

PROVIDER = "OpenVINO CPU"
PACKAGE = "pip install 'xbench[openvino]'"


class OpenVinoNativeRunner:
    """Compiles an ONNX file with the package `openvino`, for its device CPU. What is read is what was compiled."""

    simulated = False
    options_type = OpenVinoNativeOptions
    device_index: int | None = None
    wait_until = None
    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        self.path = path
        self.label = label
        self.profile = profile
        self.options = self.check_options(profile)
        self._compiled: Any = None

    @classmethod
    def check_options(cls, profile: HardwareProfile) -> OpenVinoNativeOptions:
        """The profile's options, typed. Raises InputError that names the option, or the precision."""
        options = typed_options(profile, cls.options_type)
        require_precision(profile, *PRECISIONS["CPU"])
        return options

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Whether the package is installed; it brings the plug-in for any CPU."""
        cls.check_options(profile)
        if find_spec("openvino") is None:
            return Availability(available=False, reason="OpenVINO is not installed", remedy=PACKAGE)
        return Availability(available=True)

    @classmethod
    def warm_import(cls) -> None:
        """Import OpenVINO without its telemetry, and load its plug-in for the CPU."""
        core().get_property("CPU", "FULL_DEVICE_NAME")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the compiled model."""
        self._compiled = None

    def cache_use(self) -> CacheUse:
        """None: the folder for compiled models is left empty."""
        return CacheUse()

    def _threads(self) -> int:
        return thread_count(self.profile.threads)

    def _compile(self, **more: str) -> Any:
        asked = properties(self.options, self.profile.precision, self._threads())
        return compile_file(self.path, "CPU", asked | more)

    def load(self) -> None:
        """Read and compile the model that is measured."""
        self._compiled = self._compile()

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """`infer` of a request whose inputs are set; its outputs lie in tensors of its own, and are not copied."""
        return request(self._compiled, feeds)

    def infer(self, feeds: Feeds) -> Outputs:
        """One inference, its outputs by name."""
        asked = request(self._compiled, feeds)
        asked.checked()
        return outputs(self._compiled, asked)

    def placement(self) -> Placement:
        """All nodes of the compiled model: OpenVINO refuses a model that it has not all operators of.

        Raises InvalidError where it was compiled for another device, or takes fewer threads than it was told.
        """
        devices = tuple(self._compiled.get_property("EXECUTION_DEVICES"))
        if devices != ("CPU",):
            raise InvalidError("OpenVINO's CPU was asked for", f"the model was compiled for {', '.join(devices)}")
        taken = self._compiled.get_property("INFERENCE_NUM_THREADS")
        if taken != self._threads():
            raise InvalidError(
                f"{self.profile.name} asks for {self._threads()} threads",
                f"OpenVINO takes {taken}: as many as this process may use CPUs, or cores without hyper-threading",
                "write fewer threads into the profile, or give the process more CPUs",
            )
        return Placement(asked=PROVIDER, providers=(PROVIDER,), nodes={PROVIDER: computing_nodes(self._compiled)})

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """Times by operator and node from OpenVINO's own counters (PERF_COUNT), and the proof of the precision.

        OpenVINO has no form of a model that is not optimised, and knows no node of the file by its output: there
        are no shapes.
        """
        nodes = ran_nodes(self._compile(PERF_COUNT="YES"), feeds, self.clock)
        times = operator_times(nodes, PROVIDER)
        total = round(sum(time.time_ms for time in times) * 1e6)
        notes = prove_precision(nodes, self.profile.precision, self.label) if optimised else ()
        if optimised and self.options.sparse_weights_rate is not None:
            notes += (sparse_note(nodes),)
        return ProfileReport(
            provider_ns={PROVIDER: total},
            output_shapes={},
            operators=times,
            notes=notes,
            nodes=node_times(nodes, PROVIDER),
            origins=node_origins(nodes),
        )
