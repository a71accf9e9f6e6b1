"""What explanations rest on is in the record: nodes, layers, and the rates of the target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from road_kit import Silence, in_this_process, write_suite

from xbench.machine.fingerprint import fingerprint
from xbench.onnxfile.compute import graph_cost
from xbench.onnxfile.inference import infer_shapes
from xbench.profiles.ceilings import ceilings_file, write_ceilings
from xbench.profiles.finding import all_profiles
from xbench.progress import Journey
from xbench.records.ceilings import Ceilings, MeasuredRate
from xbench.records.run_record import RunRecord
from xbench.road.context import RunOptions
from xbench.road.rating import rated
from xbench.road.story import travel
from xbench.store.folder import ResultsFolder
from xbench.suite.loading import load_suite

CPU = all_profiles()["cpu"]
MACHINE = fingerprint()


def mlp(path: Path, width: int) -> Path:
    random = np.random.default_rng(width)
    arrays = {"w1": random.standard_normal((64, width)), "w2": random.standard_normal((width, 8))}
    weights = [numpy_helper.from_array((array / 8).astype(np.float32), name) for name, array in arrays.items()]
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("MatMul", ["b", "w2"], ["y"], name="second"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


class ProvenError(Exception):
    """All is proven, and nothing was timed."""


def proven(suite, patch):
    """The record and the folder of a run that ended before anything was timed, as it is read back."""

    def stop(*_):
        raise ProvenError

    in_this_process(patch)
    patch.setattr("xbench.road.measuring._add_sets", stop)
    folders = {"output": suite.parent / "results", "profile_folders": (suite.parent / "profiles",)}
    with pytest.raises(ProvenError):
        travel(load_suite(suite), RunOptions(**folders), Journey(Silence()))
    (kept,) = ResultsFolder(folders["output"]).runs()
    return kept.load(), kept


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A run on this CPU, and its files."""
    folder = tmp_path_factory.mktemp("real")
    files = {name: mlp(folder / f"{name}.onnx", width) for name, width in (("dense", 256), ("narrow", 96))}
    (folder / "suite.yaml").write_text(
        "schema: xbench.suite/1\nname: evidence\nhardware: [cpu]\n"
        "variants: [{name: dense, baseline: true, onnx: dense.onnx}, {name: narrow, onnx: narrow.onnx}]\n"
    )
    (folder / "profiles").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        record, kept = proven(folder / "suite.yaml", patch)
    return record, files, kept


def test_nodes_and_layers_are_kept_by_variant(real):
    record, files, _ = real
    (group,) = record.groups
    assert group.nodes.keys() == group.layers.keys() == {"dense", "narrow"}, (
        "the copy of the baseline is the baseline"
    )
    assert group.layer_notes == {}
    assert group.node_cost.timed_us > 0
    for name, nodes in group.nodes.items():
        assert {one.node: one.layer for one in nodes} == {"first": "first", "relu": "", "second": "second"}
        summed = sum(one.time_ms for one in nodes)
        assert summed == pytest.approx(sum(one.time_ms for one in group.operators[name]), abs=0.003)
        model = onnx.load(files[name])
        cost = graph_cost(model, infer_shapes(model, {"x": (4, 64)}))
        assert sum(layer.macs for layer in group.layers[name]) == cost.macs
        assert [layer.audit.outputs for layer in group.layers[name]] == [256 if name == "dense" else 96, 8]


def test_what_is_left_out_of_the_file_is_there_again(real):
    record, _, folder = real
    assert RunRecord.model_validate_json(record.model_dump_json(by_alias=True)) == record
    text = next(folder.path.glob("run.json")).read_text()
    assert '"unmerged_mask"' not in text.partition('"groups"')[2], "a default"
    (group,) = record.groups
    older = record.model_dump(mode="json", by_alias=True)
    for field in ("nodes", "layers", "layer_notes", "ceiling", "ceiling_note", "node_cost", "node_cost_note"):
        del older["groups"][0][field]
    assert RunRecord.model_validate(older).groups[0].layers == {}
    assert group.model_dump()["layers"]["dense"][0]["audit"]["unmerged_mask"] == ""


def test_nothing_is_told_of_a_simulated_device_but_its_script(tmp_path, monkeypatch):
    nodes = [{"node": "n", "operator": "MatMul", "share": 1.0, "origins": ["y"]}]
    record, _ = proven(write_suite(tmp_path, {"a": {"nodes": nodes}, "b": {}}), monkeypatch)
    (group,) = record.groups
    assert [one.node for one in group.nodes["a"]] == ["n"]
    assert (group.nodes["a"][0].layer, group.layers, group.ceiling, group.node_cost) == ("", {}, None, None)
    assert set(group.layer_notes.values()) == {group.ceiling_note} == {"simulated: nothing is computed"}


def probed(**changes):
    rate = MeasuredRate(best=2.0, median=1.9, spread=0.01, repeats=10, what="a product")
    values = {
        "profile": "cpu",
        "runner": CPU.runner,
        "options": CPU.options,
        "precision": CPU.precision,
        "threads": CPU.threads,
        "fingerprint_sha256": MACHINE.sha256,
        "measured_at": "2026-01-01T00:00:00+00:00",
        "xbench_version": "0",
        "memory_copy_gb_per_s": rate,
        "matmul_tops": {"fp32": rate},
    }
    return Ceilings(**{**values, **changes})


def test_rates_are_those_measured_here_or_their_lack_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    kept = ceilings_file(CPU, MACHINE)
    none, why = rated(CPU, MACHINE)
    assert none is None
    assert why.endswith("this machine was not measured as it is now: run `xbench hardware probe cpu`")

    write_ceilings(kept, probed())
    ceiling, why = rated(CPU, MACHINE)
    assert (ceiling.peak_tops, ceiling.memory_gb_per_s, ceiling.measured, why) == (2.0, 2.0, True, "")

    other = CPU.model_copy(update={"options": {**CPU.options, "spinning": True}})
    assert rated(other, MACHINE)[0] is None, "measured with other options"

    write_ceilings(kept, probed(memory_copy_gb_per_s=None, missing={"memory_copy": "no room"}))
    assert rated(CPU, MACHINE)[1].endswith("`xbench hardware probe cpu` found none (memory_copy: no room)")

    write_ceilings(kept, probed(simulated=True))
    assert rated(CPU, MACHINE)[0] is None

    kept.write_text("{")
    none, why = rated(CPU, MACHINE)
    assert none is None
    assert "damaged" in why
    assert "xbench hardware probe cpu" in why
    assert str(tmp_path) not in why, "no path of this machine belongs in a record"


def test_an_emulated_processor_has_no_rates():
    emulated = next(one for one in all_profiles().values() if one.emulation is not None)
    assert rated(emulated, MACHINE) == (None, "its processor is emulated: its times mean nothing")
