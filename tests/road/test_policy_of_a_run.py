"""What a policy names and a run has not is refused before anything is run; what it is decided by is kept."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml
from records_by_hand import device
from road_kit import Silence, write_suite

from xbench.errors import InputError, InvalidError
from xbench.progress import Journey
from xbench.road.beginning import begin
from xbench.road.checking import Here, check_examples, check_policy
from xbench.road.context import RunOptions
from xbench.suite.loading import load_suite
from xbench.suite.policy import load_policy

SCRIPTS = {"dense": {"latency_us": 2000}, "pruned": {"latency_us": 1000}}


class Told(Silence):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def checked(tmp_path, policy, *, shared=True, gate=None, scored=True, slices=("short", "long"), devices=("cpu",)):
    """What is told of a run of `dense` and `pruned` on devices that are here, with the metrics `mrr` and `recall_at_1`."""
    suite = {
        "schema": "xbench.suite/1",
        "name": "s",
        "model": {"transformers": "m"},
        "variants": [{"name": "dense", "baseline": True}, {"name": "pruned", "gate": gate or {}}],
        "workloads": [{"name": "b1"}, {"name": "b8"}],
        "precisions": ["fp32", "int8"],
    }
    if shared:
        (tmp_path / "p.yaml").write_text(yaml.safe_dump({"schema": "xbench.policy/1", **policy}))
        suite["policy"] = "p.yaml"
    else:
        suite["policy"] = policy
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(suite))
    examples = SimpleNamespace(slices=dict.fromkeys(slices))
    task = SimpleNamespace(metrics={"mrr": None, "recall_at_1": None}, examples=examples)
    loaded = load_suite(tmp_path / "s.yaml")
    places = tuple(device(name) for name in devices)
    known = {"cpu", "cuda", "openvino"}
    here = Here(loaded.suite, loaded.policy.policy, loaded.policy.shared, places, lambda: known)
    check_examples(here, task if scored else None)
    return check_policy(here)


def rule(gate="min_speedup", bound=1.0, **keys):
    return {"gate": gate, "bound": bound, **keys}


def waiver(**keys):
    usual = {"gate": "min_speedup", "hardware": "cpu", "reason": "r", "who": "w", "until": "2026-12-31"}
    return {**usual, **keys}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            {"gates": [rule("max_drop", 0.1, metric="mmr")]},
            "The policy's rule max_drop.mmr asks for the metric 'mmr'\nmeasured are: mrr, recall_at_1",
        ),
        (
            {"gates": [rule("max_slice_drop", 0.1, slices=["shrt"])]},
            "The policy's rule max_slice_drop asks for the slice 'shrt'\nthere are: short, long\ndid you mean 'short'?",
        ),
        ({"gates": [rule("max_drop", 0.1, metric="mrr", slices=["gone"])]}, "asks for the slice 'gone'"),
        (
            {"gates": [rule(hardware=["cpus"])]},
            "The policy's rule min_speedup names the device 'cpus'\nnone of 3 hardware profiles is called so; "
            "`xbench hardware list` shows them\ndid you mean 'cpu'?",
        ),
        ({"gates": [rule()], "waivers": [waiver(hardware="gpu9")]}, "waiver of min_speedup names the device 'gpu9'"),
        (
            {"production": {"variant": "dense", "hardware": ["gpu9"]}},
            "The policy's production names the device 'gpu9'",
        ),
        (
            {"gates": [rule()], "waivers": [waiver(gate="max_drop.mrr")]},
            "The policy's waiver on cpu names the gate 'max_drop.mrr'\nthere are: min_speedup",
        ),
        (
            {"gates": [rule("max_memory_mib", 1)], "waivers": [waiver(gate="max_memory_mib against dense")]},
            "there are: max_memory_mib\ndid you mean 'max_memory_mib'?",
        ),
        (
            {"production": {"variant": "prune"}},
            "The policy names 'prune' as the version in production\nvariants of this suite are: dense, dense@int8, "
            "pruned, pruned@int8\ndid you mean 'pruned'?",
        ),
        ({"production": {"variant": "zzz"}}, "where it is of a recorded run, name that: run: ID"),
        (
            {"gates": [rule(against="production")], "production": {"variant": "dense", "hardware": ["cuda"]}},
            "The policy's rule min_speedup against production is held on cpu\nproduction names a version on cuda alone",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(tmp_path, policy, words):
    with pytest.raises(InputError) as error:
        checked(tmp_path, policy)
    assert words in str(error.value)


@pytest.mark.parametrize("gate", ["max_error_rate", "max_slice_drop"])
def test_gates_on_examples_need_examples(tmp_path, gate):
    policy = {"gates": [rule(gate, 0.1)]}
    with pytest.raises(InputError, match="nothing is scored: the suite has no key evaluate"):
        checked(tmp_path, policy, scored=False)
    if gate == "max_slice_drop":
        with pytest.raises(InputError, match=r"asks for slices\nthere are none\nname some: the key evaluate\.slices"):
            checked(tmp_path, policy, slices=())


def test_the_suites_own_gates_are_held_to_the_same(tmp_path):
    with pytest.raises(InputError, match="The gate of pruned asks for the slice 'gone'"):
        checked(tmp_path, {}, gate={"max_slice_drop": {"gone": 0.1}})
    waived = {"waivers": [waiver(gate="max_drop.mrr")]}
    assert checked(tmp_path, waived, gate={"max_drop": {"mrr": 0.1}}) == ()


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"variants": ["prund"]}, "variants"),
        ({"variants": ["dense"]}, "variants"),
        ({"workloads": ["b9"]}, "workloads"),
    ],
)
def test_names_of_other_suites_are_told_of_a_shared_policy_and_refused_in_a_suites_own(tmp_path, keys, kind):
    policy = {"gates": [rule(), rule(**keys)]}
    ((name,),) = keys.values()
    (told,) = checked(tmp_path, policy)
    assert told.startswith(f"the policy's rule min_speedup names {name!r}; {kind} that gates are held for are: ")
    with pytest.raises(
        InputError, match=f"The policy's rule min_speedup names {name!r}\n{kind} that gates are held for"
    ):
        checked(tmp_path, policy, shared=False)


def test_a_rule_that_is_not_held_here_may_name_what_is_not_here(tmp_path):
    elsewhere = [
        rule("max_drop", 0.1, metric="bleu", hardware=["cuda"]),
        rule("max_slice_drop", 0.1, slices=["gone"], hardware=["openvino"]),
    ]
    assert checked(tmp_path, {"gates": [rule(), *elsewhere]}) == ()
    (none,) = checked(tmp_path, {"gates": elsewhere})
    assert none.startswith("none of the policy's rules is held in this run")
    of_another = rule("max_drop", 0.1, metric="bleu", variants=["other"])
    (told,) = checked(tmp_path, {"gates": [rule(), of_another]})
    assert "'other'" in told
    production = {
        "production": {"variant": "pruned@int8", "hardware": ["cpu"]},
        "gates": [rule(against="production")],
    }
    assert checked(tmp_path, production) == ()


def test_the_device_of_a_run_has_a_name_though_no_profile_is_called_so(tmp_path):
    policy = {"gates": [rule(hardware=["box as l4"])]}
    assert checked(tmp_path, policy, devices=("box as l4",)) == ()


def started(path, *, policy=None, resume=False):
    told = Told()
    options = RunOptions(
        output=path.parent / "results", profile_folders=(path.parent / "profiles",), policy=policy, resume=resume
    )
    context, record = begin(load_suite(path), options, Journey(told))
    return context, record, told.notes


def test_the_policy_that_is_in_force_is_recorded_and_kept(tmp_path):
    path, file = write_suite(tmp_path, SCRIPTS), tmp_path / "p.yaml"
    text = "schema: xbench.policy/1\n# why\ngates: [{gate: min_speedup, bound: 120 %, variants: [pruned, other]}]\n"
    file.write_text(text)
    context, record, notes = started(path, policy=file)
    assert record.policy == load_policy(file).policy
    assert record.policy_sha256 == load_policy(file).sha256
    assert context.loaded.policy.text == text
    assert context.folder.policy_text() == text
    assert context.folder.load().policy == record.policy
    assert [note for note in notes if "'other'" in note]


def test_without_a_policy_none_is_kept(tmp_path):
    context, record, _ = started(write_suite(tmp_path, SCRIPTS))
    assert (record.policy.gates, record.policy_sha256, context.folder.policy_text()) == ((), "", "")


def test_a_run_is_resumed_under_its_own_policy_alone(tmp_path):
    path, file = write_suite(tmp_path, SCRIPTS), tmp_path / "p.yaml"
    file.write_text("schema: xbench.policy/1\n")
    context, record, _ = started(path, policy=file)
    with pytest.raises(InvalidError, match=r"was begun under another policy\nthen sha256 [0-9a-f]{64}, now none"):
        started(path, resume=True)
    again, same, _ = started(path, policy=file, resume=True)
    assert (again.folder.id, same.policy_sha256) == (context.folder.id, record.policy_sha256)
    file.write_text("schema: xbench.policy/1\nagain: {times: 5}\n")
    with pytest.raises(InvalidError, match="name the same --policy"):
        started(path, policy=file, resume=True)


def test_a_policy_that_cannot_be_used_leaves_nothing_behind(tmp_path):
    path, file = write_suite(tmp_path, SCRIPTS), tmp_path / "p.yaml"
    file.write_text("schema: xbench.policy/1\ngates: [{gate: privacy, bound: 1}]\n")
    with pytest.raises(InputError, match=r"p.yaml:2:10: gates.0.gate: the check of privacy does not exist yet"):
        started(path, policy=file)
    file.write_text("schema: xbench.policy/1\ngates: [{gate: min_speedup, bound: 1, hardware: [sim, gpu9]}]\n")
    with pytest.raises(InputError, match="names the device 'gpu9'"):
        started(path, policy=file)
    assert not (tmp_path / "results").exists()


def test_that_a_recorded_version_cannot_be_looked_at_is_told_before_the_run(tmp_path):
    path, file = write_suite(tmp_path, SCRIPTS), tmp_path / "p.yaml"
    production = {"run": "20260101T000000Z-scripted-abcdef", "variant": "pruned"}
    policy = {"schema": "xbench.policy/1", "gates": [rule(against="production")], "production": production}
    file.write_text(yaml.safe_dump(policy))
    _, _, notes = started(path, policy=file)
    assert [note for note in notes if note.startswith("on sim, the version in production, pruned of the run 2026")]
