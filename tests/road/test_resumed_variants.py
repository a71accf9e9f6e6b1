"""What must not change, or be tried again, when a run goes on."""

from __future__ import annotations

import numpy as np
import pytest
from records_by_hand import artifact, record, variant

from xbench.artifacts.parity import parity
from xbench.errors import InvalidError
from xbench.onnxfile.external import stored_bytes
from xbench.road.beginning import _require_same_devices, find_devices
from xbench.road.preparing import _require_same_source, prepare
from xbench.road.proving import largest_difference


def test_other_devices_or_profiles_are_refused():
    devices = find_devices(["cpu"], [])
    begun = record(devices=devices)
    _require_same_devices(begun, devices)
    with pytest.raises(InvalidError, match="then cpu; now cpu, cpu-1thread"):
        _require_same_devices(begun, find_devices(["cpu", "cpu-1thread"], []))
    edited = devices[0].model_copy(update={"profile": devices[0].profile.model_copy(update={"threads": 1})})
    with pytest.raises(InvalidError, match="with other profiles"):
        _require_same_devices(begun, [edited])


def test_another_dense_model_is_refused():
    before = artifact("dense").model_copy(update={"provenance": {"xbench.source_sha256": "a" * 64}})
    _require_same_source(before, "a" * 64)
    _require_same_source(None, "b" * 64)
    with pytest.raises(InvalidError, match="not the one that the run was begun with"):
        _require_same_source(before, "b" * 64)


def test_differences_are_over_all_inputs_and_never_of_half_the_outputs():
    def outputs(*values, **more):
        return {"y": np.asarray(values, np.float32), **more}

    assert largest_difference([outputs(1), outputs(1)], [outputs(1), outputs(3)]) == 2.0
    assert largest_difference([outputs(1)], [outputs(1, 2)]) is None
    assert largest_difference([outputs(1, z=np.ones(1))], [outputs(1)]) is None
    text = {"t": np.asarray(["a"], object)}
    assert largest_difference([text], [dict(text)]) == 0.0
    assert largest_difference([text], [{"t": np.asarray(["b"], object)}]) is None
    with pytest.raises(InvalidError, match="text output"):
        parity([text], [{"t": np.asarray(["b"], object)}], "fp32", "x")


def test_the_size_counts_external_data(tmp_path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.zeros((64, 64), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
        [weight],
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph), path, save_as_external_data=True, location="m.data", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    assert stored_bytes(path, model) == path.stat().st_size + (tmp_path / "m.data").stat().st_size
    assert (tmp_path / "m.data").stat().st_size >= 64 * 64 * 4


def test_a_variant_that_failed_is_not_tried_again(monkeypatch):
    class Context:
        """Only what `prepare` touches for variants that are there or have failed."""

        class loaded:  # noqa: N801
            class suite:  # noqa: N801
                variants = ()

        class journey:  # noqa: N801
            @staticmethod
            def end():
                return None

    begun = record(variants=(variant("dense", baseline=True), variant("broken", failure="no such layer")))
    Context.loaded.suite.variants = [
        type("Spec", (), {"name": "broken", "baseline": False}),
    ]
    monkeypatch.setattr("xbench.road.preparing._state", lambda *_: pytest.fail("it was tried again"))
    assert prepare(Context, begun).variants[1].failure == "no such layer"
