"""What is said of a gate on quality before anything is run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

from xbench.gate.planning import plan_quality
from xbench.records.policy import GateRule
from xbench.records.quality import DataFacts
from xbench.stats.paired import paired_bootstrap, tango_interval
from xbench.suite.model import GateSpec


@dataclass(frozen=True)
class Named:
    """Of a metric, all that a plan asks for."""

    name: str
    span: float | None
    better: str = "higher"

    def scores(self, answers, targets):
        raise NotImplementedError

    def value(self, scores, weights):
        raise NotImplementedError


METRICS = {
    one.name: one
    for one in (
        Named("accuracy", 1.0),
        Named("mrr", 1.0),
        Named("cosine", 2.0),
        Named("mae", math.inf, "lower"),
        Named("f1_macro", None),
    )
}


def plans(examples, change=0.05, **bounds):
    data = DataFacts(source="here", sha256="0" * 64, examples=examples)
    return plan_quality(GateSpec(max_drop=bounds).rules, data, METRICS, change)


def test_enough_too_few_and_none_at_all():
    (few,), (most,), (enough,), (none,) = (plans(n, accuracy=0.01) for n in (540, 2500, 3092, 267))
    needs = "max_drop.accuracy 0.01: with 5 % of the answers changed it needs 3,092 examples to pass; here are "
    assert few.text == f"{needs}540: it will probably be inconclusive (a candidate as good passes in 27 %)"
    assert most.text == f"{needs}2,500: it may well be inconclusive (a candidate as good passes in 72 %)"
    assert enough.text == f"{needs}3,092"
    assert (few.decidable, few.needed, few.gate, few.bound) == (True, 3092, "max_drop.accuracy", 0.01)
    (ranks,) = plans(540, mrr=0.01)
    assert "it needs at most 3,092 examples to pass" in ranks.text
    assert ranks.text.endswith("(a candidate as good passes in 27 % or more)")
    assert not none.decidable
    assert "267 examples cannot show that a candidate is as good, though not one answer were changed" in none.text


@pytest.mark.parametrize("examples", [540, 1500, 3092])
def test_the_chance_that_is_told_is_the_one_that_simulation_finds(examples):
    """Of candidates as good as the baseline, with 5 % of the examples changed, so many pass Tango's test."""
    random = np.random.default_rng(examples)
    (plan,) = plans(examples, accuracy=0.01)
    told = re.search(r"passes in (\d+) %", plan.text)
    share = float(told[1]) / 100 if told else 0.8
    changed = random.binomial(examples, 0.05, 600)
    lost = random.binomial(changed, 0.5)
    ends = [tango_interval(b, n - b, examples, confidence=0.90).high for b, n in zip(lost, changed, strict=True)]
    assert np.mean(np.asarray(ends) <= 0.01) == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize(("name", "span"), [("accuracy", 1), ("mrr", 1), ("cosine", 2)])
@pytest.mark.parametrize("examples", [2, 60, 180, 230, 267, 268, 600])
def test_it_is_undecidable_only_where_the_very_same_scores_would_not_pass(name, span, examples):
    (found,) = plans(examples, **{name: 0.01})
    same = np.full(examples, 0.5)
    ends = [paired_bootstrap(same, same, confidence=0.90, span=span).high]
    ends += [tango_interval(0, 0, examples, confidence=0.90).high] if span == 1 else []
    within = [end <= 0.01 for end in (ends[1:] if name == "accuracy" else ends)]
    assert found.decidable == any(within)


def test_the_smallest_drop_that_is_found_is_in_the_metrics_own_units():
    (one,), (two,) = plans(5000, accuracy=0.1), plans(5000, cosine=0.1)
    assert one.smallest == pytest.approx(0.0078, abs=3e-4)  # 2.49 sqrt(0.05 / 5000)
    assert two.smallest == pytest.approx(2 * one.smallest)
    assert plans(3, accuracy=0.1)[0].smallest is None


def test_what_cannot_be_told_beforehand():
    mae, f1 = plans(100, mae=0.5, f1_macro=0.01)[::-1]
    assert mae.text == (
        "max_drop.mae 0.5: how many examples it needs cannot be told beforehand, since mae has no bound on what one "
        "example may change"
    )
    assert f1.text.endswith("since f1_macro is no mean of its examples")
    assert (mae.needed, mae.smallest, f1.needed, f1.smallest) == (None,) * 4
    assert mae.decidable
    assert f1.decidable


