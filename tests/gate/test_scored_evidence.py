"""What gates find of quality: drops of all examples and of slices, and rates of errors."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records_by_hand import comparison, group
from scipy.stats import binomtest, multinomial, norm
from scored_kit import facts, question, right, run, scores

from xbench.analysis.dropping import metric_drop
from xbench.errors import StoreError
from xbench.gate.advising import enough_for_drop
from xbench.gate.question import Question, Reference, Source
from xbench.gate.scored import drop_evidence, scored_evidence
from xbench.metrics.choosing import metric
from xbench.records.estimate import Estimate
from xbench.records.policy import GateRule
from xbench.stats.paired import non_inferior, tango_interval
from xbench.stats.proportions import exact_interval, samples_for_share, wilson_interval
from xbench.store.folder import RunFolder
from xbench.suite.model import Suite

RESULTS = Path(__file__).parents[2] / "results"
RANDOM = np.random.default_rng(5)


def outcome(evidence, bound):
    """As gates decide: missing data and examples that could not be scored never pass."""
    if evidence.estimate is None:
        return evidence.missing
    found = non_inferior(evidence.estimate, bound)
    return "inconclusive" if found == "pass" and evidence.blocks_pass else found


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.98])
@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 275), (1, 275), (17, 40), (39, 40), (40, 40)])
def test_the_exact_interval_is_that_of_scipy(successes, n, confidence):
    theirs = binomtest(successes, n).proportion_ci(confidence, method="exact")
    found = exact_interval(successes, n, confidence)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    if successes == 0:
        assert found.high == pytest.approx(1 - ((1 - confidence) / 2) ** (1 / n), abs=1e-12)


@pytest.mark.parametrize(("share", "bound"), [(0, 0.01), (0, 0.3), (0.01, 0.02), (0.25, 0.3)])
def test_as_many_examples_as_are_said_to_do_would_do_and_fewer_would_not(share, bound):
    enough = samples_for_share(share, bound, 0.9)
    assert share or enough == math.ceil(math.log(0.05) / math.log(1 - bound))
    upper = {n: exact_interval(round(share * n), n, 0.9).high for n in (enough, enough // 2)}
    assert upper[enough] <= bound + 0.5 / enough
    assert upper[enough // 2] > bound


@given(st.integers(2, 5000), st.floats(1e-6, 100), st.floats(0.001, 100), st.floats(-1, 1), st.booleans())
def test_how_many_examples_would_do_is_told_of_any_interval(examples, half, bound, point, paired):
    drop = Estimate(point=point, low=point - half, high=point + half, confidence=0.9, method="by hand")
    told = enough_for_drop(examples, drop, bound, paired=paired)
    assert told.startswith(f"not enough data: {examples:,} examples do not decide it")


def test_how_many_examples_would_do_is_the_planning_formula_at_the_asked_confidence():
    def needed(confidence, paired):
        drop = Estimate(point=0.3, low=0.3 - 0.1, high=0.3 + 0.1, confidence=confidence, method="by hand")
        return int(
            re.search(r"some ([\d,]+) would", enough_for_drop(1000, drop, 0.05, paired=paired))[1].replace(",", "")
        )

    for confidence in (0.9, 0.98):
        z = norm.ppf(0.5 + confidence / 2)
        for paired, spread in ((True, 1000 * (0.1 / z) ** 2 + 0.09), (False, 1000 * (0.1 / z) ** 2)):
            expected = (z + norm.ppf(0.8)) ** 2 * spread / 0.05**2
            assert needed(confidence, paired) == pytest.approx(expected, rel=2e-3)


def test_at_the_usual_confidence_the_drop_is_the_recorded_one_and_else_it_is_computed_anew(tmp_path):
    source = run(tmp_path, scores("dense", accuracy=right(200)), scores("pruned", accuracy=right(200, range(6))))
    recorded = source.record.quality_of("pruned", "cpu").metric("accuracy").drop
    usual = scored_evidence(source, question(source, metric="accuracy"))
    assert usual.estimate == recorded
    assert usual.reference == "dense"
    assert [one.files for one in usual.samples] == [("quality/v01-h00.npz", "quality/v00-h00.npz")]
    alone = scored_evidence(Source(source.record, source.suite), question(source, metric="accuracy"))
    assert (alone.estimate, alone.advice, alone.samples) == (recorded, usual.advice, ())
    assert drop_evidence(source.record.quality_of("pruned", "cpu"), "accuracy", 0.05).estimate == recorded
    sure = question(source, metric="accuracy", confidence=0.99)
    found = scored_evidence(source, sure).estimate
    expected = tango_interval(6, 0, 200, sure.confidence)
    assert found == expected
    assert found.low < recorded.low < recorded.high < found.high
    missing = scored_evidence(Source(source.record, source.suite), sure)
    assert (missing.estimate, missing.missing) == (None, "invalid")
    assert "it takes the run's folder" in missing.reason


@pytest.mark.parametrize("name", ["20261123T014823Z-digits-b7d14b", "20261123T014442Z-minilm-e1ddf6"])
def test_of_kept_runs_what_is_computed_is_what_is_recorded_bit_for_bit(name):
    folder = RunFolder(RESULTS / name)
    if not folder.path.is_dir():
        pytest.skip("the kept run is not here")
    record = folder.load()
    source = Source(record, Suite.model_validate(record.suite), folder)
    result = record.quality[-1]
    first = result.metrics[0].metric
    state = next(one for one in record.variants if one.name == result.variant)
    for one in result.metrics:
        asked = Question(GateRule(gate="max_drop", bound=0.01, metric=one.metric), state, result.hardware)
        assert scored_evidence(source, asked).estimate == one.drop
        slices = [part for part in result.slices if part.kind == "slice"]
        for part in slices if one.metric == first else ():
            there = scored_evidence(source, replace(asked, slice=part.slice))
            unseen = record.model_copy(update={"quality": (result.model_copy(update={"slices": ()}),)})
            anew = scored_evidence(Source(unseen, source.suite, folder), replace(asked, slice=part.slice))
            assert there.estimate == anew.estimate == part.drop
            assert there.advice == anew.advice


def test_a_slice_that_loses_is_seen_though_the_whole_gains(tmp_path):
    small = np.arange(1000) < 100
    dense, pruned = right(1000, range(100, 160)), right(1000, range(25))
    source = run(
        tmp_path,
        scores("dense", accuracy=dense),
        scores("pruned", accuracy=pruned),
        examples=facts(1000, small=small, large=~small),
    )
    whole = scored_evidence(source, question(source, metric="accuracy", bound=0.02))
    assert whole.estimate.point == pytest.approx(-0.035)
    assert outcome(whole, 0.02) == "pass"
    parts = {p: scored_evidence(source, question(source, "max_slice_drop", part=p)) for p in ("small", "large")}
    assert {name: outcome(found, 0.05) for name, found in parts.items()} == {"small": "fail", "large": "pass"}
    assert parts["small"].estimate == tango_interval(25, 0, 100, 0.9)
    assert parts["small"].metric == "accuracy", "a rule that names no metric is of the first"


def test_a_slice_is_that_of_the_suite_and_of_the_metric_that_is_asked_for(tmp_path):
    """The record's slices tell of the first metric alone, and a class may have a slice's name."""
    part, error = np.arange(60) < 20, RANDOM.random(60)
    known = replace(facts(60, part=part), labels=np.arange(60) % 2, classes=("part", "b"))
    source = run(
        tmp_path,
        scores("dense", accuracy=right(60), mae=error),
        scores("pruned", accuracy=right(60, [1, 30]), mae=error + 0.1),
        examples=known,
    )
    listed = source.record.quality_of("pruned", "cpu")
    turned = listed.model_copy(update={"slices": listed.slices[::-1]})
    source = replace(source, record=source.record.model_copy(update={"quality": (turned,)}))
    first = scored_evidence(source, question(source, "max_slice_drop", part="part"))
    assert (first.metric, first.estimate) == ("accuracy", tango_interval(1, 0, 20, 0.9))
    other = scored_evidence(source, question(source, "max_slice_drop", part="part", metric="mae"))
    assert (other.metric, other.estimate.point) == ("mae", pytest.approx(0.1))


def test_where_less_is_better_more_is_a_drop(tmp_path):
    dense = RANDOM.random(300)
    source = run(tmp_path, scores("dense", mae=dense), scores("pruned", mae=dense + 0.1 * RANDOM.random(300)))
    found = scored_evidence(source, question(source, metric="mae", confidence=0.99)).estimate
    assert 0.02 < found.low < found.point < found.high < 0.07
    fixed = scored_evidence(source, question(source, metric="mae", against="value", value=0.4)).estimate
    own = source.scores("pruned", "cpu").metrics["mae"].mean()
    assert fixed.point == pytest.approx(own - 0.4)
    assert fixed.low < fixed.point < fixed.high


def test_against_a_fixed_figure_it_is_the_candidates_own_value_that_is_uncertain(tmp_path):
    source = run(tmp_path, scores("dense", accuracy=right(100)), scores("pruned", accuracy=right(100, range(8))))
    found = scored_evidence(source, question(source, metric="accuracy", against="value", value=0.95))
    own = wilson_interval(92, 100, 0.9)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((0.95 - own.high, 0.95 - own.low))
    assert found.estimate.point == pytest.approx(0.03)
    assert (found.reference, [one.files for one in found.samples]) == ("", [("quality/v01-h00.npz",)])


def test_a_metric_that_is_no_mean_on_a_slice_is_that_metric_of_its_rows(tmp_path):
    truth = RANDOM.random(120)
    tables = [np.column_stack([truth, truth + noise * RANDOM.standard_normal(120)]) for noise in (0.1, 0.5)]
    part = np.arange(120) < 60
    models = [scores(name, pearson=table) for name, table in zip(("dense", "pruned"), tables, strict=True)]
    source = run(tmp_path, *models, examples=facts(120, part=part))
    asked = question(source, "max_slice_drop", part="part", confidence=0.9)
    assert scored_evidence(source, asked).estimate == metric_drop(
        metric("pearson"), tables[0][part], tables[1][part], seed=0, confidence=asked.confidence
    )


def test_examples_that_could_not_be_scored_let_nothing_pass_where_they_lie(tmp_path):
    first = np.arange(400) < 200
    source = run(
        tmp_path,
        scores("dense", accuracy=right(400), failed={3: "dense raised"}),
        scores("pruned", accuracy=right(400), failed={9: "NaN"}),
        examples=facts(400, first=first, second=~first),
    )
    for confidence in (None, 0.9):
        whole = scored_evidence(source, question(source, metric="accuracy", confidence=confidence))
        assert whole.blocks_pass.endswith(
            "2 examples could not be scored: the first, e3, of the baseline: dense raised"
        )
        assert outcome(whole, 0.05) == "inconclusive"
        found = {
            part: scored_evidence(source, question(source, "max_slice_drop", part=part, confidence=confidence))
            for part in ("first", "second")
        }
        assert [outcome(one, 0.05) for one in found.values()] == ["inconclusive", "pass"]
        assert found["first"].estimate.method.endswith("198 pairs")
    fixed = scored_evidence(source, question(source, metric="accuracy", against="value", value=1))
    assert fixed.blocks_pass.startswith("1 example could not be scored: e9, NaN")


def test_the_rate_of_errors_is_exact_by_itself_and_paired_against_another(tmp_path):
    source = run(
        tmp_path,
        scores("dense", accuracy=right(300), failed={n: "no answer" for n in range(4)}),
        scores("pruned", accuracy=right(300), failed={n: "no answer" for n in range(2, 9)}),
        examples=facts(300, early=np.arange(300) < 5),
    )
    own = scored_evidence(source, question(source, "max_error_rate", bound=0.03))
    assert (own.estimate, own.blocks_pass) == (exact_interval(7, 300, 0.9), "")
    assert "300 examples do not decide it; if as many of them fail, some " in own.advice
    beside = scored_evidence(source, question(source, "max_error_rate", against="dense"))
    assert beside.estimate == tango_interval(5, 2, 300, 0.9)
    assert beside.reference == "dense"
    early = scored_evidence(source, question(source, "max_error_rate", part="early"))
    assert early.estimate.point == 3 / 5
    assert "more of the same would not pass" in early.advice


def lacking(source, **changes):
    return Source(source.record.model_copy(update=changes), source.suite, source.folder)


def test_what_is_missing_is_invalid_and_says_why(tmp_path):
    source = run(
        tmp_path,
        scores("dense", accuracy=right(50)),
        scores("pruned", accuracy=right(50)),
        examples=facts(50, none=np.zeros(50)),
    )
    result = source.record.quality_of("pruned", "cpu")
    broken = result.model_copy(update={"failure": "NaN on real data"})
    asked = question(source, metric="accuracy")
    no_time = (group([comparison(verdict="invalid", speedup=None, reasons=("it fell back",))]),)
    for changed, found in (
        (lacking(source, quality=()), "quality was not scored"),
        (lacking(source, quality=(broken,)), "NaN on real data"),
        (lacking(source, groups=()), "it was not measured"),
        (lacking(source, groups=no_time), "it fell back"),
    ):
        for rule in (asked, question(source, "max_error_rate")):
            assert scored_evidence(changed, rule).reason == found
    for rule, found in (
        (question(source, metric="mrr"), "mrr was not measured"),
        (question(source, metric="mrr", confidence=0.99), "mrr was not measured"),
        (question(source, "max_slice_drop"), "there are no slices"),
        (question(source, "max_slice_drop", part="none"), "the slice none has 0 examples"),
        (question(source, "max_slice_drop", part="new"), "there is no slice 'new': known are none"),
        (question(source, metric="accuracy", against="production"), "no version in production is named for cpu"),
    ):
        evidence = scored_evidence(source, rule)
        assert (evidence.estimate, evidence.missing) == (None, "invalid")
        assert found in evidence.reason
    (source.folder.path / "quality" / "v01-h00.npz").write_bytes(b"cut off")
    with pytest.raises(StoreError):
        scored_evidence(Source(source.record, source.suite, source.folder), question(source, "max_error_rate"))
    (source.folder.path / "quality" / "v01-h00.npz").unlink()
    again = Source(source.record, source.suite, source.folder)
    assert (
        "the scores of the examples of pruned are gone" in scored_evidence(again, replace(asked, slice="none")).reason
    )


def test_against_production_of_another_run_only_the_same_question_on_the_same_data_counts(tmp_path):
    dense, pruned = scores("dense", accuracy=right(300)), scores("pruned", accuracy=right(300, range(8)))
    source = run(tmp_path, dense, pruned)
    older = "20250101T000000Z-hand-bbbbbb"
    before = scores("pruned", accuracy=right(300, range(20)))
    there = run(tmp_path, dense, before, name=older)

    def found(other):
        held = Source(
            source.record, source.suite, source.folder, {"cpu": Reference("pruned", other, historical=True)}
        )
        return scored_evidence(held, question(source, metric="accuracy", against="production"))

    good = found(there)
    assert good.estimate == tango_interval(0, 12, 300, 0.9)
    assert (good.reference, good.historical) == ("pruned", True)
    assert [one.run for one in good.samples] == ["", older]
    assert good.samples[1].files == ("quality/v01-h00.npz",)
    other = scores("pruned", accuracy=right(300), digest="e" * 64)
    base = scores("dense", accuracy=right(300), digest="e" * 64)
    assert "the data differ from pruned in production's" in found(run(tmp_path / "b", base, other, name=older)).reason
    broke = (group([comparison(verdict="invalid", speedup=None, reasons=("NaN",))]),)
    untimed = there.record.model_copy(update={"groups": broke})
    assert found(Source(untimed, there.suite, there.folder)).reason == "pruned in production: NaN"
    failed = there.record.model_copy(update={"quality": ()})
    assert found(Source(failed, there.suite, there.folder)).reason == "pruned in production: quality was not scored"
    scored = {"task": "classification", "dataset": "digits", "input": "image"}
    otherwise = Suite.model_validate({**there.suite.model_dump(by_alias=True), "evaluate": scored})
    assert "was scored otherwise: evaluate." in found(Source(there.record, otherwise, there.folder)).reason
    (there.folder.path / "quality" / "v01-h00.npz").write_bytes(b"cut off")
    damaged = found(Source(there.record, there.suite, there.folder))
    assert (damaged.estimate, damaged.missing) == (None, "invalid")
    assert damaged.reason.startswith("pruned in production: ")


@dataclass(frozen=True)
class Drawn:
    """A run's folder in memory, of scores that are drawn anew for each run."""

    path: Path
    found: tuple

    def scores(self, variant, hardware):
        return self.found[variant]

    def examples(self):
        return facts(200, part=np.arange(200) < 100)

    def scored_files(self, variants, hardware):
        return []


