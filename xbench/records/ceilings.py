"""What a machine reached at best when it was probed: measured here, never read in a datasheet."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Record
from .profile import Precision


class MeasuredRate(Record):
    """A rate over several repeats, in the unit that the field it stands in names."""

    best: float = Field(gt=0, description="Of the quickest repeat.")
    median: float = Field(gt=0, description="Of the middle repeat.")
    spread: float = Field(ge=0, description="Interquartile range of the repeats' rates, as a share of the median.")
    repeats: int = Field(ge=1, description="How often it was measured.")
    what: str = Field(description="What was computed or copied, and how large it was.")


class Ceilings(Record):
    """The ceilings of one machine through one profile. None, or no key: not measured, and `missing` says why."""

    schema_: Literal["xbench.ceilings/1"] = Field(
        default="xbench.ceilings/1", alias="schema", description="Name and version of this format."
    )
    profile: str = Field(description="Name of the profile that was probed.")
    runner: str = Field(description="The profile's runner then.")
    options: dict[str, Any] = Field(description="The profile's options then.")
    precision: Precision = Field(description="The profile's precision then.")
    threads: int | Literal["all"] = Field(description="The profile's threads then.")
    fingerprint_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the machine's fingerprint.")
    measured_at: str = Field(description="When, in UTC (ISO 8601).")
    xbench_version: str = Field(description="The xbench that measured.")
    simulated: bool = Field(
        default=False, description="True where nothing was computed: then no figure means anything."
    )
    memory_copy_gb_per_s: MeasuredRate | None = Field(
        default=None,
        description="Memory copy, 10^9 bytes/s; bytes read and bytes written both count, as in STREAM's Copy.",
    )
    matmul_tops: dict[Precision, MeasuredRate] = Field(
        default={},
        description="Matrix product by precision, 10^12 operations/s (a multiply-add counts as two).",
    )
    missing: dict[str, str] = Field(default={}, description="Why there is no figure, by `memory_copy` or precision.")
