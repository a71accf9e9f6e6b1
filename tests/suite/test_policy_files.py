"""Policy files: units, what a rule is against, and each bad input refused at its place with what to do."""

from __future__ import annotations

import os
import time

import pytest

from xbench.errors import InputError
from xbench.records.policy import GateRule, Policy
from xbench.suite.gates import drop_bounds, labels_of, rules_of
from xbench.suite.loading import load_suite
from xbench.suite.model import Suite, VariantSpec
from xbench.suite.policy import LoadedPolicy, load_policy
from xbench.suite.rewriting import suite_text

HEAD = "schema: xbench.policy/1\n"
SUITE = """\
schema: xbench.suite/1
name: t
model: {transformers: m}
variants:
  - {name: dense, baseline: true}
  - {name: half}
  - {name: own, gate: {min_speedup: 3}}
"""
WAIVER = "gate: min_speedup, hardware: cpu, reason: slow start, who: ada"


@pytest.fixture
def load(tmp_path):
    def loaded(text: str | bytes) -> LoadedPolicy:
        path = tmp_path / "p.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_policy(path)

    return loaded


@pytest.fixture
def refusal(load):
    def refused(text: str | bytes) -> str:
        with pytest.raises(InputError) as error:
            load(text)
        assert error.value.exit_code == 2
        return str(error.value)

    return refused


@pytest.fixture
def suite(tmp_path):
    def loaded(text: str):
        (tmp_path / "s.yaml").write_text(SUITE + text)
        return load_suite(tmp_path / "s.yaml")

    return loaded


def rule(text: str) -> str:
    return f"{HEAD}gates:\n  - {{{text}}}\n"


@pytest.mark.parametrize(
    ("text", "bound", "unit", "against"),
    [
        ("gate: min_speedup, bound: 1.5", 1.5, "x", "dense"),
        ("gate: min_speedup, bound: 1.5x", 1.5, "x", "dense"),
        ("gate: min_speedup, bound: 80 %", 0.8, "x", "dense"),
        ("gate: max_latency_p99_ms, bound: 12", 12, "ms", "value"),
        ("gate: max_latency_p99_ms, bound: 12 ms", 12, "ms", "value"),
        ("gate: max_latency_p99_ms, bound: 0.5s", 500, "ms", "value"),
        ("gate: max_latency_p99_ms, bound: 250 us", 0.25, "ms", "value"),
        ("gate: max_latency_p99_ms, bound: 1.1x, against: dense", 1.1, "x", "dense"),
        ("gate: max_memory_mib, bound: 2 GiB", 2048, "MiB", "value"),
        ("gate: max_memory_mib, bound: 512KiB", 0.5, "MiB", "value"),
        ("gate: max_memory_mib, bound: 1.048576 MB", 1, "MiB", "value"),
        ("gate: max_memory_mib, bound: 80 %, against: dense", 0.8, "x", "dense"),
        ("gate: max_error_rate, bound: 1 %", 0.01, "share", "value"),
        ("gate: max_error_rate, bound: 0", 0, "share", "value"),
        ("gate: max_error_rate, bound: 0.5 %, against: dense", 0.005, "share", "dense"),
        ("gate: max_drop, metric: accuracy, bound: 0.01", 0.01, "", "dense"),
        ("gate: max_slice_drop, bound: 0", 0, "", "dense"),
    ],
)
def test_bounds_are_read_in_the_unit_of_their_gate(load, text, bound, unit, against):
    (found,) = load(rule(text)).policy.gates
    assert (found.bound, found.unit, found.against) == (pytest.approx(bound), unit, against)


def test_what_is_relative_to_a_fixed_figure_names_it(load):
    text = "gate: min_speedup, bound: 1.2, against: value, value: 0.5 s"
    assert load(rule(text)).policy.gates[0].value == 500
    text = "gate: max_drop, metric: mae, bound: 2, against: value, value: -1.5"
    assert load(rule(text)).policy.gates[0].value == -1.5


def test_labels_say_what_is_not_usual_for_their_gate():
    def label(**keys):
        return GateRule(bound=0.5, **keys).label

    assert label(gate="min_speedup") == "min_speedup"
    assert label(gate="min_speedup", against="value", value=3) == "min_speedup against value"
    assert label(gate="max_memory_mib") == "max_memory_mib"
    assert label(gate="max_memory_mib", against="dense") == "max_memory_mib against dense"
    assert label(gate="max_drop", metric="mrr", slices=("short",)) == "max_drop.mrr"
    assert label(gate="max_slice_drop") == "max_slice_drop"


