"""One variant's worker while its process set is being measured."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from ..errors import WorkerError
from ..records.measurement import Block, MemoryUse, Placement, Run
from .plan import Entry, MeasurePlan
from .process import WorkerProcess


class Station:
    """Starts a worker, warms it up, takes its blocks and closes with a frozen `Run`."""

    def __init__(self, entry: Entry, plan: MeasurePlan) -> None:
        self.label = entry.label
        self.block_seconds = 0.0
        self._plan = plan
        self._process = WorkerProcess(entry.path, entry.variant, plan.profile, plan.time_limit)
        self._calls = 1
        self._session_ns = 0
        self._first_ns = 0
        self._warmup_ns: list[int] = []
        self._placement: Placement | None = None
        self._blocks: list[Block] = []

    def spawn(self, stack: ExitStack) -> None:
        """Start the process; it ends with `stack`."""
        stack.enter_context(self._process)

    def make_ready(self) -> None:
        """Wait until the process has imported its libraries."""
        self._process.make_ready()

    def start(self) -> None:
        """Load the model, make the first inference, warm up, and size the blocks."""
        process = self._process
        process.request("read_inputs", inputs=str(self._plan.inputs))
        loaded = process.request("load")
        self._session_ns = loaded["session_ns"]
        self._placement = Placement.model_validate(loaded["placement"])
        self._first_ns = process.request("bind")["first_inference_ns"]
        first_seconds = self._first_ns / 1e9
        warm = process.request(
            "warm_up",
            seconds=self._plan.warmup_seconds,
            expected_seconds=8 * max(self._plan.warmup_seconds, first_seconds),
        )
        self._warmup_ns = warm["warmup_ns"]
        self._calls = self._plan.calls(warm["call_ns"] / 1e9)
        self.block_seconds = self._calls * warm["call_ns"] / 1e9

    def block(self, round_number: int, position: int) -> None:
        """Take one block of calls. Each round begins with the next inputs: a block may be of one call only."""
        answer = self._process.request(
            "block", calls=self._calls, first=round_number, expected_seconds=self.block_seconds
        )
        samples = np.asarray(answer["samples_ns"], dtype=np.int64)
        self._blocks.append(Block(round_number, position, samples, answer["cpu_ns"]))

    def finish(self, process_set: int) -> Run:
        """What this process measured."""
        if self._placement is None:
            raise WorkerError(f"The worker of {self.label} was never started")
        return Run(
            label=self.label,
            process_set=process_set,
            session_ns=self._session_ns,
            first_inference_ns=self._first_ns,
            warmup_ns=np.asarray(self._warmup_ns, dtype=np.int64),
            blocks=tuple(self._blocks),
            memory=MemoryUse.model_validate(self._process.request("memory")),
            placement=self._placement,
        )
