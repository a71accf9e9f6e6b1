"""A runner whose time is scripted: for tests of everything that is built on time.

It multiplies nothing. Its clock moves only when an inference is called, by what the profile says:

    options:
      seed: 7
      scripts:
        dense:   {latency_us: 1000, noise: 0.01, process_noise: 0.005}
        pruned:  {latency_us: 500, fault: {kind: die, at_call: 20}}

`noise` and `process_noise` are relative standard deviations of a call and of a whole process. A label
without a script takes that of `*`. Faults: `die` (the process exits with status 9), `kill` (a signal ends it),
`oom` (memory is refused), `hang`, `nan` and `zeros` (outputs), `refuse` (the session is not created), `crash`
(a segmentation fault while it is created, as of a broken provider). A `rhythm` is what the time of a call does
from one call to the next.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from xbench.errors import InvalidError
from xbench.protocols import Feeds, Outputs, ProfileReport
from xbench.records.measurement import CacheUse, NodeTime, OperatorTime, Placement
from xbench.records.profile import Availability, HardwareProfile

from .option_checks import typed_options

PROVIDER = "FakeExecutionProvider"
CPU = "CPUExecutionProvider"


class Fault(BaseModel):
    """Something that goes wrong at the n-th inference of a process (1 is the first)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["die", "kill", "oom", "hang", "nan", "zeros", "refuse", "crash"]
    at_call: int = Field(default=1, ge=1)


class Rhythm(BaseModel):
    """What the time of a call does besides noise. Calls are counted in each process from 0.

    `warmup_calls` calls take `warmup_factor` times as long. Each call takes `trend` (relative) longer than the one
    before. `flips`: after so many calls, calls take `flip_factor` times as long, and so on in turn; a process
    begins with either. Each `outlier_every`-th call takes 100 times as long. `per_value`: so much longer
    (relative) for each unit of the mean absolute value of what is fed. `drift_per_s`: so much longer for each
    second on the clock on the wall since `drift_since`, for all labels alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    warmup_calls: int = Field(default=0, ge=0)
    warmup_factor: float = Field(default=10.0, gt=0)
    trend: float = 0.0
    flips: int = Field(default=0, ge=0)
    flip_factor: float = Field(default=1.5, gt=0)
    outlier_every: int = Field(default=0, ge=0)
    per_value: float = 0.0
    drift_per_s: float = 0.0
    drift_since: float = 0.0

    def factor(self, call: int, first_mode: int, value: float) -> float:
        """How many times as long as usual a call takes."""
        factor = (1 + self.trend) ** call * (1 + self.per_value * value)
        if call < self.warmup_calls:
            factor *= self.warmup_factor
        if self.flips and (call // self.flips + first_mode) % 2:
            factor *= self.flip_factor
        if self.outlier_every and call % self.outlier_every == self.outlier_every - 1:
            factor *= 100
        if self.drift_per_s:
            factor *= 1 + self.drift_per_s * (time.time() - self.drift_since)
        return factor


class ScriptedNode(BaseModel):
    """A node of the profile. `share` is that of the whole latency; `origins` are names of the file's nodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: str
    operator: str
    share: float = Field(ge=0, le=1)
    origins: tuple[str, ...] = ()


class Script(BaseModel):
    """How long a variant takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_us: float = Field(default=1000.0, gt=0)
    noise: float = Field(default=0.01, ge=0)
    process_noise: float = Field(default=0.0, ge=0)
    fault: Fault | None = None
    rhythm: Rhythm = Rhythm()
    tick_us: float = Field(default=0.0, ge=0, description="Step of the clock; 0: it moves with calls alone.")
    compile_us: float = Field(default=0.0, ge=0, description="What is built when a session is created.")
    first_cache: CacheUse = CacheUse()
    second_cache: CacheUse = CacheUse()
    elsewhere: float = Field(default=0.0, ge=0, le=1, description="Share of the time on the CPU provider.")
    operators: dict[str, float] = Field(default={}, description="Share of the time by operator, a node each.")
    nodes: tuple[ScriptedNode, ...] = Field(default=(), description="The nodes, each with its share of the time.")


class FakeOptions(BaseModel):
    """Options of the fake runner; see the top of `runners/fake.py` for what a script can hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="Where the noise begins.")
    scripts: dict[str, Script] = Field(default={}, description="How long each variant takes, and what goes wrong.")


