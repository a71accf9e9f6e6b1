"""What `xbench baseline` records of the dense model on one device, for later runs to reuse."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Record
from .fingerprint import Fingerprint
from .profile import HardwareProfile
from .quality import DataFacts, QualityResult

BASELINE_SCHEMA = "xbench.baseline/1"


class BaselineFiles(Record):
    """Names of the files beside the record: the kept answers, what examples scored, and what is known of them."""

    kept: str
    scores: str
    examples: str


class BaselineRecord(Record):
    """The dense model as it answered the data on one device, and all that this depends on.

    `artifact_sha256` and `graph_sha256` are those of the ONNX file. `evaluate` is that part of the suite,
    `tokenizer_sha256` the digest of the tokenizer's file, empty where none is used. `data` holds the digest of the
    data. `result` has the metrics with their intervals. `files` are None until it is stored.
    """

    schema_: Literal["xbench.baseline/1"] = Field(default="xbench.baseline/1", alias="schema")
    suite: str
    variant: str
    hardware: str
    created: str
    xbench_version: str
    artifact_sha256: str
    graph_sha256: str
    evaluate: dict[str, Any]
    tokenizer_sha256: str = ""
    data: DataFacts
    profile: HardwareProfile
    fingerprint: Fingerprint
    result: QualityResult
    files: BaselineFiles | None = None

    @property
    def name(self) -> str:
        """How later runs name it."""
        return f"{self.suite}/{self.hardware}, recorded {self.created}"


class BaselineRow(Record):
    """What became of a baseline on one device: its record and the folder that it lies in, or why there is none."""

    hardware: str
    path: str = ""
    baseline: BaselineRecord | None = None
    failure: str = ""
    remedy: str = ""
    exit_code: int = 0


class BaselineReport(Record):
    """One call of `xbench baseline`: a row for each device."""

    schema_: Literal["xbench.baselines/1"] = Field(default="xbench.baselines/1", alias="schema")
    suite: str
    suite_sha256: str
    xbench_version: str
    rows: tuple[BaselineRow, ...]

    @property
    def exit_code(self) -> int:
        """0 where a baseline is recorded on each device that was asked for; else the gravest of the rows' codes."""
        codes = {row.exit_code for row in self.rows}
        return next((code for code in (5, 2, 4) if code in codes), 0)
