"""Finds exporters, runners and metrics by name: shipped ones in a table, third parties' by entry point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from .errors import InputError, UnavailableError, did_you_mean
from .protocols import Converter, Exporter, Metric, Runner
from .records.profile import HardwareProfile

RUNNERS = {
    "cpu": "xbench.runners.cpu:CpuRunner",
    "cuda": "xbench.runners.cuda:CudaRunner",
    "tensorrt": "xbench.runners.tensorrt_ep:TensorRtRunner",
    "openvino": "xbench.runners.openvino_ep:OpenVinoRunner",
    "openvino-native": "xbench.runners.openvino_native:OpenVinoNativeRunner",
    "torch": "xbench.runners.torch_module:TorchRunner",
    "ort": "xbench.runners.ort_any:AnyProviderRunner",
    "fake": "xbench.runners.fake:FakeRunner",
}
EXPORTERS = {
    "dynamo": "xbench.exporters.torch_dynamo:TorchDynamoExporter",
    "optimum": "xbench.exporters.transformers_optimum:TransformersOptimumExporter",
    "torchscript": "xbench.exporters.torch_script:TorchScriptExporter",
}
CONVERTERS = {
    "fp16": "xbench.exporters.to_float16:Float16Converter",
    "int8": "xbench.exporters.to_int8:Int8Converter",
}


# What the core calls; a class without one of them would fail in the middle of a run.
_RUNNER_PARTS = (
    "simulated",
    "probe",
    "warm_import",
    "load",
    "close",
    "cache_use",
    "bind",
    "infer",
    "placement",
    "profile_run",
    "__enter__",
    "__exit__",
)
_EXPORTER_PARTS = ("export",)
_CONVERTER_PARTS = ("convert",)
_METRIC_PARTS = ("scores", "value")


@dataclass(frozen=True, slots=True)
class _Plugin:
    """Where a plug-in is: `module:attribute`, and the package that brings it; empty: xbench itself."""

    name: str
    reference: str
    package: str = ""

    @property
    def owner(self) -> str:
        return f"the package {self.package}" if self.package else "xbench"


def _found(kind: str, shipped: dict[str, str]) -> dict[str, list[_Plugin]]:
    """All that claim a name, the shipped one first."""
    found = {name: [_Plugin(name, reference)] for name, reference in shipped.items()}
    for entry in entry_points(group=f"xbench.{kind}s"):
        package = entry.dist.name if entry.dist else "that is not to be told"
        found.setdefault(entry.name, []).append(_Plugin(entry.name, entry.value, package))
    return {name: sorted(claims, key=lambda one: one.package) for name, claims in found.items()}


def _choose(kind: str, name: str, shipped: dict[str, str]) -> _Plugin:
    """The only plug-in of a name. Raises InputError where there is none; UnavailableError where several claim it."""
    found = _found(kind, shipped)
    claims = found.get(name, [])
    if not claims:
        hint = did_you_mean(name, found)
        raise InputError(f"There is no {kind} called {name!r}", f"known are {', '.join(sorted(found))}", hint)
    if len(claims) > 1:
        others = ", ".join(sorted(one.package for one in claims if one.package))
        raise UnavailableError(
            f"The {kind} {name!r} is claimed by {' and by '.join(one.owner for one in claims)}",
            "which of them a figure came from could not be told",
            f"uninstall all but one, or have it renamed: {others}",
        )
    return claims[0]


def _load(kind: str, plugin: _Plugin, parts: Sequence[str]) -> type[object]:
    """The class of a plug-in. Raises UnavailableError, with its package, where it cannot be had or is not one."""
    module, _, attribute = plugin.reference.partition(":")
    if not plugin.package:
        return cast(type[object], getattr(import_module(module), attribute))
    try:
        # Code of others: whatever it raises is its own fault, and must be told as such.
        loaded = getattr(import_module(module), attribute)
    except Exception as error:
        raise _broken(kind, plugin, f"{type(error).__name__}: {error}") from error
    if not isinstance(loaded, type):
        raise _broken(kind, plugin, f"{plugin.reference} is no class, but a {type(loaded).__name__}")
    missing = [part for part in parts if not hasattr(loaded, part)]
    if missing:
        raise _broken(kind, plugin, f"{plugin.reference} has no {', '.join(missing)}")
    return loaded


def _broken(kind: str, plugin: _Plugin, told: str) -> UnavailableError:
    return UnavailableError(
        f"The {kind} {plugin.name!r} of {plugin.owner} cannot be used",
        " ".join(told.split())[:300],
        f"tell those who made {plugin.package}, or pip uninstall {plugin.package}",
    )


def runner_class(name: str) -> type[Runner]:
    """The runner of that name.

    Raises InputError where there is none, with the nearest name; UnavailableError where several packages claim
    it, a shipped name included, and where a third party's is broken.
    """
    return cast(type[Runner], _load("runner", _choose("runner", name, RUNNERS), _RUNNER_PARTS))


def quantises(profile: HardwareProfile) -> bool:
    """Whether the runner makes integers of a file of floats, by a calibration that its options name. Few do."""
    asked = getattr(runner_class(profile.runner), "quantises", None)
    return asked is not None and bool(asked(profile))


def exporter(name: str) -> Exporter:
    """A new exporter of that name; raises as `runner_class` does."""
    kind = _load("exporter", _choose("exporter", name, EXPORTERS), _EXPORTER_PARTS)
    return cast(type[Exporter], kind)()


def converter(precision: str) -> Converter:
    """A new converter to that precision; raises as `runner_class` does."""
    kind = _load("converter", _choose("converter", precision, CONVERTERS), _CONVERTER_PARTS)
    return cast(type[Converter], kind)()


def metric_names() -> list[str]:
    """Names of the metrics that installed packages bring; none of them is loaded."""
    return sorted(_found("metric", {}))


def metric(name: str, shipped: bool) -> Metric | None:
    """A new metric of that name that an installed package brings; None where none does.

    `shipped` says whether xbench has one of that name itself. Raises UnavailableError, with the package, where
    several claim the name, xbench among them, and where the metric is broken.
    """
    if name not in _found("metric", {}):
        return None
    plugin = _choose("metric", name, {name: "xbench.metrics"} if shipped else {})
    kind = _load("metric", plugin, _METRIC_PARTS)
    try:
        # Code of others again.
        made = cast(Metric, kind())
        fault = _metric_fault(made, name)
    except Exception as error:
        raise _broken("metric", plugin, f"{type(error).__name__}: {error}") from error
    if fault:
        raise _broken("metric", plugin, fault)
    return made


def _metric_fault(made: Metric, name: str) -> str:
    """What a metric says of itself that the core cannot use, in words; empty: nothing."""
    if made.name != name:
        return f"its name is {made.name!r}, and its entry point calls it {name!r}"
    if made.better not in ("higher", "lower"):
        return f"better is {made.better!r}, and must be 'higher' or 'lower'"
    if made.span is not None and not made.span > 0:
        return f"span is {made.span!r}, and must be a number above 0, or None"
    if isinstance(made.tasks, str) or not made.tasks or not all(isinstance(task, str) for task in made.tasks):
        return f"tasks is {made.tasks!r}, and must be names of tasks, such as ('plugin',)"
    return ""
