from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records_by_hand import comparison, device, group, quality, record, suite, variant

from xbench.gate.deciding import decide_quality, decide_speed
from xbench.records.estimate import worst
from xbench.records.quality import QualityResult
from xbench.road.concluding import conclude
from xbench.suite.model import GateSpec

BOTH = {"min_speedup": 1.5, "max_drop": {"accuracy": 0.05}}
ASKED = suite(gate=BOTH)


def speed(low, high, bound=1.5, **more):
    found = decide_speed(GateSpec(min_speedup=bound), comparison(speedup=(math.sqrt(low * high), low, high), **more))
    return found.outcome, found.reason


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        # The noise floor of these comparisons is 0.6 %: 1.5 * 1.006 = 1.509, 1.5 / 1.006 = 1.49105.
        (1.5091, 1.6, "pass"),
        (1.5, 1.6, "inconclusive"),
        (1.4, 1.5, "inconclusive"),
        (1.4, 1.4911, "inconclusive"),
        (1.4, 1.491, "fail"),
        (0.5, 0.6, "fail"),
        (1.5, 1.5, "inconclusive"),
    ],
)
def test_the_whole_interval_decides_speed(low, high, outcome):
    assert speed(low, high)[0] == outcome


def test_reasons_show_the_digits_that_decide():
    assert speed(1.48, 1.4996, bound=1.51)[1] == "1.49x (1.48x to 1.50x) is below 1.51x"
    assert "1.4948x (1.4900x to 1.4996x) is not clear of 1.5x by the noise floor of 0.6 %" in speed(1.49, 1.4996)[1]
    assert "1.60x (1.55x to 1.65x) is at least 1.5x" in speed(1.55, 1.65)[1]
    assert "--budget" in speed(1.4, 1.6)[1]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"verdict": "invalid", "reasons": ("NaN",)}, "invalid"),
        ({"verdict": "invalid", "reasons": ()}, "invalid"),
        ({"speedup": None, "verdict": "inconclusive"}, "inconclusive"),
        ({"speedup": None}, "inconclusive"),
        ({"noise_floor": None}, "inconclusive"),
        ({"speedup": (math.inf, math.inf, math.inf)}, "invalid"),
        ({"speedup": (2, math.nan, 3)}, "invalid"),
        ({"speedup": (2, 3, 1.9)}, "invalid"),
    ],
)
def test_a_speedup_that_is_none_never_passes(change, outcome):
    found = decide_speed(GateSpec(min_speedup=1.5), comparison(**change))
    assert found.outcome == outcome
    assert found.reason


def test_a_gate_without_a_bound_on_speed_says_nothing_of_it():
    assert decide_speed(GateSpec(max_drop={"accuracy": 0.1}), comparison()) is None


@pytest.mark.parametrize(
    ("drop", "bound", "outcome"),
    [
        ((0.01, -0.02, 0.05), 0.05, "pass"),
        ((0.01, -0.02, 0.0501), 0.05, "inconclusive"),
        ((0.1, 0.05, 0.15), 0.05, "inconclusive"),
        ((0.1, 0.0501, 0.15), 0.05, "fail"),
        ((0, 0, 0), 0, "pass"),
        ((0, -0.01, 0.01), 0, "inconclusive"),
        ((0.9, 0.8, 1.0), 1, "pass"),
        ((math.nan, math.nan, math.nan), 0.05, "invalid"),
        ((0, -math.inf, 0), 0.05, "invalid"),
    ],
)
def test_the_interval_of_the_drop_decides_quality(drop, bound, outcome):
    (found,) = decide_quality(GateSpec(max_drop={"accuracy": bound}), quality(drop=drop))
    assert found.outcome == outcome
    assert found.gate == "max_drop.accuracy"


def test_an_inconclusive_drop_says_how_many_examples_would_tell():
    (found,) = decide_quality(GateSpec(max_drop={"accuracy": 0.01}), quality(drop=(0.0, -0.02, 0.02)))
    assert "500 examples do not decide it; with no true drop, some 4," in found.reason


@pytest.mark.parametrize("result", [quality(drop=None), QualityResult(variant="pruned", hardware="cpu", failure="x")])
def test_a_metric_without_a_drop_is_invalid(result):
    (found,) = decide_quality(GateSpec(max_drop={"accuracy": 0.5}), result)
    assert found.outcome == "invalid"


def test_the_worst_of_several():
    order = ["invalid", "fail", "inconclusive", "pass"]
    assert worst([]) is None
    for size in range(1, 5):
        for some in itertools.combinations(order, size):
            assert worst(reversed(some)) == some[0]


def outcome(asked, **changes):
    found = conclude(record(**changes), asked)
    return found.outcome, found.exit_code


def test_a_good_variant_passes():
    assert outcome(ASKED) == ("pass", 0)


MISSING = {
    "group": {"groups": ()},
    "comparison": {"groups": (group([]),)},
    "speedup": {"groups": (group([comparison(speedup=None)]),)},
    "noise floor": {"groups": (group([comparison(noise_floor=None)]),)},
    "invalid comparison": {"groups": (group([comparison(verdict="invalid", speedup=None)]),)},
    "other workload": {"groups": (group([comparison(workload="v")], workload="v"),)},
    "other device": {"groups": (group([comparison(hardware="x")], hardware="x"),)},
    "other candidate": {"groups": (group([comparison("other")]),)},
    "quality": {"quality": ()},
    "quality of the variant": {"quality": (quality("dense", None),)},
    "quality on the device": {"quality": (quality(hardware="x"),)},
    "drop": {"quality": (quality(drop=None),)},
    "metrics": {"quality": (QualityResult(variant="pruned", hardware="cpu"),)},
    "artifact": {"variants": (variant("dense", baseline=True), variant("pruned", failure="not exported"))},
    "device": {"devices": (device(available=False),)},
    "named device": {"devices": (device(available=False, explicit=True),)},
    "devices": {"devices": ()},
}


