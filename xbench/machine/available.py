"""How much memory a process started now could take before the kernel has to swap or to kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import InvalidError
from .cpus import CGROUP

_MIB = 1024 * 1024
_KIB_PER_MIB = 1024


def available_memory_mib(cgroup: Path = CGROUP, proc: Path = Path("/proc")) -> int:
    """MiB that this process can still take: MemAvailable of /proc/meminfo (proc(5)), or what its cgroup leaves.

    A cgroup leaves its limit less what it holds; file cache that was not used lately counts as free, since the
    kernel drops it first. All cgroups from the process's own up to the mounted one are asked, and the tightest
    holds; inside a container the mounted one is the container's. Raises InvalidError where the kernel does not
    tell.
    """
    rooms = [_mem_available_mib(proc)]
    for folder, names in _folders(cgroup, proc):
        room = _room(folder, *names)
        if room is not None:
            rooms.append(room // _MIB)
    return max(0, min(rooms))


def _mem_available_mib(proc: Path) -> int:
    for line in (proc / "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // _KIB_PER_MIB
    raise InvalidError("Free memory was asked for", f"{proc / 'meminfo'} has no MemAvailable")


# Names of the limit, of what is held, and of the idle file cache in memory.stat, which in v1 is `total_` with
# what is below. (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel.)
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _folders(cgroup: Path, proc: Path) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """The memory cgroups that bind this process, of v2 or v1, as far as they can be seen from here."""
    own = proc / "self/cgroup"
    paths = {"": "/", "memory": "/"}
    for line in own.read_text().splitlines() if own.is_file() else ():
        _, controllers, path = line.split(":", 2)
        paths |= {controller: path for controller in controllers.split(",") if controller in paths}
    for root, path, names in ((cgroup, paths[""], _V2), (cgroup / "memory", paths["memory"], _V1)):
        inside = root / path.strip("/")
        yield from ((folder, names) for folder in (inside, *inside.parents) if folder.is_relative_to(root))


def _room(folder: Path, limit_name: str, held_name: str, idle_name: str) -> int | None:
    """Bytes below the limit of one cgroup; None where it has no limit or cannot be seen."""
    limit = folder / limit_name
    text = limit.read_text().strip() if limit.is_file() else "max"
    if text == "max":
        return None
    held = int((folder / held_name).read_text())
    stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return int(text) - (held - int(stat.get(idle_name, 0)))
