"""What a node costs: a chain of nodes that compute next to nothing."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from xbench.measure.inspection import loaded
from xbench.measure.launching import node_cost
from xbench.onnxfile.chain import write_chain
from xbench.profiles.finding import all_profiles
from xbench.records.profile import HardwareProfile


@pytest.mark.parametrize("target", ["cpu", "openvino-native-f32"])
def test_no_runtime_joins_the_nodes_of_a_chain(tmp_path, target):
    if target != "cpu":
        pytest.importorskip("openvino")
    feeds = write_chain(tmp_path / "chain.onnx", 5)
    with loaded(tmp_path / "chain.onnx", "chain", all_profiles()[target], 60.0) as model:
        (found,) = model.infer([feeds])
        assert list(model.placement.nodes.values()) == [5]
    np.testing.assert_array_equal(found["y"], np.ones((1, 8), np.float32))


def test_a_chain_has_a_node(tmp_path):
    with pytest.raises(ValueError, match="at least one node, not 0"):
        write_chain(tmp_path / "chain.onnx", 0)


def test_a_node_of_a_real_target_costs_something():
    found, why = node_cost(all_profiles()["cpu"], 60.0)
    assert why == ""
    assert found.timed_us > 0
    assert found.profiled_us >= 0
    assert found.nodes == 128


@pytest.fixture(autouse=True)
def busy(monkeypatch):
    """No waiting for others: what is timed here is not looked at."""
    monkeypatch.setattr("xbench.measure.launching.alone_on_the_machine", nullcontext)


def scripted(**more):
    return HardwareProfile(
        schema="xbench.profile/1",
        name="sim",
        title="scripted",
        runner="fake",
        options={"scripts": {"*": {"latency_us": 10, "noise": 0}, **more}},
        evidence="-",
    )


def test_why_it_is_not_known_is_told():
    """The scripted calls are equally long: by 0 ns, which is no cost."""
    assert node_cost(scripted(), 60.0) == (None, "a chain of 129 nodes took no longer than one node")
    longer = scripted(**{"chain-129": {"latency_us": 138, "noise": 0}})
    assert node_cost(longer, 60.0) == (None, "a chain of 129 nodes was not timed node by node")
    found, why = node_cost(scripted(**{"*": {"fault": {"kind": "refuse"}}}), 60.0)
    assert found is None
    assert "refuse" in why


def test_what_a_script_says_is_found():
    nodes = [{"node": f"n{index}", "operator": "MatMul", "share": 0.02} for index in range(129)]
    script = {"latency_us": 138, "noise": 0, "nodes": nodes}
    found, why = node_cost(scripted(**{"chain-129": script}), 60.0)
    assert why == ""
    assert (found.timed_us, found.profiled_us) == (1.0, pytest.approx(2.8, abs=0.05))
