"""One variant's failure is not the others'."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import XbenchError

T = TypeVar("T")


class Attempts:
    """Lets each variant fail alone: the first error of one is its reason, and it is left out from there on."""

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}

    def make(self, label: str, action: Callable[[], T]) -> T | None:
        """What `action` gives; None where the variant has failed, now or before."""
        if label in self.failures:
            return None
        try:
            return action()
        except XbenchError as error:
            self.failures[label] = error.reason
            return None
