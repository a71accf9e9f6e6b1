"""Follows weights from one form of a model into the next: from PyTorch into the file, from one file into another, and
into the graph that a runtime made of it. What was zero before must be zero after (rule 14 of the design)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import InvalidError
from .constants import Array
from .patterns import Rows, holds, recognised_n_m


@dataclass(frozen=True, eq=False)
class Traced:
    """One weight in one form of the model: a PyTorch layer's, or a node's constant.

    `rows` are [outputs, others, reduced], True where it is not zero; `values`, where they are known, lie alike.
    `whose` names it for people, `names` are what it may be known by in another form. `mask` names a mask that is
    still to be multiplied in. `alternatives` are other orders in which it may lie, padded: see `nchwc`.
    """

    whose: str
    names: tuple[str, ...]
    rows: Rows
    values: Array | None = None
    mask: str = ""
    alternatives: tuple[Rows, ...] = ()

    @cached_property
    def zeros(self) -> int:
        """How many of its weights are zero."""
        return int(self.rows.size - np.count_nonzero(self.rows))

    @cached_property
    def zeros_digest(self) -> bytes:
        """Tells where its zeros are."""
        return hashlib.blake2b(np.packbits(self.rows).tobytes(), digest_size=16).digest()

    def counted(self) -> str:
        """`12 zeros of 64`."""
        return f"{self.zeros} zeros of {self.rows.size}"


@dataclass(frozen=True)
class Followed:
    """What became of each weight: `found` has, for each later one, the place of the earlier one, or None.

    `missing` are places of earlier weights of which nothing is there; `gained` tells those with more zeros now.
    """

    found: tuple[int | None, ...]
    missing: tuple[int, ...]
    gained: tuple[str, ...]


def follow(before: Sequence[Traced], after: Sequence[Traced], asked: str, remedy: str) -> Followed:
    """Find each earlier weight again. Raises InvalidError, with `asked` and `remedy`, where one has lost zeros.

    A later weight is an earlier one if it has its values; else if it has its zeros at the same places, or holds them
    beside others; else if it is what is left of that size, the likeliest by name first. Several may be the same one.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, earlier in enumerate(before):
        by_shape.setdefault(earlier.rows.shape, []).append(index)
    found = [_same_as(later, before, by_shape.get(later.rows.shape, [])) for later in after]
    there, gained = {index for index in found if index is not None}, []
    # Those with the most zeros choose first: a dense one fits anywhere.
    for index in sorted(set(range(len(before))) - there, key=lambda each: -before[each].zeros):
        place = _likeliest(before[index], after, found)
        if place is None:
            continue
        there.add(index)
        found[place] = index if found[place] is None else found[place]
        if _holds_beside_others(before[index], after[place]):
            continue
        require_kept(before[index], after[place], asked, remedy)
        if after[place].zeros > before[index].zeros and not after[place].alternatives:
            gained.append(_gain(before[index], after[place]))
    return Followed(tuple(found), tuple(each for each in range(len(before)) if each not in there), tuple(gained))


def _same_as(later: Traced, before: Sequence[Traced], alike: Sequence[int]) -> int | None:
    """The earlier weight with these values, else with these zeros, the likeliest by name; None for none."""
    for same in (_same_values, _same_zeros):
        every = [index for index in alike if same(before[index], later)]
        if every:
            return max(every, key=lambda index: agreement(before[index], later))
    return None


def _likeliest(earlier: Traced, after: Sequence[Traced], found: Sequence[int | None]) -> int | None:
    """Where an earlier weight may be that is nowhere as it was; None where nothing fits."""
    for place, later in enumerate(after):
        if _holds_beside_others(earlier, later):
            return place
    left = [place for place, whose in enumerate(found) if whose is None and _fits(earlier, after[place])]
    agree = {place: agreement(earlier, after[place]) for place in left}
    best = [place for place in left if agree[place] == max(agree.values())]
    if not earlier.zeros:
        return best[0] if len(best) == 1 and (agree[best[0]] or len(left) == 1) else None
    return min(best, key=lambda place: _lost(earlier, after[place], sample=64), default=None)


def _gain(earlier: Traced, later: Traced) -> str:
    return f"{earlier.whose} had {earlier.counted()}, {later.whose} has {later.counted()}"