def test_a_slice_whose_true_drop_is_the_bound_passes_no_more_often_than_is_asked(tmp_path):
    """100 of 200 examples, a true drop of 0.1, 0.95: 5 % pass, and the simulation's own deviation is 0.7 %."""
    made = run(tmp_path, *(scores(name, accuracy=right(200)) for name in ("dense", "pruned")))
    asked = question(made, "max_slice_drop", bound=0.1, part="part", confidence=0.95)
    passed = []
    for one in RANDOM.random((1000, 200)):
        was, now = np.where(one < 0.2, 0.0, 1.0), np.where((one >= 0.2) & (one < 0.5), 0.0, 1.0)
        folder = Drawn(tmp_path, (scores("dense", accuracy=was), scores("pruned", accuracy=now)))
        evidence = scored_evidence(Source(made.record, made.suite, folder), asked)
        passed.append(outcome(evidence, 0.1) == "pass")
    assert 0.02 < np.mean(passed) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(passed))


@pytest.mark.parametrize(("n", "bound"), [(100, 0.1), (100, 0.02), (50, 0.05)])
def test_of_all_outcomes_those_that_pass_by_mistake_weigh_what_is_asked(n, bound):
    """Not simulated: SciPy's multinomial, summed over the outcomes whose interval lies within the bound.

    Counts are coarse: at single true values somewhat more than 5 % pass, at most others less.
    """
    outcomes = [(b, c) for b in range(n) for c in range(n - b) if b - c <= bound * n and c < 0.6 * n]
    passing = np.array([(b, c, n - b - c) for b, c in outcomes if tango_interval(b, c, n, 0.9).high <= bound])
    rates = [
        multinomial.pmf(passing, n, [won + bound, won, 1 - 2 * won - bound]).sum()
        for won in (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    ]
    assert max(rates) < 0.06
    assert np.mean(rates) < 0.05