def test_confidence_is_one_sided_and_has_a_default(load):
    sure, usual, quality = load(
        f"{HEAD}gates:\n  - {{gate: min_speedup, bound: 1, confidence: 99 %}}\n"
        "  - {gate: max_memory_mib, bound: 1}\n  - {gate: max_error_rate, bound: 1 %}\n"
    ).policy.gates
    assert [one.holds_at for one in (sure, usual, quality)] == [0.99, 0.975, 0.95]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gate: privacy, bound: 1", "3:6: gates.0.gate: the check of privacy does not exist yet"),
        ("gate: drift, bound: 1", "the check of drift does not exist yet"),
        ("gate: prompt_stability, bound: 1", "the check of prompt_stability does not exist yet"),
        ("gate: min_sped, bound: 1", "3:6: gates.0.gate: there is no gate 'min_sped'; did you mean 'min_speedup'?"),
        (
            "gate: zzz, bound: 1",
            "known are min_speedup, max_latency_p99_ms, max_memory_mib, max_error_rate, max_drop",
        ),
        ("bound: 1", "3:5: gates.0.gate: this key is missing"),
        ("gate: min_speedup", "3:5: gates.0.bound: this key is missing"),
        (
            "gate: max_latency_p99_ms, bound: 12 MiB",
            "3:32: gates.0.bound: '12 MiB' does not fit max_latency_p99_ms, which takes a time: a number of ms, or text "
            "with us, ms or s",
        ),
        (
            "gate: max_latency_p99_ms, bound: 12 ms, against: dense",
            "against dense, which takes a ratio: 1.5, 1.5x or",
        ),
        ("gate: max_latency_p99_ms, bound: 1.5x", "which takes a time"),
        ("gate: max_memory_mib, bound: 12 ms", "which takes a size: a number of MiB, or text with KiB, MiB, GiB, kB"),
        ("gate: max_error_rate, bound: 12 ms", "which takes a share: 0.01 or 1 %"),
        (
            "gate: max_drop, metric: a, bound: 5 %",
            "'5 %' does not fit max_drop against dense, which takes a plain number",
        ),
        ("gate: min_speedup, bound: fast", "'fast' does not fit min_speedup against dense, which takes a ratio"),
        ("gate: min_speedup, bound: -1.5x", "'-1.5x' does not fit"),
        ("gate: min_speedup, bound: -1", "3:25: gates.0.bound: the bound of min_speedup must be above 0"),
        ("gate: min_speedup, bound: 0", "must be above 0"),
        ("gate: min_speedup, bound: 1001", "must be at most 1,000x"),
        ("gate: max_latency_p99_ms, bound: 0 ms", "must be above 0"),
        ("gate: max_error_rate, bound: 100 %", "the bound of max_error_rate must be below 1"),
        ("gate: max_drop, metric: a, bound: -0.1", "the bound of max_drop must be 0 or more"),
        ("gate: min_speedup, bound: .nan", "gates.0.bound: this should be a finite number"),
        ("gate: min_speedup, bound: .inf", "gates.0.bound: this should be a finite number"),
        (f"gate: min_speedup, bound: {'9' * 400}x", "gates.0.bound: this should be a finite number"),
        ("gate: min_speedup, bound: yes", "gates.0.bound: this should be a valid number"),
        ("gate: min_speedup, bound: [1]", "gates.0.bound: this should be a valid number"),
        ("gate: min_speedup, bound: 1, against: yesterday", "this should be 'value', 'dense' or 'production'"),
        ("gate: min_speedup, bound: 1, against: value", "needs the key value: a median latency, such as 12 ms"),
        ("gate: max_drop, metric: a, bound: 1, against: value", "needs the key value: a value of the metric"),
        ("gate: min_speedup, bound: 1, value: 12 ms", "value is not taken by min_speedup here: it is against dense"),
        ("gate: max_memory_mib, bound: 1, value: 2", "here: its bound is the level itself"),
        ("gate: min_speedup, bound: 1, against: value, value: 0", "value must be a latency above 0"),
        (
            "gate: min_speedup, bound: 1, against: value, value: 2 MB",
            "'2 MB' does not fit min_speedup, which takes a time",
        ),
        (
            "gate: max_drop, metric: a, bound: 1, against: value, value: .nan",
            "gates.0.value: this should be a finite",
        ),
        ("gate: max_drop, bound: 1", "3:5: gates.0: max_drop needs a metric: metric: NAME"),
        (
            "gate: min_speedup, bound: 1, metric: a",
            "metric goes with max_drop and max_slice_drop, not with min_speedup",
        ),
        ("gate: min_speedup, bound: 1, slices: [a]", "slices are parts of the examples"),
        ("gate: max_error_rate, bound: 1 %, workloads: [a]", "workloads are what is timed"),
        ("gate: min_speedup, bound: 1, hardware: [cpu, cpu]", "hardware name cpu twice"),
        ("gate: min_speedup, bound: 1, hardware: cpu", "gates.0.hardware: this should be a list"),
        ("gate: min_speedup, bound: 1, hardwar: [cpu]", "did you mean 'hardware'?"),
        ("gate: min_speedup, bound: 1, confidence: 99", "3:35: gates.0.confidence: this should be less than 1"),
        ("gate: min_speedup, bound: 1, confidence: 50 %", "gates.0.confidence: this should be greater than 0.5"),
        ("gate: min_speedup, bound: 1, confidence: sure", "'sure' is no share; write 1% or 0.01"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_at_its_place(refusal, text, words):
    message = refusal(rule(text))
    assert words in message
    assert message.startswith("p.yaml:3:")
    assert "default factory" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            f"waivers: [{{{WAIVER}}}]",
            "2:11: waivers.0: a waiver without an end: give until, the last day on which it",
        ),
        (f"waivers: [{{{WAIVER}, until: ~}}]", "a waiver without an end"),
        (f"waivers: [{{{WAIVER}, until: never}}]", "waivers.0.until: 'never' is no day: write the last one"),
        (f"waivers: [{{{WAIVER}, until: 2026-1-5}}]", "'2026-1-5' is no day"),
        (f'waivers: [{{{WAIVER}, until: "2026-12-31\\n"}}]', "'2026-12-31\\n' is no day"),
        (f"waivers: [{{{WAIVER}, until: 2026-02-30}}]", "waivers.0.until: there is no day 2026-02-30"),
        (f"waivers: [{{{WAIVER}, until: 20260230}}]", "waivers.0.until: this should be text"),
        (f"waivers: [{{{WAIVER}, until: 2026-12-31}}, {{gate: a}}]", "waivers.1: a waiver without an end"),
        (f"waivers: [{{{WAIVER.replace('ada', '` `')}, until: 2026-12-31}}]".replace("`", "'"), "tells who answers"),
        (
            f"waivers: [{{{WAIVER.replace('slow start', '``')}, until: 2026-12-31}}]".replace("`", "'"),
            "why it is waived",
        ),
        ("waivers: [{gate: min_speedup, hardware: cpu, until: 2026-12-31}]", "waivers.0.reason: this key is missing"),
        (f"waivers: [{{{WAIVER.replace('min_', 'mn_')}, until: 2026-12-31}}]", "no gate 'mn_speedup'; did you mean"),
        (f"waivers: [{{{WAIVER.replace('min_speedup', 'privacy')}, until: 2026-12-31}}]", "does not exist yet"),
        ("again: {times: 11}", "2:9: again.times: this should be less than or equal to 10"),
        ("again: {times: 1.5}", "again.times: this should be a valid integer"),
        ("again: {budget: 1 fortnight}", "write 30s, 500ms or 2min"),
        (f"again: {{budget: {'9' * 400}}}", "again.budget: this number is too large"),
        ("again: {budget: 0s}", "again.budget: this should be greater than 0"),
        ("production: {run: last, variant: a}", "2:14: production.run: 'last' is no run's whole name"),
        ("production: {run: 20260101T000000Z-a-ffffff}", "production.variant: this key is missing"),
        (
            "production: [{variant: a}, {variant: b, hardware: [cpu]}]",
            "production names a for all devices, and others",
        ),
        (
            "production: [{variant: a, hardware: [cpu]}, {variant: b, hardware: [cpu]}]",
            "more than one version on cpu",
        ),
        ("production: dense", "this should be a list"),
        (
            "gates: [{gate: max_drop, metric: a, bound: 1, against: production}]",
            "max_drop.a against production, and no version in production is named: add the key production",
        ),
        (
            "gates: [{gate: min_speedup, bound: 1}, {gate: min_speedup, bound: 120 %}]",
            "gates.0 and gates.1 are the same rule, min_speedup, with the bounds 1 and 1.2: leave one out",
        ),
        (
            "gates: [{gate: min_speedup, bound: 1}, {gate: min_speedup, bound: 2, confidence: 97.5 %}]",
            "the same rule",
        ),
        ("gate: []", "2:1: gate: there is no key of this name; did you mean 'gates'?"),
    ],
)
def test_what_else_cannot_be_meant_is_refused(refusal, text, words):
    assert words in refusal(f"{HEAD}{text}\n")


