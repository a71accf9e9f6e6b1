"""Hardware profiles: a deployment target as data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Record


class Requirements(Record):
    """What a machine must be for the profile to speak of it. Empty: any machine."""

    architectures: tuple[str, ...] = Field(default=(), description="Names as `uname -m` gives them.")
    systems: tuple[str, ...] = Field(default=(), description="Names as `uname -s` gives them, in lower case.")
    cpu_flags: tuple[str, ...] = Field(default=(), description="CPU features, as /proc/cpuinfo names them.")


class PlacementRule(Record):
    """The proof that is asked for: this provider is first and spends at least this share of the time."""

    provider: str = Field(description="ONNX Runtime's name of the execution provider.")
    min_time_share: float = Field(default=0.95, gt=0, le=1, description="Below it a result is invalid.")


class HardwareProfile(Record):
    """A deployment target: runner, its options, precision, threads, and what the machine must be."""

    schema_: Literal["xbench.profile/1"] = Field(alias="schema", description="Name and version of this format.")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="How it is asked for.")
    title: str = Field(description="One line for people.")
    runner: str = Field(description="Name of the runner plug-in.")
    precision: Literal["fp32", "tf32", "fp16", "bf16", "int8"] = Field(
        default="fp32", description="Precision that the target computes in; always named, never guessed."
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | Literal["all"] = Field(
        default="all", description="Threads of one operator; all: as many CPUs as this process may use."
    )
    options: dict[str, Any] = Field(default={}, description="Options of the runner, which checks them.")
    placement: PlacementRule | None = Field(default=None, description="The placement that must be proven.")
    requires: Requirements = Field(default=Requirements(), description="What the machine must be.")
    cost_per_hour: float | None = Field(
        default=None, gt=0, description="Price of one hour of the target, in `currency`; none: no cost is told."
    )
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of the price.")
    evidence: str = Field(description="Where this profile has run, or `never run`.")
    auto: bool = Field(default=True, description="Whether `--hardware auto` tries it.")


class Availability(Record):
    """Whether a profile can run here; if not, why, and what would mend it."""

    available: bool
    reason: str = ""
    remedy: str = ""
