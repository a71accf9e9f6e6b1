"""The session runner that every ONNX Runtime provider shares.

A provider's own runner says its name, its typed options and how to find out whether it is here. What proves
the placement (rule 5 of the design) is done here, once for all of them.
"""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from xbench.errors import InvalidError, XbenchError
from xbench.machine.cpus import thread_count
from xbench.protocols import Feeds, Outputs, ProfileReport
from xbench.records.measurement import CacheUse, Placement
from xbench.records.profile import Availability, HardwareProfile

from .option_checks import require_precision, typed_options
from .ort_install import find_runtime
from .ort_options import DenormalsOfTheProcess, OrtOptions, session_options
from .ort_profile import Event, call_profiled, read_profile

CPU = "CPUExecutionProvider"
_DENORMALS = DenormalsOfTheProcess()
# They would build their engines anew, for a graph that ONNX Runtime then refuses to write.
_COMPILING = frozenset({"OpenVINOExecutionProvider", "TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider"})


class OrtSessionRunner:
    """Runs one ONNX file in one `InferenceSession`."""

    simulated = False
    provider: str = CPU
    options_type: ClassVar[type[OrtOptions]] = OrtOptions
    wait_until = None
    device_index: int | None = None
    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        self.path = path
        self.label = label
        self.profile = profile
        self.options = self.check_options(profile)
        self._session: Any = None
        self._allowed = sorted(os.sched_getaffinity(0))

    def _threads(self) -> int:
        return thread_count(self.profile.threads)

    def _cpus(self) -> list[int]:
        """A CPU for each thread, the calling one first; none where threads are not to be pinned, or cannot be."""
        threads = self._threads()
        return self._allowed[:threads] if self.options.affinity and threads <= len(self._allowed) else []

    @classmethod
    def check_options(cls, profile: HardwareProfile) -> OrtOptions:
        """The profile's options, typed. Raises InputError that names the option and the nearest known one."""
        options = typed_options(profile, cls.options_type)
        require_precision(profile, *cls._precisions(options))
        return options

    @classmethod
    def _precisions(cls, options: OrtOptions) -> tuple[str, ...]:
        """What a profile with these options may name: what they set, unless the file decides it."""
        return (options.precision,)

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Whether ONNX Runtime is installed; a provider with libraries of its own looks further."""
        cls.check_options(profile)
        found = find_runtime()
        if found is None:
            return Availability(
                available=False, reason="ONNX Runtime is not installed", remedy="pip install 'xbench[cpu]'"
            )
        return Availability(available=True)

    @classmethod
    def warm_import(cls) -> None:
        """Import ONNX Runtime. Its telemetry is switched off before that."""
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the session and of what it holds; the thread may run anywhere again."""
        self._session = None
        os.sched_setaffinity(0, self._allowed)

    def cache_use(self) -> CacheUse:
        """None: a session of ONNX Runtime is built anew each time, unless the provider keeps engines."""
        return CacheUse()

    def _session_options(self, *, optimised: bool) -> Any:
        return session_options(self.options, self._threads(), self._cpus(), optimised=optimised)

    def _providers(self, options: Any) -> dict[str, Any]:
        """How the session is told its provider: arguments of `InferenceSession`, or something set in `options`."""
        providers: list[Any] = [(self.provider, self.options.provider_options())]
        if self.provider != CPU:
            providers.append(CPU)
        return {"providers": providers, "enable_fallback": 0}

    def _create(self, options: Any) -> Any:
        import onnxruntime as ort

        _DENORMALS.agree(self.options.denormals_as_zero)
        with warnings.catch_warnings():
            # A provider that is not there is a warning of ONNX Runtime and a CPU session; the check below
            # makes it an error.
            warnings.simplefilter("ignore")
            try:
                session = ort.InferenceSession(os.fspath(self.path), options, **self._providers(options))
            except XbenchError:
                raise
            except Exception as error:
                on = "" if self.provider == CPU else f" on {self.provider}"
                raise InvalidError(f"ONNX Runtime cannot load {self.path.name}{on}", _one_line(error)) from error
        first = session.get_providers()[0]
        if first != self.provider:
            raise InvalidError(
                f"{self.provider} was asked for and {first} took the session: a silent fallback",
                f"ONNX Runtime offers {', '.join(ort.get_available_providers())}",
                f"see `xbench hardware show {self.profile.name}` for what it needs",
            )
        return session

    def load(self) -> None:
        """Create the session that is measured."""
        self._session = self._create(self._session_options(optimised=True))
        if self._cpus():
            os.sched_setaffinity(0, self._cpus()[:1])

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """One `session.run` of all outputs, by name."""
        return functools.partial(self._session.run, None, dict(feeds))

    def infer(self, feeds: Feeds) -> Outputs:
        """One inference, its outputs by name; see `as_arrays` for outputs that are no tensors."""
        return _infer(self._session, feeds)

    def placement(self) -> Placement:
        """Nodes by provider, as `get_provider_graph_assignment_info` tells them (after optimisation)."""
        nodes: dict[str, int] = {}
        for subgraph in self._session.get_provider_graph_assignment_info():
            nodes[subgraph.ep_name] = nodes.get(subgraph.ep_name, 0) + len(subgraph.get_nodes())
        return Placement(asked=self.provider, providers=tuple(self._session.get_providers()), nodes=nodes)

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """Times by operator and output shapes from ONNX Runtime's own profiler; see `ort_profile`.

        Not optimised, each node of the file is there; optimised, it also proves the precision.
        """
        with tempfile.TemporaryDirectory(prefix="xbench-profile-") as folder:
            options = self._session_options(optimised=optimised)
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "ort")
            session = self._create(options)
            call_profiled(functools.partial(_infer, session, feeds), self.clock)
            events = json.loads(Path(session.end_profiling()).read_text())
        report = read_profile(events)
        return replace(report, notes=self._prove_precision(report, events)) if optimised else report

    def write_optimised(self, path: Path) -> str:
        """Write the graph that ONNX Runtime makes of the file with the options of the timed session.

        Its weights go beside it, however large. Returns why it cannot be had, where it cannot: nodes that a provider
        compiles are not written.
        """
        if self.provider in _COMPILING:
            return f"{self.provider} compiles the nodes that it takes"
        options = self._session_options(optimised=True)
        options.optimized_model_filepath = os.fspath(path)
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", f"{path.name}.data"
        )
        try:
            self._create(options)
        except InvalidError as error:
            # Without this file to write, the same session was created before.
            return error.found or error.asked
        return ""

    def _prove_precision(self, report: ProfileReport, events: Sequence[Event]) -> tuple[str, ...]:
        """What the profiled run tells of the precision, for people; nothing where the options alone set it.

        Raises InvalidError where it was not the one that the profile names.
        """
        return ()


def _infer(session: Any, feeds: Feeds) -> Outputs:
    try:
        values = session.run(None, dict(feeds))
    except Exception as error:
        raise InvalidError("The model does not run on these inputs", _one_line(error)) from error
    arrays: Outputs = {}
    for output, value in zip(session.get_outputs(), values, strict=True):
        arrays.update(as_arrays(output.name, value))
    return arrays


def as_arrays(name: str, value: Any) -> Outputs:
    """An output as arrays: a sequence gives `name[0]`, ..., a map `name{key}`; an absent optional nothing."""
    if value is None:
        return {}
    if isinstance(value, list):
        return {k: v for i, item in enumerate(value) for k, v in as_arrays(f"{name}[{i}]", item).items()}
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in as_arrays(f"{name}{{{key}}}", item).items()}
    return {name: np.asarray(value)}


def _one_line(error: Exception) -> str:
    """ONNX Runtime's reason without its code, and without the path, which belongs in no record."""
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return re.sub(r"^Load model from .*? failed:\s*", "", text)[:500]