def test_rules_that_differ_in_where_they_hold_stand_beside_each_other(load):
    keys = (
        "",
        ", hardware: [cpu]",
        ", workloads: [w]",
        ", variants: [a]",
        ", confidence: 99 %",
        ", against: production",
    )
    items = "".join(f"  - {{gate: min_speedup, bound: 1.5{key}}}\n" for key in keys)
    assert len(load(f"{HEAD}gates:\n{items}production: {{variant: a}}\n").policy.gates) == len(keys)


def test_production_is_one_version_or_a_list(load):
    (one,) = load(f"{HEAD}production: {{variant: dense}}\n").policy.production
    assert (one.variant, one.run, one.hardware) == ("dense", "", ())
    found = load(f"{HEAD}production:\n  - {{variant: a, hardware: [cpu]}}\n  - {{variant: b, hardware: [cuda]}}\n")
    assert len(found.policy.production) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gates: []\n", "1:1: schema: this key is missing"),
        ("schema: xbench.policy/2\n", "1:1: schema: this should be 'xbench.policy/1'"),
        ("schema: xbench.suite/1\n", "schema: this should be 'xbench.policy/1'"),
        ("- a\n", "a policy is a mapping of keys"),
        ("", "a policy is a mapping of keys"),
        ("a: &a [x]\nb: [*a, *a]\n", "1:4: anchors and aliases"),
        (HEAD + "<<: {name: u}\n", "2:1: this key is not taken"),
        (HEAD + "name: !!python/object/apply:os.system [ls]\n", "2:7: the tag"),
        (HEAD + "name: a\nname: b\n", "3:1: the key 'name' stands here twice"),
        (b"name: \xff\n", "The policy"),
        (b"#" * 1_000_001, "has more than 1,000,000 bytes"),
        ("[" * 400_000, "no YAML that can be read"),
    ],
)
def test_hostile_and_broken_files_are_refused_quickly(refusal, text, words):
    began = time.monotonic()
    assert words in refusal(text)
    assert time.monotonic() - began < 5


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, words in (
        ("pipe.yaml", "not a regular file"),
        ("absent.yaml", "does not exist"),
        (".", "not a regular"),
    ):
        with pytest.raises(InputError, match=words):
            load_policy(tmp_path / name)


