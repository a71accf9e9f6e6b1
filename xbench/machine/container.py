"""Whether this process runs in a container, and whether an NVIDIA GPU can be seen from here."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path("/")
_MARKS = (".dockerenv", "run/.containerenv")
# How container engines name the cgroup of what they start (v1; in v2 a container sees `/` alone).
_CGROUP = re.compile(r"/(docker|kubepods|containerd|libpod|lxc)[-/.]")


def container_mark(root: Path = _ROOT) -> str:
    """What shows that this is a container: a file that Docker or Podman leaves, or the cgroup; empty: nothing."""
    for mark in _MARKS:
        if (root / mark).exists():
            return f"/{mark}"
    cgroup = root / "proc/1/cgroup"
    match = _CGROUP.search(cgroup.read_text(errors="replace") + "\n") if cgroup.is_file() else None
    return f"cgroup {match[0]}" if match else ""


def nvidia_devices(root: Path = _ROOT) -> tuple[str, ...]:
    """Device files of NVIDIA GPUs: /dev/nvidia0 and so on, /dev/nvhost-* of a Jetson, /dev/dxg of WSL."""
    patterns = ("dev/nvidia[0-9]*", "dev/nvhost-gpu", "dev/nvgpu", "dev/dxg")
    return tuple(f"/{path.relative_to(root)}" for pattern in patterns for path in sorted(root.glob(pattern)))
