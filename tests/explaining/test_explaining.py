"""Explanations against figures worked out by hand, from records by hand: nothing is run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from inspecting.inspect_kit import fact, layer_audit
from records_by_hand import comparison, group, interval, record, variant

from xbench.explaining import explain, explanations
from xbench.explaining.case import Side
from xbench.explaining.ideal import left_at_best, reached
from xbench.profiles.finding import all_profiles
from xbench.records.audit import SparsityAudit
from xbench.records.explanation import Explanation, Kind, Outcome, Reason
from xbench.records.load import Load
from xbench.records.measurement import NodeCost, NodeTime, OperatorTime
from xbench.records.profile import Availability
from xbench.records.run_record import DeviceState
from xbench.records.work import Bound, Ceiling, LayerWork
from xbench.report.data import as_data
from xbench.report.explained import explained_lines
from xbench.report.rows import tables
from xbench.store.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
# 1 TOPS and 10 GB/s: 100 operations take as long as a byte. A layer of 10^9 MACs is 2 ms of computing.
CARD = Ceiling(peak_tops=1, memory_gb_per_s=10, measured=True, source="by hand")
WORK = 1_000_000_000
MOVED = 1_000_000  # elements: 4 MB, 0.4 ms


def fc(name="fc", macs=WORK, activations=MOVED, **audit):
    """A layer of 1000 x 1000 weights: 4 MB more, 0.4 ms."""
    found = layer_audit(node=name, **audit)
    return LayerWork(node=name, op_type="MatMul", audit=found, macs=macs, activation_elements=activations)


def half(name="fc", **audit):
    """The same with half of its outputs gone."""
    gone = {"shape": (1000, 500), "elements": 500_000, "outputs": 500}
    return fc(name, WORK // 2, **gone | audit)


def zeros(name="fc", share=0.5, **audit):
    return fc(name, zeros=round(share * 1_000_000), **audit)


def node(layer, ms, operator="MatMul"):
    return NodeTime(
        node=layer or operator, operator=operator, provider="CPUExecutionProvider", time_ms=ms, layer=layer
    )


def audit_of(layers):
    audits = tuple(one.audit for one in layers if one.audit is not None)
    elements = sum(one.elements for one in audits)
    return SparsityAudit(
        layers=audits, elements=elements, zeros=sum(one.zeros for one in audits), parameters=elements, denormals=0
    )


def explained(
    dense,
    pruned,
    speedup=None,
    *,
    nodes=None,
    profile="cpu",
    ceiling=CARD,
    recipe=None,
    found=None,
    multiples=False,
    **more,
) -> Explanation:
    """`pruned` against `dense`; `speedup` (point, low, high); nodes by variant; `found` in place of the comparison.

    `multiples`: the target likes widths to be multiples, as its profile says.
    """
    files = {"dense": dense, "pruned": pruned}
    states = []
    for name, layers in files.items():
        state = variant(name, baseline=name == "dense")
        made = state.artifact.model_copy(update={"audit": audit_of(layers)})
        states.append(state.model_copy(update={"artifact": made}))
    target = all_profiles()[profile] if isinstance(profile, str) else profile
    if not multiples:
        target = target.model_copy(update={"facts": target.facts.model_copy(update={"width_multiple": {}})})
    one = found or comparison(speedup=speedup, hardware=target.name, ideal_speedup=None)
    where = group([one], hardware=target.name, layers=files, nodes=nodes or {}, ceiling=ceiling, **more)
    made = record(
        devices=(DeviceState(profile=target, availability=Availability(available=True), explicit=True),),
        variants=tuple(states),
        groups=(where,),
        quality=(),
        suite={"variants": [{"name": "dense"}, {"name": "pruned", "prune": recipe}]},
    )
    return explain(made, where, one)


def kinds(found):
    return [reason.kind for reason in found.reasons]


def only(found, kind) -> Reason:
    (one,) = [reason for reason in found.reasons if reason.kind == kind]
    return one


def test_reached_is_the_time_saved_by_the_time_that_the_ideal_saves():
    found = reached(interval(1.6, 1.5, 1.7), Bound(macs_ratio=2.0, missing="no ceilings"))
    assert found.point == pytest.approx((1 - 1 / 1.6) / 0.5) == 0.75
    assert (found.low, found.high) == (pytest.approx((1 - 1 / 1.5) * 2), pytest.approx((1 - 1 / 1.7) * 2))
    assert reached(interval(0.8, 0.7, 0.9), Bound(speedup=2.0)).point == pytest.approx(-0.5), "slower: below 0"
    assert reached(interval(2.5, 2.4, 2.6), Bound(speedup=2.0)).point == pytest.approx(1.2)
    assert reached(interval(2.5, 2.4, 2.6), Bound(speedup=1.0)) is None
    assert reached(None, Bound(speedup=2.0)) is None


def test_the_ideal_is_the_larger_of_roofline_and_work_and_the_target_has_its_own():
    """Two layers of 2 ms each, one with half of its weights zero."""
    found = explained([fc("a"), fc("b")], [zeros("a"), fc("b")], (1.0, 0.99, 1.01))
    assert found.ideal.macs_ratio == pytest.approx(4 / 3)
    assert found.ideal.roofline_speedup == pytest.approx(4 / 3), "all of it is computing"
    assert found.on_this_target.speedup == pytest.approx(1.0), "the CPU skips none"
    assert found.reached.point == pytest.approx(0, abs=1e-9)
    assert only(found, "zeros multiplied").lost == pytest.approx(1.0)


def test_removed_units_are_gone_for_every_target():
    found = explained([fc()], [half()], (1.6, 1.58, 1.62))
    assert found.ideal == found.on_this_target
    assert found.ideal.macs_ratio == pytest.approx(2.0)
    assert found.reached.point == pytest.approx(0.75)
    assert found.summary.startswith("pruned reached 75 % of its ideal 2.00x")


def test_without_ceilings_the_work_alone_is_the_ideal_and_the_reason_is_told():
    found = explained([fc()], [half()], (1.6, 1.58, 1.62), ceiling=None, ceiling_note="never probed")
    assert (found.ideal.speedup, found.ideal.macs_ratio) == (None, pytest.approx(2.0))
    assert found.ideal.missing == "never probed"
    assert found.reached.point == pytest.approx(0.75)
    assert any("xbench hardware probe cpu" in step for step in found.next_steps)


def test_the_ideal_is_null_where_a_layers_work_is_not_known():
    unknown = LayerWork(node="odd", op_type="Conv", missing="the shape of 'x' is not known")
    found = explained([fc(), unknown], [half(), unknown], (1.6, 1.58, 1.62))
    assert (found.ideal.speedup, found.ideal.macs_ratio, found.reached, found.outcome) == (
        None,
        None,
        None,
        "not known",
    )
    assert "the shape of 'x'" in found.ideal.missing
    assert any("the shape of 'x'" in line for line in found.missing)


def test_what_is_only_zeroed_and_what_lies_in_the_rest_both_count():
    """Half of the outputs zero, and half of the other half here and there: a quarter is left, and none twice."""
    audit = layer_audit(zeros=750_000, zero_outputs=500)
    layer = LayerWork(
        node="fc", op_type="MatMul", audit=audit, macs=WORK, activation_elements=MOVED, removable_outputs=0.5
    )
    assert left_at_best(layer).macs == pytest.approx(0.25)
    found = explained([fc()], [layer], (1.0, 0.99, 1.01), ceiling=None)
    assert found.ideal.macs_ratio == pytest.approx(4.0)
    # 1/1 - 1/2 of the time by removing, 1/2 - 1/4 by skipping, of the 3/4 that the ideal saves.
    assert only(found, "only zeroed").lost == pytest.approx(2 / 3)
    assert only(found, "zeros multiplied").lost == pytest.approx(1 / 3)
    assert "not known" not in kinds(found)


@pytest.mark.parametrize(
    ("speedup", "floor", "verdict", "outcome"),
    [
        ((1.6, 1.5, 1.7), 0.01, "faster", "not reached"),
        ((1.95, 1.85, 2.05), 0.01, "faster", "reached"),
        ((1.95, 1.91, 1.99), 0.01, "faster", "reached"),  # by the noise floor
        ((1.0, 0.99, 1.01), 0.03, "inconclusive", "not reached"),  # not clear of 1, and far from 2
        ((1.5, 0.9, 2.4), 0.01, "inconclusive", "not known"),
        ((0.95, 0.6, 1.5), 1.2, "inconclusive", "not known"),  # nothing can be told on such a machine
    ],
)
def test_the_ideal_was_reached_where_the_interval_and_the_noise_floor_hold_it(speedup, floor, verdict, outcome):
    one = comparison(speedup=speedup, noise_floor=floor, verdict=verdict, ideal_speedup=None)
    found = explained([fc()], [half()], found=one)
    assert found.outcome == outcome
    assert bool(found.reasons) == (outcome == "not reached"), "what is not known has no reason here"


def test_an_ideal_that_was_reached_needs_no_reasons():
    found = explained([fc()], [half(zeros=10_000)], (2.2, 2.1, 2.3))
    assert (found.outcome, found.reasons, found.next_steps) == ("reached", (), ())
    beyond = explained([fc()], [half()], (2.2, 2.1, 2.3))
    assert beyond.reached.low > 1
    assert "no ideal is a law" in beyond.summary


def test_nothing_to_reach():
    found = explained([fc()], [fc()], (1.0, 0.99, 1.01))
    assert (found.outcome, found.reached, found.reasons) == ("nothing to reach", None, ())
    dense = explained([fc()], [fc()], (1.0, 0.99, 1.01), recipe={"method": "structured", "remove": True})
    assert kinds(dense) == ["still dense"]


@pytest.mark.parametrize("verdict", ["invalid", "untimed", "inconclusive"])
def test_without_a_figure_nothing_was_reached_and_static_reasons_stand(verdict):
    one = comparison(speedup=None, verdict=verdict, reasons=("the worker died",), ideal_speedup=None)
    found = explained([fc()], [zeros()], found=one)
    assert (found.measured, found.reached, found.outcome) == (None, None, "not known")
    assert kinds(found) == ["zeros multiplied"]
    assert not any("measured" in line for line in only(found, "zeros multiplied").evidence)
    assert "the speedup: the worker died" in found.missing


def test_scripted_times_reach_nothing():
    one = comparison(simulated=True, speedup=(1.6, 1.5, 1.7), ideal_speedup=None)
    found = explained([fc()], [half()], found=one, simulated=True)
    assert (found.simulated, found.reached, found.outcome) == (True, None, "not known")
    assert any("scripted" in line for line in found.missing)
    assert "SIMULATED" not in found.summary
    assert "(simulated)" in next(explained_lines(found)).text


def test_amdahl_by_profile():
    """Half of the time in Softmax, before and after: at most 2x, and 4/3 if the other half gets twice as fast."""
    nodes = {
        "dense": (node("fc", 2.0), node("", 2.0, "Softmax")),
        "pruned": (node("fc", 1.0), node("", 2.0, "Softmax")),
    }
    found = explained([fc()], [half()], (4 / 3, 1.32, 1.35), nodes=nodes)
    one = only(found, "not pruned")
    assert "50 % of the time of dense" in one.text
    assert "were all else free, 2.00x at best (Amdahl)" in one.evidence
    assert "with all else at its ideal, 1.33x by these times" in one.evidence
    # The ideal saves 1/2 of the time, and with Softmax 1/4: half of the saving.
    assert one.lost == pytest.approx(0.5)
    assert found.reached.point == pytest.approx(0.5)
    assert "not known" not in kinds(found)


def test_layers_left_alone_are_to_be_pruned_too_where_the_ideal_did_not_count_on_them():
    """`b` does a tenth of the work in half of the time."""
    small = fc("b", macs=WORK // 10)
    nodes = {"dense": (node("a", 2.0), node("b", 2.0)), "pruned": (node("a", 1.0), node("b", 2.0))}
    found = explained([fc("a"), small], [half("a"), small], (4 / 3, 1.32, 1.35), nodes=nodes, ceiling=None)
    assert only(found, "not pruned").layers == ("b",)
    assert "prune b too: 50 % of the time" in found.next_steps


def test_profiles_that_do_not_add_up_are_no_evidence():
    nodes = {
        "dense": (node("fc", 2.0), node("", 2.0, "Softmax")),
        "pruned": (node("fc", 1.0), node("", 2.0, "Softmax")),
    }
    found = explained([fc()], [half()], (1.8, 1.79, 1.81), nodes=nodes)
    assert "not pruned" not in kinds(found)
    assert any(
        "by the sum of its profiled times pruned is 1.33x as fast, and timed it is 1.80x" in m for m in found.missing
    )


WIDTHS = {"dense": (node("a", 2.0), node("b", 2.0))}


def odd(name):
    """501 outputs of 1000."""
    return fc(name, round(WORK * 0.501), shape=(1000, 501), elements=501_000, outputs=501)


def even(name):
    return fc(name, round(WORK * 0.496), shape=(1000, 496), elements=496_000, outputs=496)


def test_a_width_that_costs_nothing_is_no_reason():
    lost = WIDTHS | {"pruned": (node("a", 1.6), node("b", 1.0))}
    found = explained([fc("a"), fc("b")], [odd("a"), even("b")], (4 / 2.6, 1.52, 1.56), nodes=lost, multiples=True)
    one = only(found, "narrow widths")
    assert one.layers == ("a",)
    assert any("501 outputs, better 496 or 512" in line for line in one.evidence)
    assert any("NchwcBlockSize" in line for line in one.evidence), "the source of the multiple"
    # Its dense rate is kept to 63 %, that of `b` to 99 %.
    assert one.lost == pytest.approx(1.6 * (1 - (1.002 / 1.6) / 0.992) / 4 / (1 - 997 / 2000), rel=1e-6)
    kept = WIDTHS | {"pruned": (node("a", 1.05), node("b", 1.0), node("", 0.55, "Other"))}
    assert "narrow widths" not in kinds(
        explained([fc("a"), fc("b")], [odd("a"), even("b")], (4 / 2.6, 1.52, 1.56), nodes=kept, multiples=True)
    )
    aligned = explained([fc("a"), fc("b")], [even("a"), even("b")], (4 / 2.6, 1.52, 1.56), nodes=lost, multiples=True)
    assert "narrow widths" not in kinds(aligned)


def test_without_times_a_width_may_be_a_reason():
    found = explained([fc("a")], [odd("a")], (1.5, 1.49, 1.51), multiples=True)
    one = only(found, "narrow widths")
    assert "may have lost rate" in one.text
    assert (one.lost, one.time_share) == (None, None)
    assert any("not known" in line for line in one.evidence)
    assert any("round widths to 16 (round_to: profile): a" in step for step in found.next_steps)


def wide(elements, outputs):
    """Few operations a byte: what is moved is the activations."""
    return fc(
        "fc", WORK // 1000 * outputs // 1000, 10 * MOVED, elements=elements, outputs=outputs, shape=(1000, outputs)
    )


def test_bound_by_memory_where_bytes_take_the_time():
    """44 MB take 4.4 ms, 42 MB 4.2 ms; the work, which halves, a thousandth of that."""
    dense, pruned = [wide(1_000_000, 1000)], [wide(500_000, 500)]
    nodes = {"dense": (node("fc", 4.4),), "pruned": (node("fc", 4.2),)}
    found = explained(dense, pruned, (4.4 / 4.2, 1.04, 1.06), nodes=nodes)
    one = only(found, "memory-bound")
    assert found.ideal.roofline_speedup == pytest.approx(4.4 / 4.2)
    assert one.lost == pytest.approx((4.2 / 4.4 - 0.5) / 0.5)
    assert one.time_share == pytest.approx(1.0)
    assert "not known" not in kinds(found)
    # Ten times as long as moving takes: it is something else.
    slow = {"dense": (node("fc", 44.0),), "pruned": (node("fc", 42.0),)}
    assert "memory-bound" not in kinds(explained(dense, pruned, (4.4 / 4.2, 1.04, 1.06), nodes=slow))
    # Above the ridge nothing waits.
    assert "memory-bound" not in kinds(explained([fc()], [half()], (1.5, 1.49, 1.51)))


COST = NodeCost(timed_us=0.3, profiled_us=2.3, nodes=128)


def test_bound_by_launches_is_told_by_the_timed_cost_of_nodes():
    """12 000 nodes of 0.3 us in calls of 10 ms. Their profiled times are the profiler's own, and tell nothing."""
    names = [f"l{i}" for i in range(10)]
    dense, pruned = [[make(name) for name in names] for make in (fc, half)]

    def looked(count, **more):
        shown = tuple(node(names[i % 10], 0.003) for i in range(count))
        nodes = dict.fromkeys(("dense", "pruned"), shown)
        return explained(dense, pruned, (1.0, 0.99, 1.01), nodes=nodes, **more)

    found = looked(12_000, node_cost=COST)
    one = only(found, "launch-bound")
    assert one.time_share == pytest.approx(12_000 * 0.0003 / 10)
    assert one.lost == pytest.approx(0.36 * (1 - 1 / 2) / (1 - 1 / 2)), "what the ideal would leave is its due"
    assert one.evidence[1] == "pruned runs 12,000 nodes in a call of 10 ms (p50); dense runs 12,000"
    assert "not pruned" not in kinds(found)
    assert any("profiling adds 67 % of the profiled time of dense" in line for line in found.missing)
    assert "launch-bound" not in kinds(looked(9_000, node_cost=COST)), "short as ever, and a small part of the call"
    assert "whether launches of nodes bound it: no chain" in looked(12_000, node_cost_note="no chain").missing
    for load in (Load(scenario="Server"), Load(scenario="MultiStream", calls_per_query=8)):
        assert "launch-bound" not in kinds(looked(12_000, node_cost=COST, load=load)), "no latency of a call"


