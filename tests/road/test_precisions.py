"""Precision as a second axis: each variant in each precision, compared in its own precision first."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from road_kit import QUICK, in_this_process, journey

from xbench.analysis.pairing import pairing_of
from xbench.errors import InputError
from xbench.onnxfile.audit import audit
from xbench.onnxfile.opening import open_model
from xbench.report.data import as_data
from xbench.report.markdown import render
from xbench.road.concluding import conclude
from xbench.road.recomputing import recompute
from xbench.suite.loading import load_suite

NAMES = ("dense", "half", "dense@int8", "half@int8")
# int8 is what makes it quick; pruning buys nothing on top of it.
LATENCIES = {"dense": 1000, "half": 990, "dense@int8": 400, "half@int8": 398}


def write_wide(path, zeros=False):
    """A product that int8 can hold: 32 inputs, 16 outputs, and every other weight zero where asked for."""
    weight = np.random.default_rng(0).normal(size=(32, 16)).astype(np.float32)
    if zeros:
        weight[::2] = 0
    tensors = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 32])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 16])]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")]
    graph = helper.make_graph(nodes, "g", tensors, outputs, [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def written(folder, *, precisions=("fp32", "int8"), data=True, precision="fp32", gate=None, names=("dense", "half")):
    (folder / "profiles").mkdir(exist_ok=True)
    scripts = {name: {"latency_us": us, "noise": 0.02} for name, us in LATENCIES.items()}
    profile = {
        "schema": "xbench.profile/1",
        "name": "sim",
        "title": "scripted",
        "runner": "fake",
        "evidence": "scripted",
    }
    profile |= {"options": {"seed": 7, "scripts": scripts}, "precision": precision}
    (folder / "profiles" / "sim.yaml").write_text(yaml.safe_dump(profile))
    for name in names:
        write_wide(folder / f"{name}.onnx", zeros=name != "dense")
    np.savez(folder / "c.npz", x=np.random.default_rng(1).normal(size=(80, 32)).astype(np.float32))
    suite = {
        "schema": "xbench.suite/1",
        "name": "two",
        "variants": [{"name": n, "onnx": f"{n}.onnx", "baseline": i == 0} for i, n in enumerate(names)],
        "hardware": ["sim"],
        "precisions": list(precisions),
        "gate": gate or {},
        "measure": QUICK,
    }
    if data:
        suite["calibration"] = {"file": "c.npz"}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    return folder / "suite.yaml"


def by_pair(record):
    return {(c.baseline, c.candidate): c for group in record.groups for c in group.comparisons}


def test_int8_is_compared_with_dense_in_int8_first_and_pruning_gets_no_credit_for_it(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    record, folder = journey(written(tmp_path, gate={"min_speedup": 1.5}))
    assert tuple(state.name for state in record.variants) == NAMES
    assert [(s.of, s.precision) for s in record.variants[2:]] == [("dense", "int8"), ("half", "int8")]
    found = by_pair(record)
    assert list(found) == [
        ("dense", "half"),
        ("dense", "dense@int8"),
        ("dense@int8", "half@int8"),
        ("dense", "half@int8"),
    ]
    assert found["dense", "half@int8"].speedup.low > 2
    assert found["dense@int8", "half@int8"].speedup.high < 1.1
    # The gate asks what pruning buys: 2.5x of it is the precision's.
    (gate,) = [v for v in record.verdicts if v.variant == "half@int8"]
    assert gate.outcome == "fail"
    assert gate.reason.startswith("against dense@int8: ")
    assert {v.variant for v in record.verdicts} == {"half", "half@int8"}
    assert found["dense", "half@int8"].ideal_speedup is None
    assert any("the precision and of pruning together" in line for line in found["dense", "half@int8"].cautions)
    assert not any("precision and" in line for line in found["dense@int8", "half@int8"].cautions)
    row, _ = [line for line in render(record).splitlines() if line.startswith("| half@int8")]
    first, second = row.split("|")[4:6]
    assert "over dense@int8" in first
    assert first.strip().startswith("1.0")
    assert second.strip().startswith("2.")
    assert [c["baseline"] for c in as_data(record)["comparisons"] if c["candidate"] == "half@int8"] == [
        "dense@int8",
        "dense",
    ]
    suite = load_suite(tmp_path / "suite.yaml").suite
    assert conclude(recompute(record, suite, folder), suite, folder) == record


def test_each_precision_has_its_own_control_and_the_larger_floor_counts(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    suite = written(tmp_path)
    profile = yaml.safe_load((tmp_path / "profiles" / "sim.yaml").read_text())
    profile["options"]["scripts"]["dense@int8"]["noise"] = 0.3
    (tmp_path / "profiles" / "sim.yaml").write_text(yaml.safe_dump(profile))
    record, _ = journey(suite)
    (group,) = record.groups
    assert {case.variant for case in group.cases} >= {"dense (A/A)", "dense@int8 (A/A)"}
    found = by_pair(record)
    assert found["dense", "half"].noise_floor == group.noise_floor
    for pair in (("dense@int8", "half@int8"), ("dense", "half@int8"), ("dense", "dense@int8")):
        assert found[pair].noise_floor > group.noise_floor


def test_the_files_are_what_they_are_called(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    record, _ = journey(written(tmp_path, precisions=("fp32", "fp16", "int8")))
    made = {state.name: state.artifact for state in record.variants}
    held = {name: one.audit.precision for name, one in made.items()}
    assert held == {
        "dense": "float32",
        "half": "float32",
        "dense@fp16": "float16",
        "half@fp16": "float16",
        "dense@int8": "int8",
        "half@int8": "int8",
    }
    kept = tmp_path / "results" / "artifacts" / made["half@int8"].path.split("/")[-1]
    assert audit(open_model(kept)).zeros >= made["half"].audit.zeros == 16 * 16
    assert made["half@int8"].provenance["xbench.precision"] == "int8"
    assert made["half@int8"].provenance["xbench.converted_from_sha256"] == made["half"].sha256
    assert "64 of 80 samples in c.npz" in made["half@int8"].provenance["xbench.calibration"]
    assert made["half@int8"].parity.passed
    assert made["half@int8"].parity.inputs_tried == 8
    assert (kept.parent / f"{made['half@int8'].sha256}.json").is_file()


def test_a_device_of_int8_takes_the_files_of_int8_alone(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    record, _ = journey(written(tmp_path, precision="int8", gate={"min_speedup": 1.5}))
    assert list(by_pair(record)) == [("dense@int8", "half@int8")]
    assert {v.variant for v in record.verdicts} == {"half@int8"}
    figures = render(record).partition("### Release")[0]
    rows = [line.split("|")[1].strip() for line in figures.splitlines() if line.startswith("|")][2:]
    assert rows == ["dense@int8", "half@int8"]


def test_without_data_int8_fails_alone(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    record, _ = journey(written(tmp_path, data=False, precisions=("fp32", "fp16", "int8")))
    failed = {state.name: state.failure for state in record.variants if state.failure}
    assert list(failed) == ["dense@int8", "half@int8"]
    assert all("without calibration data" in reason for reason in failed.values())
    assert record.exit_code == 2


def test_where_dense_cannot_be_had_in_a_precision_its_pairs_are_invalid(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    from xbench.plugins import converter

    class Refusing:
        def convert(self, source, target, calibration):
            if "dense" in source.name:
                raise InputError("no dense today")
            return converter("int8").convert(source, target, calibration)

    monkeypatch.setattr("xbench.road.converting.converter", lambda precision: Refusing())
    record, _ = journey(written(tmp_path, gate={"min_speedup": 1.5}))
    found = by_pair(record)
    assert found["dense@int8", "half@int8"].verdict == "invalid"
    assert "no dense today" in found["dense@int8", "half@int8"].reasons[0]
    (gate,) = [v for v in record.verdicts if v.variant == "half@int8"]
    assert gate.outcome == "invalid"
    assert record.baseline == pairing_of(record, "sim").baseline == "dense"


def changed(change):
    """A converter that writes the weights again, changed."""

    class Changing:
        def convert(self, source, target, calibration):
            model = onnx.load(source)
            weight = numpy_helper.to_array(model.graph.initializer[0])
            model.graph.initializer[0].CopyFrom(numpy_helper.from_array(change(weight).astype(np.float32), "w"))
            onnx.save(model, target)
            return ()

    return lambda precision: Changing()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda weight: weight + 0.001, "Zeros of half@int8 were lost in its conversion to int8: product"),
        (lambda weight: weight * 2, "half@int8 does not compute what half in 32-bit floats does"),
    ],
)
def test_a_converter_that_moves_zeros_or_breaks_the_outputs_is_found(tmp_path, monkeypatch, change, told):
    in_this_process(monkeypatch)
    monkeypatch.setattr("xbench.road.converting.converter", changed(change))
    record, _ = journey(written(tmp_path))
    assert told in {state.name: state.failure for state in record.variants}["half@int8"]
    assert by_pair(record)["dense", "half"].verdict in ("same", "faster", "inconclusive")


def test_a_resumed_run_makes_nothing_twice(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    suite = written(tmp_path)
    calls = []
    from xbench.plugins import converter

    def counted(precision):
        calls.append(precision)
        return converter(precision)

    monkeypatch.setattr("xbench.road.converting.converter", counted)
    with monkeypatch.context() as patch:
        patch.setattr("xbench.road.story.measure", lambda context, record: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            journey(suite)
    record, _ = journey(suite, resume=True)
    assert calls == ["int8", "int8"]
    assert record.status == "complete"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"precisions": ("int8", "fp32")}, "precisions begin with fp32"),
        ({"precisions": ("fp32", "int8", "int8")}, "name each one once"),
        ({"names": ("dense", "dense@int8")}, "choose another name"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(tmp_path, change, told):
    with pytest.raises(InputError, match=told):
        load_suite(written(tmp_path, **change))
