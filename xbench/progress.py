"""Progress of a run: which stage and case it is at, and how much time is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Listener(Protocol):
    """Shows progress. Called only while nothing is being timed."""

    def show(self, stage: str, case: str, done: float, left_seconds: float) -> None:
        """`done` is the share of the expected time that is over, 0 to 1."""

    def note(self, text: str) -> None:
        """Something the user should know while it goes on: a variant that failed, a choice that was made."""

    def close(self) -> None:
        """Nothing more will come."""


@dataclass
class _Stage:
    name: str
    cases: int
    seconds_each: float
    finished: int = 0
    spent: float = 0.0

    @property
    def expected_each(self) -> float:
        """What was seen counts; before anything was, the guess does."""
        return self.spent / self.finished if self.finished else self.seconds_each

    @property
    def left(self) -> float:
        return max(0, self.cases - self.finished) * self.expected_each


@dataclass
class Journey:
    """The stages of a run and where it stands. Expectations are replaced by what was seen."""

    listener: Listener
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    _stages: dict[str, _Stage] = field(default_factory=dict)
    _current: _Stage | None = None
    _case: str = ""
    _since: float = 0.0

    def plan(self, stage: str, cases: int, seconds_each: float) -> None:
        """Announce a stage before it begins."""
        self._stages[stage] = _Stage(stage, cases, seconds_each)

    def begin(self, stage: str, case: str) -> None:
        """A case begins; the one before has ended."""
        self.end()
        self._current, self._case, self._since = self._stages[stage], case, self.clock()
        self._show(0.0)

    def within(self, share: float) -> None:
        """The current case is done to this share, 0 to 1."""
        self._show(share)

    def end(self) -> None:
        """The current case has ended, if there is one."""
        if self._current is None:
            return
        spent = self.clock() - self._since
        self._current.finished += 1
        self._current.spent += spent
        self.seconds[self._current.name] = self.seconds.get(self._current.name, 0.0) + spent
        self._current = None

    def note(self, text: str) -> None:
        """Pass a message on."""
        self.listener.note(text)

    def _show(self, share: float) -> None:
        assert self._current is not None  # noqa: S101 - only called between begin and end
        each, elapsed = self._current.expected_each, self.clock() - self._since
        # A case may take far longer than those before it, as on an emulated target: then what is seen of it counts.
        whole = max(each, elapsed / share) if share > 0 else each
        left = sum(stage.left for stage in self._stages.values()) - each + (1 - share) * whole
        spent = sum(stage.spent for stage in self._stages.values()) + share * whole
        done = spent / (spent + left) if spent + left > 0 else 0.0
        self.listener.show(self._current.name, self._case, done, max(0.0, left))