def test_shares_are_without_what_profiling_adds():
    """100 nodes of 12 us, 10 of them the profiler's: 0.2 ms of 2.2 in 12, and not 1.2 of 3.2."""
    nodes = {
        who: (node("fc", spent), *(node("", 0.012, "Shape") for _ in range(100)))
        for who, spent in (("dense", 6.01), ("pruned", 4.01))
    }
    cost = NodeCost(timed_us=1, profiled_us=11, nodes=128)
    found = explained([fc()], [half()], (6.2 / 4.2, 1.47, 1.48), nodes=nodes, node_cost=cost)
    assert "not pruned" not in kinds(found), "3 %"
    within = NodeCost(timed_us=1, profiled_us=3, nodes=128)
    found = explained([fc()], [half()], (7.0 / 5.0, 1.39, 1.41), nodes=nodes, node_cost=within)
    one = only(found, "not pruned")
    assert "14 % of the time of dense" in one.text
    assert "less 2 us a node that profiling adds" in one.evidence[0]


def test_shares_are_not_told_where_it_is_not_known_what_profiling_adds():
    nodes = {
        who: (node("fc", spent), *(node("", 0.012, "Shape") for _ in range(100)))
        for who, spent in (("dense", 6.0), ("pruned", 4.0))
    }
    found = explained([fc()], [half()], (7.2 / 5.2, 1.37, 1.39), nodes=nodes, node_cost_note="the chain failed")
    assert kinds(found) == ["not known"]
    (told,) = [line for line in found.missing if "which operators" in line]
    assert "nodes below 20 us have 17 % of the profiled time of dense" in told
    assert "the chain failed" in told
    narrow = explained([fc()], [odd("fc")], (1.4, 1.39, 1.41), nodes=nodes, multiples=True)
    assert "narrow widths" not in kinds(narrow)
    assert any("whether widths that do not fit cost any time" in line for line in narrow.missing)


