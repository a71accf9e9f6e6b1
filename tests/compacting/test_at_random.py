"""Random networks with random units zeroed: whatever goes, the outputs stay."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nets_at_random import DEAD, Convolutional, Transformer, convolutional, transformer

from xbench.compacting.repeating import everything_gone
from xbench.compacting.sizing import sized
from xbench.onnxfile.audit import audit
from xbench.onnxfile.inputs import make_inputs, plan_inputs
from xbench.onnxfile.signature import signature

ort = pytest.importorskip("onnxruntime", reason="the outputs are onnxruntime's")

QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def blocks(kind):
    return st.lists(st.tuples(st.sampled_from(kind.BLOCKS), st.sampled_from(DEAD)), min_size=1, max_size=4)


def outputs(model, sets):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    return [session.run(None, feeds)[0] for feeds in sets]


def compacted(model):
    """What became of a copy, and what went; the outputs are held together here."""
    before, after = onnx.ModelProto(), onnx.ModelProto()
    before.CopyFrom(model)
    after.CopyFrom(model)
    sizing = sized(after, "it is not run here")
    plans = [plan_inputs(before, shapes, None, {}) for shapes in sizing.inputs]
    sets = [make_inputs(plan, seed) for plan in plans for seed in range(2)]
    rounds = everything_gone(after, sizing.shapes)
    onnx.checker.check_model(after, full_check=True)
    assert signature(after) == signature(before)
    for one, other in zip(outputs(before, sets), outputs(after, sets), strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1e-5 * np.abs(one).max()
    return after, rounds


@QUICK
@given(seed=st.integers(0, 2**16), drawn=blocks(Convolutional), batch=st.sampled_from(["batch", 2]))
def test_convolutional_networks(seed, drawn, batch):
    compacted(convolutional(seed, drawn, batch))


@QUICK
@given(seed=st.integers(0, 2**16), drawn=blocks(Transformer), batch=st.sampled_from(["batch", 2]))
def test_transformers(seed, drawn, batch):
    """And nothing that is zeroed is left, but one side of a gate that is always the same number: the other varies."""
    after, rounds = compacted(transformer(seed, drawn, batch))
    if ("gated", "constant") not in drawn:
        assert not rounds.stays
        assert not [layer for layer in audit(after).layers if layer.zero_outputs or layer.zero_inputs]
