"""What a doctor found: each provider, each trap, and whether that is well."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..records.base import Record

SICK = 4
"""Exit code where something that is installed does not work, or a trap is sprung (section 7 of the design)."""


class ProviderCheck(Record):
    """One way to run a model, and how far it gets here. None: not tried, since it did not get that far."""

    name: str = Field(
        description="The runner's name, or ONNX Runtime's name of a provider that no runner is named for."
    )
    profile: str = Field(default="", description="The hardware profile that it was tried with.")
    package: str = Field(default="", description="The Python package that it comes in; empty: not installed.")
    version: str = Field(default="", description="That package's version.")
    installed: bool = Field(description="Whether all that belongs to it is there, by the files alone.")
    loadable: bool | None = Field(default=None, description="Whether its libraries load, in a process of its own.")
    usable: bool | None = Field(default=None, description="Whether it ran a model of two nodes, and ran it right.")
    expected: bool = Field(description="Whether it ought to work: it is installed, and its device is here.")
    nodes: dict[str, int] = Field(default={}, description="Nodes of that model by the provider that took them.")
    reason: str = Field(default="", description="Why it does not get further.")
    remedy: str = Field(default="", description="The command that mends it.")

    @property
    def sick(self) -> bool:
        """It ought to work, and does not."""
        return self.expected and not self.usable


class Trap(Record):
    """One thing that is known to go wrong in silence, looked for by name."""

    name: str = Field(description="What it is called in docs/doctor.md.")
    sprung: bool = Field(description="Whether it is so here.")
    found: str = Field(description="What was seen.")
    matters: str = Field(description="What goes wrong when it is so.")
    remedy: str = Field(default="", description="The command that mends it; empty where it is not so.")


class Checkup(Record):
    """All that a doctor found on one machine."""

    schema_: Literal["xbench.doctor/1"] = Field(
        default="xbench.doctor/1", alias="schema", description="Name and version of this format."
    )
    providers: tuple[ProviderCheck, ...]
    traps: tuple[Trap, ...]

    @property
    def exit_code(self) -> int:
        """0 where all that is installed is usable and no trap is sprung, else 4."""
        ill = any(one.sick for one in self.providers) or any(trap.sprung for trap in self.traps)
        return SICK if ill else 0
