"""Who is compared with whom on one device: in the same precision first (docs/decisions/0011-precision-axis.md)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from ..records.run_record import RunRecord


@dataclass(frozen=True)
class Pairing:
    """The comparisons of one device. `baseline` is what all others are compared with there.

    `pairs` are (baseline, candidate), the first of a candidate being the one in its own precision. `controls` are
    the baselines by precision, `baseline` among them: each is measured twice (rule 3 of the design). `precisions` are
    those of all that are measured, by name.
    """

    baseline: str
    pairs: tuple[tuple[str, str], ...]
    controls: Mapping[str, str]
    precisions: Mapping[str, str]

    @property
    def candidates(self) -> tuple[str, ...]:
        """All that are compared with something, each once."""
        return tuple(dict.fromkeys(candidate for _, candidate in self.pairs))

    @property
    def names(self) -> tuple[str, ...]:
        """All that are measured, the baseline first."""
        return (self.baseline, *self.candidates)

    def is_first(self, baseline: str, candidate: str) -> bool:
        """Whether this is the candidate's first comparison."""
        return next(pair for pair in self.pairs if pair[1] == candidate) == (baseline, candidate)

    def same_precision(self, baseline: str, candidate: str) -> bool:
        """Whether both are in one precision."""
        return self.precisions[baseline] == self.precisions[candidate]

    def controls_of(self, candidate: str) -> tuple[str, ...]:
        """The baselines whose noise a comparison of this candidate bears: the device's, and its own precision's."""
        return tuple(dict.fromkeys((self.baseline, self.controls[self.precisions[candidate]])))

    def among(self, variants: Container[str]) -> Pairing:
        """The comparisons of these candidates alone, with every baseline that they bear the noise of."""
        pairs = tuple(pair for pair in self.pairs if pair[1] in variants)
        needed = {self.baseline} | {name for _, candidate in pairs for name in self.controls_of(candidate)}
        controls = {precision: name for precision, name in self.controls.items() if name in needed}
        return replace(self, pairs=pairs, controls=controls)


def pairing_of(record: RunRecord, hardware: str) -> Pairing:
    """The comparisons of a device, of the variants that have an artifact.

    A baseline in another precision stands in its pairs even where it could not be made: then they are invalid.
    """
    states = record.states_on(hardware)
    baseline = record.baseline_on(hardware)
    controls = {state.precision: state.name for state in states if state.source == record.baseline}
    candidates = [state for state in states if state.artifact is not None and state.name != baseline]
    pairs = [
        (first, state.name)
        for state in candidates
        for first in dict.fromkeys((controls[state.precision], baseline))
        if first != state.name
    ]
    used = {controls[state.precision] for state in candidates if controls[state.precision] != state.name}
    return Pairing(
        baseline=baseline,
        pairs=tuple(pairs),
        controls={
            p: name for p, name in controls.items() if name == baseline or name in used or (baseline, name) in pairs
        },
        precisions={state.name: state.precision for state in states},
    )
