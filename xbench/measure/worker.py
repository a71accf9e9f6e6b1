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
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._version import __version__
from ..errors import InvalidError, WorkerError, XbenchError
from ..machine.emulator import require_played
from ..plugins import runner_class
from ..protocols import Feeds, Runner
from ..records.profile import HardwareProfile
from ..stats.arrivals import poisson_arrivals
from .copying import copy_times
from .exchange import read_sets, write_arrays
from .load import serve_arrivals, sleep_and_spin, time_queries
from .messages import Message, error_message, send
from .meters import ConditionsMeter, MemoryMeter, observed
from .ticking import clock_step, require_fine
from .timing import time_calls
from .visiting import Visits
from .warming import settle, settled, warm_up

_PR_SET_PDEATHSIG = 1  # prctl(2)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(0)


class Worker:
    """One runner and the state between its commands."""

    def __init__(self, path: str, label: str, profile: HardwareProfile) -> None:
        self.played = "" if profile.emulation is None else require_played(profile)
        kind = runner_class(profile.runner)
        start = time.monotonic_ns()
        kind.warm_import()
        self.import_ns = time.monotonic_ns() - start
        self.path, self.label = Path(path), label
        self.runner: Runner = kind(self.path, label, profile)
        self.visits = Visits(kind, profile)
        self.feeds: list[Feeds] = []
        self.calls: list[Callable[[], object]] = []
        self.memory_use = MemoryMeter()
        self.conditions: ConditionsMeter | None = None

    def read_inputs(self, inputs: str) -> Message:
        """Read the inputs that will be timed, before the model: what they take is not the model's memory."""
        self.feeds = list(read_sets(Path(inputs)))
        return {"sets": len(self.feeds)}

    def load(self) -> Message:
        """Create the session; its time and its peak of memory."""
        self.memory_use.begin()
        session_ns = self._create()
        self.memory_use.loaded()
        placement = self.runner.placement()
        return {"session_ns": session_ns, "placement": placement.model_dump(), "cache": self._cache()}

    def _create(self) -> int:
        start = self.runner.clock()
        self.runner.load()
        return self.runner.clock() - start

    def _cache(self) -> Message:
        return self.runner.cache_use().model_dump()

    def load_again(self) -> Message:
        """Create the session once more, after the first was closed: what a warm cache is worth.

        What the first one did with a cache is asked once more too: some build at the first inference.
        """
        self.calls = []
        first = self._cache()
        self.runner.close()
        return {"session_ns": self._create(), "first_cache": first, "cache": self._cache()}

    def bind(self) -> Message:
        """Make the timed calls, one for each set of inputs, and make the first inference."""
        self.calls = [self.runner.bind(feed) for feed in self.feeds]
        first, _ = time_calls(self.calls, 1, self.runner.clock)
        return {"first_inference_ns": int(first[0])}

    def settle(self, look_seconds: float) -> Message:
        """Find what it takes until the series of calls is steady."""
        return settle(self.calls, self.runner.clock, round(look_seconds * 1e9)).model_dump()

    def warm_up(self, seconds: float, calls: int) -> Message:
        """Call for at least so long and so often; all samples, and how fine the clock is beside a call."""
        series = warm_up(self.calls, self.runner.clock, calls, round(seconds * 1e9))
        call_ns = float(np.median(series[len(series) // 2 :]))
        step = clock_step(self.runner.clock)
        require_fine(step, call_ns)
        self.conditions = None if self.runner.simulated else ConditionsMeter(self.runner.device_index)
        return {
            "warmup_ns": series.tolist(),
            "call_ns": call_ns,
            "settled": settled(series),
            "clock_tick_ns": step,
            "energy_reason": self.conditions.energy_reason if self.conditions else "simulated",
            "notes": self.conditions.notes if self.conditions else (),
        }

    def block(self, queries: int, first: int, calls_per_query: int) -> Message:
        """One block of timed queries; `first` is the set of inputs that it begins with, counted round."""
        calls, clock = self._turned(first), self.runner.clock
        with observed(self.conditions) as seen:
            if calls_per_query == 1:
                samples, cpu_ns = time_calls(calls, queries, clock)
            else:
                samples, cpu_ns = time_queries(calls, queries, calls_per_query, clock)
        return {"samples_ns": samples.tolist(), "cpu_ns": cpu_ns, "conditions": seen.as_message()}

    def serve(
        self, rate_per_s: float, queries: int, seed: list[int], first: int, objective_ns: int, give_up_after: int
    ) -> Message:
        """Serve queries that arrive at random, at this rate; latencies count from the scheduled arrival."""
        arrivals = poisson_arrivals(rate_per_s, queries, np.random.default_rng(seed))
        with observed(self.conditions) as seen:
            served = serve_arrivals(
                self._turned(first),
                arrivals,
                self.runner.clock,
                self.runner.wait_until or sleep_and_spin,
                objective_ns=objective_ns,
                give_up_after=give_up_after,
            )
        return {
            "samples_ns": served.latencies_ns.tolist(),
            "cpu_ns": served.cpu_ns,
            "conditions": seen.as_message(),
        }

    def _turned(self, first: int) -> list[Callable[[], object]]:
        """The calls, beginning with the one for another set of inputs."""
        turn = first % len(self.calls)
        return [*self.calls[turn:], *self.calls[:turn]]

    def copy_memory(self, array_bytes: int, threads: int, repeats: int) -> Message:
        """Copy memory of the machine's own; asked of a worker that has loaded no model. See `copying`.

        Raises InvalidError where the target has other memory, or none.
        """
        if self.runner.simulated:
            raise InvalidError("No memory is copied: the runner is simulated")
        if self.runner.device_index is not None:
            raise InvalidError("The device's memory was not probed", "only the machine's own memory can be")
        return {"samples_ns": copy_times(array_bytes, threads, repeats).tolist()}

    def memory(self) -> Message:
        """Peaks while loading and while running, less what was held before the model."""
        return self.memory_use.use(self.runner.device_index).model_dump()

    def infer(self, inputs: str, outputs: str) -> Message:
        """One inference for each set of inputs in a file; the outputs into another. How long the inferences took."""
        found: dict[str, Any] = {}
        sets = read_sets(Path(inputs))
        start = time.monotonic_ns()
        for index, feed in enumerate(sets):
            found |= {f"{index}/{name}": array for name, array in self.runner.infer(feed).items()}
        infer_ns = time.monotonic_ns() - start
        write_arrays(Path(outputs), found)
        return {"infer_ns": infer_ns}

    def optimised(self) -> Message:
        """What became of the file's zeros in the graph that the runtime made of it; asked apart from all timing."""
        from .optimised import optimised_audit  # ONNX's library is no part of what a model takes to come up

        return optimised_audit(self.runner, self.path, self.label).model_dump()

    def visit(self, path: str, label: str, inputs: str, warmup_seconds: float, block_seconds: float) -> Message:
        """Time another model for a moment; asked of a worker that has loaded none. See `visiting`."""
        feeds = read_sets(Path(inputs))[0]
        return self.visits.visit(Path(path), label, feeds, warmup_seconds, block_seconds)

    def profile_run(self, inputs: str, optimised: bool) -> Message:
        """Profiled runs apart from the timed ones."""
        feed = read_sets(Path(inputs))[0]
        report = self.runner.profile_run(feed, optimised=optimised)
        return {
            "provider_ns": report.provider_ns,
            "output_shapes": report.output_shapes,
            "operators": [one.model_dump() for one in report.operators],
            "notes": report.notes,
            "nodes": [one.model_dump() for one in report.nodes],
            "origins": report.origins,
        }


_COMMANDS = frozenset(
    {
        "read_inputs",
        "load",
        "load_again",
        "bind",
        "settle",
        "warm_up",
        "block",
        "serve",
        "copy_memory",
        "memory",
        "infer",
        "optimised",
        "profile_run",
        "visit",
    }
)


def _answer(worker: Worker, message: Message) -> Message:
    command = message.pop("do")
    if command not in _COMMANDS:
        raise WorkerError(f"The worker knows no command {command!r}")
    answer: Message = getattr(worker, command)(**message)
    return answer


def _begun(message: Message) -> Worker:
    if message["version"] != __version__:
        raise WorkerError(
            f"A worker of xbench {message['version']} was asked for",
            f"the Python that it runs in has xbench {__version__}",
            "install this xbench there: see docs/emulation.md",
        )
    return Worker(message["path"], message["label"], HardwareProfile.model_validate(message["profile"]))


def serve(commands: IO[str], answers: IO[str], started_ns: int) -> None:
    """Answer until the parent closes its end. An error of xbench's is an answer; another one ends the process.

    `started_ns` of the monotonic clock is when xbench was up in this process.
    """
    worker: Worker | None = None
    with ExitStack() as stack:
        for line in commands:
            message: Message = json.loads(line)
            try:
                if worker is None:
                    worker = _begun(message)
                    stack.enter_context(worker.runner)
                    send(
                        answers,
                        {"started_ns": started_ns, "import_ns": worker.import_ns, "played": worker.played},
                    )
                else:
                    send(answers, _answer(worker, message))
            except XbenchError as error:
                send(answers, error_message(error))
            except MemoryError:
                send(answers, error_message(InvalidError("The model ran out of memory")))


def main() -> None:
    """Take the two pipes and the parent's process number from the command line, and serve."""
    started_ns = time.monotonic_ns()
    read_fd, write_fd, parent = (int(argument) for argument in sys.argv[1:4])
    _die_with_parent(parent)
    with os.fdopen(read_fd) as commands, os.fdopen(write_fd, "w") as answers:
        serve(commands, answers, started_ns)


if __name__ == "__main__":
    main()