class FakeRunner:
    """Answers every input with its own sum, after a scripted time."""

    simulated = True
    device_index: int | None = None
    options_type = FakeOptions

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        options = self.check_options(profile)
        self._script = options.scripts.get(label) or options.scripts.get("*") or Script()
        # Each process is another draw, as real ones are.
        self._random = np.random.default_rng([options.seed, os.getpid()])
        process = 1.0 + self._script.process_noise * self._random.standard_normal()
        self._latency_ns = self._script.latency_us * 1000 * process
        self._first_mode = int(self._random.integers(2))
        self._now = 0
        self._loads = 0
        self._calls = itertools.count()
        self._inferences = itertools.count(1)
        self.clock: Callable[[], int] = self._coarse if self._script.tick_us else lambda: self._now

    def _coarse(self) -> int:
        self._now += 20  # what a reading takes
        step = round(self._script.tick_us * 1000)
        return self._now // step * step

    @classmethod
    def check_options(cls, profile: HardwareProfile) -> FakeOptions:
        """The profile's options, typed. Raises InputError that names the option."""
        return typed_options(profile, cls.options_type)

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Always there."""
        cls.check_options(profile)
        return Availability(available=True)

    @classmethod
    def warm_import(cls) -> None:
        """Nothing to import."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def wait_until(self, due_ns: int) -> int:
        """Nothing comes to pass until then."""
        self._now = max(self._now, due_ns)
        return 0

    def close(self) -> None:
        """Nothing to let go of."""

    def cache_use(self) -> CacheUse:
        """What the script says of the first session, and of the others."""
        return self._script.first_cache if self._loads == 1 else self._script.second_cache

    def load(self) -> None:
        """Takes ten inferences' time and what is built, unless it comes from a cache; or refuses."""
        if self._script.fault and self._script.fault.kind == "refuse":
            raise InvalidError("The fake runner was told to refuse this model")
        if self._script.fault and self._script.fault.kind == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        self._loads += 1
        built = 0.0 if self.cache_use().kind == "hit" else self._script.compile_us * 1000
        self._now += round(10 * self._latency_ns + built)

    def _fault(self) -> str:
        fault = self._script.fault
        return fault.kind if fault and next(self._inferences) >= fault.at_call else ""

    def _advance(self, value: float) -> str:
        noise = 1.0 + self._script.noise * abs(self._random.standard_normal())
        rhythm = self._script.rhythm.factor(next(self._calls), self._first_mode, value)
        self._now += round(self._latency_ns * noise * rhythm)
        fault = self._fault()
        if fault == "die":
            os.write(2, b"the fake runner was told to die\n")
            os._exit(9)
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "oom":
            raise MemoryError
        while fault == "hang":
            time.sleep(3600)
        return fault

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """A call that moves the clock."""
        return functools.partial(self._advance, _mean_size(feeds))

    def infer(self, feeds: Feeds) -> Outputs:
        """The sum of each input, or NaN or zero if the script says so."""
        fault = self._advance(_mean_size(feeds))
        total = sum(float(np.sum(array.astype(np.float64))) for array in feeds.values())
        broken = {"nan": float("nan"), "zeros": 0.0}
        return {"sum": np.asarray(np.float32(broken.get(fault, total)))}

    def placement(self) -> Placement:
        """One node, on the fake provider."""
        return Placement(asked=PROVIDER, providers=(PROVIDER,), nodes={PROVIDER: 1})

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """All of the time on the fake provider, but for what the script says is elsewhere."""
        elsewhere = round(self._latency_ns * self._script.elsewhere)
        shares = {PROVIDER: round(self._latency_ns) - elsewhere} | ({CPU: elsewhere} if elsewhere else {})
        times = [
            OperatorTime(operator=name, provider=PROVIDER, nodes=1, time_ms=self._latency_ns * share / 1e6)
            for name, share in self._script.operators.items()
        ]
        operators = tuple(sorted(times, key=lambda time: -time.time_ms))
        scripted = self._script.nodes
        nodes = [
            NodeTime(
                node=one.node,
                operator=one.operator,
                provider=PROVIDER,
                time_ms=round(self._latency_ns * one.share / 1e6, 4),
            )
            for one in scripted
        ]
        return ProfileReport(
            provider_ns=shares,
            output_shapes={},
            operators=operators,
            nodes=tuple(sorted(nodes, key=lambda time: -time.time_ms)),
            origins={one.node: one.origins for one in scripted if one.origins},
        )


def _mean_size(feeds: Feeds) -> float:
    sizes = [float(np.abs(array.astype(np.float64)).mean()) for array in feeds.values() if array.size]
    return float(np.mean(sizes)) if sizes else 0.0
