"""Energy that the CPU's packages use, by RAPL (Running Average Power Limit) as Linux shows it.

The counters are of whole packages: what other processes use meanwhile is in them, memory modules are not.
They move about once a millisecond. The files and their units: Documentation/power/powercap/powercap.rst of
the kernel; AMD's counters bear Intel's name there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..errors import UnavailableError
from .kernelfile import KernelFile


class EnergyReader(Protocol):
    """A counter of energy: of the CPU's packages, or of a device."""

    def read_uj(self) -> int:
        """Microjoules used since some moment in the past: only differences mean anything.

        Raises UnavailableError where the counter cannot be read.
        """


class _Package:
    """The counter of one package, which starts again at 0 after `max_energy_range_uj`."""

    def __init__(self, folder: Path) -> None:
        self._counter = KernelFile(folder / "energy_uj")
        self._range = KernelFile(folder / "max_energy_range_uj").number()
        self._last = self._counter.number()
        self._used = 0

    def read_uj(self) -> int:
        """Microjoules since this object was made. It must be read more often than the counter starts again."""
        now = self._counter.number()
        self._used += now - self._last if now >= self._last else now + self._range - self._last
        self._last = now
        return self._used


class _Packages:
    """All packages of the machine together."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._packages = [_Package(folder) for folder in folders]

    def read_uj(self) -> int:
        try:
            return sum(package.read_uj() for package in self._packages)
        except (OSError, ValueError) as error:
            raise UnavailableError("The CPU's energy was asked for", str(error)) from error


def _package_folders(powercap: Path) -> list[Path]:
    """Zones of the top level that are packages. `psys` is one more view of them, and `intel-rapl-mmio` another."""
    zones = sorted(powercap.glob("intel-rapl:*"))
    return [zone for zone in zones if KernelFile(zone / "name").first_line().startswith(b"package")]


def cpu_energy(sys: Path = Path("/sys")) -> tuple[EnergyReader | None, str]:
    """A reader of the energy of all CPU packages and no reason, or None and why there is none."""
    powercap = sys / "class/powercap"
    try:
        folders = _package_folders(powercap)
        if not folders:
            return None, f"no energy counter of the CPU (RAPL) in {powercap}; a virtual machine mostly has none"
        return _Packages(folders), ""
    except PermissionError:
        # Since Linux 5.10: from the counter's steps one can guess what others compute (CVE-2020-8694).
        return None, (
            "only root may read the CPU's energy counters (CVE-2020-8694); "
            f"until the machine starts again this lets all: sudo chmod a+r {powercap}/intel-rapl:*/energy_uj"
        )
    except (OSError, ValueError) as error:
        return None, f"the CPU's energy counters cannot be read: {error}"