ABOUT_SPEED = {"speedup", "noise floor"}
ABOUT_QUALITY = {"quality", "quality of the variant", "quality on the device", "drop", "metrics"}
LACKING = [
    *((missing, BOTH) for missing in MISSING),
    *((missing, {"min_speedup": 0.01}) for missing in MISSING if missing not in ABOUT_QUALITY),
    *((missing, {"max_drop": {"accuracy": 1.0}}) for missing in MISSING if missing not in ABOUT_SPEED),
]


@pytest.mark.parametrize(("missing", "gate"), LACKING, ids=str)
def test_missing_data_never_passes(missing, gate):
    found, code = outcome(suite(gate=gate), **MISSING[missing])
    assert found != "pass"
    assert code in (3, 4)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_taken_from_a_passing_record_it_does_not_pass_any_more(data):
    """Two workloads and two devices; a piece is dropped wherever it lies."""
    where = [("cpu", "w"), ("cpu", "v"), ("gpu", "w"), ("gpu", "v")]
    groups = [group([comparison(hardware=h, workload=w)], hardware=h, workload=w) for h, w in where]
    scored = [quality(hardware=h) for h in ("cpu", "gpu")]
    asked, devices = suite(gate=BOTH, workloads=("w", "v")), (device("cpu"), device("gpu", explicit=True))
    assert outcome(asked, devices=devices, groups=groups, quality=scored) == ("pass", 0)
    if data.draw(st.booleans()):
        index = data.draw(st.integers(0, 3))
        one = groups[index].comparisons[0]
        update = data.draw(st.sampled_from([None, {"speedup": None}, {"noise_floor": None}, {"verdict": "invalid"}]))
        less = [] if update is None else [one.model_copy(update=update)]
        groups[index : index + 1] = data.draw(
            st.sampled_from([[], [groups[index].model_copy(update={"comparisons": less})]])
        )
    else:
        index = data.draw(st.integers(0, 1))
        scored[index : index + 1] = data.draw(
            st.sampled_from([[], [quality(drop=None, hardware=scored[index].hardware)]])
        )
    found, code = outcome(asked, devices=devices, groups=groups, quality=scored)
    assert found in ("invalid", "inconclusive")
    assert code in (3, 4)


def test_a_variants_own_gate_takes_the_place_of_the_suites():
    asked = suite("pruned", "other", gate={"min_speedup": 5}, gates={"pruned": {"min_speedup": 1.1}, "other": {}})
    states = (variant("dense", baseline=True), variant("pruned"), variant("other"))
    found = conclude(record(variants=states, groups=(group([comparison(), comparison("other")]),)), asked)
    assert [(v.variant, v.bound, v.outcome) for v in found.verdicts] == [("pruned", 1.1, "pass")]
    assert (found.outcome, found.exit_code) == ("pass", 0)


def test_a_device_that_was_named_and_is_not_here_is_invalid_and_one_of_auto_does_not_count():
    assert outcome(ASKED, devices=(device(), device("gpu", False, explicit=True))) == ("invalid", 4)
    assert outcome(ASKED, devices=(device(), device("gpu", False))) == ("pass", 0)
    assert outcome(ASKED, devices=(device("gpu", False),)) == (None, 4)
    assert outcome(suite(), devices=(device(), device("gpu", False, explicit=True))) == (None, 4)


def test_a_variant_that_broke_while_it_was_timed_does_not_pass_a_gate_on_quality_alone():
    broken = group([comparison(verdict="invalid", speedup=None, reasons=("it died",))])
    found = conclude(record(groups=(broken,)), suite(gate={"max_drop": {"accuracy": 0.5}}))
    assert (found.outcome, found.exit_code) == ("invalid", 4)
    assert found.verdicts[0].reason == "it died"


SLOW, UNSURE = (1.0, 0.9, 1.1), (1.5, 1.4, 1.6)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (comparison("pruned"), comparison("b"), 0),
        (comparison("pruned"), comparison("b", speedup=UNSURE), 3),
        (comparison("pruned", speedup=SLOW), comparison("b", speedup=UNSURE), 1),
        (comparison("pruned", speedup=SLOW), comparison("b", verdict="invalid", speedup=None), 4),
    ],
)
def test_exit_codes_of_several_variants(first, second, code):
    states = [variant("dense", baseline=True), variant("pruned"), variant("b")]
    asked = suite("pruned", "b", gate={"min_speedup": 1.5})
    found = conclude(record(variants=states, groups=(group([first, second]),)), asked)
    assert found.exit_code == code
    bad_input = variant("c", failure="no such layer").model_copy(update={"exit_code": 2})
    again = conclude(
        record(variants=[*states, bad_input], groups=(group([first, second]),)),
        suite("pruned", "b", "c", gate={"min_speedup": 1.5}),
    )
    assert (again.exit_code, again.outcome) == (2, "invalid")


def test_without_gates_the_comparison_decides_the_exit_code():
    unsure = comparison(verdict="inconclusive", speedup=UNSURE)
    assert outcome(suite()) == (None, 0)
    assert outcome(suite(), groups=(group([unsure]),)) == (None, 3)
    assert outcome(suite(), groups=(group([comparison(verdict="invalid", speedup=None)]),)) == (None, 4)


def test_a_variant_that_fails_on_real_data_does_not_pass_a_gate_on_speed_alone():
    broken = QualityResult(variant="pruned", hardware="cpu", failure="the output 'y' holds NaN on real data")
    found, code = outcome(suite(gate={"min_speedup": 1.2}), quality=(quality("dense", None), broken))
    assert (found, code) == ("invalid", 4)
