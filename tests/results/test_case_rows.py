"""The flat rows of a run: one for each variant, device and workload, with the reason where there is nothing."""

from __future__ import annotations

import math

import pytest
from index_kit import hand_record
from records_by_hand import artifact, comparison, device, group, interval, quality, variant

from xbench.records.comparison import Decision, GateVerdict
from xbench.results.rows import case_rows


def by_case(found):
    return {(row.variant, row.hardware, row.workload): row for row in case_rows(found)}


def test_figures_are_those_of_the_record():
    rows = by_case(hand_record(outcome="pass"))
    dense, pruned = rows["dense", "cpu", "w"], rows["pruned", "cpu", "w"]
    assert dense.baseline
    assert not pruned.baseline
    assert (dense.speedup, dense.outcome, dense.value, dense.drop) == (None, None, 0.9, None)
    assert (pruned.speedup, pruned.speedup_low, pruned.against) == (1.93, pytest.approx(1.8914), "dense")
    assert (pruned.metric, pruned.drop, pruned.drop_low, pruned.drop_high) == ("accuracy", 0.01, -0.01, 0.03)
    assert (pruned.model, pruned.suite, pruned.machine, pruned.outcome, pruned.ships) == (
        "net",
        "hand",
        "hand",
        "pass",
        True,
    )
    assert (pruned.latency_p50_ms, pruned.sparsity, pruned.reason) == (10.0, 0.5, "")


def test_what_was_not_measured_is_there_with_its_reason():
    found = hand_record(
        devices=(device(), device("cuda", available=False), device("late")),
        variants=(variant("dense", baseline=True), variant("pruned", failure="it is broken")),
        groups=(group([comparison(verdict="invalid", speedup=None, reasons=("NaN in its outputs",))]),),
        suite={"name": "s", "workloads": [{"name": "w"}, {"name": "w2"}]},
        status="running",
    )
    rows = by_case(found)
    assert len(rows) == 3 * 2 * 2
    assert "no driver" in rows["pruned", "cuda", "w"].reason
    assert rows["dense", "late", "w2"].reason == "not measured yet"
    assert "it is broken" in rows["pruned", "cpu", "w"].reason
    assert "NaN in its outputs" in rows["pruned", "cpu", "w"].reason
    assert rows["pruned", "cpu", "w"].speedup is None


def test_a_variant_belongs_to_the_devices_of_its_precision():
    half = variant("dense@fp16").model_copy(update={"of": "dense", "precision": "fp16"})
    found = hand_record(
        devices=(device(precisions=("fp32",)), device("gpu", precisions=("fp16",))),
        variants=(variant("dense", baseline=True), variant("pruned"), half),
    )
    assert set(by_case(found)) == {("dense", "cpu", "w"), ("pruned", "cpu", "w"), ("dense@fp16", "gpu", "w")}
    assert by_case(found)["dense@fp16", "gpu", "w"].baseline


def test_an_invalid_figure_is_never_told():
    wild = comparison().model_copy(update={"verdict": "invalid", "reasons": ("placed elsewhere",)})
    odd = comparison("odd").model_copy(update={"speedup": interval(math.nan, 1.0, 2.0)})
    names = (variant("dense", baseline=True), variant("pruned"), variant("odd"))
    rows = by_case(hand_record(groups=(group([wild, odd], noise_floor=math.inf),), variants=names))
    assert rows["pruned", "cpu", "w"].speedup is None
    assert rows["pruned", "cpu", "w"].reason == "placed elsewhere"
    assert rows["odd", "cpu", "w"].speedup is None
    assert rows["odd", "cpu", "w"].noise_floor is None


@pytest.mark.parametrize(
    ("suite", "model"),
    [
        ({"model": {"transformers": "/home/me/minilm", "package": None}}, "minilm"),
        ({"model": {"transformers": "model", "package": "a_package"}}, "a_package"),
        ({"model": {"factory": "nets:build"}}, "nets:build"),
        ({"model": {"onnx": "files/net.onnx"}}, "net.onnx"),
        ({"variants": [{"onnx": "p.onnx"}, {"onnx": "d/dense.onnx", "baseline": True}]}, "dense.onnx"),
        ({"variants": "no list", "model": 3, "workloads": None}, ""),
    ],
)
def test_the_model_is_what_the_suite_prunes(suite, model):
    assert {row.model for row in case_rows(hand_record(suite={"workloads": [], **suite}))} == {model}


def test_gates_of_older_records_and_waivers():
    def verdict(outcome, workload="w", **more):
        told = {"variant": "pruned", "hardware": "cpu", "gate": "min_speedup", "bound": 1.0, "reason": "r"}
        return GateVerdict(**told, workload=workload, outcome=outcome, **more)

    old = by_case(hand_record(verdicts=(verdict("pass"), verdict("fail", ""), verdict("invalid", "other"))))
    assert (old["pruned", "cpu", "w"].outcome, old["pruned", "cpu", "w"].ships) == ("fail", None)
    waived = Decision(variant="pruned", hardware="cpu", outcome="fail", ships=True, waived=("min_speedup",))
    new = by_case(hand_record(verdicts=(verdict("fail", historical=True),), decisions=(waived,)))
    row = new["pruned", "cpu", "w"]
    assert (row.outcome, row.ships, row.waived, row.historical) == ("fail", True, True, True)


def test_weights_that_are_gone_are_counted_against_dense():
    half = variant("pruned").model_copy(update={"artifact": artifact("pruned", elements=400)})
    rows = by_case(hand_record(variants=(variant("dense", baseline=True), half), quality=(quality("dense", None),)))
    assert rows["pruned", "cpu", "w"].removed == pytest.approx(0.6)
    assert rows["pruned", "cpu", "w"].value is None
