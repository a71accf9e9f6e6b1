"""The parent's hold on one worker process. It sleeps on a pipe while the worker works."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any, Self

from .._version import __version__
from ..errors import WorkerError
from ..machine.emulator import python_command
from ..records.profile import HardwareProfile
from .messages import Message, raise_error

_LAST_LINES = 3
_START_LIMIT_S = 60.0
_CREATING = ("load", "load_again")
# QEMU says so of features of a CPU that no program of a user needs, each time that it starts.
_NO_MATTER = "warning: TCG doesn't support requested feature"


class WorkerProcess:
    """A fresh process with one runner in it. Leaving the context kills it, whatever it is doing.

    Entering starts it, and does not wait for it; the first request does, or `make_ready`; `begin` has it import
    its libraries meanwhile.

    Once it is ready, `process_start_ns` is how long it took until xbench ran in it, and `import_ns` how long the
    runner's library took to be imported. `time_limit` (seconds) bounds loading and each other answer; `request`
    takes more where the work is known to be longer. The process has a session of its own, so that Ctrl-C
    reaches the parent alone.

    Where the profile's processor is emulated, the process runs under the emulator, and `played` is the proof of
    it in words; entering raises UnavailableError where there is no emulator.
    """

    def __init__(self, path: Path, label: str, profile: HardwareProfile, time_limit: float) -> None:
        self.label = label
        self.profile = profile
        self.path = path
        self.time_limit = time_limit
        self._stderr: IO[bytes] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._commands: IO[str] | None = None
        self._answers = -1
        self._buffer = b""
        self._begun = False
        self._ready = False
        self._spawned_ns = 0
        self.process_start_ns = 0
        self.import_ns = 0
        self.played = ""

    def __enter__(self) -> Self:
        python = python_command(self.profile.emulation)
        command_read, command_write = os.pipe()
        answer_read, answer_write = os.pipe()
        self._stderr = tempfile.TemporaryFile()
        arguments = [str(command_read), str(answer_write), str(os.getpid())]
        self._spawned_ns = time.monotonic_ns()
        self._child = subprocess.Popen(
            [*python, "-P", "-m", "xbench.measure.worker", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            pass_fds=(command_read, answer_write),
            start_new_session=True,
        )
        os.close(command_read)
        os.close(answer_write)
        self._commands = os.fdopen(command_write, "w")
        self._answers = answer_read
        return self

    def begin(self) -> None:
        """Have the process import its libraries. Several may do so at once: nothing is timed yet."""
        if self._begun:
            return
        self._begun = True
        profile = self.profile.model_dump(mode="json", by_alias=True)
        start = {"version": __version__, "path": str(self.path), "label": self.label, "profile": profile}
        self._send(start, "start")

    def make_ready(self) -> None:
        """Wait until the process has imported its libraries."""
        if self._ready:
            return
        self.begin()
        answer = self._receive(max(_START_LIMIT_S, self.time_limit), "start")
        # The worker's clock is this one: CLOCK_MONOTONIC is the same for all processes of a machine.
        self.process_start_ns = answer["started_ns"] - self._spawned_ns
        self.import_ns = answer["import_ns"]
        self.played = answer["played"]
        self._ready = True

    def __exit__(self, *exc: object) -> None:
        if self._child is None:
            return
        self.end()
        os.close(self._answers)
        if self._stderr is not None:
            self._stderr.close()
        self._child = None

    def end(self) -> None:
        """Kill the process; nothing can be asked of it any more."""
        assert self._child is not None  # noqa: S101 - only called between __enter__ and __exit__
        self._child.kill()
        self._child.wait()
        if self._commands is not None:
            # What was not sent has nobody to read it.
            with contextlib.suppress(BrokenPipeError):
                self._commands.close()
        self._commands = None

    def request(self, command: str, *, expected_seconds: float = 0.0, **arguments: Any) -> Message:
        """Have one command done. Raises what the worker raised, or WorkerError if it died or took too long."""
        self.ask(command, **arguments)
        return self.answer(command, expected_seconds=expected_seconds)

    def ask(self, command: str, **arguments: Any) -> None:
        """Send one command, and do not wait: `answer` must be called before the next."""
        self.make_ready()
        self._send({"do": command, **arguments}, command)

    def answer(self, command: str, *, expected_seconds: float = 0.0) -> Message:
        """Wait for what was asked. The time limit begins here. Raises as `request` does."""
        return self._receive(self.time_limit + 3 * expected_seconds, command)

    def _send(self, message: Message, what: str) -> None:
        if self._commands is None:
            raise WorkerError(f"The worker of {self.label} has ended already")
        try:
            self._commands.write(json.dumps(message) + "\n")
            self._commands.flush()
        except BrokenPipeError as error:
            raise self._death(what) from error

    def _receive(self, limit: float, what: str) -> Message:
        answer: Message = json.loads(self._read_line(limit, what))
        raise_error(answer)
        return answer

    def _read_line(self, limit: float, what: str) -> bytes:
        deadline = time.monotonic() + limit
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                # Ended now, not with the context: it would compute on while others are timed.
                self.end()
                raise WorkerError(
                    f"The worker of {self.label} did not finish `{what}` within {limit:g} s",
                    "it was stopped: it may never end, or need a longer --time-limit",
                    "give it longer, such as --time-limit 600s",
                )
            chunk = os.read(self._answers, 1 << 20)
            if not chunk:
                raise self._death(what)
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _death(self, what: str) -> WorkerError:
        assert self._child is not None  # noqa: S101 - only called between __enter__ and __exit__
        status = self._child.wait()
        lines: list[str] = []
        if self._stderr is not None:
            self._stderr.seek(0)
            told = self._stderr.read().decode(errors="replace").strip().splitlines()
            lines = [line for line in told if _NO_MATTER not in line][-_LAST_LINES:]
        how = f"exit status {status}"
        if status < 0:
            how = f"signal {signal.Signals(-status).name}"
            if -status == signal.SIGKILL:
                how += ", which is how the kernel ends a process that takes too much memory"
            elif what in _CREATING:
                how += f", while {_provider(self.profile)} of the profile {self.profile.name} created its session"
        return WorkerError(
            f"The worker of {self.label} died during `{what}` ({how})",
            "; ".join(lines),
            "see the log of the machine (dmesg) if nothing is said here",
        )


def _provider(profile: HardwareProfile) -> str:
    """The execution provider that a profile is about; its runner where it names none."""
    return profile.placement.provider if profile.placement else f"the runner {profile.runner!r}"
