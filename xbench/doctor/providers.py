"""How far one provider gets on this machine: installed, loadable, usable."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..machine.container import nvidia_devices
from ..machine.fingerprint import cpu_info
from ..machine.nvidia_driver import Driver, installed_driver
from ..machine.sharedlibs import library_folders
from ..records.profile import HardwareProfile
from .loading import load_runner
from .packages import Runtime, runtimes
from .parts import PARTS, Found, Part, find_part, find_third_party
from .record import ProviderCheck
from .trying import try_profile

ANY = "ort"
"""The runner that takes a provider by name, in its option `provider`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked at once for all providers."""

    runtimes: tuple[Runtime, ...]
    folders: tuple[Path, ...]
    driver: Driver | None
    devices: tuple[str, ...]
    cpu_vendor: str

    def has_device(self, part: Part) -> bool:
        """Whether what the part computes on is here: an NVIDIA GPU or its driver, a CPU of its maker."""
        gpu = bool(self.devices) or self.driver is not None
        return (gpu or not part.nvidia) and part.cpu_vendor in ("", self.cpu_vendor)


def surroundings() -> Surroundings:
    """Those of this process."""
    return Surroundings(
        runtimes(sys.path),
        library_folders(sys.path),
        installed_driver(),
        nvidia_devices(),
        cpu_info().get("vendor_id", ""),
    )


def look(name: str, around: Surroundings) -> Found:
    """Whether what belongs to a runner is installed."""
    part = PARTS.get(name)
    return find_third_party(name) if part is None else find_part(part, around.runtimes, around.folders)


def representative(runner: str, profiles: Sequence[HardwareProfile]) -> HardwareProfile:
    """The profile to try a runner with: in fp32 if there is one, and the plainest one.

    The plainest asks least of the machine and turns the fewest options on. A runner that no profile names is tried
    with its default options.
    """
    mine = [p for p in profiles if p.runner == runner and p.emulation is None]
    if not mine:
        return _plain(runner, runner, {})
    return min(
        mine,
        key=lambda p: (
            p.precision != "fp32",
            _demands(p),
            sum(map(bool, p.options.values())),
            p.threads != "all",
            len(p.name),
        ),
    )


def _demands(profile: HardwareProfile) -> int:
    return sum(bool(value) for value in profile.requires.model_dump().values())


def any_provider(provider: str, profiles: Sequence[HardwareProfile]) -> HardwareProfile:
    """The profile for a provider that has no runner of its own; where none is written, its default options."""
    mine = (p for p in profiles if p.runner == ANY and p.options.get("provider") == provider)
    return next(mine, None) or _plain(provider, ANY, {"provider": provider})


def _plain(name: str, runner: str, options: Mapping[str, object]) -> HardwareProfile:
    data = {"schema": "xbench.profile/1", "name": name, "title": name, "runner": runner, "evidence": "doctor"}
    return HardwareProfile.model_validate({**data, "options": dict(options)})


def check_provider(
    profile: HardwareProfile, found: Found, name: str, around: Surroundings, seconds: float
) -> tuple[ProviderCheck, tuple[str, ...]]:
    """How far one provider gets: installed, loaded, used. Gives also the providers that ONNX Runtime offers."""
    start = ProviderCheck(
        name=name,
        profile=profile.name,
        package=found.package,
        version=found.version,
        installed=found.installed,
        expected=found.installed and around.has_device(PARTS.get(name, Part())),
        reason=found.reason,
        remedy=found.remedy,
    )
    if not found.installed:
        return start, ()
    with tempfile.TemporaryDirectory(prefix="xbench-doctor-") as folder:
        return _load_and_try(start, profile, found, Path(folder), seconds)


def _load_and_try(
    start: ProviderCheck, profile: HardwareProfile, found: Found, folder: Path, seconds: float
) -> tuple[ProviderCheck, tuple[str, ...]]:
    loaded = load_runner(profile, folder, seconds)
    if not loaded.loaded:
        unmet = f"; not found: {', '.join(found.unmet)}" if found.unmet else ""
        update = {"loadable": False, "reason": loaded.reason + unmet, "remedy": loaded.remedy or _again(found)}
        return start.model_copy(update=update), loaded.offered
    tried = try_profile(profile, folder / loaded.model, seconds)
    update = {"loadable": True, "usable": tried.usable, "nodes": tried.nodes}
    remedy = "" if tried.usable else tried.remedy or _again(found)
    return start.model_copy(update=update | {"reason": tried.reason, "remedy": remedy}), loaded.offered


def _again(found: Found) -> str:
    """What mends a package that does not do what it is there for, where nothing better is known."""
    return f"pip install --force-reinstall --no-deps {found.package}=={found.version}"
