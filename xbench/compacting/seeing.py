"""What is known of a value along one axis, index by index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .plan import Known, Values

Flags = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.float64]


class Seen:
    """Looks at known values along single axes, each look once."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._zeros: dict[tuple[str, int], Flags | None] = {}

    def zeros(self, name: str, axis: int, size: int) -> Flags:
        """[size]: True where the value is always zero, at every place of that index."""
        key = (name, axis)
        if key not in self._zeros:
            array = self._known.get(name)
            self._zeros[key] = None if array is None else _all_zero(array, axis)
        found = self._zeros[key]
        return np.zeros(size, np.bool_) if found is None else np.broadcast_to(found, (size,))

    def levels(self, name: str, axis: int, size: int) -> Levels:
        """[size]: the one number that the value always is at that index; NaN where there is no such number."""
        array = self._known.get(name)
        if array is None:
            return np.full(size, np.nan)
        others = _others(array, axis)
        least, most = array.min(axis=others), array.max(axis=others)
        found = np.where(least == most, least, np.nan).astype(np.float64)
        return np.broadcast_to(found, (size,))

    def whole(self, name: str) -> bool:
        """Is every number of the value known?"""
        array = self._known.get(name)
        return array is not None and not np.isnan(array.sum(dtype=np.float64))

    def number(self, name: str, index: int) -> float:
        """One number of a value of one axis; NaN where it is not known."""
        array = self._known.get(name)
        return float("nan") if array is None else float(array[index if array.shape[0] > 1 else 0])

    def integers(self, name: str) -> list[int] | None:
        """The numbers of a small value that holds sizes, indices or axes; None where one is not known."""
        array = self._known.get(name)
        if array is None or not np.isfinite(array.astype(np.float64)).all():
            return None
        return [int(each) for each in array.reshape(-1)]


def _others(array: Values, axis: int) -> tuple[int, ...]:
    return tuple(each for each in range(array.ndim) if each != axis % array.ndim)


def _all_zero(array: Values, axis: int) -> Flags:
    return np.asarray((array == 0).all(axis=_others(array, axis)), np.bool_)
