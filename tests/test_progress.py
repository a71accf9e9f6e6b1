"""What is told while a run goes on, and how much is said to be left."""

from __future__ import annotations

from xbench.cli.view import LineView
from xbench.progress import Journey


class Shown:
    def __init__(self):
        self.left = []

    def show(self, stage, case, done, left_seconds):
        self.left.append(round(left_seconds))


def test_a_case_that_is_far_slower_than_those_before_is_believed_as_soon_as_it_tells():
    now = [0.0]
    shown = Shown()
    journey = Journey(shown, clock=lambda: now[0])
    journey.plan("score", 3, 8.0)
    for at, do in (
        (0, lambda: journey.begin("score", "quick")),
        (10, lambda: journey.begin("score", "slow")),
        (20, lambda: journey.within(0.01)),
        (260, lambda: journey.within(0.25)),
    ):
        now[0] = at
        do()
    assert shown.left == [24, 20, 990 + 10, 750 + 10]


def test_a_log_gets_a_line_for_each_case_and_one_a_minute(capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("xbench.cli.view.time.monotonic", lambda: now[0])
    view = LineView()
    for at, case in ((1000, "a"), (1030, "a"), (1061, "a"), (1062, "b"), (1070, "b")):
        now[0] = at
        view.show("score", case, 0.5, 30.0)
    assert [line.rsplit(" ", 1)[1] for line in capsys.readouterr().err.splitlines()] == ["a", "a", "b"]