def test_bounds_that_decide_nothing():
    (never,), (always,) = plans(100, accuracy=0), plans(100, accuracy=1)
    assert not never.decidable
    assert "a candidate must be better to pass" in never.text
    assert always.decidable
    assert "it passes whatever comes out" in always.text


def test_alike_gates_are_told_once_and_unknown_metrics_not_at_all():
    gates = (
        GateSpec(max_drop={"accuracy": 0.01, "mrr": 0.02}),
        GateSpec(max_drop={"accuracy": 0.01, "gone": 0.1}),
        GateSpec(max_drop={"accuracy": 0.05}),
        GateSpec(min_speedup=2),
    )
    rules = [rule for gate in gates for rule in gate.rules]
    found = plan_quality(rules, DataFacts(source="", sha256="", examples=500), METRICS, 1.0)
    assert [(one.gate, one.bound) for one in found] == [
        ("max_drop.accuracy", 0.01),
        ("max_drop.accuracy", 0.05),
        ("max_drop.mrr", 0.02),
    ]
    assert found[0].needed == 61826  # 20 times that of 5 %


def of_rules(*rules, examples=500, slices=None):
    found = plan_quality(rules, DataFacts(source="", sha256="", examples=examples), METRICS, 0.05, slices)
    return {(one.gate, one.slice, one.confidence): one for one in found}


def test_each_slice_is_planned_with_its_own_number_of_examples():
    slices = {"short": 40, "long": 4000, "none": 0}
    everywhere = GateRule(gate="max_slice_drop", bound=0.01)
    some = GateRule(gate="max_drop", metric="mrr", bound=0.01, slices=("long", "gone"))
    found = of_rules(everywhere, some, slices=slices)
    assert list(found) == [
        ("max_drop.mrr", "long", 0.95),
        ("max_slice_drop", "long", 0.95),
        ("max_slice_drop", "none", 0.95),
        ("max_slice_drop", "short", 0.95),
    ]
    assert [one.examples for one in found.values()] == [4000, 4000, 0, 40]
    assert [one.decidable for one in found.values()] == [True, True, False, False]
    assert found["max_slice_drop", "short", 0.95].text.startswith(
        "max_slice_drop 0.01 on the slice short: 40 examples"
    )
    assert not of_rules(everywhere)


def test_a_higher_confidence_needs_more_examples():
    usual, sure = (
        GateRule(gate="max_drop", metric="accuracy", bound=0.01, confidence=confidence) for confidence in (None, 0.99)
    )
    found = of_rules(usual, sure, examples=4000)
    assert found["max_drop.accuracy", "", 0.95].needed == 3092
    # (2.32635 + 0.84162)**2 0.05 / 0.01**2 is 5018.02, of the normal distribution's table
    assert found["max_drop.accuracy", "", 0.99].needed == 5019
    assert found["max_drop.accuracy", "", 0.99].text.startswith("max_drop.accuracy 0.01 at 99 %: with 5 %")


def test_against_production_it_is_planned_alike_and_against_a_value_it_cannot_be():
    production = GateRule(gate="max_drop", metric="accuracy", bound=0.01, against="production")
    value = GateRule(gate="max_drop", metric="accuracy", bound=0.0, against="value", value=0.9)
    found = of_rules(production, value)
    assert found["max_drop.accuracy against production", "", 0.95].needed == 3092
    fixed = found["max_drop.accuracy against value", "", 0.95]
    assert fixed.decidable
    assert fixed.text.endswith("cannot be told beforehand, since it is held against a fixed value")


def test_an_error_rate_needs_as_many_examples_as_show_it_without_one_error():
    rule = GateRule(gate="max_error_rate", bound=0.01)
    (few,), (enough,) = (of_rules(rule, examples=count).values() for count in (298, 299))  # log 0.05 / log 0.99
    assert (few.needed, few.decidable, enough.decidable) == (299, False, True)
    assert few.text.endswith("it needs at least 299 examples to pass, and more if one of them fails; here are 298")
    (never,) = of_rules(GateRule(gate="max_error_rate", bound=0)).values()
    assert not never.decidable
    assert not of_rules(GateRule(gate="max_error_rate", bound=0.01, against="dense"))
