"""Measures ONNX files side by side on the target, as `xbench compare` does: interleaved, with an A/A control."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidError
from ..progress import Journey
from ..records.estimate import Estimate
from ..records.run_record import RunRecord
from ..road.context import Context, RunOptions
from ..road.story import travel
from ..suite.loading import LoadedSuite
from ..suite.model import Suite, VariantSpec


@dataclass(frozen=True)
class Track:
    """Where files race: the suite whose inputs are fed, the target by its name, and what the command line says."""

    loaded: LoadedSuite
    hardware: str
    options: RunOptions
    journey: Journey

    def race(
        self, files: Mapping[str, Path], results: Path, budget: float, *, scored: bool
    ) -> tuple[RunRecord, Context]:
        """A run of finished files, by variant; the first is the baseline. `scored`: with the suite's `evaluate`.

        `budget` is in seconds. Raises as `travel` does.
        """
        suite = self.loaded.suite
        variants = tuple(
            VariantSpec(name=name, baseline=number == 0, onnx=os.path.relpath(path.resolve(), self.loaded.base))
            for number, (name, path) in enumerate(files.items())
        )
        raced = Suite(
            schema="xbench.suite/1",
            name=suite.name,
            model=suite.model,
            variants=variants,
            workloads=suite.workloads[:1],
            hardware=(self.hardware,),
            calibration=suite.calibration,
            evaluate=suite.evaluate if scored else None,
            measure=suite.measure.model_copy(update={"budget": budget}),
        )
        text = raced.model_dump_json(by_alias=True, exclude_defaults=True, indent=1) + "\n"
        options = RunOptions(
            output=results,
            hardware=(self.hardware,),
            time_limit=self.options.time_limit,
            trusted=self.options.trusted,
            profile_folders=self.options.profile_folders,
        )
        return travel(LoadedSuite(raced, self.loaded.base, text), options, self.journey)

    def latency_us(self, record: RunRecord, variant: str) -> float:
        """The median of one inference, us. Raises InvalidError where there is none."""
        group = record.group(self.hardware, self.loaded.suite.workloads[0].name)
        case = next((one for one in group.cases if one.variant == variant), None) if group else None
        if case is None or case.summary is None:
            why = case.failure if case else ""
            raise InvalidError(f"{variant} could not be measured on {self.hardware}", why, _MORE)
        return case.summary.latency_p50_ms * 1e3

    def speedup(self, record: RunRecord, variant: str) -> Estimate:
        """The speedup over the baseline of the run. Raises InvalidError, with the reasons, where there is none."""
        group = record.group(self.hardware, self.loaded.suite.workloads[0].name)
        found = next((one for one in group.comparisons if one.candidate == variant), None) if group else None
        if found is None or found.speedup is None:
            why = "; ".join(found.reasons) if found else ""
            raise InvalidError(f"The speedup of {variant} on {self.hardware} could not be measured", why, _MORE)
        return found.speedup


_MORE = "give each round more time (--budget), on a machine where nothing else runs"
