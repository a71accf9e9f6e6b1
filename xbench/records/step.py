"""What a single step of the road made: `xbench prune` and `xbench export`."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .artifact import PruneReport
from .base import Record
from .recipe import Recipe

_PRECEDENCE = (5, 2, 4)


class PrunedWeights(Record):
    """The report beside a file of weights. `sha256` is of that file; `parameters` counts each shared one once."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["xbench.weights/1"] = Field(default="xbench.weights/1", alias="schema")
    file: str
    sha256: str
    size_bytes: int
    parameters: int
    prune: PruneReport | None
    prune_seconds: float
    provenance: dict[str, str]


class StepRow(Record):
    """One variant: the file that was made of it, or why there is none.

    Shares are of 0 to 1: `zero_share` of the weights that are there, `removed_share` of those that the dense model
    has. `macs` are of one inference as the suite's first workload feeds it; None with `macs_note` where they are not
    fully known. `parity_max_rel` is the worst output's largest difference over its largest value.
    """

    variant: str
    recipe: Recipe | None = None
    file: str = ""
    sha256: str = ""
    graph_sha256: str = ""
    asked_share: float | None = None
    zero_share: float | None = None
    removed_share: float | None = None
    parameters: int | None = None
    macs: int | None = None
    macs_note: str = ""
    size_bytes: int | None = None
    parity_max_rel: float | None = None
    parity_cosine: float | None = None
    prune_seconds: float | None = None
    export_seconds: float | None = None
    notes: tuple[str, ...] = ()
    failure: str = ""
    remedy: str = ""
    exit_code: int = 0


class StepRecord(Record):
    """One call of a step: a row for each variant, in the suite's order."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["xbench.step/1"] = Field(default="xbench.step/1", alias="schema")
    step: Literal["prune", "export"]
    suite: str
    suite_sha256: str
    xbench_version: str
    workload: str
    rows: tuple[StepRow, ...]

    @property
    def exit_code(self) -> int:
        """0 where all was made; else the gravest of the rows' codes, as section 7 of the design orders them."""
        codes = {row.exit_code for row in self.rows}
        return next((code for code in _PRECEDENCE if code in codes), 0)
