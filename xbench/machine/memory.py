"""Memory of the current process, as the Linux kernel counts it."""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidError

_KIB_PER_MIB = 1024


def _status_mib(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / _KIB_PER_MIB
    raise InvalidError(f"Memory was asked for, and /proc/self/status has no {field}")


def resident_mib() -> float:
    """What the process holds now (VmRSS), MiB."""
    return _status_mib("VmRSS")


def peak_mib() -> float:
    """The most it has held since it started, or since the last reset (VmHWM), MiB.

    Not `ru_maxrss`: in a child that one starts at the parent's peak.
    """
    return _status_mib("VmHWM")


def reset_peak() -> str:
    """Make the peak start again from what is held now (proc(5), clear_refs). Empty, or why it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        return f"the peak cannot be reset here ({error.strerror}): load and run peaks are one figure"
    return ""
