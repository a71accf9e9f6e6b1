"""Times many small models in one process, each loaded, called and let go before the next one is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..protocols import Feeds, Runner
from ..records.profile import HardwareProfile
from .messages import Message
from .meters import ConditionsMeter, observed
from .ticking import clock_step, require_fine
from .timing import time_calls
from .warming import warm_up

_FEWEST_CALLS = 3
_MOST_CALLS = 10_000


class Visits:
    """One session at a time: two of them would share caches, and their threads would wake each other."""

    def __init__(self, kind: Callable[[Path, str, HardwareProfile], Runner], profile: HardwareProfile) -> None:
        self._kind, self._profile = kind, profile
        self._conditions: ConditionsMeter | None = None
        self._tick: int | None = None
        self._visited = False

    def visit(self, path: Path, label: str, feeds: Feeds, warmup_seconds: float, block_seconds: float) -> Message:
        """Load a model, warm it up for about so long, time one block of about so long, and close it."""
        with self._kind(path, label, self._profile) as runner:
            runner.load()
            placement = runner.placement()
            calls = [runner.bind(feeds)]
            series = warm_up(calls, runner.clock, 2, round(warmup_seconds * 1e9))
            call_ns = float(np.median(series[len(series) // 2 :]))
            self._look(runner)
            require_fine(self._tick, call_ns)
            fitting = round(block_seconds * 1e9 / max(1.0, call_ns))
            with observed(self._conditions) as seen:
                samples, _ = time_calls(calls, min(_MOST_CALLS, max(_FEWEST_CALLS, fitting)), runner.clock)
        return {
            "samples_ns": samples.tolist(),
            "placement": placement.model_dump(),
            "conditions": seen.as_message(),
        }

    def _look(self, runner: Runner) -> None:
        """Once in a process: what the clock's step is, and what tells the conditions."""
        if self._visited:
            return
        self._visited = True
        self._tick = clock_step(runner.clock)
        self._conditions = None if runner.simulated else ConditionsMeter(runner.device_index)
