"""What was expected stands beside what was found, and decides nothing."""

from __future__ import annotations

import pytest
from records_by_hand import comparison, group, quality, record, variant

from xbench.report.data import as_data
from xbench.report.markdown import render
from xbench.report.rows import tables


def told(expect, found=None, **changes):
    """The remarks of the only table that are of expectations, and the data."""
    suite = {"variants": [{"name": "dense", "expect": None}, {"name": "pruned", "expect": expect}]}
    groups = (group([found or comparison()]),)
    made = record(**({"suite": suite, "groups": groups} | changes))
    (table,) = tables(made)
    return [line for line in table.remarks if "expected" in line], as_data(made)["expectations"]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (1.8, "pruned: expected 1.8x, found 1.93x (1.90 to 1.96): reached"),
        (2.5, "pruned: expected 2.5x, found 1.93x (1.90 to 1.96): not reached"),
    ],
)
def test_a_speedup_stands_beside_the_expected_one(expected, text):
    lines, data = told({"speedup": expected})
    assert lines == [text]
    assert data[0]["outcome"] == text.rpartition(": ")[2]
    assert data[0]["found"]["point"] == 1.93


@pytest.mark.parametrize("expected", [1.92, 1.895])
def test_an_interval_that_holds_the_expectation_decides_nothing(expected):
    """1.895 is below the interval, but within the noise floor of it."""
    (line,), _ = told({"speedup": expected})
    assert f"expected {expected}x, found 1.9" in line
    assert "undecided (" in line


@pytest.mark.parametrize(
    ("drop", "outcome"),
    [((0.01, -0.01, 0.03), "undecided"), ((0.001, 0.0, 0.002), "reached"), ((0.1, 0.08, 0.12), "not reached")],
)
@pytest.mark.parametrize("expect", [0.02, {"accuracy": 0.02}])
def test_a_drop_stands_beside_the_expected_one(drop, outcome, expect):
    _, (data,) = told({"max_drop": expect}, quality=(quality("dense", None), quality(drop=drop)))
    assert (data["what"], data["expected"], data["outcome"]) == ("max_drop.accuracy", 0.02, outcome)


def test_what_was_not_measured_says_why():
    broken = comparison(verdict="invalid", speedup=None, reasons=("the worker died",))
    (speed, drop), _ = told({"speedup": 1.8, "max_drop": 0.01}, broken, quality=())
    assert speed == "pruned: expected 1.8x: not measured (the worker died)"
    assert drop == "pruned: expected quality to drop by 0.01 at most: not measured (its quality was not scored)"
    doubtful = comparison(doubts=("half of the rounds were disturbed",))
    (line,), _ = told({"speedup": 1.8}, doubtful)
    assert line.endswith("undecided (half of the rounds were disturbed)")


def test_a_variant_in_another_precision_has_the_expectation_of_what_it_was_made_of():
    states = (variant("dense", baseline=True), variant("pruned int8").model_copy(update={"of": "pruned"}))
    (line,), _ = told({"speedup": 1.8}, comparison("pruned int8"), variants=states)
    assert line.startswith("pruned int8: expected 1.8x, found 1.93x")


def test_it_decides_nothing_and_an_older_record_has_none():
    made = record(suite={"variants": [{"name": "pruned", "expect": {"speedup": 9.0}}]})
    assert "not reached" in render(made)
    assert made.outcome is None
    assert as_data(record())["expectations"] == []
