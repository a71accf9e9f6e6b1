"""What may ship where: rules by device and slice, waivers, exit codes. From records made by hand."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest
from records_by_hand import comparison, device, group, part, quality, record, suite, variant, whole_quality
from scored_kit import facts, right, run, scores

from xbench.gate.judging import judge
from xbench.gate.question import Reference, Source
from xbench.gate.releasing import decisions
from xbench.machine.fingerprint import fingerprint
from xbench.records.estimate import worst
from xbench.records.policy import GateRule, Policy, Production, Waiver
from xbench.records.run_record import Look, RunRecord
from xbench.report.data import as_data
from xbench.road.concluding import conclude
from xbench.suite.model import Suite

DAY = date(2026, 6, 30)
SLOW, UNSURE = (1.0, 0.9, 1.1), (1.5, 1.4, 1.6)
SPEED = GateRule(gate="min_speedup", bound=1.5)
DROP = GateRule(gate="max_drop", metric="accuracy", bound=0.05)


def waiver(**changes):
    values = {"gate": "min_speedup", "hardware": "cpu", "reason": "known", "who": "Ada", "until": "2026-06-30"}
    return Waiver(**{**values, **changes})


def policy(*gates, **more):
    return Policy(gates=gates or (SPEED,), **more)


def decided(under, on=DAY, asked=None, **changes):
    return conclude(record(policy=under, **changes), asked or suite(), on=on)


def slow(**changes):
    return {"groups": (group([comparison(speedup=SLOW)]),), **changes}


def two_devices(cpu=(1.93, 1.9, 1.96), gpu=SLOW):
    groups = [
        group([comparison(hardware=name, speedup=found)], hardware=name)
        for name, found in (("cpu", cpu), ("gpu", gpu))
    ]
    return {"groups": groups, "devices": (device("cpu"), device("gpu", explicit=True))}


def test_a_policy_that_is_held_nowhere_decides_nothing_and_that_is_no_pass():
    elsewhere = GateRule(gate="min_speedup", bound=1.5, hardware=("edge",))
    found = decided(policy(elsewhere))
    assert (found.verdicts, found.decisions, found.exit_code) == ((), (), 3)
    assert decided(Policy()).exit_code == 0


def test_an_unfinished_run_lets_nothing_ship_yet():
    passing = decided(policy())
    assert [one["ships"] for one in as_data(passing)["decisions"]] == [True]
    assert [one["ships"] for one in as_data(passing.model_copy(update={"status": "running"}))["decisions"]] == [False]


def test_one_version_ships_on_one_device_and_is_held_on_the_other():
    found = decided(policy(), **two_devices())
    assert [(one.hardware, one.outcome, one.ships, one.deciding) for one in found.decisions] == [
        ("cpu", "pass", True, ("min_speedup",)),
        ("gpu", "fail", False, ("min_speedup",)),
    ]
    assert (found.outcome, found.exit_code) == ("fail", 1)


def test_a_rule_of_one_device_is_not_held_on_another():
    found = decided(policy(SPEED.model_copy(update={"hardware": ("cpu",)})), **two_devices())
    assert [one.hardware for one in found.decisions] == ["cpu"]
    assert (found.outcome, found.exit_code) == ("pass", 0)


def test_a_rule_of_one_workload_is_not_held_for_another():
    groups = [
        group([comparison(workload=name, speedup=found)], workload=name)
        for name, found in (("w", SLOW), ("v", (2, 1.9, 2.1)))
    ]
    rule = SPEED.model_copy(update={"workloads": ("v",)})
    found = decided(policy(rule), asked=suite(workloads=("w", "v")), groups=groups)
    assert [(one.workload, one.outcome) for one in found.verdicts] == [("v", "pass")]


@pytest.mark.parametrize(("day", "ships"), [(date(2026, 6, 30), True), (date(2026, 7, 1), False)])
def test_a_waiver_holds_on_its_last_day_and_not_on_the_next(day, ships):
    found = decided(policy(waivers=(waiver(),)), day, **slow())
    (verdict,) = found.verdicts
    (decision,) = found.decisions
    assert (verdict.outcome, found.outcome) == ("fail", "fail"), "a waiver never changes an outcome"
    assert decision.ships is ships
    assert found.exit_code == (0 if ships else 1)
    assert found.decided_on == day.isoformat()
    if ships:
        assert (verdict.waiver, decision.waived) == (waiver(), ("min_speedup",))
    else:
        assert verdict.reason.endswith("; the waiver of Ada ended on 2026-06-30")
        assert (verdict.waiver, decision.waived) == (None, ())


@pytest.mark.parametrize(
    "other",
    [
        {"hardware": "gpu"},
        {"gate": "max_drop.accuracy"},
        {"variant": "other"},
        {"gate": "min_speedup against production"},
    ],
)
def test_a_waiver_of_something_else_does_not_count(other):
    found = decided(policy(waivers=(waiver(**other),)), **slow())
    assert (found.decisions[0].ships, found.exit_code) == (False, 1)
    assert "waiver" not in found.verdicts[0].reason


def test_a_waiver_may_be_of_one_variant_and_then_of_all_its_precisions():
    states = (variant("dense", baseline=True), variant("pruned int8").model_copy(update={"of": "pruned"}))
    changes = slow(variants=states, groups=(group([comparison("pruned int8", speedup=SLOW)]),))
    assert decided(policy(waivers=(waiver(variant="pruned"),)), **changes).decisions[0].ships
    assert decided(policy(waivers=(waiver(variant="pruned int8"),)), **changes).decisions[0].ships
    assert not decided(policy(waivers=(waiver(variant="dense"),)), **changes).decisions[0].ships


def test_what_is_invalid_cannot_be_waived():
    broken = group([comparison(verdict="invalid", speedup=None, reasons=("NaN",))])
    found = decided(policy(waivers=(waiver(),)), groups=(broken,))
    (verdict,) = found.verdicts
    assert (verdict.outcome, verdict.waiver) == ("invalid", None)
    assert verdict.reason == "NaN; the waiver of Ada does not count: what is invalid cannot be waived"
    assert (found.decisions[0].ships, found.exit_code) == (False, 4)


def test_what_is_not_there_is_invalid_though_nobody_says_why():
    lost = variant("pruned").model_copy(update={"artifact": None})
    found = decided(policy(), variants=(variant("dense", baseline=True), lost))
    assert [(one.outcome, one.ships) for one in found.decisions] == [("invalid", False)]


def test_what_passes_has_no_waiver():
    found = decided(policy(waivers=(waiver(),)))
    assert (found.verdicts[0].outcome, found.verdicts[0].waiver, found.decisions[0].waived) == ("pass", None, ())


def test_of_two_waivers_the_one_that_holds_longest_counts():
    ended, longer = waiver(until="2026-01-01", who="Bo"), waiver(until="2026-12-31", who="Cy")
    for order in ((ended, waiver(), longer), (longer, waiver(), ended)):
        assert decided(policy(waivers=order), **slow()).verdicts[0].waiver == longer


def test_an_inconclusive_gate_can_be_waived_and_one_waiver_does_not_cover_another_gate():
    changes = {
        "groups": (group([comparison(speedup=UNSURE)]),),
        "quality": (quality("dense", None), quality(drop=(0.2, 0.1, 0.3))),
    }
    both = policy(SPEED, DROP, waivers=(waiver(),))
    found = decided(both, **changes)
    assert [(one.outcome, one.waiver is not None) for one in found.verdicts] == [
        ("inconclusive", True),
        ("fail", False),
    ]
    assert (found.decisions[0].ships, found.exit_code) == (False, 1)
    all_waived = both.model_copy(update={"waivers": (waiver(), waiver(gate="max_drop.accuracy"))})
    found = decided(all_waived, **changes)
    assert (found.decisions[0].ships, found.outcome, found.exit_code) == (True, "fail", 0)
    assert found.decisions[0].waived == ("min_speedup", "max_drop.accuracy")


def test_waived_gates_do_not_hide_another_variant():
    states = (variant("dense", baseline=True), variant("pruned"), variant("b"))
    groups = (group([comparison(speedup=SLOW), comparison("b", speedup=UNSURE)]),)
    under = policy(waivers=(waiver(variant="pruned"),))
    found = decided(under, asked=suite("pruned", "b"), variants=states, groups=groups)
    assert [one.ships for one in found.decisions] == [True, False]
    assert found.exit_code == 3


def test_the_suites_own_gates_hold_beside_the_policys():
    found = decided(policy(), asked=suite(gate={"max_drop": {"accuracy": 0.001}}))
    assert [(one.gate, one.outcome) for one in found.verdicts] == [
        ("max_drop.accuracy", "inconclusive"),
        ("min_speedup", "pass"),
    ]


def test_a_rule_on_slices_is_held_on_every_slice_of_the_record_and_not_on_its_classes():
    scored = whole_quality(
        slices=(part("8", "class"), part("lang=de", "slice"), part("lang=en", "slice", value=0.97))
    )
    rule = GateRule(gate="max_slice_drop", metric="accuracy", bound=0.1)
    found = decided(policy(rule), quality=(quality("dense", None), scored))
    assert [one.slice for one in found.verdicts] == ["lang=de", "lang=en"]
    chosen = decided(
        policy(rule.model_copy(update={"slices": ("lang=en",)})), quality=(quality("dense", None), scored)
    )
    assert [one.slice for one in chosen.verdicts] == ["lang=en"]
    none = decided(policy(rule))
    assert [(one.slice, one.outcome) for one in none.verdicts] == [("", "invalid")]


def judged(asked, made, production=None):
    return judge(Source(made, asked, None, production), DAY)


def test_the_version_in_production_is_not_held_against_itself():
    rule = GateRule(gate="min_speedup", bound=1.1, against="production")
    made = record(policy=policy(rule, SPEED, production=(Production(variant="pruned"),)))
    itself = {"cpu": Reference("pruned", Source(made, suite()), historical=False)}
    assert [one.gate for one in judged(suite(), made, itself)] == ["min_speedup"]
    older = {"cpu": Reference("pruned", Source(made, suite()), historical=True)}
    assert [one.gate for one in judged(suite(), made, older)] == ["min_speedup against production", "min_speedup"]
    (missing, _) = judged(suite(), made, {"cpu": "its run is gone"})
    assert (missing.outcome, missing.reason) == ("invalid", "its run is gone")


@pytest.mark.parametrize(("times", "made", "looks"), [(0, 0, 1), (2, 0, 3), (2, 1, 3), (0, 2, 3)])
def test_looks_that_were_made_are_paid_for_whatever_a_policy_says_later(times, made, looks):
    done = Look(variants=("pruned",), budget_seconds=1, precision=0.01, first_set=6, sets=8, stopped="budget")
    one = record(
        policy=policy(SPEED, DROP, again={"times": times}), groups=(group([comparison()], looks=(done,) * made),)
    )
    speed, drop = judged(suite(), one)
    assert (speed.looks_allowed, drop.looks_allowed) == (looks, 1)


def test_decisions_tell_the_worst_and_the_gates_of_it():
    found = decided(policy(SPEED, DROP), quality=(quality("dense", None), quality(drop=(0.04, 0.0, 0.08))))
    (one,) = decisions(found)
    assert (one.outcome, one.deciding, one.ships) == ("inconclusive", ("max_drop.accuracy",), False)
    assert worst(v.outcome for v in found.verdicts) == found.outcome


def test_the_same_records_policy_and_day_give_the_same_verdicts_in_any_process(tmp_path):
    under = policy(SPEED, DROP, waivers=(waiver(), waiver(gate="max_drop.accuracy", who="Bo")))
    made, asked = record(policy=under, fingerprint=fingerprint(), **two_devices(UNSURE)), suite()
    first = conclude(made, asked, on=DAY)
    assert conclude(made, asked, on=DAY) == conclude(first, asked, on=DAY) == first
    for name, one in (("record", made), ("suite", asked), ("first", first)):
        (tmp_path / name).write_text(one.model_dump_json(by_alias=True))
    program = (
        "import sys, pathlib, datetime;"
        "from xbench.road.concluding import conclude;"
        "from xbench.records.run_record import RunRecord;"
        "from xbench.suite.model import Suite;"
        "record, suite, first = (pathlib.Path(p).read_text() for p in sys.argv[1:]);"
        f"again = conclude(RunRecord.model_validate_json(record), Suite.model_validate_json(suite), on=datetime.date{DAY.timetuple()[:3]});"
        "assert again == RunRecord.model_validate_json(first)"
    )
    names = [str(tmp_path / name) for name in ("record", "suite", "first")]
    subprocess.run([sys.executable, "-c", program, *names], check=True, env={"PYTHONHASHSEED": "7"})
    assert RunRecord.model_validate_json((tmp_path / "first").read_text()) == first
    assert Suite.model_validate_json((tmp_path / "suite").read_text()) == asked


def test_the_day_of_a_first_decision_is_the_one_on_which_the_run_began():
    under = policy(waivers=(waiver(until="2026-01-01"),))
    found = conclude(record(policy=under, **slow()), suite())
    assert (found.decided_on, found.decisions[0].ships) == ("2026-01-01", True)


def test_every_slice_of_the_examples_is_asked_and_one_of_them_holds_a_variant(tmp_path):
    """As good on the whole and in `b`, and half of `a` is lost."""
    inside = [number < 40 for number in range(400)]
    examples = facts(400, a=inside, b=[not one for one in inside])
    dense = scores("dense", accuracy=right(400, wrong=range(40, 60)))
    pruned = scores("pruned", accuracy=right(400, wrong=range(20)))
    source = run(tmp_path, dense, pruned, examples=examples)
    rules = (GateRule(gate="max_slice_drop", bound=0.1), GateRule(gate="max_drop", metric="accuracy", bound=0.1))
    made = source.record.model_copy(update={"policy": policy(*rules)})
    found = conclude(made, source.suite, source.folder, on=DAY)
    assert [(one.gate, one.slice, one.outcome) for one in found.verdicts] == [
        ("max_slice_drop", "a", "fail"),
        ("max_slice_drop", "b", "pass"),
        ("max_drop.accuracy", "", "pass"),
    ]
    assert found.verdicts[0].reason.startswith("slice a: accuracy drops by 0.500 ")
    assert {sample.units for one in found.verdicts for sample in one.samples} == {"examples"}
    assert not found.decisions[0].ships
