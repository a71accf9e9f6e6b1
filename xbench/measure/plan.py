"""How a group of variants is to be measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from ..records.load import Load
from ..records.profile import HardwareProfile

# A call this long has filled its caches again before it ends.
_SLOW_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """What is measured in a worker of its own: the label of its samples, its variant, and the variant's file.

    The second copy of the baseline has another label and the same variant. `warmup_calls` is how many calls it
    takes at least until its series is steady, as found before.
    """

    label: str
    variant: str
    path: Path
    warmup_calls: int = 0


@dataclass(frozen=True, slots=True)
class MeasurePlan:
    """Sizes and limits of a measurement. Times are in seconds of the clock on the wall.

    A process set starts one fresh process for each variant; in each of its rounds each variant has one block
    of about `block_seconds`. Sets are added until the caller has what it wants or `budget_seconds` are over.
    `load` says what a block is:
    calls, queries of several calls, or arrivals at one rate. `resident` is False where the variants do not fit
    into memory together: then one process lives at a time.
    """

    profile: HardwareProfile
    inputs: Path
    budget_seconds: float
    time_limit: float
    seed: int
    resident: bool = True
    load: Load = field(default_factory=Load)
    planned_sets: int = 12
    fewest_sets: int = 6
    block_seconds: float = 0.01
    block_calls: int = 3
    warmup_seconds: float = 0.05
    min_rounds: int = 4
    max_rounds: int = 400

    def sets_that_fit(self, setup_seconds: float) -> float:
        """How many sets to plan into the budget: so many that half of it, at most, is spent on starting processes.

        Two processes differ by more than two rounds of one do, so sets are worth their start up to a point: a large
        model would spend most of its time on loading.
        """
        fitting = self.budget_seconds / (2 * max(setup_seconds, 1e-9))
        return min(self.planned_sets, max(self.fewest_sets, fitting))

    def calls(self, call_seconds: float, input_sets: int) -> int:
        """Calls in a block: about `block_seconds`, and at least `block_calls` unless the model is slow.

        Where all sets of inputs have a turn in a block, they have the same number of turns: a model whose time
        depends on what it is fed would else differ from block to block.

        Seen on a shared machine: its speed changes within a tenth of a second, so a round must be shorter
        than that where it can. The median of three calls forgives the first, whose caches are cold.
        """
        least = self.block_calls if call_seconds < _SLOW_SECONDS else 1
        fitting = max(least, round(self.block_seconds / max(call_seconds, 1e-9)))
        return fitting if fitting < input_sets else math.ceil(fitting / input_sets) * input_sets