def test_a_policy_survives_its_own_json(load):
    text = (
        f"{HEAD}name: n\ngates: [{{gate: max_memory_mib, bound: 1 GiB, confidence: 99 %}}]\nagain: {{times: 2}}\n"
        f"waivers: [{{{WAIVER}, until: 2026-12-31}}]\nproduction: {{variant: a}}\n"
    )
    found = load(text)
    assert Policy.model_validate_json(found.policy.model_dump_json(by_alias=True)) == found.policy
    assert load(found.policy.model_dump_json(by_alias=True, exclude_none=True)).policy == found.policy
    assert (found.text, found.shared, len(found.sha256)) == (text, True, 64)
    assert LoadedPolicy().sha256 == ""


def test_a_suite_holds_its_policy_or_names_a_file(suite, tmp_path):
    inline = suite("policy: {gates: [{gate: max_latency_p99_ms, bound: 0.5 s}], again: {times: 1}}\n")
    assert inline.policy.policy.gates == (GateRule(gate="max_latency_p99_ms", bound=500),)
    assert not inline.policy.shared
    (tmp_path / "kept.yaml").write_text(inline.policy.text)
    assert load_policy(tmp_path / "kept.yaml").policy == inline.policy.policy
    named = suite("policy: kept.yaml\n")
    assert named.policy.policy == inline.policy.policy
    assert named.policy.shared
    assert suite("").policy == LoadedPolicy()
    for one in (inline, named):
        assert Suite.model_validate(one.suite.model_dump(mode="json", by_alias=True)) == one.suite


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("policy: absent.yaml\n", "absent.yaml does not exist"),
        ("policy: 3\n", "8:1: policy: this should be text"),
        ("policy: ''\n", "8:1: policy:"),
        ("policy: {gates: [{gate: privacy, bound: 1}]}\n", "8:19: policy.gates.0.gate: the check of privacy"),
        (
            "policy: {gates: [{gate: min_speedup, bond: 1}]}\n",
            "8:38: policy.gates.0.bond: there is no key of this name",
        ),
        ("gate: {privacy: 1}\n", "8:1: gate: the check of privacy does not exist yet"),
        (
            "gate: {max_latency_p99_ms: 1 MiB}\n",
            "8:8: gate.max_latency_p99_ms: '1 MiB' does not fit max_latency_p99_ms",
        ),
        ("gate: {max_latency_p99_ms: -1}\n", "gate.max_latency_p99_ms: this should be greater than 0"),
        ("gate: {max_memory_mib: .nan}\n", "gate.max_memory_mib: this should be"),
        ("gate: {max_error_rate: 100 %}\n", "gate.max_error_rate: this should be less than 1"),
        ("gate: {max_slice_drop: 0.1}\n", "gate.max_slice_drop: this should be a mapping of keys"),
        ("gate: {max_slice_drop: {a: -1}}\n", "gate.max_slice_drop.a: this should be greater than or equal to 0"),
    ],
)
def test_a_suites_gates_are_refused_in_its_own_place(suite, text, words):
    with pytest.raises(InputError) as error:
        suite(text)
    assert words in str(error.value)


