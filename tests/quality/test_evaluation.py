"""A task's data through a real ONNX file in a worker, as the road does it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from own_data import task

from xbench.artifacts.describing import describe
from xbench.errors import InputError, InvalidError
from xbench.profiles.finding import reference_profile
from xbench.quality.evaluation import evaluate
from xbench.quality.scoring import example_scores

RANDOM = np.random.default_rng(0)


def linear(path, weights, batch, op="MatMul"):
    """Saves a model: the input `x`, (batch, width), by a matrix."""
    made = helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.astype(np.float32).tobytes(), raw=True)
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, weights.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, weights.shape[1]])],
        [made],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, path)
    return describe(path, "v")


def run(made, artifact):
    kept, heard = [], []
    evaluate(artifact, made, reference_profile(), 60.0, kept.append, lambda *done: heard.append(done))
    return kept, heard


@pytest.fixture
def classified(tmp_path):
    """A task of 23 rows, 8 at a time, and the rows."""
    x = RANDOM.standard_normal((23, 6)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, label=np.arange(23) % 3)
    keys = {"task": "classification", "dataset": {"file": "d.npz"}, "batch": 8, "metrics": ["accuracy"]}
    return task(tmp_path, **keys), x


@pytest.mark.parametrize(("batch", "heard"), [("n", [8, 16, 23]), (5, [5, 10, 15, 20, 23])])
def test_an_open_and_a_fixed_batch_give_the_same_answers(tmp_path, classified, batch, heard):
    pytest.importorskip("onnxruntime")
    made, x = classified
    weights = RANDOM.standard_normal((6, 3))
    kept, done = run(made, linear(tmp_path / "m.onnx", weights, batch))
    assert done == [(count, 23) for count in heard]
    found = example_scores(made, kept, None, "v", "cpu")
    assert found.answers.tolist() == (x @ weights).argmax(1).tolist()
    assert found.metrics["accuracy"].tolist() == ((x @ weights).argmax(1) == np.arange(23) % 3).tolist()


def test_what_cannot_be_scored(tmp_path, classified):
    pytest.importorskip("onnxruntime")
    made, _ = classified
    with pytest.raises(InvalidError, match="'y' of v holds NaN or infinity on real data"):
        run(made, linear(tmp_path / "m.onnx", np.full((6, 3), np.nan), "n"))
    with pytest.raises(InputError, match=r"column 'x'[\s\S]*batchx6, and the model wants nx4"):
        run(made, linear(tmp_path / "m.onnx", np.ones((4, 3)), "n"))
