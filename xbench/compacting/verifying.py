"""Holds a compacted file against the one that it was made of: both are run, on inputs of several kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artifacts.parity import TOLERANCE, comparable, output_parity, require_finite, require_same_text
from ..errors import InvalidError, UnavailableError
from ..measure.inspection import loaded
from ..profiles.finding import reference_profile, shipped_profiles
from ..profiles.matching import availability
from ..protocols import Feeds, Outputs
from ..records.compaction import Difference
from ..records.profile import HardwareProfile, Precision
from .checking import REPORT

ROUNDING: dict[Precision, float] = {"fp32": 1e-5, "fp16": 1e-2, "bf16": 5e-2, "int8": 2e-2}
"""What another order of summation may always change, by an output's largest value: 168 times the unit roundoff of
float32 (2^-24, IEEE 754), 20 times that of float16 (2^-11), 13 times that of bfloat16 (2^-8), and five steps of an
8-bit number. A sum of n numbers is off by less than n times the unit roundoff (Higham, 2002, "Accuracy and Stability
of Numerical Algorithms", section 4.2), and by about its square root; layers add up."""

NOISE = 8.0
"""How many times a file's own rounding another order of summation may make. Optimised and not optimised, one file
adds in two orders; that is one draw of what rounding does, and the largest of many draws is some times as large."""


@dataclass(frozen=True)
class Trial:
    """One set of inputs, and what it is in words. A `strange` one is left out where the original gives no numbers
    for it; for any other that is an error."""

    told: str
    feeds: Feeds
    strange: bool = False


def _fast() -> HardwareProfile:
    return shipped_profiles()["cpu"]


@dataclass(frozen=True)
class Verifying:
    """How both files are run. `time_limit` is the longest that loading or one answer may take, s."""

    time_limit: float = 120.0
    fast: HardwareProfile = field(default_factory=_fast)
    plain: HardwareProfile = field(default_factory=reference_profile)


def require_runtime(how: Verifying) -> None:
    """Raise UnavailableError where nothing can be verified, before any work."""
    state = availability(how.fast)
    if not state.available:
        raise UnavailableError("What is compacted cannot be verified here", state.reason, state.remedy)


def verified(
    source: Path, target: Path, trials: Sequence[Trial], precision: Precision, how: Verifying
) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """How far each output of `target` is from that of `source`, and the inputs that were fed, in words.

    Each file runs twice, with the runtime's optimisations and without, and each pair is held together, so that no
    optimisation stands between them. A difference may be what the two runs of `source` differ by there, times
    `NOISE`, at least `ROUNDING`, and never more than the `TOLERANCE` of the precision. Raises InvalidError beyond
    that, for NaN or infinity, for other shapes, and for integers or text that are not equal.
    """
    trials, fast, plain = _original(source, trials, how)
    rulers = _rulers(trials, fast, plain, precision)
    worst: dict[str, Difference] = {}
    for profile, references in ((how.fast, fast), (how.plain, plain)):
        found = _answers(target, trials, profile, how)
        for trial, reference, outputs, ruler in zip(trials, references, found, rulers, strict=True):
            for one in _differences(reference, outputs, ruler):
                _hold(one, trial, source)
                worst[one.output] = _worse(worst.get(one.output, one), one)
    return tuple(worst.values()), tuple(trial.told for trial in trials)


@dataclass(frozen=True)
class _Ruler:
    """What outputs are held against at one set of inputs: the size that a difference is taken by, by output, and how
    far the file is from itself, by that size."""

    precision: Precision
    sizes: Mapping[str, float]
    noise: Mapping[str, float]

    def allowed(self, output: str) -> float:
        least = max(ROUNDING[self.precision], NOISE * self.noise.get(output, 0.0))
        return min(TOLERANCE[self.precision], least)


def _answers(path: Path, trials: Sequence[Trial], profile: HardwareProfile, how: Verifying) -> list[Outputs]:
    with loaded(path, path.name, profile, how.time_limit) as model:
        return model.infer([trial.feeds for trial in trials])


def _original(
    source: Path, trials: Sequence[Trial], how: Verifying
) -> tuple[list[Trial], list[Outputs], list[Outputs]]:
    """The trials for which the file as it is gives numbers, and its outputs, optimised and not."""
    both = (_answers(source, trials, profile, how) for profile in (how.fast, how.plain))
    kept = [each for each in zip(trials, *both, strict=True) if _numbers(source, *each)]
    return [trial for trial, _, _ in kept], [fast for _, fast, _ in kept], [plain for _, _, plain in kept]


def _numbers(source: Path, trial: Trial, fast: Outputs, plain: Outputs) -> bool:
    try:
        require_finite(fast, source.name)
        require_finite(plain, source.name)
    except InvalidError as error:
        if trial.strange:
            return False
        told = f"fed {trial.told}; so nothing that is made of it can be verified"
        raise InvalidError(error.asked, told, "give real inputs with --inputs FILE.npz") from error
    return True


def _rulers(
    trials: Sequence[Trial], fast: Sequence[Outputs], plain: Sequence[Outputs], precision: Precision
) -> list[_Ruler]:
    """One for each trial. What comes of strange inputs may be next to nothing, as where all is zero: a difference is
    then taken by the size that the output usually has."""
    usual: dict[str, float] = {}
    for trial, outputs in zip(trials, fast, strict=True):
        for name, size in _sizes(outputs).items():
            usual[name] = max(usual.get(name, 0.0), 0.0 if trial.strange else size)
    rulers = []
    for trial, one, other in zip(trials, fast, plain, strict=True):
        sizes = {name: max(size, usual.get(name, 0.0) * trial.strange) for name, size in _sizes(one).items()}
        noise = {
            name: output_parity(name, one[name], other[name]).max_abs / (size or 1.0)
            for name, size in sizes.items()
            if name in other and other[name].shape == one[name].shape
        }
        rulers.append(_Ruler(precision, sizes, noise))
    return rulers


def _sizes(outputs: Outputs) -> dict[str, float]:
    """The largest value of each output that has a tolerance; what must be equal has none."""
    return {name: _largest(array) for name, array in outputs.items() if _continuous(array)}


def _largest(array: NDArray[Any]) -> float:
    wide = np.complex128 if array.dtype.kind == "c" else np.float64
    return float(np.abs(array.astype(wide)).max(initial=0.0))


def _continuous(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "fcV" or array.dtype in (np.int8, np.uint8)


def _differences(reference: Outputs, found: Outputs, ruler: _Ruler) -> list[Difference]:
    require_finite(found, "the compacted file")
    if list(reference) != list(found):
        raise InvalidError(
            "The compacted file gives other outputs", f"{', '.join(found)}; not {', '.join(reference)}", REPORT
        )
    made = []
    for name, array in reference.items():
        if not comparable(array):
            require_same_text(name, array, found[name], "the compacted file")
            continue
        difference = output_parity(name, array, found[name]).max_abs
        made.append(
            Difference(
                output=name,
                max_abs=difference,
                max_rel=difference / (ruler.sizes.get(name, 0.0) or 1.0),
                noise_rel=ruler.noise.get(name, 0.0),
                allowed_rel=ruler.allowed(name),
            )
        )
    return made


def _hold(one: Difference, trial: Trial, source: Path) -> None:
    if one.max_rel > one.allowed_rel:
        raise InvalidError(
            f"The compacted file does not compute what {source.name} does",
            f"output {one.output!r} differs by {one.max_abs:.2g}, {one.max_rel:.2g} of its largest value, fed "
            f"{trial.told}; its own rounding makes {one.noise_rel:.2g}, and {one.allowed_rel:.2g} is allowed",
            REPORT,
        )


def _worse(one: Difference, other: Difference) -> Difference:
    worse = max(one, other, key=lambda each: each.max_rel)
    return worse.model_copy(update={"max_abs": max(one.max_abs, other.max_abs)})
