"""Looks at all providers and all traps of this machine, one after the other."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

from ..machine.elf import needed as elf_needs
from ..plugins import RUNNERS
from ..progress import Journey
from ..records.profile import HardwareProfile
from . import traps_machine, traps_nvidia, traps_packages
from .parts import Found
from .providers import ANY, Surroundings, any_provider, check_provider, look, representative, surroundings
from .record import Checkup, ProviderCheck, Trap

STAGE = "doctor"
SECONDS = 60.0
"""Longest that loading one provider, or one answer of its worker, may take. TensorRT builds an engine meanwhile."""

# Played by a script, and the one that stands for no provider of its own.
_NO_PROVIDERS = frozenset({"fake", ANY})
# XDG Base Directory Specification for the second.
_FOLDERS = ("TMPDIR", "XDG_CACHE_HOME")
# It sends tensors of one operator to a service; no node of an ordinary model runs on it.
_REMOTE = frozenset({"AzureExecutionProvider"})


def examine(profiles: Iterable[HardwareProfile], journey: Journey, seconds: float = SECONDS) -> Checkup:
    """Look at each provider and each trap. `profiles` are all that there are; the best of each runner is tried."""
    known = list(profiles)
    around = surroundings()
    temporary = traps_machine.temporary_status()
    with own_temporary_folder():
        checks, found = _all_providers(known, around, journey, seconds)
    journey.begin(STAGE, "traps")
    threads = {c.profile: p.threads for c in checks for p in known if p.name == c.profile and c.expected}
    numbers = {name: count for name, count in threads.items() if count != "all"}
    traps = all_traps(found, around, numbers, *temporary)
    journey.end()
    return Checkup(providers=tuple(checks), traps=traps)


@contextmanager
def own_temporary_folder() -> Iterator[None]:
    """Temporary files and caches of this process and its children go into one folder meanwhile, which then goes.

    Libraries keep there what torch compiles, and the TensorRT runner its engines.
    """
    before = {name: os.environ.get(name) for name in _FOLDERS}
    with tempfile.TemporaryDirectory(prefix="xbench-doctor-") as folder:
        os.environ |= dict.fromkeys(_FOLDERS, folder)
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = None
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def _all_providers(
    known: Sequence[HardwareProfile], around: Surroundings, journey: Journey, seconds: float
) -> tuple[list[ProviderCheck], dict[str, Found]]:
    """Each runner, then each provider that only ONNX Runtime names; and what is installed, by runner."""
    third = {entry.name for entry in entry_points(group="xbench.runners")} - set(RUNNERS)
    names = [name for name in (*RUNNERS, *sorted(third)) if name not in _NO_PROVIDERS]
    chosen = {name: representative(name, known) for name in names}
    found = {name: look(name, around) for name in names}
    # One more: the traps come last.
    journey.plan(STAGE, len(names) + 1, seconds_each=3.0)
    checks: list[ProviderCheck] = []
    offered: tuple[str, ...] = ()
    for name in names:
        journey.begin(STAGE, name)
        check, offers = check_provider(chosen[name], found[name], name, around, seconds)
        checks.append(check)
        offered = offered or offers
    named = {p.placement.provider for p in known if p.placement is not None and p.runner in names}
    for provider in sorted(set(offered) - named - _REMOTE):
        journey.begin(STAGE, provider)
        checks.append(check_provider(any_provider(provider, known), found["cpu"], provider, around, seconds)[0])
    return checks, found


def all_traps(
    found: Mapping[str, Found],
    around: Surroundings,
    threads: Mapping[str, int],
    folder: Path,
    status: os.statvfs_result,
) -> tuple[Trap, ...]:
    """Each trap, sprung or not.

    `threads`: of the profiles that were tried, where they name a number. `folder` is for temporary files, and
    `status` what its file system tells.
    """
    names = [name for part in found.values() for name in part.needs]
    own = {path: elf_needs(path) for one in around.runtimes for path in one.libraries}
    package = f"{around.runtimes[0].name}=={around.runtimes[0].version}" if around.runtimes else ""
    libc, version = platform.libc_ver()
    glibc = tuple(int(part) for part in version.split(".")[:2]) if libc == "glibc" else ()
    cpus = os.sched_getaffinity(0)
    return (
        traps_packages.two_runtimes(around.runtimes),
        traps_nvidia.cuda_major(names, around.folders, package),
        traps_nvidia.tensorrt_major(names, around.folders),
        traps_nvidia.driver_too_old(names, around.driver),
        traps_nvidia.container_without_gpu(bool(names)),
        traps_packages.missing_system_libraries(own, around.folders),
        traps_packages.glibc_too_old(around.runtimes, (glibc[0], glibc[1]) if len(glibc) == 2 else None),
        traps_machine.cpu_quota(cpus),
        traps_machine.threads_above_cpus(threads, cpus),
        traps_machine.memory_limit(),
        traps_machine.temporary_folder(folder, status),
        traps_machine.pinning(traps_machine.pin_to_own_cpus),
    )
