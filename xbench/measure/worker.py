"""The worker process: holds one runner with one model and does what the parent says, one thing at a time.

Started as `python -m xbench.measure.worker READ_FD WRITE_FD PARENT_PID`. It ends when the parent's pipe
closes, and the kernel ends it when the parent dies, even in the middle of an inference.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import InvalidError, WorkerError, XbenchError
from ..machine.memory import peak_mib, reset_peak, resident_mib
from ..plugins import runner_class
from ..protocols import Feeds, Runner
from ..records.measurement import MemoryUse
from ..records.profile import HardwareProfile
from .exchange import read_arrays, write_arrays
from .messages import Message, error_message, send
from .timing import time_calls

_PR_SET_PDEATHSIG = 1  # prctl(2)
_WARMUP_BLOCKS = 8
# Two warm-up blocks in a row this close to each other: the start-up transient is over.
_STEADY = 0.05


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(0)


class Worker:
    """One runner and the state between its commands."""

    def __init__(self, path: str, label: str, profile: HardwareProfile) -> None:
        kind = runner_class(profile.runner)
        kind.warm_import()
        self.runner: Runner = kind(Path(path), label, profile)
        self.feeds: list[Feeds] = []
        self.calls: list[Callable[[], object]] = []
        self.before = resident_mib()
        self.load_peak = 0.0
        self.note = ""

    def read_inputs(self, inputs: str) -> Message:
        """Read the inputs that will be timed, before the model: what they take is not the model's memory."""
        self.feeds = split_sets(read_arrays(Path(inputs)))
        return {}

    def load(self) -> Message:
        """Create the session; its time and its peak of memory."""
        self.before = resident_mib()
        self.note = reset_peak()
        start = self.runner.clock()
        self.runner.load()
        session_ns = self.runner.clock() - start
        self.load_peak = peak_mib()
        self.note = reset_peak() or self.note
        return {"session_ns": session_ns, "placement": self.runner.placement().model_dump()}

    def bind(self) -> Message:
        """Make the timed calls, one for each set of inputs, and make the first inference."""
        self.calls = [self.runner.bind(feed) for feed in self.feeds]
        first, _ = time_calls(self.calls, 1, self.runner.clock)
        return {"first_inference_ns": int(first[0])}

    def warm_up(self, seconds: float) -> Message:
        """Call until two spans in a row of about `seconds` agree, at most eight; all their samples."""
        samples: list[int] = []
        previous = 0.0
        one, _ = time_calls(self.calls, 1, self.runner.clock)
        calls = max(1, min(100_000, round(seconds * 1e9 / max(1, int(one[0])))))
        for _ in range(_WARMUP_BLOCKS):
            span, _ = time_calls(self.calls, calls, self.runner.clock)
            samples.extend(span.tolist())
            median = float(np.median(span))
            if previous and abs(median / previous - 1) < _STEADY:
                break
            previous = median
        return {"warmup_ns": samples, "call_ns": median}

    def block(self, calls: int, first: int) -> Message:
        """One block of timed calls; `first` is the set of inputs that it begins with, counted round."""
        turn = first % len(self.calls)
        order = [*self.calls[turn:], *self.calls[:turn]]
        samples, cpu_ns = time_calls(order, calls, self.runner.clock)
        return {"samples_ns": samples.tolist(), "cpu_ns": cpu_ns}

    def memory(self) -> Message:
        """Peaks while loading and while running, less what was held before the model."""
        run_peak = None if self.note else max(0.0, peak_mib() - self.before)
        load_peak = self.load_peak if run_peak is not None else peak_mib()
        return MemoryUse(
            before_model_mib=self.before,
            load_peak_mib=max(0.0, load_peak - self.before),
            run_peak_mib=run_peak,
            reason=self.note,
        ).model_dump()

    def infer(self, inputs: str, outputs: str) -> Message:
        """One inference for each set of inputs in a file; the outputs into another."""
        found: dict[str, Any] = {}
        for index, feed in enumerate(split_sets(read_arrays(Path(inputs)))):
            found |= {f"{index}/{name}": array for name, array in self.runner.infer(feed).items()}
        write_arrays(Path(outputs), found)
        return {}

    def profile_run(self, inputs: str, optimised: bool) -> Message:
        """A profiled run apart from the timed ones."""
        feed = split_sets(read_arrays(Path(inputs)))[0]
        report = self.runner.profile_run(feed, optimised=optimised)
        return {"provider_ns": report.provider_ns, "output_shapes": report.output_shapes}


def split_sets(arrays: dict[str, Any]) -> list[Feeds]:
    """Arrays named `INDEX/NAME` as one set of inputs for each index."""
    sets: dict[int, dict[str, Any]] = {}
    for key, array in arrays.items():
        index, _, name = key.partition("/")
        sets.setdefault(int(index), {})[name] = array
    return [sets[index] for index in sorted(sets)]


_COMMANDS = frozenset({"read_inputs", "load", "bind", "warm_up", "block", "memory", "infer", "profile_run"})


def _answer(worker: Worker, message: Message) -> Message:
    command = message.pop("do")
    if command not in _COMMANDS:
        raise WorkerError(f"The worker knows no command {command!r}")
    answer: Message = getattr(worker, command)(**message)
    return answer


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Answer until the parent closes its end. An error of xbench's is an answer; another one ends the process."""
    worker: Worker | None = None
    with ExitStack() as stack:
        for line in commands:
            message: Message = json.loads(line)
            try:
                if worker is None:
                    profile = HardwareProfile.model_validate(message["profile"])
                    worker = Worker(message["path"], message["label"], profile)
                    stack.enter_context(worker.runner)
                    send(answers, {})
                else:
                    send(answers, _answer(worker, message))
            except XbenchError as error:
                send(answers, error_message(error))
            except MemoryError:
                send(answers, error_message(InvalidError("The model ran out of memory")))


def main() -> None:
    """Take the two pipes and the parent's process number from the command line, and serve."""
    read_fd, write_fd, parent = (int(argument) for argument in sys.argv[1:4])
    _die_with_parent(parent)
    with os.fdopen(read_fd) as commands, os.fdopen(write_fd, "w") as answers:
        serve(commands, answers)


if __name__ == "__main__":
    main()