def test_what_no_reason_accounts_for_is_told_as_a_number():
    found = explained(
        [fc()], [half()], (1.25, 1.24, 1.26), nodes={"dense": (node("fc", 2.0),), "pruned": (node("fc", 1.6),)}
    )
    assert kinds(found) == ["not known"]
    assert only(found, "not known").lost == pytest.approx(1 - 0.4)
    assert "60 % of the ideal saving is not explained" in found.summary


def test_2_to_4_on_tensorrt_says_that_it_was_never_tried():
    target = all_profiles()["tensorrt-fp16-sparse"]
    facts = target.facts.model_copy(update={"peak_tops": {"fp16": fact(100)}, "memory_gb_per_s": fact(1000)})
    target = target.model_copy(update={"facts": facts})
    pattern = {"valid_2_4": True, "holds": ("2:4",), "dtype": "float16"}
    found = explained([fc(dtype="float16")], [zeros(**pattern)], (1.0, 0.99, 1.01), profile=target)
    one = only(found, "no sparse tactic")
    assert any("never run" in line for line in one.evidence)
    assert any("not known which tactics were picked" in line for line in one.evidence)
    assert "zeros multiplied" not in kinds(found), "this target skips them, if it wants to"


def test_a_file_from_another_exporter_is_not_set_layer_against_layer():
    found = explained(
        [fc("a")],
        [half("renamed")],
        (1.6, 1.5, 1.7),
        nodes={"dense": (node("a", 2.0),), "pruned": (node("renamed", 1.3),)},
    )
    assert found.reached is not None
    assert kinds(found) == ["not known"]


