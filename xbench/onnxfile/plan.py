"""What will be fed to a model: made by `inputs.plan_inputs`, printed, stored, and carried out."""

from __future__ import annotations

from typing import Literal

from ..records.base import Record

Fill = Literal["ids", "integers", "ones", "zeros", "positions", "constant", "normal"]


class ChosenAxis(Record):
    """A size that the file leaves open. `label` is what the axis is taken for, `why` says who chose it."""

    axis: int
    label: str
    size: int
    why: str


class PlannedInput(Record):
    """One array to be made: `drawn` says in words what `fill`, `low` and `high` say exactly.

    Integers are drawn from `low` to below `high`; positions count from `low` and start again at `high`
    (0: never); a constant is `low`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    fill: Fill
    low: int = 0
    high: int = 0
    drawn: str
    chosen: tuple[ChosenAxis, ...] = ()

    def describe(self) -> str:
        """`input_ids: batch=1, sequence=128; token ids below 30522`."""
        axes = ", ".join(f"{axis.label}={axis.size}" for axis in self.chosen)
        return f"{self.name}: {axes or 'x'.join(map(str, self.shape)) or 'scalar'}; {self.drawn}"


class InputPlan(Record):
    """The inputs of one model, in the file's order."""

    inputs: tuple[PlannedInput, ...]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The concrete shape of each input."""
        return {planned.name: planned.shape for planned in self.inputs}

    def describe(self) -> tuple[str, ...]:
        """One line for each input."""
        return tuple(planned.describe() for planned in self.inputs)
