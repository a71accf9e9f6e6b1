"""Says whether this machine is the one that a profile speaks of (rule 13 of the design), and in what it differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from ..errors import UnavailableError
from ..machine.described import Machine, this_machine
from ..machine.emulator import emulator_reason, emulator_remedy
from ..plugins import runner_class
from ..records.profile import Availability, HardwareProfile, Requirements

_ANOTHER = "run on such a machine, or write a profile for this one"
_AS_IS = f"{_ANOTHER}; --as-is tries these options here, under this machine's own name"


def differences(profile: HardwareProfile, machine: Machine) -> tuple[str, ...]:
    """All in which a machine is not what a profile asks for, in words; nothing: it is that machine.

    Where a CPU is emulated, nothing is asked of the host's. `machine` holds the versions of the packages that
    the profile names, as far as they are installed.
    """
    return (*machine_differences(profile, machine), *_libraries(profile.requires, machine))


def machine_differences(profile: HardwareProfile, machine: Machine) -> tuple[str, ...]:
    """The same without the libraries, which can be installed: what makes it another machine."""
    needs = profile.requires
    played = () if profile.emulation is not None else (*_architecture(needs, machine), *_cpu(needs, machine))
    return (*played, *_system(needs, machine), *_gpus(needs, machine))


def needed_packages(profiles: Iterable[HardwareProfile]) -> set[str]:
    """The packages whose versions these profiles ask for."""
    return {name for profile in profiles for name in profile.requires.libraries}


def availability(profile: HardwareProfile, machine: Machine | None = None) -> Availability:
    """Whether the profile can run here: the machine, the emulator, and what its runner finds. Imports no runtime.

    `machine` is this one, where it is known already. Raises InputError for options that the runner refuses.
    """
    machine = machine or this_machine(needed_packages([profile]))
    found = _probed(profile)
    another = machine_differences(profile, machine)
    missing = _libraries(profile.requires, machine)
    if another or missing:
        helps = bool(another) and not missing and profile.emulation is None
        remedy = _AS_IS if helps and found.available else _ANOTHER if another else _installing(profile, missing)
        return Availability(available=False, reason="; ".join((*another, *missing)), remedy=remedy, machine=helps)
    if profile.emulation is not None:
        reason = emulator_reason(profile.emulation)
        if reason:
            return Availability(available=False, reason=reason, remedy=emulator_remedy(profile.emulation))
    return found


def _probed(profile: HardwareProfile) -> Availability:
    """What the profile's runner finds; one that cannot be had itself is a reason too, and not the end of a list."""
    try:
        return runner_class(profile.runner).probe(profile)
    except UnavailableError as error:
        return Availability(available=False, reason=error.reason, remedy=error.remedy)


def _architecture(needs: Requirements, machine: Machine) -> Iterator[str]:
    if needs.architectures and machine.architecture not in needs.architectures:
        yield f"the profile is for {_any(needs.architectures)}, and this machine is {machine.architecture}"


def _system(needs: Requirements, machine: Machine) -> Iterator[str]:
    if needs.systems and machine.system not in needs.systems:
        yield f"the profile is for {_any(needs.systems)}, and this system is {machine.system}"


def _cpu(needs: Requirements, machine: Machine) -> Iterator[str]:
    if needs.cpu_vendors and machine.cpu_vendor not in needs.cpu_vendors:
        here = machine.cpu_vendor or "of an unknown vendor"
        yield f"the profile is for a CPU of {_any(needs.cpu_vendors)}, and this one is {here}"
    lacking = sorted(set(needs.cpu_flags) - machine.cpu_flags)
    if lacking:
        yield f"this CPU lacks {', '.join(lacking)}"
    beyond = sorted(set(needs.cpu_flags_absent) & machine.cpu_flags)
    if beyond:
        yield f"the profile is for a CPU without {', '.join(beyond)}, which this one has"


def _gpus(needs: Requirements, machine: Machine) -> Iterator[str]:
    """Which of several GPUs a runner takes is CUDA's to say: so all that it may take must be right."""
    if not (needs.gpus or needs.compute_capability or needs.driver):
        return
    if not machine.gpus:
        wanted = f"an NVIDIA GPU{' called ' + _any(needs.gpus) if needs.gpus else ''}"
        yield f"the profile is for {wanted}, and none is here ({machine.gpu_reason})"
        return
    least = needs.compute_capability
    for gpu in dict.fromkeys(machine.gpus):
        if needs.gpus and not any(_words(name) <= _words(gpu.name) for name in needs.gpus):
            yield f"the profile is for a GPU called {_any(needs.gpus)}, and this one is {gpu.name}"
        if needs.gpus and gpu.partitioned:
            yield f"the profile is for a whole GPU, and this {gpu.name} is partitioned (MIG)"
        if least and _below(gpu.compute_capability, least):
            yield f"the profile needs compute capability {least}, and {gpu.name} has {gpu.compute_capability}"
    if needs.driver and _below(machine.driver, needs.driver):
        yield f"the profile needs NVIDIA's driver {needs.driver}, and {machine.driver or 'an unknown one'} is here"


def _libraries(needs: Requirements, machine: Machine) -> tuple[str, ...]:
    found = []
    for name, versions in needs.libraries.items():
        here = machine.packages.get(name)
        if here is None:
            found.append(f"the profile needs {name}{versions}, which is not installed")
        elif not _fits(here, versions):
            found.append(f"the profile needs {name}{versions}, and {here} is installed")
    return tuple(found)


def _fits(version: str, versions: str) -> bool:
    """By PEP 440; a pre-release counts as what it is. A version that is none fits nothing."""
    try:
        return SpecifierSet(versions).contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _installing(profile: HardwareProfile, missing: Sequence[str]) -> str:
    wanted = [f"'{name}{versions}'" for name, versions in profile.requires.libraries.items()]
    return f"pip install {' '.join(wanted)}" if missing else ""


def _below(here: str, least: str) -> bool:
    """Whether a version with dots is below another, number by number; what is not told counts as 0."""
    numbers = ([int(part) for part in re.findall(r"\d+", version)] for version in (here, least))
    for mine, theirs in zip_longest(*numbers, fillvalue=0):
        if mine != theirs:
            return mine < theirs
    return False


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", name.lower()))


def _any(names: Sequence[str]) -> str:
    return " or ".join(names)