def test_a_variants_rules_are_its_gates_then_the_policys_that_mean_it(suite):
    loaded = suite(
        "gate: {min_speedup: 1.5, max_latency_p99_ms: 12 ms, max_memory_mib: 1 GiB, max_error_rate: 1 %, "
        "max_drop: {mrr: 0.1}, max_slice_drop: {short: 0.2}}\n"
        "policy:\n  gates:\n    - {gate: min_speedup, bound: 1.5}\n    - {gate: max_drop, metric: mrr, bound: 0.05}\n"
        "    - {gate: min_speedup, bound: 2, variants: [own]}\n"
    )
    policy = loaded.policy.policy
    half, own = (rules_of(loaded.suite, policy, name) for name in ("half", "own"))
    assert [(one.label, one.bound) for one in half] == [
        ("min_speedup", 1.5),
        ("max_latency_p99_ms", 12.0),
        ("max_memory_mib", 1024.0),
        ("max_error_rate", 0.01),
        ("max_drop.mrr", 0.1),
        ("max_slice_drop", 0.2),
        ("max_drop.mrr", 0.05),
    ], "the one that stands in both is one"
    assert half[5].slices == ("short",)
    assert [(one.label, one.bound) for one in own] == [
        ("min_speedup", 3.0),
        ("min_speedup", 1.5),
        ("max_drop.mrr", 0.05),
        ("min_speedup", 2.0),
    ]
    assert rules_of(loaded.suite, policy, "dense") == ()
    assert drop_bounds(loaded.suite, policy, "half") == {"mrr": 0.05}
    assert set(labels_of(loaded.suite, policy)) == {one.label for one in half}
    with pytest.raises(ValueError, match="no variant 'gone'"):
        rules_of(loaded.suite, policy, "gone")


def test_a_suite_that_is_written_elsewhere_names_or_holds_the_same_policy(suite, tmp_path):
    (tmp_path / "p.yaml").write_text(f"{HEAD}gates: [{{gate: max_memory_mib, bound: 1 GiB}}]\n")
    (tmp_path / "new").mkdir()
    for text in ("policy: p.yaml\n", "policy: {gates: [{gate: max_memory_mib, bound: 1 GiB}], again: {times: 1}}\n"):
        loaded = suite(text)
        path = tmp_path / "new" / "s.yaml"
        path.write_text(suite_text(loaded, [VariantSpec(name="half")], tmp_path / "new", "a test"))
        assert load_suite(path).policy.policy == loaded.policy.policy


def test_an_empty_gate_asks_for_nothing(suite):
    loaded = suite("gate: {}\n")
    assert rules_of(loaded.suite, Policy(), "half") == ()
    assert loaded.suite.gate.rules == ()
