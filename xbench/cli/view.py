"""Progress on standard error: a bar in a terminal, a line a case elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from ..progress import Listener
from ..report.text import visible

_LINE_EACH_S = 60.0


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} left"


class QuietView:
    """Shows nothing."""

    def show(self, stage: str, case: str, done: float, left_seconds: float) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing: what matters stands in the record too."""

    def close(self) -> None:
        """Nothing."""


class LineView:
    """For logs and pipes: one line when a case begins, and one a minute while it goes on."""

    def __init__(self) -> None:
        self._last = ""
        self._told = 0.0

    def show(self, stage: str, case: str, done: float, left_seconds: float) -> None:
        """A line for each new case, and each minute."""
        now = time.monotonic()
        if f"{stage} {case}" != self._last or now - self._told >= _LINE_EACH_S:
            self._last, self._told = f"{stage} {case}", now
            print(visible(f"[{done:4.0%}, {_left(left_seconds)}] {stage}: {case}"), file=sys.stderr)  # noqa: T201

    def note(self, text: str) -> None:
        """A line."""
        print(visible(f"  {text}"), file=sys.stderr)  # noqa: T201

    def close(self) -> None:
        """Nothing is open."""


class BarView:
    """For terminals. It never refreshes by itself: the parent sleeps while a worker is timed."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task: TaskID | None = None
        self._drawn = 0.0

    def show(self, stage: str, case: str, done: float, left_seconds: float) -> None:
        """Redraw, at most five times a second."""
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("", total=1.0, left="")
        text = f"{stage}: {case}".replace("[", "\\[")
        self._bar.update(self._task, description=visible(text), completed=done, left=_left(left_seconds))
        if time.monotonic() - self._drawn > 0.2:
            self._drawn = time.monotonic()
            self._bar.refresh()

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._bar.console.print(Text(visible(text), style="dim"))

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def make_view(quiet: bool) -> Listener:
    """The view that fits standard error."""
    if quiet:
        return QuietView()
    console = Console(stderr=True)
    return BarView(console) if console.is_terminal else LineView()
