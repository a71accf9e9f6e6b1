"""OpenVINO as a provider of ONNX Runtime: the plug-in of the package `onnxruntime-ep-openvino`.

The plug-in takes devices of Intel only (`GetSupportedDevices` in its ov_factory.cc skips all others): on a CPU of
another vendor nothing is offered, and `openvino-native` is the way to OpenVINO. It hides what it compiled, so the
same file is compiled once more, with the same properties, by the package `openvino`, to see what ran.
"""

from __future__ import annotations

import functools
import json
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, cast

from xbench.errors import InvalidError
from xbench.machine.emulator import python_command
from xbench.machine.fingerprint import cpu_info
from xbench.protocols import Feeds, ProfileReport
from xbench.records.profile import Availability, HardwareProfile

from .openvino_compiled import prove_precision, ran_nodes, sparse_note
from .openvino_core import compile_file
from .openvino_options import PRECISIONS, OpenVinoOptions, properties
from .ort_options import OrtOptions
from .ort_session import OrtSessionRunner

PACKAGE = "pip install 'xbench[openvino]'"
_PROVIDER = "OpenVINOExecutionProvider"
_PACKAGES = {"onnxruntime_ep_openvino": "onnxruntime-ep-openvino", "openvino": "openvino"}


class OpenVinoRunner(OrtSessionRunner):
    """`OpenVINOExecutionProvider`, as a plug-in, on one of OpenVINO's devices."""

    provider = _PROVIDER
    options_type = OpenVinoOptions
    options: OpenVinoOptions

    @classmethod
    def _precisions(cls, options: OrtOptions) -> tuple[str, ...]:
        return PRECISIONS[cast(OpenVinoOptions, options).device]

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """ONNX Runtime, both packages, and a device of the asked kind that the plug-in offers."""
        here = super().probe(profile)
        if not here.available:
            return here
        missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
        if missing:
            return Availability(available=False, reason=f"not installed: {', '.join(missing)}", remedy=PACKAGE)
        device = cast(OpenVinoOptions, cls.check_options(profile)).device
        reason = _no_device(tuple(python_command(profile.emulation)), device)
        if not reason:
            return Availability(available=True)
        remedy = f"run on a machine with an Intel {device} and its driver"
        if device == "CPU":
            remedy += ", or take a profile of the runner openvino-native, which takes any CPU"
        return Availability(available=False, reason=reason, remedy=remedy)

    @classmethod
    def warm_import(cls) -> None:
        """Import ONNX Runtime, and load the plug-in and OpenVINO with it."""
        super().warm_import()
        _offered()

    def _cpus(self) -> list[int]:
        """None: OpenVINO pins its own threads (`affinity`), and ONNX Runtime's have nothing to do."""
        return []

    def _properties(self) -> dict[str, str]:
        return properties(self.options, self.profile.precision, self._threads(), self.options.device)

    def _providers(self, options: Any) -> dict[str, Any]:
        chosen = [one for one in _offered() if one.device.type.name == self.options.device][:1]
        if not chosen:
            raise InvalidError(
                f"The OpenVINO plug-in offers no {self.options.device}", "it takes devices of Intel only"
            )
        told = {self.options.device: self._properties()}
        options.add_provider_for_devices(chosen, {"load_config": json.dumps(told)})
        return {}

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """As any provider's; and on the CPU, what the same file runs in when `openvino` compiles it alike."""
        report = super().profile_run(feeds, optimised=optimised)
        if not optimised:
            return report
        if self.options.device != "CPU":
            told = f"the precision is the one asked for, and not proven on the {self.options.device}"
            return replace(report, notes=(*report.notes, told))
        compiled = compile_file(self.path, "CPU", self._properties() | {"PERF_COUNT": "YES"})
        nodes = ran_nodes(compiled, feeds, self.clock)
        notes = prove_precision(nodes, self.profile.precision, self.label)
        if self.options.sparse_weights_rate is not None:
            notes += (sparse_note(nodes),)
        return replace(report, notes=report.notes + notes)


@functools.cache
def _offered() -> list[Any]:
    """The devices that the plug-in offers to this process; it is registered once."""
    import onnxruntime as ort
    import onnxruntime_ep_openvino as plugin

    ort.register_execution_provider_library(_PROVIDER, plugin.get_library_path())
    return [one for one in ort.get_ep_devices() if one.ep_name == _PROVIDER]


# Run in a process of its own: it imports ONNX Runtime, which the asking process must not.
_ASK = f"""
import os
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort, onnxruntime_ep_openvino as plugin
ort.set_default_logger_severity(4)
ort.register_execution_provider_library({_PROVIDER!r}, plugin.get_library_path())
print(*(one.device.type.name for one in ort.get_ep_devices() if one.ep_name == {_PROVIDER!r}))
"""


@functools.cache
def _no_device(python: tuple[str, ...], device: str) -> str:
    """Why the plug-in offers no such device to that Python; empty where it does."""
    try:
        child = subprocess.run([*python, "-P", "-c", _ASK], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "the OpenVINO plug-in could not be loaded within 60 s"
    if child.returncode:
        last = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
        return f"the OpenVINO plug-in of ONNX Runtime cannot be loaded: {last[:300]}"
    offered = child.stdout.split()
    if device in offered:
        return ""
    vendor, others = cpu_info().get("vendor_id", "unknown"), ", ".join(offered) or "nothing"
    return (
        f"the OpenVINO plug-in of ONNX Runtime offers no {device} here ({others}): it takes devices of Intel alone, "
        f"and this CPU's vendor is {vendor}"
    )
