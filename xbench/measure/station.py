"""One variant's worker while its process set is being measured."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from ..analysis.serving import arrival_seed, search_of
from ..errors import InvalidError, WorkerError
from ..records.measurement import Block, Conditions, MemoryUse, Placement, Run
from ..stats.serving import RateSearch, failing_count, probe_seconds
from .messages import Message
from .plan import Entry, MeasurePlan
from .process import WorkerProcess


class Station:
    """Starts a worker, warms it up, takes its blocks and closes with a frozen `Run`."""

    def __init__(self, entry: Entry, plan: MeasurePlan, process_set: int) -> None:
        self.label = entry.label
        self.block_seconds = 0.0
        self._plan = plan
        self._process_set = process_set
        self._search: RateSearch | None = None
        self._process = WorkerProcess(entry.path, entry.variant, plan.profile, plan.time_limit)
        self._queries = 1
        self._warmup_calls = entry.warmup_calls
        self._session_ns = 0
        self._first_ns = 0
        self._warm: Message = {}
        self._placement: Placement | None = None
        self._blocks: list[Block] = []

    def spawn(self, stack: ExitStack) -> None:
        """Start the process; it ends with `stack`."""
        stack.enter_context(self._process)

    def begin(self) -> None:
        """Have the process import its libraries; all processes may do so at once."""
        self._process.begin()

    def make_ready(self) -> None:
        """Wait until it has."""
        self._process.make_ready()

    def start(self) -> None:
        """Load the model, make the first inference, warm up, and size the blocks."""
        process = self._process
        input_sets = process.request("read_inputs", inputs=str(self._plan.inputs))["sets"]
        loaded = process.request("load")
        self._session_ns = loaded["session_ns"]
        self._placement = Placement.model_validate(loaded["placement"])
        self._first_ns = process.request("bind")["first_inference_ns"]
        first_seconds = self._first_ns / 1e9
        self._warm = process.request(
            "warm_up",
            seconds=self._plan.warmup_seconds,
            calls=self._warmup_calls,
            expected_seconds=self._plan.warmup_seconds + (self._warmup_calls + 2) * first_seconds,
        )
        query_seconds = self._plan.load.calls_per_query * self._warm["call_ns"] / 1e9
        self._queries = self._plan.calls(query_seconds, input_sets)
        self.block_seconds = self._queries * query_seconds
        if self._plan.load.scenario == "Server":
            self._search = search_of(self._plan.load, self._warm["warmup_ns"], self._plan.seed)
            if self._search.refused:
                raise InvalidError(f"{self.label} cannot hold the latency objective", self._search.refused)

    @property
    def search_seconds(self) -> float:
        """About how long the search for the highest rate takes, seconds; 0 in other scenarios."""
        return 0.0 if self._search is None else self._search.expected_seconds()

    def block(self, round_number: int, position: int) -> None:
        """Take one block. Each round begins with the next inputs: a block may be of one call only.

        In the scenario Server it is a probe of one rate; nothing once the search for the highest is over.
        """
        rate = None if self._search is None else self._search.next_rate()
        if self._search is not None and rate is None:
            return
        answer = self._timed(round_number) if rate is None else self._served(round_number, rate)
        samples = np.asarray(answer["samples_ns"], dtype=np.int64)
        if self._search is not None and rate is not None:
            self._search = self._search.heard(rate, samples)
        told = answer["conditions"]
        conditions = None if told is None else Conditions(**told)
        self._blocks.append(Block(round_number, position, samples, answer["cpu_ns"], conditions, rate))

    def _timed(self, round_number: int) -> Message:
        return self._process.request(
            "block",
            queries=self._queries,
            calls_per_query=self._plan.load.calls_per_query,
            first=round_number,
            expected_seconds=self.block_seconds,
        )

    def _served(self, round_number: int, rate: float) -> Message:
        assert self._search is not None  # noqa: S101 - only called with a rate, which a search has given
        queries, percentile = self._search.queries, self._plan.load.percentile
        return self._process.request(
            "serve",
            rate_per_s=rate,
            queries=queries,
            seed=arrival_seed(self._plan.seed, self._process_set),
            first=round_number,
            objective_ns=self._plan.load.objective_ns,
            give_up_after=failing_count(queries, percentile),
            expected_seconds=probe_seconds(rate, queries),
        )

    def finish(self) -> Run:
        """What this process measured."""
        if self._placement is None or not self._warm:
            raise WorkerError(f"The worker of {self.label} was never started")
        return Run(
            label=self.label,
            process_set=self._process_set,
            session_ns=self._session_ns,
            first_inference_ns=self._first_ns,
            warmup_ns=np.asarray(self._warm["warmup_ns"], dtype=np.int64),
            blocks=tuple(self._blocks),
            memory=MemoryUse.model_validate(self._process.request("memory")),
            placement=self._placement,
            settled=self._warm["settled"],
            clock_tick_ns=self._warm["clock_tick_ns"],
            energy_reason=self._warm["energy_reason"],
            notes=tuple(self._warm["notes"]),
        )
