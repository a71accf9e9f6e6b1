"""How fine the clock is: a coarse one must not be taken for a steady model."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InvalidError

# Reads after which a clock that has not moved is one that only calls move, as that of a test. They take some
# 20 ms: longer than the coarsest tick that a system's clock has (15.6 ms).
_PATIENCE = 250_000
_LOOKS = 20
# A step is at most this share of a call, so that its rounding stays below the precision that is asked for.
_COARSE = 0.005


def clock_step(clock: Callable[[], int]) -> int | None:
    """The smallest step that the clock was seen to make, ns.

    0 where each reading differs from the one before: its steps are finer than what a reading takes. None for a
    clock that does not move by itself.
    """
    seen: list[int] = []
    for _ in range(_LOOKS):
        step = _one_step(clock)
        if step is None:
            return None
        seen.append(step)
    return min(seen)


def _one_step(clock: Callable[[], int]) -> int | None:
    start = clock()
    if clock() > start:
        return 0
    for _ in range(_PATIENCE):
        now = clock()
        if now > start:
            return now - start
    return None


def require_fine(step_ns: int | None, call_ns: float) -> None:
    """Raise InvalidError where a call takes too few steps of the clock to be told to half a per cent."""
    if step_ns and step_ns > _COARSE * call_ns:
        raise InvalidError(
            f"The clock moves in steps of {step_ns / 1000:g} us, and a call takes {call_ns / 1000:.3g} us",
            f"a call must take {1 / _COARSE:.0f} steps, so that rounding is no measured difference",
            "give each call more to do, such as a larger batch",
        )