def told_gains(followed: Followed, than: str) -> tuple[str, ...]:
    """One line for all weights that have more zeros than before; nothing where there are none."""
    if not followed.gained:
        return ()
    several = f"{len(followed.gained)} weights have" if len(followed.gained) > 1 else "a weight has"
    return (f"{several} more zeros than {than}, as rounding makes them: {followed.gained[0]}",)


def require_kept(earlier: Traced, later: Traced, asked: str, remedy: str) -> None:
    """Raise InvalidError that names both where a weight that was zero no longer is."""
    cuts, lost = _cuts(earlier, later), _lost(earlier, later)
    # With all its zeros at their places it is N:M as before.
    n_m = recognised_n_m(earlier.rows) if lost or not cuts else None
    broken = n_m is not None and not any(holds(rows, *n_m) for rows in (cuts or [later.rows]))
    if not lost and not broken:
        return
    kept = f"{earlier.whose} has {earlier.counted()}, and {earlier.zeros - lost} of them are left in {later.whose}"
    pattern = f"; {n_m[0]}:{n_m[1]} does not hold there any more" if n_m and broken else ""
    raise InvalidError(asked, kept + pattern, remedy)


def agreement(earlier: Traced, later: Traced) -> int:
    """How many last parts of a dotted name of the earlier weight are in a name of the later one; 0 for none."""
    texts = [f".{name.replace('/', '.')}." for name in later.names]
    return max((_common(name.replace("/", ".").split("."), texts) for name in earlier.names if name), default=0)


def _common(parts: Sequence[str], texts: Iterable[str]) -> int:
    tails = ((len(parts) - start, f".{'.'.join(parts[start:])}.") for start in range(len(parts)))
    return next((length for length, tail in tails if any(tail in text for text in texts)), 0)


def _same_values(earlier: Traced, later: Traced) -> bool:
    mine, theirs = earlier.values, later.values
    if mine is None or theirs is None or mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return False
    if earlier.zeros != later.zeros:
        return False
    few = (slice(0, 4), slice(0, 4), slice(0, 64))
    return np.array_equal(mine[few], theirs[few]) and np.array_equal(mine, theirs)


def _same_zeros(earlier: Traced, later: Traced) -> bool:
    return 0 < earlier.zeros == later.zeros and earlier.zeros_digest == later.zeros_digest


def _holds_beside_others(earlier: Traced, later: Traced) -> bool:
    """Whether the earlier weight's zeros are in a reordered weight, or in one that several were joined to."""
    if not earlier.zeros:
        return False
    if later.alternatives:
        return any(np.array_equal(cut, earlier.rows) for cut in _cuts(earlier, later))
    outputs = len(earlier.rows)
    if earlier.rows.shape[1:] != later.rows.shape[1:] or not outputs or len(later.rows) in (0, outputs):
        return False
    starts = range(0, len(later.rows) - outputs + 1, outputs)
    return any(np.array_equal(later.rows[start : start + outputs], earlier.rows) for start in starts)


def _cuts(earlier: Traced, later: Traced) -> list[Rows]:
    """What lies in place of the earlier weight in each order that the later one may have: its padding is left out."""
    outputs, others, reduced = earlier.rows.shape
    cuts = [rows[:outputs, :, :reduced] for rows in (later.alternatives or (later.rows,)) if rows.shape[1] == others]
    return [cut for cut in cuts if cut.shape == earlier.rows.shape]


def _fits(earlier: Traced, later: Traced) -> bool:
    """Whether the later weight could be the earlier one by its size, transposed or not."""
    if later.alternatives:
        return bool(_cuts(earlier, later)) and later.rows.size <= 4 * earlier.rows.size + 4096
    return sorted(earlier.rows.shape) == sorted(later.rows.shape)


def _lost(earlier: Traced, later: Traced, sample: int | None = None) -> int:
    """How many of its zeros, in the first outputs or in all, are none any more; transposed, how many fewer."""
    cuts = _cuts(earlier, later)
    if cuts:
        return min(int(np.count_nonzero(cut[:sample] & ~earlier.rows[:sample])) for cut in cuts)
    return max(0, earlier.zeros - later.zeros)
