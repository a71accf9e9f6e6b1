"""`decide` alone: evidence in, verdict out."""

from __future__ import annotations

import math

import pytest
from records_by_hand import interval, variant

from xbench.gate.deciding import decide
from xbench.gate.question import Evidence, Question
from xbench.records.comparison import Sample
from xbench.records.policy import GateRule

PRUNED = variant("pruned")
BLOCKED = {"blocks_pass": "one is missing"}


def decided(gate, bound, estimate, *, usual="dense", looks=1, part="", rule=(), **evidence):
    found = interval(*estimate) if estimate else None
    question = Question(GateRule(gate=gate, bound=bound, **dict(rule)), PRUNED, "cpu", "w", part, looks)
    return decide(question, Evidence(estimate=found, **evidence), usual)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        # 15 ms with a floor of 2 %: 15 / 1.02 = 14.7059, 15 * 1.02 = 15.3.
        (12, 14.7, "pass"),
        (12, 14.71, "inconclusive"),
        (15.3, 16, "inconclusive"),
        (15.31, 16, "fail"),
    ],
)
def test_what_must_not_be_more_is_decided_by_the_whole_interval_and_the_floor(low, high, outcome):
    found = decided("max_latency_p99_ms", 15, (math.sqrt(low * high), low, high), floor=0.02)
    assert (found.outcome, found.unit, found.against) == (outcome, "ms", "value")


def test_at_the_bound_itself_what_is_counted_passes():
    assert decided("max_memory_mib", 100, (90, 80, 100)).outcome == "pass"
    assert decided("max_memory_mib", 100, (110, 100, 120)).outcome == "inconclusive"
    assert decided("max_error_rate", 0, (0, 0, 0)).outcome == "pass"


def test_reasons_have_units_and_the_digits_that_decide():
    assert (
        decided("max_latency_p99_ms", 15, (12.34, 12, 12.6)).reason
        == "p99 12.34 ms (12.00 ms to 12.60 ms) is at most 15 ms"
    )
    assert decided("max_memory_mib", 64, (80, 79, 81)).reason == (
        "peak memory 80.00 MiB (79.00 MiB to 81.00 MiB) is above 64 MiB"
    )
    assert decided("max_error_rate", 0.01, (0.004, 0.001, 0.0099)).reason == (
        "error rate 0.0040 (0.0010 to 0.0099) is at most 0.01"
    )


def test_an_interval_of_too_few_processes_is_no_row_of_digits():
    assert decided("max_latency_p99_ms", 5, (4.24, 1e-9, 3688802736274.7)).reason == (
        "p99 4.24 ms (0.00 ms to 3.7e+12 ms) is not clear of 5 ms"
    )


def test_a_level_against_another_names_it_and_is_a_ratio():
    found = decided("max_memory_mib", 1.1, (0.5, 0.4, 0.6), reference="dense", rule={"against": "dense"})
    assert found.reason == "against dense: peak memory 0.50x (0.40x to 0.60x) is at most 1.1x"
    assert (found.gate, found.unit, found.reference) == ("max_memory_mib against dense", "x", "dense")


def test_an_error_rate_against_another_is_a_difference_and_may_be_below_nothing():
    rule = {"against": "dense"}
    found = decided("max_error_rate", 0.01, (-0.002, -0.01, 0.005), reference="dense", rule=rule)
    assert found.outcome == "pass"
    assert found.reason == "against dense: rise of the error rate -0.002 (-0.010 to 0.005) is at most 0.01"


def test_a_ratio_of_nothing_is_no_ratio():
    found = decided("min_speedup", 1.5, (0.5, 0.0, 2))
    assert (found.outcome, found.reason) == ("invalid", "the interval 0.0 to 2.0 is not one of a speedup")


