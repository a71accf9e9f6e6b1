"""What `xbench compact` made of a file, what it left and why, and how it was proven. Nothing in it was timed on a
target."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .base import Record


class FileState(Record):
    """The file before, or after."""

    file: str = Field(description="As it was named.")
    sha256: str = Field(description="Digest of the file and its external data.")
    size_bytes: int = Field(description="With external data.")
    parameters: int = Field(description="Values of all float constants.")
    weights: int = Field(description="Values of the weights of matrix products and convolutions.")
    zeros: int = Field(description="Those that are zero.")
    macs: int | None = Field(default=None, description="Multiply-accumulates of one inference at the first sizes.")
    macs_note: str = Field(default="", description="Why they are not known.")


class Removal(Record):
    """Units that went together. `nodes` are those whose weights became narrower, in the file's order."""

    nodes: tuple[str, ...] = Field(description="Names of nodes, or of their first outputs.")
    unit: Literal["channels", "neurons", "heads"] = Field(description="What went.")
    before: int = Field(description="How many there were.")
    after: int = Field(description="How many are left.")
    why: tuple[Literal["zero", "unread", "constant"], ...] = Field(
        description="They are always zero; nothing that reads them heeds them; they are always the same number."
    )


class Kept(Record):
    """Zeroed units that could not go."""

    node: str = Field(description="The node whose weights hold them.")
    units: int = Field(description="How many.")
    reason: str = Field(description="What could not be proven.")


class Difference(Record):
    """How far one output is from the original file's, over all inputs, and with and without the runtime's
    optimisations. What is relative is so to the output's largest value; `noise_rel` and `allowed_rel` belong to the
    inputs that `max_rel` comes of."""

    output: str = Field(description="Name of the output.")
    max_abs: float = Field(description="Largest absolute difference.")
    max_rel: float = Field(description="The same, by the output's largest value.")
    noise_rel: float = Field(description="How far the original is from itself, optimised and not: its own rounding.")
    allowed_rel: float = Field(description="What `max_rel` was held against.")


class Compaction(Record):
    """One call of `xbench compact`. `target` is null where nothing was written."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["xbench.compact/1"] = Field(
        default="xbench.compact/1", alias="schema", description="Name and version of this format."
    )
    xbench_version: str = Field(description="The xbench that did it.")
    source: FileState = Field(description="The file as it was.")
    target: FileState | None = Field(default=None, description="The file that was written.")
    gone: tuple[Removal, ...] = Field(default=(), description="What went, in the file's order.")
    stays: tuple[Kept, ...] = Field(default=(), description="What is zeroed and stays, and why.")
    folded_biases: int = Field(default=0, description="Nodes whose bias took over what lost inputs always gave.")
    carriers: int = Field(default=0, description="Constant inputs that stay in the place of others.")
    rounds: int = Field(default=0, description="How often something was taken out.")
    inputs: tuple[str, ...] = Field(default=(), description="What both files were fed, in words.")
    differences: tuple[Difference, ...] = Field(default=(), description="One for each output that is a number.")
    notes: tuple[str, ...] = Field(default=(), description="What else should be known.")
    seconds: dict[str, float] = Field(default={}, description="Time by part of the work, s.")
    exit_code: int = Field(default=0, description="0: written and checked. 2: nothing could go, nothing written.")
