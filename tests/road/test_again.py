"""Inconclusive gates are measured again: with the variants in question alone, pooled, and a set number of times."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

import pytest
import yaml
from road_kit import PATIENT, Silence, in_this_process, options_of, start, write_suite, xbench

from xbench.analysis.pairing import Pairing
from xbench.progress import Journey
from xbench.road import measuring
from xbench.road.concluding import conclude
from xbench.road.context import RunOptions
from xbench.road.recomputing import recompute
from xbench.road.story import travel
from xbench.store.folder import ResultsFolder
from xbench.suite.loading import load_suite
from xbench.suite.model import Suite

# `half` is exactly at a bound of 2, whose processes differ by 1 %: no number of sets is likely to decide it.
SCRIPTS = {
    "dense": {"latency_us": 1000, "process_noise": 0.01},
    "half": {"latency_us": 500, "process_noise": 0.01},
    "quarter": {"latency_us": 250, "process_noise": 0.01},
}
AT_THE_BOUND = {"min_speedup": 2.0}
TWICE = {"again": {"times": 2, "budget": "2s"}}


class Notes(Silence):
    def __init__(self):
        self.heard, self.cases = [], []

    def note(self, text):
        self.heard.append(text)

    def show(self, stage, case, done, left_seconds):
        assert 0 <= done <= 1
        assert left_seconds >= 0
        if (stage, case) not in self.cases:
            self.cases.append((stage, case))


@pytest.fixture
def half_a_second(monkeypatch):
    """Devices in this process, on which each process set takes half a second: four of them fit into 2 s."""
    in_this_process(monkeypatch)
    real = measuring.measure_set
    monkeypatch.setattr(measuring, "measure_set", lambda *given: replace(real(*given), seconds=0.5))


def suite_with(folder, policy, scripts=SCRIPTS, **options):
    path = write_suite(folder, scripts, **options)
    if policy:
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "policy": policy}, sort_keys=False))
    return path


def run(suite, notes=None, *, resume=False):
    options = RunOptions(output=suite.parent / "results", profile_folders=(suite.parent / "profiles",), resume=resume)
    record, context = travel(load_suite(suite), options, Journey(notes or Silence()))
    return record, context.folder


def labels(one):
    return {run.label for run in one.runs}


def outcomes(record):
    return {verdict.variant: verdict.outcome for verdict in record.verdicts}


def from_samples(record, folder):
    suite = Suite.model_validate(record.suite)
    return conclude(recompute(record, suite, folder), suite, folder)


def test_what_is_open_is_measured_again_alone_and_pooled_until_the_looks_are_used_up(tmp_path, half_a_second):
    notes = Notes()
    record, folder = run(suite_with(tmp_path, TWICE, gate=AT_THE_BOUND), notes)
    (group,) = record.groups
    assert outcomes(record) == {"half": "inconclusive", "quarter": "pass"}
    told = [
        (one.variants, one.budget_seconds, one.first_set, one.sets, one.seconds, one.stopped) for one in group.looks
    ]
    assert told == [(("half",), 2, 6, 10, 2.0, "budget"), (("half",), 2, 10, 14, 2.0, "budget")]
    assert (group.sets, group.seconds, group.stopped, group.budget_seconds) == (14, 7.0, "precision", 6)
    everyone = {"dense", "dense (A/A)", "half", "quarter"}
    assert [labels(one) for one in folder.sets(0)] == [everyone] * 6 + [everyone - {"quarter"}] * 8

    methods = {one.candidate: one.speedup.method for one in group.comparisons}
    assert "of 14 process sets" in methods["half"]
    assert "of 6 process sets" in methods["quarter"]
    assert {case.variant: case.summary.processes for case in group.cases} == {
        "dense": 14,
        "dense (A/A)": 14,
        "half": 14,
        "quarter": 6,
    }
    assert {verdict.looks_allowed for verdict in record.verdicts} == {3}
    again = [line for line in notes.heard if "measured again" in line]
    assert [line.split(": ")[0] for line in again] == [
        f"measured again, look {n} of 3, for up to 2 s" for n in (2, 3)
    ]
    assert all("min_speedup of half on sim, default, is inconclusive: 2.0" in line for line in again)
    assert [case for stage, case in notes.cases if stage == "measure again"] == [
        "sim, default, look 2",
        "sim, default, look 3",
    ]
    assert record.stage_seconds["measure again"] > 0
    assert from_samples(folder.load(), folder) == folder.load()


@pytest.mark.parametrize(
    ("policy", "gate"), [(None, AT_THE_BOUND), ({"again": {"times": 0}}, AT_THE_BOUND), (TWICE, {"min_speedup": 1.5})]
)
def test_a_clear_case_and_a_policy_without_it_are_measured_once(tmp_path, half_a_second, policy, gate):
    record, _ = run(suite_with(tmp_path, policy, gate=gate))
    (group,) = record.groups
    assert (group.sets, group.looks) == (6, ())
    assert "measure again" not in record.stage_seconds


def test_a_group_that_is_measured_again_keeps_its_place_and_the_others_are_left_alone(tmp_path, half_a_second):
    rule = {"gate": "min_speedup", "bound": 2.0, "workloads": ["one"], "variants": ["half"]}
    suite = suite_with(tmp_path, {**TWICE, "gates": [rule]}, workloads=("one", "two"))
    record, folder = run(suite)
    assert [(group.workload, group.sets, len(group.looks)) for group in record.groups] == [
        ("one", 14, 2),
        ("two", 6, 0),
    ]
    assert [len(folder.sets(number)) for number in (0, 1)] == [14, 6]
    assert from_samples(folder.load(), folder) == folder.load()


def test_a_look_ends_where_the_intervals_are_half_as_wide(tmp_path, half_a_second, monkeypatch):
    quick = measuring.measure_set
    monkeypatch.setattr(measuring, "measure_set", lambda *given: replace(quick(*given), seconds=0.05))
    long = {"again": {"times": 1, "budget": "4s"}}
    record, _ = run(suite_with(tmp_path, long, gate=AT_THE_BOUND))
    (group,) = record.groups
    (look,) = group.looks
    found = next(one.speedup for one in group.comparisons if one.candidate == "half")
    assert look.stopped == "precision"
    assert found.relative_half_width <= look.precision < 0.02
    assert 10 < group.sets < 60


def test_a_rate_is_one_of_the_sets_in_which_both_were_measured(tmp_path, half_a_second):
    """In the scenario Server a process without a rate spoils the ratio; one that was not asked for it does not."""
    twin = {**SCRIPTS, "half": dict(SCRIPTS["dense"])}
    suite = suite_with(tmp_path, {"again": {"times": 1, "budget": "1s"}}, twin, gate={"min_speedup": 1.0})
    text = yaml.safe_load(suite.read_text())
    load = {"name": "load", "scenario": "Server", "latency_objective": "3ms", "latency_percentile": 0.9}
    suite.write_text(yaml.safe_dump({**text, "workloads": [load], "measure": {"precision": 0.5, "budget": 60}}))
    record, folder = run(suite)
    (group,) = record.groups
    assert outcomes(record) == {"half": "inconclusive", "quarter": "pass"}
    assert [(look.variants, look.sets) for look in group.looks] == [(("half",), 8)]
    assert labels(folder.sets(0)[-1]) == {"dense", "dense (A/A)", "half"}
    assert next(one.speedup.low for one in group.comparisons if one.candidate == "quarter") > 2
    assert from_samples(folder.load(), folder) == folder.load()


def test_the_version_in_production_is_measured_beside_what_is_held_against_it(tmp_path, half_a_second):
    rule = {"gate": "min_speedup", "bound": 0.5, "against": "production", "variants": ["half"]}
    policy = {**TWICE, "gates": [rule], "production": [{"variant": "quarter"}]}
    record, folder = run(suite_with(tmp_path, policy))
    (group,) = record.groups
    assert {look.variants for look in group.looks} == {("half", "quarter")}
    assert labels(folder.sets(0)[-1]) == {"dense", "dense (A/A)", "half", "quarter"}


def test_a_variant_in_a_low_precision_brings_both_of_its_baselines():
    names = ("dense", "pruned", "dense@int8", "pruned@int8")
    pairing = Pairing(
        baseline="dense",
        pairs=(
            ("dense", "pruned"),
            ("dense", "dense@int8"),
            ("dense@int8", "pruned@int8"),
            ("dense", "pruned@int8"),
        ),
        controls={"fp32": "dense", "int8": "dense@int8"},
        precisions={name: "int8" if name.endswith("int8") else "fp32" for name in names},
    )
    low, high = pairing.among(("pruned@int8",)), pairing.among(("pruned",))
    assert low.pairs == (("dense@int8", "pruned@int8"), ("dense", "pruned@int8"))
    assert set(low.controls.values()) == {"dense", "dense@int8"}
    assert (high.pairs, dict(high.controls)) == ((("dense", "pruned"),), {"fp32": "dense"})


def test_a_variant_that_fails_in_a_look_ends_it_for_good(tmp_path, half_a_second, monkeypatch):
    real = measuring.measure_set

    def measure_set(entries, plan, number, on_round):
        one = real(entries, plan, number, on_round)
        if number < 7:
            return one
        return replace(one, runs=tuple(r for r in one.runs if r.label != "half"), failures={"half": "it died"})

    monkeypatch.setattr(measuring, "measure_set", measure_set)
    record, _ = run(suite_with(tmp_path, TWICE, gate=AT_THE_BOUND))
    (group,) = record.groups
    assert [(look.sets, look.stopped) for look in group.looks] == [(8, "failed")]
    assert outcomes(record) == {"half": "invalid", "quarter": "pass"}


def test_a_look_that_was_cut_off_goes_on_and_counts_once(tmp_path, half_a_second, monkeypatch):
    suite = suite_with(tmp_path, TWICE, gate=AT_THE_BOUND)
    real = measuring.measure_set

    def measure_set(entries, plan, number, on_round):
        if number == 8:
            raise KeyboardInterrupt
        return real(entries, plan, number, on_round)

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "measure_set", measure_set)
        with pytest.raises(KeyboardInterrupt):
            run(suite)
    (folder,) = ResultsFolder(tmp_path / "results").runs()
    (group,) = folder.load().groups
    assert [(look.sets, look.stopped) for look in group.looks] == [(8, "")]
    assert folder.load().verdicts == ()
    record, _ = run(suite, resume=True)
    (group,) = record.groups
    assert [(look.first_set, look.sets, look.stopped) for look in group.looks] == [
        (6, 10, "budget"),
        (10, 14, "budget"),
    ]
    assert from_samples(folder.load(), folder) == folder.load()


def test_a_look_that_was_killed_goes_on(tmp_path):
    policy = {"again": {"times": 1, "budget": "1s"}}
    scripts = {name: SCRIPTS[name] for name in ("dense", "half")}
    suite = suite_with(tmp_path, policy, scripts, gate=AT_THE_BOUND, measure=PATIENT)
    process = start("run", suite, *options_of(suite), "--quiet")
    while not list((tmp_path / "results").glob("*/samples/g00-set006.npz")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    (folder,) = ResultsFolder(tmp_path / "results").runs()
    assert folder.load().status == "running"
    assert not folder.load().groups[0].looks[0].stopped

    code, _, err = xbench("run", suite, *options_of(suite), "--resume", "--quiet")
    assert code == 3, err
    (group,) = folder.load().groups
    (look,) = group.looks
    assert look.first_set == 6
    assert look.sets == group.sets == len(folder.sets(0)) >= 7
    assert look.stopped in ("budget", "precision")
    assert from_samples(folder.load(), folder) == folder.load()
