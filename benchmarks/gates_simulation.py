"""Gates on a speedup that are looked at several times, with a known truth: who passes by mistake, and who is decided.

Over many repetitions at once: what `speedup_estimate`, the rule of stopping, the noise floor and a gate do to one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from xbench.stats.freedom import SETS_TO_STOP, degrees_of_freedom
from xbench.stats.looks import two_sided

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ASKED = 0.01  # the half-width at which measuring may stop: the default of a suite
MOST = 12  # process sets that fit into the budget of a look
ROUNDS = 12
LOOKS = (1, 2, 3, 5)
CONFIDENCES = (0.975, 0.95)
SHOWN = 0.95  # of the intervals that the noise floor and the rule of stopping look at
SIDES = 3  # the baseline, its second copy, the candidate


def calm(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Processes differ by 1 %, rounds by 2 %: the logarithms of both are normal."""
    return _medians(generator.normal(0, 0.01, (SIDES, *shape)), generator.normal(0, 0.02, (SIDES, *shape, ROUNDS)))


def quiet(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Processes differ by 0.6 %, rounds by 1 %: most looks are ended by their precision, after about 7 sets."""
    return _medians(generator.normal(0, 0.006, (SIDES, *shape)), generator.normal(0, 0.01, (SIDES, *shape, ROUNDS)))


def heavy_tails(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """The same, of Student's t with 3 degrees of freedom: now and then a process, or a round, is far off."""
    processes = 0.006 * generator.standard_t(3, (SIDES, *shape))
    return _medians(processes, 0.012 * generator.standard_t(3, (SIDES, *shape, ROUNDS)))


def neighbour(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Somebody slows one process in five by 5 % for as long as it lives, besides a calm scatter of 0.4 %."""
    slowed = 0.05 * (generator.random((SIDES, *shape)) < 0.2)
    processes = slowed + generator.normal(0, 0.004, (SIDES, *shape))
    return _medians(processes, generator.normal(0, 0.02, (SIDES, *shape, ROUNDS)))


WORLDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "calm": calm,
    "quiet": quiet,
    "heavy tails": heavy_tails,
    "neighbour": neighbour,
}


def _medians(processes: Floats, rounds: Floats) -> Floats:
    """What a set tells: the medians over its rounds of the log ratios, (2, repetitions, sets): candidate, copy."""
    times = processes[..., None] + rounds
    return np.stack([np.median(times[0] - times[2], axis=-1), np.median(times[0] - times[1], axis=-1)])


@cache
def reach(sets: int, confidence: float) -> float:
    """The half-width of a two-sided interval over so many sets, in units of their standard deviation."""
    t = special.stdtrit(degrees_of_freedom(sets), 0.5 + confidence / 2)
    return float(t / np.sqrt(sets))


def reaches(most: int, confidence: float) -> Floats:
    """The same for 0 to `most` sets; NaN below 2, where there is no interval."""
    return np.array([np.nan, np.nan, *(reach(sets, confidence) for sets in range(2, most + 1))])


@dataclass(frozen=True)
class Samples:
    """What was found after so many sets, 0 to all that were drawn: (repetitions, sets + 1)."""

    centre: Floats
    scatter: Floats
    copy_centre: Floats
    copy_scatter: Floats

    @property
    def most(self) -> int:
        """How many sets were drawn."""
        return self.centre.shape[1] - 1


def samples(medians: Floats) -> Samples:
    """Means and standard deviations (one degree of freedom less) of the first k sets, for each k."""
    found = []
    for one in medians:
        counts = np.arange(1, one.shape[1] + 1)
        mean = np.cumsum(one, axis=1) / counts
        spread = np.maximum(np.cumsum(one**2, axis=1) - counts * mean**2, 0) / np.maximum(counts - 1, 1)
        nothing = np.zeros((len(one), 1))
        found += [np.hstack([nothing, mean]), np.hstack([nothing, np.sqrt(spread)])]
    return Samples(*found)


def ends(sample: Samples, looks: int) -> Ints:
    """After how many sets each look ends, (looks, repetitions): by precision or budget, never by the verdict."""
    widths = reaches(sample.most, SHOWN)
    # Of both intervals, relative to the point: (exp(h) - exp(-h)) / 2.
    ours, both = np.sinh(widths * sample.scatter), np.sinh(widths * np.maximum(sample.scatter, sample.copy_scatter))
    rows = np.arange(len(ours))
    begun, target = np.zeros(len(ours), np.int64), np.full(len(ours), ASKED)
    found = []
    for look in range(looks):
        if look:
            target = np.minimum(target, ours[rows, begun]) / 2
        counts = np.arange(sample.most + 1)
        least = np.maximum(begun + 1, SETS_TO_STOP)[:, None]
        precise = (both <= target[:, None]) & (counts >= least) & (counts <= begun[:, None] + MOST)
        begun = np.where(precise.any(axis=1), precise.argmax(axis=1), begun + MOST)
        found.append(begun)
    return np.array(found)


def verdicts(sample: Samples, after: Ints, beyond: float, confidence: float, floor: bool) -> NDArray[np.int8]:
    """Of each repetition after so many sets: 1 pass, -1 fail, 0 inconclusive.

    `beyond` is by how much the true speedup is above the bound, on the log scale; `confidence` that of the two-sided
    interval. With `floor` it must be clear of the bound by the noise floor, which is the farthest end of the interval
    of the copy at 95 %.
    """
    rows = np.arange(len(after))
    centre = sample.centre[rows, after] + beyond
    half = reaches(sample.most, confidence)[after] * sample.scatter[rows, after]
    if floor:
        copies = reaches(sample.most, SHOWN)[after] * sample.copy_scatter[rows, after]
        half = half + np.abs(sample.copy_centre[rows, after]) + copies
    return np.where(centre - half >= 0, 1, np.where(centre + half < 0, -1, 0)).astype(np.int8)


@dataclass(frozen=True)
class Ended:
    """What became of each repetition in the end, and after how many sets."""

    verdict: NDArray[np.int8]
    sets: Ints


def split(sample: Samples, looks: int, confidence: float, beyond: float, floor: bool) -> Ended:
    """As xbench does it: each look has its part of the error, and the first that decides ends it."""
    return _looked(sample, looks, two_sided(confidence, looks), beyond, floor, ending=(1, -1))


def naive(sample: Samples, looks: int, confidence: float, beyond: float, floor: bool) -> Ended:
    """The same samples at the full confidence each time, until it passes."""
    return _looked(sample, looks, two_sided(confidence, 1), beyond, floor, ending=(1,))


def _looked(sample: Samples, looks: int, level: float, beyond: float, floor: bool, ending: tuple[int, ...]) -> Ended:
    verdict = np.zeros(len(sample.centre), np.int8)
    sets = np.zeros(len(verdict), np.int64)
    for after in ends(sample, looks):
        going = ~np.isin(verdict, ending)
        verdict = np.where(going, verdicts(sample, after, beyond, level, floor), verdict)
        sets = np.where(going, after, sets)
    return Ended(verdict, sets)


def fresh(several: list[Samples], confidence: float, beyond: float, floor: bool) -> Ended:
    """New samples each time, at the full confidence, until it passes."""
    verdict = np.zeros(len(several[0].centre), np.int8)
    sets = np.zeros(len(verdict), np.int64)
    for sample in several:
        going = verdict != 1
        after = ends(sample, 1)[0]
        found = verdicts(sample, after, beyond, two_sided(confidence, 1), floor)
        verdict, sets = np.where(going, found, verdict), sets + np.where(going, after, 0)
    return Ended(verdict, sets)


def once(sample: Samples, after: Ints, confidence: float, beyond: float, floor: bool) -> Ended:
    """One look after as many sets, at the full confidence."""
    return Ended(verdicts(sample, after, beyond, two_sided(confidence, 1), floor), after)


def drawn(world: str, seed: int, repetitions: int, sets: int) -> Iterator[Samples]:
    """Samples of a world, in portions that fit into memory."""
    generator, portion = np.random.default_rng(seed), 1000
    for begin in range(0, repetitions, portion):
        shape = (min(portion, repetitions - begin), sets)
        yield samples(WORLDS[world](generator, shape))


def joined(portions: Iterator[Samples]) -> Samples:
    """All portions as one."""
    every = list(portions)
    names = ("centre", "scatter", "copy_centre", "copy_scatter")
    return Samples(*(np.concatenate([getattr(one, name) for one in every]) for name in names))
