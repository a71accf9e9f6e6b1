"""A runner whose time is scripted: for tests of everything that is built on time.

It multiplies nothing. Its clock moves only when an inference is called, by what the profile says:

    options:
      seed: 7
      scripts:
        dense:   {latency_us: 1000, noise: 0.01, process_noise: 0.005}
        pruned:  {latency_us: 500, fault: {kind: die, at_call: 20}}

`noise` and `process_noise` are relative standard deviations of a call and of a whole process. A label
without a script takes that of `*`. Faults: `die` (the process exits with status 9), `kill` (a signal ends it),
`hang`, `nan` (outputs), `refuse` (the session is not created).
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xbench.errors import InputError, InvalidError
from xbench.protocols import Feeds, Outputs, ProfileReport
from xbench.records.measurement import Placement
from xbench.records.profile import Availability, HardwareProfile

PROVIDER = "FakeExecutionProvider"


class Fault(BaseModel):
    """Something that goes wrong at the n-th inference of a process (1 is the first)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["die", "kill", "hang", "nan", "refuse"]
    at_call: int = Field(default=1, ge=1)


class Script(BaseModel):
    """How long a variant takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_us: float = Field(default=1000.0, gt=0)
    noise: float = Field(default=0.01, ge=0)
    process_noise: float = Field(default=0.0, ge=0)
    fault: Fault | None = None


class FakeOptions(BaseModel):
    """Options of the fake runner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    scripts: dict[str, Script] = {}


def check_options(profile: HardwareProfile) -> FakeOptions:
    """The profile's options, typed. Raises InputError that names the option."""
    try:
        return FakeOptions.model_validate(profile.options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"Profile {profile.name!r} has an option {where!r} that cannot be used", first["msg"]
        ) from error


class FakeRunner:
    """Answers every input with its own sum, after a scripted time."""

    simulated = True

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        options = check_options(profile)
        self._script = options.scripts.get(label) or options.scripts.get("*") or Script()
        # Each process is another draw, as real ones are.
        self._random = np.random.default_rng([options.seed, os.getpid()])
        process = 1.0 + self._script.process_noise * self._random.standard_normal()
        self._latency_ns = self._script.latency_us * 1000 * process
        self._now = 0
        self._calls = itertools.count(1)
        self.clock: Callable[[], int] = lambda: self._now

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Always there."""
        check_options(profile)
        return Availability(available=True)

    @classmethod
    def warm_import(cls) -> None:
        """Nothing to import."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def load(self) -> None:
        """Takes ten inferences' time, or refuses if the script says so."""
        if self._script.fault and self._script.fault.kind == "refuse":
            raise InvalidError("The fake runner was told to refuse this model")
        self._now += round(10 * self._latency_ns)

    def _fault(self) -> str:
        fault = self._script.fault
        return fault.kind if fault and next(self._calls) >= fault.at_call else ""

    def _advance(self) -> str:
        noise = 1.0 + self._script.noise * abs(self._random.standard_normal())
        self._now += round(self._latency_ns * noise)
        fault = self._fault()
        if fault == "die":
            os.write(2, b"the fake runner was told to die\n")
            os._exit(9)
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        while fault == "hang":
            time.sleep(3600)
        return fault

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """A call that moves the clock."""
        return self._advance

    def infer(self, feeds: Feeds) -> Outputs:
        """The sum of each input, or NaN if the script says so."""
        fault = self._advance()
        total: Any = np.float32(sum(float(np.sum(array.astype(np.float64))) for array in feeds.values()))
        return {"sum": np.asarray(np.float32("nan") if fault == "nan" else total)}

    def placement(self) -> Placement:
        """One node, on the fake provider."""
        return Placement(asked=PROVIDER, providers=(PROVIDER,), nodes={PROVIDER: 1})

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """All of the time on the fake provider."""
        return ProfileReport(provider_ns={PROVIDER: round(self._latency_ns)}, output_shapes={})