KEPT = ROOT / "results" / "20261122T124636Z-minilm-f85a5e"
needs_checkout = pytest.mark.skipif(not KEPT.is_dir(), reason="the kept run is in the checkout")


@needs_checkout
def test_an_older_record_is_explained_with_what_is_missing():
    kept = RunFolder(KEPT).load()
    found = {one.variant: one for one in explanations(kept)}
    assert found["half-removed"].outcome == "not reached"
    assert found["half-removed"].reached.point == pytest.approx(0.80, abs=0.01)
    assert {"unstructured-50", "2:4"} <= {n for n, one in found.items() if "zeros multiplied" in kinds(one)}
    assert kinds(found["half-zeroed"])[0] == "only zeroed"
    for one in found.values():
        assert any("no work by layer" in line for line in one.missing)
        assert one.ideal.speedup is None
    whys = [line for line in tables(kept)[0].remarks if line.startswith("why: ")]
    assert len(whys) == len(found)


@needs_checkout
def test_the_command_line(tmp_path):
    def asked(*words):
        child = [sys.executable, "-X", "importtime", "-m", "xbench", "explain", str(KEPT), *words]
        return subprocess.run(child, cwd=tmp_path, capture_output=True, text=True, check=False)

    said = asked("--variant", "half-zeroed", "--json", "found.json")
    assert said.returncode == 0, said.stderr[-2000:]
    modules = {line.rsplit("|", 1)[1].strip().partition(".")[0] for line in said.stderr.splitlines() if "|" in line}
    assert not modules & {"torch", "transformers", "onnxruntime"}
    assert "half-zeroed against dense on cpu" in said.stdout
    assert "xbench compact" in said.stdout
    assert "unstructured-50" not in said.stdout
    data = json.loads((tmp_path / "found.json").read_text())
    assert data["schema"] == "xbench.explain/1"
    assert [one["variant"] for one in data["explanations"]] == ["half-zeroed"]
    unknown = asked("--variant", "half-zerod")
    assert unknown.returncode == 2
    assert "did you mean 'half-zeroed'?" in unknown.stderr


