"""Any other provider that the installed ONNX Runtime has, by profile alone."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from xbench.errors import InputError, InvalidError
from xbench.records.profile import Availability, HardwareProfile

from .ort_install import find_runtime
from .ort_known import OPTIONS, REMEDIES, unknown_option
from .ort_options import OrtOptions
from .ort_session import OrtSessionRunner

# Their own runners type their options and prove their precision.
_OWN = {
    "CPUExecutionProvider": "cpu",
    "CUDAExecutionProvider": "cuda",
    "TensorrtExecutionProvider": "tensorrt",
    "OpenVINOExecutionProvider": "openvino",
}
_LIMIT_S = 60

# Asked in a process of its own: it imports ONNX Runtime, which the asking one must not, and a broken plug-in may
# take the process down with it.
_ASK = """
import importlib, json, os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
found = {"providers": onnxruntime.get_available_providers(), "devices": []}
if sys.argv[1]:
    onnxruntime.register_execution_provider_library("xbench", importlib.import_module(sys.argv[1]).get_library_path())
    found["devices"] = [[one.ep_name, one.device.type.name.lower()] for one in onnxruntime.get_ep_devices()]
print(json.dumps(found))
"""


class AnyOptions(OrtOptions):
    """Options of any provider of ONNX Runtime; its own ones go to it as they are."""

    provider: str = Field(
        pattern=r"^[A-Za-z0-9]+ExecutionProvider$", description="ONNX Runtime's name of the provider."
    )
    given: dict[str, str] = Field(
        default={}, alias="provider_options", description="The provider's own options, all as text."
    )
    library: str = Field(
        default="",
        pattern=r"^([A-Za-z_][A-Za-z0-9_.]*)?$",
        description="Python package of a plug-in provider, with a function `get_library_path`; none: the provider is "
        "built in.",
    )
    device: Literal["any", "cpu", "gpu", "npu"] = Field(
        default="any", description="Which of the devices that a plug-in provider offers."
    )

    def provider_options(self) -> dict[str, str]:
        """As the profile gives them."""
        return self.given


class AnyProviderRunner(OrtSessionRunner):
    """Any provider by name. Its placement is proven; its precision is what the profile says, and is not."""

    options_type = AnyOptions
    options: AnyOptions

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        super().__init__(path, label, profile)
        self.provider = self.options.provider

    @classmethod
    def check_options(cls, profile: HardwareProfile) -> AnyOptions:
        """The profile's options, typed. Raises InputError for a provider that has a runner of its own."""
        options = super().check_options(profile)
        assert isinstance(options, AnyOptions)  # noqa: S101 - it is of `options_type`
        if options.provider in _OWN:
            raise InputError(
                f"Profile {profile.name!r} asks the runner 'ort' for {options.provider}",
                "it has a runner of its own, which checks its options and proves its precision",
                f"write runner: {_OWN[options.provider]}",
            )
        return options

    @classmethod
    def _precisions(cls, options: OrtOptions) -> tuple[str, ...]:
        return ("fp32", "tf32", "fp16", "bf16", "int8")

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Whether the installed ONNX Runtime, or the plug-in that is named, offers the provider.

        Raises InputError for an option that the provider does not know, where it can be told.
        """
        options = cls.check_options(profile)
        found = super().probe(profile)
        if not found.available:
            return found
        missing = _missing_package(options.library)
        if missing:
            return missing
        _check_names(profile, options)
        answer = ask_runtime(options.library)
        if isinstance(answer, str):
            return Availability(available=False, reason=answer, remedy=REMEDIES.get(options.provider, ""))
        return _offered(options, answer)

    def _providers(self, options: Any) -> dict[str, Any]:
        if not self.options.library:
            return super()._providers(options)
        devices = [one for one in registered_devices(self.options.library) if self._wanted(one)]
        if not devices:
            raise InvalidError(f"{self.options.library} offers no device of {self.provider} here")
        options.add_provider_for_devices(devices, self.options.provider_options())
        return {"enable_fallback": 0}

    def _wanted(self, device: Any) -> bool:
        kind = device.device.type.name.lower()
        return device.ep_name == self.provider and self.options.device in ("any", kind)


@functools.cache
def registered_devices(library: str) -> tuple[Any, ...]:
    """What ONNX Runtime offers once this package's provider is registered, which a process can do once."""
    import onnxruntime

    onnxruntime.register_execution_provider_library(library, importlib.import_module(library).get_library_path())
    return tuple(onnxruntime.get_ep_devices())


@functools.cache
def ask_runtime(library: str) -> dict[str, Any] | str:
    """`providers` that ONNX Runtime offers and `devices` ([provider, kind]) of a plug-in; or why it did not tell."""
    command = [sys.executable, "-P", "-c", _ASK, library]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"ONNX Runtime did not say within {_LIMIT_S} s which providers it has"
    if child.returncode:
        status = child.returncode
        ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        last = (child.stderr.strip().splitlines() or [""])[-1][:300]
        return f"asking ONNX Runtime for {library or 'its providers'} ended with {ended}: {last}"
    answer: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return answer


def _missing_package(library: str) -> Availability | None:
    if not library or _origin(library):
        return None
    return Availability(
        available=False,
        reason=f"the provider's package {library!r} is not installed",
        remedy=f"pip install {library.replace('_', '-')}",
    )


def _origin(library: str) -> Path | None:
    """The folder of a package, found without importing it (but for the packages around it)."""
    try:
        spec = importlib.util.find_spec(library)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin).parent if spec and spec.origin else None


def _check_names(profile: HardwareProfile, options: AnyOptions) -> None:
    runtime, package = find_runtime(), _origin(options.library) if options.library else None
    folders = [package] if package else [runtime.libraries] if runtime else []
    name, near = unknown_option(options.provider, options.given, folders)
    if name:
        known = ", ".join(OPTIONS.get(options.provider, ()))
        raise InputError(
            f"Profile {profile.name!r} has a provider option {name!r} that {options.provider} does not know",
            f"did you mean {near!r}?" if near else "no library of it holds this word",
            f"its options: {known}" if known else "its documentation lists its options",
        )


def _offered(options: AnyOptions, answer: dict[str, Any]) -> Availability:
    if options.library:
        kinds = [kind for name, kind in answer["devices"] if name == options.provider]
        if options.device in kinds or (kinds and options.device == "any"):
            return Availability(available=True)
        has = f"devices of kind {', '.join(kinds)}" if kinds else "no device of it"
        remedy = "change the option device, or run where there is such a device"
        return Availability(available=False, reason=f"{options.library} offers {has} here", remedy=remedy)
    if options.provider in answer["providers"]:
        return Availability(available=True)
    return Availability(
        available=False,
        reason=f"the installed ONNX Runtime has no {options.provider}: it has {', '.join(answer['providers'])}",
        remedy=REMEDIES.get(options.provider, "install a build of ONNX Runtime that has it"),
    )
