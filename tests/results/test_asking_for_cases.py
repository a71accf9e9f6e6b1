"""Filters against a plain filter of the same rows, and frames of what they leave."""

from __future__ import annotations

import fnmatch
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_kit import hand_record, put

from xbench.errors import InputError
from xbench.records.case import CaseRow
from xbench.results import open_results

VARIANTS = ("half", "half-removed", "2:4", "a[1]", "it's", "*", "%", "Half")
SPEEDS = ("faster", "slower", "same", "inconclusive", "invalid")
OUTCOMES = ("pass", "fail", "inconclusive", None)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Twelve runs, six hours apart, of many names and verdicts."""
    results = open_results(tmp_path_factory.mktemp("asked") / "results")
    for number in range(12):
        names = tuple(VARIANTS[(number + step) % len(VARIANTS)] for step in range(3))
        told = {"verdict": SPEEDS[number % 5], "outcome": OUTCOMES[number % 4], "named": ("s", "t")[number % 2]}
        put(results.path, hand_record(number * 6, names=names, **told), sealed=number % 3 > 0)
    assert results.counts() == (12, 48)
    return results


def fits(name, patterns):
    if patterns is None or patterns == []:
        return True
    every = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(name, one.replace("[", "[[]")) for one in every)


def within(case, since, until):
    begun = datetime.fromisoformat(case.created)
    first = datetime(*since.timetuple()[:3], tzinfo=UTC) if since else begun
    last = datetime(*until.timetuple()[:3], tzinfo=UTC) + timedelta(days=1) if until else begun + timedelta(1)
    return first <= begun < last


def plainly(case, asked):
    verdicts = asked["verdict"]
    return (
        fits(case.variant, asked["variant"])
        and fits(case.suite, asked["suite"])
        and fits(case.run, asked["run"])
        and within(case, asked["since"], asked["until"])
        and (not verdicts or case.outcome in verdicts or case.speed_verdict in verdicts)
    )


patterns = st.sampled_from([*VARIANTS, "dense", "h*", "*[1]", "?:4", "*'*", "none"])
days = st.none() | st.dates(date(2025, 12, 31), date(2026, 1, 5))
asked = st.fixed_dictionaries(
    {
        "variant": st.none() | patterns | st.lists(patterns, max_size=3),
        "suite": st.sampled_from([None, "s", ["s", "t"], "u", "*"]),
        "run": st.sampled_from([None, "20260101*", "*-00000c"]),
        "since": days,
        "until": days,
        "verdict": st.lists(st.sampled_from([*SPEEDS, "pass", "fail"]), max_size=2),
    }
)


@settings(max_examples=150, deadline=None)
@given(asked)
def test_filters_are_what_a_plain_filter_is(results, asked):
    every = results.cases()
    found = results.cases(**asked)
    assert found == [case for case in every if plainly(case, asked)]
    runs = {case.run for case in found}
    if asked["variant"] or asked["verdict"]:
        assert [run.run for run in results.runs(**asked)] == sorted(runs)


def test_times_of_a_day(results):
    """Runs begin at 0, 6, 12 and 18 o'clock."""

    def count(**asked):
        return len(results.runs(**asked))

    assert count(since="2026-01-01", until="2026-01-01") == 4
    assert count(since="2026-01-01T06:00", until="2026-01-01T18:00") == 3
    assert count(since="2026-01-01T06:00:01", until="2026-01-01T17:59:59Z") == 1
    assert count(until="2026-01-01T01:00+01:00") == 1
    assert count(since=datetime(2026, 1, 3, 12, tzinfo=UTC)) == 2
    assert count(since=date(2026, 1, 3), outcome="pass") == 1


@pytest.mark.parametrize("day", ["2026-13-01", "yesterday", "", "2026-01-01 or 1=1", "9999-12-31T23:59-23:59"])
def test_what_is_no_date_is_refused(results, day):
    if day.startswith("9999"):
        assert results.cases(since=day) == []
        return
    with pytest.raises(InputError, match="no date"):
        results.cases(since=day)


def test_what_is_no_verdict_is_refused(results):
    with pytest.raises(InputError, match="did you mean 'faster'"):
        results.cases(verdict="fastr")
    with pytest.raises(InputError, match="no outcome 'faster'"):
        results.cases(outcome="faster")
    with pytest.raises(InputError, match="300 characters"):
        results.cases(variant="*" * 300)


def test_a_frame_of_pandas(results):
    pandas = pytest.importorskip("pandas")
    frame = results.frame("pandas", variant="half*")
    cases = results.cases(variant="half*")
    assert list(frame.columns) == list(CaseRow.model_fields)
    assert frame["speedup_low"].dtype == "float64"
    assert frame["size_bytes"].tolist() == [case.size_bytes for case in cases]
    assert [None if pandas.isna(one) else one for one in frame["ships"]] == [case.ships for case in cases]
    assert len(results.frame("pandas", variant="none").columns) == len(CaseRow.model_fields)


def test_a_frame_of_polars(results):
    polars = pytest.importorskip("polars")
    frame = results.frame("polars", variant="half*")
    assert frame.schema["ships"] == polars.Boolean
    assert frame.to_dicts() == [case.model_dump() for case in results.cases(variant="half*")]


def test_without_either_it_says_what_to_install(results, monkeypatch):
    monkeypatch.setattr("xbench.results.frames.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install pandas"):
        results.frame()
    with pytest.raises(InputError, match="pip install polars"):
        results.frame("polars")
    with pytest.raises(InputError, match="known are auto"):
        results.frame("table")


@pytest.mark.parametrize("ask", ["cases", "runs", "frame"])
def test_a_filter_that_there_is_not_is_refused(results, ask):
    """It would else fit everything."""
    with pytest.raises(InputError, match=r"(?s)no filter 'varient'.*did you mean 'variant'"):
        getattr(results, ask)(varient="half")