def test_json_and_text_hold_what_names_cannot_break():
    nasty = "\x1b[31m<b>|[bold]\u202e"
    found = explained([fc(nasty)], [zeros(nasty)], (1.0, 0.99, 1.01))
    assert nasty in " ".join(line.text for line in explained_lines(found)), "escaped where it is shown"
    data = as_data(record())
    assert [one["variant"] for one in data["explanations"]] == ["pruned"]
    json.dumps(data["explanations"], allow_nan=False)


def test_alike_cautions_share_a_line():
    states = (variant("dense", baseline=True), variant("a"), variant("b"))
    found = [comparison(name, cautions=("another precision",)) for name in ("a", "b")]
    (table,) = tables(record(variants=states, groups=(group(found),), quality=()))
    assert [line for line in table.remarks if line.startswith("caution")] == ["caution, a, b: another precision"]


def test_times_by_operator_alone_are_used_where_there_are_no_nodes():
    def spent(product):
        times_ms = (("MatMul", product), ("Softmax", 2.0))
        return tuple(OperatorTime(operator=n, provider="P", nodes=1, time_ms=ms) for n, ms in times_ms)

    operators = {"dense": spent(2.0), "pruned": spent(1.0)}
    found = explained([fc()], [half()], (4 / 3, 1.32, 1.35), operators=operators)
    assert only(found, "not pruned").lost == pytest.approx(0.5)


PAGE = ROOT / "docs" / "explain.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="docs are in the checkout")
def test_the_page_tells_of_every_reason_outcome_and_field():
    text = PAGE.read_text()
    names = [*get_args(Kind), *get_args(Outcome), *Explanation.model_fields, *Reason.model_fields]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_a_side_without_a_file_has_no_zeros():
    assert Side(variant("x", failure="no"), (), (), ()).audit is None
