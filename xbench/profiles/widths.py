"""Which multiple of channels the kernels of several targets like."""

from __future__ import annotations

from collections.abc import Iterable
from math import lcm

from ..records.profile import HardwareProfile


def width_multiple(profiles: Iterable[HardwareProfile]) -> int:
    """The least common multiple of what the profiles say for their precision; 1 where none says anything."""
    facts = (profile.facts.width_multiple.get(profile.precision) for profile in profiles)
    return lcm(*(int(fact.value) for fact in facts if fact is not None))
