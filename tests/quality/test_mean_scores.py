"""The values of a task's metrics for any function from inputs to outputs: what floors of schedules look at."""

from __future__ import annotations

import numpy as np
import pytest
from own_data import task

from xbench.errors import InvalidError
from xbench.quality.mean import mean_scores


def test_the_value_is_that_of_all_examples_and_not_the_mean_of_batches(tmp_path):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    scores = generator.standard_normal((23, 5)).astype(np.float32)
    labels = np.where(generator.random(23) < 0.6, scores.argmax(1), 0)
    np.savez(tmp_path / "d.npz", x=scores, label=labels)
    made = task(  # the last of three batches is a short one
        tmp_path, task="classification", dataset={"file": "d.npz"}, batch=10, metrics=["accuracy", "f1_macro"]
    )
    fed = []

    def infer(feeds):
        fed.append((feeds["x"].dtype.name, len(feeds["x"])))
        return {"out": feeds["x"]}

    found = mean_scores(made, {"x": "float64"}, infer)
    assert found == {
        "accuracy": pytest.approx(metrics.accuracy_score(labels, scores.argmax(1))),
        "f1_macro": pytest.approx(metrics.f1_score(labels, scores.argmax(1), average="macro")),
    }
    assert fed == [("float64", 10), ("float64", 10), ("float64", 3)]
    with pytest.raises(InvalidError, match="'out' holds NaN or infinity"):
        mean_scores(made, {"x": "float32"}, lambda feeds: {"out": np.full((10, 5), np.nan)})
