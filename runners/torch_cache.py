"""Where inductor keeps what it compiled: a folder that the workers of one xbench process share, and nobody else.

Compiling takes longer than measuring, and each process would do it again. Torch's own folder outlives the run, so
that a process would be quick or slow by what somebody did before; and what lies in it is run as code.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from xbench.errors import InvalidError
from xbench.records.measurement import CacheUse


def own_cache(program: str) -> Path:
    """The program's folder in that of the process that started this one; made where it is missing.

    Each program has its own: dense and pruned weights of one shape come to the same code, and the second variant
    would look as if it needed no compiling. It lies below a folder of this user alone. Folders of processes that
    have ended are removed. Raises InvalidError where the user's folder is somebody else's.
    """
    root = Path(tempfile.gettempdir()) / f"xbench-torch-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise InvalidError(
            f"{root} is not a folder of this user alone",
            "what torch.compile keeps there is run as code",
            "remove it, or set TMPDIR to another folder",
        )
    own = root / _name(os.getppid())
    for other in root.iterdir():
        if other != own and not _lives(other.name):
            shutil.rmtree(other, ignore_errors=True)  # another worker may be at it too
    mine = own / program
    mine.mkdir(parents=True, exist_ok=True)
    return mine


def forget_use() -> None:
    """Begin to count anew."""
    from torch._dynamo.utils import counters

    counters.clear()


def cache_use() -> CacheUse:
    """What inductor has counted since `forget_use`: graphs that it compiled, and graphs that were in its cache."""
    from torch._dynamo.utils import counters

    counted = counters["inductor"]
    hits = counted["fxgraph_cache_hit"]
    built = counted["fxgraph_cache_miss"] + counted["fxgraph_cache_bypass"]
    if not hits and not built:
        return CacheUse()
    return CacheUse(kind="built" if built else "hit", proof=f"inductor counts {built} compiled, {hits} found")


def _name(process: int) -> str:
    """The number of a process and when it was started (field 22 of proc_pid_stat(5)): numbers come again."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return f"{process}-{fields[22 - 3]}"


def _lives(name: str) -> bool:
    try:
        return _name(int(name.partition("-")[0])) == name
    except (ValueError, OSError):
        return False
