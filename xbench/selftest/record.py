"""What a self-test found. `--json` of `xbench self-test` writes this record."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..records.base import Record
from ..records.estimate import Estimate, SpeedVerdict
from ..records.fingerprint import Fingerprint
from ..records.measurement import DisturbanceSummary

Fitness = Literal["fit", "noisy", "inconclusive", "unfit"]
"""`noisy` is fit for effects above the smallest effect; the other three are what they say."""

EXIT_CODES: dict[Fitness, int] = {"fit": 0, "noisy": 0, "inconclusive": 3, "unfit": 4}
"""Exit codes of the design's section 7: 3 inconclusive, 4 invalid (too noisy)."""


class CopyResult(Record):
    """The model's copy against the model. The speedup is 1 in truth; None where there was no interval for it."""

    speedup: Estimate | None
    verdict: SpeedVerdict
    reasons: tuple[str, ...] = ()


class PlantedResult(CopyResult):
    """The planted slowdown against the model. `expected` is its speedup in truth.

    `found`: it was called slower, and by what was planted.
    """

    expected: float
    found: bool


class SelfTest(Record):
    """Whether this machine is fit to measure on, and what that rests on.

    `noise_floor`, `smallest_effect`, `margin` and `half_width` are relative: 0.006 is 0.6 %. They are None where
    there were too few process sets for an interval. `half_width` is that of the wider of the two speedups.
    `disturbance` is that of the variant that was disturbed most; None where it was not recorded. `simulated`: the
    times were scripted. `remedies` tell what to do; there are none where the machine is fit.
    """

    schema_: Literal["xbench.self-test/1"] = Field(default="xbench.self-test/1", alias="schema")
    fingerprint: Fingerprint
    hardware: str
    simulated: bool
    process_sets: int
    measured_seconds: float
    budget_seconds: float
    margin: float
    noise_floor: float | None
    half_width: float | None
    smallest_effect: float | None
    copy_: CopyResult = Field(alias="copy")
    planted: PlantedResult
    disturbance: DisturbanceSummary | None
    verdict: Fitness
    reasons: tuple[str, ...]
    remedies: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 fit, or fit for effects above the smallest effect; 3 inconclusive; 4 unfit."""
        return EXIT_CODES[self.verdict]
