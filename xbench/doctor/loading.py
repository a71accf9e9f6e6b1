"""Has a runner's libraries loaded by a child process, and tells what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..records.profile import HardwareProfile
from .child import ANSWER

CHILD = "xbench.doctor.child"
_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Loaded:
    """Whether the libraries loaded; if not, why and what mends it.

    `model`: the file with the model of two nodes, as this runner takes it. `offered`: providers of ONNX Runtime.
    """

    loaded: bool
    reason: str = ""
    remedy: str = ""
    model: str = ""
    offered: tuple[str, ...] = ()


def load_runner(profile: HardwareProfile, folder: Path, seconds: float, module: str = CHILD) -> Loaded:
    """Load what the profile's runner needs. A crash or a hang of the child is an answer like any other.

    The child writes into `folder`. `module` is what it runs, for tests.
    """
    command = [sys.executable, "-P", "-m", module, profile.model_dump_json(by_alias=True), str(folder)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # A session of its own: Ctrl-C reaches the parent alone, which ends the child and its children.
        start_new_session=True,
    ) as child:
        try:
            _, said = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return Loaded(False, f"loading did not end within {seconds:g} s: it was stopped")
        finally:
            _end(child)
    answer = folder / ANSWER
    if child.returncode or not answer.is_file():
        return Loaded(False, _death(child.returncode, said))
    told = json.loads(answer.read_text())
    return Loaded(told["available"], told["reason"], told["remedy"], told["model"], tuple(told["offered"]))


def _end(child: subprocess.Popen[bytes]) -> None:
    # Its group holds also what it started itself; all of it may have ended already.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _death(status: int, said: bytes) -> str:
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    lines = said.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    return ": ".join((f"the process that loaded it died ({how})", "; ".join(lines) or "it said nothing"))
