"""What a gate asks of one variant on one device, and what was found: between the records and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..records.comparison import Sample
from ..records.estimate import Estimate
from ..records.measurement import ProcessSet
from ..records.policy import GateRule
from ..records.quality import ExampleFacts, ExampleScores
from ..records.run_record import GroupState, RunRecord, VariantState
from ..stats.looks import two_sided
from ..store.folder import RunFolder
from ..suite.model import Suite


@dataclass(frozen=True, slots=True)
class Question:
    """One rule for one variant on one device. `workload` is empty for rules on quality; `slice` for all examples.

    `looks` is how many times the rule may be decided on growing samples: they share its error (stats/looks.py).
    """

    rule: GateRule
    variant: VariantState
    hardware: str
    workload: str = ""
    slice: str = ""
    looks: int = 1

    @property
    def confidence(self) -> float:
        """Of the two-sided interval that decides: each end is wrong with the rule's error over its looks."""
        return two_sided(self.rule.holds_at, self.looks)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found. `estimate` is in the unit of the rule's bound; None: `missing` and `reason` say why.

    `floor` widens the interval on the log scale by the noise of the run (0.006 is 0.6 %). `doubts` let nothing be
    decided, `blocks_pass` lets nothing pass. `highest` is the highest that any process had: where that is above the
    bound, the gate fails. `advice` is what would decide it where it is inconclusive. `metric` is the one that was
    looked at, of rules on a metric.
    """

    reference: str = ""
    estimate: Estimate | None = None
    missing: Literal["invalid", "inconclusive"] = "invalid"
    reason: str = ""
    floor: float = 0.0
    doubts: tuple[str, ...] = ()
    blocks_pass: str = ""
    highest: float | None = None
    historical: bool = False
    advice: str = ""
    metric: str = ""
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Reference:
    """The version in production on a device: a variant of a run, this one or an older one (`historical`)."""

    variant: str
    source: Source
    historical: bool


@dataclass(frozen=True)
class Source:
    """A run's record and its raw samples, each read once. `folder` None: the record alone, as in a report."""

    record: RunRecord
    suite: Suite
    folder: RunFolder | None = None
    production: Mapping[str, Reference | str] | None = None
    """By device; text says why it cannot be looked at. None: none is named."""

    def group_number(self, hardware: str, workload: str) -> int:
        """The number under which samples of a device and workload are kept; ValueError where there is none."""
        return [(group.hardware, group.workload) for group in self.record.groups].index((hardware, workload))

    @cached_property
    def _sets(self) -> dict[int, Sequence[ProcessSet]]:
        return {}

    def sets(self, group: GroupState) -> Sequence[ProcessSet]:
        """The process sets of a group; none without a folder. Raises StoreError."""
        number = self.group_number(group.hardware, group.workload)
        if number not in self._sets:
            self._sets[number] = self.folder.sets(number) if self.folder is not None else ()
        return self._sets[number]

    @cached_property
    def _scores(self) -> dict[tuple[str, str], ExampleScores | None]:
        return {}

    def scores(self, variant: str, hardware: str) -> ExampleScores | None:
        """What each example scored; None where nothing is kept, and without a folder. Raises StoreError."""
        key = (variant, hardware)
        if key not in self._scores:
            names = [state.name for state in self.record.variants]
            devices = [device.profile.name for device in self.record.devices]
            known = self.folder is not None and variant in names and hardware in devices
            self._scores[key] = (
                self.folder.scores(names.index(variant), devices.index(hardware))
                if known and self.folder is not None
                else None
            )
        return self._scores[key]

    @cached_property
    def examples(self) -> ExampleFacts | None:
        """What is known of the examples; None in older runs, and without a folder. Raises StoreError."""
        return self.folder.examples() if self.folder is not None else None