def test_the_reference_is_named_where_it_is_not_the_usual_one():
    speed = (2, 1.9, 2.1)
    assert decided("min_speedup", 1.5, speed, reference="dense").reason.startswith("2.00x")
    assert decided("min_speedup", 1.5, speed, reference="dense int8").reason.startswith("against dense int8: 2.00x")
    old = decided("min_speedup", 1.5, speed, reference="v1", historical=True, rule={"against": "production"})
    assert old.reason.startswith("against v1 (historical): 2.00x")
    assert old.historical
    fixed = decided("min_speedup", 1.5, speed, rule={"against": "value", "value": 12})
    assert fixed.reason.startswith("against 12 ms: 2.00x")


def test_it_tells_how_surely_where_that_is_not_the_usual():
    speed = (2, 1.9, 2.1)
    assert decided("min_speedup", 1.5, speed).confidence == 0.975
    assert decided("min_speedup", 1.5, speed, rule={"confidence": 0.99}).reason.endswith("; one-sided at 99 %")
    again = decided("min_speedup", 1.5, speed, looks=3)
    assert again.reason.endswith("; one-sided at 97.5 % over 3 looks")
    assert again.looks_allowed == 3
    assert decided("max_drop", 0.1, (0, 0, 0), rule={"metric": "mrr"}).confidence == 0.95


def test_a_slice_is_named():
    found = decided("max_slice_drop", 0.1, (0.2, 0.15, 0.25), part="lang=de", rule={"metric": "mrr"})
    assert (found.slice, found.outcome) == ("lang=de", "fail")
    assert found.reason == "slice lang=de: mrr drops by 0.200 (0.150 to 0.250), more than 0.1"


def test_doubts_decide_nothing_and_what_blocks_takes_only_a_pass():
    good, bad = (2, 1.9, 2.1), (1, 0.9, 1.1)
    assert decided("min_speedup", 1.5, good, doubts=("a", "b")).outcome == "inconclusive"
    assert decided("min_speedup", 1.5, bad, doubts=("a",)).reason == "a"
    blocked = decided("min_speedup", 1.5, good, **BLOCKED)
    assert blocked.outcome == "inconclusive"
    assert blocked.reason.endswith("is at least 1.5x; but one is missing")
    assert decided("min_speedup", 1.5, bad, **BLOCKED).outcome == "fail"


@pytest.mark.parametrize("low", [50, 90])
def test_a_process_that_was_above_the_bound_fails_it_whatever_the_interval_says(low):
    found = decided("max_memory_mib", 100, (95, low, 105 if low == 90 else 96), highest=101.5)
    assert found.outcome == "fail"
    assert found.reason == "peak memory of one process was 101.5 MiB, above 100.0 MiB"
    assert decided("max_memory_mib", 100, (95, 94, 96), highest=100.0).outcome == "pass"


def test_only_what_time_could_decide_is_measurable():
    unsure = (1.5, 1.4, 1.6)
    assert decided("min_speedup", 1.5, unsure).measurable
    assert decided("min_speedup", 1.5, None, missing="inconclusive", reason="too few").measurable
    assert not decided("min_speedup", 1.5, (2, 1.9, 2.1)).measurable
    assert not decided("min_speedup", 1.5, (2, 1.9, 2.1), **BLOCKED).measurable
    assert not decided("min_speedup", 1.5, None, reason="it died").measurable
    assert not decided("max_drop", 0.1, (0.1, 0, 0.2), rule={"metric": "mrr"}).measurable


def test_missing_evidence_is_told_as_it_is():
    assert decided("min_speedup", 1.5, None, reason="it died").outcome == "invalid"
    found = decided("min_speedup", 1.5, None, missing="inconclusive", reason="too few", looks=3)
    assert (found.outcome, found.reason, found.estimate) == ("inconclusive", "too few", None)


def test_the_sample_goes_with_the_verdict():
    sample = Sample(files=("samples/a.npz",), sha256="0" * 64, count=6, units="process sets")
    assert decided("min_speedup", 1.5, (2, 1.9, 2.1), samples=(sample,)).samples == (sample,)
