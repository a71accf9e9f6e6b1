"""How large the caches of this machine are, as the kernel tells it."""

from __future__ import annotations

from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}


def last_level_cache_bytes(cpus: Path = _CPUS) -> int | None:
    """The last-level caches of all CPUs together, each counted once; None where the kernel does not tell."""
    found: dict[tuple[int, str], int] = {}
    for index in cpus.glob("cpu[0-9]*/cache/index[0-9]*"):
        level, size, shared = (index / name for name in ("level", "size", "shared_cpu_list"))
        if level.is_file() and size.is_file() and shared.is_file():
            found[int(level.read_text()), shared.read_text().strip()] = _bytes(size.read_text().strip())
    if not found:
        return None
    last = max(level for level, _ in found)
    return sum(size for (level, _), size in found.items() if level == last) or None


def _bytes(text: str) -> int:
    """A size as sysfs writes it, such as 32768K; 0 where it is not as expected."""
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    return int(number) * unit if number.isdigit() else 0
