"""In what two recorded runs differ, and what came of it."""

from __future__ import annotations

from typing import Literal

from .base import Record
from .estimate import Estimate
from .quality import Flips

Sameness = Literal["same", "other", "only in the first", "only in the second"]


class Change(Record):
    """One thing that is not alike, in words; `what` says where it stands, such as `measure.precision`."""

    what: str
    first: str
    second: str


class FileChange(Record):
    """The artifact of a variant in both runs, by digest; empty where there is none."""

    variant: str
    files: Sameness
    first_sha256: str = ""
    second_sha256: str = ""


class SpeedChange(Record):
    """A case that both runs have. Speedups are over dense of the same run, above 1 is faster.

    `change` is the second over the first, two-sided 95 %, historical: two runs, whose dense models stand between.
    `differ`: whether that interval is clear of 1 by more than the noise floors of both runs, as a speedup has to be
    (rule 3 of the design). Both are None where the two cannot be compared; `note` says why.
    """

    variant: str
    hardware: str
    workload: str
    first: Estimate | None = None
    second: Estimate | None = None
    change: Estimate | None = None
    differ: bool | None = None
    note: str = ""


class QualityChange(Record):
    """A metric of one variant on one device. `drop`: how much worse the second is, paired by example, two-sided 90 %,
    in the metric's own units; positive is worse. `flips`: of its answers. None where the data or scores are not there
    or not the same: `note` says so."""

    variant: str
    hardware: str
    metric: str
    first: float | None = None
    second: float | None = None
    drop: Estimate | None = None
    flips: Flips | None = None
    note: str = ""


class VerdictChange(Record):
    """A gate in both runs; `-` where one does not have it."""

    variant: str
    hardware: str
    workload: str
    gate: str
    slice: str
    first: str
    second: str

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.first == self.second


class RunDiff(Record):
    """Two runs. `not_comparable`: why no speedup is set against the other; empty where each may be."""

    first: str
    second: str
    not_comparable: str = ""
    suite: tuple[Change, ...] = ()
    policy: tuple[Change, ...] = ()
    fingerprint: tuple[Change, ...] = ()
    others: tuple[Change, ...] = ()
    files: tuple[FileChange, ...] = ()
    speeds: tuple[SpeedChange, ...] = ()
    qualities: tuple[QualityChange, ...] = ()
    verdicts: tuple[VerdictChange, ...] = ()
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
